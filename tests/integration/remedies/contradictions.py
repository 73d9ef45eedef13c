# SPDX-License-Identifier: Apache-2.0
"""Messages of `compare`, and about evidence: both sides of a contradiction in one file."""

import itertools
import shutil
from pathlib import Path

import pytest

from anchor.cli import chains
from anchor.net.budget import Budget
from tests.support.logs.simlog import SimLog
from tests.support.releases.published import LEDGER, Site
from tests.support.remedies.walk import Walk, row

OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")


def two_faces(w: Walk) -> tuple[SimLog, tuple[object, ...]]:
    """A log with two trees of one size, and the command that finds them."""
    log = SimLog().grow(5)
    notes = w.write("notes", log.sign(5) + b"\n" + log.fork(2).grow(2).sign(5))
    return log, ("compare", notes, "--vkey", log.key.vkey, "--home", w.folder / "my records")


def evidence(w: Walk) -> tuple[SimLog, Path]:
    """The file with both trees."""
    log, words = two_faces(w)
    w.ok(*words, code=6)
    (found,) = (w.folder / "my records").glob("evidence/*.json")
    return log, found


@row("evidence: {}; anybody can check it: anchor verify-evidence {}{}")
def both_trees_are_kept(w: Walk) -> None:
    _, words = two_faces(w)
    w.provoke(*words, code=6)
    w.run("anchor verify-evidence", code=6)


@row("Keep the evidence, and give it to others who rely on this log: 'anchor verify-evidence' checks it.")
def both_trees_are_given_away(w: Walk) -> None:
    _, words = two_faces(w)
    w.provoke(*words, code=6)
    (found,) = (w.folder / "my records").glob("evidence/*.json")
    w.use("anchor verify-evidence", found, code=6)


@row("{} That this is the key of the log that you know: --log-key compares it.")
def the_key_was_not_compared(w: Walk) -> None:
    log, found = evidence(w)
    w.provoke("verify-evidence", found, code=6)
    assert "--log-key" not in w.give("--log-key", log.key.vkey, code=6).out


@row("anchor verify-evidence")
def evidence_as_a_receipt(w: Walk) -> None:
    _, found = evidence(w)
    w.provoke("verify-receipt", found, "--policy", w.site.policy)
    w.use("anchor verify-evidence", found, code=6)


@row("anchor verify-evidence checks it, against the key or the policy that you name")
def evidence_in_words(w: Walk) -> None:
    log, found = evidence(w)
    w.provoke("inspect", found, code=0)
    w.use("anchor verify-evidence", found, "--log-key", log.key.vkey, code=6)


@row("Run the command again later, or name the place of the log with --log.")
def a_place_that_nobody_named(w: Walk) -> None:
    (note,) = w.site.root.glob("release/log/*/checkpoint")
    w.provoke("compare", note, "--policy", w.site.policy, "--home", "records", code=3)
    w.give("--log", note.parent)


@row("Name the key of the log with --vkey, or a policy whose trusted root has it.")
def a_key_that_nobody_named(w: Walk) -> None:
    (note,) = w.site.root.glob("release/log/*/checkpoint")
    words = ("compare", note, "--log", note.parent, "--home", "records")
    w.provoke(*words, "--vkey", SimLog().key.vkey, code=8)
    w.ok("instance", "export", "-o", "out", "--home", w.site.home)
    w.give("--vkey", (w.folder / "out" / "vkey").read_text().strip())
    w.ok(*words, "--policy", w.site.policy)


def two_statements(w: Walk) -> tuple[object, ...]:
    """The words of a release whose chain leads to another statement than the one that it names."""
    assert w.site.release.is_file()
    w.ok(*w.publish(OTHER, "1.1.0"))
    fork = Site(w.folder / "fork", w.folder / "fork home", w.site.policy)
    shutil.copytree(w.untouched().root, fork.root)
    shutil.copytree(w.site.home, fork.home)
    fork.forget()
    file = w.write("fork.md", LEDGER.replace("| C | 3 |", "| C | 9 |"))
    assert fork.publish_file(file, "1.1.0").code == 0
    w.ok(*w.publish(LEDGER, "1.2.0"))
    shutil.rmtree(w.site.root / "release" / "1.1.0")
    shutil.copytree(fork.root / "release" / "1.1.0", w.site.root / "release" / "1.1.0")
    return (w.site.release, "--policy", w.site.policy)


@row(" --policy FILE", "give --policy")
def two_statements_of_one_number(w: Walk) -> None:
    words = ("chain", *two_statements(w), "--home", w.folder / "my records")
    ran = w.ok(*words, code=6)
    told = "evidence: {}; anybody can check it: anchor verify-evidence {}{}"
    if w.text == "give --policy":
        (found,) = (w.folder / "my records").glob("evidence/*.json")
        w.provoke("verify-evidence", found)
        w.give("--policy", w.site.policy, code=6)
    else:
        w.take(told, ran)
        w.run("anchor verify-evidence", FILE=w.site.policy, code=6)


@row("; anchor chain keeps the evidence")
def two_statements_in_a_search(w: Walk) -> None:
    words = two_statements(w)
    w.provoke("find", *words, "--where", "label=A", code=6)
    w.use("anchor chain", *words, "--home", w.folder / "my records", code=6)
    (found,) = (w.folder / "my records").glob("evidence/*.json")
    w.ok("verify-evidence", found, "--policy", w.site.policy, code=6)


@row(
    "that the facts are true. That everybody is shown the same releases and logs: 'anchor compare' shows the "
    "one beside the other."
)
def a_mirror_and_the_site(w: Walk) -> None:
    w.provoke("mirror", w.site.root, "mirror", "--policy", w.site.policy, code=0)
    (here,) = w.folder.glob("mirror/release/log/*/checkpoint")
    (there,) = w.site.root.glob("release/log/*/checkpoint")
    trust = ("--policy", w.site.policy, "--home", "records", "--log", there.parent)
    w.use("anchor compare", here, there, *trust)


@row("give more with --within", "run it again: it continues; or give more with --within")
def many_releases_and_little_time(w: Walk) -> None:
    """Each look at the time is a second later."""
    assert w.site.release.is_file()
    w.ok(*w.publish(OTHER, "1.1.0"))
    looks = itertools.count()

    class Slow(Budget):
        def __init__(self, seconds: float, *, remedy: str) -> None:
            super().__init__(seconds, clock=lambda: float(next(looks)), remedy=remedy)

    mirror = "again" in w.text
    place = ("mirror", w.site.root, w.folder / "mirror") if mirror else ("chain", w.site.release)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chains, "Budget", Slow)
        w.provoke(*place, "--policy", w.site.policy, "--within", "5s", code=3)
        w.instead("--within", "10m")
