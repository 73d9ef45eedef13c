# SPDX-License-Identifier: Apache-2.0
"""Every foreign document, member by member: of another type, missing, null, twice; and the class of each.

A member with a wrong value is refused unless the table below says that its specification allows it. A member
that is twice is always refused: readers differ in which of the two they see. Statements, Rekor bodies and
what is signed at all are signed anew, so that nothing but the form can refuse them.
"""

import base64
import dataclasses
import itertools
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from anchor.encoding import toml_string
from anchor.errors import Misuse, Refused, Unsupported
from anchor.net.budget import Budget
from anchor.net.logs.rekor_v1 import RekorV1Writer
from anchor.net.service_errors import LostAnswer
from anchor.signing import token_claims
from anchor.sigstore import bundle, signing_config, trusted_root
from anchor.tlog import witness_policy
from anchor.tlog.keys import parse_vkey
from anchor.verdict import Class
from anchor.verify.policy import parse_policy
from tests.support.forge import bundles
from tests.support.forge.mutations import GONE, changed, places
from tests.support.forge.our_verdict import judge
from tests.support.process.sampled import sampled
from tests.unit.signing.test_remote_logs import KNOWN, LEAF, entry, response
from tests.unit.tlog.test_witness_policy import EXAMPLE
from tests.vectors.case import COMMON, Case, dump
from tests.vectors.kinds import PLAIN, RECIPES, WHOLE, statement

WRONG: dict[str, Any] = {
    "missing": GONE,
    "null": None,
    "list": [],
    "object": {},
    "true": True,
    "number": 7,
    "negative": -1,
    "fraction": 1.5,
    "text": "x",
    "empty": "",
    "list-of-null": [None],
}


def service(url: str) -> dict[str, Any]:
    window = {"start": "2025-01-01T00:00:00Z", "end": "2030-01-01T00:00:00Z"}
    return {"url": url, "majorApiVersion": 1, "operator": "o", "validFor": window}


CONFIG = {
    "mediaType": signing_config.MEDIA_TYPE,
    "caUrls": [service("https://ca.example")],
    "oidcUrls": [service("https://oidc.example")],
    "rekorTlogUrls": [service("https://log.example")],
    "rekorTlogConfig": {"selector": "EXACT", "count": 1},
    "tsaUrls": [service("https://tsa.example")],
    "tsaConfig": {"selector": "ANY"},
}
TRUST = {
    "mediaType": signing_config.TRUST_CONFIG,
    "trustedRoot": bundles.trusted_root(),
    "signingConfig": CONFIG,
}


def read_root(data: bytes) -> None:
    """A malformed log is unusable alone; here that counts as refused."""
    found = trusted_root.parse(data)
    if found.unusable:
        raise Refused(found.unusable[0])


def read_trust(data: bytes) -> None:
    root, _ = signing_config.parse_trust_config(data)
    read_root(root)


