# SPDX-License-Identifier: Apache-2.0
"""Each remedy that a message prints is followed to the letter, and then the command works."""

from pathlib import Path

import pytest

from tests.integration.remedies import table
from tests.support.releases.published import Site
from tests.support.remedies.walk import ROWS, Walk

assert table.MODULES


@pytest.mark.parametrize("text", ROWS, ids=lambda text: text[:60])
def test_the_way_that_a_message_names_leads_out(
    text: str, original: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "user" / name))
    walk = Walk(text, tmp_path, original)
    ROWS[text](walk)
    assert walk.printed, "the message was not provoked"
    assert walk.rest == set(), f"not followed: {walk.printed}"
