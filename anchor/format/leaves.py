# SPDX-License-Identifier: Apache-2.0
"""Facts to leaf bytes, root and ledger.json, in one pass and in bounded memory.

FORMAT.md sections 4, 5, 16 and 18.1.

Leaf bytes are RFC 8785 of the fact. Values are strings or null, and the keys of a ledger are fixed, so that
RFC 8785 is: keys in the order of code points (none is above U+FFFF), no white space, and the escapes of
msgspec; a property test holds this against the `rfc8785` package for every code point.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, starmap
from operator import itemgetter
from typing import Any, BinaryIO, Final, Protocol

import msgspec
from msgspec import UnsetType

from anchor import limits
from anchor.encoding import jcs
from anchor.errors import Refused
from anchor.format.facts import (
    ABSENT,
    MAX_FACTS,
    MAX_LEAF,
    ChunkedTable,
    Fact,
    Ledger,
    Objects,
    Table,
    Value,
    brief,
    check_columns,
)
from anchor.format.index import Index, builders
from anchor.merkle import Accumulator, leaf_hashes

FORMAT = "urn:ledger-anchor:ledger:v1"
FORMAT_2 = "urn:ledger-anchor:ledger:v2"
STRINGS: Final = "rfc8785-strings"
"""The encoding of a ledger in which every column of every fact is a string."""
STRINGS_OR_NULL: Final = "rfc8785-strings-or-null"
"""The encoding of a ledger with at least one null or absent value."""
SALTED_CELLS: Final = "salted-cells-v1"
"""The encoding of a confidential ledger, whose facts are not published (`salted_cells`)."""
CHUNK = 1024
"""Facts that are in memory at once; a power of two, so that a chunk is a perfect subtree."""

_STRINGS: Final[set[type]] = {str}
_VALUES: Final[set[type]] = {str, type(None), UnsetType}


class Sink(Protocol):
    """The place that ledger.json is written to: an open file, or a hash."""

    def write(self, data: bytes, /) -> object: ...


class Sealed(msgspec.Struct, frozen=True):
    """The result for a ledger: the 32-byte root of its tree, the number of facts, the columns in order."""

    root: bytes
    size: int
    columns: tuple[str, ...]
    encoding: str = STRINGS
    indexes: tuple[Index, ...] = ()

    @property
    def needs_version_2(self) -> bool:
        """True if version 1 of the format cannot hold these facts (FORMAT.md sections 2 and 16)."""
        return _needs_version_2(self.columns, self.size, self.encoding)


def _needs_version_2(columns: tuple[str, ...], size: int, encoding: str) -> bool:
    return encoding != STRINGS or len(columns) > limits.COLUMNS or size > limits.FACTS


def encoder(columns: tuple[str, ...]) -> Callable[[Fact], bytes]:
    """The function from a fact, in column order, to its leaf bytes. Values must be whole characters."""
    build, encode = _builder(columns), msgspec.json.Encoder().encode

    def leaf(row: Fact) -> bytes:
        if len(row) != len(columns) or set(map(type, row)) - _VALUES:
            raise Refused(f"a fact is {len(columns)} strings or nulls", where="fact")
        try:
            return encode(next(build([row])))
        except UnicodeEncodeError:
            raise Refused("a lone surrogate has no UTF-8", where="fact") from None

    return leaf


def seal(
    table: Table,
    *,
    ledger: Ledger,
    ledger_json: Sink | None = None,
    progress: Callable[[int], object] | None = None,
    keys: Sequence[Sequence[str]] = (),
    spool: Callable[[], BinaryIO] | None = None,
) -> Sealed:
    """The root, size and columns of a ledger. Its ledger.json is written while the facts are read.

    `keys` has the key columns of each index; `spool` opens a temporary file, which the caller closes.
    `progress` is called with the number of facts done, now and then. Raises the errors of the table's
    reader, and `Refused` for an empty table or a fact beyond the limits. The caller then discards the output.
    """
    tree, leaves = Accumulator(), Leaves(table)
    indexes = builders(keys, table.columns, spool=spool)
    write = ledger_json.write if ledger_json else None
    if write:
        write(head(table.columns))
    done = 0
    for facts, chunk in leaves.with_facts():
        hashes = leaf_hashes(chunk)
        tree.extend(hashes)
        for index in indexes:
            index.extend(facts, hashes)
        if write:
            write((b",\n" if done else b"") + b",\n".join(chunk))
        done += len(chunk)
        if progress:
            progress(done)
    if not done:
        raise Refused("no facts", where="ledger", remedy="a ledger has at least one fact")
    sealed = Sealed(
        root=tree.root(),
        size=done,
        columns=table.columns,
        encoding=leaves.encoding,
        indexes=tuple(index.index() for index in indexes),
    )
    if write:
        write(tail(ledger, FORMAT_2 if sealed.needs_version_2 else FORMAT))
    return sealed


class Leaves:
    """The leaf bytes of a table, in order, in lists. A list has a chunk of the table, or `CHUNK` facts.

    `encoding` is known after the last one.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._columns = check_columns(table.columns, where="columns")
        self._only_strings = True
        self._unseen = set(range(len(self._columns)))
        """Columns that no fact has so far, by their place."""

    @property
    def encoding(self) -> str:
        """The name of the encoding of the facts so far (FORMAT.md section 16.2)."""
        return STRINGS if self._only_strings else STRINGS_OR_NULL

    def __iter__(self) -> Iterator[list[bytes]]:
        return map(itemgetter(1), self.with_facts())

    def with_facts(self) -> Iterator[tuple[Sequence[Sequence[Value]], list[bytes]]]:
        """The facts of each list beside it, in column order."""
        build, encode = _builder(self._columns), msgspec.json.Encoder().encode_lines
        encode_sorted = msgspec.json.Encoder(order="sorted").encode_lines
        done = 0
        for chunk in _chunks(self._table):
            place = f"facts {done + 1} to {done + len(chunk)}"
            try:
                if isinstance(chunk, Objects):
                    self._check_objects(chunk, place)
                    lines = encode_sorted(chunk.objects)
                else:
                    self._check(chunk, place)
                    lines = encode(list(build(chunk)))
            except UnicodeEncodeError:
                raise Refused("a lone surrogate", where=place) from None
            leaves = lines.split(b"\n")  # JSON has no LF of its own; a string has it as an escape
            leaves.pop()  # what stands after the last line end
            if len(lines) > MAX_LEAF and max(map(len, leaves)) > MAX_LEAF:
                at = next(i for i, leaf in enumerate(leaves, done + 1) if len(leaf) > MAX_LEAF)
                raise Refused(
                    f"more than {MAX_LEAF} bytes of JSON", where=f"fact {at}", remedy="shorten its values"
                )
            done += len(leaves)
            if done > MAX_FACTS:
                raise Refused(f"more than {MAX_FACTS} facts", where="ledger", remedy="split the ledger")
            yield chunk, leaves
        if done and self._unseen:
            name = brief(self._columns[min(self._unseen)])
            raise Refused(f"the column {name} is in no fact", where="ledger", remedy="take it out")

    def _check(self, chunk: Sequence[Sequence[Value]], place: str) -> None:
        """Each fact has a value for each column, and at least one column that is not absent."""
        width, kinds = len(self._columns), _kinds(chunk)
        if set(map(len, chunk)) != {width} or kinds - _VALUES:
            raise Refused(f"a fact is not {width} strings or nulls", where=place)
        if UnsetType not in kinds:
            self._unseen.clear()
        elif self._unseen:
            self._unseen = {i for i in self._unseen if all(fact[i] is ABSENT for fact in chunk)}
        if kinds == _STRINGS:
            return
        self._only_strings = False
        if UnsetType in kinds and any(all(v is ABSENT for v in fact) for fact in chunk):
            raise _no_member(place)

    def _check_objects(self, chunk: Objects, place: str) -> None:
        """As `_check`: their reader has looked at the values."""
        if chunk.whole:
            self._unseen.clear()
            return
        if self._unseen:
            seen = set[str]().union(*chunk.objects)
            self._unseen = {i for i in self._unseen if self._columns[i] not in seen}
        whole = set(map(len, chunk.objects)) == {len(self._columns)}
        if not whole or any(None in found.values() for found in chunk.objects):
            self._only_strings = False
        if not all(chunk.objects):
            raise _no_member(place)


