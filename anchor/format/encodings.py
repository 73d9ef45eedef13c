# SPDX-License-Identifier: Apache-2.0
"""The encodings that a ledger may have, and their tables. FORMAT.md section 17.1.

The names are those of IANA. The tables are the mapping files of the Unicode Consortium
(https://www.unicode.org/Public/MAPPINGS/), whatever a library or a browser calls by the same name:

    windows-1252    VENDORS/MICSFT/WINDOWS/CP1252.TXT
    iso-8859-1      ISO8859/8859-1.TXT
    iso-8859-15     ISO8859/8859-15.TXT
    macintosh       VENDORS/APPLE/ROMAN.TXT

Bytes below 80 are ASCII in all four. The upper halves stand here, so that a release is read the same whatever
Python reads it. They were made from the copies of these files in CPython 3.11 (`encodings/cp1252.py` and its
kin name them), and compared with Perl's Encode and with the GNU C library. The latter has another macintosh:
U+0394 for C6 and U+E01E for F0. A test compares them with the codecs of the Python that runs it.
"""

import codecs
from typing import Final, Literal, Protocol

Name = Literal["utf-8", "utf-16", "windows-1252", "iso-8859-1", "iso-8859-15", "macintosh"]

UTF_8_BOM: Final = b"\xef\xbb\xbf"
UTF_16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")

UNDEFINED: Final = "\ufffe"
"""Stands in a table for a byte that is not defined; Unicode has no character of this number."""
_ASCII = "".join(map(chr, range(128)))
_LATIN_1 = "".join(map(chr, range(0xA0, 0x100)))
TABLES: Final[dict[str, str]] = {
    "windows-1252": _ASCII + "€\ufffe‚ƒ„…†‡ˆ‰Š‹Œ\ufffeŽ\ufffe" + "\ufffe‘’“”•–—˜™š›œ\ufffežŸ" + _LATIN_1,
    "iso-8859-1": "".join(map(chr, range(256))),
    "iso-8859-15": "".join(map(chr, range(0xA0))) + _LATIN_1.translate(str.maketrans("¤¦¨´¸¼½¾", "€ŠšŽžŒœŸ")),
    "macintosh": _ASCII
    + "ÄÅÇÉÑÖÜáàâäãåçéè"
    + "êëíìîïñóòôöõúùûü"
    + "†°¢£§•¶ß®©™´¨≠ÆØ"
    + "∞±≤≥¥µ∂∑∏π∫ªºΩæø"
    + "¿¡¬√ƒ≈∆«»…\xa0ÀÃÕŒœ"
    + "–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ"
    + "‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ"
    + "\uf8ffÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ",
}
"""The character of each byte."""


class Decoder(Protocol):
    """How the bytes of a file become text."""

    bom: bytes
    """The byte order mark with which the file begins; it is no part of the text."""

    def decode(self, data: bytes, *, final: bool) -> tuple[str, int]:
        """Text, and the number of bytes that it took: of `final` ones all. Raises `UnicodeDecodeError`."""

    def size(self, text: str) -> int:
        """The bytes of a text that was decoded."""


def decoder(name: Name, head: bytes, *, bom: bool = False) -> Decoder | None:
    """The decoder for a file that begins with `head`, its first three bytes.

    None if the file must begin with a byte order mark and does not, or has one that it must not have.
    """
    mark = next((mark for mark in (UTF_8_BOM, *UTF_16_BOMS) if head.startswith(mark)), b"")
    if name == "utf-16":
        return _Utf16(mark) if mark in UTF_16_BOMS else None
    if name == "utf-8":
        return _Utf8(mark) if mark == (UTF_8_BOM if bom else b"") else None
    return None if mark else _OneByte(TABLES[name])


class _Utf8:
    def __init__(self, bom: bytes) -> None:
        self.bom = bom

    def decode(self, data: bytes, *, final: bool) -> tuple[str, int]:
        return codecs.utf_8_decode(data, "strict", final)

    def size(self, text: str) -> int:
        return len(text.encode())


class _Utf16:
    def __init__(self, bom: bytes) -> None:
        self.bom = bom
        self._decode = codecs.utf_16_le_decode if bom == UTF_16_BOMS[0] else codecs.utf_16_be_decode

    def decode(self, data: bytes, *, final: bool) -> tuple[str, int]:
        return self._decode(data, "strict", final)

    def size(self, text: str) -> int:
        return len(text.encode("utf-16-le"))


class _OneByte:
    bom = b""

    def __init__(self, table: str) -> None:
        self._table = table

    def decode(self, data: bytes, *, final: bool) -> tuple[str, int]:
        return codecs.charmap_decode(data, "strict", self._table)

    def size(self, text: str) -> int:
        return len(text)
