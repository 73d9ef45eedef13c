# SPDX-License-Identifier: Apache-2.0
"""Facts to leaf bytes, root and ledger.json, in one pass and in bounded memory. FORMAT.md sections 4 and 5.

Leaf bytes are RFC 8785 of the fact. Values are strings and the keys of a ledger are fixed, so that RFC 8785
is: keys in the order of code points (none is above U+FFFF), no white space, and the escapes of
msgspec; a property test holds this against the `rfc8785` package for every code point.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from operator import itemgetter
from typing import Any, Final, Protocol

import msgspec

from anchor.encoding import jcs
from anchor.errors import Refused
from anchor.format.facts import MAX_FACTS, MAX_LEAF, Ledger, Row, Table, check_columns
from anchor.merkle import Accumulator, leaf_hashes

FORMAT = "urn:ledger-anchor:ledger:v1"
ENCODING: Final = "rfc8785-strings"
"""The name of this way to make a leaf of a fact, in statements."""
CHUNK = 1024
"""Facts that are in memory at once; a power of two, so that a chunk is a perfect subtree."""

_STRINGS = {str}


class Sink(Protocol):
    """The place that ledger.json is written to: an open file, or a hash."""

    def write(self, data: bytes, /) -> object: ...


class Sealed(msgspec.Struct, frozen=True):
    """The result for a ledger: the 32-byte root of its tree, the number of facts, the columns in order."""

    root: bytes
    size: int
    columns: tuple[str, ...]


def encoder(columns: tuple[str, ...]) -> Callable[[Row], bytes]:
    """The function from a row, in column order, to its leaf bytes. Values must be whole characters."""
    build, encode = _builder(columns), msgspec.json.Encoder().encode

    def leaf(row: Row) -> bytes:
        if len(row) != len(columns) or set(map(type, row)) - _STRINGS:
            raise Refused(f"a fact is {len(columns)} strings", where="fact")
        try:
            return encode(build(row))
        except UnicodeEncodeError:
            raise Refused("a lone surrogate has no UTF-8", where="fact") from None

    return leaf


def seal(
    table: Table,
    *,
    ledger: Ledger,
    ledger_json: Sink | None = None,
    progress: Callable[[int], object] | None = None,
) -> Sealed:
    """The root, size and columns of a ledger. Its ledger.json is written while the facts are read.

    `progress` is called with the number of facts done, now and then. Raises the errors of the table's
    reader, and `Refused` for an empty table or a fact beyond the limits. The caller then discards the output.
    """
    tree = Accumulator()
    write = ledger_json.write if ledger_json else None
    if write:
        write(head(table.columns))
    done = 0
    for leaves in leaf_chunks(table):
        tree.extend(leaf_hashes(leaves))
        if write:
            write((b",\n" if done else b"") + b",\n".join(leaves))
        done += len(leaves)
        if progress:
            progress(done)
    if not done:
        raise Refused("no facts", where="ledger", remedy="a ledger has at least one fact")
    if write:
        write(tail(ledger))
    return Sealed(root=tree.root(), size=done, columns=table.columns)


def leaf_chunks(table: Table) -> Iterator[list[bytes]]:
    """The leaf bytes of a table, in order, in lists of at most `CHUNK`."""
    columns = check_columns(table.columns, where="columns")
    build, encode = _builder(columns), msgspec.json.Encoder().encode
    rows = map(itemgetter(1), table)
    done = 0
    while chunk := list(islice(rows, CHUNK)):
        if set(map(len, chunk)) != {len(columns)} or set(map(type, chain.from_iterable(chunk))) != _STRINGS:
            raise Refused(
                f"a fact is not {len(columns)} strings", where=f"facts {done + 1} to {done + len(chunk)}"
            )
        try:
            leaves = [encode(build(row)) for row in chunk]
        except UnicodeEncodeError:
            raise Refused("a lone surrogate", where=f"facts {done + 1} to {done + len(chunk)}") from None
        if max(map(len, leaves)) > MAX_LEAF:
            at = next(i for i, leaf in enumerate(leaves, done + 1) if len(leaf) > MAX_LEAF)
            raise Refused(
                f"more than {MAX_LEAF} bytes of JSON", where=f"fact {at}", remedy="shorten its values"
            )
        done += len(leaves)
        if done > MAX_FACTS:
            raise Refused(f"more than {MAX_FACTS} facts", where="ledger", remedy="split the ledger")
        yield leaves


def head(columns: tuple[str, ...]) -> bytes:
    """The first line of a ledger.json."""
    return b'{"columns":' + jcs(list(columns), where="columns") + b',"facts":[\n'


def tail(ledger: Ledger) -> bytes:
    """The text after the last fact of a ledger.json."""
    named = {"name": ledger.name, "number": ledger.number, "version": ledger.version}
    rest = jcs({"format": FORMAT, "ledger": named}, where="ledger")
    return b"\n]," + rest[1:] + b"\n"


def _builder(columns: tuple[str, ...]) -> Callable[[Row], Any]:
    """From a row to something that msgspec encodes with the keys in canonical order.

    A struct type with the keys as its field names is twice as fast as a dict; msgspec refuses names for it
    that need an escape.
    """
    names = sorted(columns)
    order = [columns.index(n) for n in names]
    fields = {f"f{i}": name for i, name in enumerate(names)}
    pick: Callable[[Row], Iterable[str]] = itemgetter(*order) if len(order) > 1 else tuple
    if all(n.isprintable() and not set(n) & {'"', "\\"} for n in names):
        made = msgspec.defstruct("Fact", [(f, str) for f in fields], rename=fields, gc=False)
        return lambda row: made(*pick(row))
    return lambda row: dict(zip(names, pick(row), strict=True))
