# SPDX-License-Identifier: Apache-2.0
"""The types and options that several commands take."""

import contextlib
import functools
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
import msgspec
from click.core import ParameterSource

from anchor.cli.output import document
from anchor.disk import user_files
from anchor.errors import Misuse

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])


class ReadingCommand(click.Command):
    """A command without threads, locks and databases: when it returns, nothing is left to close."""

    leaves_nothing_open = True


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


def _a_path(incomplete: str) -> "list[CompletionItem]":
    """The answer to a shell that completes a word: it completes paths itself."""
    from click.shell_completion import CompletionItem  # click itself imports it for a shell alone

    return [CompletionItem(incomplete, type="file")]


def verdict_options(function: F) -> F:
    """How a verdict is printed: `--verbose`, `--quiet` and `--json`."""
    for option in (
        json_option,
        click.option("-q", "--quiet", is_flag=True, help="Print nothing when all is OK."),
        click.option("-v", "--verbose", is_flag=True, help="Show each check, and what it compared."),
    ):
        function = option(function)
    return function


class _Path(click.Path):
    """A path. The empty one is refused: it would mean the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(_not_empty(self, value, param, ctx), param, ctx)


class Folder(_Path):
    """A folder. `-` is refused: several files do not go through one pipe."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "-":
            self.fail("'-' is standard input or output, and this is a folder (one called '-' is './-')")
        return super().convert(value, param, ctx)


class InputFile(_Path):
    """A file to read; `-` is standard input. Pipes and devices are read as streams."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(_input(self, value, param, ctx), param, ctx)


class OutputFile(_Path):
    """A file to write. The value is an `Output`, so all such options have one writer."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, Output):
            return value
        return Output(super().convert(str(user_files.STDOUT) if value == "-" else value, param, ctx))


class Output(msgspec.Struct, frozen=True):
    """The place that the user names for a result: a file, a pipe, a device, a link, or standard output."""

    path: Path

    @property
    def is_file(self) -> bool:
        """True if the path is a regular file, which another command can read."""
        return self.path != user_files.STDOUT and self.path.is_file()

    def check_apart(self, *read: Path | None) -> None:
        """Raise `Misuse` if it is one of these files, which the command reads: it would be gone then."""
        for path in read if self.is_file else ():
            with contextlib.suppress(OSError, ValueError):  # not a file, or not there
                same = path is not None and self.path.samefile(path)
                if same:
                    raise Misuse(
                        "the output would overwrite the input",
                        where=str(self.path),
                        remedy="name another file",
                    )

    def check_differs(self, other: "Output", option: str) -> None:
        """Raise `Misuse` if both are one file: the second document would replace the first. `option`: names
        the other one."""
        if user_files.STDOUT in (self.path, other.path):
            return
        try:
            one, two = self.path.resolve(), other.path.resolve()
            same = one == two or (one.exists() and one.samefile(two))
            is_file = one.is_file() or not one.exists()
        except (OSError, ValueError):  # who writes there says what is wrong
            return
        if same and is_file:
            problem = "two documents in one file"
            raise Misuse(problem, where=f"{option} {other.path}", remedy="name another file")

    def write(self, data: bytes, *, wait: bool = True) -> None:
        """Write it with `user_files.write`; to standard output as a document, which must be UTF-8."""
        if self.path == user_files.STDOUT:
            document(data.decode())
        else:
            user_files.write(self.path, data, wait=wait)


class FileName(click.ParamType[Any]):
    """A file to read, or another name such as a URL or `public`. The empty name is refused."""

    name = "text"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        return _a_path(incomplete)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return _input(self, _not_empty(self, value, param, ctx), param, ctx)


class ReleaseName(click.ParamType[Any]):
    """The path or URL of a release.json. The files beside it are read too, so it cannot be a pipe."""

    name = "text"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        return _a_path(incomplete)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "-":
            self.fail("a release is read with the files beside it: give its path or URL", param, ctx)
        return _not_empty(self, value, param, ctx)


def _not_empty(
    kind: click.ParamType[Any], value: Any, param: click.Parameter | None, ctx: click.Context | None
) -> Any:
    if not os.fspath(value):
        kind.fail("an empty path", param, ctx)
    return value


