# SPDX-License-Identifier: Apache-2.0
"""The `sigstore` command in a fork of this process, which has imported its libraries already.

To start it takes most of a second, longer than all that it does. A test of its start uses the real one.
"""

import contextlib
import functools
import io
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

from tests.support.process import crash


def sigstore(
    *words: object, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> "CompletedProcess[str]":
    """Run the command with these words, and these additions to the environment."""
    argv = [str(word) for word in words]
    work = functools.partial(_run, argv, env or {}, cwd or Path())
    return CompletedProcess(["sigstore", *argv], *crash.forked(work))


def _run(argv: list[str], env: Mapping[str, str], cwd: Path) -> tuple[int, str, str]:
    os.chdir(cwd)
    os.environ.update(env)
    warnings.simplefilter("ignore")  # those of this process are errors
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        from sigstore import _cli  # it changes the logging of its process, and keeps the streams

        try:
            _cli.main(argv)
        except SystemExit as e:
            code = e.code if isinstance(e.code, int) else int(e.code is not None)
    return code, out.getvalue(), err.getvalue()
