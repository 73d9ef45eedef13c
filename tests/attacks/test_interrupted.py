# SPDX-License-Identifier: Apache-2.0
"""An interrupted publication is completed. No second statement takes its place unasked."""

import os
import signal
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

from anchor.publish import interrupted
from anchor.publish.journal import Journal
from anchor.publish.signing_history import Line, SignedStatements
from tests.support.process import crash
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.process.crash import Killer
from tests.support.releases import published
from tests.support.releases.published import LEDGER, Site

OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")


def stopped_after(
    step: str, stop: Callable[[], None], site: Site, ledger: str, version: str, *more: str
) -> int:
    """Publish, in a process of its own, and call `stop` right after a step of the journal is durable."""
    real = Journal._store

    def store(self: Journal, name: str, data: bytes) -> None:
        real(self, name, data)
        if name == step:
            stop()

    setattr(Journal, "_store", store)  # noqa: B010  in the forked process alone
    return site.publish(ledger, version, *more).code


def killed_after(step: str, site: Site, ledger: str, version: str, *more: str) -> None:
    assert crash.forked(partial(stopped_after, step, Killer().kill, site, ledger, version, *more)) is None


def visible(site: Site) -> dict[str, bytes]:
    return {n: d for n, d in published.snapshot(site.root).items() if "/." not in n}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return published.published(tmp_path)


@pytest.mark.parametrize(
    ("step", "shown"),
    [("stamped", "signed, in no log"), ("sending", "it may be in the log"), ("entry", "in the log")],
)
def test_what_was_interrupted_is_listed_with_how_far_it_came(site: Site, step: str, shown: str) -> None:
    killed_after(step, site, OTHER, "1.1.0")
    (found,) = interrupted.interrupted(site.home)
    assert found.ledger is not None
    assert (found.ledger.version, found.ledger.number) == ("1.1.0", 2)
    assert str(found).endswith(shown)
    assert site.publish(OTHER, "1.1.0").code == 0
    assert interrupted.interrupted(site.home) == []
    assert site.entries() == 2


@pytest.mark.parametrize("step", ["sending", "entry"])
@pytest.mark.parametrize("version", ["1.1.0", "1.2.0"])
def test_other_bytes_with_the_number_of_what_may_be_in_the_log_are_refused(
    site: Site, step: str, version: str
) -> None:
    """Two signed statements of one ledger and number are an equivocation, whoever is to blame."""
    killed_after(step, site, OTHER, "1.1.0")
    before = visible(site)
    ran = site.publish(LEDGER + "\n", version)
    assert (ran.code, ran.out) == (2, "")
    assert "small-ledger 1.1.0 (number 2), interrupted" in ran.line
    assert "--abandon" in ran.line
    assert published.snapshot(site.root) == before  # also without what the killed one had begun
    assert site.publish(OTHER, "1.1.0").code == 0


def test_status_lists_it_with_records_and_without(site: Site) -> None:
    killed_after("entry", site, OTHER, "1.1.0")
    named = ("--root", site.root, "--home", site.home)
    ran = anchor("status", *named)
    assert ran.code == 2
    assert "publication  small-ledger 1.1.0 (number 2), interrupted" in ran.err
    assert anchor("reverify", site.release, *named, "--policy", site.policy).code == 0
    ran = anchor("status", *named)
    assert (ran.code, "publication  small-ledger 1.1.0 (number 2), interrupted" in ran.out) == (5, True)
    (line,) = anchor("status", *named, "--json").document["interrupted"]
    assert line.endswith("in the log")
    assert site.publish(OTHER, "1.1.0").code == 0
    assert anchor("status", *named).code == 0


def test_a_signature_in_no_log_stands_in_nobodys_way(site: Site) -> None:
    killed_after("stamped", site, OTHER, "1.1.0")
    assert site.publish(LEDGER + "\n", "1.1.0").code == 0
    assert interrupted.interrupted(site.home) == []
    assert site.entries() == 2


def publish_other(site: Site, *more: str) -> Ran:
    return site.publish(OTHER, "1.1.0", *more)


def publish_corrected(site: Site, *more: str) -> Ran:
    return site.publish(LEDGER + "\n", "1.1.0", *more)


def withdraw(site: Site, *more: str) -> Ran:
    words = ("--release", "1.0.0", "--kind", "withdrawn", "--reason", "measured twice")
    return anchor("withdraw", site.root, *words, "--home", site.home, *more)


def renew(site: Site, *more: str) -> Ran:
    return anchor("renew", site.root, "--home", site.home, *more)


