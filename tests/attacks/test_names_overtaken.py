# SPDX-License-Identifier: Apache-2.0
"""A release is published while a run reads the log: nobody is accused. Whoever plays that gains one run."""

import pytest

from anchor.app.reverify import ReleaseVerifier
from anchor.monitor.cycle import Cycle
from anchor.monitor.observed import ExaminedRelease
from anchor.verdict import Class
from tests.attacks.test_names import check, watch
from tests.support.attacks.attacked import Attacked, log_of
from tests.support.forge.named import thief

FINDINGS = Class.FINDINGS
NEXT = "| Label | Value |\n|---|---|\n| E | 5 |\n"


@pytest.fixture
def watching(attacked: Attacked) -> Attacked:
    watch(attacked)
    assert attacked.found() is Class.OK
    return attacked


def publish(watching: Attacked) -> None:
    assert watching.site.publish(NEXT, "4").code == 0
    watching.serve(log_of(watching.site))


def meanwhile(monkeypatch: pytest.MonkeyPatch, watching: Attacked) -> None:
    """Publish the next release in the first run from now on, after it read the release and before the log."""
    whole = Cycle._follow_logs

    def later(self: Cycle, *given: object) -> None:
        if not (watching.site.root / "release" / "4").exists():
            publish(watching)
        whole(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Cycle, "_follow_logs", later)


def test_a_release_that_comes_between_two_reads_is_no_theft(
    watching: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, watching)
    ran = watching.run()
    said = check(ran, "names in")
    assert (ran.code, said["state"]) == (0, "skipped")
    assert "a newer release was put in place while the log was read" in said["detail"]
    ran = watching.run()
    assert (ran.code, check(ran, "names in")["state"]) == (0, "passed")
    assert watching.told() == []
    assert watching.check() is Class.OK


def test_a_theft_beside_such_a_release_is_told_at_once(
    watching: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, watching)
    forged = thief(watching.site.home).entry()
    whole = Attacked.serve
    monkeypatch.setattr(Attacked, "serve", lambda self, log: whole(self, log.append(forged)))
    assert watching.found() is FINDINGS
    assert watching.told() == ["FINDINGS"]


def test_a_release_that_is_shown_at_the_end_of_each_run_alone_explains_nothing(
    watching: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever signs in our name has the site too, and shows his release only to who looks once more."""
    before = watching.site.release.read_bytes()
    publish(watching)
    newest = watching.site.release.read_bytes()
    whole = ReleaseVerifier.later
    looked = []

    def later(self: ReleaseVerifier, target: str) -> ExaminedRelease:
        looked.append(target)
        watching.site.release.write_bytes(newest)
        try:
            return whole(self, target)
        finally:
            watching.site.release.write_bytes(before)

    monkeypatch.setattr(ReleaseVerifier, "later", later)
    watching.site.release.write_bytes(before)
    states = [check(watching.run(), "names in")["state"] for _ in range(3)]
    assert states == ["skipped", "refused", "refused"]
    assert len(looked) == 1
    assert watching.told() == ["FINDINGS"]


def test_a_site_that_is_down_when_it_is_looked_at_again_delays_nothing(
    watching: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching.serve(watching.log.append(thief(watching.site.home).entry()))
    whole = ReleaseVerifier.later

    def later(self: ReleaseVerifier, target: str) -> ExaminedRelease:
        watching.site.release.unlink()
        return whole(self, target)

    monkeypatch.setattr(ReleaseVerifier, "later", later)
    assert watching.found() is FINDINGS
