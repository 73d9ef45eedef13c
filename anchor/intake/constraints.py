# SPDX-License-Identifier: Apache-2.0
"""Facts against the types and constraints of a Table Schema, through frictionless (extra `schemas`).

A publisher checks this before he signs; no verifier does (FORMAT.md section 24). Memory grows with the ledger
only for what has to be unique.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from anchor.errors import Misuse
from anchor.format.facts import Table
from anchor.words import with_extra

_CHECKED: Final = ("type-error", "constraint-error", "unique-error", "primary-key")
_PLAIN: Final[tuple[dict[str, str], ...]] = ({}, {"type": "string"}, {"type": "any"})
"""Fields with nothing to check."""
_NO_CHECK: Final = ("name", "title", "description", "example", "rdfType", "unit")
"""Members of a field that say nothing about a value. `unit` is a member that users add."""
MAX_BREACHES: Final = 1000
"""Breaches that are told. Frictionless stops after as many."""


class Breach(msgspec.Struct, frozen=True):
    """A fact that is not as the schema says."""

    fact: int
    """Its number, from 1."""
    column: str
    """Empty if it is about several columns."""
    text: str
    """The value; empty for null, absent, and several columns."""
    message: str


def is_checked(schema: dict[str, Any]) -> bool:
    """True if a schema (a JSON object that `table_schema` has read) says more than names: types, constraints,
    or keys."""
    said = [{k: v for k, v in field.items() if k not in _NO_CHECK} for field in schema["fields"]]
    return "primaryKey" in schema or any(field not in _PLAIN for field in said)


def breaches(said: dict[str, Any], table: Table, *, where: str) -> list[Breach]:
    """The facts that are not as a schema says: the first `MAX_BREACHES`, in the order of the table.

    Null and an absent value are missing values. An empty string is one only if the schema names it in
    `missingValues`: the default of Table Schema does not apply. `foreignKeys` are not looked at.

    Raises `Misuse` if frictionless is not installed, and for a schema that it refuses.
    """
    frictionless = _library()
    said = {"missingValues": [], **said}
    said.pop("foreignKeys", None)
    try:
        schema = frictionless.Schema.from_descriptor(said)
    except frictionless.FrictionlessException as e:
        reasons = "; ".join(str(reason.note) for reason in e.reasons) or str(e.error.note)
        raise Misuse(reasons, where=where, remedy="correct the schema") from None
    resource = frictionless.Resource(data=lambda: _rows(table), schema=schema)
    checklist = frictionless.Checklist(pick_errors=list(_CHECKED))
    report = resource.validate(checklist, limit_errors=MAX_BREACHES)
    found = [error for task in report.tasks for error in task.errors]
    failed = [error for error in (*report.errors, *found) if error.type not in _CHECKED]
    if failed:  # it did not get as far as the facts
        raise Misuse(str(failed[0].message), where=where, remedy="correct the schema")
    return [_breach(error) for error in found]


def _rows(table: Table) -> Iterator[list[Any]]:
    yield list(table.columns)
    for _, fact in table:
        yield list(_cells(fact))


def _cells(fact: Iterable[Any]) -> Iterator[str | None]:
    """The values as frictionless takes them: None for null and absent."""
    for value in fact:
        yield value if isinstance(value, str) else None


def _breach(error: Any) -> Breach:
    fact = error.row_number - 1  # the names are row 1
    cell = getattr(error, "cell", None)
    if error.type == "primary-key":
        return Breach(fact, "", "", f"the key columns are {_of_facts(error.note)}")
    text = "" if cell in (None, "None") else cell
    return Breach(fact, error.field_name, text, _of_facts(error.note))


def _of_facts(note: str) -> str:
    """The words of frictionless, with the number of a fact for that of a row, and without a format that is
    the default."""
    note = note.replace('/default"', '"')
    words, found, row = note.rpartition("row at position ")
    return f"{words}fact {int(row) - 1}".replace("the fact", "fact") if found and row.isdecimal() else note


def _library() -> Any:
    try:
        import frictionless  # an extra, and it takes a second to import
    except ImportError:
        raise Misuse(
            "types and constraints of a schema are checked by frictionless, which is not installed",
            where="--schema",
            remedy=f"{with_extra('schemas')}, or give --schema-unchecked",
        ) from None
    return frictionless
