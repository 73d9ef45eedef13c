# SPDX-License-Identifier: Apache-2.0
"""The encoding that the bytes of a file call for.

A byte order mark states the encoding. Anything else is a proposal, which the user confirms by an option.

charset-normalizer was seen to take German windows-1252 for another encoding, and short texts say little to
it. So the three one-byte encodings of Western Europe that a dialect can name are compared here, by the
characters that they give. Only if all three give unlikely text, charset-normalizer is asked.
"""

from typing import Final

import msgspec

from anchor import regex

UTF_8: Final = "utf-8"
UTF_16: Final = "utf-16"
CODECS: Final = {
    "windows-1252": "cp1252",
    "iso-8859-15": "iso8859_15",
    "macintosh": "mac_roman",
}
"""The encodings that are compared, with Python's name. ISO-8859-1 gives the same text as windows-1252."""
_CENTRAL: Final = ("cp1250", "iso8859_2")
"""Encodings of Central Europe. No dialect has them, and `anchor convert` reads them."""
_BOM = b"\xef\xbb\xbf"
_MARKS_16 = (b"\xff\xfe", b"\xfe\xff")
_MARKS_32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
_MOST = 64 << 10
"""Bytes that are judged: lines with bytes above 0x7F, the first ones of the file."""
_LIKELY = 0.5
_LETTERS = frozenset("äöüßÄÖÜéèêëàâáãåçîïíìôóòõøûúùñœæÿýÉÈÊËÀÂÁÅÇÎÏÍÔÓØÛÚÑŒÆðþÐÞ")
_CENTRAL_LETTERS = frozenset("ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňřšťúůýžÁČĎÉĚÍŇŘŠŤÚŮÝŽőűŐŰâăîşţäöüßđĐÄÖÜ")
_SIGNS = frozenset("€£§©®°²³µ·¹º¼½¾×÷±«»¿¡–—…‘’‚“”„•‰™ª\xa0¢¥")
_UNLIKELY = regex.expression(
    r"(?<=[a-zß-ÿ])[^\W\da-zß-ÿœ](?=[a-zß-ÿ])"  # a capital letter inside a word
    r"|(?<=[^\W\d_])[€£¥¢§©®°²³¹¼½¾±×÷«»¿¡…„“”•‰™·](?=[^\W\d_])"  # a sign inside a word
    r"|[£¥¢®²³¹¼½¾÷](?=[^\W\d_])"  # a sign in front of a word
    r"|([À-ÿœŒ])(?=(?!\1)[À-ÿœŒ])"  # two different letters in a row that English does not have
)
"""Sequences that Western European text has seldom."""


class Encoding(msgspec.Struct, frozen=True):
    """An encoding of a dialect, or another one that only `anchor convert` reads."""

    name: str
    stated: bool
    """True if the bytes state it; False for a proposal."""
    bom: bool = False
    """The text begins with the byte order mark of UTF-8."""
    line: int = 0
    """The first line that is not UTF-8."""
    shown: str = ""
    """This line as the proposal reads it."""
    is_ours: bool = True
    """A dialect can name it."""


def encoding_of(data: bytes, *, whole: bool, name: str | None = None) -> Encoding:
    """The encoding of these first bytes of a file; `whole`: they are all of it; `name`: it was given."""
    if name is not None:
        return Encoding(name, stated=True, bom=data.startswith(_BOM))
    if data.startswith(_MARKS_32):
        return Encoding("utf-32", stated=True, is_ours=False)
    if data.startswith(_MARKS_16):
        return Encoding(UTF_16, stated=True)
    if data.startswith(_BOM):
        return Encoding(UTF_8, stated=True, bom=True)
    if (wide := _without_mark(data)) is not None:
        return wide
    end = len(data) if whole else _last_start(data)
    try:
        data[:end].decode()
    except UnicodeDecodeError as e:
        return _proposed(data[:end], e.start)
    return Encoding(UTF_8, stated=True)


def decoded(data: bytes, encoding: Encoding) -> str:
    """The text of these first bytes, without a byte order mark; an undefined byte gives U+FFFD."""
    codec = CODECS.get(encoding.name, encoding.name)
    if encoding.name in ("", UTF_8):
        codec = "utf-8-sig"
    return data.decode(codec, "replace")


def _last_start(data: bytes) -> int:
    """The position behind the last whole UTF-8 character of data that may be cut inside one."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            return len(data) - back
        if byte < 0x80:
            break
    return len(data)


def _without_mark(data: bytes) -> Encoding | None:
    """UTF-16 without its mark: every second byte of Western text is NUL. A dialect needs the mark."""
    first = data[:512]
    half = len(first) // 2
    odd, even = first[1::2].count(0), first[::2].count(0)
    for nul, other, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if half > 3 and nul * 10 > half * 6 and other * 10 < half:
            return Encoding(name, stated=False, line=1, is_ours=False)
    return None


def _proposed(data: bytes, at: int) -> Encoding:
    line = data.count(b"\n", 0, at) + 1
    high = [row for row in data.split(b"\n") if not row.isascii()]
    bad = [row for row in high if not _is_utf8(row)]
    if len(bad) * 2 < len(high):  # most lines are UTF-8, so no one-byte encoding reads them
        return Encoding("", stated=False, line=line, is_ours=False)
    judged = b"\n".join(bad)[:_MOST]
    scores = {name: _likelihood(judged, codec) for name, codec in CODECS.items()}
    best = max(scores, key=lambda name: scores[name])
    ours, name = scores[best] >= _LIKELY, best
    if not ours:
        name = _asked(judged)
        ours = name in CODECS
    odd = next(row for row in bad[0].split(b"\r") if not row.isascii())
    shown = decoded(odd.strip()[:200], Encoding(name, stated=False)) if name else ""
    return Encoding(name, stated=False, line=line, shown=shown, is_ours=ours)


def _is_utf8(row: bytes) -> bool:
    try:
        row.decode()
    except UnicodeDecodeError:
        return False
    return True


def _likelihood(data: bytes, codec: str, letters: frozenset[str] = _LETTERS) -> float:
    """The fit of the characters above U+007F to a language with these letters: 1 at best, else less."""
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return -1.0
    odd = [c for c in text if c > "\x7f"]
    points = sum(1 if c in letters or c in _SIGNS else -1 for c in odd)
    unlikely = len(_UNLIKELY.findall(text)) if letters is _LETTERS else 0
    return (points - 2 * unlikely) / max(1, len(odd))


def _asked(data: bytes) -> str:
    """The name of an encoding of Central Europe, or the one that charset-normalizer proposes, or ""."""
    central = {codec: _likelihood(data, codec, _CENTRAL_LETTERS) for codec in _CENTRAL}
    likely = max(central, key=lambda codec: central[codec])
    if central[likely] >= _LIKELY:
        return likely
    from charset_normalizer import from_bytes  # only for a file that is not UTF-8

    best = from_bytes(data).best()
    if best is None:
        return ""
    return next((name for name, codec in CODECS.items() if codec == best.encoding), best.encoding)
