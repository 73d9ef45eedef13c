# SPDX-License-Identifier: Apache-2.0
"""Reader and dialect for a file, from its name, its first bytes and what the user gave.

Some members of a dialect are facts: a byte order mark, UTF-16, line ends of CR alone, the ending `.tsv`. They
are used without a question. Everything else is a doubt: the file is refused with the options that resolve it.
"""

import json
import re
from typing import Any, Final

import msgspec

from anchor import regex
from anchor.errors import Misuse
from anchor.format.readers import READERS
from anchor.intake.charset import UTF_8, UTF_16, Encoding, decoded, encoding_of
from anchor.intake.choice import Choice, members_of, option
from anchor.intake.foreign import anchor_command, convert_command, foreign, unpacked
from anchor.intake.implausible import (
    Doubt,
    encoding_doubts,
    json_doubt,
    numbered,
    options,
    resolved,
    table_doubts,
    wrapped_lines,
)
from anchor.intake.json_places import places
from anchor.intake.layout import FIRST, last_fields, layout_of, unwrapped

HEAD: Final = 1 << 17
"""Bytes of a file that are looked at before it is read."""
DELIMITED: Final = ("csv-v1", "delimited-v2")
_JSON = ("json-v1", "json-v2")
_LINES = ("jsonl-v1", "jsonl-v2")
_MARKDOWN = ("markdown-table-v1", "markdown-table-v2")
_OURS = ("ledger-json-v1", "ledger-json-v2")
_FILES = "files-v1"
_TEXT = Encoding(UTF_8, stated=True)
_ENDINGS: Final = {
    ".csv": DELIMITED,
    ".tsv": DELIMITED,
    ".tab": DELIMITED,
    ".json": _JSON,
    ".geojson": _JSON,
    ".jsonl": _LINES,
    ".ndjson": _LINES,
    ".md": _MARKDOWN,
    ".markdown": _MARKDOWN,
}
"""The readers of one kind of file: that of version 1, and that with a dialect."""
_TABS = (".tsv", ".tab")
_SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods")
_OUR_JSON = b'{"columns":['
_DIGESTS = regex.expression(r"(?:[0-9a-f]{64} [ *][^\r\n]+\r?\n?)+")
_TABLE = regex.expression(r"^\|.*\|[ \t]*\r?\n\|[ \t:|-]+\|[ \t]*\r?$", re.MULTILINE)
_OBJECT = regex.expression(r'\s*\{\s*(?:"|\})')
_STRING = regex.expression(r'"(?:[^"\\]++|\\.)*+"')
_NO_NUMBER = regex.expression(r"\bNaN\b|-?\bInfinity\b")
_ARRAY = regex.expression(r"\s*\[\s*(?:[\{\]\[]|$)")


class Proposal(msgspec.Struct, frozen=True):
    """How a file is read, and the reasons why this is perhaps not meant."""

    readers: tuple[str, ...]
    """The readers to try, in order."""
    members: dict[str, Any] = {}
    """Of the dialect: given by the user, or stated by the file."""
    doubts: tuple[Doubt, ...] = ()
    lost: str = ""
    """A word that the first reader reads as an empty string."""

    @property
    def resolved(self) -> dict[str, Any]:
        """The members of the dialect, if all doubts are resolved as proposed."""
        return {**self.members, **resolved(self.doubts)}


def recognise(
    name: str, data: bytes, *, whole: bool, choice: Choice, most: int = FIRST, end: bytes = b""
) -> Proposal:
    """Reader and dialect for a file of this name; `data` are its first bytes, `whole`: all of them. Those of
    a compressed file are what comes out of it.

    `most` lines are looked at, and those in the last bytes, `end`, if there are more.

    Raises `Misuse` for a name without a known ending, if no reader was given.
    """
    if not choice.as_read and (found := foreign(name, data)):
        return Proposal((), doubts=(Doubt(found.problem, remedy=found.remedy),))
    kind = _kind(name, data, whole=whole, choice=choice)
    if set(kind) & set(DELIMITED):
        found_in = _delimited(name, data, whole=whole, choice=choice, most=most, end=end)
    elif set(kind) & {*_JSON, *_LINES} and not choice.members:
        found_in = _json(name, data, kind, choice)
    elif kind == (_FILES,) and not choice.members and _is_digests(decoded(data, _TEXT), whole=whole):
        found_in = Proposal(kind, {"form": "sha256sum"})
    else:
        found_in = Proposal(kind, choice.members)
    if choice.as_read:
        return msgspec.structs.replace(found_in, doubts=())
    return found_in


