# SPDX-License-Identifier: Apache-2.0
"""Strict decoding and canonical encoding: an accepted value encodes to the same bytes again.

Every function works on the bytes or text that it is given, and reads nothing else.
"""

import base64
import binascii
import json
import re
from datetime import datetime
from typing import Any, NoReturn

import msgspec

from anchor import limits
from anchor.errors import AnchorError, Refused, Unsupported

MAX_DEPTH = limits.DEPTH
"""Nesting of any JSON document read here; Sigstore's deepest (a trusted root) has 6."""
MAX_DIGITS = 20
"""Digits of an integer, as many as 2^64 has; longer ones could cost more to read than their size."""

_HEX = re.compile(r"(?:[0-9a-f]{2})*")
_DECIMAL = re.compile(r"0|[1-9][0-9]*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_JSON_DEPTH = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
"""Strings and brackets. Possessive, and a string need not end: one pass whatever the input."""
_LONG_NUMBER = re.compile(rb"[0-9]{16}")
_sorted = msgspec.json.Encoder(order="sorted").encode
_TOML_STRING = re.compile(
    r'"""(?:[^"\\]++|\\.|""?(?!"))*+"{0,5}+'  # three quotes close it, and two more may be its last characters
    r"|'''(?:[^']++|''?(?!'))*+'{0,5}+"
    r'|"(?:[^"\\\n]++|\\.)*+"?'
    r"|'[^'\n]*+'|#[^\n]*+",
    re.DOTALL,
)
"""Strings and comments. Possessive, and a long string need not end: nothing behind its start is ever read."""
_TOML_KEYS = re.compile(r"[=\[\]{},\n]")
MAX_KEY_PARTS = 9


def unhex(text: str, *, size: int | None = None, where: str = "") -> bytes:
    """Bytes of lower-case hex; `size` is the wanted length in bytes."""
    if not _HEX.fullmatch(text):
        raise Refused("not lower-case hex", where=where)
    data = bytes.fromhex(text)
    if size is not None and len(data) != size:
        raise Refused(f"{len(data)} bytes where {size} are wanted", where=where)
    return data


def unbase64(text: str | bytes, *, size: int | None = None, where: str = "") -> bytes:
    """Bytes of standard, padded base64 (RFC 4648 section 4) in its one canonical form."""
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    try:
        data = base64.b64decode(raw, validate=True)
    except binascii.Error:
        raise Refused("not standard base64", where=where) from None
    if base64.b64encode(data) != raw:
        raise Refused("base64 is not in its canonical form", where=where)
    if size is not None and len(data) != size:
        raise Refused(f"{len(data)} bytes where {size} are wanted", where=where)
    return data


def to_base64(data: bytes) -> str:
    """Standard, padded base64."""
    return base64.b64encode(data).decode()


def rfc3339(when: datetime) -> str:
    """A time in UTC to the second, as RFC 3339 writes it with a Z."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def decimal(text: str, *, limit: int = 2**63 - 1, where: str = "") -> int:
    """A non-negative ASCII decimal without sign or leading zero, at most `limit`."""
    if len(text) > 20 or not _DECIMAL.fullmatch(text) or not text.isascii():
        raise Refused("not a plain decimal number", where=where)
    value = int(text)
    if value > limit:
        raise Refused(f"{text} is larger than {limit}", where=where)
    return value


class Number(str):
    """The text of a number in another party's document. No format that we read has such numbers."""

    __slots__ = ()


def parse_json(data: bytes, *, where: str = "", foreign: bool = False) -> Any:
    """A JSON document (RFC 8259) without duplicate keys, lone surrogates, NaN, a BOM or deep nesting.

    The caller caps the size. Integers have at most 20 digits; longer ones and other numbers are refused,
    because no format that we read has them. `foreign` is for documents with other people's predicates: such
    numbers are kept as `Number`, and deep nesting is Unsupported, because only our formats forbid it.
    """
    _check_depth(data, where, Unsupported if foreign else Refused)

    def refuse(problem: str) -> NoReturn:
        raise Refused(problem, where=where)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            seen: set[str] = set()
            twice = next(k for k, _ in items if k in seen or seen.add(k))  # type: ignore[func-returns-value]
            refuse(f"duplicate key {twice[:60]!r}")
        return found

    def integer(text: str) -> int | Number:
        if (digits := len(text.removeprefix("-"))) <= MAX_DIGITS:
            return int(text)
        return Number(text) if foreign else refuse(f"a number of {digits} digits")

    try:
        text = data.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=pairs,
            parse_int=integer,
            parse_float=Number if foreign else lambda t: refuse(f"number {t[:20]} is no integer"),
            parse_constant=lambda t: refuse(f"{t} is no JSON"),
        )
    except UnicodeDecodeError as e:
        raise Refused(f"byte {e.start} is not UTF-8", where=where) from None
    except json.JSONDecodeError as e:
        raise Refused(f"not JSON: {e.msg} at line {e.lineno} column {e.colno}", where=where) from None
    if "\\u" in text and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        refuse("a lone surrogate in a string")
    return value


def is_json(data: bytes) -> bool:
    """True if these are the bytes of one JSON document, even of one that we refuse. A document that is nested
    too deeply to be read counts too."""
    try:
        _check_depth(data, "", Refused)
        json.loads(data.decode("utf-8"), parse_int=str, parse_float=str)
    except (UnicodeDecodeError, json.JSONDecodeError):
        return False
    except Refused:
        pass
    return True


def _check_depth(data: bytes, where: str, error: type[AnchorError]) -> None:
    """Raise for deep nesting before the recursive parser meets it."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _JSON_DEPTH.finditer(data):
        first = token.group()[:1]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise error(f"nested deeper than {MAX_DEPTH}", where=where)
        elif first in b"]}":
            depth -= 1


def parse_toml(data: bytes, *, where: str = "") -> dict[str, Any]:
    """A TOML document. The caller caps the size; keys have at most `MAX_KEY_PARTS` parts, since the library
    needs memory in the square of them."""
    import tomllib  # here, as rfc8785 below: most commands read no TOML

    try:
        text = data.decode("utf-8")
        if any(k.count(".") >= MAX_KEY_PARTS for k in _TOML_KEYS.split(_TOML_STRING.sub("", text))):
            raise Refused(f"not TOML: a key of more than {MAX_KEY_PARTS} parts", where=where)
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as e:
        raise Refused(f"not TOML: {e}", where=where) from None


def toml_string(text: str) -> str:
    """A TOML basic string, all of it printable. JSON's escapes are TOML's, except those beyond U+FFFF."""
    quoted = json.dumps(text, ensure_ascii=False)
    if quoted.isprintable():
        return quoted
    longer = (f"\\u{ord(c):04x}" if c <= "\uffff" else f"\\U{ord(c):08x}" for c in quoted)
    return "".join(c if c.isprintable() else e for c, e in zip(quoted, longer, strict=True))


def jcs(value: Any, *, where: str = "") -> bytes:
    """RFC 8785 (JCS) bytes of a JSON value."""
    import rfc8785

    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as e:
        raise Refused(f"has no canonical form: {e}", where=where) from None


def is_jcs(value: Any, data: bytes, *, where: str = "") -> bool:
    """True if `data`, from which `parse_json` made `value`, are its RFC 8785 bytes.

    For ASCII without long numbers msgspec gives the same bytes as the slow encoder: no key needs the order of
    UTF-16, no number is beyond 2^53. If its bytes differ, the slow encoder decides.
    """
    plain = data.isascii() and not _LONG_NUMBER.search(data)
    return (plain and _sorted(value) == data) or jcs(value, where=where) == data
