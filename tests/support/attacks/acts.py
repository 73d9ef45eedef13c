# SPDX-License-Identifier: Apache-2.0
"""An attack in four fixed acts: lie, lie again, restart and lie, honest again.

After each act: the class, the exit code, what is stored, and who was told.
"""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked, Hook
from tests.support.process.anchor_cli import Ran, anchor, forked
from tests.support.releases.published import Site
from tests.support.servers.folder_server import FolderServer, serve_folder

OK, STALE, PENDING, UNAVAILABLE = Class.OK, Class.STALE, Class.PENDING, Class.UNAVAILABLE
INVALID, EQUIVOCATION, ERROR, USAGE = Class.INVALID, Class.EQUIVOCATION, Class.ERROR, Class.USAGE

RULE = "2/0"
"""`--alarm-after` in all acts: what may pass is told by the second run of it, the rest by the first."""


@dataclass(frozen=True)
class Act:
    """The expected result of one act."""

    found: Class
    told: tuple[str, ...] = ()
    """The titles of all messages that the receiver took."""
    stored: tuple[int, int, int] = (1, 0, 1)
    """How many signed checkpoints, pieces of evidence and releases the records have."""
    damped: bool = False
    """The exit code is 0, because the rule has not passed."""
    files: int | None = None
    """How many pieces of evidence are files in the home; as many as the records have, unless it is said."""

    @property
    def code(self) -> int:
        return 0 if self.damped else self.found.exit_code


class Play(Attacked):
    """A watcher whose log, site, records and clock an attack plays with; nothing is seen yet."""

    def __init__(
        self,
        folder: Path,
        site: Site,
        hook: Hook,
        *,
        patch: pytest.MonkeyPatch,
        database: str,
        sites: dict[str, Site],
    ) -> None:
        self.patch, self.database, self.sites = patch, database, sites
        self.stack = ExitStack()
        self.act = 0
        """Which act is played: 1 to 4; 0 before the first."""
        self.offset = 0.0
        """Seconds by which the clock of the watcher is wrong."""
        self.kept: dict[str, Any] = {}
        """Values that the scene remembers for its acts."""
        super().__init__(folder, site, hook)

    def write_policy(self, text: str = "") -> None:
        """With the log as `serve` shows it; without, where each site has its own copy of the log."""
        if self.sites:
            (self.folder / "watched.toml").write_text(text or self.site.policy.read_text())
        else:
            super().write_policy(text)

    def behind_cdn(self) -> FolderServer:
        """The site is fetched from a server that lies from now on as it is told."""
        server = self.stack.enter_context(serve_folder(self.site.root))
        self.target = f"{server.url}/release.json"
        self.kept["cdn"] = server
        return server

    @property
    def cdn(self) -> FolderServer:
        found: FolderServer = self.kept["cdn"]
        return found

    def words(self, *, rule: str = RULE) -> tuple[object, ...]:
        """The command of each act."""
        given = ("--policy", self.folder / "watched.toml", "--notify", self.hook.notify_url, "--wait", "1s")
        told = ("--alarm-after", rule, "--heartbeat", self.hook.beat)
        return ("reverify", self.target, *given, *told, *self.records(), "--json", *self.more)

    def records(self) -> tuple[object, ...]:
        """The options that say where the records are."""
        named = ("--database", self.database) if self.database else ()
        return ("--home", self.home, *named)

    def watch(self, *, apart: bool = False, rule: str = RULE) -> Ran:
        """One run: in a process of its own, or in this one with records that are opened anew."""
        return (forked if apart else anchor)(*self.words(rule=rule))

    def engine(self) -> sa.Engine:
        return sa.create_engine(self.database or f"sqlite:///{self.home}/records.db", poolclass=sa.NullPool)

    def stored(self) -> tuple[int, int, int]:
        """How many signed checkpoints, pieces of evidence and releases are stored."""
        tables = ("checkpoints", "evidence", "releases")
        with self.engine().connect() as db:
            return tuple(db.scalar(sa.text(f"SELECT COUNT(*) FROM {t}")) for t in tables)

    def evidence_files(self) -> int:
        return len(list((self.home / "evidence").glob("*.json")))

    def edit(self, *statements: str) -> None:
        """Change the records as their owner can: without triggers."""
        with self.engine().begin() as db:
            dropped: list[str] = []
            if db.dialect.name == "postgresql":
                db.execute(sa.text("SET LOCAL session_replication_role = replica"))
            else:
                found = db.execute(
                    sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
                ).all()
                for name, text in found:
                    db.execute(sa.text(f"DROP TRIGGER {name}"))
                    dropped.append(text)
            for statement in statements:
                assert db.execute(sa.text(statement)).rowcount, statement
            for text in dropped:
                db.exec_driver_sql(text)

    def save(self) -> None:
        """Keep a copy of the records as they are; one of each database."""
        if self.database:
            self._copy(self._name(), f"{self._name()}_saved")
            return
        copy = self.folder / "saved"
        copy.mkdir()
        for file in self.home.glob("records.db*"):
            shutil.copy(file, copy)

    def put_back(self) -> None:
        """The records are what they were at `save`, or nothing when there was none."""
        if self.database:
            kept = f"{self._name()}_saved"
            self._copy(kept, self._name())
            return
        for file in self.home.glob("records.db*"):
            file.unlink()
        for file in (self.folder / "saved").glob("records.db*"):
            shutil.copy(file, self.home)

    def _name(self) -> str:
        return str(sa.make_url(self.database).database)

    def _copy(self, old: str, new: str) -> None:
        server = sa.make_url(self.database).set(database="postgres")
        engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as db:
            db.execute(sa.text(f"DROP DATABASE IF EXISTS {new}"))
            db.execute(sa.text(f"CREATE DATABASE {new} TEMPLATE {old}"))

    def show(self, root: Path) -> None:
        """The site is another folder's from now on."""
        shutil.rmtree(self.site.root)
        shutil.copytree(root, self.site.root)

    def replace(self, old: bytes, new: bytes) -> None:
        """Other bytes in the ledger that is published."""
        ledger = self.site.path("ledger.md")
        data = ledger.read_bytes()
        assert old in data
        ledger.write_bytes(data.replace(old, new))