def _kind(name: str, data: bytes, *, whole: bool, choice: Choice) -> tuple[str, ...]:
    """The readers for a file, in the order in which they are tried."""
    if choice.reader:
        return (choice.reader,)
    ending = _ending(name)
    kind: tuple[str, ...] = _ENDINGS.get(ending, ()) or _by_suffix(name, data)
    if kind == _JSON and data.lstrip().startswith(_OUR_JSON):
        kind = _OURS
    if kind and choice.members:
        kind = kind[1:]
    if not kind and choice.members:
        kind = _by_members(choice)
    found = tuple(reader for reader in kind if reader in READERS)
    if not found:
        raise _no_reader(name, data, whole=whole, choice=choice)
    return found


def _by_suffix(name: str, data: bytes) -> tuple[str, ...]:
    """The readers of other kinds of files, by the endings that they name."""
    ending = _ending(name)
    return tuple(
        r.name for r in READERS.values() if ending in r.suffixes and r.recognises(unpacked(name), data)
    )


def _ending(name: str) -> str:
    last = unpacked(name).rpartition("/")[2]
    dot = last.rfind(".")
    return last[dot:].lower() if dot >= 0 else ""


def _by_members(choice: Choice) -> tuple[str, ...]:
    """The one reader whose dialect has all members that were given."""
    found = [name for name in READERS if set(choice.members) <= set(members_of(name))]
    return tuple(found) if len(found) == 1 else ()


def _no_reader(name: str, data: bytes, *, whole: bool, choice: Choice) -> Misuse:
    """The refusal of a file whose name does not say what it is, with the likely reader."""
    if _ending(name) in _SPREADSHEETS:
        return Misuse("a spreadsheet", where=name, remedy=convert_command(name))
    likely, doubts = _likely(name, data, whole=whole, choice=choice)
    what = f"no reader for this kind of file (ending {_ending(name) or 'missing'})"
    given = "".join(f" {option(m)} ..." for m in choice.members)
    more = f" {options(doubts)}" if doubts else given
    return Misuse(what, where=name, remedy=f"it looks like --reader {likely}{more}")


def _likely(name: str, data: bytes, *, whole: bool, choice: Choice) -> tuple[str, tuple[Doubt, ...]]:
    """The reader that the bytes call for, and what must be given with it."""
    text = decoded(data, encoding_of(data, whole=whole))
    if data.startswith(_OUR_JSON):
        return _OURS[0], ()
    if _ARRAY.match(text):
        return _JSON[0], ()
    if _OBJECT.match(text):
        if _is_lines(text):
            return _LINES[0], ()
        found = _json(name, data, _JSON, choice)
        return _JSON[1], found.doubts
    if _is_digests(text, whole=whole):
        return _FILES, ()
    if _TABLE.search(text):
        return _MARKDOWN[0], ()
    table = _delimited(name, data, whole=whole, choice=choice)
    if _width(table, data, whole=whole) > 1:
        return DELIMITED[1 if table.resolved else 0], table.doubts
    return "lines-v1", ()


def _is_digests(text: str, *, whole: bool) -> bool:
    """True for the output of sha256sum."""
    return bool(_DIGESTS.fullmatch(text if whole else text[: text.rfind("\n") + 1]))


def _width(found: Proposal, data: bytes, *, whole: bool) -> int:
    return layout_of(decoded(data, encoding_of(data, whole=whole)), whole=whole, given=found.resolved).width


