# SPDX-License-Identifier: Apache-2.0
"""The JSON form of Protocol Buffers, read strictly: the shape of bundles and trusted roots.

Decides which JSON values are allowed for each type. As in the ProtoJSON specification, a name has both
spellings, null means absent, and an int64 is a string or a number. In four points we are stricter: unknown
names and repeated names are refused; base64 has its standard alphabet only (line breaks inside are skipped,
as the Go and Python readers do); an enum is its name, never a number.
"""

import functools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from anchor import limits, regex
from anchor.encoding import decimal, unbase64
from anchor.errors import Refused, Unsupported

MAX_INT64 = 2**63 - 1
MAX_ITEMS = limits.ITEMS
"""Items of any one list: more than any bundle, proof or trusted root has."""

_UPPER = regex.expression("[A-Z]")
_TIME = regex.expression(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)


@functools.cache
def _spelled(names: tuple[str, ...]) -> dict[str, str]:
    """Each spelling of a member's name, `lowerCamelCase` and the `lower_snake_case` of the .proto file."""
    return {n: n for n in names} | {_UPPER.sub(lambda m: "_" + m.group().lower(), n): n for n in names}


class Message:
    """A message: the members of a JSON object that are known and not null."""

    def __init__(self, value: Any, names: tuple[str, ...], where: str) -> None:
        if not isinstance(value, dict):
            raise Refused("not a JSON object", where=where)
        self.where = where
        self._members: dict[str, Any] = {}
        spelled = _spelled(names)
        for key, item in value.items():
            name = spelled.get(key)
            if name is None:
                raise Unsupported(f"a member {key[:60]!r} that is not known", where=where)
            if name in self._members:
                raise Refused(f"the member {name!r} twice", where=where)
            if item is not None:
                self._members[name] = item

    def path(self, name: str) -> str:
        """The JSON path of a member, for errors."""
        return f"{self.where}.{name}"

    def has(self, name: str) -> bool:
        """True if the member is present and not null."""
        return name in self._members

    def required(self, name: str) -> Any:
        """A member that must be present."""
        if name not in self._members:
            raise Refused(f"without {name!r}", where=self.where)
        return self._members[name]

    def text(self, name: str, default: str | None = None) -> str:
        """A string; required unless a default is given."""
        value = self.required(name) if default is None else self._members.get(name, default)
        if not isinstance(value, str):
            raise Refused("not a string", where=self.path(name))
        return value

    def data(self, name: str) -> bytes:
        """Required bytes, as base64. Empty bytes are refused."""
        data = to_bytes(self.required(name), self.path(name))
        if not data:
            raise Refused("empty", where=self.path(name))
        return data

    def int64(self, name: str) -> int:
        """A non-negative int64; absent means 0, since writers leave zeros out."""
        value = self._members.get(name, 0)
        where = self.path(name)
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise Refused("not a whole number", where=where)
        if isinstance(value, str):
            return decimal(value, limit=MAX_INT64, where=where)
        if not 0 <= value <= MAX_INT64:
            raise Refused("not within 0 and 2^63-1", where=where)
        return value

    def message(self, name: str, names: tuple[str, ...]) -> "Message":
        """A required message with these members."""
        return Message(self.required(name), names, self.path(name))

    def items(self, name: str) -> Iterator[tuple[Any, str]]:
        """The items of a list, each with its JSON path; an absent list is empty."""
        value = self._members.get(name, [])
        where = self.path(name)
        if not isinstance(value, list):
            raise Refused("not a list", where=where)
        if len(value) > MAX_ITEMS:
            raise Refused(f"{len(value)} items", where=where)
        return ((item, f"{where}[{i}]") for i, item in enumerate(value))

    def messages(self, name: str, names: tuple[str, ...]) -> list["Message"]:
        """A list of messages with these members."""
        return [Message(item, names, where) for item, where in self.items(name)]


def to_bytes(value: Any, where: str) -> bytes:
    """Bytes of standard padded base64; line breaks inside are skipped."""
    if not isinstance(value, str):
        raise Refused("not base64 text", where=where)
    return unbase64(value.replace("\r\n", "").replace("\n", "") if "\n" in value else value, where=where)


def to_time(value: Any, where: str, *, late: bool = False) -> datetime:
    """A Timestamp: RFC 3339 with up to nine digits of a second, cut to microseconds.

    `late`: rounded up instead. A start is rounded up, since it must not come too early.
    """
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Refused("not a time as RFC 3339 writes it", where=where)
    seconds, fraction, zone = match.groups()
    try:
        time = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone))
        nanoseconds = int((fraction or "").ljust(9, "0"))
        return time.astimezone(UTC) + timedelta(microseconds=(nanoseconds + (999 if late else 0)) // 1000)
    except (ValueError, OverflowError):
        raise Refused("not a time that exists", where=where) from None
