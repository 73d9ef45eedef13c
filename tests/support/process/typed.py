# SPDX-License-Identifier: Apache-2.0
"""A command whose questions are answered by lines that somebody typed before it asked."""

import io
import sys

from tests.support.process.anchor_cli import Ran, anchor


def typed(lines: str, *words: object) -> Ran:
    """Run a command in this process with these lines on standard input, which is no terminal."""
    before, sys.stdin = sys.stdin, io.StringIO(lines)
    try:
        return anchor(*words)
    finally:
        sys.stdin = before
