# SPDX-License-Identifier: Apache-2.0
"""The `anchor` command: finds the module of a command, and turns errors into one line and an exit code.

A command module is imported only when it is called: no command waits for the imports of another.
"""

import errno
import gc
import importlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

import anchor
from anchor.cli import configuration, streams
from anchor.cli.output import print_json, say
from anchor.disk import files, user_files
from anchor.errors import AnchorError, Unavailable
from anchor.verdict import Class, class_of

COMMANDS = {
    "lint": "read a ledger and list what a reader may misread",
    "seal": "facts, root and statement of a ledger; no network",
    "publish": "seal, sign, record in a log, verify, put in place",
    "verify": "check a published release, from a path or a URL",
    "verify-bundle": "check any Sigstore bundle, strictly",
    "inspect": "describe each field of a file, and what binds it",
    "trust": "show, pin or update a trusted root",
    "instance": "the embedded Sigstore instance: init, serve, export",
    "reverify": "verify releases again and follow their logs, once",
    "watch": "re-verify for years, as a daemon",
    "status": "the state of each watched release, from the records",
    "history": "the past runs, from the records",
    "records": "export, prune or check the records",
    "verify-evidence": "check a file of evidence against a log, without a database",
}
"""Every command and its line in `anchor --help`; its module is `anchor.cli.<name with _>`."""

READING = frozenset({"--help", "--version", "inspect", "lint", "verify", "verify-bundle"})
"""Commands without threads, locks and databases: when one returns, nothing is left to close."""

STOPPED = 130
"""The exit code that shells give for an interrupted process."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module("anchor.cli." + cmd_name.replace("-", "_"))
        command = module.command
        assert isinstance(command, click.Command)
        if ctx.default_map and cmd_name in ctx.default_map:
            table = configuration.settings(command, ctx.default_map[cmd_name], cmd_name)
            ctx.default_map = {cmd_name: table}
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(anchor.__version__, prog_name="anchor")
def cli() -> None:
    """Publish a ledger of facts so that anyone can later prove what was published, by whom and when.

    Example: anchor verify release.json --policy policy.toml
    """


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code. Code 1 is reserved for a crash of Python itself."""
    as_json = "--json" in argv
    user_files.forget_pipes()
    try:
        result: Any = cli.main(
            list(argv),
            prog_name="anchor",
            standalone_mode=False,
            default_map=None if _asks_for_help(argv) else configuration.load(frozenset(COMMANDS)),
        )
        return _written(result if isinstance(result, int) else 0)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _failed("stopped", STOPPED, Class.USAGE, as_json=as_json)
    except click.exceptions.NoArgsIsHelpError as e:
        line = f"which command? see '{e.ctx.command_path} --help'"
        return _failed(line, Class.USAGE.exit_code, Class.USAGE, as_json=as_json)
    except click.ClickException as e:
        path = e.ctx.command_path if isinstance(e, click.UsageError) and e.ctx else "anchor"
        line = f"{e.format_message()}{_said_by(e)}; see '{path} --help'"
        return _failed(" ".join(line.split()), Class.USAGE.exit_code, Class.USAGE, as_json=as_json)
    except AnchorError as e:
        found = class_of(e)
        return _failed(str(e), found.exit_code, found, as_json=as_json)
    except (ImportError, MemoryError) as e:
        if isinstance(e, ImportError) and "failed to map segment" not in str(e):
            return _defect(e, as_json=as_json)
        return _no_memory(as_json=as_json)
    except OSError as e:
        return _system(e, as_json=as_json)
    except SystemExit:  # click's answer to a broken pipe, with a code of its own
        return _failed("a pipe was closed", Class.UNAVAILABLE.exit_code, Class.UNAVAILABLE, as_json=as_json)
    except Exception as e:  # noqa: BLE001  the last line of defence: a defect is ERROR, never an alarm
        return _defect(e, as_json=as_json)


def _said_by(error: click.ClickException) -> str:
    """The source of a wrong value, if it is not the command line."""
    if not isinstance(error, click.BadParameter) or error.ctx is None or error.param is None:
        return ""
    source = error.ctx.get_parameter_source(error.param.name or "")
    if source is ParameterSource.ENVIRONMENT:
        return f" (as {error.param.envvar} says)"
    return f" (as {configuration.path()} says)" if source is ParameterSource.DEFAULT_MAP else ""


def _defect(error: Exception, *, as_json: bool) -> int:
    if os.environ.get("ANCHOR_DEBUG"):
        raise error
    line = f"a defect of this program: {type(error).__name__}: {error}; set ANCHOR_DEBUG=1 for the trace"
    return _failed(" ".join(line.split()), Class.ERROR.exit_code, Class.ERROR, as_json=as_json)


def _asks_for_help(argv: Sequence[str]) -> bool:
    """True if only help or the version is asked for. Both work with a faulty configuration file."""
    words = argv[: argv.index("--")] if "--" in argv else argv
    return any(word in ("-h", "--help") for word in words) or words[:1] == ["--version"]


def _written(code: int) -> int:
    """The exit code; that of the error if the code is 0 and stdout could not be written."""
    lost = streams.write_error()
    if lost is None:
        return code
    found = files.os_error(lost, "stdout", "write")
    say(f"anchor: {found}")
    return code or class_of(found).exit_code


def _system(error: OSError, *, as_json: bool) -> int:
    """An unexpected error of the operating system. ENOMEM is reported as MemoryError is."""
    if error.errno == errno.ENOMEM:
        return _no_memory(as_json=as_json)
    where = str(error.filename or ("system" if _has_folder() else "the current folder"))
    found = files.os_error(error, where, "go on")
    return _failed(str(found), class_of(found).exit_code, class_of(found), as_json=as_json)


def _no_memory(*, as_json: bool) -> int:
    error = Unavailable("not enough memory", remedy="give it more memory and run it again")
    return _failed(str(error), class_of(error).exit_code, class_of(error), as_json=as_json)


def _has_folder() -> bool:
    """True if the current folder exists."""
    try:
        return bool(Path.cwd())
    except OSError:
        return False


def _failed(line: str, code: int, verdict: Class, *, as_json: bool) -> int:
    if as_json:
        print_json({"verdict": str(verdict), "error": line})
    say(f"anchor: {AnchorError(line)}")
    return code


def _leaves_nothing_open(argv: Sequence[str]) -> bool:
    """True if the process may end at once, without Python's own shutdown."""
    return bool(argv) and argv[0] in READING and threading.active_count() == 1


def main() -> None:
    """The entry point of the `anchor` script."""
    streams.prepare()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries about what they read: stderr is for one line of ours
    gc.set_threshold(100_000, 50, 100)  # importing the sigstore client makes much and throws away little
    gc.enable()
    code = run(sys.argv[1:])
    # The result is written. Ctrl-C from here on must not end the process by a signal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if code == STOPPED or _leaves_nothing_open(sys.argv[1:]):
        # Python takes 20 ms to release its modules. After an interrupt it would end by the signal.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
