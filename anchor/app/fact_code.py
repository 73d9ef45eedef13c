# SPDX-License-Identifier: Apache-2.0
"""A code that a camera reads (ISO/IEC 18004), drawn by segno (extra `codes`)."""

from io import BytesIO, StringIO
from typing import Any

from anchor.errors import Misuse
from anchor.words import with_extra

SCALE = 4
"""Pixels of a module."""
FORMATS = (".svg", ".png", ".txt")
"""The suffixes of files; the text is for a terminal."""


def draw(text: str, suffix: str) -> bytes:
    """The picture of a code that holds a text, in one of the `FORMATS`. Raises `Misuse` for another one."""
    if suffix not in FORMATS:
        raise Misuse(f"a code is not drawn as {suffix!r}", where="--qr", remedy=f"use {', '.join(FORMATS)}")
    code = _made(text)
    if suffix == ".txt":
        written = StringIO()
        code.terminal(written, compact=True)
        return written.getvalue().encode()
    picture = BytesIO()
    code.save(picture, kind=suffix.removeprefix("."), scale=SCALE)
    return picture.getvalue()


def _made(text: str) -> Any:
    try:
        import segno  # an extra: few people print a code
    except ImportError:
        problem = "codes need an extra that is not installed"
        raise Misuse(problem, where="--qr", remedy=with_extra("codes")) from None
    try:
        return segno.make_qr(text, error="m", boost_error=False)
    except segno.DataOverflowError:
        raise Misuse(
            f"{len(text)} characters, more than a code holds", where="--qr", remedy="shorten the URL"
        ) from None
