# SPDX-License-Identifier: Apache-2.0
"""Readings that are probably not meant. Each names its cause, and the option or command that resolves it.

What is published can never be changed. So a file that could be read, and was probably meant in another way,
is refused until the user says how it is meant.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec

from anchor.errors import AnchorError, Misuse
from anchor.format.facts import brief
from anchor.intake.charset import Encoding
from anchor.intake.choice import in_words, members_of, quoted
from anchor.intake.foreign import anchor_command, convert_command
from anchor.intake.header import like_data
from anchor.intake.json_places import Place
from anchor.intake.layout import Layout
from anchor.intake.odd_rows import (
    blank_fields,
    is_blank,
    names_above_years,
    names_in_two_rows,
    notes_below,
    words_above_numbers,
)
from anchor.words import several

AS_READ: Final = "--as-read"
"""The option that says: the ledger is meant as it is read."""
_DELIMITERS = {"\t": "TAB", ";": "';'", ",": "','", "|": "'|'"}
_SHOWN = 40


class Doubt(msgspec.Struct, frozen=True):
    """One reason why a reading is probably not meant."""

    problem: str
    members: dict[str, Any] = {}
    """The members of a dialect that resolve it."""
    reader: str = ""
    """The reader that resolves it."""
    remedy: str = ""
    """The command that resolves it, if no option does."""


def refusal(
    doubts: Sequence[Doubt],
    *,
    where: str,
    reader: str | None = None,
    left: AnchorError | None = None,
    can_be_meant: bool = False,
) -> Misuse:
    """The one message for all doubts about a file. `where` is the file as the user named it.

    `reader` is the one that the user gave. `left` is what a reader refuses even with the remedy.
    `can_be_meant`: a reader reads the file as it stands.
    """
    problem = ", and ".join(dict.fromkeys(d.problem for d in doubts))
    remedy = next((d.remedy for d in doubts if d.remedy), "") or f"give {options(doubts)}"
    if reader and any(d.members for d in doubts) and not members_of(reader):
        remedy += f" without --reader {reader}"
    if left is not None:
        remedy += f", and mend the file ({left.where.removeprefix(where + ': ')}: {left.problem})"
    if can_be_meant:
        remedy += f" (or {AS_READ}, if it is meant as it stands)"
    return Misuse(problem, where=where, remedy=remedy)


def options(doubts: Sequence[Doubt]) -> str:
    """The options that resolve all doubts, as a shell takes them."""
    reader = next((d.reader for d in doubts if d.reader), "")
    return quoted((["--reader", reader] if reader else []) + in_words(resolved(doubts)))


def resolved(doubts: Sequence[Doubt]) -> dict[str, Any]:
    """The members of a dialect that resolve all doubts."""
    return {name: value for d in doubts for name, value in d.members.items()}


def encoding_doubts(name: str, found: Encoding) -> list[Doubt]:
    """The doubt about a file in an encoding that nothing states, or that no dialect can name."""
    if found.stated and found.is_ours:
        return []
    shown = f": line {found.line} would be {brief(found.shown, _SHOWN)}" if found.shown else ""
    if found.is_ours:
        problem = f"the text is not UTF-8 and seems to be {found.name}{shown}"
        return [Doubt(problem, {"encoding": found.name})]
    if found.name:
        problem = f"the text seems to be {found.name}{shown}"
        remedy = convert_command(name, "--encoding", found.name)
    else:
        problem = f"line {found.line} is not UTF-8, and other lines are"
        remedy = convert_command(name)
    return [Doubt(problem, remedy=remedy)]


def table_doubts(name: str, found: Layout, *, delimiter: str, given: Mapping[str, Any]) -> list[Doubt]:
    """The doubts about a delimited file.

    `delimiter` is the one that is used without an option, `given` are the members that the user gave.
    """
    if not found.records:
        return []
    if found.second_table:
        problem = f"line {found.second_table} begins a second table"
        one = f", or give --empty-lines all {AS_READ} if it is one table" if found.empty_lines else ""
        return [Doubt(problem, remedy=f"write each table into a file of its own{one}")]
    if found.footnote:
        return [_footnote(name, found)]
    doubts = _above_header(found, given)
    at = found.skip + 1
    if found.delimiter != delimiter and found.width > 1 and "delimiter" not in given:
        shown = _DELIMITERS.get(found.delimiter, brief(found.delimiter))
        problem = f"the fields seem to be separated by {shown}, as line {at} has {found.width} of them"
        doubts.append(Doubt(problem, {"delimiter": found.delimiter}))
    if found.quote != '"' and "quote" not in given:
        around = f"the fields stand in {found.quote}" if found.quote else "'\"' stands inside of fields"
        doubts.append(Doubt(around, {"quote": found.quote}))
    doubts += _no_facts(name, found)
    doubts += _odd_rows(name, found, given) or _header_doubts(found, given)
    if found.empty_lines and "empty_lines" not in given:
        problem = f"line {found.empty_line} is empty"
        doubts.append(Doubt(problem, {"empty_lines": found.empty_lines}))
    return doubts


def wrapped_lines(name: str, delimiter: str) -> Doubt:
    """The doubt about a table of one column whose values are lines of another table."""
    shown = _DELIMITERS.get(delimiter, brief(delimiter))
    problem = f"each line stands in quotes as a whole, and {shown} separates fields inside of them"
    return Doubt(problem, remedy=convert_command(name))


def _above_header(found: Layout, given: Mapping[str, Any]) -> list[Doubt]:
    if "skip" in given or "header" in given or not found.skip:
        return []
    if found.short_header:
        return [_short_header(found)]
    members = {"skip": found.skip}
    if found.sep:
        return [Doubt(f"line 1 is 'sep={found.sep}', which is for Excel and no header", members)]
    problem = f"the header seems to be line {found.skip + 1}, below other text"
    return [Doubt(problem, members)]


def _short_header(found: Layout) -> Doubt:
    """A header that lacks the name of one column."""
    problem = (
        f"the header in line {found.skip} has {found.width - 1} fields, and the records have {found.width}"
    )
    return Doubt(problem, {"skip": found.skip, "header": False, "columns": list(found.named)})


def _footnote(name: str, found: Layout) -> Doubt:
    above = f", and the header seems to be line {found.skip + 1}" if found.skip else ""
    problem = f"line {found.footnote} is text below the table of {several(found.width, 'column')}{above}"
    return Doubt(problem, remedy=convert_command(name))


def _odd_rows(name: str, found: Layout, given: Mapping[str, Any]) -> list[Doubt]:
    """Doubts about single lines, and about fields that blanks separate. The user resolves them by hand."""
    (at, header), *records = found.records
    rows = [fields for _, fields in records]
    if "header" in given or "columns" in given or not rows:
        return []
    if found.width == 1 and "delimiter" not in given:
        values = [fields[0] for fields in rows]
        if not (width := blank_fields(header[0], values)):
            return []
        problem = f"the fields seem to be separated by blanks, as line {at} has {width} of them"
        if any("  " in value.strip() for value in (header[0], *values)):
            return [Doubt(problem, remedy=anchor_command(name))]
        return [Doubt(problem, {"delimiter": " "})]
    if words_above_numbers(rows) or names_in_two_rows(header, rows):
        problem = (
            f"line {records[0][0]} has words above columns of numbers, as if it were units or a second "
            "line of names"
        )
        above = ["--skip", str(found.skip)] if found.skip else []
        return [Doubt(problem, remedy=convert_command(name, *above, "--header-rows", "2"))]
    return []


def _no_facts(name: str, found: Layout) -> list[Doubt]:
    """Lines of the width of the table that are no facts: without any value, and notes below it."""
    if not found.whole and found.end:
        return _no_facts_at_end(name, found)
    records = found.records[1:]
    full = [record for record in records if not is_blank(record[1])]
    blank = next((line for line, fields in records if full and is_blank(fields)), 0)
    doubts = [without_value(blank, convert_command(name))] if blank else []
    apart = {after for (_, fields), (after, _) in pairwise(records) if is_blank(fields)}
    notes = notes_below(full, apart={*apart, found.last_empty + 1}) if found.whole else 0
    if notes:
        problem = f"line {full[-notes][0]} seems to be a note below the table"
        doubts.append(Doubt(problem, remedy=convert_command(name)))
    return doubts


def _no_facts_at_end(name: str, found: Layout) -> list[Doubt]:
    """As `_no_facts`, of the last lines of a long file, whose numbers are not known."""
    if any(len(fields) != found.width for fields in found.end):
        return []  # the reader refuses it
    if is_blank(found.end[-1]) and not all(is_blank(fields) for _, fields in found.records[1:]):
        return [Doubt("the last line has no value", remedy=convert_command(name))]
    if notes := notes_below([*enumerate(found.end)], apart=()):
        problem = f"{brief(found.end[-notes][0], _SHOWN)} at the end seems to be a note below the table"
        return [Doubt(problem, remedy=convert_command(name))]
    return []


def _header_doubts(found: Layout, given: Mapping[str, Any]) -> list[Doubt]:
    if "header" in given or "columns" in given or found.short_header:
        return []
    at = found.skip + 1
    again = next((line for line, fields in found.records[1:] if fields == found.header), 0)
    if again and found.width > 1:
        return [header_again(again)]
    rows = [fields for _, fields in found.records]
    if above := names_above_years(rows):
        last = found.records[above][0] - 1
        problem = f"the lines {at} to {last} are names with values, above a table without a header"
        return [Doubt(problem, {"skip": last, "header": False, "columns": numbered(found.width)})]
    reason = like_data(found.header, rows[1:])
    if reason:
        problem = f"line {at} seems to be a fact and no header: {reason}"
        return [Doubt(problem, {"header": False, "columns": numbered(found.width)})]
    if found.repeated is None or "rename" in given:
        return []
    problem = f"two columns are named {brief(found.repeated)}" if found.repeated else "a column has no name"
    return [Doubt(f"{problem} in line {at}", {"rename": True})]


def without_value(line: int, remedy: str) -> Doubt:
    """The doubt about a line of several cells, none of which has a value."""
    return Doubt(f"line {line} has no value", remedy=remedy)


def header_again(line: int) -> Doubt:
    """The doubt about a fact that is equal to the header."""
    problem = f"line {line} is the header again, as if two files had been joined"
    return Doubt(problem, remedy="take it out, or name the files one by one")


def numbered(width: int) -> list[str]:
    """The names of columns that nobody named."""
    return [f"column_{n}" for n in range(1, width + 1)]


def json_doubt(found: Sequence[Place], *, remedy: str) -> Doubt:
    """The doubt about a JSON document that is an object: where its facts are.

    `remedy` is for a document without facts.
    """
    if not found:
        problem = "a JSON object without an array of objects, so it has no facts"
        return Doubt(problem, remedy=remedy)
    best = found[0]
    members: dict[str, Any] = {"at": best.pointer} if best.pointer else {}
    if best.is_object:
        members["key_column"] = next(n for n in _KEYS if n not in best.members)
    kind = "an object of objects" if best.is_object else "an array of objects"
    where = f"at {best.pointer}" if best.pointer else "in the whole document"
    others = ", ".join(p.pointer for p in found[1:4] if p.pointer)
    more = f", and there are more at {others}" if others else ""
    return Doubt(f"the facts seem to be {kind} {where}{more}", members)


_KEYS = ("key", "_key", *(f"key_{n}" for n in range(2, 2000)))
"""Names for the column of keys, of which one is not a member of the facts."""
