# SPDX-License-Identifier: Apache-2.0
"""Lists of logs for witnesses (C2SP tlog-list, `logs/v0`), as the public witness network publishes them.

A list comes from the operator of the witness, who chose where it is from. So a bad one is Misuse, and names
the line. A list that can be read in part is not read at all.
"""

from collections.abc import Iterator

import msgspec

from anchor import limits, regex
from anchor.encoding import decimal
from anchor.errors import Misuse, Refused
from anchor.tlog.keys import LOG_KEYS, VerifierKey, parse_own_vkey

HEADER = "logs/v0"
MAX_LIST = limits.LOG_LIST
MAX_ORIGIN = 255
"""Bytes of UTF-8: more cannot be cosigned with ML-DSA-44 (C2SP tlog-cosignature)."""
MAX_QPD = 2**31 - 1
MAX_CONTACT = limits.TEXT

_CONTROL = regex.expression(r"[\x00-\x08\x0b-\x1f\x7f]")
_NOT_OF_A_LINE = regex.expression(r"[\x00-\x1f]")
"""No note has them (C2SP signed-note)."""
_BLANKS = " \t"
_AFTER = {"vkey": ("origin", "qpd"), "origin": ("qpd",), "qpd": ("contact",), "contact": ("vkey",)}
"""The keywords that may follow one."""


class ListedLog(msgspec.Struct, frozen=True):
    """A log that a witness accepts: its origin, the keys that speak for it, and its requests a day."""

    origin: str
    keys: tuple[VerifierKey, ...]
    qpd: int
    contact: str = ""


def parse(data: bytes, *, where: str = "list of logs") -> tuple[ListedLog, ...]:
    """The logs of a list, in its order. Raises Misuse with the line, or Unsupported for a new type of key."""
    if len(data) > MAX_LIST:
        raise Misuse(f"{len(data)} bytes, more than {MAX_LIST}", where=where)
    found: dict[str, ListedLog] = {}
    wanted: tuple[str, ...] = (HEADER,)
    values: dict[str, str] = {}
    number = 0
    for number, text in _lines(data, where):
        place = f"{where} line {number}"
        word, _, rest = text.partition(" ")
        if (text if wanted == (HEADER,) else word) not in wanted:
            raise Misuse(f"{' or '.join(wanted)!r} is wanted here", where=place)
        wanted = _AFTER.get(word, ("vkey",))
        if text == HEADER:
            continue
        values[word] = rest.strip(_BLANKS)
        if word == "contact":
            log = _listed(values, place)
            if log.origin in found:
                raise Misuse(f"a second log with the origin {log.origin!r}", where=place)
            found[log.origin], values = log, {}
    if wanted == (HEADER,) or values:
        raise Misuse(f"cut off: {' or '.join(wanted)!r} is wanted", where=f"{where} line {number + 1}")
    return tuple(found.values())


def _lines(data: bytes, where: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, without the blanks around them, by their numbers from 1."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        at = data.count(b"\n", 0, e.start) + 1
        raise Misuse("not UTF-8", where=f"{where} line {at}") from None
    if found := _CONTROL.search(text):
        at = text.count("\n", 0, found.start()) + 1
        raise Misuse(f"control character 0x{ord(found.group()):02x}", where=f"{where} line {at}")
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip(_BLANKS)
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def _listed(values: dict[str, str], where: str) -> ListedLog:
    key = parse_own_vkey(values["vkey"], where=f"{where}: vkey")
    try:
        qpd = decimal(values["qpd"], limit=MAX_QPD, where=f"{where}: qpd")
    except Refused as e:
        raise Misuse(e.problem, where=e.where) from None
    return check(ListedLog(values.get("origin", key.name), (key,), qpd, values["contact"]), where)


def check(log: ListedLog, where: str) -> ListedLog:
    """The log, if a witness can serve it; else Misuse."""
    if _NOT_OF_A_LINE.search(log.origin) or not 0 < len(log.origin.encode()) <= MAX_ORIGIN:
        problem = f"an origin is one line of 1 to {MAX_ORIGIN} bytes, without control characters"
        raise Misuse(problem, where=where)
    if not 1 <= log.qpd <= MAX_QPD:
        raise Misuse(f"qpd is from 1 to {MAX_QPD}", where=where)
    if len(log.contact) > MAX_CONTACT:
        raise Misuse(f"a contact of {len(log.contact)} characters", where=where)
    if not log.keys:
        raise Misuse("a log without a key", where=where)
    ids = [(key.name, key.key_id) for key in log.keys]
    if len(set(ids)) != len(ids):
        raise Misuse("two keys with one name and id", where=where)
    for key in log.keys:
        if key.algorithm not in LOG_KEYS:
            raise Misuse(f"a key of type 0x{key.algorithm:02x} is no log's", where=where)
    return log
