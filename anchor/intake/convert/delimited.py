# SPDX-License-Identifier: Apache-2.0
"""Delimited text of any encoding, delimiter and line end, to rows."""

import csv
from collections.abc import Iterator
from io import StringIO

from anchor.errors import Misuse
from anchor.intake import charset
from anchor.intake.charset import Encoding
from anchor.intake.convert.changes import Changes
from anchor.intake.convert.table import Rows
from anchor.intake.layout import Layout, layout_of, unwrapped

HEAD = 1 << 17
"""Bytes whose layout is looked at."""


def text_of(data: bytes, encoding: str | None, changes: Changes, *, where: str) -> str:
    """The text of a file, with the encoding that is given, or else the one that its bytes call for."""
    found = charset.encoding_of(data, whole=True)
    if encoding is not None:
        found = Encoding(encoding, stated=True)
    if not found.name:
        problem = f"line {found.line} is not UTF-8, and the others are"
        raise Misuse(problem, where=where, remedy="give --encoding, or repair the line")
    codec = charset.CODECS.get(found.name, "utf-8-sig" if found.name == charset.UTF_8 else found.name)
    try:
        text = data.decode(codec)
    except LookupError:
        raise Misuse(
            f"no encoding {found.name!r} is known", where="--encoding", remedy="name another"
        ) from None
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        problem = f"byte {e.start + 1} of the file is not {found.name}"
        raise Misuse(problem, where=f"{where}: line {line}", remedy="give another --encoding") from None
    if found.name != charset.UTF_8:
        how = (
            "as it was given"
            if encoding
            else "as its bytes say"
            if found.stated
            else "a proposal: check the text"
        )
        example = next((row for row in text.splitlines() if not row.isascii()), "")
        changes.add(f"the encoding is changed from {found.name} to UTF-8 ({how})", text=example or None)
    elif data.startswith(b"\xef\xbb\xbf"):
        changes.add("the byte order mark is taken out")
    return text.removeprefix("\ufeff")


def rows_of(
    text: str, changes: Changes, *, delimiter: str | None, quote: str | None, skip: int | None, where: str
) -> tuple[Rows, int | None]:
    """The rows of a text, and the number of lines above its header, None if that is to be searched for.

    Rows are numbered by the line where they begin.
    """
    given: dict[str, object] = {}
    if "\n" not in text and "\r" in text:
        given["line_ends"] = "cr"
        changes.add("line ends of CR alone are made LF")
    for name, value in (("delimiter", delimiter), ("quote", quote), ("skip", skip)):
        if value is not None:
            given[name] = value
    text, found = _layout(text, given, changes)
    if found.delimiter != ",":
        changes.add(f"the delimiter {found.delimiter!r} is changed to ','")
    if found.quote not in ('"', None):
        changes.add(f"the quote {found.quote!r} is changed to '\"'")

    names, short = list(found.named), skip is None and bool(found.short_header)
    if short:  # the column without a name gets one when its values are known
        names[-1 if found.named[:-1] == found.short_header else 0] = ""

    def rows() -> Iterator[tuple[int, list[str]]]:
        lines = StringIO(text, newline="")
        begin = 1
        plain = found.quote is None
        reader = csv.reader(
            lines,
            delimiter=found.delimiter,
            quotechar=None if plain else found.quote,
            quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL,
            strict=True,  # else a quote that is not closed would swallow the rest of the file
        )
        try:
            for row in reader:
                yield begin, names if short and begin == found.skip else row
                begin = reader.line_num + 1
        except csv.Error as e:
            remedy = "repair the line, or give --quote or --delimiter"
            raise Misuse(f"no delimited text: {e}", where=f"{where}: line {begin}", remedy=remedy) from None

    above = found.skip - 1 if short else found.skip
    return rows, above if skip is None and found.records else skip


def _layout(text: str, given: dict[str, object], changes: Changes) -> tuple[str, Layout]:
    """The text, without quotes around whole lines, and its layout."""
    found = layout_of(text[:HEAD], whole=len(text) <= HEAD, given=given)
    if not given and unwrapped(found, text[:HEAD], whole=len(text) <= HEAD):
        text = "".join(f"{row[0] if row else ''}\n" for row in csv.reader(StringIO(text)))
        changes.add("the quotes around whole lines are taken out")
        found = layout_of(text[:HEAD], whole=len(text) <= HEAD, given=given)
    return text, found
