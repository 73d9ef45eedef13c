# SPDX-License-Identifier: Apache-2.0
"""The user's configuration file: one table for each command, its keys the names of the long options.

    [verify]
    policy = "/home/me/policy.toml"

    [instance.serve]
    port = 8080

A name that no command or option has is refused, so a misspelt setting is never ignored.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from anchor import limits
from anchor.disk import files, user_folders
from anchor.encoding import parse_toml
from anchor.errors import Missing, Misuse, Refused

if TYPE_CHECKING:
    import click

MAX_SIZE = limits.CONFIGURATION


def path() -> Path:
    """The path of the file, which need not exist."""
    return user_folders.config() / "config.toml"


def load(commands: frozenset[str]) -> dict[str, Any]:
    """The tables of the file by command. Raises Misuse for bad TOML, or a table of no command."""
    try:
        found = parse_toml(files.read(path(), limit=MAX_SIZE))
    except Missing:
        if path().is_symlink():  # it was meant to be there
            raise
        return {}
    except Refused as e:
        raise Misuse(e.problem, where=str(path())) from None
    for name, table in found.items():
        if name not in commands or not isinstance(table, dict):
            raise Misuse("only tables named after commands belong here", where=f"{path()}: {name}")
    return found


def settings(command: "click.Command", table: Any, where: str) -> dict[str, Any]:
    """The table of a command as click expects it: by parameter, each value of the right type."""
    import click  # it is imported already when a command is declared

    if not isinstance(table, dict):
        raise Misuse("must be a table", where=f"{path()}: {where}")
    if isinstance(command, click.Group):
        for name in table:
            if name not in command.commands:
                raise Misuse("no such command", where=f"{path()}: {where}.{name}")
        return {n: settings(command.commands[n], t, f"{where}.{n}") for n, t in table.items()}
    options = {
        o[2:]: p for p in command.params if isinstance(p, click.Option) for o in p.opts if o[:2] == "--"
    }
    found = {}
    for name, value in table.items():
        if name not in options:
            raise Misuse("no such option", where=f"{path()}: {where}.{name}")
        found[str(options[name].name)] = _value(options[name], value, f"{path()}: {where}.{name}")
    return found


def _value(option: "click.Option", value: Any, where: str) -> Any:
    if option.is_flag:
        if not isinstance(value, bool):
            raise Misuse("must be true or false", where=where)
        return value
    listed = value if option.multiple and isinstance(value, list) else [value]
    if any(isinstance(v, bool) or not isinstance(v, (str, int)) for v in listed):
        raise Misuse("must be text or a whole number", where=where)
    texts = [str(v) for v in listed]
    return texts if option.multiple else texts[0]
