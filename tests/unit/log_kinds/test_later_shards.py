# SPDX-License-Identifier: Apache-2.0
"""The shards that follow one: as the trusted root lists them, of one domain, later, and begun."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor import log_kinds
from anchor.sigstore import keys
from anchor.sigstore.trusted_root import LogKey, Window

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ED = keys.key_of(Ed25519PrivateKey.generate().public_key())
EC = keys.key_of(ec.generate_private_key(ec.SECP256R1()).public_key())


def log(host: str, days: int, key: keys.Key = ED) -> LogKey:
    return LogKey(f"https://{host}", b"i" * 32, Window(NOW + timedelta(days=days)), key)


FIRST = log("log2025-1.rekor.example", -300)


@pytest.mark.parametrize(
    ("other", "follows"),
    [
        (log("log2026-1.rekor.example", -10), True),
        (log("log2026-1.rekor.example", 10), False),  # it has not begun
        (log("log2024-1.rekor.example", -400), False),
        (log("log2026-1.other.example", -10), False),
        (log("rekor.example", -10), False),
        (log("log2026-1.rekor.example", -10, EC), False),  # not a key of this kind of log
        (log("0011.anchor-embedded.invalid", -10), False),
    ],
)
def test_a_later_shard(other: LogKey, follows: bool) -> None:
    found = log_kinds.later_shards("log2025-1.rekor.example", [FIRST, other], now=NOW)
    assert found == ([other] if follows else [])


def test_embedded_logs_and_unknown_ones_have_none() -> None:
    one, two = log("0011.anchor-embedded.invalid", -9), log("2233.anchor-embedded.invalid", -5)
    assert log_kinds.later_shards(one.host, [one, two], now=NOW) == []
    assert log_kinds.later_shards("log2025-1.rekor.example", [two], now=NOW) == []
    assert log_kinds.later_shards("rekor.example - 123", [log("rekor.example", -9, EC), two], now=NOW) == []
