# SPDX-License-Identifier: Apache-2.0
"""Laws of the index `csmt-sha256-v1` that hold for every set of keys, against the second implementation."""

import hashlib
import io
import itertools
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from anchor.errors import Refused
from anchor.format.facts import Objects, fact_from
from anchor.format.index import IndexBuilder, key_hash
from anchor.merkle.sparse import KeyEntries, keys_and_root, path
from anchor.merkle.sparse_hashing import EMPTY, KeyLeaf
from anchor.merkle.sparse_proof import root_of_absent, root_of_present
from tests.support.second import index2
from tests.support.second.readers import Wrong

LEAVES = [hashlib.sha256(b"index %d" % i).digest() for i in range(64)]

# Few first bits are free, so that random keys share many of them: up to 255, with hash functions left out.
hashes = st.builds(
    lambda start, shared, end: (start[:shared] + end[shared:])[:32],
    st.sampled_from([b"\0" * 32, b"\xff" * 32, LEAVES[0]]),
    st.integers(0, 31),
    st.sampled_from([LEAVES[1], LEAVES[2], b"\0" * 31 + b"\1", b"\0" * 31 + b"\2", b"\xff" * 31 + b"\xfe"]),
) | st.binary(min_size=32, max_size=32)
facts = st.lists(hashes, min_size=1, max_size=30)


def slow(keys: list[bytes]) -> list[index2.Entry]:
    found = []
    for key in dict.fromkeys(keys):
        made = index2.entry([], [(i, LEAVES[i]) for i, k in enumerate(keys) if k == key])
        found.append(index2.Entry(key, made.n, made.inner))
    return found


def built(keys: list[bytes], **more: Any) -> KeyEntries:
    made = KeyEntries(**more)
    made.extend(keys, LEAVES[: len(keys)])
    return made


def refused(function: Callable[..., Any], *args: Any) -> bool:
    try:
        function(*args)
    except Refused:
        return True
    return False


@given(facts)
def test_root_and_number_of_keys_are_those_of_the_second_implementation(keys: list[bytes]) -> None:
    expected = slow(keys)
    assert keys_and_root(built(keys).leaves()) == (len(expected), index2.root(expected))


@settings(max_examples=50)
@given(facts, st.lists(st.integers(0, 30), max_size=3), st.integers(1, 8))
def test_chunks_and_temporary_files_change_nothing(keys: list[bytes], cuts: list[int], held: int) -> None:
    made = KeyEntries(io.BytesIO, held=held)
    edges = sorted({0, *(min(cut, len(keys)) for cut in cuts), len(keys)})
    for start, end in itertools.pairwise(edges):
        made.extend(keys[start:end], LEAVES[start:end])
    assert list(made.leaves()) == list(built(keys).leaves()) == list(made.leaves())


@settings(max_examples=50)
@given(facts, hashes)
def test_paths_are_those_of_the_second_implementation(keys: list[bytes], other: bytes) -> None:
    expected = slow(keys)
    root = index2.root(expected)
    leaves = list(built(keys).leaves())
    for wanted in {*keys, other}:
        siblings, end = path(leaves, wanted)
        theirs, their_end = index2.path(expected, wanted)
        assert [s or EMPTY for s in siblings] == theirs
        assert (end and tuple(end)) == (their_end and tuple(their_end))
        if end is not None and end.key_hash == wanted:
            assert root_of_present(end, siblings) == root
            assert refused(root_of_absent, wanted, siblings, end)
        else:
            assert root_of_absent(wanted, siblings, end) == root


