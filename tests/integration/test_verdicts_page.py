# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/verdicts.md show what the commands print, line by line."""

import re
import shlex
import textwrap

import pytest

from tests.support.process.anchor_cli import ROOT, anchor

TEXT = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^    \$ (anchor .*)\n((?:    .*\n|\n(?=    ))+)", TEXT, re.MULTILINE)


@pytest.mark.parametrize(("command", "shown"), EXAMPLES)
def test_an_example_is_what_the_command_prints(command: str, shown: str) -> None:
    ran = anchor(*shlex.split(command)[1:], cwd=ROOT)
    assert ran.out == textwrap.dedent(shown)


def test_there_is_a_good_verdict_and_a_refusal() -> None:
    assert [shown.split()[0] for _, shown in EXAMPLES] == ["OK", "USAGE"]
