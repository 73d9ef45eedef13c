# SPDX-License-Identifier: Apache-2.0
"""Small ledgers, signed by a Sigstore that is made of seeds, and receipts of them by the second
implementation.

The same bytes each time. Nothing of `anchor` is used.
"""

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.support.forge.bundles import V1_DSSE, V2_DSSE, Recipe, make
from tests.support.second import index2, leaves2, receipts2
from tests.support.second.leaves2 import Fact, jcs, leaf_hash
from tests.support.second.merkle import mth

Json = dict[str, Any]
Key = list[str | None]
COLUMNS = ("label", "value", "unit")


@dataclass(frozen=True)
class Ledger:
    """Facts, the name of their release, and how they are signed."""

    facts: tuple[Fact, ...]
    name: str = "receipt-vectors"
    number: int = 1
    columns: tuple[str, ...] = COLUMNS
    keys: tuple[tuple[str, ...], ...] = ()
    """The columns of each index."""
    dialect: tuple[tuple[str, Any], ...] = ()
    recipes: tuple[Recipe, ...] = (V2_DSSE,)
    """A bundle for each one."""
    tree: tuple[tuple[str, Any], ...] = ()
    """Members of `tree` that are not those of the facts."""

    def but(self, **changes: Any) -> "Ledger":
        return replace(self, **changes)

    @functools.cached_property
    def leaves(self) -> list[bytes]:
        return [jcs(fact) for fact in self.facts]

    @functools.cached_property
    def hashes(self) -> list[bytes]:
        return [leaf_hash(leaf) for leaf in self.leaves]

    def entries(self, columns: Sequence[str]) -> list[index2.Entry]:
        """The keys of an index."""
        return index2.entries(list(columns), list(self.facts), self.hashes)

    @functools.cached_property
    def statement(self) -> bytes:
        """The statement, of version 2 only if version 1 cannot say it."""
        encoding = leaves2.encoding(list(self.columns), list(self.facts))
        named: Json = {"name": self.name, "number": self.number, "version": f"{self.number}.0.0"}
        tree: Json = {"algorithm": "rfc9162-sha256", "root": mth(self.hashes).hex(), "size": len(self.facts)}
        said: Json = {"ledger": named, "tree": tree | dict(self.tree)}
        old = encoding == "rfc8785-strings" and not self.keys and not self.dialect
        original, reader = ("ledger.csv", "csv-v1") if old else ("ledger.csv", "delimited-v2")
        if "null" in encoding:
            original, reader = "ledger.jsonl", "jsonl-v2"
        elif self.keys and not self.dialect:
            reader = "csv-v1"
        file: Json = {"name": original, "reader": reader} | (
            {"dialect": dict(self.dialect)} if self.dialect else {}
        )
        ours = {"name": "ledger.json", "reader": f"ledger-json-v{2 if 'null' in encoding else 1}"}
        listed = [file, ours]
        said["facts"] = {"columns": list(self.columns), "encoding": encoding, "files": listed}
        before = {
            "number": self.number - 1,
            "version": f"{self.number - 1}.0.0",
            "statement": hashlib.sha256(b"before").hexdigest(),
        }
        if old:
            said |= {"index": None, "blinding": None, "evidence": [], "previous": None}
        if self.number > 1:
            said["previous"] = before
        if self.keys:
            said["index"] = [self._index(columns) for columns in self.keys]
        copy = leaves2.ledger_json(list(self.columns), list(self.facts), named)
        digests = {"ledger.json": copy, original: b"\n".join(self.leaves)}
        subject = [
            {"name": n, "digest": {"sha256": hashlib.sha256(d).hexdigest()}}
            for n, d in sorted(digests.items())
        ]
        return jcs(
            {
                "_type": "https://in-toto.io/Statement/v1",
                "predicateType": f"urn:ledger-anchor:commitment:v{1 if old else 2}",
                "subject": subject,
                "predicate": said,
            }
        )

    def _index(self, columns: tuple[str, ...]) -> Json:
        found = self.entries(columns)
        root = index2.root(found).hex()
        return {"algorithm": "csmt-sha256-v1", "columns": list(columns), "keys": len(found), "root": root}

    @functools.cached_property
    def bundles(self) -> list[Json]:
        return [make(recipe.but(payload=self.statement)) for recipe in self.recipes]

    def receipt(self, *indexes: int) -> Json:
        """The receipt of some facts."""
        return {
            "format": "urn:ledger-anchor:receipt:v1",
            "kind": "inclusion",
            "bundles": _copy(self.bundles),
            "facts": [{"index": i, "fact": dict(self.facts[i])} for i in indexes],
            "proof": [h.hex() for h in receipts2.multiproof(self.hashes, sorted(indexes))],
        }

    def line(self, *indexes: int) -> Json:
        """The same as a line of a file of receipts."""
        found = self.receipt(*indexes)
        del found["bundles"]
        return found | {"release": hashlib.sha256(self.statement).hexdigest()}

    def of_key(self, columns: Sequence[str], key: Key) -> Json:
        """The receipt of all facts of a key, or of its absence."""
        siblings, end = index2.path(self.entries(columns), index2.key_hash(key))
        path = [None if hash_ == index2.EMPTY else hash_.hex() for hash_ in siblings]
        shown: Json = {"columns": list(columns), "key": key, "path": path}
        indexes = [i for i, fact in enumerate(self.facts) if index2.key_of(fact, list(columns)) == key]
        if indexes:
            return self.receipt(*indexes) | {"kind": "completeness", "index": shown}
        if end is not None:
            shown["other"] = {"key_hash": end.key_hash.hex(), "n": end.n, "inner": end.inner.hex()}
        found = self.receipt(0) | {"kind": "absence", "index": shown}
        del found["facts"], found["proof"]
        return found

    def absent(self, *, other: bool) -> Key:
        """A value of the first column that no fact has, and whose path ends in another key or in nothing."""
        numbers = range(1000)
        keys: list[Key] = [[f"absent {n}"] for n in numbers]
        return next(k for k in keys if ("other" in self.of_key(COLUMNS[:1], k)["index"]) == other)


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def rows(*values: tuple[str | None, ...], columns: tuple[str, ...] = COLUMNS) -> tuple[Fact, ...]:
    """Facts out of rows."""
    return tuple(dict(zip(columns, row, strict=True)) for row in values)