def _input(
    kind: click.ParamType[Any], value: Any, param: click.Parameter | None, ctx: click.Context | None
) -> Any:
    """The path, `-` replaced by that of standard input. Only one option can read standard input."""
    found = str(user_files.STDIN) if value == "-" else value
    if ctx is not None and param is not None and str(found) == str(user_files.STDIN):
        first = ctx.meta.setdefault("anchor.stdin", param.name)
        if first != param.name:
            kind.fail("standard input is read already, by another option of this command", param, ctx)
    return found


def root_option(function: F) -> F:
    """`--root`: the folder with release.json and release/."""
    return click.option(
        "--root",
        type=Folder(),
        default=Path(),
        envvar="ANCHOR_ROOT",
        help="Folder with release.json and release/ (default: here).",
    )(function)


def home_option(function: F) -> F:
    """`--home`: the folder of keys, journal and records. It is never published."""
    return click.option(
        "--home",
        type=Folder(),
        envvar="ANCHOR_HOME",
        help="Folder for keys and journal, or for records (default: in your state folder).",
    )(function)


def ledger_name_option(function: F) -> F:
    """`--ledger`: the ledger whose home is meant."""
    return click.option(
        "--ledger", metavar="NAME", help="The ledger whose home is meant (default: the one in --root)."
    )(function)


def policy_options(function: F) -> F:
    """The options that say which signatures count: a policy file, or four options instead of it."""
    function = cast("F", _nearest(function))
    for option in (
        click.option(
            "--trusted-root",
            type=FileName(),
            help="Trusted root: a file, `public`, `staging` or sha256:HEX (with the three options above).",
        ),
        click.option("--issuer", help="Issuer of the accepted identity."),
        click.option("--identity", help="Identity whose signature counts, exactly."),
        click.option("--ledger", help="Name of the ledger that is expected."),
        click.option(
            "--policy",
            type=InputFile(),
            envvar="ANCHOR_POLICY",
            help="Trust policy (TOML); never taken from what is verified.",
        ),
    ):
        function = option(function)
    return function


_POLICY_RANK = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
_IN_WORDS = ("ledger", "identity", "issuer", "trusted_root")


def _nearest(function: Callable[..., Any]) -> Callable[..., Any]:
    """If both a policy file and the four options are set, keep the ones with the higher precedence.

    The order is that of any single setting: command line, ANCHOR_* variables, configuration file.
    """

    @functools.wraps(function)
    def called(*args: Any, **given: Any) -> Any:
        rank = {name: _rank(name) for name in ("policy", *_IN_WORDS) if given.get(name) is not None}
        words = min((rank[name] for name in _IN_WORDS if name in rank), default=None)
        if words is not None and "policy" in rank and rank["policy"] != words:
            dropped = _IN_WORDS if rank["policy"] < words else ("policy",)
            given |= dict.fromkeys(dropped)
        return function(*args, **given)

    return called


def _rank(name: str) -> int:
    source = click.get_current_context().get_parameter_source(name)
    return _POLICY_RANK.index(source) if source in _POLICY_RANK else len(_POLICY_RANK)


def is_default(name: str) -> bool:
    """True if neither a flag, the environment nor the configuration file sets it."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.DEFAULT


def database_option(function: F) -> F:
    """`--database`: where the records are."""
    return click.option(
        "--database",
        envvar="ANCHOR_DATABASE_URL",
        help="SQLAlchemy URL of the records: SQLite or PostgreSQL (default: SQLite in the home).",
    )(function)


def seconds(text: str | None, where: str) -> int | None:
    """A duration option (12h, 30d) in seconds."""
    return None if text is None else int(_duration(text, where).total_seconds())


def moment(text: str | None, where: str) -> float | None:
    """A time option: RFC 3339 (a date alone is its midnight in UTC), or an age such as 30d."""
    if text is None:
        return None
    if text[-1:] in "smhdw":
        return time.time() - _duration(text, where).total_seconds()
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Misuse("no time such as 2026-01-31, 2026-01-31T12:00:00Z or 30d", where=where) from None


def _duration(text: str, where: str) -> timedelta:
    from anchor.verify import policy  # only the commands over the records have such options

    return policy.duration(text, where)
