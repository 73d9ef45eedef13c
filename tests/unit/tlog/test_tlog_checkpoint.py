# SPDX-License-Identifier: Apache-2.0
"""Checkpoints and cosignatures against C2SP tlog-checkpoint and tlog-cosignature, and real ones of Rekor."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchor.errors import Refused
from anchor.log_kinds.rekor_v1 import REKOR_V1
from anchor.merkle import EMPTY_ROOT
from anchor.tlog import checkpoint, cosignature, note
from anchor.tlog.checkpoint import Log
from anchor.tlog.keys import Algorithm, VerifierKey, parse_vkey
from tests.support.logs.simlog import ORIGIN, SimLog, key
from tests.unit.tlog.test_tlog_note import REKOR1_SPKI, spki

ROOT = base64.b64encode(b"r" * 32).decode()
SIGNER = key(1)
LOG = Log(ORIGIN, VerifierKey(ORIGIN, Algorithm.ED25519, SIGNER.public_key().public_bytes_raw()))

# From a public bundle (slsa-verifier's, 2023) and the trusted root of the public-good instance.
REKOR1 = (
    "rekor.sigstore.dev - 2605736670972794746\n27657875\nv+7gOn1wovHHKBEVizJ5FFgTKUBCN9UxLo5KQ1Jz8cw=\n"
    "Timestamp: 1692374735595899989\n\n"
    "— rekor.sigstore.dev wNI9ajBEAiAzHmfHSCMNTSzP9h0Pzzdg95z3uaFP2n1992qoazwr5AIgPdgJIrzOe2CRYLLZTjMWFe9pBI"
    "g0r2hAevmsWrnXSyk=\n"
).encode()


def signed(text: str, seed: int = 1, name: str = ORIGIN) -> bytes:
    return note.sign(text.encode(), name, key(seed))


def test_a_real_rekor_v1_checkpoint_verifies_under_its_own_rules() -> None:
    log = REKOR_V1.log("rekor.sigstore.dev", REKOR1_SPKI)
    found = checkpoint.verify(REKOR1, log)
    assert (found.size, found.origin) == (27657875, "rekor.sigstore.dev - 2605736670972794746")
    assert found.extensions == ("Timestamp: 1692374735595899989",)
    for bad in (
        REKOR1.replace(b"27657875", b"27657876"),
        REKOR1.replace(b"1692374735595899989", b"1692374735595899988"),
        REKOR1.replace("— rekor.sigstore.dev".encode(), "— rekor.sigstore.com".encode()),
    ):
        with pytest.raises(Refused):
            checkpoint.verify(bad, log)


def test_a_rekor_v1_checkpoint_is_nobody_elses() -> None:
    for host in ("rekor.sigstage.dev", "rekor.sigstore.de", "sigstore.dev"):
        with pytest.raises(Refused, match="origin"):
            checkpoint.verify(REKOR1, REKOR_V1.log(host, REKOR1_SPKI))
    exact = Log("rekor.sigstore.dev", REKOR_V1.log("rekor.sigstore.dev", REKOR1_SPKI).key)
    with pytest.raises(Refused, match="origin"):
        checkpoint.verify(REKOR1, exact)


@pytest.mark.parametrize("tree", ["", " - ", " - x", " - 1 ", " - -1", " - 1 - 2", "- 1", " - ٣"])
def test_only_a_tree_id_may_follow_the_host_of_rekor_v1(tree: str) -> None:
    assert not REKOR_V1.log("h", REKOR1_SPKI).owns("h" + tree)
    assert REKOR_V1.log("h", REKOR1_SPKI).owns("h - 1193050959916656506")


def test_a_rekor_v1_log_has_an_ecdsa_key() -> None:
    with pytest.raises(Refused):
        REKOR_V1.log("h", spki(key(1)))


def test_size_root_and_extensions_are_read_from_the_verified_note() -> None:
    found = checkpoint.verify(signed(f"{ORIGIN}\n7\n{ROOT}\next 1\next 2\n"), LOG)
    assert (found.size, found.root, found.extensions) == (7, b"r" * 32, ("ext 1", "ext 2"))
    assert [s.key for s in found.signers] == [LOG.key]
    assert checkpoint.parse(found.raw).signers == ()


@pytest.mark.parametrize(
    "text",
    [
        "\n",
        f"{ORIGIN}\n",
        f"{ORIGIN}\n7\n",
        f"{ORIGIN}\n7\n{ROOT}\n\n",
        f"{ORIGIN}\n7\n{ROOT}\n\next\n",
        f"\n7\n{ROOT}\n",
        f"{ORIGIN}\n\n7\n{ROOT}\n",
        f"{ORIGIN}\n07\n{ROOT}\n",
        f"{ORIGIN}\n+7\n{ROOT}\n",
        f"{ORIGIN}\n-7\n{ROOT}\n",
        f"{ORIGIN}\n 7\n{ROOT}\n",
        f"{ORIGIN}\n7 \n{ROOT}\n",
        f"{ORIGIN}\n7_0\n{ROOT}\n",
        f"{ORIGIN}\n0x7\n{ROOT}\n",
        f"{ORIGIN}\n7.0\n{ROOT}\n",
        f"{ORIGIN}\n٧\n{ROOT}\n",
        f"{ORIGIN}\n\n{ROOT}\n",
        f"{ORIGIN}\n{2**63}\n{ROOT}\n",
        f"{ORIGIN}\n{10**30}\n{ROOT}\n",
        f"{ORIGIN}\n{'9' * 10_000}\n{ROOT}\n",
        f"{ORIGIN}\n7\n{ROOT[:-1]}\n",
        f"{ORIGIN}\n7\n{ROOT} \n",
        f"{ORIGIN}\n7\n{base64.b64encode(b'r' * 31).decode()}\n",
        f"{ORIGIN}\n7\n{base64.b64encode(b'r' * 33).decode()}\n",
        f"{ORIGIN}\n7\n{base64.b64encode(b'r' * 32).decode()[:-2]}J=\n",
        f"{ORIGIN}\n7\n{'72' * 32}\n",
        f"{ORIGIN}\n0\n{ROOT}\n",
        f"{ORIGIN}\n7\n{ROOT}\n".replace(ORIGIN, "other.example/log"),
        f"{ORIGIN}\n7\n{ROOT}\n".replace(ORIGIN, ORIGIN + " "),
        f"{ORIGIN}\n7\n{ROOT}\n".replace(ORIGIN, ORIGIN.upper()),
    ],
)
def test_a_signed_text_that_is_no_checkpoint_of_this_log_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        checkpoint.verify(signed(text), LOG)


def test_the_largest_and_the_empty_tree_are_checkpoints() -> None:
    assert checkpoint.verify(signed(f"{ORIGIN}\n{2**63 - 1}\n{ROOT}\n"), LOG).size == 2**63 - 1
    empty = base64.b64encode(EMPTY_ROOT).decode()
    assert checkpoint.verify(signed(f"{ORIGIN}\n0\n{empty}\n"), LOG).root == EMPTY_ROOT


def test_another_key_or_signature_name_is_refused() -> None:
    text = f"{ORIGIN}\n7\n{ROOT}\n"
    for bad in (signed(text, seed=2), signed(text, name="other"), signed(text, name=ORIGIN + "/")):
        with pytest.raises(Refused):
            checkpoint.verify(bad, LOG)


def test_a_cosigner_alone_is_not_the_log() -> None:
    log = SimLog().grow(3)
    log.cosigners = [("w1", key(5), 100)]
    whole = note.parse(log.sign())
    witness = VerifierKey("w1", Algorithm.COSIGNATURE_V1, key(5).public_key().public_bytes_raw())
    assert len(checkpoint.verify(whole.raw, log.log, cosigners=(witness,)).signers) == 2
    only = whole.text + b"\n" + note.line("w1", witness.key_id, whole.signatures[1].payload)
    with pytest.raises(Refused, match="not signed by"):
        checkpoint.verify(only, log.log, cosigners=(witness,))


# -- cosignatures -------------------------------------------------------------------------------------------

TEXT = f"{ORIGIN}\n7\n{ROOT}\next\n".encode()
PRIVATE: list[Ed25519PrivateKey | MLDSA44PrivateKey] = [key(5), MLDSA44PrivateKey.from_seed_bytes(b"m" * 32)]
BOTH = pytest.mark.parametrize("private", PRIVATE, ids=["ed25519", "ml-dsa-44"])


def test_the_ed25519_form_covers_header_time_and_the_whole_text() -> None:
    witness, payload = cosignature.cosign(TEXT, "w1", key(5), 1679315147)
    key(5).public_key().verify(payload[8:], b"cosignature/v1\ntime 1679315147\n" + TEXT)
    assert witness.algorithm is Algorithm.COSIGNATURE_V1
    assert parse_vkey(witness.vkey) == witness


@BOTH
def test_a_cosignature_gives_its_time(private: Ed25519PrivateKey | MLDSA44PrivateKey) -> None:
    witness, payload = cosignature.cosign(TEXT, "w1", private, 1679315147)
    assert cosignature.verify(witness, TEXT, payload) == 1679315147


@BOTH
def test_a_cosignature_of_another_time_size_or_root_is_refused(
    private: Ed25519PrivateKey | MLDSA44PrivateKey,
) -> None:
    witness, payload = cosignature.cosign(TEXT, "w1", private, 100)
    other_root = base64.b64encode(b"q" * 32)
    later = (101).to_bytes(8, "big") + payload[8:]
    for text, given in (
        (TEXT, later),
        (TEXT.replace(b"\n7\n", b"\n8\n"), payload),
        (TEXT.replace(ROOT.encode(), other_root), payload),
        (TEXT.replace(ORIGIN.encode(), b"other"), payload),
        (TEXT, payload[:-1]),
        (TEXT, payload + b"\0"),
        (TEXT, payload[:8]),
        (TEXT, payload[8:]),
        (TEXT, b""),
        (TEXT, (2**63).to_bytes(8, "big") + payload[8:]),
    ):
        with pytest.raises(Refused):
            cosignature.verify(witness, text, given)


def test_extension_lines_are_covered_by_ed25519_and_not_by_ml_dsa() -> None:
    stripped = TEXT.replace(b"ext\n", b"")
    witness, payload = cosignature.cosign(TEXT, "w1", key(5), 100)
    with pytest.raises(Refused):
        cosignature.verify(witness, stripped, payload)
    witness, payload = cosignature.cosign(TEXT, "w1", PRIVATE[1], 100)
    assert cosignature.verify(witness, stripped, payload) == 100


def test_ml_dsa_binds_the_cosigners_name_and_ed25519_does_not() -> None:
    witness, payload = cosignature.cosign(TEXT, "w1", PRIVATE[1], 100)
    renamed = VerifierKey("w2", witness.algorithm, witness.public_key)
    with pytest.raises(Refused):
        cosignature.verify(renamed, TEXT, payload)
    witness, payload = cosignature.cosign(TEXT, "w1", key(5), 100)
    assert cosignature.verify(VerifierKey("w2", witness.algorithm, witness.public_key), TEXT, payload) == 100


@pytest.mark.parametrize("time", [0, 2**63 - 1])
@BOTH
def test_the_whole_range_of_times_is_accepted(
    private: Ed25519PrivateKey | MLDSA44PrivateKey, time: int
) -> None:
    witness, payload = cosignature.cosign(TEXT, "w1", private, time)
    assert cosignature.verify(witness, TEXT, payload) == time


def test_a_time_beyond_the_range_is_refused_even_when_it_is_signed() -> None:
    witness = cosignature.cosign(TEXT, "w1", key(5), 1)[0]
    for time in (2**63, 2**64 - 1):
        signature = key(5).sign(b"cosignature/v1\ntime %d\n" % time + TEXT)
        with pytest.raises(Refused, match="at most"):
            cosignature.verify(witness, TEXT, time.to_bytes(8, "big") + signature)


@pytest.mark.parametrize("time", [-1, 2**63])
def test_no_time_outside_the_range_is_cosigned(time: int) -> None:
    with pytest.raises(Refused):
        cosignature.cosign(TEXT, "w1", key(5), time)


def test_a_log_signature_does_not_pass_for_a_cosignature_nor_the_reverse() -> None:
    raw = key(5).public_key().public_bytes_raw()
    plain, timed = (VerifierKey("w1", kind, raw) for kind in (Algorithm.ED25519, Algorithm.COSIGNATURE_V1))
    with pytest.raises(Refused):
        cosignature.verify(plain, TEXT, key(5).sign(TEXT))
    with pytest.raises(Refused):
        note.verify(note.parse(TEXT + b"\n" + note.line("w1", timed.key_id, key(5).sign(TEXT))), [timed])
    _, payload = cosignature.cosign(TEXT, "w1", key(5), 100)
    with pytest.raises(Refused):
        note.verify(note.parse(TEXT + b"\n" + note.line("w1", plain.key_id, payload)), [plain])


@pytest.mark.parametrize("text", [b"", b"x\n", b"o\nx\ny\n", b"\n1\n", b"o" * 300 + b"\n1\nAA==\n"])
def test_what_is_no_checkpoint_cannot_be_cosigned_with_ml_dsa(text: bytes) -> None:
    with pytest.raises(Refused):
        cosignature.cosign(text, "w1", PRIVATE[1], 100)
    witness = cosignature.cosign(TEXT, "w1", PRIVATE[1], 100)[0]
    with pytest.raises(Refused):
        cosignature.verify(witness, text, bytes(8 + 2420))