def killed_when_listed(run: Callable[[Site], Ran], site: Site) -> int:
    """Run, until the list says that a log may have the statement. Nothing of it was sent then."""
    real = SignedStatements.add

    def add(self: SignedStatements, lines: Iterable[Line]) -> None:
        kept = list(lines)
        real(self, kept)
        if any(line.step == "sending" for line in kept):
            Killer().kill()

    setattr(SignedStatements, "add", add)  # noqa: B010  in the forked process alone
    return run(site).code


@pytest.mark.parametrize(("killed", "then"), [(publish_other, publish_corrected), (withdraw, renew)])
def test_a_dry_run_refuses_no_more_than_the_command_where_nothing_was_sent(
    killed: Callable[[Site], Ran], then: Callable[..., Ran], site: Site
) -> None:
    assert crash.forked(partial(killed_when_listed, killed, site)) is None
    before = published.snapshot(site.root.parent)
    ran = then(site, "--dry-run")
    assert ran.code == 0, ran.err
    assert {**before, "ledger.md": b""} == {**published.snapshot(site.root.parent), "ledger.md": b""}
    ran = then(site)
    assert ran.code == 0, ran.err
    assert site.entries() == 2


def test_what_was_given_up_and_is_completed_after_all_binds_again(site: Site) -> None:
    """Given up for another one that never left; then sent, and killed before its release is in place."""
    killed_after("sending", site, OTHER, "1.1.0")
    killed_after("stamped", site, LEDGER + "\n", "1.1.0", "--abandon")
    killed_after("entry", site, OTHER, "1.1.0")
    for _ in range(2):
        ran = site.publish(LEDGER + "\n", "1.1.0")
        assert ran.code == 2, ran.err
        assert "--abandon" in ran.line
    assert site.publish(OTHER, "1.1.0").code == 0
    assert site.entries() == 2


def test_what_was_given_up_is_listed_for_ever(site: Site) -> None:
    killed_after("entry", site, OTHER, "1.1.0")
    ran = site.publish(LEDGER + "\n", "1.1.0", "--abandon")
    assert ran.code == 0
    assert "given up" in ran.err
    (orphan,) = interrupted.interrupted(site.home)
    assert orphan.abandoned
    assert orphan.step == "recorded"
    assert site.publish(OTHER, "1.2.0").code == 0
    assert interrupted.interrupted(site.home) == [orphan]
    assert site.entries() == 4


def test_another_ledger_is_told_of_it_and_goes_on(site: Site, tmp_path: Path) -> None:
    killed_after("entry", site, OTHER, "1.1.0")
    elsewhere = Site(tmp_path / "elsewhere", site.home, site.policy)
    (tmp_path / "elsewhere").mkdir()
    ran = elsewhere.publish(LEDGER, "1.0.0")
    assert ran.code == 0, ran.err
    assert "note: small-ledger 1.1.0 (number 2), interrupted" in ran.err


def test_a_damaged_journal_is_told_and_is_no_trace(site: Site) -> None:
    killed_after("entry", site, OTHER, "1.1.0")
    (found,) = interrupted.interrupted(site.home)
    (found.folder / "stamped.json").write_text("{")
    (found,) = interrupted.interrupted(site.home)
    assert found.step == "damaged"
    ran = site.publish(OTHER, "1.1.0")
    assert ran.code == 8
    assert "journal is damaged" in ran.line
    (found.folder / "stamped.json").write_text("x" * 10)
    assert "may be in the log" in str(interrupted.interrupted(site.home)[0])


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_two_at_once_is_told_and_a_killed_one_holds_nobody_up(site: Site, tmp_path: Path) -> None:
    held = tmp_path / "held"

    def hold() -> None:
        held.touch()
        time.sleep(300)  # as long as a test may take; it is killed before

    running = crash.start(partial(stopped_after, "sending", hold, site, OTHER, "1.1.0"))
    wait_for(held.exists)
    before = published.snapshot(site.root)
    ran = site.publish(OTHER, "1.1.0")
    assert ran.code == 3
    assert "another process is publishing here" in ran.line
    other_root = Site(tmp_path / "other-root", site.home, site.policy)
    assert "another process is publishing with this home" in other_root.publish().line
    assert published.snapshot(site.root) == before
    os.kill(running.pid, signal.SIGKILL)
    assert running.result() is None
    assert site.publish(OTHER, "1.1.0").code == 0
    assert site.entries() == 2


def test_resume_of_what_was_interrupted_completes_it(site: Site) -> None:
    killed_after("sending", site, OTHER, "1.1.0")
    assert site.publish(OTHER, "1.1.0", "--resume").code == 0
    assert site.entries() == 2
