# SPDX-License-Identifier: Apache-2.0
"""Lines of a delimited file that are probably no facts, behind the first lines, which `recognise` judges.

A spreadsheet writes rows of cells without any value. Two files that were joined have the header twice. An
expression finds lines that may be so in the text, which costs far less than parsing. A fact may hold such a
line inside of a quoted value, so the facts say whether it is so.
"""

import codecs
import re
from collections.abc import Mapping
from typing import Any, Final

from anchor.format.facts import Table
from anchor.intake.charset import CODECS, UTF_8
from anchor.intake.foreign import convert_command
from anchor.intake.implausible import Doubt, header_again, without_value
from anchor.intake.odd_rows import is_blank

_LONGEST: Final = 1 << 22
"""Characters without a line end that are kept. A longer line is neither a header nor without any value."""


class LaterLines:
    """A whole delimited file, block by block: `end` are its last bytes, `are_odd` says whether its facts have
    to be looked at.

    `members`: those of its dialect that are not the default. `first`: the first bytes of the file.
    """

    def __init__(self, members: Mapping[str, Any], first: bytes, *, end: int) -> None:
        encoding = members.get("encoding", UTF_8)
        codec = CODECS.get(encoding, "utf-8-sig" if encoding == UTF_8 else encoding)
        self._decoder = codecs.getincrementaldecoder(codec)("replace")
        self._line_end = "\r" if members.get("line_ends") == "cr" else "\n"
        empty = re.escape(members.get("delimiter", ",") + (members.get("quote", '"') or ""))
        # Behind a line end, so that the search goes from one to the next.
        self._blank = re.compile(rf"{self._line_end}[ \t\xa0{empty}]++\r?{self._line_end}")
        self._header = self._header_line(members, first.decode(codec, "replace"))
        self._most = end
        self._rest = ""
        self.end = b""
        self.are_odd = False

    def _header_line(self, members: Mapping[str, Any], text: str) -> str:
        """The line of the header, behind a line end; empty if one column has no header that is searched."""
        if "header" in members or "columns" in members:
            return ""
        lines = text.split(self._line_end)
        skip = members.get("skip", 0)
        header = lines[skip].removesuffix("\r") if len(lines) > skip + 1 else ""
        return f"{self._line_end}{header}" if members.get("delimiter", ",") in header else ""

    def add(self, data: bytes) -> None:
        """The next bytes."""
        self.end = (self.end + data)[-self._most :]
        self._look(self._decoder.decode(data))

    def finish(self) -> None:
        """The file has no more bytes."""
        self._look(self._decoder.decode(b"", final=True) + self._line_end)

    def _look(self, text: str) -> None:
        text = self._rest + text
        cut = text.rfind(self._line_end)
        # The last line end begins the next block too: a line is searched from the end of the one before.
        self._rest = text[max(cut, 0) :] if len(text) - cut < _LONGEST else ""
        if not self.are_odd and cut > 0:
            again = bool(self._header) and text.find(self._header, 0, cut + 1) >= 0
            self.are_odd = again or self._blank.search(text, 0, cut + 1) is not None


def later_doubts(name: str, table: Table, given: Mapping[str, Any]) -> tuple[Doubt, ...]:
    """The doubt about the first fact of a table that is probably none. `given`: the members that the user
    gave."""
    named = "header" in given or "columns" in given or len(table.columns) < 2
    header = None if named else list(table.columns)
    blank, is_full = 0, False
    for line, fact in table:
        values = [value if isinstance(value, str) else "" for value in fact]
        if values == header:
            return (header_again(line),)
        if is_blank(values):
            blank = blank or line
        else:
            is_full = True
        if blank and is_full:
            return (without_value(blank, convert_command(name)),)
    return ()
