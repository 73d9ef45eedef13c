# SPDX-License-Identifier: Apache-2.0
"""Laws of the log layer: what is parsed serialises to the same bytes, proofs from tiles are the prover's, and
nothing but our errors comes out of any bytes."""

import contextlib
import functools

from hypothesis import given, settings
from hypothesis import strategies as st

from anchor import merkle
from anchor.errors import AnchorError
from anchor.tlog import checkpoint, evidence, follow, note, tiles, tlog_proof, witness_policy
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.keys import Algorithm, VerifierKey, parse_vkey
from anchor.tlog.tile_reader import TileReader
from anchor.tlog.tlog_proof import TlogProof
from tests.support.logs.simlog import SimLog, UniformLog, key
from tests.support.process.sampled import examples
from tests.support.second import needed_tiles

LOG = SimLog().grow(1_500)
SIZES = st.integers(1, 1_500)
_CONTROL = [chr(c) for c in range(32)]
names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="+"), min_size=1)
lines = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=_CONTROL), min_size=1)


@functools.lru_cache(maxsize=64)
def head(size: int) -> Checkpoint:
    return LOG.head(size)


# c2sp.org/tlog-tiles: "Clients can fetch all the tiles they need in parallel and compute any desired proof."
@given(st.data())
def test_proofs_from_tiles_are_the_provers(data: st.DataObject) -> None:
    size = data.draw(SIZES)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    log = LOG.clone()
    tile_reader, leaves = TileReader(log, head(size)), LOG.tree.levels[0]
    assert tile_reader.inclusion_proof(index) == merkle.inclusion_proof(leaves, index, size)
    assert tile_reader.consistency_proof(old) == merkle.consistency_proof(leaves, old, size)
    assert tile_reader.root_at(old) == LOG.tree.root(old)
    wanted = needed_tiles.for_inclusion(index, size) + needed_tiles.for_consistency(old, size)
    assert set(log.paths) == {t.path for t in wanted}
    assert len(log.paths) == len(set(log.paths))  # nothing is read twice


@given(st.data())
def test_the_path_gives_both_roots(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 1_500))
    old = data.draw(st.integers(1, size - 1))
    path = TileReader(LOG.clone(), head(size)).consistency_path(old)
    assert merkle.roots_from_consistency(old, size, path) == (LOG.tree.root(old), LOG.tree.root(size))


# c2sp.org/tlog-checkpoint: "A log MUST not sign any checkpoint which is inconsistent with any checkpoint it
# previously signed."
@given(st.integers(0, 700), st.integers(1, 700), st.integers(1, 700))
@settings(max_examples=60)
def test_a_fork_is_shown_exactly_where_the_histories_differ(at: int, held: int, size: int) -> None:
    fork = LOG.fork(min(at, size), size)
    found = follow.follow(fork, LOG.log, held=[head(held)], memory=LOG)
    if at >= min(size, held):
        assert found.news is not follow.News.EQUIVOCATION
    else:
        assert found.evidence is not None
        assert evidence.check(found.evidence, log=LOG.log).older.size == min(size, held)


@given(st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1), st.data())
@settings(max_examples=40)
def test_trees_of_any_size_are_followed_with_few_reads(one: int, other: int, data: st.DataObject) -> None:
    old, size = sorted((one, other))
    log = UniformLog(size)
    found = follow.follow(log, log.log, held=[log.head(old)])
    assert found.news in (follow.News.GROWN, follow.News.SAME)
    assert found.reader is not None
    index = data.draw(st.integers(0, size - 1))
    path = found.reader.inclusion_proof(index)
    merkle.verify_inclusion(found.reader.leaf_hash(index), index, size, path, found.head.root)
    assert log.reads["tile"] <= 8 * 3


