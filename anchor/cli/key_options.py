# SPDX-License-Identifier: Apache-2.0
"""The options that name the key columns of an index, and a key."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import msgspec

from anchor.errors import Misuse
from anchor.format.index import Key

F = TypeVar("F", bound=Callable[..., Any])


class KeyColumns(click.ParamType[Any]):
    """Names of columns: separated by `,`, or a JSON array of names. The value is a tuple."""

    name = "columns"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        names = self._array(value, param, ctx) if value.startswith("[") else value.split(",")
        if not all(names):
            self.fail("a column without a name", param, ctx)
        return tuple(names)

    def _array(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        try:
            return msgspec.json.decode(value, type=list[str])
        except (msgspec.DecodeError, UnicodeEncodeError):
            self.fail(f"{value!r} begins with '[' and is not a JSON array of names", param, ctx)


index_option = click.option(
    "--index",
    multiple=True,
    type=KeyColumns(),
    help="Make an index over these columns: 'a,b', or a JSON array of names. For each index once.",
)


def key_options(function: F) -> F:
    """The options of `prove` that ask for a key."""
    for option in (
        click.option(
            "--index",
            type=KeyColumns(),
            help="With a key: the columns of the index (default: the one that fits).",
        ),
        click.option(
            "--absent", multiple=True, metavar="KEY", help="A receipt that no fact has this key, exactly."
        ),
        click.option(
            "--complete", multiple=True, metavar="KEY", help="A receipt of all facts with this key."
        ),
    ):
        function = option(function)
    return function


def key_of(words: Sequence[str], option: str) -> Key:
    """The key that an option names: its values one by one, or as a JSON array of strings and nulls.

    Raises `Misuse` for a text that begins as an array and is not one.
    """
    if not any(word.startswith("[") for word in words):
        return tuple(words)
    problem = "begins with '[' and is not a JSON array of strings and nulls"
    if len(words) > 1:
        problem = "an array beside another value"
    else:
        try:
            found = msgspec.json.decode(words[0], type=list[str | None])
            if found:
                return tuple(found)
        except (msgspec.DecodeError, UnicodeEncodeError):
            pass
    raise Misuse(problem, where=option, remedy='write the whole key as an array, such as ["[1]"] or [null]')
