# SPDX-License-Identifier: Apache-2.0
"""Change any byte of release.json or of a file that it names: verification never says OK.

The slow tests change each byte, the others one of eleven.

Twice over: as it is, and with sizes and digests in release.json repaired, where only what somebody signed is
left to notice it.
"""

import base64
import json
import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from anchor.format import release as releases
from anchor.publish import release_json
from anchor.sigstore.trusted_root import parse
from anchor.verdict import Class
from anchor.verify.root_copy import entries
from tests.support.forge.attacker import own, with_anchors
from tests.support.process.sampled import sampled
from tests.support.releases.in_memory import Held, hold
from tests.support.releases.published import LEDGER, published

NAMED = ("statement", "bundle", "trusted_root", "ledger.md", "ledger.json")
FLIPS = (0x01, 0x20, 0x80)
EVERY = sampled(59)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    found = hold(published(tmp_path_factory.mktemp("published")).root)
    assert found.verify().verdict is Class.OK
    return found


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Held:
    """The same statement in two logs, for a verifier whose policy names the root of the first alone."""
    one, other = (hold(published(tmp_path_factory.mktemp(name)).root) for name in ("one", "other"))
    both = with_anchors(one, own(one), own(other))
    copy = release_json.union([*one.trust.raw, *other.trust.raw])
    both = both.with_file(both.path("trusted_root"), copy, repaired=True)
    verdict = both.verify()
    assert verdict.verdict is Class.OK
    assert [a["origin"] for a in verdict.facts["anchors"]] == [own(one)[0].log.origin]
    return both


def flipped(data: bytes, at: int, bits: int) -> bytes:
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


def never_ok(held: Held, what: object, *, whole: bool | None = True) -> None:
    """Whole bytes are INVALID; what is cut off, or no JSON any more, contradicts nothing. None: either."""
    verdict = held.verify()
    bad, torn = (Class.INVALID, Class.UNSUPPORTED), (Class.UNAVAILABLE,)
    wanted = (*bad, *torn) if whole is None else bad if whole else torn
    assert verdict.verdict in wanted, (what, verdict)
    assert verdict.facts == {}
    assert any(c.demotes is verdict.verdict and c.detail for c in verdict.checks)


@EVERY
@pytest.mark.parametrize("anchored", ["held", "two"])
def test_any_byte_of_release_json(anchored: str, every: int, request: pytest.FixtureRequest) -> None:
    """Also what it says of an anchor that counts for nothing, as nobody trusts its log."""
    held: Held = request.getfixturevalue(anchored)
    data = held.release
    for at in range(0, len(data), every):
        for other in (
            flipped(data, at, FLIPS[at % 3]),
            flipped(data, at, FLIPS[(at + 1) % 3]),
            data[:at] + data[at + 1 :],
            data[:at] + data[at : at + 1] + data[at:],
        ):
            never_ok(replace(held, release=other), at, whole=is_whole(other, data))


def is_whole(data: bytes, good: bytes) -> bool | None:
    """True if it is JSON whose last line is whole. None where it names another file, which is missing, or
    another size, of which a good file has fewer bytes: no signature is about either."""
    try:
        json.loads(data)
    except ValueError:
        return False
    if not data.endswith(b"\n"):
        return False
    return None if NAMES.findall(data) != NAMES.findall(good) else True


NAMES = re.compile(rb'"(?:path|size)": ([^\n]+)')


@EVERY
def test_any_byte_of_a_bundle_that_counts_for_nothing_with_release_json_repaired(
    two: Held, every: int
) -> None:
    """Release.json has no other story than its bundles, whoever trusts them."""
    skipped = [c.about for c in two.verify().checks if c.name == "anchor-trusted"]
    assert len(skipped) == 1
    anchor = next(a for a in releases.load(two.release).anchors if a.log.origin in skipped[0])
    data = two.files[anchor.bundle.path]
    for at in range(0, len(data), 7 * every):
        changed = two.with_file(anchor.bundle.path, flipped(data, at, FLIPS[at % 3]), repaired=True)
        verdict = changed.verify()
        if verdict.verdict is Class.OK:
            assert bound(changed.files[anchor.bundle.path]) == bound(data), at
        else:
            assert verdict.verdict in (Class.INVALID, Class.UNSUPPORTED), (at, verdict)


STRANGERS = ("rekor.sigstore.dev", "its own origin")


