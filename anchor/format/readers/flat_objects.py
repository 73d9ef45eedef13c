# SPDX-License-Identifier: Apache-2.0
"""Flat JSON objects that follow each other, read at once: a few operations for a block, few for an object.

It refuses nothing. A block with anything unusual is left to whoever reads its objects one by one: a value
that is an array or an object, a name that an object has twice, anything malformed. msgspec decodes as RFC
8259 says, and refuses control characters in strings, lone surrogates and bytes that are not UTF-8. There are
two things that it does not do:

- Of two members with one name it keeps the last. A string has two quotes, so the quotes of a block tell how
  many names and strings it has, and whether all of them were kept.
- It keeps no text of an integer. Each text but `-0` is the one that Python writes. Of another number the
  decoder gives the text, as bytes, so that it is told from a string.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple

import msgspec

from anchor import regex
from anchor.format.facts import MAX_CELL, MAX_NUMBER, Fact, Objects, Value, fact_from

_BETWEEN = regex.expression(r"\}[ \t\r\n]*+,[ \t\r\n]*+\{")
REACH: Final = 1 << 17
"""Characters of an array that are read at once."""
_MINUS_ZERO = regex.expression(rb"-0[ \t\r\n,}]")
_MOST_FIELDS: Final = 64
"""Columns of a table whose objects are decoded to structs: each name is looked for among all of them."""
_Text = Callable[[Any], Value]
_STRINGS: Final[set[type]] = {str}
_INTEGERS: Final[set[type]] = {int}
_Decode = Callable[[bytes], list[Any]]


class _Decoder:
    """Objects of one type from lines or from an array."""

    def __init__(self, kind: Any) -> None:
        self.lines: _Decode = msgspec.json.Decoder(kind, float_hook=str.encode).decode_lines
        self.array: _Decode = msgspec.json.Decoder(list[kind], float_hook=str.encode).decode


_VALUES: Final = _Decoder(dict[str, Any])
_RAW: Final = _Decoder(dict[str, msgspec.Raw])


class Block(NamedTuple):
    """The facts of a block."""

    facts: Sequence[Fact]
    alike: bool
    """Each fact has all the columns."""
    nulls: bool
    """A value is null in the file."""


class _Texts(NamedTuple):
    """Values as a ledger has them."""

    values: Sequence[Value]
    strings: int
    """How many of them are strings in the file."""
    nulls: bool


class FlatObjects:
    """The reader of blocks of a table that has these columns."""

    def __init__(self, columns: tuple[str, ...], *, null: str | None) -> None:
        """`null`: the value that null gives."""
        self._columns, self._null = columns, null
        self._width = len(columns)
        self._from_object = fact_from(columns)
        self._row: Callable[[dict[str, Any]], tuple[Any, ...]] = (
            itemgetter(*columns) if self._width > 1 else lambda found: (found[columns[0]],)
        )
        self._text_of: dict[type, _Text] = {
            str: str,
            int: str,
            bytes: bytes.decode,
            bool: {True: "true", False: "false"}.__getitem__,
            type(None): lambda _: null,
        }
        self._strings = _struct_decoder(columns, str)
        """Decodes objects that have strings in all columns; None after a block that has others."""
        fields = [f"f{i}" for i in range(self._width)]
        self._from_struct: Callable[[Any], Fact] = (
            attrgetter(*fields) if self._width > 1 else lambda found: (found.f0,)
        )

    def lines(self, block: bytes, count: int) -> Block | None:
        """The facts of so many lines that have one object each, None if anything is unusual.

        Each line begins an object: its `{` stands outside of strings, which have no line end, and outside of
        objects, since no value is an object. If there are as many objects as lines, each line has one.
        """
        if len(block) > MAX_CELL or block[:1] != b"{" or block.count(b"\n{") != count - 1:
            return None
        found = self._read(block, lines=True)
        return found if found and len(found.facts) == count else None

    def items(self, items: str) -> Block | None:
        """The facts of several items of an array, None if anything is unusual."""
        return self._read(_array(items), lines=False) if items else None

    def _read(self, block: bytes, *, lines: bool) -> Block | None:
        if self._strings:
            structs = _decoded(self._strings, block, lines=lines)
            if structs is not None and _quotes(block) == 4 * self._width * len(structs):
                return Block(Objects(structs, self._from_struct, whole=True), alike=True, nulls=False)
            self._strings = None
        found: list[dict[str, Any]] | None = _decoded(_VALUES, block, lines=lines)
        try:
            if found and all(found):
                return self._alike(block, found) or self._unlike(block, found)
        except (KeyError, ValueError):  # a value is nested, or a number has another text
            pass
        return None

    def _alike(self, block: bytes, found: list[dict[str, Any]]) -> Block | None:
        """The facts, if each has all the columns. Raises `KeyError` for a nested value."""
        if set(map(len, found)) != {self._width}:
            return None
        try:
            rows = list(map(self._row, found))
        except KeyError:
            return None
        texts = [self._texts(block, column) for column in zip(*rows, strict=True)]
        if _quotes(block) != 2 * (self._width * len(found) + sum(t.strings for t in texts)):
            return None
        facts: list[Fact] = list(zip(*(t.values for t in texts), strict=True))
        return Block(facts, alike=True, nulls=any(t.nulls for t in texts))

    def _unlike(self, block: bytes, found: list[dict[str, Any]]) -> Block | None:
        """The facts, if not all have all the columns. Raises `KeyError` for a nested value."""
        texts = self._texts(block, list(chain.from_iterable(map(dict.values, found))))
        if _quotes(block) != 2 * (len(texts.values) + texts.strings):
            return None
        rest = iter(texts.values)
        objects = [dict(zip(names, rest)) for names in found]  # noqa: B905  # the rest is for the next objects
        return Block(Objects(objects, self._from_object, whole=False), alike=False, nulls=texts.nulls)

    def _texts(self, block: bytes, values: Sequence[Any]) -> _Texts:
        """The values as a ledger has them. Raises `ValueError` for a number that is too long, and `-0`."""
        kinds = set(map(type, values))
        if kinds == _STRINGS:
            return _Texts(values, len(values), nulls=False)
        if kinds & _INTEGERS and 0 in values and _MINUS_ZERO.search(block):
            raise ValueError
        if len(kinds) == 1:
            texts: list[Any] = list(map(self._text_of[kinds.pop()], values))
        else:
            texts = [v if type(v) is str else self._text_of[type(v)](v) for v in values]
        if max(map(len, filter(None, texts)), default=0) > MAX_NUMBER and any(
            type(v) is not str and len(t) > MAX_NUMBER for v, t in zip(values, texts, strict=True) if t
        ):
            raise ValueError
        strings = list(map(type, values)).count(str) if str in kinds else 0
        return _Texts(texts, strings, nulls=None in values)


class NamesOfObjects:
    """The names of the members of flat objects, in order of first appearance."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self._known: _Decoder | None = None

    def add(self, names: "dict[str, Any]") -> None:
        """Add the names of one object."""
        if not names.keys() <= self.names.keys():
            self.names.update(dict.fromkeys(names))
            self._known = _struct_decoder(tuple(self.names), msgspec.Raw, default=True)

    def lines(self, block: bytes) -> int:
        """Add the names in the objects of some lines, and count these. 0 if they cannot be decoded.

        Nothing else is checked: each object is read again when all names are known.
        """
        return self._add(block, lines=True)

    def items(self, items: str) -> int:
        """As `lines`, for several items of an array."""
        return self._add(_array(items), lines=False) if items else 0

    def _add(self, block: bytes, *, lines: bool) -> int:
        if self._known and (known := _decoded(self._known, block, lines=lines)):
            return len(known)
        found: list[dict[str, msgspec.Raw]] = _decoded(_RAW, block, lines=lines) or []
        for names in found:
            self.add(names)
        return len(found)


