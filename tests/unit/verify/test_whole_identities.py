# SPDX-License-Identifier: Apache-2.0
"""Whole bundles by the names in their certificates: of every kind, and written in every wrong way."""

import pytest
from cryptography import x509

from anchor import verdict
from anchor.verify.policy import Signer
from tests.support.forge import bundles
from tests.support.forge.authorities import ISSUER, Leaf
from tests.support.forge.der import utf8
from tests.support.forge.whole import failed, verified

USERNAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
LONG = "a" * 300 + "!example"


@pytest.mark.parametrize(
    ("leaf", "identity"),
    [
        (Leaf(identity=None, uri="https://ci.example/workflow@main"), "https://ci.example/workflow@main"),
        (Leaf(identity=None, more_names=(x509.OtherName(USERNAME, utf8("ada!example")),)), "ada!example"),
        (Leaf(identity=None, more_names=(x509.OtherName(USERNAME, utf8(LONG)),)), LONG),
    ],
)
def test_identities_of_every_kind(leaf: Leaf, identity: str) -> None:
    report = verified(
        bundles.make(bundles.V2.but(leaf=leaf)), signers=(Signer(identity=identity, issuer=ISSUER),)
    )
    assert report.ok, failed(report)
    assert report.identity == identity


BAD_TEXTS = (
    b"",
    b"\x0c",
    b"ada",
    b"\x0c\x04ada",
    b"\x0c\x02ada",
    b"\x0c\x81\x03ada",
    b"\x0c\x82\x00\x80" + b"a" * 128,
    b"\x0c\x80ada\0\0",
    b"\x13\x03ada",
    b"\x0c\x01\xff",
)


@pytest.mark.parametrize("value", BAD_TEXTS)
def test_an_issuer_that_is_not_one_der_utf8_string_is_refused(value: bytes) -> None:
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
    extension = x509.UnrecognizedExtension(oid, value)
    leaf = Leaf(issuer_v2=None, extend=lambda b: b.add_extension(extension, critical=False))
    assert "signing-material" in failed(verified(bundles.make(bundles.V2.but(leaf=leaf))))


@pytest.mark.parametrize("value", BAD_TEXTS[-2:])
def test_a_username_that_is_not_der_utf8_is_refused(value: bytes) -> None:
    leaf = Leaf(identity=None, more_names=(x509.OtherName(USERNAME, value),))
    anybody = (Signer(identity_regex=".*", issuer=ISSUER),)
    assert "signing-material" in failed(verified(bundles.make(bundles.V2.but(leaf=leaf)), signers=anybody))


@pytest.mark.parametrize("leaf", [Leaf(issuer_v1=None), Leaf(issuer_v2=None)])
def test_either_issuer_extension_is_enough(leaf: Leaf) -> None:
    assert verified(bundles.make(bundles.V2.but(leaf=leaf))).ok


def test_what_an_attacker_names_cannot_steer_a_terminal() -> None:
    leaf = Leaf(identity=None, uri="https://x/\x1b[2J\x1b[1;1H\x07")
    for check in verified(bundles.make(bundles.V2.but(leaf=leaf))).checks:
        assert check.detail.isprintable()
        assert len(check.detail) <= verdict.MAX_DETAIL