@pytest.mark.parametrize("origin", STRANGERS)
@pytest.mark.parametrize("over", ["this statement", "another one"])
def test_a_stranger_that_is_appended_as_an_anchor(
    held: Held, over: str, origin: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A bundle that nothing of the release knows, or that the release tells a story of."""
    ledger = LEDGER if over == "this statement" else LEDGER + "| D | 4 |\n"
    anchor, data = own(hold(published(tmp_path_factory.mktemp("stranger"), ledger).root))
    if origin != "its own origin":
        log = msgspec.structs.replace(
            anchor.log, origin=origin, url=f"https://{origin}", id="00" * 32, index=9
        )
        anchor = msgspec.structs.replace(anchor, log=log, identity="ceo@example.com")
    appended = with_anchors(held, own(held), (anchor, data))
    never_ok(appended, anchor)
    verdict = appended.verify()
    assert "anchor-named" in {c.name for c in verdict.checks if c.demotes}
    about = {c.about for c in verdict.checks if c.name == "anchor-trusted"}
    assert all("which claims" in a for a in about), about
    assert about


@EVERY
@pytest.mark.parametrize("member", NAMED)
def test_any_byte_of_a_file_that_release_json_names(held: Held, member: str, every: int) -> None:
    path = held.path(member)
    data = held.files[path]
    for at in range(0, len(data), every * (5 if member == "trusted_root" else 1)):
        never_ok(held.with_file(path, flipped(data, at, FLIPS[at % 3]), repaired=False), at)
    for other in (b"", data[:-1], data[1:]):
        never_ok(held.with_file(path, other, repaired=False), len(other), whole=False)
    for other in (data + b"\n", data * 2):
        never_ok(held.with_file(path, other, repaired=False), len(other))


@EVERY
def test_any_byte_of_the_statement_with_release_json_repaired(held: Held, every: int) -> None:
    path = held.path("statement")
    data = held.files[path]
    for at in range(0, len(data), every):
        for bits in FLIPS:
            never_ok(held.with_file(path, flipped(data, at, bits), repaired=True), at)
        never_ok(held.with_file(path, data[:at] + data[at + 1 :], repaired=True), at)


@EVERY
@pytest.mark.parametrize("member", ["ledger.md", "ledger.json"])
def test_any_byte_of_the_ledger_with_release_json_repaired(held: Held, member: str, every: int) -> None:
    path = held.path(member)
    data = held.files[path]
    for at in range(0, len(data), every):
        never_ok(held.with_file(path, flipped(data, at, FLIPS[at % 3]), repaired=True), at)


@EVERY
@pytest.mark.parametrize("half", [0, 1])
def test_any_byte_of_the_bundle_with_release_json_repaired(held: Held, half: int, every: int) -> None:
    """A changed release that still verifies says the same: no signature covers the changed byte.

    Such places are the certificates that a time-stamp token brings along (RFC 3161 section 2.4.2: a help,
    and ours come from the trusted root), parameters of algorithms, and the integrated time of a Rekor v2
    entry, which is neither believed nor shown.
    """
    path = held.path("bundle")
    data = held.files[path]
    honest = held.verify().facts
    for at in range(half, len(data), 2 * every):
        changed = held.with_file(path, flipped(data, at, FLIPS[at % 3]), repaired=True)
        verdict = changed.verify()
        if verdict.verdict is not Class.OK:
            assert verdict.verdict in (Class.INVALID, Class.UNSUPPORTED), (at, verdict)
            assert verdict.facts == {}
            continue
        assert verdict.facts == honest
        assert bound(changed.files[path]) == bound(data), at


def bound(bundle: bytes) -> Any:
    """The bundle without what nothing binds; of the token, what its authority signed."""
    value = json.loads(bundle)
    material = value["verificationMaterial"]
    for entry in material["tlogEntries"]:
        entry.pop("integratedTime", None)
    for stamp in material["timestampVerificationData"]["rfc3161Timestamps"]:
        token = base64.b64decode(stamp["signedTimestamp"])
        start = token.index(bytes.fromhex("060b2a864886f70d0109100104"))  # id-ct-TSTInfo
        stamp["signedTimestamp"] = token[start : start + token[start + 16] + 17].hex()
    return value


@EVERY
def test_any_byte_of_the_trusted_root_copy_with_release_json_repaired(held: Held, every: int) -> None:
    """The copy is no evidence: the verifier's own root decides. It says the same, or it is not accepted."""
    path = held.path("trusted_root")
    data = held.files[path]
    honest = held.verify().facts
    for at in range(0, len(data), 7 * every):
        changed = held.with_file(path, flipped(data, at, 1), repaired=True)
        verdict = changed.verify()
        if verdict.verdict is Class.OK:
            assert verdict.facts == honest
            assert list(entries(parse(changed.files[path]))) == list(entries(parse(data))), at
        else:
            assert verdict.verdict in (Class.INVALID, Class.UNSUPPORTED, Class.UNAVAILABLE)
            assert verdict.facts == {}


def test_a_file_that_is_missing(held: Held) -> None:
    for path in held.files:
        never_ok(replace(held, files={p: d for p, d in held.files.items() if p != path}), path, whole=False)


def test_a_truncated_bundle_with_release_json_repaired(held: Held) -> None:
    path = held.path("bundle")
    data = held.files[path]
    for end in range(1, len(data), 53):
        never_ok(held.with_file(path, data[:end], repaired=True), end)
