# SPDX-License-Identifier: Apache-2.0
"""The values that CI tries do not depend on the files that a process has imported before."""

import subprocess
import sys

from tests.support.process.anchor_cli import ROOT

CODE = """
import importlib, sys
from hypothesis import given, settings, strategies as st
from tests.support.process import repeated

repeat, *modules = sys.argv[1:]
if repeat == "repeat":
    repeated.repeat()
for name in modules:
    importlib.import_module(name)

@settings(derandomize=True, deadline=None, database=None)
@given(st.text(), st.integers(), st.binary())
def test(text, number, data):
    print(ascii((text, number, data)))

test()
"""
MODULES = ("anchor.limits", "anchor.words", "anchor.cli.options")


def tried(repeat: str, *modules: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CODE, repeat, *modules], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_same_values_are_tried_after_other_imports() -> None:
    found = tried("repeat")
    assert len(found.splitlines()) >= 100
    assert tried("repeat", *MODULES) == found
    assert tried("as it is", *MODULES) != found  # or `repeat` is no longer needed
