# SPDX-License-Identifier: Apache-2.0
"""A page that is walked: its commands run in their order in one shell, and its output is compared.

A fenced block `sh` has one command a line. A block `text` behind it is what the commands print together.
There, three dots stand for any text in a line, and a line of three dots for any lines. A comment before the
block says how its last command ends, `<!-- ends with: 8 -->`, that it is typed on `another machine`, or that
a person stops it with SIGTERM once it printed something, `<!-- stopped after: TEXT -->`.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.process import fork_server

_BLOCK = re.compile(r"(?:^<!-- ([^\n]*) -->\n)?^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)
_END = re.compile(r"\n@@(\d+)@@\n")


class Block(NamedTuple):
    """Some commands, the exit code of the last one, what they print, and the remark before them."""

    commands: list[str]
    code: int
    shown: str
    remark: str


class Typed(NamedTuple):
    """A command that was run, its exit code, and what it printed on both streams."""

    command: str
    code: int
    output: str


def blocks(text: str) -> list[Block]:
    """The blocks of a part of a page."""
    found = []
    for remark, body, shown in _BLOCK.findall(text):
        code = re.search(r"ends with: (\d+)", remark)
        found.append(Block(body.splitlines(), int(code[1]) if code else 0, shown, remark))
    return found


def walk(parts: Sequence[Block], folder: Path, **variables: str) -> list[list[Typed]]:
    """Run all commands in one shell in `folder/work`, with an empty home; the commands of each block."""
    work = folder / "work"
    work.mkdir()
    script = ["exec 2>&1"]
    for number, part in enumerate(parts):
        if not number or "another machine" in part.remark:
            script.append(f"HOME={folder}/machine-{number}; mkdir $HOME")
        for command in part.commands:
            script += [_until_stopped(command, part.remark), r"printf '\n@@%s@@\n' $?"]
    dropped = ("XDG_", "ANCHOR_", "COLUMNS", "FORCE_COLOR")
    env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    programs = f"{fork_server.programs()}:{Path(sys.executable).parent}"
    env |= {"PATH": f"{programs}:{env['PATH']}", "HOME": str(folder), **variables}
    done = subprocess.run(
        ["sh", "-c", "\n".join(script)], cwd=work, env=env, stdout=subprocess.PIPE, text=True, timeout=250
    )
    *pairs, rest = _END.split(done.stdout)
    assert rest == "", done.stdout
    ran = iter(zip(pairs[1::2], pairs[::2], strict=True))
    return [[_typed(command, *next(ran)) for command in part.commands] for part in parts]


def _until_stopped(command: str, remark: str) -> str:
    """The command; in the background until its text comes or it ends, if somebody is to stop it."""
    text = re.search(r"stopped after: (.+)", remark)
    if not text:
        return command
    wait = f"until grep -qs {shlex.quote(text[1])} ../printed || ! kill -0 $!; do sleep 0.1; done"
    return f"{command} > ../printed 2>&1 & {wait}; kill $!; wait $!; CODE=$?; cat ../printed; (exit $CODE)"


def _typed(command: str, code: str, output: str) -> Typed:
    return Typed(command, int(code), output)


def matches(shown: str, output: str) -> bool:
    """True if the output is what a page shows, dots apart."""
    lines = [
        r"(?:[^\n]*\n)*?" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + r"\n"
        for line in shown.splitlines()
    ]
    return re.fullmatch("".join(lines), output) is not None
