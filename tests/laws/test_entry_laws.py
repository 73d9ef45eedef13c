# SPDX-License-Identifier: Apache-2.0
"""Whatever a log serves as an entry: the search for names ends, and nothing unreadable blames anybody."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from anchor.encoding import to_base64
from anchor.errors import AnchorError
from anchor.log_kinds import entry_signatures
from anchor.verify.name_matcher import NameMatcher
from anchor.verify.policy import Signer
from tests.support.forge.named import body, digest_of, self_made

WHO, ISSUER = "release@example.org", "https://accounts.example.org"
CERTIFICATE = self_made(WHO, ISSUER)
USUAL = body(CERTIFICATE, digest_of(b"x"))
MATCHER = NameMatcher(
    [Signer(identity=WHO, issuer=ISSUER), Signer(identity_regex=".*@example.org", issuer=ISSUER)], []
)
LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.text(max_size=90),
    st.sampled_from([to_base64(CERTIFICATE), to_base64(b"x" * 99), "hashedrekord", "dsse", "0.0.2"]),
)
KEYS = st.sampled_from(
    [
        "apiVersion", "kind", "spec", "hashedRekordV002", "dsseV002", "data", "signature", "signatures",
        "content", "verifier", "x509Certificate", "publicKey", "rawBytes", "payloadHash", "digest",
        "algorithm", "keyDetails",
    ]
)  # fmt: skip
JSON = st.recursive(
    LEAF, lambda c: st.lists(c, max_size=3) | st.dictionaries(KEYS, c, max_size=4), max_leaves=12
)


def look(entry: bytes) -> None:
    found = MATCHER.find([entry], 5)
    assert len(found.named) + found.unreadable <= 1
    assert not any(e.certified for e in found.named)
    try:
        entry_signatures.signatures(entry)
    except AnchorError:
        assert found.unreadable == 1


@given(st.binary(max_size=200))
def test_any_bytes(entry: bytes) -> None:
    look(entry)


@given(JSON)
def test_any_json(value: Any) -> None:
    look(json.dumps(value).encode())


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(node, dict):
        for key, value in node.items():
            found += _places(value, (*path, key))
    return found


@given(st.sampled_from(_places(json.loads(USUAL))[1:]), JSON)
def test_an_entry_with_one_other_value(path: tuple[Any, ...], value: Any) -> None:
    document = json.loads(USUAL)
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    look(json.dumps(document).encode())
    look(json.dumps(document, separators=(",", ":")).encode())


@given(st.integers(0, len(CERTIFICATE) - 20), st.binary(min_size=1, max_size=4))
def test_a_certificate_with_other_bytes(at: int, change: bytes) -> None:
    changed = CERTIFICATE[:at] + change + CERTIFICATE[at + len(change) :]
    look(body(changed, digest_of(b"x")))
