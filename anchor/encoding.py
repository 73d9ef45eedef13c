# SPDX-License-Identifier: Apache-2.0
"""Strict decoding and canonical encoding: an accepted value encodes to the same bytes again.

Every function works on the bytes or text that it is given, and reads nothing else.
"""

import binascii
import json
import re
from datetime import UTC, datetime
from typing import Any, NoReturn

import msgspec

from anchor import limits, regex
from anchor.errors import AnchorError, Refused, Unsupported

MAX_DEPTH = limits.DEPTH
"""Nesting of any JSON document read here; Sigstore's deepest (a trusted root) has 6."""
MAX_STRUCTURE = limits.STRUCTURE
"""Structural characters (RFC 8259 section 2) of a JSON document, unless its reader names another limit.
A value may cost 24 times as many bytes in memory: `[],` is an object of Python and a place in a list."""
FOREIGN_STRUCTURE = limits.FOREIGN_STRUCTURE
MAX_DIGITS = 20
"""Digits of an integer, as many as 2^64 has; longer ones could cost more to read than their size."""

_HEX = regex.expression(r"(?:[0-9a-f]{2})*")
_DECIMAL = regex.expression(r"0|[1-9][0-9]*")
_SURROGATE = regex.expression("[\ud800-\udfff]")
_ESCAPED_SURROGATE = regex.expression(r"\\u[dD][89a-fA-F]")
"""The beginning of an escape for a surrogate. Text that is UTF-8 gets one in no other way."""
_JSON_STRING = regex.expression(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""Possessive, and a string need not end: one pass whatever the input."""
_JSON_BLOCK = regex.expression(rb'(?:[^"]{1,65536}+|"(?:[^"\\]++|\\.)*+"?){1,10000}+', re.DOTALL)
"""Some strings and what stands between them: the pieces of one such block are in memory at once."""
_STRUCTURAL = (b",", b":", b"[", b"]", b"{", b"}")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_AS_LISTS = bytes.maketrans(b"{}", b"[]")
_LONG_NUMBER = regex.expression(rb"[0-9]{16}")
_sorted = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(float_hook=lambda _: "no integer").decode
"""A number with a fraction becomes a text, which is not written as it was."""
_TOML_STRING = regex.expression(
    r'"""(?:[^"\\]++|\\.|""?(?!"))*+"{0,5}+'  # three quotes close it, and two more may be its last characters
    r"|'''(?:[^']++|''?(?!'))*+'{0,5}+"
    r'|"(?:[^"\\\n]++|\\.)*+"?'
    r"|'[^'\n]*+'|#[^\n]*+",
    re.DOTALL,
)
"""Strings and comments. Possessive, and a long string need not end: nothing behind its start is ever read."""
_TOML_KEYS = regex.expression(r"[=\[\]{},\n]")
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
        data = binascii.a2b_base64(raw, strict_mode=True)
    except binascii.Error:
        raise Refused("not standard base64", where=where) from None
    if binascii.b2a_base64(data, newline=False) != raw:
        raise Refused("base64 is not in its canonical form", where=where)
    if size is not None and len(data) != size:
        raise Refused(f"{len(data)} bytes where {size} are wanted", where=where)
    return data


def to_base64(data: bytes) -> str:
    """Standard, padded base64."""
    return binascii.b2a_base64(data, newline=False).decode()


def rfc3339(when: datetime) -> str:
    """A time in UTC to the second, as RFC 3339 writes it with a Z."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_of(posix: float) -> str:
    """The same for POSIX seconds."""
    return rfc3339(datetime.fromtimestamp(posix, UTC))


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


def parse_json(data: bytes, *, where: str = "", foreign: bool = False, structure: int = MAX_STRUCTURE) -> Any:
    """A JSON document (RFC 8259) without duplicate keys, lone surrogates, NaN, a BOM or deep nesting.

    The caller caps the size. `structure`: the most structural characters (RFC 8259 section 2): they decide
    what its values cost. Integers have at most 20 digits; longer ones and other numbers are refused, because
    no format that we read has them. `foreign` is for documents with other people's predicates: such numbers
    are kept as `Number`. Deep nesting and too much structure are Unsupported then, because only our formats
    forbid it, and `structure` is at least `FOREIGN_STRUCTURE`.
    """
    error = Unsupported if foreign else Refused
    _check_structure(data, max(structure, FOREIGN_STRUCTURE) if foreign else structure, where, error)
    _check_depth(data, where, error)
    return _parsed(data, where, foreign=foreign)


def _parsed(data: bytes, where: str, *, foreign: bool = False) -> Any:
    """The document in bytes that passed `_check_structure` and `_check_depth`."""
    try:
        text = data.decode("utf-8")
        value = (_FOREIGN if foreign else _STRICT).decode(text)
    except UnicodeDecodeError as e:
        raise Refused(f"byte {e.start} is not UTF-8", where=where) from None
    except json.JSONDecodeError as e:
        problem = e.msg.removesuffix(" at")  # "Unterminated string starting at"
        if e.doc.startswith("\ufeff"):
            problem = "a byte order mark"
        raise Refused(f"not JSON: {problem} at line {e.lineno} column {e.colno}", where=where) from None
    except Refused as e:
        raise e.at(where) from None
    escaped = "\\u" in text and _ESCAPED_SURROGATE.search(text)
    if escaped and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise Refused("a lone surrogate in a string", where=where)
    return value


def _object(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without a duplicate key."""
    found = dict(items)
    if len(found) != len(items):
        seen: set[str] = set()
        twice = next(k for k, _ in items if k in seen or seen.add(k))  # type: ignore[func-returns-value]
        raise Refused(f"duplicate key {twice[:60]!r}")
    return found


