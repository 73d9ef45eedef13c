# SPDX-License-Identifier: Apache-2.0
"""Messages of a re-verification and of a watch, of their records, and of the evidence that they keep."""

import contextlib
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from anchor.app import reverify as reverification
from anchor.monitor.cycle import Cycle
from anchor.records import database
from tests.support.attacks.attacked import Attacked, hook, make_site, retire
from tests.support.forge.named import thief
from tests.support.process import forked
from tests.support.process.anchor_cli import Ran
from tests.support.remedies.walk import Walk, row


def reverified(w: Walk) -> tuple[object, ...]:
    """The command that re-verified the site once."""
    words = ("reverify", w.site.release, "--policy", w.site.policy, "--home", "records")
    w.ok(*words)
    return words


@row("run 'anchor reverify' first, which updates them")
def records_of_an_older_program(w: Walk) -> None:
    file = w.write("records/records.db", b"")
    old = database.Database(sa.create_engine(f"sqlite:///{file}"), str(file))
    database.upgrade(old, "0001")
    old.close()
    w.provoke("status", "--home", "records")
    w.use("anchor reverify", w.site.release, "--policy", w.site.policy, "--home", "records")
    w.ok(*w.words)


@row("run 'anchor records check'; restore a copy you trust")
def records_that_were_edited(w: Walk) -> None:
    words = reverified(w)
    shutil.copytree(w.folder / "records", w.folder / "copy")
    with contextlib.closing(sqlite3.connect(w.folder / "records" / "records.db")) as db, db:
        guards = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'checkpoints'"
        for (name,) in db.execute(guards).fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE checkpoints SET size = size + 1")
    w.provoke(*words, "-v", code=8)
    w.use("anchor records check", "--home", "records", code=8)
    shutil.rmtree(w.folder / "records")
    shutil.copytree(w.folder / "copy", w.folder / "records")
    w.ok(*words)
    w.ok("records", "check", "--home", "records")


@row("Verify the releases again with 'anchor reverify': it asks the logs again.")
def a_tree_that_nobody_proves(w: Walk) -> None:
    with withheld(w) as (seen, compare):
        w.ok(*compare, "--keep", code=9)
        w.provoke("records", "check", "--home", seen.home, code=3)
        seen.serve(seen.log)
        w.use("anchor reverify", *given(seen))
        w.ok(*w.words)


@row("Ask the operator of the log for the proof. With --keep each re-verification asks the log again.")
def a_log_that_withholds_a_proof(w: Walk) -> None:
    with withheld(w) as (seen, compare):
        w.provoke(*compare, code=9)
        w.give("--keep", code=9)
        assert "unproven heads" in in_one_line(w.ok("reverify", "-v", *given(seen), code=3))
        seen.serve(seen.log)  # the operator shows it
        (seen.served / "tile/0/000.p/4").write_bytes(seen.log.tile(0, 0, 4))  # there until the tile is full
        w.ok("reverify", *given(seen))
        w.ok(*w.words)


@contextlib.contextmanager
def withheld(w: Walk) -> Iterator[tuple[Attacked, tuple[object, ...]]]:
    """A log that signed a tree of five entries, and shows only that of four; and the command that asks."""
    with watched(w) as seen:
        larger = seen.log.clone().grow(2)
        note = w.write("note", larger.sign(larger.size - 1))
        seen.log = larger
        seen.serve(larger.clone().withhold(f"tile/0/000.p/{larger.size}"))
        policy = seen.folder / "watched.toml"
        yield seen, ("compare", note, "--policy", policy, "--home", seen.home)


@row("export it with: anchor records export --evidence")
def evidence_in_the_records(w: Walk) -> None:
    with watched(w) as seen:
        seen.serve(seen.log.fork(1))
        seen.run()
        w.provoke("records", "check", "-v", "--home", seen.home, code=6)
        ran = w.run("anchor records export", "-o", "out", "--home", seen.home)
        w.ok("verify-evidence", *ran.out.split(), code=6)


@row("the log signed two histories; a stranger can check it with anchor verify-evidence")
def a_fork_of_a_log(w: Walk) -> None:
    with watched(w) as seen:
        seen.serve(seen.log.fork(1))
        w.provoke("reverify", "-v", *given(seen), code=6)
        (found,) = seen.evidence()
        w.use("anchor verify-evidence", found, code=6)


