# SPDX-License-Identifier: Apache-2.0
"""The classes of verdicts about more than one thing: evidence, mirrors, checkpoints, records, many receipts.

Each case runs in its own folder, and names files in it by relative paths, so that no path of a machine is
shown.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import evidence
from anchor.tlog.checkpoint import Log
from anchor.verdict import Class
from tests.support.attacks.attacked import dump
from tests.support.logs.simlog import SimLog
from tests.support.process.anchor_cli import anchor
from tests.support.releases.published import published
from tests.support.releases.verdict_cases import RECEIPTS, WITHDRAWING, Case, in_2020, two_statements

# verify-evidence


def of_evidence(folder: Path) -> Iterator[Case]:
    """`anchor verify-evidence` of two histories of a log, and of two statements of a publisher."""
    folder.mkdir(parents=True)

    def case(name: str, verdict: Class, *words: object) -> Case:
        return Case(f"verify-evidence-{name}", verdict, ("verify-evidence", *words), folder)

    log = SimLog().grow(5)
    named = Log(log.origin, log.key)
    one, other = (checkpoints.verify(each.sign(), named) for each in (log, log.fork(2)))
    data = evidence.build(named, one, other)
    (folder / "log.json").write_bytes(data)
    (folder / "changed.json").write_bytes(data.replace(b'"log-equal-size"', b'"log-growth"'))
    (folder / "later.json").write_bytes(data.replace(b"evidence:v1", b"evidence:v9"))
    stranger = SimLog(seed=2)
    yield case("log", Class.EQUIVOCATION, "log.json", "--log-key", log.key.vkey)
    yield case("unknown-log", Class.EQUIVOCATION, "log.json")
    yield case("changed", Class.INVALID, "changed.json", "--log-key", log.key.vkey)
    yield case("other-log", Class.INVALID, "log.json", "--log-key", stranger.key.vkey)
    yield case("unsupported", Class.UNSUPPORTED, "later.json")
    first, two = two_statements(folder)
    given = ("--policy", first.policy.name, "--home", "records")
    assert anchor("reverify", "site", *given, cwd=folder).code == 0
    shutil.rmtree(first.root)
    shutil.copytree(two.root, first.root)
    assert anchor("reverify", "site", *given, cwd=folder).code == 6
    (kept,) = (folder / "records" / "evidence").glob("*.json")
    shutil.copy(kept, folder / "statements.json")
    yield case("statements", Class.EQUIVOCATION, "statements.json", "--policy", first.policy.name)
    yield case("no-policy", Class.USAGE, "statements.json")


# mirror


def of_mirrors(folder: Path) -> Iterator[Case]:
    """`anchor mirror` of sites that were published here."""
    folder.mkdir(parents=True)
    first, two = two_statements(folder)

    def case(
        name: str,
        verdict: Class,
        change: Callable[[Path], object] = lambda _: None,
        *,
        policy: bool = True,
        demand: tuple[str, str] = ("", ""),
        kept: bool = False,
    ) -> Case:
        """A mirror of the site after `change`. `kept`: the site was mirrored before that."""
        own = folder / f"{name}.toml"
        own.write_text(first.policy.read_text().replace(*demand))
        given = (*(("--policy", own.name) if policy else ()), "--home", "kept")

        words = ("mirror", name, f"{name}-mirror", *given)
        state = (folder / name, folder / f"{name}-mirror", folder / "kept")

        def before() -> None:
            for place in state:
                shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(first.root, folder / name)
            if kept:
                assert anchor(*words, cwd=folder).code == 0
            change(folder / name)

        return Case(f"mirror-{name}", verdict, words, folder, before, state)

    def changed(place: Path) -> None:
        ledger = place / "release" / "1.0.0" / "ledger.md"
        ledger.write_text(ledger.read_text().replace("| B | 2 |", "| B | 3 |"))

    def missing(place: Path) -> None:
        (place / "release" / "1.0.0" / "ledger.md").unlink()

    def other_release(place: Path) -> None:
        shutil.rmtree(place)
        shutil.copytree(two.root, place)

    def later(place: Path) -> None:
        release = place / "release.json"
        release.write_text(release.read_text().replace("anchor:release:v1", "anchor:release:v9"))

    def withdrawn(place: Path) -> None:
        home = folder / "withdrawing-home"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(first.home, home)
        assert anchor("withdraw", place, *WITHDRAWING, "--home", home).code == 0

    yield case("ok", Class.OK)
    yield case("no-policy", Class.USAGE, policy=False)
    yield case("changed-fact", Class.INVALID, changed)
    yield case("unavailable", Class.UNAVAILABLE, missing)
    yield case("stale", Class.STALE, demand=("min_number = 1", "min_number = 9"))
    yield case("pending", Class.PENDING, demand=("min_anchors = 1", "min_anchors = 2"))
    yield case("two-statements", Class.EQUIVOCATION, other_release, kept=True)
    yield case("unsupported", Class.UNSUPPORTED, later, kept=True)
    yield case("withdrawn", Class.WITHDRAWN, withdrawn)


# compare


def of_comparisons(folder: Path) -> Iterator[Case]:
    """`anchor compare` of checkpoints of a simulated log, which is read from a folder."""
    folder.mkdir(parents=True)
    log = SimLog().grow(5)
    dump(log.clone().grow(4), folder / "log")
    dump(log.clone().grow(4).withhold("tile/0/000.p/9"), folder / "withholding")
    (folder / "head").write_bytes(log.sign())
    (folder / "fork").write_bytes(log.fork(2).sign())
    (folder / "two").write_bytes(log.sign() + b"\n" + log.clone().grow(2).sign())

    site = published(folder)
    given = ("--policy", site.policy.name, "--home", "records")
    assert anchor("reverify", "site", *given, cwd=folder).code == 0

    def case(name: str, verdict: Class, *words: object, vkey: str = log.key.vkey) -> Case:
        home = folder / f"{name}-home"

        def before() -> None:
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(folder / "records", home)

        given = ("--vkey", vkey, "--home", home.name, "--evidence", "kept")
        return Case(f"compare-{name}", verdict, ("compare", *words, *given), folder, before, (home,))

    yield case("ok", Class.OK, "head", "--log", "log")
    yield case("several", Class.OK, "two", "--log", "log")
    yield case("two-histories", Class.EQUIVOCATION, "fork", "--log", "log")
    yield case("withheld", Class.FINDINGS, "fork", "--log", "withholding")
    yield case("unavailable", Class.UNAVAILABLE, "head")
    yield case("other-log", Class.INVALID, "head", vkey=SimLog(origin="other.invalid/b", seed=2).key.vkey)


# records check


def of_records(folder: Path) -> Iterator[Case]:
    """`anchor records check` of records that were made here."""
    folder.mkdir(parents=True)
    first, two = two_statements(folder)
    given = ("--policy", first.policy.name)

    def case(name: str, verdict: Class, change: Callable[[Path], object], *more: object) -> Case:
        home = folder / name

        def before() -> None:
            shutil.rmtree(home, ignore_errors=True)
            shutil.rmtree(folder / "watched", ignore_errors=True)
            shutil.copytree(first.root, folder / "watched")
            for _ in range(2):
                assert anchor("reverify", "watched", *given, "--home", name, cwd=folder).code == 0
            change(home)

        words = ("records", "check", "--home", name, *more)
        return Case(f"records-check-{name}", verdict, words, folder, before, (home, folder / "watched"))

    def edited(home: Path) -> None:
        with sqlite3.connect(home / "records.db") as database:
            names = [n for (n,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
            for one in names:
                database.execute(f'DROP TRIGGER "{one}"')
            database.execute("UPDATE runs SET verdict = 'INVALID' WHERE id = (SELECT MIN(id) FROM runs)")
        database.close()

    def put_back(home: Path) -> None:
        shutil.copy(home / "records.db", home / "older.db")
        assert anchor("reverify", "watched", *given, "--home", home.name, cwd=folder).code == 0
        (home / "older.db").replace(home / "records.db")

    def forked(home: Path) -> None:
        shutil.rmtree(folder / "watched")
        shutil.copytree(two.root, folder / "watched")
        assert anchor("reverify", "watched", *given, "--home", home.name, cwd=folder).code == 6

    yield case("ok", Class.OK, lambda _: None, *given)
    yield case("no-policy", Class.OK, lambda _: None)
    yield case("edited", Class.INVALID, edited)
    yield case("put-back", Class.UNAVAILABLE, put_back)
    yield case("contradiction", Class.EQUIVOCATION, forked)


# verify-receipt of several


def of_many_receipts(folder: Path) -> Iterator[Case]:
    """`anchor verify-receipt` of several checked-in vectors."""
    folder.mkdir(parents=True)

    def case(
        name: str,
        verdict: Class,
        *vectors: str,
        policy: str | None = "",
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Case:
        own = folder / f"{name}.toml"
        text = (RECEIPTS / vectors[0] / "policy.toml").read_text()
        own.write_text(f"{policy}\n{text.replace('../trusted_root', f'{RECEIPTS}/trusted_root')}")
        files = [f"{name}-{number}.json" for number in range(len(vectors))]
        for vector, file in zip(vectors, files, strict=True):
            shutil.copy(RECEIPTS / vector / "receipt.json", folder / file)
        given = () if policy is None else ("--policy", own.name)
        words = ("verify-receipt", *files, *given)
        return Case(f"verify-receipt-several-{name}", verdict, words, folder, around=around)

    good = ("fact-0-of-7", "key-complete", "absent-empty")
    yield case("ok", Class.OK, *good)
    yield case("one-bad", Class.INVALID, *good, "fact-edited_fail")
    yield case("no-policy", Class.USAGE, *good, policy=None)
    yield case("stale", Class.STALE, *good, policy="min_number = 9")
    yield case("pending", Class.PENDING, *good, policy="min_anchors = 2")
    yield case("unavailable", Class.UNAVAILABLE, *good, policy='max_age = "30d"', around=in_2020)
    yield case("unsupported", Class.UNSUPPORTED, good[0], "status-of-an-unknown-kind_fail")
    yield case("withdrawn", Class.WITHDRAWN, good[0], "status-withdraws-the-fact_fail")
    yield case("other-statement", Class.EQUIVOCATION, good[0], "status-of-a-release-that-does-not-exist_fail")


def all_cases(folder: Path) -> Iterator[Case]:
    """Every case. What they need is made in `folder`."""
    yield from of_evidence(folder / "evidence")
    yield from of_mirrors(folder / "mirrors")
    yield from of_comparisons(folder / "comparisons")
    yield from of_records(folder / "records")
    yield from of_many_receipts(folder / "receipts")
