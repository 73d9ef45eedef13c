# SPDX-License-Identifier: Apache-2.0
"""The fields of a file as `inspect` shows them, each with the signature, hash or proof that covers it.

For each path of a JSON value a rule says what binds it. Nothing is verified. `bound` means: a verification
with this program refuses another value there, because something covers the field or because it must equal a
covered value. It does not mean that the verification succeeds.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

import msgspec

from anchor import regex

FORMAT: Final = "urn:ledger-anchor:inspection:v1"
MAX_FIELDS = 20_000
MAX_VALUE = 2000
"""Characters of a value that are shown."""
STEP = " > "
"""Between a field and what is found when it is decoded."""
COMPARED = "by comparison: "

_PLAIN = regex.expression(r"[A-Za-z0-9_$-]{1,64}", re.ASCII)
_SNAKE = regex.expression(r"(?<=[a-z0-9])_([a-z0-9])")

Shown = str | int | bool | None


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a file; `by` says what binds it, or why nothing does."""

    path: str
    value: Shown
    bound: bool
    by: str


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """A file in words. `problem`: why a verification refuses it for its form alone, "" when it does not."""

    format: Literal["urn:ledger-anchor:inspection:v1"] = FORMAT
    file: str
    kind: str
    sentence: str
    size: int
    sha256: str
    problem: str = ""
    fields: tuple[Field, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Description:
    """The description of a file by the reader for its kind."""

    kind: str
    sentence: str
    fields: Iterable[Field]
    problem: str = ""
    notes: tuple[str, ...] = ()


Inside = Callable[[Any, str], Iterable[Field]]
"""Decodes a value; the second argument is the path that what it finds is shown under."""


@dataclass(frozen=True)
class Rule:
    """The reason why a field is bound or not, and how to decode its value."""

    bound: bool
    by: str
    inside: Inside | None = None


Rules = Mapping[str, Rule]
"""By path. `[*]` stands for any index, a last `.*` for everything below that no other rule names."""

ABSENT = Rule(bound=False, by="null, which means that it is not there")
UNKNOWN = Rule(
    bound=False, by="not a field that this program knows: whoever verifies refuses the file for it"
)


def bound(by: str, inside: Inside | None = None) -> Rule:
    """A rule for a field that a signature, hash or proof covers."""
    return Rule(bound=True, by=by, inside=inside)


def compared(by: str, inside: Inside | None = None) -> Rule:
    """A rule for a field that nothing covers, but that must equal a covered value."""
    return Rule(bound=True, by=COMPARED + by, inside=inside)


def unbound(by: str, inside: Inside | None = None) -> Rule:
    """A rule for a field that anybody can change."""
    return Rule(bound=False, by=by, inside=inside)


def field(path: str, value: object, rule: Rule) -> Field:
    """A field with a value that can be shown."""
    return Field(path=path, value=shown(value), bound=rule.bound, by=rule.by)


def under(path: str, name: str) -> str:
    """The path of something decoded from the value at `path`."""
    return f"{path}{STEP}{name}" if path else name


def walk(value: object, rules: Rules, *, at: str = "", proto: bool = False) -> Iterator[Field]:
    """Every value of a JSON document with the rule for its path; empty lists and objects are values too.

    `at` is put before each path. `proto`: names may be in the snake_case of a .proto file as well.
    """
    yield from islice(_walk(value, rules, at, (), proto), MAX_FIELDS)


def _walk(value: object, rules: Rules, at: str, steps: tuple[str, ...], proto: bool) -> Iterator[Field]:  # noqa: FBT001  private
    if isinstance(value, dict) and value:
        for key, item in value.items():
            plain = _PLAIN.fullmatch(key) is not None
            name = _SNAKE.sub(lambda m: m.group(1).upper(), key) if proto else key
            path = (f"{at}.{key}" if at else key) if plain else f"{at}[{_quoted(key)}]"
            yield from _walk(item, rules, path, (*steps, name if plain else "?"), proto)
    elif isinstance(value, list) and value:
        for i, item in enumerate(value):
            yield from _walk(item, rules, f"{at}[{i}]", (*steps, f"[{i}]"), proto)
    else:
        rule = ABSENT if proto and value is None else rule_of(rules, steps)
        yield field(at, value, rule)
        if rule.inside is not None:
            yield from rule.inside(value, at)


def _quoted(key: str) -> str:
    return msgspec.json.encode(_whole(key[:80])).decode()


def rule_of(rules: Rules, steps: tuple[str, ...]) -> Rule:
    """The rule of a path: its own, that of its list, else the nearest one that covers everything below.

    Rules may name one item of the outermost list, and all items of the lists inside of it.
    """
    listed = tuple("[*]" if s.startswith("[") else s for s in steps)
    first = next((i + 1 for i, s in enumerate(listed) if s == "[*]"), 0)
    forms = dict.fromkeys((steps, (*steps[:first], *listed[first:]), listed))
    for form in forms:
        for more in ((), ("[*]",)):  # an empty list has the rule of what it could hold
            if (path := _path((*form, *more))) in rules:
                return rules[path]
    for end in range(len(listed) - 1, -1, -1):
        for form in forms:
            if (path := _path((*form[:end], "*"))) in rules:
                return rules[path]
    return UNKNOWN


def _path(steps: tuple[str, ...]) -> str:
    return "".join(s if s.startswith("[") else f".{s}" for s in steps).removeprefix(".")


def member(value: Any, *names: str) -> Any:
    """The value below these names in a ProtoJSON document, in either spelling; None if there is none."""
    for name in names:
        if not isinstance(value, dict):
            return None
        snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
        value = value.get(name, value.get(snake))
    return value


def shown(value: object) -> Shown:
    """A value as it is shown: short, and of a type that any JSON reader takes."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, (dict, list)):
        return "{}" if isinstance(value, dict) else "[]"
    text = _whole(value if isinstance(value, str) else str(value))
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}... ({len(text)} characters)"


def _whole(text: str) -> str:
    """Text that has UTF-8: lone surrogates written out."""
    return text.encode("utf-8", "backslashreplace").decode()
