# SPDX-License-Identifier: Apache-2.0
"""Trusted roots: what a verifier believes, and that a malformed root is refused instead of half believed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from anchor.errors import AnchorError, Refused, Unsupported
from anchor.net import tuf_roots
from anchor.net.budget import Budget
from anchor.sigstore import trusted_root
from anchor.sigstore.trusted_root import Authority, Window
from anchor.sigstore.x509 import Fields
from tests.support.forge import bundles

Edit = Callable[[dict[str, Any]], object]


def root(edit: Edit | None = None) -> trusted_root.TrustedRoot:
    return trusted_root.parse(json.dumps(bundles.trusted_root(edit)).encode())


def shipped(name: str) -> bytes:
    """The copy that the sigstore package ships."""
    nowhere = Path("/nonexistent")
    found = tuf_roots.load(
        tuf_roots.REPOSITORIES[name], cache=nowhere, budget=Budget(1), now=datetime.now(UTC), offline=True
    )
    return found.trusted_root


@pytest.mark.parametrize("name", ["public", "staging"])
def test_the_shipped_roots_are_read_whole(name: str) -> None:
    found = trusted_root.parse(shipped(name))
    assert found.tlogs
    assert found.ctlogs
    assert found.authorities
    assert found.timestamp_authorities
    assert not found.unusable
    for authority in found.authorities:
        listed = authority.fields
        assert [(one.path[0], one.path[-1]) for one in authority.signing.issuers] == [
            (one, listed[-1]) for one in listed
        ]
    for authority in found.timestamp_authorities:
        assert stamping_path(authority) == authority.fields


def stamping_path(authority: Authority) -> tuple[Fields, ...]:
    """The path of its own certificate when all of them have begun."""
    start = max(one.not_before for one in authority.fields)
    return authority.stamping.own(start, "certificate")


def test_the_public_v2_log_has_its_published_key_id() -> None:
    found = trusted_root.parse(shipped("public"))
    ids = {log.host: log.id[:4].hex() for log in found.tlogs}
    assert ids["log2025-1.rekor.sigstore.dev"] == "cf119915"
    assert ids["rekor.sigstore.dev"] == "c0d23d6a"


def _log(r: dict[str, Any]) -> dict[str, Any]:
    found = r["tlogs"][0]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "edit",
    [
        lambda r: r.pop("mediaType"),
        lambda r: r.update(mediaType=1),
        lambda r: r["certificateAuthorities"][0].pop("validFor"),
        lambda r: r["certificateAuthorities"][0]["certChain"]["certificates"][0].update(rawBytes="MAA="),
        lambda r: r["timestampAuthorities"][0].pop("certChain"),
        lambda r: r.update(tlogs={}),
        lambda r: r.update(tlogs=[1]),
        lambda r: r.update(tlogs=[_log(r)] * 1001),
    ],
)
def test_a_malformed_root_is_refused(edit: Edit) -> None:
    with pytest.raises(Refused):
        root(edit)


@pytest.mark.parametrize(
    "edit",
    [
        lambda r: _log(r)["publicKey"].pop("validFor"),
        lambda r: _log(r)["publicKey"]["validFor"].pop("start"),
        lambda r: _log(r)["publicKey"]["validFor"].update(start=None),
        lambda r: _log(r)["publicKey"]["validFor"].update(start="2026"),
        lambda r: _log(r)["publicKey"]["validFor"].update(start="2026-02-30T00:00:00Z"),
        lambda r: _log(r)["publicKey"]["validFor"].update(start="0001-01-01T00:00:00+01:00"),
        lambda r: _log(r)["publicKey"]["validFor"].update(end="2001-01-01T00:00:00Z"),
        lambda r: _log(r)["publicKey"].pop("rawBytes"),
        lambda r: _log(r)["publicKey"].update(rawBytes="AAAA"),
        lambda r: _log(r)["publicKey"].update(keyDetails="PKIX_ED25519"),
        lambda r: _log(r).pop("logId"),
        lambda r: _log(r).update(logId={"keyId": "AAAA"}),
        lambda r: _log(r).update(logId={"keyId": bundles.b64(b"x" * 32)}),
        lambda r: _log(r).update(checkpointKeyId={"keyId": bundles.b64(b"x" * 4)}),
        lambda r: _log(r).update(baseUrl="https://[x"),
    ],
)
def test_a_malformed_log_is_unusable_by_itself_and_no_stranger(edit: Edit) -> None:
    whole, found = root(), root(edit)
    (odd,) = found.unusable_tlogs
    assert found.tlogs == whole.tlogs[1:]
    assert found.authorities == whole.authorities
    assert isinstance(odd.error("entry"), Refused)
    assert "tlogs[0]" in found.unusable[0]


@pytest.mark.parametrize(
    "edit",
    [
        lambda r: r.update(mediaType="application/vnd.dev.sigstore.trustedroot+json;version=0.9"),
        lambda r: r.update(more=1),
        lambda r: _log(r).update(more=1),
    ],
)
def test_what_this_program_does_not_know_is_unsupported(edit: Edit) -> None:
    with pytest.raises(Unsupported):
        root(edit)


@pytest.mark.parametrize("details", ["ML_DSA_65", "LMS_SHA256", "PUBLIC_KEY_DETAILS_UNSPECIFIED"])
def test_a_log_with_an_unknown_kind_of_key_is_listed_and_never_used(details: str) -> None:
    found = root(lambda r: _log(r)["publicKey"].update(keyDetails=details))
    assert len(found.tlogs) == 1
    assert details in found.unusable[0]
    assert found.unusable_tlogs[0].id == root().tlogs[0].id
    assert isinstance(found.unusable_tlogs[0].error("entry"), Unsupported)


def test_a_log_that_hashes_otherwise_is_listed_and_never_used() -> None:
    found = root(lambda r: _log(r).update(hashAlgorithm="SHA2_512"))
    assert "SHA2_512" in found.unusable[0]


def test_a_time_stamper_without_certificates_is_read_and_stands_for_nothing() -> None:
    found = root(lambda r: r["timestampAuthorities"][0].update(certChain={"certificates": []}))
    assert found.timestamp_authorities[0].certificates == ()


def test_a_chain_in_the_wrong_order_is_noticed() -> None:
    found = root(lambda r: r["timestampAuthorities"][0]["certChain"]["certificates"].reverse())
    with pytest.raises(Refused, match="not issued by"):
        stamping_path(found.timestamp_authorities[0])


def test_both_ends_of_a_window_belong_to_it() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    window, tick = Window(start, end), timedelta(microseconds=1)
    assert window.covers(start)
    assert window.covers(end)
    assert not window.covers(start - tick)
    assert not window.covers(end + tick)
    assert Window(start).covers(datetime(9999, 1, 1, tzinfo=UTC))


def test_both_spellings_of_a_member_are_one_member() -> None:
    def snake(r: dict[str, Any]) -> None:
        r["certificate_authorities"] = r.pop("certificateAuthorities")

    assert root(snake).authorities == root().authorities
    with pytest.raises(Refused, match="twice"):
        root(lambda r: r.update(certificate_authorities=[]))


def test_nine_digits_of_a_second_are_read_and_no_window_grows_by_them() -> None:
    """Microseconds are what is compared: a start is rounded up and an end down."""
    late = "2026-06-04T12:43:29.186617431Z"
    window = {"start": late, "end": late.replace("2026", "2027")}
    found = root(lambda r: _log(r)["publicKey"].update(validFor=window))
    assert found.tlogs[0].window.start == datetime(2026, 6, 4, 12, 43, 29, 186618, tzinfo=UTC)
    assert found.tlogs[0].window.end == datetime(2027, 6, 4, 12, 43, 29, 186617, tzinfo=UTC)


def test_a_union_has_everything_once_and_says_what_it_was_made_of() -> None:
    public, ours = trusted_root.parse(shipped("public")), root()
    both = trusted_root.union([ours, public, ours])
    assert both.tlogs == (*ours.tlogs, *public.tlogs)
    assert both.timestamp_authorities == (*ours.timestamp_authorities, *public.timestamp_authorities)
    assert both.digests == (*ours.digests, *public.digests)
    assert trusted_root.union([]) == trusted_root.TrustedRoot()


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b"\xef\xbb\xbf{}", b"{}" * 2, b'{"a":1,"a":1}', b"[" * 10_000]
)
def test_what_is_no_root_is_refused(data: bytes) -> None:
    with pytest.raises(AnchorError):
        trusted_root.parse(data)


def test_a_huge_root_is_refused_before_it_is_read() -> None:
    with pytest.raises(Refused, match="bytes"):
        trusted_root.parse(b" " * (trusted_root.MAX_SIZE + 1))
