# SPDX-License-Identifier: Apache-2.0
"""A Frictionless Table Schema beside a ledger: its names and its key columns. FORMAT.md section 24.

Types, units and constraints are not decided here. https://specs.frictionlessdata.io/table-schema/.
"""

from typing import Any, Final

import msgspec

from anchor import limits
from anchor.encoding import parse_json
from anchor.errors import Refused
from anchor.format import names
from anchor.format.facts import brief
from anchor.words import several

NAME: Final = names.SCHEMA
"""The file of a release that holds the schema."""
MAX_SCHEMA: Final = limits.SCHEMA


class TableSchema(msgspec.Struct, frozen=True):
    """The part of a schema that a verifier checks."""

    fields: tuple[str, ...]
    """The names of the columns, in order."""
    primary_key: tuple[str, ...] = ()
    """The key columns; empty if the schema names none."""


def parse(data: bytes, *, where: str = NAME) -> TableSchema:
    """The schema that these bytes are. Raises `Refused` for what section 24 refuses."""
    if len(data) > MAX_SCHEMA:
        raise Refused(f"{len(data)} bytes, more than {MAX_SCHEMA}", where=where, remedy="shorten it")
    return of_value(parse_json(data, where=where), where=where)


def of_value(value: Any, *, where: str = NAME) -> TableSchema:
    """The schema that a JSON value is. Raises as `parse`."""
    if not isinstance(value, dict):
        raise Refused("no JSON object", where=where, remedy="a Table Schema is an object with 'fields'")
    fields = value.get("fields")
    if not isinstance(fields, list) or not fields:
        raise Refused("no list of fields", where=f"{where}: fields", remedy="name a field for each column")
    found = tuple(_name(field, f"{where}: fields[{n}]") for n, field in enumerate(fields))
    return TableSchema(found, _key(value.get("primaryKey"), f"{where}: primaryKey"))


def check(schema: TableSchema, columns: tuple[str, ...], *, where: str = NAME) -> None:
    """Raise `Refused` unless the fields are these columns in order, and the key columns are among them."""
    for number, (field, column) in enumerate(zip(schema.fields, columns, strict=False), 1):
        if field != column:
            problem = f"field {number} is {brief(field)}, where the ledger has the column {brief(column)}"
            raise Refused(problem, where=f"{where}: fields", remedy="name the columns in their order")
    if len(schema.fields) != len(columns):
        problem = f"{several(len(schema.fields), 'field')} for {several(len(columns), 'column')}"
        raise Refused(problem, where=f"{where}: fields", remedy="name a field for each column")
    for name in schema.primary_key:
        if name not in columns:
            problem = f"{brief(name)} is no column of the ledger"
            raise Refused(problem, where=f"{where}: primaryKey", remedy="name key columns that are there")


def _name(field: Any, where: str) -> str:
    name = field.get("name") if isinstance(field, dict) else None
    if not isinstance(name, str):
        raise Refused("a field without a name", where=where, remedy="each field is an object with a 'name'")
    return name


def _key(value: Any, where: str) -> tuple[str, ...]:
    """The key columns: one name, or a list of names."""
    if value is None:
        return ()
    columns = [value] if isinstance(value, str) else value
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise Refused("no column and no list of columns", where=where, remedy="name the key columns")
    if not 1 <= len(columns) <= limits.INDEX_COLUMNS or len(set(columns)) != len(columns):
        problem = f"not 1 to {limits.INDEX_COLUMNS} different columns"
        raise Refused(problem, where=where, remedy="name each key column once")
    return tuple(columns)
