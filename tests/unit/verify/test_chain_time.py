# SPDX-License-Identifier: Apache-2.0
"""The time of a release in a chain is the one that a verdict has: never the publisher's own clock alone,
if somebody else says a time too."""

from datetime import UTC, datetime

import msgspec
import pytest

from anchor.app.verify import open_release
from anchor.format import statement as statements
from anchor.verify import chain
from anchor.verify.effort import Effort
from anchor.verify.independence import at_latest
from anchor.verify.release import ReleaseResult, examine_release
from tests.support.releases.published import published

EARLY, LATE, LATER = "2019-01-01T00:00:00Z", "2026-03-01T12:00:00Z", "2026-04-01T12:00:00Z"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ReleaseResult:
    """A release with one anchor, in the log of its publisher."""
    site = published(tmp_path_factory.mktemp("published"))
    found = open_release(str(site.release), policy=site.policy)
    return examine_release(
        str(site.release),
        found.data,
        found.files,
        trust=found.trust,
        now=datetime.now(UTC),
        effort=Effort.unlimited(),
    )


def shown(result: ReleaseResult, *anchors: tuple[str, bool, bool]) -> str:
    """The time of a release with such anchors: time, own word of the publisher, and whether it counts."""
    (made,) = result.anchors
    changed = []
    for time, own, counts in anchors:
        times = [
            msgspec.structs.replace(t, time=datetime.fromisoformat(time).astimezone(UTC))
            for t in made.report.times
        ]
        report = msgspec.structs.replace(made.report, times=tuple(times))
        changed.append(msgspec.structs.replace(made, report=report, own_word=own, counts=counts))
    named = statements.link(result.statement)
    return chain.link(named, "here", msgspec.structs.replace(result, anchors=tuple(changed))).time


def test_an_embedded_anchor_is_the_publishers_own_word(result: ReleaseResult) -> None:
    assert [anchor.own_word for anchor in result.anchors] == [True]
    assert shown(result, (EARLY, True, True)) == EARLY


@pytest.mark.parametrize(
    ("anchors", "time"),
    [
        ([(EARLY, True, True), (LATE, False, True)], LATE),
        ([(LATE, False, True), (EARLY, True, True)], LATE),
        ([(LATER, False, True), (LATE, False, True), (EARLY, True, True)], LATE),
        ([(EARLY, True, True), (LATE, True, True)], EARLY),
        ([(LATE, True, True), (LATER, False, True)], LATER),
        ([(EARLY, True, True), (LATE, False, False)], EARLY),
    ],
)
def test_two_anchors(result: ReleaseResult, anchors: list[tuple[str, bool, bool]], time: str) -> None:
    """The publisher sets the clock of his own log back, or forward. An anchor that does not count says
    nothing."""
    assert shown(result, *anchors) == time


def test_no_time_is_none() -> None:
    assert at_latest([]) == ""
    assert at_latest([("", False), (EARLY, True)]) == EARLY
