# SPDX-License-Identifier: Apache-2.0
"""The story of a ledger in one scratch folder: the commands of `anchor demo`, and what each must do.

Each command is a process of its own, as a user starts it. Its homes, its configuration and its caches are
folders of the demo, so nothing reaches the user's own, and no setting of the user reaches the demo.
"""

import contextlib
import os
import shlex
import shutil
import signal
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from anchor.disk import files
from anchor.errors import Misuse, Unavailable
from anchor.verdict import Class

LEDGER = "demo_ledger.md"
"""The ledger in this package: that of the releases in the repository, with 681 facts."""
NAME, VERSION = "demo", "1.0.0"
POLICY = "policy.toml"
_FACT, _DIGIT, _CHANGED = "Company Founded Year", "2013", "2014"
_SECONDS = 120
"""Seconds for one command. Each needs one or two."""
_FOLDERS = {"CONFIG": "config", "STATE": "state", "DATA": "data", "CACHE": "cache"}


@dataclass(frozen=True, kw_only=True)
class Act:
    """One command of the story."""

    does: str
    """A sentence for a person."""
    words: tuple[str, ...]
    """The arguments of `anchor`."""
    code: Class = Class.OK
    """The class that it must end with."""
    says: str = ""
    """A text that its standard error must contain."""
    shown: tuple[str, ...] = ()
    """The beginnings of the lines of its standard error that are shown; if empty, its output is shown."""
    headline: bool = False
    """True if only the first paragraph is shown."""
    changes: bool = False
    """True if a digit is changed in a copy of the site before it."""

    @property
    def command(self) -> str:
        """The command line, as a shell reads it in the folder of the demo."""
        return shlex.join(("anchor", *self.words))


@dataclass(frozen=True)
class Ran:
    """The end of one command: its exit code, and what it printed."""

    code: int
    out: str
    err: str


_TRUST = ("--policy", POLICY)

ACTS = (
    Act(
        does="Publish 681 facts: sign them, record that in a log, and write the policy that others need.",
        words=(
            *("publish", "ledger.md", "--name", NAME, "--version", VERSION),
            *("--root", "site", "--home", "keys", "--policy-out", POLICY),
        ),
        shown=(f"{NAME} {VERSION} published", "root ", "entry "),
    ),
    Act(
        does="Verify the published folder by that policy, as a stranger does.",
        words=("verify", "site", *_TRUST),
    ),
    Act(
        does=f"Change one digit in a copy, {_DIGIT} to {_CHANGED}, and verify the copy. It must be refused.",
        words=("verify", "changed", *_TRUST),
        code=Class.INVALID,
        says=f"value is '{_CHANGED}', signed was '{_DIGIT}' ({_FACT},",
        changes=True,
    ),
    Act(
        does="Verify the original again, follow its log, and keep a record of the run.",
        words=("reverify", "site", *_TRUST, "--home", "records"),
        headline=True,
    ),
    Act(
        does="Make a receipt: one small file that proves one fact without the ledger.",
        words=("prove", "site", "--where", f"label={_FACT}", *_TRUST, "-o", "fact.json"),
    ),
    Act(
        does="Check the receipt. It needs neither the ledger nor the network.",
        words=("verify-receipt", "fact.json", *_TRUST),
    ),
)


class Stage(NamedTuple):
    """The folder of the demo, and the folder that takes the place of the user's own folders."""

    folder: Path
    home: Path


@contextlib.contextmanager
def stage(keep: Path | None) -> Iterator[Stage]:
    """The folders of the demo, with the ledger in its place. They are removed at the end, except `keep`.

    Raises `Misuse` if `keep` holds anything already, or cannot be written.
    """
    if keep is not None:
        _check_empty(keep)
    with _scratch() as scratch:
        found = Stage(keep.resolve() if keep else scratch / "demo", scratch / "home")
        try:
            for folder in found:
                files.make_folder(folder, mode=files.PRIVATE)
            files.write(found.folder / "ledger.md", resources.files("anchor").joinpath(LEDGER).read_bytes())
        except OSError as e:
            raise files.os_error(e, found.folder, "make the folder of the demo") from None
        yield found


def _check_empty(folder: Path) -> None:
    """Raise `Misuse` for something that is not an empty folder, or a place for one."""
    try:
        taken = any(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as e:
        raise files.os_error(e, folder, "look into the folder of the demo") from None
    if taken:
        raise Misuse("there are files in this folder", where=f"--keep {folder}", remedy="name a new folder")


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="anchor-demo-"))
    try:
        yield folder
    finally:
        # Neither a second Ctrl-C nor the alarm of the first one may leave half of it behind.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGALRM})
        try:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def perform(act: Act, on: Stage, display: Mapping[str, str]) -> Ran:
    """Run one command in the folder of the demo.

    `display` has the variables of the environment that say how wide and in which colours text is printed.
    Raises `Unavailable` if no process can be started.
    """
    if act.changes:
        _change_a_digit(on.folder)
    words = [sys.executable, "-P", "-m", "anchor", *act.words]  # -P: nothing is imported from the folder
    try:
        done = subprocess.run(  # noqa: S603  this program, in our own interpreter
            words,
            cwd=on.folder,
            env={**_surroundings(on.home), **display},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"takes more than {_SECONDS} seconds", where=act.command) from None
    except OSError as e:
        raise Unavailable(f"cannot start a process: {e.strerror}", where=act.command) from None
    out, err = (data.decode("utf-8", "backslashreplace") for data in (done.stdout, done.stderr))
    return Ran(done.returncode, out, err)


def _surroundings(home: Path) -> dict[str, str]:
    """The environment of a command: no setting of ours, and each of the user's folders below `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANCHOR_", "XDG_"))}
    own = {f"XDG_{kind}_HOME": str(home / name) for kind, name in _FOLDERS.items()}
    # Python finds packages of `pip install --user` by HOME, unless this is set.
    return {**kept, **own, "HOME": str(home), "PYTHONUSERBASE": site.getuserbase()}


def _change_a_digit(folder: Path) -> None:
    """Copy `site` to `changed`, and change one digit of one fact in the copy."""
    shutil.copytree(folder / "site", folder / "changed")
    ledger = folder / "changed" / "release" / VERSION / "ledger.md"
    before, after = (f"| **{_FACT}** | {value} |".encode() for value in (_DIGIT, _CHANGED))
    data = ledger.read_bytes()
    assert data.count(before) == 1
    ledger.write_bytes(data.replace(before, after))


def found(act: Act, ran: Ran) -> Class:
    """OK if the command did what it must; else the class that it ended with, or ERROR."""
    if ran.code == act.code.exit_code and act.says in ran.err:
        return Class.OK
    by_code = {c.exit_code: c for c in Class}
    return Class.ERROR if ran.code in (0, act.code.exit_code) else by_code.get(ran.code, Class.ERROR)


def excerpt(act: Act, ran: Ran) -> list[str]:
    """The lines of a command that its act shows. What is left out is marked with a line of dots."""
    # A refused command says its reason on standard error once more, for the log of a script.
    lines = (ran.err if act.shown else ran.out or ran.err).splitlines()
    chosen = [line for line in lines if line.startswith(act.shown)] if act.shown else lines
    if act.headline:
        chosen = chosen[: chosen.index("")] if "" in chosen else chosen
    return chosen if len(chosen) == len(lines) else [*chosen, "..."]