def _delimited(
    name: str, data: bytes, *, whole: bool, choice: Choice, most: int = FIRST, end: bytes = b""
) -> Proposal:
    """A delimited file. Without a dialect it is `csv-v1`."""
    given = choice.members
    encoding = encoding_of(data, whole=whole, name=given.get("encoding"))
    doubts = encoding_doubts(name, encoding)
    text = decoded(data, encoding)
    if _ARRAY.match(text) or _OBJECT.match(text):
        reader = _LINES[-1] if _is_lines(text) else _JSON[-1]
        doubts = [Doubt("JSON, although its name says CSV", reader=reader)]
        return Proposal(DELIMITED, given, tuple(doubts))
    stated = _stated(name, encoding, text)
    known = {**stated, **given}
    known.pop("delimiter" if "delimiter" not in given else "", None)  # an ending can be wrong
    found = layout_of(text, whole=whole, given=known, most=most)
    if not found.whole and encoding.name != UTF_16 and "line_ends" not in known:
        last = last_fields(decoded(data if whole else end, encoding), found)
        found = msgspec.structs.replace(found, end=last)
    members = {**stated, **given}
    if given.get("header") is False and "columns" not in given and found.width:
        members["columns"] = numbered(found.width)
    if "delimiter" not in given and "quote" not in given and (inner := unwrapped(found, text, whole=whole)):
        doubts.append(wrapped_lines(name, inner))
    doubts += table_doubts(name, found, delimiter=members.get("delimiter", ","), given=given)
    reader = choice.reader or DELIMITED[-1]
    return Proposal((reader,), members, tuple(doubts))


def _stated(name: str, encoding: Encoding, text: str) -> dict[str, Any]:
    """The members of the dialect that the file states itself."""
    found: dict[str, Any] = {}
    if _ending(name) in _TABS:
        found["delimiter"] = "\t"
    if encoding.name == UTF_16:
        found["encoding"] = UTF_16
    if encoding.name == UTF_8 and encoding.bom:
        found["bom"] = True
    if "\n" not in text and "\r" in text[:-1]:
        found["line_ends"] = "cr"
    return found


def _json(name: str, data: bytes, kind: tuple[str, ...], choice: Choice) -> Proposal:
    """JSON, whose facts may stand somewhere inside."""
    encoding = encoding_of(data, whole=False)
    if not encoding.stated or encoding.bom or encoding.name != UTF_8:
        problem = "JSON in another form than UTF-8 without byte order mark"
        doubt = Doubt(problem, remedy=convert_command(name))
        return Proposal(kind, choice.members, (doubt,))
    text = decoded(data, encoding)
    doubt_of = None
    if no_number := _NO_NUMBER.search(_STRING.sub("", text).partition('"')[0]):
        doubt_of = Doubt(f"{no_number[0]} is no JSON", remedy=convert_command(name))
    elif _has_objects_over_lines(text):
        doubt_of = Doubt("several JSON objects, with line ends inside", remedy=convert_command(name))
    elif set(kind) & set(_LINES):
        if _ARRAY.match(text):
            doubt_of = Doubt("one JSON array, not one object a line", reader=_JSON[-1])
    elif _OBJECT.match(text):
        if _is_lines(text):
            doubt_of = Doubt("one JSON object a line", reader=_LINES[-1])
        else:
            doubt_of = json_doubt(places(text), remedy=anchor_command(name))
    return Proposal(kind, choice.members, (doubt_of,) if doubt_of else (), lost="null")


def _has_objects_over_lines(text: str) -> bool:
    """True if the text is objects one behind the other, as `jq` prints them, and no line has a whole one."""
    if not _OBJECT.match(text) or _is_lines(text):
        return False
    start = len(text) - len(text.lstrip())
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return False
    return "\n" in text[start:end] and _OBJECT.match(text, end) is not None


def _is_lines(text: str) -> bool:
    """True if the first two lines are one JSON object each."""
    lines = [line for line in text.split("\n", 3)[:2] if line.strip()]
    return len(lines) == 2 and all(line.startswith("{") and line.rstrip().endswith("}") for line in lines)