def _no_member(place: str) -> Refused:
    return Refused("a fact without a member", where=place, remedy="take it out")


def _kinds(chunk: Sequence[Sequence[Value]]) -> set[type]:
    """The types of all values. Strings alone can be joined, which takes half the time of looking at types."""
    try:
        "".join(chain.from_iterable(chunk))  # type: ignore[arg-type]  # the question is whether they are
    except TypeError:
        return set(map(type, chain.from_iterable(chunk)))
    return _STRINGS


def _chunks(table: Table) -> Iterator[Sequence[Sequence[Value]]]:
    """The facts of a table, without their positions, many at once."""
    if isinstance(table, ChunkedTable):
        yield from map(itemgetter(1), table.chunks())
        return
    facts = map(itemgetter(1), table)
    while chunk := list(islice(facts, CHUNK)):
        yield chunk


def head(columns: tuple[str, ...]) -> bytes:
    """The first line of a ledger.json."""
    return b'{"columns":' + jcs(list(columns), where="columns") + b',"facts":[\n'


def tail(ledger: Ledger, form: str = FORMAT) -> bytes:
    """The text after the last fact of a ledger.json; `form` is its `format`."""
    named = {"name": ledger.name, "number": ledger.number, "version": ledger.version}
    rest = jcs({"format": form, "ledger": named}, where="ledger")
    return b"\n]," + rest[1:] + b"\n"


def _builder(columns: tuple[str, ...]) -> Callable[[Iterable[Sequence[Value]]], Iterator[Any]]:
    """From facts to what msgspec encodes with the keys in canonical order.

    A struct type with the keys as its field names is twice as fast as a dict; msgspec refuses names for it
    that need an escape. It leaves out a field that is `ABSENT`.
    """
    order = sorted(range(len(columns)), key=columns.__getitem__)
    names = [columns[i] for i in order]
    fields = {f"f{i}": name for i, name in enumerate(names)}
    pick: Callable[[Sequence[Value]], Iterable[Any]] = itemgetter(*order) if len(order) > 1 else tuple
    if all(n.isprintable() and not set(n) & {'"', "\\"} for n in names):
        made = msgspec.defstruct("Fact", [(f, str) for f in fields], rename=fields, gc=False)
        if names == list(columns):
            return lambda facts: starmap(made, facts)
        return lambda facts: starmap(made, map(pick, facts))
    return lambda facts: (
        {n: v for n, v in zip(names, pick(fact), strict=True) if v is not ABSENT} for fact in facts
    )
