# SPDX-License-Identifier: Apache-2.0
"""The reader and the dialect that a user gives for a ledger, and the words in which the user gives them."""

import csv
import shlex
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from anchor.errors import Misuse, Refused
from anchor.format import strict_json
from anchor.format.readers import READERS, reader_named, written
from anchor.format.readers.reader import NO_DIALECT, Dialect

_PLAIN: Final = {"delimited-v2": "csv-v1"}
"""The reader without a dialect. The JSON readers name that of version 1 themselves, if they read the same."""
NAMED_DELIMITERS: Final = {"tab": "\t", "\\t": "\t"}
"""Words for a delimiter that is hard to type."""
_FLAGS = {
    ("header", False): ["--no-header"],
    ("header", True): ["--header"],
    ("rename", True): ["--rename"],
    ("quote", None): ["--quote", "none"],
    ("delimiter", "\t"): ["--delimiter", "TAB"],
}


class Choice(msgspec.Struct, frozen=True):
    """The settings that a user gave. A default that was given says that it is meant."""

    reader: str | None = None
    members: dict[str, Any] = {}
    """Of the dialect."""
    as_read: bool = False
    """The ledger is meant as it is read, however implausible that is."""


class ReadAs(msgspec.Struct, frozen=True):
    """A reader with its dialect."""

    reader: str
    dialect: Dialect = NO_DIALECT


def option(member: str) -> str:
    """The name of the option for a member of a dialect."""
    return "--" + member.replace("_", "-")


def in_words(members: Mapping[str, Any]) -> list[str]:
    """The options of a command line that give these members."""
    found: list[str] = []
    for member, value in members.items():
        flag = _FLAGS.get((member, value)) if not isinstance(value, (list, tuple)) else None
        if flag is not None:
            found += flag
        elif isinstance(value, (list, tuple)):
            found += [option(member), names_in_line(value)]
        else:
            found += [option(member), str(value)]
    return found


def quoted(words: list[str]) -> str:
    """The words as a shell takes them."""
    return " ".join('"\'"' if word == "'" else shlex.quote(word) for word in words)


def names_in_line(names: list[str] | tuple[str, ...]) -> str:
    """Names of columns as one line of CSV."""
    return ",".join(f'"{n}"'.replace('"', '""')[1:-1] if set(n) & {",", '"'} else n for n in names)


def names_of_line(line: str) -> list[str]:
    """The names that a user gave as one line of CSV."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        raise Misuse(
            "not one line of CSV",
            where="--columns",
            remedy="separate the names by ',', and quote one that has it",
        ) from None


def read_as(reader: str, members: Mapping[str, Any], *, where: str) -> ReadAs:
    """A reader with these members of a dialect. Without one that is not its default, the reader of version 1.

    Raises `Misuse` for a member that the reader does not have, and for a value that it may not have.
    """
    check_members(reader, members, where=where)
    kind = reader_named(reader, where=where)
    try:
        dialect: Dialect = strict_json.build(dict(members), kind.dialect_type, where=where)
        dialect.check(where=where)
    except Refused as e:
        raise Misuse(e.problem, where=e.where, remedy=e.remedy) from None
    if not written(dialect):
        return ReadAs(_PLAIN.get(reader, reader))
    return ReadAs(reader, dialect)


def check_members(reader: str, members: Mapping[str, Any], *, where: str) -> None:
    """Raise `Misuse` for a member that the reader does not have, with the readers that have it."""
    has = members_of(reader)
    for member in members:
        if member not in has:
            others = [name for name in READERS if member in members_of(name)]
            raise Misuse(
                f"the reader {reader} has no {option(member)}",
                where=where,
                remedy=f"{' and '.join(others)} {'has' if len(others) == 1 else 'have'} it",
            )


def check_stated(reader: str, members: Mapping[str, Any], given: Mapping[str, Any], *, where: str) -> None:
    """Raise `Misuse` if the file itself states a member that the reader does not have.

    `members`: of the whole dialect. `given`: those of the user, which `check_members` is about.
    """
    stated = {name: value for name, value in members.items() if name not in given}
    if set(stated) <= set(members_of(reader)):
        return
    other = reader_with(members)
    how = " and ".join(read_as(other, stated, where=where).dialect.described())
    problem = f"the reader {reader} does not read this: {how}"
    raise Misuse(problem, where=where, remedy=f"give --reader {other}")


def reader_with(members: Mapping[str, Any]) -> str:
    """The first reader whose dialect has all these members."""
    return next(name for name in READERS if set(members) <= set(members_of(name)))


def members_of(reader: str) -> tuple[str, ...]:
    """The members of a reader's dialect, as a statement names them."""
    return tuple(f.encode_name for f in msgspec.structs.fields(READERS[reader].dialect_type))
