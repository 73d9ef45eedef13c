# SPDX-License-Identifier: Apache-2.0
"""The Python that the documents show runs, from the root of the repository."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "release" / "FORMAT.md"])
SHOWN = [
    pytest.param(code, id=f"{path.relative_to(ROOT)}-{number}")
    for path in DOCUMENTS
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", path.read_text(), re.M | re.S), 1)
]


def test_there_is_python_to_run() -> None:
    assert SHOWN


@pytest.mark.parametrize("code", SHOWN)
def test_shown_python_runs(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(code, "document", "exec"), {})