def _integer(text: str) -> int:
    if (digits := len(text.removeprefix("-"))) > MAX_DIGITS:
        raise Refused(f"a number of {digits} digits")
    return int(text)


def _foreign_integer(text: str) -> int | Number:
    return int(text) if len(text.removeprefix("-")) <= MAX_DIGITS else Number(text)


def _no_fraction(text: str) -> NoReturn:
    raise Refused(f"number {text[:20]} is no integer")


def _no_constant(text: str) -> NoReturn:
    raise Refused(f"{text} is no JSON")


_STRICT = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_no_fraction, parse_constant=_no_constant
)
_FOREIGN = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_foreign_integer, parse_float=Number, parse_constant=_no_constant
)


def parse_own_json(data: bytes, *, where: str = "", structure: int = MAX_STRUCTURE) -> Any:
    """As `parse_json`, several times as fast for bytes in the form in which msgspec writes a value.

    Such bytes are written again from their value. If the same ones come out, nothing was dropped or coerced:
    no duplicate key, no escape, no white space. `parse_json` decides on all others. An integer may have more
    digits here.
    """
    _check_structure(data, structure, where, Refused)
    try:
        value = _decode(data)
        same = msgspec.json.encode(value) == data
    except (msgspec.MsgspecError, ValueError, RecursionError, TypeError):
        same = False
    if not same:
        value = None  # or the values of both parsers would be in memory at once
    _check_depth(data, where, Refused)
    return value if same else _parsed(data, where)


def is_json(data: bytes) -> bool:
    """True if these are the bytes of one JSON document, even of one that we refuse. A document with more
    structure or nesting than is read counts too."""
    try:
        _check_structure(data, MAX_STRUCTURE, "", Refused)
        _check_depth(data, "", Refused)
        json.loads(data.decode("utf-8"), parse_int=str, parse_float=str)
    except (UnicodeDecodeError, json.JSONDecodeError):
        return False
    except Refused:
        pass
    return True


def _check_structure(data: bytes, most: int, where: str, error: type[AnchorError]) -> None:
    """Raise for more structural characters than `most`, before a parser makes values of them.

    Those within strings do not count. They are looked for only if all together are too many.
    """
    if len(data) <= most or sum(map(data.count, _STRUCTURAL)) <= most:
        return
    found = 0
    for block in _JSON_BLOCK.finditer(data):
        found += sum(map(_JSON_STRING.sub(b"", block.group()).count, _STRUCTURAL))
        if found > most:
            problem = f"more than {most} brackets, braces, colons and commas outside of its strings"
            raise error(problem, where=where)


def _check_depth(data: bytes, where: str, error: type[AnchorError]) -> None:
    """Raise for deep nesting before the recursive parser meets it.

    The innermost pairs of brackets are taken away, `MAX_DEPTH` times: to look at each bracket takes a minute
    for the largest document. What has no pair is no JSON, which is for the parser to say.
    """
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    left = b"".join(
        _JSON_STRING.sub(b"", block.group()).translate(_AS_LISTS, _NO_BRACKETS)
        for block in _JSON_BLOCK.finditer(data)
    )
    for _ in range(MAX_DEPTH):
        size = len(left)
        left = left.replace(b"[]", b"")
        if len(left) == size:
            break
    if b"[]" in left or left.count(b"[") > MAX_DEPTH:
        raise error(f"nested deeper than {MAX_DEPTH}", where=where)


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
