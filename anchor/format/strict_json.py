# SPDX-License-Identifier: Apache-2.0
"""A parsed JSON value to one of our frozen types, strictly: nothing missing, dropped or coerced.

A malformed value is `Refused`. A well-formed value of a kind that is not known here is `Unsupported`: another
constant, a value for a member that is always null, and any unknown member if the caller wants it so.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from anchor.errors import AnchorError, Refused, Unsupported
from anchor.format.names import shown

T = TypeVar("T")


def build(value: object, kind: type[T], *, where: str, unknown: type[AnchorError] = Unsupported) -> T:
    """`value` (of `parse_json`) as a `kind`, a msgspec type; an unknown member raises `unknown`."""
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as e:
        # Every type forbids unknown members, so nothing that `_problems` finds comes as far as a value.
        for error in _problems(value, _type_info(kind), "", unknown):
            raise error.at(where) from None
        problem, _, place = str(e).partition(" - at `")
        inner = place.rstrip("`").removeprefix("$").removeprefix(".")
        raise Refused(problem, where=f"{where}: {inner}" if inner else where) from None


def _problems(
    value: object, kind: inspect.Type, at: str, unknown: type[AnchorError]
) -> Iterator[AnchorError]:
    """The unknown and missing members of `value`, in reading order. msgspec finds wrong types."""
    match kind:
        case inspect.Metadata(type=inner):
            yield from _problems(value, inner, at, unknown)
        case inspect.UnionType(types=types) if value is not None:
            for part in types:
                if not isinstance(part, inspect.NoneType):
                    yield from _problems(value, part, at, unknown)
        case inspect.VarTupleType(item_type=item) if isinstance(value, list):
            for i, part in enumerate(value):
                yield from _problems(part, item, f"{at}[{i}]", unknown)
        case inspect.LiteralType(values=known) if isinstance(value, str) and value not in known:
            yield Unsupported(f"{shown(value)} is not known to this program", where=at, remedy="update it")
        case inspect.NoneType() if value is not None:
            yield Unsupported("a member that this program does not implement", where=at, remedy="update it")
        case inspect.StructType(fields=fields) if isinstance(value, dict):
            yield from _members(value, fields, at, unknown)


def _members(
    value: dict[str, Any], fields: tuple[inspect.Field, ...], at: str, unknown: type[AnchorError]
) -> Iterator[AnchorError]:
    names = {field.encode_name for field in fields}
    for name in value:
        if name not in names:
            yield unknown(f"unknown member {shown(name)}", where=at)
    for field in fields:
        place = f"{at}.{field.encode_name}" if at else field.encode_name
        if field.encode_name in value:
            yield from _problems(value[field.encode_name], field.type, place, unknown)
        elif field.required:
            yield Refused(f"no member {field.encode_name!r}", where=at)


def _type_info(kind: Any) -> inspect.Type:
    """The description of a type by msgspec; made once, since it takes as long as a decoding."""
    return _KNOWN.get(kind) or _KNOWN.setdefault(kind, inspect.type_info(kind))


_KNOWN: dict[Any, inspect.Type] = {}