def items_at(text: str, start: int) -> str:
    """Several items of an array, from the object that begins at `start`; "" if there are none.

    They end before a comma that follows a brace. If that is inside a string or an object, they are no JSON.
    """
    return text[start : text.rfind("},", start, start + REACH) + 1]


def lines_of_items(items: str, count: int, line: int) -> Sequence[int] | None:
    """The lines on which so many flat objects begin, the first one on `line`. None if a string hides it."""
    if "\n" not in items:
        return (line,) * count
    lines, at = [line], 0
    for found in _BETWEEN.finditer(items):
        line += items.count("\n", at, found.end())
        at = found.end()
        lines.append(line)
    return lines if len(lines) == count else None


def _array(items: str) -> bytes:
    return f"[{items}]".encode()


def _struct_decoder(columns: tuple[str, ...], kind: Any, *, default: bool = False) -> _Decoder | None:
    """For objects with these columns and no other ones. None if msgspec has no such structs.

    It does not take names that JSON writes with an escape.
    """
    plain = all(n.isprintable() and not set(n) & {'"', "\\"} for n in columns)
    if not plain or len(columns) > _MOST_FIELDS:
        return None
    fields = {f"f{i}": name for i, name in enumerate(columns)}
    members: list[Any] = [(f, kind, msgspec.Raw()) if default else (f, kind) for f in fields]
    return _Decoder(msgspec.defstruct("Object", members, rename=fields, forbid_unknown_fields=True, gc=False))


def _decoded(decoder: _Decoder, block: bytes, *, lines: bool) -> list[Any] | None:
    try:
        return decoder.lines(block) if lines else decoder.array(block)
    except (msgspec.DecodeError, ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None


def _quotes(block: bytes) -> int:
    """The number of quotes that begin or end a string in JSON: those that no back-slash escapes."""
    if b"\\" not in block:
        return block.count(b'"')
    plain = block.replace(b"\\\\", b"")
    return plain.count(b'"') - plain.count(b'\\"')
