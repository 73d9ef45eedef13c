# SPDX-License-Identifier: Apache-2.0
"""What the commands share: options, settings, printing of verdicts."""

import contextlib
import functools
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import msgspec
import platformdirs
from click.core import ParameterSource

from anchor import limits
from anchor.cli.output import document, out, say
from anchor.disk import files, user_files
from anchor.errors import AnchorError, Misuse
from anchor.format import release as release_file
from anchor.verdict import Class, Verdict

_MARKS = {"passed": "ok", "refused": "REFUSED", "unknown": "unknown", "skipped": "skipped"}

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


class _Path(click.Path):
    """A path. The empty one is refused: it would mean the current folder, which nobody asked for."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(_not_empty(self, value, param, ctx), param, ctx)


class Folder(_Path):
    """A folder. `-` is none: several files do not go through one pipe."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "-":
            self.fail("'-' is standard input or output, and this is a folder (one called '-' is './-')")
        return super().convert(value, param, ctx)


class InputFile(_Path):
    """A file that is read; `-` is standard input, and pipes and devices are read as they come."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(_input(self, value, param, ctx), param, ctx)


class OutputFile(_Path):
    """A file that is written; it gives an `Output`, so that every such option is written by one writer."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, Output):
            return value
        return Output(super().convert(str(user_files.STDOUT) if value == "-" else value, param, ctx))


@dataclass(frozen=True)
class Output:
    """Where the user wants a result: a file, a pipe, a device, a link to one, or standard output."""

    path: Path

    @property
    def is_file(self) -> bool:
        """Whether a regular file of this name is there, which can be named again."""
        return self.path != user_files.STDOUT and self.path.is_file()

    def write(self, data: bytes, *, wait: bool = True) -> None:
        """Write it as `named.write` does; UTF-8 text on standard output as every other document."""
        if self.path == user_files.STDOUT:
            document(data.decode())
        else:
            user_files.write(self.path, data, wait=wait)


class FileName(click.ParamType[Any]):
    """A file that is read, or another name of a thing, such as a URL; not empty either."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return _input(self, _not_empty(self, value, param, ctx), param, ctx)


class ReleaseName(click.ParamType[Any]):
    """The path or URL of a release.json. It is read with the files beside it, so no pipe can hold it."""

    name = "text"

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
    """The name with `-` written out. Standard input can be read once, so two options cannot both have it."""
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
    """`--home`: keys, journal and records; never published."""
    return click.option(
        "--home",
        type=Folder(),
        envvar="ANCHOR_HOME",
        help="Folder for keys and journal, or for records (default: in your state folder).",
    )(function)


def policy_options(function: F) -> F:
    """The options that say whose signature counts: a policy file, or four that say the same."""
    function = cast("F", _nearest(function))
    for option in (
        click.option(
            "--trusted-root",
            type=FileName(),
            help="Trusted root: a file, `public` or `staging` (with --ledger, --identity, --issuer).",
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
    """A policy file and the four options say the same thing: where both are there, what is nearer to the
    command line counts, as for any single setting (flags > ANCHOR_* > configuration file)."""

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
    """Whether neither a flag, the environment nor the configuration file says it."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.DEFAULT


