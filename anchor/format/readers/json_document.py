# SPDX-License-Identifier: Apache-2.0
"""The facts inside a JSON document of any size, in bounded memory. FORMAT.md section 17.3.

What stands outside of the facts is checked and dropped. The names of the members of an object are kept as
long as it is read, to find a second one of a name; a long name is kept as its digest.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from anchor import limits
from anchor.format.facts import Value, brief
from anchor.format.readers.flat_objects import Block, FlatObjects, NamesOfObjects, items_at, lines_of_items
from anchor.format.readers.json_dialect import JsonDialect
from anchor.format.readers.json_facts import check_value, fact_of, is_nested, kind_of
from anchor.format.readers.json_text import READ, JsonText
from anchor.format.readers.objects import Malformed, value_at
from anchor.format.readers.pointer import Steps, index_of, pointer_of, steps_of
from anchor.format.readers.reader import Stream

_LONG_NAME: Final = 64
_PATIENCE: Final = 256
"""Facts that are read one by one after several could not be read at once."""
_RFC: Final = "write the document as RFC 8259 says"


class Found(NamedTuple):
    """A fact, the line on which it begins, and what its text tells."""

    line: int
    fact: dict[str, Value]
    size: int
    """Characters of it, as it is written."""
    nested: bool
    """A value is an array or an object."""


class Several(NamedTuple):
    """Flat facts that were read at once, and the lines on which they begin."""

    lines: Sequence[int]
    block: Block


class Elsewhere(Exception):
    """The facts are not where the dialect says. Whoever reads the document knows what else is in it."""

    def __init__(self, problem: str, where: str, first: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.first = first
        """The first character of the value that is no fact, or holds none."""


class JsonDocument:
    """A document, and a position in it from which it is read on."""

    def __init__(
        self,
        stream: Stream,
        where: str,
        dialect: JsonDialect,
        *,
        flat: FlatObjects | NamesOfObjects | None = None,
    ) -> None:
        """`flat` reads several items of an array at once. `NamesOfObjects` takes note of the names alone."""
        self._text = JsonText(stream, where)
        self._steps = steps_of(dialect.at, where="at")
        self._key_column = dialect.key_column
        self.facts = 0
        """Facts that were read."""
        self._flat = flat
        self._try_at = 1
        """The fact at which several items are tried next."""

    @property
    def size(self) -> int:
        """Bytes of the document that were read."""
        return self._text.size

    def __iter__(self) -> Iterator[Found | Several]:
        """The facts in order. The document was read to its end after the last one."""
        if not self._text.next():
            raise self._text.refused("an empty document", "write an array of facts, [{...}, ...]")
        yield from self._lead(self._steps, ())
        if self._text.next():
            remedy = "a file holds one JSON document; for one object a line, give --reader jsonl-v2"
            raise self._text.refused("text after the document", remedy)

    def _lead(self, steps: Steps, before: Steps) -> Iterator[Found | Several]:
        """Go to the facts, inside of the value at which the text is, and past this value."""
        if not steps:
            yield from self._each(before)
            return
        step, rest = steps[0], steps[1:]
        self._check_depth(len(before))
        found, first = False, self._text.next()
        if first == "{":
            for name in self.members():
                if name == step:
                    found = True
                    yield from self._lead(rest, (*before, step))
                else:
                    self.skip(len(before) + 1)
        elif first == "[":
            for index in self.items():
                if index == index_of(step):
                    found = True
                    yield from self._lead(rest, (*before, step))
                else:
                    self.skip(len(before) + 1)
        if not found:
            raise self._elsewhere(f"nothing at {brief(pointer_of((*before, step)))}", "")

    def _each(self, before: Steps) -> Iterator[Found | Several]:
        text, first = self._text, self._text.next()
        self._check_depth(len(before))
        wanted, kind = ("[", "an array") if self._key_column is None else ("{", "an object")
        if first != wanted:
            place = f"the value at {brief(pointer_of(before))}" if before else "the document"
            raise self._elsewhere(f"{place} is {kind_of(first)}, not {kind} of facts", first)
        if self._key_column is None:
            for _ in self.items():
                if not self._flat or self.facts + 1 < self._try_at:
                    yield self._fact()
                else:
                    yield from self._several(self._flat)
        else:
            for name in self.members():
                yield self._fact((self._key_column, name))
        if not self.facts:
            raise text.refused("no facts", "write at least one object into it")

    def _several(self, flat: FlatObjects | NamesOfObjects) -> Iterator[Found | Several]:
        """The items that are whole in memory, or one item if they are not flat or not usual."""
        text, first = self._text, self._text.next()
        if len(text.text) - text.at < READ:
            text.more()
        items = items_at(text.text, text.at) if first == "{" else ""
        count, lines = 0, None
        if isinstance(flat, NamesOfObjects):
            count = flat.items(items)
        elif (block := flat.items(items)) and (lines := lines_of_items(items, len(block.facts), text.line)):
            count = len(block.facts)
            yield Several(lines, block)
        if count:
            self.facts += count
            text.at += len(items)
            return
        self._try_at = self.facts + _PATIENCE
        yield self._fact()

    def _fact(self, key: tuple[str, str] | None = None) -> Found:
        self.facts += 1
        text, first = self._text, self._text.next()
        line, text.place = text.line, f"fact {self.facts}"
        value, end = text.value("a fact")
        if first != "{":
            raise self._elsewhere(f"the fact is {kind_of(first)}, no object", first)
        fact = fact_of(value, text.text, text.at, end, where=text.where, key=key)
        size, nested = end - text.at, any(is_nested(v) for _, v in value)
        text.at, text.place = end, ""
        return Found(line, fact, size, nested)

    # What stands around the facts.

    def first(self) -> str:
        """The first character of the value that follows."""
        return self._text.next()

    def members(self) -> Iterator[str]:
        """The name of each member of the object at which the text is. Whoever takes it reads the value."""
        text, seen = self._text, set[str | bytes]()
        for _ in self._inside("}"):
            if text.next() != '"':
                raise text.refused("no name of a member where one is wanted", _RFC)
            name, end = text.value("the name of a member")
            check_value(name, text.text, text.at, end, levels=0, where=text.where)
            key = name if len(name) <= _LONG_NAME else sha256(name.encode()).digest()
            if key in seen:
                raise text.refused(f"duplicate key {brief(name)}", "keep one of them")
            if len(seen) == limits.MEMBERS:
                raise text.refused(f"an object of more than {limits.MEMBERS} members", "write it as an array")
            seen.add(key)
            text.at = end
            if text.next() != ":":
                raise text.refused(f"no ':' after the name {brief(name)}", _RFC)
            text.at += 1
            yield name

    def items(self) -> Iterator[int]:
        """The index of each item of the array at which the text is. Whoever takes it reads the item."""
        yield from self._inside("]")

    def _inside(self, close: str) -> Iterator[int]:
        text, count = self._text, 0
        text.at += 1
        if text.next() == close:
            text.at += 1
            return
        while True:
            yield count
            count += 1
            after = text.next()
            if after not in (",", close):
                raise text.refused(f"no ',' or '{close}' after a value", "separate the values with ','")
            text.at += 1
            if after == close:
                return

    def skip(self, depth: int) -> None:
        """Check the value that follows, and go past it. It is inside of `depth` arrays and objects."""
        text = self._text
        first = text.next()
        if first and first in "[{":
            self._check_depth(depth)
            if self._skip_whole(depth):
                return
            for _ in self.members() if first == "{" else self.items():
                self.skip(depth + 1)
        else:
            value, end = text.value("a string")
            check_value(value, text.text, text.at, end, levels=0, where=text.where)
            text.at = end

    def _check_depth(self, depth: int) -> None:
        """Another array or object may begin inside of `depth` of them."""
        if depth >= limits.DEPTH:
            raise self._text.refused(f"nested more than {limits.DEPTH} levels deep", "take it out")

    def _skip_whole(self, depth: int) -> bool:
        """Go past an array or an object, if it is whole in memory. It is taken apart otherwise."""
        text = self._text
        if len(text.text) - text.at < READ:
            text.more()
        try:
            value, end = value_at(text.text, text.at)
        except Malformed:
            return False
        if end - text.at > limits.ITEM:
            return False
        check_value(value, text.text, text.at, end, levels=limits.DEPTH - depth, where=text.where)
        text.at = end
        return True

    def _elsewhere(self, problem: str, first: str) -> Elsewhere:
        return Elsewhere(problem, self._text.where, first)
