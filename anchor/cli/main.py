# SPDX-License-Identifier: Apache-2.0
"""The `anchor` command: runs one command, and turns errors into one line and an exit code."""

import errno
import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path

from anchor.cli import plain, stopping, streams
from anchor.cli.output import print_json, say
from anchor.disk import files, user_files
from anchor.errors import AnchorError, Unavailable
from anchor.verdict import Class, class_of

STOPPED = 130
"""The exit code that shells give for an interrupted process."""


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code. Code 1 is reserved for a crash of Python itself."""
    as_json = "--json" in argv
    user_files.forget_pipes()
    try:
        code = plain.call(argv)
        return _written(_by_click(argv) if code is None else code)
    except KeyboardInterrupt as e:
        return _failed(str(e) or "stopped", STOPPED, Class.USAGE, as_json=as_json)
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


def _by_click(argv: Sequence[str]) -> int:
    from anchor.cli import commands  # a tenth of the time of a verification, most of it for click

    return commands.call(argv)


def _defect(error: Exception, *, as_json: bool) -> int:
    if os.environ.get("ANCHOR_DEBUG"):
        raise error
    line = f"a defect of this program: {type(error).__name__}: {error}; set ANCHOR_DEBUG=1 for the trace"
    line = "; ".join((line, *getattr(error, "__notes__", ())))
    return _failed(" ".join(line.split()), Class.ERROR.exit_code, Class.ERROR, as_json=as_json)


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
        print_json({"verdict": str(verdict), "exit_code": code, "error": line}, "error")
    say(f"anchor: {AnchorError(line)}")
    return code


def _leaves_nothing_open(argv: Sequence[str]) -> bool:
    """True if the process may end at once, without Python's own shutdown."""
    name = argv[0] if argv else ""
    command = getattr(sys.modules.get(f"anchor.cli.{name}"), "command", None)
    reading = name in ("-h", "--help", "help", "-V", "--version", *plain.LINES) or getattr(
        command, "leaves_nothing_open", False
    )
    return reading and threading.active_count() == 1


def main() -> None:
    """The entry point of the `anchor` script."""
    streams.prepare()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries about what they read: stderr is for one line of ours
    gc.set_threshold(100_000, 50, 100)  # importing the sigstore client makes much and throws away little
    gc.enable()
    stopping.note_interrupts()
    code = run(sys.argv[1:])
    # The result is written. Ctrl-C from here on must not end the process by a signal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if code == STOPPED or _leaves_nothing_open(sys.argv[1:]):
        # Python takes 20 ms to release its modules. After an interrupt it would end by the signal.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
