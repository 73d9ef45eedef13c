# SPDX-License-Identifier: Apache-2.0
"""The decision of a witness: the statuses in the order of C2SP tlog-witness, and what it holds after each."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from anchor.errors import Refused
from anchor.merkle import EMPTY_ROOT
from anchor.tlog import checkpoint, cosignature, evidence, note, witnessing
from anchor.tlog.keys import Algorithm, VerifierKey, key_from_spki
from anchor.tlog.witnessing import Decision, Held
from tests.support.logs.simlog import SimLog, key
from tests.support.logs.submissions import ED25519, ML_DSA, body, cosigned, proof

NOW = 1_795_000_000
SIGNERS = (ED25519,)


def ask(
    sent: bytes,
    held: Held | None = None,
    *,
    keys: tuple[VerifierKey, ...] | None = None,
    signers: tuple[witnessing.Signer, ...] = SIGNERS,
    now: int = NOW,
) -> Decision:
    known = (SimLog().key,) if keys is None else keys
    return witnessing.decide(witnessing.parse(sent), known, held, signers=signers, now=now)


def holding(log: SimLog, size: int, time: int = NOW - 10) -> Held:
    return Held(size, log.tree.root(size), log.sign(size), b"", time)


def refused(found: Decision, status: int) -> None:
    assert found.status == status
    assert found.held is None
    assert "—".encode() not in found.body


@pytest.fixture
def log() -> SimLog:
    return SimLog().grow(20)


# 200


def test_the_first_checkpoint_is_cosigned_and_held(log: SimLog) -> None:
    found = ask(body(log, 0))
    assert (found.status, found.grows) == (200, True)
    read = cosigned(log.sign(), found.body, ED25519.key)
    assert note.verify(read.note, [ED25519.key])[0].time == NOW
    assert found.held == Held(20, log.tree.root(20), log.sign(), found.body, NOW)
    assert found.held.cosigned == log.sign() + found.body


@pytest.mark.parametrize(("old", "size"), [(1, 2), (4, 7), (7, 8), (8, 20), (19, 20), (1, 20)])
def test_growth_that_is_proven_is_cosigned(log: SimLog, old: int, size: int) -> None:
    found = ask(body(log, old, size), holding(log, old))
    assert (found.status, found.grows, found.evidence) == (200, True, None)
    assert found.held is not None
    assert (found.held.size, found.held.root) == (size, log.tree.root(size))


def test_the_same_tree_is_cosigned_again_with_the_present_time(log: SimLog) -> None:
    found = ask(body(log, 20), holding(log, 20), now=NOW + 60)
    assert (found.status, found.grows) == (200, False)
    assert note.verify(note.parse(log.sign() + found.body), [ED25519.key])[0].time == NOW + 60


def test_both_keys_of_a_witness_cosign(log: SimLog) -> None:
    found = ask(body(log, 0), signers=(ED25519, ML_DSA))
    cosigned(log.sign(), found.body, ED25519.key, ML_DSA.key)


def test_extension_lines_are_part_of_what_is_cosigned(log: SimLog) -> None:
    log.extensions = ("ext 1", "ext 2")
    found = ask(body(log, 0))
    plain = SimLog().grow(20).sign()
    cosigned(log.sign(), found.body, ED25519.key)
    with pytest.raises(Refused):
        note.verify(note.parse(plain + found.body), [ED25519.key])


def test_signatures_of_strangers_are_ignored_and_not_kept(log: SimLog) -> None:
    stranger = note.line("stranger.example", b"\1\2\3\4", b"\5" * 64)
    half = note.line(log.name, b"\1\2\3\4", b"\5" * 64)
    found = ask(body(log, 0, signed=note.add(log.sign(), stranger, half)))
    assert found.status == 200
    assert found.held is not None
    assert found.held.note == log.sign()


def test_one_of_several_keys_of_a_log_is_enough(log: SimLog) -> None:
    other = SimLog(seed=2).key
    assert ask(body(log, 0), keys=(other, log.key)).status == 200


@pytest.mark.parametrize(
    ("name", "origin"), [("rekor.example", "rekor.example - 123"), ("log.example", "other")]
)
def test_a_log_signs_under_a_name_that_is_not_its_origin(name: str, origin: str) -> None:
    log = SimLog(origin=origin, name=name).grow(3)
    assert ask(body(log, 0), keys=(log.key,)).status == 200


def test_a_log_signs_with_ecdsa(log: SimLog) -> None:
    private = ec.derive_private_key(5, ec.SECP256R1())
    signed = note.sign(checkpoint.body("ec.example", 20, log.tree.root(20)), "ec.example", private)
    read = note.parse(signed).signatures[0]
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    known = key_from_spki("ec.example", spki)
    assert read.key_id == known.key_id
    assert ask(body(log, 0, signed=signed), keys=(known,)).status == 200


def test_a_log_signs_with_ml_dsa(log: SimLog) -> None:
    text = checkpoint.body("pq.example", 20, log.tree.root(20))
    known, payload = cosignature.cosign(text, "pq.example", ML_DSA.private, 0)
    signed = text + b"\n" + note.line("pq.example", known.key_id, payload)
    assert ask(body(log, 0, signed=signed), keys=(known,)).status == 200


# The order of the statuses


def test_an_unknown_origin_is_404_before_anything_else(log: SimLog) -> None:
    refused(ask(body(log, 30, hashes=(b"\0" * 32,)), keys=()), 404)


def test_no_signature_of_the_log_is_403_before_the_sizes_are_compared(log: SimLog) -> None:
    refused(ask(body(log, 30), keys=(SimLog(seed=2).key,)), 403)


def test_a_signature_of_the_log_that_fails_is_403(log: SimLog) -> None:
    other = SimLog(seed=2).grow(20)
    wrong = note.line(log.name, log.key.key_id, note.parse(other.sign()).signatures[0].payload)
    refused(ask(body(log, 0, signed=note.add(log.sign(), wrong))), 403)
    both = (log.key, other.key)
    assert (
        ask(body(log, 0, signed=note.add(log.sign(), other.sign().rpartition(b"\n\n")[2])), keys=both).status
        == 200
    )


def test_an_old_size_above_the_checkpoint_is_400_before_it_is_compared_with_the_held_one(log: SimLog) -> None:
    refused(ask(body(log, 21), holding(log, 21 - 5)), 400)
    refused(ask(body(log, 21), holding(log.clone().grow(1), 21)), 400)


@pytest.mark.parametrize(("old", "held"), [(0, 5), (4, 5), (6, 5), (20, 5), (7, 0)])
def test_another_old_size_is_409_with_the_held_one(log: SimLog, old: int, held: int) -> None:
    found = ask(body(log, old, hashes=(b"\0" * 32,)), holding(log, held) if held else None)
    refused(found, 409)
    assert (found.body, found.kind) == (b"%d\n" % held, "text/x.tlog.size")


def test_a_smaller_checkpoint_than_the_held_one_is_409(log: SimLog) -> None:
    found = ask(body(log, 3, 5), holding(log, 8))
    refused(found, 409)
    assert found.body == b"8\n"


def test_a_proof_that_does_not_hold_is_422(log: SimLog) -> None:
    honest = proof(log, 5)
    for hashes in ((), honest[:-1], (*honest, b"\0" * 32), (b"\0" * 32, *honest[1:]), honest[::-1]):
        refused(ask(body(log, 5, hashes=hashes), holding(log, 5)), 422)


def test_the_proof_starts_from_the_held_root_not_from_that_of_the_request(log: SimLog) -> None:
    forked = log.fork(3)
    refused(ask(body(forked, 5), holding(log, 5)), 422)
    refused(ask(body(forked, 8), holding(log, 8)), 422)
    assert ask(body(forked, 5), holding(forked, 5)).status == 200


def test_the_same_size_with_another_root_is_422(log: SimLog) -> None:
    refused(ask(body(log.fork(3), 20), holding(log, 20)), 422)


def test_a_proof_where_none_is_possible_is_422(log: SimLog) -> None:
    hashes = (log.tree.levels[0][0],)
    refused(ask(body(log, 0, hashes=hashes)), 422)
    refused(ask(body(log, 0, hashes=hashes), Held(0, EMPTY_ROOT, SimLog().sign(), b"", NOW)), 422)
    refused(ask(body(log, 20, hashes=hashes), holding(log, 20)), 422)


# Size zero


def test_an_empty_log_is_cosigned_and_grows_without_a_proof(log: SimLog) -> None:
    first = ask(body(log, 0, 0))
    assert (first.status, first.grows) == (200, True)
    assert first.held is not None
    again = ask(body(log, 0, 0), first.held)
    assert (again.status, again.grows) == (200, False)
    assert ask(body(log, 0), again.held).status == 200


@pytest.mark.parametrize("root", [b"\0" * 32, b"\1" * 32])
def test_an_empty_log_with_another_root_is_422(log: SimLog, root: bytes) -> None:
    refused(ask(body(log, 0, signed=log.sign(0, root=root))), 422)
    refused(ask(body(log, 0, signed=log.sign(0, root=root)), keys=()), 404)


# What cannot be read


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"old 0\n\n",
        b"old 0\n\nno note",
        b"old 0\n\norigin\n\n\xe2\x80\x94 origin AAAAAAA=\n",
        b"old 0\n\norigin\n007\nAAAA\n\n\xe2\x80\x94 origin AAAAAAA=\n",
        b"old 99999999999999999999\n\n" + SimLog().grow(1).sign(),
        b"old 0\n\n" + SimLog().grow(1).sign(root=b"short"),
    ],
)
def test_a_request_that_cannot_be_read_is_400(sent: bytes) -> None:
    with pytest.raises(Refused) as caught:
        witnessing.parse(sent)
    refused(witnessing.malformed(caught.value), 400)


# Time


@pytest.mark.parametrize(
    ("before", "now", "signed"),
    [(NOW, NOW + 5, NOW + 5), (NOW + 200, NOW, NOW + 200), (NOW + 10**9, NOW, NOW), (NOW, NOW, NOW)],
)
def test_the_time_goes_back_only_after_a_clock_that_was_far_ahead(
    log: SimLog, before: int, now: int, signed: int
) -> None:
    found = ask(body(log, 20), holding(log, 20, before), now=now)
    assert found.held is not None
    assert found.held.time == signed
    assert note.verify(note.parse(log.sign() + found.body), [ED25519.key])[0].time == signed


# Evidence


def test_two_roots_of_one_size_are_evidence_whatever_the_status(log: SimLog) -> None:
    forked = log.fork(3)
    for old, status in ((20, 422), (7, 409)):
        found = ask(body(forked, old), holding(log, 20))
        refused(found, status)
        assert found.evidence is not None
        shown = evidence.check(found.evidence, log=log.log)
        assert shown.kind == evidence.EQUAL_SIZE
        assert {shown.older.root, shown.newer.root} == {log.tree.root(20), forked.tree.root(20)}


def test_the_proof_of_another_history_is_evidence(log: SimLog) -> None:
    forked = log.fork(3, 30)
    found = ask(body(forked, 13), holding(log, 13))
    refused(found, 422)
    assert found.evidence is not None
    shown = evidence.check(found.evidence, log=log.log)
    assert (shown.kind, shown.implied) == (evidence.GROWTH, forked.tree.root(13))


def test_a_proof_from_a_power_of_two_shows_nothing_alone(log: SimLog) -> None:
    found = ask(body(log.fork(3, 30), 8), holding(log, 8))
    refused(found, 422)
    assert found.evidence is None
    assert found.refused == log.fork(3, 30).sign()


def test_a_wrong_proof_of_an_honest_log_is_no_evidence(log: SimLog) -> None:
    found = ask(body(log, 5, hashes=proof(log, 6)), holding(log, 5))
    refused(found, 422)
    assert found.evidence is None


def test_what_a_stranger_adds_to_a_note_is_not_in_the_evidence(log: SimLog) -> None:
    junk = [note.line("stranger.example", bytes([n] * 4), b"\5" * 5000) for n in range(90)]
    forked = log.fork(3)
    found = ask(body(forked, 20, signed=note.add(forked.sign(), *junk)), holding(log, 20))
    assert found.evidence is not None
    assert b"stranger" not in found.evidence
    assert found.refused == forked.sign()


# A store that was rolled back


def by_us(log: SimLog, size: int | None = None, time: int = NOW - 5) -> bytes:
    log.cosigners = [(ED25519.name, key(1000), time)]
    signed = log.sign(size)
    log.cosigners = []
    return signed


def test_a_larger_tree_that_bears_our_cosignature_is_held_from_then_on(log: SimLog) -> None:
    found = ask(body(log, 5, 13, signed=by_us(log, 13)), holding(log, 5))
    assert (found.status, found.body, found.returned is not None) == (409, b"13\n", True)
    assert found.held is not None
    assert (found.held.size, found.held.root) == (13, log.tree.root(13))
    cosigned(log.sign(13), found.held.lines, ED25519.key)
    assert found.held.note == log.sign(13)
    forked = log.fork(8, 30)
    refused(ask(body(forked, 5), found.held), 409)
    refused(ask(body(forked, 13), found.held), 422)


def test_it_is_held_also_where_nothing_was(log: SimLog) -> None:
    found = ask(body(log, 0, signed=by_us(log)))
    assert (found.status, found.body, found.returned is not None) == (409, b"20\n", True)
    again = ask(body(log, 20, signed=by_us(log)))
    assert (again.status, again.returned is not None) == (200, True)


def test_a_cosignature_that_is_not_ours_moves_nothing(log: SimLog) -> None:
    wrong = note.line(ED25519.name, ED25519.key.key_id, b"\0" * 72)
    other = by_us(log, 12).rpartition(b"\n")[0].rpartition(b"\n")[2] + b"\n"
    for line in (wrong, other):
        found = ask(body(log, 7, signed=note.add(log.sign(), line)), holding(log, 5))
        refused(found, 409)
        assert (found.body, found.returned) == (b"5\n", None)


def test_a_cosignature_without_a_time_does_not_count(log: SimLog) -> None:
    _, payload = cosignature.cosign(log.head().note.text, ML_DSA.name, ML_DSA.private, 0)
    line = note.line(ML_DSA.name, ML_DSA.key.key_id, payload)
    found = ask(body(log, 7, signed=note.add(log.sign(), line)), holding(log, 5), signers=(ED25519, ML_DSA))
    assert (found.body, found.returned) == (b"5\n", None)


def test_our_cosignature_needs_the_signature_of_the_log(log: SimLog) -> None:
    other = SimLog(seed=2).grow(30)
    refused(ask(body(other, 5, signed=by_us(other)), holding(log, 5)), 403)


def test_our_cosignature_of_another_root_of_the_same_size_is_told(log: SimLog) -> None:
    found = ask(body(log, 20, signed=by_us(log.fork(3))), holding(log, 20))
    refused(found, 422)
    assert found.returned == by_us(log.fork(3))
    assert not ask(body(log, 20, signed=by_us(log)), holding(log, 20)).returned


def test_the_key_of_a_signer_is_a_cosigners() -> None:
    assert ED25519.key.algorithm is Algorithm.COSIGNATURE_V1
    assert ML_DSA.key.algorithm is Algorithm.SUBTREE_V1
