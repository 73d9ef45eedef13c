# SPDX-License-Identifier: Apache-2.0
"""`anchor demo`: the story of a ledger, told by the commands themselves in a scratch folder."""

import shlex
import sys
import time
from pathlib import Path
from typing import Any

import click

from anchor.app import demo
from anchor.app.demo import Act, Ran
from anchor.cli import options
from anchor.cli.main import STOPPED
from anchor.cli.output import out, print_json, relay, say
from anchor.cli.stopping import Stopping
from anchor.cli.terminal import Page, Row, colours, width
from anchor.errors import Stopped
from anchor.verdict import Class
from anchor.words import several

FORM = "demo"
OWN = "anchor publish LEDGER --name NAME --version 1.0.0 --root site --policy-out policy.toml"


@click.command(epilog="Example: anchor demo")
@click.option(
    "--keep",
    type=options.Folder(),
    help="Do it in this new folder, and leave everything there to look around.",
)
@options.json_option
def command(*, keep: Path | None, as_json: bool) -> int:
    """Show in ten seconds what Anchor does: publish 681 facts, verify them, change one digit and see it
    refused, verify again, and prove one fact.

    Everything happens in a scratch folder that is removed at the end. Nothing is sent anywhere, and your own
    keys, records and settings are not used. The exit code is 0 if each command did what it should.
    """
    done, verdict, begun = list[dict[str, Any]](), Class.OK, time.monotonic()
    stop = Stopping()
    with stop.by_signals(), demo.stage(keep) as stage:
        for number, act in enumerate(demo.ACTS, 1):
            if not as_json:
                _announce(number, act)
            ran = demo.perform(act, stage, _display())
            if stop.asked() or ran.code == STOPPED:
                raise Stopped
            verdict = demo.found(act, ran)
            done.append({"command": act.command, "expected": act.code.exit_code, "exit_code": ran.code})
            if verdict is not Class.OK:
                _explain(act, ran)
                break
            if not as_json:
                _show(act, ran)
    if as_json:
        place = str(stage.folder) if keep else None
        print_json({"verdict": verdict, "folder": place, "commands": done}, FORM)
    elif verdict is Class.OK:
        _end(len(done), time.monotonic() - begun, stage.folder if keep else None)
    return verdict.exit_code


def _display() -> dict[str, str]:
    """The width and the colours of this terminal, for a command whose output goes through a pipe."""
    colour = {"FORCE_COLOR": "1", "NO_COLOR": ""} if colours(sys.stdout) else {"NO_COLOR": "1"}
    return {"COLUMNS": str(width(sys.stdout)), **colour}


def _announce(number: int, act: Act) -> None:
    for line in Page(sys.stdout).headline(f"{number}.", act.does, "strong"):
        relay(line)
    out(f"$ {act.command}")


def _show(act: Act, ran: Ran) -> None:
    for line in demo.excerpt(act, ran):
        relay(line)
    out()


def _explain(act: Act, ran: Ran) -> None:
    """Say that a command did not do what it must, with all that it printed."""
    for line in (*ran.out.splitlines(), *ran.err.splitlines()):
        say(f"  {line}")
    unlike = "" if ran.code != act.code.exit_code else ", and did not name the fact"
    say(f"anchor: demo: '{act.command}' ended with {ran.code}{unlike}; expected was {act.code.exit_code}")


def _end(count: int, seconds: float, kept: Path | None) -> None:
    out(f"All {count} commands did what they should, in {several(round(seconds), 'second')}.")
    page = Page(sys.stdout)
    if kept:
        place = [Row("look around", f"cd {shlex.quote(str(kept))}", command=True)]
        gone = "keys and records are in this folder: remove it when you are done"
    else:
        place = [Row("look around", "anchor demo --keep FOLDER", command=True)]
        gone = "the scratch folder with its keys is gone"
    rows = [*place, Row("your ledger", OWN, command=True), Row("note", gone)]
    for line in page.rows(rows):
        relay(line)