DOCUMENTS: dict[str, tuple[Any, Callable[[bytes], object]]] = {
    "bundle of a message": (bundles.make(bundles.V2), bundle.parse),
    "bundle of an envelope": (bundles.make(bundles.V2_DSSE), bundle.parse),
    "bundle of Rekor v1": (
        bundles.make(bundles.V1.but(version="0.2", stamps=(bundles.Stamp(),))),
        bundle.parse,
    ),
    "trusted root": (bundles.trusted_root(), read_root),
    "signing config": (CONFIG, signing_config.parse),
    "client trust config": (TRUST, read_trust),
}
ZERO = "ProtoJSON: what is absent or null has its default value, and writers leave that out"
INT64 = "ProtoJSON: an int64 is a text or a number"
OPTIONAL = "the .proto file has it as optional, or a list may be empty"
LATER = "a kind that no check knows: UNSUPPORTED where it is looked at"
ITEM = "an item of a list, and the list without it is one"
STANDS = "an authority without certificates stands for nothing"
UNSIGNED = "an empty payload is one; what is signed over it is checked"
Rule = tuple[str, str, str]
ALLOWED: tuple[Rule, ...] = (
    # where, which changes, why; the first that fits a place counts
    (r".*\[\*\]", "missing", ITEM),
    (r".*(tlogEntries|rfc3161Timestamps|hashes)", "missing null list", ZERO),
    (r".*(logIndex|treeSize|integratedTime)", "missing null number", f"{ZERO}; {INT64}"),
    (r".*kindVersion\.(kind|version)", "empty", LATER),
    (r".*timestampVerificationData", "missing null object", OPTIONAL),
    (r"messageSignature\.messageDigest", "missing null", OPTIONAL),
    (r".*inclusionPromise", "missing null", OPTIONAL),
    (r"dsseEnvelope\.payload", "empty", UNSIGNED),
    (r"dsseEnvelope\.payloadType", "empty", LATER),
    (r".*(tlogs|ctlogs|certificateAuthorities|timestampAuthorities)", "missing null list", ZERO),
    (r".*logs\[\*\]\.baseUrl", "missing null empty", OPTIONAL),
    (r".*logs\[\*\]\.(hashAlgorithm|checkpointKeyId)", "missing null", OPTIONAL),
    (r".*Authorities\[\*\]\.subject", "missing null object", OPTIONAL),
    (r".*Authorities\[\*\]\.(uri|subject\.\w+)", "missing null empty", OPTIONAL),
    (r".*(caUrls|oidcUrls|rekorTlogUrls|tsaUrls)", "missing null list", ZERO),
    (r".*Urls\[\*\]\.url", "empty", "compared with what may be fetched where it is used: http.check_url"),
    (r".*Authorities\[\*\]\.certChain", "object", STANDS),
    (r".*Authorities\[\*\]\.certChain\.certificates", "missing null list", STANDS),
    (r".*Urls\[\*\]\.majorApiVersion", "missing null number", ZERO),
    (r".*Urls\[\*\]\.operator", "missing null empty", OPTIONAL),
    (r".*Urls\[\*\]\.validFor(\.end)?", "missing null", OPTIONAL),
    (r".*(rekorTlogConfig|tsaConfig)", "missing null object", OPTIONAL),
    (r".*Config\.selector", "missing null", ZERO),
    (r".*Config\.count", "number", INT64),
)
STATEMENT: tuple[Rule, ...] = (
    (r"predicate", "missing null object", "in-toto: optional, and unset is the same as empty"),
    (r"predicate\..*", " ".join(WRONG), "the predicate is its reader's question"),
    (r"subject\[\*\]\.(name|uri|downloadLocation|mediaType)", "missing null text empty", "optional texts"),
    (r"subject\[\*\]\.content", "missing null empty", "optional base64"),
    (r"subject\[\*\]\.annotations", "missing null object", "an optional object"),
    (r"subject\[\*\]\.annotations\..*", " ".join(WRONG), "annotations may be any JSON value"),
    (r"subject\[\*\]\.digest\.sha512", "missing", "a digest by one algorithm is enough"),
    (r"subject\[\*\]\.digest\.sha256", "missing", "the SHA-512 beside it is the artifact's as well"),
)


def place(path: tuple[str | int, ...]) -> str:
    return "".join("[*]" if isinstance(s, int) else f".{s}" for s in path).removeprefix(".")


