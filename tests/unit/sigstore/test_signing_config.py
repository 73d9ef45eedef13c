# SPDX-License-Identifier: Apache-2.0
"""Which services a signing config chooses: valid now, the highest supported version, one an operator."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from anchor.errors import Misuse, Refused, Unavailable, Unsupported
from anchor.sigstore import signing_config
from anchor.sigstore.signing_config import SigningConfig

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def service(url: str, version: int = 1, operator: str = "a", start: str = "2025-01-01", end: str = "") -> Any:
    window = {"start": f"{start}T00:00:00Z", **({"end": f"{end}T00:00:00Z"} if end else {})}
    return {"url": url, "majorApiVersion": version, "operator": operator, "validFor": window}


def document(**more: Any) -> dict[str, Any]:
    base = {"mediaType": signing_config.MEDIA_TYPE, "caUrls": [service("https://ca")]}
    return {**base, **more}


def config(**more: Any) -> SigningConfig:
    return signing_config.parse(json.dumps(document(**more)).encode())


def logs(*services: Any, selector: Any = None, versions: tuple[int, ...] = (1, 2)) -> list[str]:
    found = config(rekorTlogUrls=list(services), **({"rekorTlogConfig": selector} if selector else {}))
    return [s.url for s in found.chosen_logs(NOW, versions=versions)]


def test_any_is_one() -> None:
    assert logs(service("https://x"), service("https://y", operator="b"), selector={"selector": "ANY"}) == [
        "https://x"
    ]


def test_all_is_one_an_operator() -> None:
    listed = [
        service("https://x"),
        service("https://y", start="2025-02-01"),
        service("https://z", operator="b"),
    ]
    assert sorted(logs(*listed, selector={"selector": "ALL"})) == ["https://y", "https://z"]


def test_exact_counts_operators_and_refuses_fewer() -> None:
    two = {"selector": "EXACT", "count": 2}
    assert len(logs(service("https://x"), service("https://y", operator="b"), selector=two)) == 2
    with pytest.raises(Misuse, match=r"1 usable transparency log, 2 wanted \(EXACT\)"):
        logs(service("https://x"), service("https://y"), selector=two)


def test_highest_supported_version_wins() -> None:
    listed = [
        service("https://v1", 1, start="2026-01-01"),
        service("https://v2", 2),
        service("https://v3", 3),
    ]
    assert logs(*listed) == ["https://v2"]
    assert logs(*listed, versions=(1,)) == ["https://v1"]


def test_only_services_valid_now() -> None:
    past = service("https://past", 2, end="2026-01-01")
    future = service("https://future", 2, start="2026-07-01")
    assert logs(past, future, service("https://now")) == ["https://now"]
    with pytest.raises(Unavailable, match="0 usable"):
        logs(past, future)


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (service("https://x", start="2026-07-01"), "1 from 2026-07-01T00:00:00Z on"),
        (service("https://x", end="2026-05-01"), "1 until 2026-05-01T00:00:00Z"),
    ],
)
def test_services_of_another_time_may_be_this_machines_clock(listed: Any, said: str) -> None:
    with pytest.raises(Unavailable) as e:
        logs(listed)
    assert said in str(e.value)
    assert "by this machine's clock it is 2026-06-01T00:00:00Z" in str(e.value)
    assert "see that the clock is right" in e.value.remedy


def test_newest_shard_is_used_when_windows_overlap() -> None:
    assert logs(service("https://old", 2), service("https://new", 2, start="2026-02-01")) == ["https://new"]


def test_unsupported_versions_alone_are_none() -> None:
    with pytest.raises(Misuse, match="0 usable"):
        logs(service("https://v9", 9))


def test_timestamps_may_be_left_out_and_the_authority_may_not() -> None:
    assert config().chosen_timestamps(NOW) == ()
    with pytest.raises(Misuse, match="certificate authority"):
        config(caUrls=[]).authority(NOW)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.1+json"}, Unsupported),
        ({"rekorTlogConfig": {"selector": "EXACT"}}, Refused),
        ({"rekorTlogConfig": {"selector": "SOME"}}, Unsupported),
        ({"rekorTlogUrls": [{"majorApiVersion": 1}]}, Refused),
        ({"rekorTlogUrls": {}}, Refused),
        ({"somethingNew": 1}, Unsupported),
        ({"caUrls": [service("https://x", -1)]}, Refused),
        ({"caUrls": [service("https://x", start="yesterday")]}, Refused),
    ],
)
def test_what_is_not_a_signing_config(change: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        config(**change)


@pytest.mark.parametrize("data", [b"", b"[]", b'"x"', b"{}", b"[" * 100_000, b'{"a":1,"a":2}', b"\xff"])
def test_what_is_not_even_a_document(data: bytes) -> None:
    for read in (signing_config.parse, signing_config.parse_trust_config):
        with pytest.raises((Refused, Unsupported)):
            read(data)


def test_trust_config_gives_root_and_config() -> None:
    whole = {
        "mediaType": signing_config.TRUST_CONFIG,
        "trustedRoot": {"mediaType": "x"},
        "signingConfig": document(rekorTlogUrls=[service("https://log/")]),
    }
    root, found = signing_config.parse_trust_config(json.dumps(whole).encode())
    assert json.loads(root) == {"mediaType": "x"}
    assert found.chosen_logs(NOW, versions=(1, 2))[0].url == "https://log"


def test_another_document_says_what_is_wanted() -> None:
    with pytest.raises(Unsupported, match="give a ClientTrustConfig"):
        signing_config.parse_trust_config(json.dumps(document()).encode().replace(b"caUrls", b"trustedRoot"))