def publisher_home(root: Path, home: Path | None, ledger: str | None = None) -> Path:
    """Where the keys, the journal and the list of what was signed are: as named, else a folder for the ledger
    under the user's state directory. It does not depend on where the site lies: a moved one keeps its signer.

    `ledger` None: that of the release.json in the root. A home that an earlier version made for this root is
    gone on with.
    """
    if home is not None:
        return files.writable(home.resolve(), "--home")
    old = _home_of_root(root)
    name = ledger or _ledger_in(root)
    if name is None or (old / "instance").exists() or (old / "journal").exists():
        return _outside(old, root)
    short = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:40]
    digest = hashlib.sha256(b"ledger\0" + name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return _outside(platformdirs.user_state_path("ledger-anchor") / f"{short}-{digest}", root)


def publisher_homes(home: Path | None) -> list[Path]:
    """The home that is named, else every one of this user from which something was published."""
    if home is not None:
        return [home]
    return sorted(f.parent for f in platformdirs.user_state_path("ledger-anchor").glob("*/journal"))


def records_home(root: Path, home: Path | None) -> Path:
    """Where the records, the marks and the tiles are: as named, else one folder for the user. It does not
    depend on the folder that a command is run in, so another one does not forget what was known.

    A home that an earlier version made for this root, and that has records, is gone on with.
    """
    if home is not None:
        return files.writable(home.resolve(), "--home")
    old = _home_of_root(root)
    if any(old.glob("records*")):
        return _outside(old, root)
    return _outside(platformdirs.user_state_path("ledger-anchor") / "records", root)


def _home_of_root(root: Path) -> Path:
    base = root.resolve()
    digest = hashlib.sha256(os.fsencode(base)).hexdigest()[:16]
    name = base.name.encode(errors="ignore").decode() or "root"
    return platformdirs.user_state_path("ledger-anchor") / f"{name}-{digest}"


def _ledger_in(root: Path) -> str | None:
    """The ledger whose releases are in a folder; None for none that can be read."""
    with contextlib.suppress(AnchorError):
        return release_file.load(files.read(root / "release.json", limit=limits.RELEASE)).ledger.name
    return None


def _outside(home: Path, root: Path) -> Path:
    """A default home inside the root would be published with it: refused."""
    if home.resolve().is_relative_to(root.resolve()):
        raise Misuse(
            "keys and journal would lie inside the folder that is published",
            where=str(home),
            remedy="name another folder with --home",
        )
    return home


def print_json(value: Any) -> None:
    """One JSON document on stdout, with a final newline; what could steer a terminal is escaped in it."""
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError:  # a name of the file system that is not UTF-8
        data = msgspec.json.encode(_encodable(msgspec.to_builtins(value)))
    text = msgspec.json.format(data, indent=2).decode()
    if not text.replace("\n", "").isprintable():
        text = "".join(c if c == "\n" or c.isprintable() else _escaped(c) for c in text)
    document(f"{text}\n")


def _encodable(value: Any) -> Any:
    """The same with what has no UTF-8 written out, as lines for people have it."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(k): _encodable(v) for k, v in value.items()}
    return [_encodable(v) for v in value] if isinstance(value, (list, tuple)) else value


def _escaped(character: str) -> str:
    """A character as JSON escapes it (RFC 8259 section 7): beyond U+FFFF as a surrogate pair."""
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def emit(verdict: Verdict, *, as_json: bool, notes: Sequence[str] = ()) -> int:
    """Print a verdict, with further notes for a person; returns its exit code."""
    verdict = msgspec.structs.replace(verdict, notes=(*verdict.notes, *notes))
    if as_json:
        print_json(verdict)
        return verdict.exit_code
    for line in _lines(verdict):
        out(line)
    if verdict.verdict not in (Class.OK, Class.STALE):
        worst = next((c for c in verdict.checks if c.demotes == verdict.verdict), None)
        if worst:
            say(f"anchor: {worst.name}: {worst.detail}")
    return verdict.exit_code


def _heading(about: str) -> str:
    """Above the checks of one thing. What no check bound says itself that it is an anchor, and its place."""
    if not about:
        return "release"
    return about if about.startswith("anchor ") else f"anchor in {about}"


def _lines(verdict: Verdict) -> Iterator[str]:
    about = ""
    for number, check in enumerate(verdict.checks, 1):
        if check.about != about:
            about = check.about
            yield f"     {_heading(about)}"
        yield f"{number:3}. {_MARKS[check.state]:8} {check.name}: {check.detail}"
        if check.meaning and check.state != "passed":
            yield f"     {'':8} {check.meaning}"
    for note in verdict.notes:
        yield f"note: {note}"
    yield f"{verdict.verdict}: {verdict.target}"
