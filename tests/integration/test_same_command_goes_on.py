# SPDX-License-Identifier: Apache-2.0
"""Whoever stops a publication after its entry was sent is told that the same command goes on; and it does."""

from pathlib import Path

import pytest

from anchor.publish.journal import Journal
from anchor.publish.recording import Recording
from tests.support.releases.published import empty

GOES_ON = (
    "small-ledger 1.0.0 (number 1) was sent to a log: the same command goes on, and makes no second entry"
)


@pytest.mark.parametrize(
    ("stage", "fault", "code", "said"),
    [
        ((Journal, "note_entry"), KeyboardInterrupt(), 130, f"anchor: stopped; {GOES_ON}"),
        (
            (Recording, "keep"),
            RuntimeError("made up"),
            70,
            f"RuntimeError: made up; set ANCHOR_DEBUG=1 for the trace; {GOES_ON}",
        ),
        ((Journal, "note_entry"), OSError(28, "No space left on device"), 3, GOES_ON),
    ],
)
def test_after_the_entry_was_sent_the_same_command_goes_on(
    stage: tuple[type, str],
    fault: BaseException,
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = empty(tmp_path)

    def stop(_self: object, _what: object) -> None:
        raise fault

    with monkeypatch.context() as now:
        now.setattr(*stage, stop)
        ran = site.publish()
    assert ran.code == code, ran
    assert said in ran.err.strip().splitlines()[-1]
    assert not site.release.exists()
    ran = site.publish()
    assert ran.code == 0, ran
    assert site.entries() == 1


def test_before_anything_was_sent_no_entry_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = empty(tmp_path)

    def stop(_self: Journal, _size: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as now:
        now.setattr(Journal, "note_sending", stop)
        ran = site.publish()
    assert (ran.code, ran.err.strip()) == (130, "anchor: stopped")
    assert site.publish().code == 0
    assert site.entries() == 1
