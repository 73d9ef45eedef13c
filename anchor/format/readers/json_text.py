# SPDX-License-Identifier: Apache-2.0
"""The text of a JSON document of any size, a part of it at a time.

The decoder of the standard library wants a value as a whole. So text is read until the value that begins at
`at` is whole, and what stands before it is dropped.
"""

import codecs
from typing import Any, Final

from anchor import limits, regex
from anchor.errors import Refused
from anchor.format.readers.lines import BOM
from anchor.format.readers.objects import Malformed, value_at
from anchor.format.readers.reader import Stream

READ: Final = 1 << 16
"""Bytes that are read at once, or as many as the value has that is not whole yet."""
_ENOUGH: Final = limits.ITEM + 16
"""Characters in which a value that may be as long as an item is whole, with those that tell where it ends."""
_AFTER: Final = 3
"""Characters after a number that may belong to it: `e+1`."""
_BLANK = regex.expression(r"[ \t\r\n]*")


class JsonText:
    """A part of the text, and the position `at` in it. Positions hold until more is read."""

    def __init__(self, stream: Stream, where: str) -> None:
        self._read = stream.read
        self._where = where
        self.place = ""
        """The thing that is read, for messages: "fact 3"."""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._ended = self._bad = False
        self._total = 0
        self._line, self._counted, self._before = 1, 0, 0
        self.text = ""
        self.at = 0
        self._begin()

    def _begin(self) -> None:
        data = self._read(READ)
        if data.startswith(BOM):
            raise self.refused("a byte order mark", "save the file as UTF-8 without BOM")
        self._add(data)

    def more(self) -> bool:
        """Read more, and drop the text before `at`; False at the end of the file."""
        if self._bad:
            self.at = len(self.text)
            raise self.refused("a byte that is not UTF-8", "save the file as UTF-8")
        if self._ended:
            return False
        self._add(self._read(max(READ, len(self.text) - self.at)))
        return True

    def _add(self, data: bytes) -> None:
        self._ended = not data
        self._total += len(data)
        if self._total > limits.FILE_2:
            raise self.refused(f"the file is larger than {limits.FILE_2} bytes", "split the ledger")
        try:
            text = self._decoder.decode(data, final=self._ended)
        except UnicodeDecodeError as e:
            self._ended = self._bad = True  # it is refused after everything that stands before it
            text = e.object[: e.start].decode()
        self._before = self.column(self.at) - 1
        self._line, self._counted = self.line, 0
        self.text = self.text[self.at :] + text
        self.at = 0

    @property
    def size(self) -> int:
        """Bytes of the file that were read."""
        return self._total

    @property
    def line(self) -> int:
        """The line of `at`, from 1."""
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    def column(self, position: int) -> int:
        """The character of its line at which a position of the text is, from 1."""
        start = self.text.rfind("\n", 0, position) + 1
        return position - start + 1 + (0 if start else self._before)

    def next(self) -> str:
        """The character after white space, where `at` then is; "" at the end."""
        while True:
            self.at = _BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]  # it matches "" too
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def value(self, what: str) -> tuple[Any, int]:
        """The value at `at`, as `value_at` gives it, and the position after it. `at` stays.

        Raises `Refused` for what is no value, and for a value of more than `limits.ITEM` characters. `what`
        says what it is, for people.
        """
        while True:
            try:
                value, end = value_at(self.text, self.at)
                if end + _AFTER <= len(self.text) or self.text[end - 1] in '"]}' or not self.more():
                    break
            except Malformed as e:
                if len(self.text) - self.at > _ENOUGH or not self.more():
                    raise self._malformed(e, what) from None
        if end - self.at > limits.ITEM:
            raise self._too_long(what)
        return value, end

    def _malformed(self, error: Malformed, what: str) -> Refused:
        at = error.position
        if at is None:
            return self.refused(error.problem, error.remedy)
        if not self._ended and (error.cut or at - self.at > limits.ITEM):
            return self._too_long(what)
        column = self.column(at)
        self.at = at
        return self.refused(f"{error.problem} at column {column}", error.remedy)

    def _too_long(self, what: str) -> Refused:
        return self.refused(f"{what} of more than {limits.ITEM} characters", "shorten it, or split it")

    @property
    def where(self) -> str:
        """The file, the line of `at`, and what is read."""
        where = f"{self._where}: line {self.line}"
        return f"{where}: {self.place}" if self.place else where

    def refused(self, problem: str, remedy: str) -> Refused:
        """A `Refused` at the line of `at`."""
        return Refused(problem, where=self.where, remedy=remedy)
