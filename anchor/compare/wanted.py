# SPDX-License-Identifier: Apache-2.0
"""The facts that somebody looks for in a ledger: those with some values, or those with one leaf hash.

Values are compared as exact bytes. FORMAT.md sections 2 and 4.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from anchor.encoding import jcs, parse_json
from anchor.errors import Misuse, Refused
from anchor.format import names
from anchor.format.concatenated import chunks_of
from anchor.format.fact_search import wanted_value
from anchor.format.facts import Fact, Table, brief
from anchor.format.key_search import folded
from anchor.format.leaves import Leaves, encoder
from anchor.merkle import leaf_hash, leaf_hashes

MOST: Final = 10_000
"""Facts of one ledger that may be found."""
_HINTS: Final = 10


class Match(msgspec.Struct, frozen=True):
    """A fact that was found: its index from 0, its leaf hash (hex), and its values by column.

    An absent column has no member.
    """

    index: int
    leaf: str
    fact: dict[str, str | None]


class Wanted(msgspec.Struct, frozen=True):
    """A question: the leaf hash (32 bytes), or pairs as a user writes them (`column=value`), of which all
    must hold."""

    leaf: bytes = b""
    pairs: tuple[str, ...] = ()

    def columns(self, known: Sequence[str]) -> dict[str, str] | None:
        """The wanted values by column. None if a ledger with these columns has not all of them.

        Raises `Misuse` as `fact_search.wanted_value`.
        """
        found: dict[str, str] = {}
        for pair in self.pairs:
            if not any(c == "=" and pair[:i] in known for i, c in enumerate(pair)):
                return None
            name, value = wanted_value(pair, known)
            if found.setdefault(name, value) != value:
                raise Misuse("two values for one column", where=f"--where {brief(pair)}", remedy="give one")
        return found


def by_leaf(text: str) -> Wanted:
    """The question for a leaf hash in hex."""
    if names.hex_problem(text):
        raise Misuse(f"{brief(text)} {names.hex_problem(text)}", where="--leaf", remedy="give the leaf hash")
    return Wanted(leaf=bytes.fromhex(text))


def by_fact(text: str) -> Wanted:
    """The question for a fact as JSON, such as a line of ledger.json."""
    remedy = 'give an object of strings, such as {"label":"A","value":"1"}'
    try:
        value = parse_json(text.encode(errors="surrogateescape"), where="--fact")
        known = isinstance(value, dict) and all(isinstance(v, str | None) for v in value.values())
        if known and value:
            return Wanted(leaf=leaf_hash(jcs(value, where="--fact")))
    except Refused as e:
        raise Misuse(e.problem, where=e.where, remedy=remedy) from None
    raise Misuse("is no fact as JSON", where="--fact", remedy=remedy)


def by_values(pairs: Sequence[str]) -> Wanted:
    """The question for facts with these values, each as `column=value`."""
    if not pairs:
        raise Misuse("which fact?", where="--where", remedy="give column=value")
    for pair in pairs:
        if "=" not in pair:
            raise Misuse(f"{brief(pair)} has no =", where="--where", remedy="give column=value")
    return Wanted(pairs=tuple(pairs))


def find(table: Table, wanted: Wanted) -> list[Match]:
    """The facts of a table that are wanted, in order. The table is read to its end, a chunk at a time.

    Raises `Misuse` for more than `MOST` facts, and the errors of the table's reader.
    """
    found = []
    for match in _by_leaf(table, wanted.leaf) if wanted.leaf else _by_values(table, wanted):
        found.append(match)
        if len(found) > MOST:
            raise Misuse(f"more than {MOST} facts of one release are meant", remedy="say more with --where")
    return found


def _by_leaf(table: Table, leaf: bytes) -> Iterator[Match]:
    done, decode = 0, msgspec.json.Decoder(dict[str, str | None]).decode
    for chunk in Leaves(table):
        hashes = leaf_hashes(chunk)
        if leaf in hashes:
            for at, one in enumerate(hashes):
                if one == leaf:
                    yield Match(done + at, leaf.hex(), decode(chunk[at]))
        done += len(chunk)


def _by_values(table: Table, wanted: Wanted) -> Iterator[Match]:
    columns = table.columns
    said = wanted.columns(columns)
    checks = None if said is None else [(columns.index(name), value) for name, value in said.items()]
    leaf, done = encoder(tuple(columns)), 0
    for _, facts in chunks_of(table):  # also without such a column: the end of the file is compared
        if checks is not None:
            (place, first), *rest = checks
            for at, fact in enumerate(facts):
                if fact[place] == first and all(fact[i] == value for i, value in rest):
                    yield Match(done + at, leaf_hash(leaf(tuple(fact))).hex(), _values(columns, tuple(fact)))
        done += len(facts)


def _values(columns: Sequence[str], fact: Fact) -> dict[str, str | None]:
    return {
        name: value
        for name, value in zip(columns, fact, strict=True)
        if value is None or isinstance(value, str)
    }


def similar(table: Table, wanted: Wanted) -> list[dict[str, str]]:
    """The values of facts that look like the wanted ones (`key_search.folded`), each combination once.

    At most ten are given. The table is read to its end.
    """
    said = wanted.columns(table.columns)
    found: list[dict[str, str]] = []
    if not said:
        return found
    places = [table.columns.index(name) for name in said]
    looked_for = folded(tuple(said.values()))
    for _, facts in chunks_of(table):
        for fact in facts:
            values = [v for i in places if isinstance(v := fact[i], str)]
            if len(values) < len(places) or len(found) >= _HINTS or folded(tuple(values)) != looked_for:
                continue
            hint = dict(zip(said, values, strict=True))
            found += [hint] if hint not in found else []
    return found


def missing_column(wanted: Wanted, columns: Mapping[int, Sequence[str]]) -> Misuse:
    """The error if no release has a column of the question. `columns`: of each release, by number."""
    newest = columns[max(columns)]
    listed = ", ".join(brief(name) for name in newest[:8]) + (", ..." if len(newest) > 8 else "")
    return Misuse(
        f"no release has such a column: {brief(wanted.pairs[0])}",
        where="--where",
        remedy=f"the columns of the newest are {listed}",
    )
