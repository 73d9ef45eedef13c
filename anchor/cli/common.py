# SPDX-License-Identifier: Apache-2.0
"""What the commands share: options, settings, printing of verdicts."""

import functools
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import msgspec
import platformdirs
from click.core import ParameterSource

from anchor.cli.output import document, out, say
from anchor.edge import files
from anchor.errors import Misuse
from anchor.verdict import Class, Verdict

_MARKS = {"passed": "ok", "refused": "REFUSED", "unknown": "unknown", "skipped": "skipped"}

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


class FilePath(click.Path):
    """A path. The empty one is refused: it would mean the current folder, which nobody asked for."""

    def __init__(self, **given: Any) -> None:
        super().__init__(path_type=Path, **given)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(_not_empty(self, value, param, ctx), param, ctx)


class FileName(click.ParamType[Any]):
    """A path or another name of a thing, such as a URL; not empty either."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return _not_empty(self, value, param, ctx)


def _not_empty(
    kind: click.ParamType[Any], value: Any, param: click.Parameter | None, ctx: click.Context | None
) -> Any:
    if not os.fspath(value):
        kind.fail("an empty path", param, ctx)
    return value


def root_option(function: F) -> F:
    """`--root`: the folder with release.json and release/."""
    return click.option(
        "--root",
        type=FilePath(),
        default=Path(),
        envvar="ANCHOR_ROOT",
        help="Folder with release.json and release/ (default: here).",
    )(function)


def home_option(function: F) -> F:
    """`--home`: keys, journal and records; never published."""
    return click.option(
        "--home",
        type=FilePath(),
        envvar="ANCHOR_HOME",
        help="Folder for keys, journal and records (default: one for this root in your state folder).",
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
            type=FilePath(),
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


def home_for(root: Path, home: Path | None) -> Path:
    """The home of a root: as named, else a folder for this root under the user's state directory.

    A default home inside the root would be published with it: refused.
    """
    if home is not None:
        return files.writable(home.resolve(), "--home")
    base = root.resolve()
    digest = hashlib.sha256(os.fsencode(base)).hexdigest()[:16]
    name = base.name.encode(errors="ignore").decode() or "root"
    found = platformdirs.user_state_path("ledger-anchor") / f"{name}-{digest}"
    if found.resolve().is_relative_to(base):
        raise Misuse(
            "keys and journal would lie inside the folder that is published",
            where=str(found),
            remedy="name another folder with --home",
        )
    return found


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