def changes(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Place, name of the change, changed document. A text in the place of a text is of no other type."""
    for path, value in places(document):
        for name, other in WRONG.items():
            same = name == "text" and isinstance(value, str)
            if not same and (other is GONE or json.dumps(other) != json.dumps(value)):
                yield place(path), name, changed(document, path, other)


def twice(document: Any) -> Iterator[tuple[str, bytes]]:
    """Each member written twice, with the same value."""
    for path, value in places(document):
        if isinstance(path[-1], str):
            marked = json.dumps(changed(document, path, "@@"))
            again = f"{json.dumps(value)}, {json.dumps(path[-1])}: {json.dumps(value)}"
            yield place(path), marked.replace('"@@"', again).encode()


def rule(where: str, change: str, table: tuple[Rule, ...]) -> Rule | None:
    """The rule that allows a change, None where nothing does."""
    found = (r for r in table if re.fullmatch(r[0], where) and change in r[1].split(" "))
    return next(found, None)


def accepts(read: Callable[[bytes], object], data: bytes) -> bool:
    """True if it is read. An error outside of the four for documents is a defect, and is raised."""
    try:
        read(data)
    except (Refused, Unsupported):
        return False
    return True


def test_each_member_of_another_type_missing_or_null_is_refused_unless_it_may_be() -> None:
    used = set()
    for name, (document, read) in DOCUMENTS.items():
        assert accepts(read, json.dumps(document).encode())
        for where, change, spoilt in changes(document):
            if accepts(read, json.dumps(spoilt).encode()):
                inner = where.removeprefix("trustedRoot.").removeprefix("signingConfig.")
                found = rule(inner, change, ALLOWED)
                assert found is not None, (name, where, change)
                used |= {(found[0], change)}
    assert used == {(pattern, change) for pattern, names, _ in ALLOWED for change in names.split(" ")}


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_each_member_that_is_there_twice_is_refused(name: str) -> None:
    document, read = DOCUMENTS[name]
    for where, data in twice(document):
        assert not accepts(read, data), where
        with pytest.raises(Refused):
            read(data)


def signed(value: Any) -> Class:
    return judge(statement("x", value)).verdict


def test_each_member_of_a_statement_is_of_the_type_that_in_toto_says() -> None:
    used = set()
    for where, change, spoilt in changes(WHOLE):
        verdict = signed(spoilt)
        assert verdict in (Class.OK, Class.INVALID), (where, change)
        if verdict is Class.OK:
            found = rule(where, change, STATEMENT)
            assert found is not None, (where, change)
            used |= {(found[0], change)}
    assert {pattern for pattern, _ in used} == {pattern for pattern, _, _ in STATEMENT}
    for where, data in twice(PLAIN):
        assert judge(case(bundles.V2_DSSE.but(payload=data))).verdict is Class.INVALID, where


def case(recipe: bundles.Recipe) -> Case:
    root = COMMON["trusted_root.json"]
    return Case(
        name="x", why="", clause="", expect="", check=None, bundle=dump(bundles.make(recipe)), root=root
    )


@sampled(5)
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_each_member_of_a_log_entry_of_each_kind_is_bound(recipe: bundles.Recipe, every: int) -> None:
    """The log wrote it so, and signed it."""
    entry = bundles.make(recipe)["verificationMaterial"]["tlogEntries"][0]
    body = json.loads(base64.b64decode(entry["canonicalizedBody"]))
    for where, change, spoilt in itertools.islice(changes(body), 0, None, every):
        raw = json.dumps(spoilt, sort_keys=True, separators=(",", ":")).encode()
        verdict = judge(case(recipe.but(raw_body=raw))).verdict
        assert verdict in (Class.INVALID, Class.UNSUPPORTED), (where, change)
    for where, raw in itertools.islice(twice(body), 0, None, every):
        assert judge(case(recipe.but(raw_body=raw))).verdict is Class.INVALID, where


POLICY = {
    "ledger": "facts",
    "min_number": 7,
    "min_anchors": 2,
    "tlog_policy": "witnesses.policy",
    "max_age": "30d",
    "max_root_age": "12h",
    "max_run_age": "90m",
    "trusted_root": ["public", {"path": "root.json", "sha256": "ab" * 32}],
    "signer": [
        {"identity": "me@example.org", "issuer": "https://i"},
        {"identity_regex": "a.*", "issuer": "https://i"},
    ],
    "log": [
        {"origin": "log.example", "url": "https://log.example"},
        {"origin": "log.example", "folder": "copy"},
    ],
}
POLICY_ALLOWED: tuple[Rule, ...] = (
    (r"\w+\[\*\]", "missing", ITEM),
    (r"(min_\w+|max_\w+|tlog_policy|trusted_root|log)", "missing", "an optional key"),
    (r"log", "list", "no sources, as without the key"),
    (r"trusted_root\[\*\]\.sha256", "missing", "a root without a pin"),
    (r"trusted_root\[\*\]\.path", "missing", "a digest is enough"),
    (r"min_\w+", "number", "a count"),
)


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return toml_string(value) if isinstance(value, str) else json.dumps(value)


def test_each_key_of_a_policy_is_of_its_kind_or_the_authors_mistake() -> None:
    used = set()
    for where, change, spoilt in changes(POLICY):
        if change in ("null", "list-of-null"):  # TOML has no null
            continue
        text = "".join(f"{key} = {toml(value)}\n" for key, value in spoilt.items())
        try:
            parse_policy(text.encode())
        except Misuse:
            continue
        found = rule(where, change, POLICY_ALLOWED)
        assert found is not None, (where, change)
        used |= {found[0]}
    assert used == {pattern for pattern, _, _ in POLICY_ALLOWED}
    for where, key in (("ledger", 'ledger = "x"'), ("signer", "signer = []"), ("max_age", 'max_age = "1d"')):
        text = "".join(f"{k} = {toml(v)}\n" for k, v in POLICY.items()) + key
        with pytest.raises(Misuse, match="not TOML"):
            parse_policy(text.encode(), where)


CLAIMS = {"aud": "sigstore", "sub": "x", "iat": 1, "exp": 9e9, "iss": "https://i", "nbf": 1}
CLAIMS_ALLOWED: tuple[Rule, ...] = (
    (r"nbf", "missing number negative fraction", "RFC 7519 section 4.1.5: optional, a number"),
    (r"iat", "number negative fraction", "RFC 7519 section 4.1.6: a number"),
    (r"(sub|iss)", "empty", "a text; the certificate authority decides"),
)


def token(claims: dict[str, Any]) -> str:
    return "a." + base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=") + ".c"


def test_each_claim_of_an_identity_token_is_of_its_kind() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert token_claims.fault(token(CLAIMS), now) == ("", "")
    assert token_claims.fault(token(CLAIMS | {"aud": ["a", "sigstore"]}), now) == ("", "")
    assert "no time" in token_claims.fault(token(CLAIMS | {"iat": 10**400}), now)[0]
    more = [("nbf", "far", CLAIMS | {"nbf": 10**400}), ("iat", "far", CLAIMS | {"iat": 10**400})]
    for where, change, spoilt in [*changes(CLAIMS), *more, ("exp", "nan", CLAIMS | {"exp": float("nan")})]:
        problem, remedy = token_claims.fault(token(spoilt), now)
        assert bool(problem) == bool(remedy)
        if not problem:
            assert rule(where, change, CLAIMS_ALLOWED), (where, change)


def test_each_line_of_a_witness_policy_and_each_part_of_a_key_is_needed() -> None:
    """C2SP tlog-policy and signed-note: a name, a key id and a key; each line by its words, and once."""
    lines = EXAMPLE.splitlines()
    for i, line in enumerate(lines):
        words = line.split(" ")
        spoilt = [
            [*lines[:i], line, *lines[i:]],
            [*lines[:i], f"{line} https://url.example more", *lines[i + 1 :]],
        ]
        for n in range(2 if words[0] == "group" else len(words)):  # a group of one member less is one
            spoilt.append([*lines[:i], " ".join(words[:n] + words[n + 1 :]), *lines[i + 1 :]])
        for text in spoilt:
            with pytest.raises(Misuse):
                witness_policy.parse(("\n".join(text) + "\n").encode())
    parts = lines[0].split(" ")[1].split("+", 2)
    for i, part in enumerate(parts):
        for other in ("", f"{part}+{part}", f" {part}", f"{part}=", part[:-1] if i else f"{part}\n"):
            with pytest.raises((Refused, Misuse)):
                parse_vkey("+".join([*parts[:i], other, *parts[i + 1 :]]), where="key")


def test_an_answer_of_a_rekor_v1_log_with_any_member_of_another_type_is_lost_and_no_crash() -> None:
    """Members that are copied unread are part of a bundle, which is verified before it is published."""
    log = RekorV1Writer("http://127.0.0.1:1", KNOWN, b"k" * 32, budget=Budget(1))
    leaf = bytes.fromhex(LEAF)
    assert log._entry(response(entry()), leaf)
    for _, _, spoilt in changes(json.loads(response(entry()))):
        try:
            found = log._entry(json.dumps(spoilt).encode(), leaf)
        except LostAnswer:
            continue
        made = bundles.make(bundles.V1_DSSE)
        made["verificationMaterial"]["tlogEntries"] = [json.loads(found)]
        assert not judge(dataclasses.replace(case(bundles.V1_DSSE), bundle=dump(made))).accepted