@settings(max_examples=50)
@given(st.data(), facts, hashes)
def test_the_checker_agrees_with_the_second_one_on_changed_paths(
    data: st.DataObject, keys: list[bytes], other: bytes
) -> None:
    wanted = data.draw(st.sampled_from([*keys, other]))
    siblings, end = path(built(keys).leaves(), wanted)
    changed: list[bytes | None] = list(siblings)
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, max(len(changed) - 1, 0)))
        match data.draw(st.sampled_from(["cut", "drop", "add", "swap"])):
            case "cut":
                del changed[at:]
            case "drop":
                del changed[at : at + 1]
            case "add":
                changed.insert(at, data.draw(st.none() | st.sampled_from(LEAVES)))
            case _:
                changed[:2] = changed[1::-1]
    if end is not None:
        end = data.draw(st.sampled_from([end, end._replace(n=end.n + 1), end._replace(key_hash=other), None]))
    absent = end is None or end.key_hash != wanted
    try:
        theirs = index2.root_of_path(
            wanted, [s or EMPTY for s in changed], index2.Entry(*end) if end else None
        )
    except Wrong:
        theirs = None
    try:
        ours = root_of_absent(wanted, changed, end) if absent else root_of_present(end, changed)  # type: ignore[arg-type]
    except Refused:
        ours = None
    assert ours == theirs
    if changed != siblings:
        assert ours != keys_and_root(built(keys).leaves())[1]


@settings(max_examples=50)
@given(facts, hashes, st.integers(0, 255))
def test_no_path_shows_both_that_a_key_is_there_and_that_it_is_not(
    keys: list[bytes], other: bytes, bit: int
) -> None:
    """With a bit of the path's end flipped, it leads to another root."""
    for wanted in (keys[0], other):
        siblings, end = path(built(keys).leaves(), wanted)
        _, root = keys_and_root(built(keys).leaves())
        if end is None:
            continue
        changed = end._replace(inner=(int.from_bytes(end.inner) ^ 1 << bit).to_bytes(32))
        check = root_of_present if end.key_hash == wanted else None
        found = check(changed, siblings) if check else root_of_absent(wanted, siblings, changed)
        assert found != root


values = st.none() | st.text(max_size=3)


@given(st.lists(st.tuples(values, values, values), min_size=1, max_size=12), st.permutations(["a", "b", "c"]))
def test_an_index_of_facts_is_that_of_the_second_implementation(
    rows: list[tuple[str | None, ...]], order: list[str]
) -> None:
    columns = ("a", "b", "c")
    for key in (order[:1], order[:2], order):
        builder = IndexBuilder(key, columns)
        hashes = builder.add(builder.keys_of(rows), LEAVES[: len(rows)])
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        expected = index2.entries(key, named, LEAVES[: len(rows)])
        assert [tuple(leaf) for leaf in builder.leaves()] == sorted(map(tuple, expected))
        assert builder.index().root == index2.root(expected).hex()
        assert hashes == [key_hash(tuple(index2.key_of(fact, key))) for fact in named]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), values, min_size=1), min_size=1, max_size=12))
def test_objects_have_the_keys_of_their_facts(objects: list[dict[str, str | None]]) -> None:
    columns = ("a", "b", "c")
    chunk = Objects(objects, fact_from(columns), whole=False)
    for key in (("a",), ("c", "b")):
        builder = IndexBuilder(key, columns)
        assert builder.keys_of(chunk) == builder.keys_of(list(chunk))
        assert builder.keys_of(chunk) == [tuple(index2.key_of(found, list(key))) for found in objects]


def test_a_leaf_has_the_hash_of_the_second_implementation() -> None:
    entry = index2.Entry(LEAVES[0], 7, LEAVES[1])
    assert KeyLeaf(*entry).hash() == entry.hash()


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.binary(max_size=33) | st.just(LEAVES[0]),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner, inner),
    max_leaves=6,
)


@given(anything, anything, anything, anything, anything)
def test_whatever_is_given_to_the_checker_is_refused_or_gives_a_root(
    key: Any, path_: Any, one: Any, n: Any, inner: Any
) -> None:
    for other in (None, KeyLeaf(one, n, inner), KeyLeaf(LEAVES[0], 1, LEAVES[1])):
        for check in (root_of_absent, lambda k, p, o: root_of_present(KeyLeaf(k, n, inner), p)):
            try:
                root = check(key, path_, other)
            except Refused:
                continue
            assert type(root) is bytes
            assert len(root) == 32