# c2sp.org/tlog-tiles, Partial Tiles: "The partial tile at level l for a tree of size s has floor(s / 256**l)
# mod 256 entries."
@given(st.integers(0, 2**63 - 1))
def test_the_right_edge_is_the_specifications(size: int) -> None:
    assert {t.level: t.width for t in tiles.right_edge(size)} == {
        level: width for level in range(64) if (width := size // 256**level % 256)
    }


@given(st.integers(0, 63), st.integers(0, tiles.MAX_INDEX), st.integers(1, 256))
def test_tile_paths_round_trip(level: int, index: int, width: int) -> None:
    path = tiles.Tile(level, index, width).path
    assert tiles.parse_path(path) == (level, index, width)
    assert tiles.parse_path(tiles.entries_path(index, width)) == (None, index, width)


@given(st.lists(st.binary(max_size=40), max_size=300))
def test_bundles_round_trip(entries: list[bytes]) -> None:
    assert tiles.parse_bundle(tiles.dump_bundle(entries), len(entries)) == entries


# c2sp.org/signed-note: "The note text MAY contain empty lines; the text is separated from the signatures by
# the last empty line in the note."
@given(names, st.lists(lines | st.just(""), min_size=1, max_size=5))
def test_any_text_can_be_signed_and_read_back(name: str, text: list[str]) -> None:
    body = "".join(f"{line}\n" for line in text).encode()
    parsed = note.parse(note.sign(body, name, key(3)))
    signer = VerifierKey(name, Algorithm.ED25519, key(3).public_key().public_bytes_raw())
    assert parsed.text == body
    assert note.verify(parsed, [signer])[0].key == signer
    assert parse_vkey(signer.vkey) == signer


@given(lines, st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(lines, max_size=3))
def test_checkpoints_round_trip(origin: str, size: int, root: bytes, extensions: list[str]) -> None:
    body = checkpoint.body(origin, size, root, tuple(extensions))
    parsed = checkpoint.parse(note.sign(body, "n", key(3)))
    found = (parsed.origin, parsed.size, parsed.root, parsed.extensions)
    assert found == (origin, size, root, tuple(extensions))
    assert parsed.note.text == body


@given(
    st.integers(0, 2**63 - 2),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.none() | st.binary(max_size=100),
)
def test_proofs_round_trip(index: int, hashes: list[bytes], extra: bytes | None) -> None:
    value = TlogProof(index, tuple(hashes), LOG.sign(3), extra)
    assert tlog_proof.parse(tlog_proof.serialise(value)) == value


# What is accepted is what it serialises to: one file, one meaning.
@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_a_parsed_proof_has_only_one_form(tail: bytes) -> None:
    with contextlib.suppress(AnchorError):
        data = b"c2sp.org/tlog-proof@v1\n" + tail
        assert tlog_proof.serialise(tlog_proof.parse(data)) == data


SAMPLES = [
    LOG.sign(5),
    tlog_proof.serialise(TlogProof(3, (bytes(32), bytes(32)), LOG.sign(5), b"x")),
    f"log {LOG.key.vkey}\nwitness w {LOG.key.vkey}\ngroup g any w\nquorum g\n".encode(),
    evidence.build(LOG.log, LOG.head(9), LOG.fork(2, 9).head()),
    LOG.key.vkey.encode(),
    tiles.dump_bundle([b"a", b"bc"]),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 3)):
            case 0:
                data[at:at] = draw(st.binary(max_size=8))
            case 1:
                del data[at : at + draw(st.integers(1, 40))]
            case 2:
                data[at : at + 1] = draw(
                    st.sampled_from([b"\n", b"\0", b"\xff", b"+", b" ", b"9", b"\xe2\x80\x94"])
                )
            case _:
                data += data[at : at + 200]
    return bytes(data)


# "No other exception leaves the package's public functions."
@examples(300, given(mutated() | st.binary(max_size=300)))
def test_only_our_errors_come_out_of_any_bytes(data: bytes) -> None:
    for call in (
        note.parse,
        checkpoint.parse,
        lambda d: checkpoint.verify(d, LOG.log),
        tlog_proof.parse,
        lambda d: tlog_proof.verify(
            tlog_proof.parse(d), bytes(32), policy=witness_policy.parse(b"quorum none\n"), now=0
        ),
        witness_policy.parse,
        evidence.check,
        lambda d: parse_vkey(d.decode("utf-8", "surrogateescape")),
        lambda d: tiles.parse_bundle(d, 3),
        lambda d: tiles.parse_path(d.decode("latin-1")),
    ):
        with contextlib.suppress(AnchorError):
            call(data)


class Fuzzed:
    """A source that serves whatever it is given."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = answers
        self.count = 0

    def _next(self) -> bytes:
        self.count += 1
        return self.answers[self.count % len(self.answers)]

    def checkpoint(self) -> bytes:
        return self._next()

    def tile(self, level: int, index: int, width: int) -> bytes:
        return self._next()

    def entries(self, index: int, width: int) -> bytes:
        return self._next()


@given(st.lists(st.binary(max_size=64) | st.sampled_from([bytes(32), LOG.sign(), bytes(8192)]), min_size=1))
def test_no_source_makes_the_follower_fail_or_accuse(answers: list[bytes]) -> None:
    with contextlib.suppress(AnchorError):
        found = follow.follow(Fuzzed(answers), LOG.log, held=[head(7)])
        assert found.news is not follow.News.EQUIVOCATION
        assert found.head.size == LOG.size
