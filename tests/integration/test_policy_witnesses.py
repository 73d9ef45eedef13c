# SPDX-License-Identifier: Apache-2.0
"""Witness quorums, from the command line: cosignatures on a checkpoint counted by ourselves."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor.tlog import cosignature, note
from anchor.tlog.keys import VerifierKey
from tests.support.process.anchor_cli import Ran
from tests.support.releases.policies import found, judged, signer, signers
from tests.support.releases.published import Site

KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([i]) * 32) for i in range(1, 4)]
NOW = int(datetime.now(UTC).timestamp())
DAY = 86400


def witness(number: int, text: bytes, *, time: int = NOW, name: str = "") -> tuple[VerifierKey, bytes]:
    """A witness's key, and its signature line under a checkpoint."""
    named = name or f"w{number}.example"
    key, payload = cosignature.cosign(text, named, KEYS[number - 1], time)
    return key, note.line(named, key.key_id, payload)


def checkpoint(site: Site) -> bytes:
    entry = json.loads(site.path("bundle").read_bytes())["verificationMaterial"]["tlogEntries"][0]
    return str(entry["inclusionProof"]["checkpoint"]["envelope"]).encode()


def cosigned(site: Site, *lines: bytes) -> None:
    """Put signature lines under the checkpoint in the bundle, and repair release.json."""
    path = site.path("bundle")
    value = json.loads(path.read_bytes())
    head = value["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]
    head["envelope"] = note.add(head["envelope"].encode(), *lines).decode()
    path.write_text(json.dumps(value))
    release = site.value
    data = path.read_bytes()
    release["anchors"][0]["bundle"] |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    site.release.write_bytes(json.dumps(release, ensure_ascii=False, indent=2).encode() + b"\n")


def quorum(site: Site, keys: list[VerifierKey], rule: str, *, log: str | None = None) -> Ran:
    """The release under a policy with these witnesses in one group."""
    (vkey,) = site.root.glob("release/log/*/vkey")
    named = " ".join(f"n{i}" for i, _ in enumerate(keys))
    group = f"group g {rule} {named}\nquorum g\n" if rule != "none" else "quorum none\n"
    lines = [f"log {log or vkey.read_text().strip()}\n"]
    lines += [f"witness n{i} {key.vkey}\n" for i, key in enumerate(keys)]
    path = site.policy.with_name("witnesses.policy")
    path.write_text("".join(lines) + group)
    return judged(site, f"tlog_policy = 'witnesses.policy'\n{signers(signer(site))}", "--json")


def test_a_quorum_that_cosigned_passes_and_is_told(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    (one, line1), (two, line2), (three, _) = (witness(i, text) for i in (1, 2, 3))
    cosigned(site, line1, line2)
    ran = quorum(site, [one, two, three], "2")
    assert ran.code == 0, ran.out
    detail = found(ran, "witnesses")["detail"]
    assert "met" in detail
    assert f"n0 at {NOW}" in detail
    assert "n2" not in detail


def test_too_few_cosignatures_are_pending(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    (one, line1), (two, _) = (witness(i, text) for i in (1, 2))
    assert quorum(site, [one, two], "1").code == 5, "nobody cosigned"
    cosigned(site, line1)
    assert quorum(site, [one, two], "1").code == 0
    ran = quorum(site, [one, two], "2")
    assert ran.code == 5
    assert found(ran, "witnesses")["state"] == "unknown"
    assert "not met" in found(ran, "witnesses")["detail"]


def test_a_witness_is_not_counted_twice(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    (one, line1), (two, _) = (witness(i, text) for i in (1, 2))
    _, again = witness(1, text, time=NOW - 5)
    cosigned(site, line1, again)
    assert quorum(site, [one, two], "2").code == 5


def test_one_key_under_two_names_is_no_policy(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    one, _ = witness(1, text)
    other, _ = witness(1, text, name="other.example")
    assert quorum(site, [one, other], "2").code == 2


def test_a_cosignature_that_does_not_verify_is_invalid(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    one, _ = witness(1, text)
    _, forged = witness(1, text.replace(b"\n1\n", b"\n2\n"))
    cosigned(site, forged)
    ran = quorum(site, [one], "1")
    assert ran.code == 8
    assert "does not verify" in found(ran, "witnesses")["detail"]
    assert found(ran, "witnesses")["meaning"]


def test_a_cosignature_from_the_future_does_not_count(site: Site) -> None:
    one, line = witness(1, note.parse(checkpoint(site)).text, time=NOW + DAY)
    cosigned(site, line)
    ran = quorum(site, [one], "1")
    assert ran.code == 5
    assert "future" in found(ran, "witnesses")["detail"]


def test_a_stranger_under_a_witnesss_name_does_not_count(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    one, _ = witness(1, text)
    _, stranger = witness(2, text, name="w1.example")
    cosigned(site, stranger)
    assert quorum(site, [one], "1").code == 5


def test_quorum_none_demands_nothing_and_still_says_who_cosigned(site: Site) -> None:
    one, line = witness(1, note.parse(checkpoint(site)).text)
    cosigned(site, line)
    ran = quorum(site, [one], "none")
    assert ran.code == 0
    assert f"n0 at {NOW}" in found(ran, "witnesses")["detail"]


def test_a_log_of_the_witness_policy_must_be_in_the_trusted_root(site: Site) -> None:
    one, _ = witness(1, note.parse(checkpoint(site)).text)
    key = VerifierKey("log.example", note.Algorithm.ED25519, KEYS[2].public_key().public_bytes_raw())
    ran = quorum(site, [one], "1", log=key.vkey)
    assert ran.code == 2
    assert "log.example is not in the trusted root" in ran.err + ran.out


def test_another_key_for_the_logs_origin_is_not_the_logs(site: Site) -> None:
    """A policy that names the origin with another key: the checkpoint is not what it accepts."""
    origin = site.value["anchors"][0]["log"]["origin"]
    one, line = witness(1, note.parse(checkpoint(site)).text)
    cosigned(site, line)
    key = VerifierKey(origin, note.Algorithm.ED25519, KEYS[2].public_key().public_bytes_raw())
    ran = quorum(site, [one], "1", log=key.vkey)
    assert ran.code in (2, 8)
    assert ran.code != 0


@pytest.mark.parametrize(
    "text", ["", "quorum none", "quorum g\n", "witness a b\nquorum none\n", "nonsense\n", "\x01\n"]
)
def test_a_witness_policy_that_is_none_is_usage_and_named(site: Site, text: str) -> None:
    site.policy.with_name("witnesses.policy").write_text(text)
    ran = judged(site, f"tlog_policy = 'witnesses.policy'\n{signers(signer(site))}")
    assert ran.code == 2
    assert "witnesses.policy" in ran.line
    ran = judged(site, f"tlog_policy = 'absent'\n{signers(signer(site))}")
    assert (ran.code, ran.line.count("absent")) == (2, 1), ran.line