def given(seen: Attacked) -> tuple[object, ...]:
    return (seen.target, "--policy", seen.folder / "watched.toml", "--home", seen.home)


@contextlib.contextmanager
def watched(w: Walk) -> Iterator[Attacked]:
    """A watcher who has seen a site with three releases once."""
    with hook() as server:
        seen = Attacked(w.folder, make_site(w.folder), server)
        assert seen.run().code == 0
        yield seen


@row("Report it with the output of --verbose, and do not rely on this run.")
def a_run_with_a_defect(w: Walk) -> None:
    words = reverified(w)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cycle, "_follow_logs", lambda *_: None)  # a program that leaves out the logs
        w.provoke(*words, code=70)
        assert "REFUSED" in w.give("--verbose", code=70).out
    w.ok(*words)


@row("if the log has pruned them, write 'from' in [[watch]] of the policy")
def a_pruned_log(w: Walk) -> None:
    with watched(w) as seen:
        log = seen.log.grow(600)
        log.gone.add("tile/entries/001")
        seen.site.policy.write_text(f"{seen.site.policy.read_text()}\n[[watch]]\n")
        seen.serve(log)
        w.provoke("reverify", "-v", *given(seen), code=3)
        w.follow("[[watch]]")
        add_to_watch(seen, "from = 512")
        assert "entries 512 to 602 of 603 read, without a gap" in in_one_line(w.ok(*w.words))


@row("name another copy in [[log]] of the policy; or give the rest up with 'from' in [[watch]]")
def a_log_that_was_taken_down_before_it_was_read(w: Walk) -> None:
    with watched(w) as seen:
        retire(seen)
        assert seen.run().code == 0
        copy = seen.folder / "copy"
        shutil.move(seen.served, copy)
        seen.site.policy.write_text(f"{seen.site.policy.read_text()}\n[[watch]]\n")
        seen.write_policy()
        w.provoke("reverify", "-v", *given(seen), code=3)
        w.follow("[[watch]]")
        before = seen.site.policy.read_text()
        add_to_watch(seen, "from = 3")
        w.ok(*w.words)
        seen.site.policy.write_text(before)
        w.follow("[[log]]")
        seen.served = copy
        seen.write_policy()
        assert "entries 0 to 2 of 3 read, without a gap" in in_one_line(w.ok(*w.words))


def in_one_line(ran: Ran) -> str:
    return " ".join(f"{ran.out} {ran.err}".split())


def add_to_watch(seen: Attacked, line: str) -> None:
    """A line more in the policy, whose last table is [[watch]]."""
    seen.site.policy.write_text(f"{seen.site.policy.read_text()}{line}\n")
    seen.write_policy()


@row(
    "allow more 'requests' in [[watch]] of the policy",
    "Show the coverage. If it does not grow for a day, raise `requests` in the policy, or ask the log's "
    "operator.",
)
def a_log_that_grows_faster_than_it_is_read(w: Walk) -> None:
    real = time.time
    with watched(w) as seen, pytest.MonkeyPatch.context() as patch:
        add_to_watch(seen, "[[watch]]\nrequests = 2")
        seen.serve(seen.log.grow(600))
        assert seen.run().code == 0
        patch.setattr(time, "time", lambda: real() + 3600)
        seen.serve(seen.log.grow(2000))
        alarm = ("--notify", seen.hook.notify_url, "--alarm-after", "1/0")
        said = w.ok("reverify", "-v", *given(seen), *alarm, code=3)
        if "`requests`" in w.text:
            (message,) = seen.hook.messages
            w.take(w.text, Ran(0, message["message"], ""))
            w.follow("`requests`")
            (line,) = [t for t in message["message"].splitlines() if t.startswith("run: ")]
            shown = w.ok(*line.removeprefix("run: anchor ").split(), "--home", seen.home, code=3)
            assert "of 2603 read" in in_one_line(shown)
        else:
            w.take(w.text, said)
            w.follow("[[watch]]")
        text = seen.site.policy.read_text().replace("requests = 2", "requests = 200")
        seen.site.policy.write_text(text)
        seen.write_policy()
        patch.setattr(time, "time", lambda: real() + 7200)
        assert "entries 0 to 2602 of 2603 read, without a gap" in in_one_line(
            w.ok("reverify", "-v", *given(seen))
        )


