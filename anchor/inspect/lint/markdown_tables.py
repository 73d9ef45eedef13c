# SPDX-License-Identifier: Apache-2.0
"""Tables that a rendered Markdown document shows and `markdown-table-v1` does not read.

The reader knows tables by the `|` at the beginning of their lines. GitHub Flavored Markdown has tables
without it, and takes HTML. A page with such a table shows its readers more than what is sealed.
"""

import re
from collections.abc import Iterator

from anchor import regex
from anchor.inspect.lint.findings import MAX_LINES, Finding, Remark, finding

_DELIMITERS = regex.expression(rb" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_FENCE = regex.expression(rb" {0,3}(`{3,}(?=[^`]*\Z)|~{3,})")
_BORDER = regex.expression(rb"(?<!\\)\|")
_TABLE_TAG = regex.expression(rb"<table[\s>]", re.IGNORECASE)
_LONGEST = 1 << 20
"""Bytes of a line that is looked at. The reader refuses a longer one."""


class RenderedTables:
    """The tables of a document that is written to it, in pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""
        self._number = 0
        self._above = b""
        self._fence = b""
        self._is_read = False
        """The table that the reader reads was found."""
        self._others: list[int] = []
        self._count = 0

    def write(self, data: bytes, /) -> int:
        """Take the next bytes of the document."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()[: _LONGEST + 1]
        for line in lines:
            self._line(line)
        return len(data)

    def findings(self) -> Iterator[Finding]:
        """The finding about the other tables. To be asked once, after the last byte."""
        if self._rest:
            self._line(self._rest)
        if self._count:
            count = "a second table" if self._count == 1 else f"{self._count} further tables"
            text = f"a rendered page shows {count}, which the ledger does not have"
            yield finding(Remark("second-table", text), self._others, self._count)

    def _line(self, line: bytes) -> None:
        self._number += 1
        above, self._above = self._above, line
        if self._fence:
            found = _FENCE.match(line)
            if found and found[1].startswith(self._fence) and not line[found.end() :].strip():
                self._fence = b""
            self._above = b""
        elif (b"`" in line or b"~" in line) and (found := _FENCE.match(line)):
            self._fence, self._above = found[1], b""
        if self._fence:
            return
        if b"-" in line and b"|" in line and above.strip() and _DELIMITERS.fullmatch(line.rstrip(b"\r")):
            if _cells(above) == _cells(line):
                self._table(self._number - 1, is_ours=above.startswith(b"|"))
        elif b"<" in line and _TABLE_TAG.search(line):
            self._table(self._number, is_ours=False)

    def _table(self, number: int, *, is_ours: bool) -> None:
        if is_ours and not self._is_read:
            self._is_read = True
            return
        self._count += 1
        if len(self._others) < MAX_LINES:
            self._others.append(number)


def _cells(line: bytes) -> int:
    """The number of cells of a line of a table."""
    text = line.strip()
    return len(_BORDER.findall(text)) + 1 - text.startswith(b"|") - (text.endswith(b"|") and text != b"|")
