# SPDX-License-Identifier: Apache-2.0
"""Anchors the head of the records: their tree, the instances that sign, and the rule about public ones.

The home of the records is the home that signs. Only commands that sign import this module: it brings the
sigstore client.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from anchor.app import own_root, publish, records
from anchor.app.own_root import PUBLIC_INSTANCES
from anchor.disk import lock
from anchor.encoding import rfc3339
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.format import history_head
from anchor.format.release import Release
from anchor.net.budget import Budget
from anchor.publish import head_run, journal
from anchor.publish.checks import Checks
from anchor.publish.head_run import AnchoredHead
from anchor.publish.instance import SigningInstance
from anchor.publish.release_json import Anchored, bundle_path
from anchor.records import anchored_heads, high_water_mark
from anchor.records.database import Database
from anchor.signing import ambient
from anchor.signing.tokens import Consent, TokenSource
from anchor.sigstore import trusted_root
from anchor.verify import independence
from anchor.verify.independence import Counted, Independence

BUDGET = 180.0
"""Seconds for all calls to all services."""
PUBLIC_OPTION = "--public-history"
_FOR_EVER = (
    "each head in a public log is public for ever, with the identity that signed it: it says when you "
    "verified, and how much"
)


@dataclass(frozen=True, kw_only=True)
class HeadOptions:
    """Where heads are anchored, and as whom."""

    instances: tuple[str, ...] = (publish.EMBEDDED,)
    public: bool = False
    """True if public instances are wanted (`--public-history`)."""
    token_file: Path | None = None
    """For an instance that is not public."""
    abandon: bool = False

    def check(self) -> None:
        """Raise `Misuse` for a public instance that was not asked for in so many words, or while this machine
        has no identity of its own, as a CI system gives one."""
        named = [name for name in self.instances if name in PUBLIC_INSTANCES]
        if named and not self.public:
            raise Misuse(
                _FOR_EVER,
                where=f"--instance {named[0]}",
                remedy=f"give {PUBLIC_OPTION} if that is wanted",
            )


class AmbientTokens(TokenSource):
    """The token of the CI system that this runs in, and no other: no person and no file signs a history."""

    def get(self, issuer: str, budget: Budget) -> str:
        """As `TokenSource.get`."""
        found = ambient.token(budget)
        if found is None:
            raise Misuse(
                "a public instance signs a history only as the CI system that this runs in, and there is "
                "none: a person's name would be public with each head",
                where="token",
                remedy="run it in a CI with OIDC, or anchor in the embedded log, with witnesses",
            )
        return found.strip()


@dataclass
class HeadInstances:
    """The instances of these options (`publish.instance.Instances`). `opened`: those that were reached."""

    options: HeadOptions
    home: Path
    budget: Budget

    def __post_init__(self) -> None:
        self.opened: dict[str, SigningInstance] = {}

    def open(self, existing: Release | None) -> list[SigningInstance | Unavailable]:
        """Each instance; for one that cannot be reached, its error. Any other error is raised."""
        public = [name for name in self.options.instances if name in PUBLIC_INSTANCES]
        others = [name for name in self.options.instances if name not in PUBLIC_INSTANCES]
        tokens = AmbientTokens()
        if public:
            tokens.get("", self.budget)  # before anything is made or asked
        found = [
            *self._open(others, TokenSource(file=self.options.token_file, interactive=False), own=True),
            *self._open(public, tokens, own=False),
        ]
        self.opened = {bundle_path(one.name): one for one in found if isinstance(one, SigningInstance)}
        return found

    def _open(
        self, names: Sequence[str], tokens: TokenSource, *, own: bool
    ) -> list[SigningInstance | Unavailable]:
        signing = publish.SigningOptions(
            home=self.home,
            budget=self.budget,
            tokens=tokens,
            consent=Consent(confirm=_refuse) if own else None,
        )
        return publish.opened(names, signing)


def _refuse(_question: str) -> bool:
    """A file names a public log: only its own name is taken for it."""
    raise Misuse(
        f"it names a public log, and {_FOR_EVER}",
        where="--instance",
        remedy=f"name it as public or staging, with {PUBLIC_OPTION}",
    )


class HistoryOf:
    """The history of a database, while no other process anchors it (`publish.head_run.HeldHistory`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = anchored_heads.now(database)

    @property
    def origin(self) -> str:
        return self._now.origin

    @property
    def heads(self) -> Sequence[bytes]:
        return self._now.heads

    @property
    def last_bundles(self) -> Sequence[bytes]:
        return self._now.last.bundles if self._now.last else ()

    def following(self) -> bytes | None:
        now = self._now
        if not now.news:
            return None
        before = now.heads[0] if now.heads else None
        return history_head.encode(history_head.following(now.origin, now.size, now.root, before))

    def check(self, statement: bytes) -> None:
        anchored_heads.check_follows(self._database, statement)

    def keep(self, statement: bytes, bundles: Sequence[bytes]) -> None:
        anchored_heads.add(self._database, statement, bundles, at_ms=int(time.time() * 1000))


@contextlib.contextmanager
def _alone(database: Database) -> Iterator[None]:
    """Be the only process that anchors these records, whatever its home is."""
    with contextlib.ExitStack() as held:
        if database.file is not None:
            held.enter_context(lock.exclusive(database.file.parent, doing="anchoring records"))
        held.enter_context(database.anchoring())
        yield


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The entry of a head in one log, as its bundle proves it."""

    log: str
    index: int
    identity: str
    time: str | None
    """The earliest verified time, RFC 3339."""
    independence: Independence


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A head that is anchored. `new`: just now, and not before."""

    new: bool
    resumed: bool = False
    origin: str
    size: int
    root: str
    statement: str
    """SHA-256 of the statement, hex."""
    at: str
    """The time of the event, RFC 3339."""
    places: tuple[Place, ...] = ()

    def facts(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "anchored": self.new,
            "resumed": self.resumed,
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "statement": self.statement,
            "at": self.at,
            "logs": [
                {
                    "origin": one.log,
                    "index": one.index,
                    "identity": one.identity,
                    "time": one.time,
                    "independence": one.independence.facts(),
                }
                for one in self.places
            ],
        }


def anchor(
    database: Database, home: Path, options: HeadOptions, *, budget: Budget, say: Callable[[str], None]
) -> Outcome:
    """Anchor the head of now, or complete the one that was interrupted; without news the last one is named.

    Raises our errors. `home`: the folder with keys, journal and list, which are made if they are missing.
    """
    options.check()
    journal.check_home(home)
    instances = HeadInstances(options, home, budget)
    with _alone(database):
        done = head_run.anchor_head(
            HistoryOf(database),
            home=home,
            instances=instances,
            checks=Checks(),
            abandon=options.abandon,
            say=say,
        )
        if done is not None:
            _advance_mark(database, home)
        return _outcome(database, done, instances.opened)


def _advance_mark(database: Database, home: Path) -> None:
    """Have the mark cover the event, unless it says already that the records were put back."""
    files = records.HomeFiles(home, database.name)
    with contextlib.suppress(AnchorError):  # an older mark knows less, but nothing wrong
        mark = files.read_mark()
        if mark is not None and high_water_mark.compare(database, mark).demotes is None:
            files.save_mark(high_water_mark.encode(database, mark))


def _outcome(database: Database, done: AnchoredHead | None, opened: dict[str, SigningInstance]) -> Outcome:
    with database.read() as connection:
        held = anchored_heads.last(connection)
    assert held is not None  # nothing is new since a head
    places = tuple(_place(one, opened.get(one.path)) for one in done.bundles) if done else ()
    return Outcome(
        new=done is not None,
        resumed=done is not None and done.resumed,
        origin=held.head.origin,
        size=held.head.size,
        root=held.head.root,
        statement=held.digest,
        at=held.at,
        places=places,
    )


def _place(one: Anchored, instance: SigningInstance | None) -> Place:
    report, log = one.report, one.report.logs[0]
    earliest = report.earliest
    counted = instance.counted(report) if instance is not None else Counted()
    public = own_root.public_logs(trusted_root.parse(one.root))
    return Place(
        log=log.origin,
        index=log.public_index,
        identity=report.identity,
        time=rfc3339(earliest) if earliest else None,
        independence=independence.weigh(report, log, public=public, counted=counted),
    )
