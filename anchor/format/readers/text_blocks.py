# SPDX-License-Identifier: Apache-2.0
"""The text of a file in blocks of whole lines, or line by line. FORMAT.md sections 3 and 17.1.

A reader takes a block, and if it is nothing unusual, reads all of it at once. Else it takes the lines of the
block one by one. Bytes that have no meaning in the encoding are refused in the line where they stand.
"""

from typing import Final

from anchor import limits
from anchor.errors import Refused
from anchor.format import encodings
from anchor.format.readers.reader import Stream

_READ: Final = 1 << 16
"""Bytes that are read from the stream at once."""
BLOCK: Final = 1 << 17
"""Characters of a block at most. Neither a line, a record nor a value in it can be longer than it may be."""
_SAVE: Final = "save the file as UTF-8"
_NAME_IT: Final = "name the encoding that the file has"
assert 4 * BLOCK < limits.LINE
assert BLOCK < limits.VALUE


class TextBlocks:
    """The lines of a stream. `number` is the line that was given last, from 1, or the last one of a block."""

    def __init__(
        self, stream: Stream, where: str, *, encoding: encodings.Name, bom: bool = False, line_end: str = "\n"
    ) -> None:
        self._read = stream.read
        self.where = where
        self.number = 0
        self.ending = ""
        """The characters that ended the line that was given last."""
        self._encoding: encodings.Name = encoding
        self._line_end = line_end
        self._text, self._at = "", 0
        """Text that was decoded, and the characters of it that were given."""
        self._bad: int | None = None
        """The byte after the text, if it cannot be decoded."""
        self._ended = False
        self._total = 0
        self.is_ascii = True
        """No character of the text that was decoded so far is above U+007F."""
        self._bytes = self._more()
        while len(self._bytes) < 3 and not self._ended:
            self._bytes += self._more()
        found = encodings.decoder(encoding, self._bytes[:3], bom=bom)
        if found is None:
            raise self._marked(bom=bom)
        self._decoder = found
        self._bytes = self._bytes[len(found.bom) :]
        self._decode()

    def block(self) -> str:
        """Whole lines that are not given yet, at most `BLOCK` characters; "" if the next line is longer.

        The last line of the file may lack its end. They are given after `advance`.
        """
        if len(self._text) - self._at < _READ and not self._ended:
            self._fill()
        text, start = self._text, self._at
        if self._ended and self._bad is None and len(text) - start <= BLOCK:
            return text[start:] if start else text
        return text[start : text.rfind(self._line_end, start, start + BLOCK) + 1]

    def advance(self, length: int, lines: int) -> None:
        """Take the first characters of a block as given; they are so many lines."""
        self._at += length
        self.number += lines

    def line(self) -> str | None:
        """The next line without its end, or None at the end of the file. It is not read beyond the limit."""
        start = self._at
        while (end := self._text.find(self._line_end, start)) < 0 and not self._ended:
            self._check_length(self._text[self._at :].removesuffix("\r"))
            start = len(self._text) - self._at
            self._fill()
        if end < 0:
            return self._last_line()
        line = self._text[self._at : end]
        self._at = end + 1
        self.ending = self._line_end
        if self._line_end == "\n" and line.endswith("\r"):
            self.ending, line = "\r\n", line[:-1]
        self._check_length(line)
        self.number += 1
        return line

    def refused(self, problem: str, remedy: str, *, line: int | None = None, field: str = "") -> Refused:
        """A `Refused` at the line that was given last, or at another `line`, or in one of its fields."""
        place = f"{self.where}: line {self.number if line is None else line}"
        return Refused(problem, where=f"{place}: {field}" if field else place, remedy=remedy)

    def _last_line(self) -> str | None:
        """The text after the last line end."""
        line = self._text[self._at :]
        if self._bad is not None:
            raise self._undecodable(line, self._bad)
        if not line:
            return None
        self._check_length(line)
        self._at += len(line)
        self.ending = ""
        self.number += 1
        return line

    def _check_length(self, line: str) -> None:
        if 4 * len(line) > limits.LINE and self._decoder.size(line) > limits.LINE:
            raise self.refused(
                f"a line of more than {limits.LINE} bytes", "shorten the line", line=self.number + 1
            )

    def _more(self) -> bytes:
        data = self._read(_READ)
        self._ended = not data
        self._total += len(data)
        if self._total > limits.FILE_2:
            raise Refused(
                f"the file is larger than {limits.FILE_2} bytes", where=self.where, remedy="split the ledger"
            )
        return data

    def _fill(self) -> None:
        self._bytes += self._more()
        self._decode()

    def _decode(self) -> None:
        """Turn the bytes that are at hand into text, up to the first one that cannot be decoded."""
        data = self._bytes
        try:
            text, used = self._decoder.decode(data, final=self._ended)
        except UnicodeDecodeError as e:
            self._ended = True  # nothing after such bytes is looked at
            text, used = self._decoder.decode(data[: e.start], final=True)
            self._bad = data[e.start]
        self.is_ascii = self.is_ascii and text.isascii()
        self._text = self._text[self._at :] + text
        self._at = 0
        self._bytes = data[used:]

    def _undecodable(self, line: str, byte: int) -> Refused:
        """The refusal of a byte that stands after `line`, the part of the line that was decoded."""
        name = self._encoding
        problem, remedy = f"is {byte:02X}, which {name} does not define", _NAME_IT
        if name == "utf-8":
            problem, remedy = "is not UTF-8", _SAVE
        elif name == "utf-16":
            problem, remedy = "begins half a character of UTF-16", "take it out, or save the file again"
        mark = len(self._decoder.bom) if self.number == 0 else 0
        number = self._decoder.size(line) + mark + 1
        return self.refused(f"byte {number} of the line {problem}", remedy, line=self.number + 1)

    def _marked(self, *, bom: bool) -> Refused:
        """The refusal of a file with a byte order mark that it may not have, or without its own."""
        head, name = self._bytes[:3], self._encoding
        if head.startswith(encodings.UTF_16_BOMS):
            problem, remedy = "the byte order mark of UTF-16", _SAVE
        elif head.startswith(encodings.UTF_8_BOM):
            problem, remedy = "a byte order mark", f"{_SAVE} without BOM"
        else:
            problem, remedy = "no byte order mark", "leave `bom` out" if bom else _NAME_IT
        if name != "utf-8":
            problem, remedy = f"{problem} in a file of {name}", _NAME_IT
        return self.refused(problem, remedy, line=1)