Step = Callable[[Play], object]


def nothing(_: Play) -> None:
    """Nothing is done."""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One row: the line of docs/attacks.md that it plays, how, and what each act comes to."""

    line: str
    """The first cell of the line."""
    how: str
    """The name of this way to play it; a line may be played in several."""
    scene: Step = nothing
    """The step before the lie, for a watcher that has found the site good once."""
    lie: Step
    """Begins the lie, or goes on with it: called in the acts 1 to 3."""
    honest: Step
    """Ends it: called in act 4."""
    acts: tuple[Act, Act, Act, Act]
    seen: bool = True
    """False: the watcher comes after the lie has begun."""
    world: str = "site"
    """`site`: three releases and their log; `tongues`: a publisher with two statements of release 1."""
    rule: str = RULE
    apart: bool = False
    """The restart is a process of its own; else the records are opened anew. A process takes long."""
    fault: str = ""
    """The behaviour of the program where it differs from the row: a fault that is not mended yet."""
    both: bool = False
    """On PostgreSQL too: one row of each kind, and the faults that one target or one file made for all."""

    @property
    def name(self) -> str:
        return f"{self.line[:60]}: {self.how}"


def observed(play: Play, attack: Attack, number: int) -> tuple[Act, Ran]:
    """Play one act and say what it came to."""
    play.act = number
    (attack.honest if number == 4 else attack.lie)(play)
    beats = play.hook.beats
    apart = attack.apart and number == 3 and not play.database
    ran = play.watch(apart=apart, rule=attack.rule)
    if ran.code == USAGE.exit_code:
        return Act(USAGE, tuple(play.told()), (0, 0, 0)), ran
    verdict = Class(ran.document["verdict"])
    damped = ran.code == 0 and verdict is not OK
    assert damped or ran.code == verdict.exit_code, ran
    assert play.hook.beats - beats == (verdict is OK), "a heartbeat is sent when all is well, and only then"
    stored = play.stored()
    files = play.evidence_files()
    told = tuple(play.told())
    return Act(verdict, told, stored, damped, None if files == stored[1] else files), ran
