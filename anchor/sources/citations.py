# SPDX-License-Identifier: Apache-2.0
"""The document that a fact cites: the columns that say so, and the normal form of a URL.

docs/evidence.md, Citations. A cell cites a document by its URL or by the name of its file. No guess is made.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from anchor import regex
from anchor.errors import Misuse
from anchor.format import names
from anchor.format.facts import Value

VALUE: Final = ("value",)
LABEL: Final = ("label",)
UNIT: Final = ("unit",)
SOURCE: Final = ("source_url", "source")
"""The names of the columns that are recognised, in any case. A cell of an earlier one of two counts first."""
_LINK = regex.expression(r"\[[^\[\]]*\]\((\S+)\)")
_ESCAPE = regex.expression(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PORTS: Final = {"http": 80, "https": 443}


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """The places of the columns in a fact. `label` and `unit` are None if the ledger does not have them."""

    value: int
    source: tuple[int, ...]
    label: int | None = None
    unit: int | None = None


def columns(found: Sequence[str], given: Mapping[str, str | None], *, where: str) -> Columns:
    """The columns of a ledger. `given` has the names that the user chose, by `value`, `source`, `label` and
    `unit`. Raises `Misuse` for a column that is not there."""
    value = _places(found, VALUE, given.get("value"), where=where, option="--value-column")
    source = _places(found, SOURCE, given.get("source"), where=where, option="--source-column")
    label = _places(found, LABEL, given.get("label"), where=where, option="--label-column", needed=False)
    unit = _places(found, UNIT, given.get("unit"), where=where, option="--unit-column", needed=False)
    return Columns(
        value=value[0], source=source, label=label[0] if label else None, unit=unit[0] if unit else None
    )


def _places(
    found: Sequence[str],
    known: Sequence[str],
    given: str | None,
    *,
    where: str,
    option: str,
    needed: bool = True,
) -> tuple[int, ...]:
    if given is not None:
        if given not in found:
            problem = f"no column {names.shown(given)}"
            raise Misuse(problem, where=f"{where}: {option}", remedy=_there(found))
        return (found.index(given),)
    plain = [name.strip().casefold() for name in found]
    places = tuple(plain.index(name) for name in known if name in plain)
    if needed and not places:
        problem = f"no column {' or '.join(reversed(known))}"
        raise Misuse(problem, where=where, remedy=f"name it with {option}; {_there(found)}")
    return places


def _there(found: Sequence[str]) -> str:
    more = ", ..." if len(found) > 20 else ""
    return f"the columns are {', '.join(names.shown(name) for name in found[:20])}{more}"


def normal(url: str) -> str:
    """The normal form of an http or https URL; "" for any other text.

    Two URLs are of one document if and only if their normal forms are equal. Scheme and host are in lower
    case; the default port, the fragment and one slash at the end of the path are left out; escapes of
    unreserved characters are read, and all other escapes are in upper case (RFC 3986 section 6.2.2).
    """
    if any(c.isspace() for c in url):
        return ""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not host:
        return ""
    user, at, _ = parts.netloc.rpartition("@")
    place = f"[{host}]" if ":" in host else host
    behind = "" if port is None or port == _PORTS[parts.scheme] else f":{port}"
    query = f"?{_escapes(parts.query)}" if parts.query else ""
    return f"{parts.scheme}://{user}{at}{place}{behind}{_escapes(parts.path).removesuffix('/')}{query}"


def _escapes(text: str) -> str:
    """A part of a URL with its escapes in one form."""
    if not text.isascii():
        text = "".join(c if c.isascii() else quote(c, errors="replace") for c in text)
    return _ESCAPE.sub(_escape, text)


def _escape(found: "re.Match[str]") -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else f"%{found[1].upper()}"


def cited(cells: Iterable[Value]) -> tuple[str, str]:
    """The first cell with a text, and the normal form of the URL that it names ("" if it names none).

    A cell names a URL if it is one as a whole, or is one Markdown link. A cell that names one comes first.
    """
    texts = [text for cell in cells if cell and (text := cell.strip())]
    for text in texts:
        link = _LINK.fullmatch(text)
        if url := normal(link[1] if link else text):
            return text, url
    return (texts[0], "") if texts else ("", "")