PLAIN = Ledger(
    rows(
        ("Head office", "Paris", ""),
        ("Employees", "312", "persons"),
        ("Turnover", "44010", "EUR"),
        ("Employees", "315", "persons"),
        ("Head office", "Paris", ""),
        ("Café", "open", ""),
        ('Quote " and \\', "line\nend", "\t"),
    )
)
"""Of version 1; facts 0 and 4 are equal."""
EDITED = PLAIN.but(
    facts=PLAIN.facts[:2] + rows(("Turnover", "54010", "EUR")) + PLAIN.facts[3:6] + PLAIN.facts[:1]
)
"""Another ledger of the same size, signed by the same signer under another number."""
NEXT = EDITED.but(number=2)
SINGLE = Ledger(PLAIN.facts[:1])
TWO_LOGS = PLAIN.but(recipes=(V1_DSSE, V2_DSSE))
NULLS = Ledger(
    (
        {"label": "A", "value": None, "unit": "x"},
        {"label": "B", "value": ""},
        {"label": "", "value": "null", "unit": None},
        {"label": None, "value": "1"},
        {"value": "2"},
        {"label": "A", "value": "3"},
    )
)
"""Of version 2: null, absent and empty values."""
READ_AS = PLAIN.but(dialect=(("delimiter", ";"), ("encoding", "windows-1252"), ("skip", 4)))
KEYED = Ledger(
    (
        *rows(*((f"key {n % 9}", str(n), "") for n in range(20))),
        *rows(("", "empty", ""), ("Key 1", "case", ""), ("", "again", "")),
    ),
    keys=(("label",), ("label", "value")),
)
KEYED_NULLS = NULLS.but(keys=(("label",),))