@row("found since the last message, without one of its own: {} more; see anchor history")
def causes_without_a_message(w: Walk) -> None:
    real = time.time
    with watched(w) as seen, pytest.MonkeyPatch.context() as patch:
        add_to_watch(seen, "[[watch]]")
        stolen = thief(seen.site.home)
        for number in range(10):
            seen.serve(seen.log.append(stolen.entry(b"%d" % number)))
            seen.run()
        seen.hook.messages.clear()
        patch.setattr(time, "time", lambda: real() + 86400)
        seen.run()
        (message,) = seen.hook.messages
        w.take(w.text, Ran(0, message["message"], ""))
        shown = w.use("anchor history", "--home", seen.home, "--class", "FINDINGS").out
        assert len(shown.splitlines()) == 11


@row("; {} characters more in anchor history")
def a_message_that_is_longer_than_its_receiver_takes(w: Walk) -> None:
    with watched(w) as seen:
        seen.hook.most = 1200
        add_to_watch(seen, "[[watch]]")
        stolen = thief(seen.site.home)
        seen.serve(seen.log.append(*(stolen.entry(b"%d" % number) for number in range(10))))
        seen.run()
        said = " ".join(one["message"] for one in seen.hook.messages)
        assert len(seen.hook.messages) > 1
        w.take(w.text, Ran(0, said, ""))
        last = "entry 12 by"
        assert last not in said
        assert last in in_one_line(w.use("anchor history", "--home", seen.home))


@row("ask the publisher for it; where a person knows better: anchor records accept")
def a_release_between_that_is_gone(w: Walk) -> None:
    with hook() as server:
        seen = Attacked(w.folder, make_site(w.folder), server)
        newest = seen.site.release.read_bytes()
        seen.site.roll_back("1")
        assert seen.run().code == 0
        seen.site.release.write_bytes(newest)
        shutil.move(seen.site.root / "release" / "2", w.folder / "2")
        w.provoke("reverify", "-v", *given(seen), code=5)
        shutil.copytree(seen.home, w.folder / "another watcher")
        more = ("--number", 3, "--reason", "the publisher says so", "--home", seen.home)
        w.use("anchor records accept", seen.target, *more)
        w.ok(*w.words)
        shutil.move(w.folder / "2", seen.site.root / "release" / "2")
        w.ok(*w.words[:-1], w.folder / "another watcher")


@row("wait until that run ends, or give --wait")
def another_run_at_the_same_release(w: Walk) -> None:
    words = ("reverify", w.site.release, "--policy", w.site.policy, "--home", w.folder / "records")

    def hang(*_: object, **_more: object) -> None:
        print("begun", flush=True)
        time.sleep(600)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reverification.ReleaseVerifier, "examine", hang)
        other = forked.start(*words)
    with other.stdout as lines:
        assert lines.readline() == "begun\n"
        w.provoke(*words, "--wait", "0s", "-v", code=3)
        end = threading.Timer(0.3, other.kill)
        end.start()
        w.instead("--wait", "60s")
        end.join()
        other.wait(60)
    w.ok(*w.words)


@row("and {} more; anchor status names them all")
def more_releases_than_are_named(w: Walk) -> None:
    names = []
    for number in range(21):
        (w.folder / f"copy{number:02}").symlink_to(w.site.root)
        names.append(w.folder / f"copy{number:02}" / "release.json")
    home = ("--policy", w.site.policy, "--home", w.folder / "records")
    with pytest.MonkeyPatch.context() as patch:  # or it may verify them all before it is stopped
        patch.setattr(reverification.ReleaseVerifier, "examine", lambda *_, **_more: time.sleep(600))
        watch = forked.start("watch", *names, *home)
    try:
        said: list[str] = []
        while "names them all" not in "".join(said):
            said.append(watch.stdout.readline())
            assert said[-1]
        w.take(w.text, Ran(0, "", "".join(said)))
    finally:
        watch.kill()
        watch.wait(60)
        watch.stdout.close()
    shown = w.use("anchor status", *home[2:], "--json", code=4)  # none was verified yet
    assert len(shown.document["targets"]) == 21
