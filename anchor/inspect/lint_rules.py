# SPDX-License-Identifier: Apache-2.0
"""Rules for one value that may mislead a reader: placeholders, hidden characters, look-alikes, spellings.

They are heuristics and hints for the author, and depend on the Unicode version of this Python. Nothing that
is sealed or verified depends on them.
"""

import re
import unicodedata
from collections.abc import Iterator

UNICODE = unicodedata.unidata_version

_PLACEHOLDERS = {
    *("tbd", "tba", "tbc", "n/a", "n.a.", "#n/a", "#ref!", "#value!", "#name?", "null", "undefined", "nan"),
    *("to be defined", "to be determined", "to be confirmed", "to be announced", "placeholder", "change me"),
    *("changeme", "lorem ipsum", "fill in", "à définir", "à compléter", "à confirmer", "xx", "xxx", "xxxx"),
}
_TEMPLATES = re.compile(
    r"\{\{.*\}\}|\$\{.*\}|\{[\w .-]+\}|<[\w .-]+>|\[\[.*\]\]|%[\w-]+%|__\w+__|\?{2,}|to-?do\b.*"
)
_VARIABLE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*_(?:name|url|value|title|text|label|id|date|here)")
_EXAMPLE_HOST = re.compile(r"https?://(?:[\w-]+\.)*(?:example\.(?:com|org|net)|localhost)(?:[:/?#].*)?")
_GENERIC = {"", "name", "text", "title", "document", "url", "link", "value", "label", "id", "here"}

_HIDDEN_MARKS = set("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters, marks and symbols without ink; format characters and blanks are known by their category."""

_LATIN = {
    # Cyrillic, Greek, Armenian and Cherokee letters with the ink of a Latin one
    **dict(zip("аеорсухіјѕһԁԛԝӏ", "aeopcyxijshdqwl", strict=True)),
    **dict(zip("АВЕКМНОРСТУХІЈЅԌԚԜӀ", "ABEKMHOPCTYXIJSGQWI", strict=True)),
    **dict(zip("αινορυγϲϳ", "aivopuycj", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ", "ABEZHIKMNOPTYXCJ", strict=True)),
    **dict(zip("օսհոցԼՏՍՕ", "ouhngLSUO", strict=True)),
    **dict(zip("ᎠᎡᎢᎪᎬᎳᎷᎻᏀᏃᏆᏎᏒᏔᏙᏚᏟᏢᏦᏴ", "DRTAEWMHGZISRWVSCPKB", strict=True)),
    **dict(zip("ɑɡɩօ", "agio", strict=True)),
}
_ALPHABETS = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"}
_DRAWN_ALIKE = ("<wide>", "<narrow>", "<font>", "<circle>", "<compat>")
_WORD = re.compile(r"\w+")


def placeholder(value: str, column: str) -> bool:
    """True if a value seems never to have been filled in, such as `source_name` in column `source`."""
    text = value.strip().casefold()
    if not text:
        return False
    if text in _PLACEHOLDERS or text.startswith("lorem ipsum"):
        return True
    if _TEMPLATES.fullmatch(text) or _VARIABLE.fullmatch(value) or _EXAMPLE_HOST.fullmatch(text):
        return True
    words, name = re.sub(r"[\s_-]+", "_", text), re.sub(r"[\s_-]+", "_", column.casefold())
    return words.startswith(name) and words[len(name) :].lstrip("_") in _GENERIC


def hidden(value: str) -> Iterator[str]:
    """The characters that are invisible, are a blank other than the space, or change the text direction."""
    for c in dict.fromkeys(value):
        kind = unicodedata.category(c)
        blank = kind in ("Zs", "Zl", "Zp") and c != " "
        selector = "\ufe00" <= c <= "\ufe0f" or "\U000e0100" <= c <= "\U000e01ef" or "\u180b" <= c <= "\u180f"
        if kind in ("Cc", "Cf") or blank or selector or c in _HIDDEN_MARKS:
            yield c


def meaningless(value: str) -> Iterator[str]:
    """The characters of a value without an assigned meaning: unassigned, private, replacement."""
    for c in dict.fromkeys(value):
        if unicodedata.category(c) in ("Cn", "Co", "Cs") or c == "\ufffd":
            yield c


def look_alikes(value: str) -> Iterator[str]:
    """The words of a value that a reader takes for others: letters of two alphabets, or drawn like ASCII."""
    if value.isascii():
        return
    for word in dict.fromkeys(_WORD.findall(value)):
        if not word.isascii() and _misleads(word):
            yield word


def _misleads(word: str) -> bool:
    if any(_drawn_alike(c) for c in word):
        return True
    letters = [c for c in word if c.isalpha()]
    alike = [c for c in letters if c in _LATIN]
    if alike:
        alphabets = {unicodedata.name(c, "").split(" ")[0] for c in letters} & _ALPHABETS
        return len(alphabets) > 1 or (len(letters) > 1 and len(alike) == len(letters))
    digits = [c for c in word if c.isdecimal()]
    return any(c.isascii() for c in word) and any(not c.isascii() for c in digits)


def _drawn_alike(c: str) -> bool:
    """A letter or digit that is drawn like ASCII: full width, mathematical, Roman numeral, ligature."""
    if c.isascii() or not unicodedata.category(c).startswith(("L", "N")):
        return False
    if not unicodedata.decomposition(c).startswith(_DRAWN_ALIKE):
        return False
    plain = unicodedata.normalize("NFKC", c)
    return plain.isascii() and plain.isalnum()


def spelling(value: str) -> str:
    """The value without differences of case and spacing."""
    return "".join(unicodedata.normalize("NFC", value).casefold().split())


def skeleton(value: str) -> str:
    """The same, also without differences between letters that look alike."""
    if value.isascii() and value.isprintable():
        return spelling(value)
    seen = "".join(_LATIN.get(c, c) for c in unicodedata.normalize("NFKC", value))
    unseen = {c for c in hidden(seen) if not c.isspace()}
    return spelling("".join(c for c in seen if c not in unseen))


def named(c: str) -> str:
    """A character as a person can look it up."""
    return f"U+{ord(c):04X} {unicodedata.name(c, 'without a name')}"
