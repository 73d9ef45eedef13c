# SPDX-License-Identifier: Apache-2.0
"""A publisher's ledger against the types and constraints of his Table Schema, before anything is signed."""

from collections.abc import Iterator, Sequence
from typing import Final

from anchor.disk.ledger_file import LedgerFile, SchemaFile, as_misuse, open_ledgers
from anchor.encoding import parse_json
from anchor.errors import Misuse
from anchor.format import table_schema
from anchor.format.facts import brief
from anchor.inspect.lint.findings import Finding, Remark, finding
from anchor.intake.constraints import MAX_BREACHES, Breach, breaches, is_checked

_SHOWN: Final = 3


def breaches_of(given: Sequence[LedgerFile], schema: SchemaFile) -> list[Breach]:
    """The facts of a ledger that are not as the schema says; the names of its columns are compared first.

    Raises `Misuse` for a schema that does not fit the ledger.
    """
    with as_misuse():
        said = parse_json(schema.data, where=schema.where)
        found = table_schema.of_value(said, where=schema.where)
    if not is_checked(said):
        return []
    with open_ledgers(given) as ledger, as_misuse():
        table_schema.check(found, ledger.table.columns, where=schema.where)
        return breaches(said, ledger.table, where=schema.where)


def check(given: Sequence[LedgerFile], schema: SchemaFile | None, *, unchecked: bool) -> str:
    """Raise `Misuse` if a fact is not as the schema says. Returns a line that says what was checked; empty
    without a schema.

    `unchecked`: only names and key columns are compared, as a verifier does it.
    """
    if schema is None:
        if unchecked:
            raise Misuse("there is no schema", where="--schema-unchecked", remedy="give --schema FILE")
        return ""
    if unchecked:
        return f"schema {schema.where}: types and constraints were not checked"
    if found := breaches_of(given, schema):
        raise _refusal(given, found)
    return f"schema {schema.where}: every fact is as it says"


def findings(given: Sequence[LedgerFile], schema: SchemaFile) -> tuple[list[Finding], str]:
    """The findings of `lint` about a ledger that is not as its schema says, and the refusal of `publish`."""
    found = breaches_of(given, schema)
    return list(_grouped(found)), str(_refusal(given, found)) if found else ""


def _grouped(found: Sequence[Breach]) -> Iterator[Finding]:
    """Breaches of one rule of one column together."""
    groups: dict[tuple[str, str], list[Breach]] = {}
    for breach in found:
        groups.setdefault((breach.column, breach.message), []).append(breach)
    for (column, message), group in groups.items():
        facts = ", ".join(str(breach.fact) for breach in group[:_SHOWN])
        more = f" and {len(group) - _SHOWN} more" if len(group) > _SHOWN else ""
        remark = Remark("schema", f"{message} (fact {facts}{more})")
        yield finding(remark, (), len(group), column=column, text=group[0].text)


def _refusal(given: Sequence[LedgerFile], found: Sequence[Breach]) -> Misuse:
    shown = "; ".join(map(line, found[:_SHOWN]))
    more = len(found) - _SHOWN
    count = f"at least {more}" if len(found) >= MAX_BREACHES else str(more)
    return Misuse(
        f"not as the schema says: {shown}{f'; and {count} more' if more > 0 else ''}",
        where=given[0].where,
        remedy="correct the ledger or the schema (anchor lint --schema lists more), "
        "or give --schema-unchecked",
    )


def line(breach: Breach) -> str:
    """A breach in words."""
    value = f" {brief(breach.text)}" if breach.text else ""
    return f"fact {breach.fact}: {breach.column}{value}{': ' if breach.column else ''}{breach.message}"
