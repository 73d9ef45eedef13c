# SPDX-License-Identifier: Apache-2.0
"""One line, and one cell, of a Markdown document: code spans, HTML, cells. FORMAT.md section 17.5.

Decides on a text alone. What lines mean together is for `markdown_document`.
"""

import re
import string
from collections.abc import Iterator
from typing import NamedTuple

from anchor import regex

BLANK = " \t"
PUNCTUATION = frozenset(string.punctuation)
TAG = regex.expression(r"<[A-Za-z/!?]")
DELIMITER_ROW = regex.expression(r"[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
DELIMITER_CELL = regex.expression(":?-+:?")
ENTITY = regex.expression("&(?:[A-Za-z0-9]+|#[0-9]+|#[xX][0-9A-Fa-f]+);")
_AUTOLINK = regex.expression(r"<[A-Za-z][A-Za-z0-9+.-]{1,31}:[^ \t<>]*>")
_ADDRESS = regex.expression(r"<[A-Za-z0-9._+-]+@[A-Za-z0-9._+-]+>")
_BREAK = regex.expression(r"<br ?/?>")
_RUN = regex.expression("`+")
_HTTP = regex.expression(r"://|www\.", re.IGNORECASE)


def is_empty(line: str) -> bool:
    """True for a line of blanks alone."""
    return not line.strip(BLANK)


def is_delimiter_row(line: str) -> bool:
    """True for what GFM may take for the second line of a table."""
    return DELIMITER_ROW.fullmatch(line) is not None and ("|" in line or ":" in line)


class Spans(NamedTuple):
    """The code spans of a text, by the positions where they begin and end."""

    spans: list[tuple[int, int]]
    escapes: list[int]
    """The positions of `\\` before ASCII punctuation, outside of the spans."""
    is_open: bool
    """A run of back-ticks has no end."""
    is_odd: bool
    """A span begins neither at the beginning of its piece nor after a blank."""

    def covers(self, at: int) -> bool:
        """True for a position inside of a span, its back-ticks included."""
        return any(start <= at < end for start, end in self.spans)


def spans_of(text: str) -> Spans:
    """The code spans of one piece of a line, or of one cell (rule 5)."""
    spans: list[tuple[int, int]] = []
    escapes: list[int] = []
    is_open = is_odd = False
    at = 0
    while at < len(text):
        c = text[at]
        if c == "\\" and text[at + 1 : at + 2] in PUNCTUATION and at + 1 < len(text):
            escapes.append(at)
            at += 2
            continue
        if c != "`":
            at += 1
            continue
        run = _length(text, at)
        end = _closing(text, at + run, run)
        if end < 0:
            is_open = True
            at += run
            continue
        is_odd |= at > 0 and text[at - 1] not in BLANK
        spans.append((at, end))
        at = end
    return Spans(spans, escapes, is_open, is_odd)


def _length(text: str, at: int) -> int:
    return len(text) - at - len(text[at:].lstrip("`"))


def _closing(text: str, at: int, size: int) -> int:
    """The position after the next run of exactly `size` back-ticks; -1 if there is none."""
    for run in _RUN.finditer(text, at):
        if run.end() - run.start() == size:
            return run.end()
    return -1


class Tags(NamedTuple):
    """The tags of a line (`<` before a letter, `/`, `!` or `?`), and its code spans."""

    bare: bool
    """One stands outside of a code span, and rule 4 does not allow it."""
    in_span: bool
    """One stands in a code span."""
    unsure: bool
    """Something in the line could take a back-tick away, so that a span is not one (rule 5)."""


def tags_of(line: str) -> Tags:
    """The tags of a line outside of fences and comments."""
    if "<" not in line and "`" not in line:
        return Tags(bare=False, in_span=False, unsure="](" in line or "][" in line)
    bare = in_span = False
    unsure = "](" in line or "][" in line
    start = 0
    for piece in line.split("|"):
        found = spans_of(piece)
        unsure |= found.is_open or found.is_odd
        for tag in TAG.finditer(piece):
            if _is_allowed(line, start + tag.start()):
                continue
            if found.covers(tag.start()):
                in_span = True
            else:
                bare = True
        start += len(piece) + 1
    return Tags(bare, in_span, unsure)


def _is_allowed(line: str, at: int) -> bool:
    """True for an autolink, an address, and a `<br>` in a line that begins with a letter or `|`."""
    if _AUTOLINK.match(line, at) or _ADDRESS.match(line, at):
        return True
    first = line[:1]
    return bool(_BREAK.match(line, at)) and (first == "|" or (first.isascii() and first.isalpha()))


def cells_of(line: str) -> list[str] | None:
    """The cells of a line of a table (rule 7), blanks at their ends taken off; None without two borders."""
    text = line.rstrip(BLANK).replace("\\|", "\n")  # no line has an LF in it
    if len(text) < 2 or not text.startswith("|") or not text.endswith("|"):
        return None
    return [cell.strip(BLANK).replace("\n", "|") for cell in text[1:-1].split("|")]


def cell_problem(cell: str, *, whole_link: bool, defined: bool) -> str:
    """The reason why a cell looks otherwise than it is written (rule 8); "" if there is no reason.

    `whole_link`: the cell is one link and nothing else. `defined`: a line of the document may define a link.
    """
    if cell.isalnum():
        return ""
    if TAG.search(cell):
        return "has HTML, or what begins like it"
    if ENTITY.search(cell):
        return "has an entity, which is shown as another character"
    found = spans_of(cell)
    if found.escapes and _HTTP.search(cell):
        return "has a '\\' beside an address"
    if found.escapes and found.spans and found.spans != [(0, len(cell))]:
        return "has a '\\' beside a code span"
    plain = "".join(c for _, c in _outside(cell, found))
    if "![" in plain:
        return "has an image"
    if defined and not whole_link and "[" in plain:
        return "has a '[', and a line of the document with ']:' may define a link"
    return "has '~' that strikes text out" if _strikes(plain) else ""


def _outside(cell: str, found: Spans) -> Iterator[tuple[int, str]]:
    """The characters outside of code spans; U+0000 for an escaped one, and once for each code span."""
    at, spans, escapes = 0, dict(found.spans), set(found.escapes)
    while at < len(cell):
        if at in spans:
            yield at, "\0"
            at = spans[at]
        elif at in escapes:
            yield at, "\0"
            at += 2
        else:
            yield at, cell[at]
            at += 1


def _strikes(plain: str) -> bool:
    first = plain.find("~")
    return first >= 0 and any(
        c == "~" and plain[at - 1] not in BLANK for at, c in enumerate(plain) if at > first
    )


def unescaped(text: str) -> str:
    """The text without each `\\` before ASCII punctuation outside of code spans (rule 9)."""
    if "\\" not in text:
        return text
    drop = set(spans_of(text).escapes)
    return "".join(c for at, c in enumerate(text) if at not in drop)
