# SPDX-License-Identifier: Apache-2.0
"""The tables of the records, as classes of typed columns. Times are milliseconds since 1970 UTC.

`events`, `tiles` and `blobs` are the history (`event_log.py`). All that is recorded is there: events are
append-only, and triggers of both engines enforce it (`new_records.py`).
The projections follow from the events (`fold.py`), which alone writes them: the id of a row is the index of
its event. A projection can be rebuilt at any time (`replay.py`).
The working tables may be lost at any time: leases and due times, deliveries, sightings, budgets.
The columns `claim_id` refer to `targets`; they keep the name that they have in exports.
"""

from typing import Any, ClassVar, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnClause,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

T = TypeVar("T")
MAX_NUMBER = 2**63 - 1
"""The largest number that either engine holds."""
_Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite makes a rowid only of INTEGER."""


def _id() -> ColumnClause[int]:
    """A primary key that the program gives."""
    return Column(_Id, primary_key=True, autoincrement=False)


def _number() -> ColumnClause[int]:
    return Column(BigInteger, nullable=False)


def _small(**more: Any) -> ColumnClause[int]:
    return Column(Integer, nullable=False, **more)


def _text(**more: Any) -> ColumnClause[str]:
    return Column(Text, nullable=False, **more)


def _bytes() -> ColumnClause[bytes]:
    return Column(LargeBinary, nullable=False)


def _maybe(column: ColumnClause[T]) -> ColumnClause[T | None]:
    """The same column, which may be NULL."""
    cast("Column[T]", column).nullable = True
    return cast("ColumnClause[T | None]", column)


class _Named(type):
    """Gives each class of columns its table. In a statement, the class stands for the table."""

    def __init__(cls, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> None:
        super().__init__(name, bases, members)
        columns = {key: value for key, value in members.items() if isinstance(value, Column)}
        for key, column in columns.items():
            column.key = column.name = key
        if columns:
            rules = members.get("__table_args__", ())
            cls.__table__ = Table(members["__tablename__"], Base.metadata, *columns.values(), *rules)

    def __clause_element__(cls) -> Table:
        return cls.__table__


class Base(metaclass=_Named):
    """All tables, with names for their constraints that migrations can rely on.

    They are no models of SQLAlchemy's ORM: a command would import it for nothing.
    """

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    __table__: ClassVar[Table]
    __tablename__: ClassVar[str]


# The history


class EventRow(Base):
    """One event: a leaf of the tree."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_kind", "kind", "leaf_index"),)
    leaf_index = _id()
    kind = _text()
    """As in the body, to find events by it."""
    at_ms = _number()
    """As in the body, to find events by it."""
    body = _maybe(_bytes())
    """The event, compressed (`event_log.packed`); None if it was pruned."""


class TileRow(Base):
    """Up to 256 hashes of one level of the tree: leaf hashes at level 0, roots of full tiles above."""

    __tablename__ = "tiles"
    level = _small(primary_key=True, autoincrement=False)
    number = _id()
    hashes = _bytes()


class Blob(Base):
    """A note, bundle, statement or another document that events name by its SHA-256 (hex)."""

    __tablename__ = "blobs"
    sha256 = _text(primary_key=True)
    data = _bytes()


class FoldRow(Base):
    """The version of the fold that made a projection."""

    __tablename__ = "folds"
    name = _text(primary_key=True)
    """The table."""
    version = _small()


# Projections


class Release(Base):
    """A release that was verified once: what its signed statement says. Two rows with one ledger and number
    and different statements are an equivocation of the publisher."""

    __tablename__ = "releases"
    __table_args__ = (UniqueConstraint("ledger", "number", "statement_sha256"),)
    id = _id()
    ledger = _text()
    number = _number()
    version = _text()
    root = _text()
    size = _number()
    statement_sha256 = _text(unique=True)
    seen_ms = _number()


class Anchor(Base):
    """A verified bundle of a release."""

    __tablename__ = "anchors"
    __table_args__ = (UniqueConstraint("release_id", "origin", "bundle_sha256"),)
    id = _id()
    release_id = _number()
    origin = _text()
    log_key = _text()
    log_index = _number()
    bundle_sha256 = _text()
    time = _text()
    seen_ms = _number()


class Followed(Base):
    """A log that is followed for a target since one of its anchors counted there, or that a person ended.
    The newest row of a target and an origin is valid."""

    __tablename__ = "followed"
    __table_args__ = (Index("ix_followed_claim_id_origin", "claim_id", "origin"),)
    id = _id()
    claim_id = _number()
    origin = _text()
    log_key = _text()
    active = _small()
    who = _text()
    reason = _text()
    """Both empty where an anchor counted."""
    at_ms = _number()


class Target(Base):
    """A watched target, and what its runs say of it."""

    __tablename__ = "targets"
    __table_args__ = (UniqueConstraint("target"),)
    id = _id()
    target = _text()
    active = _small()
    interval_s = _maybe(_number())
    added_ms = _number()
    release_id = _maybe(_number())
    """The release that was last verified there."""
    trust_id = _maybe(_number())
    """The trust material of the last run that read any."""
    max_run_age_s = _maybe(_number())
    last_class = _maybe(_text())
    last_run_ms = _maybe(_number())
    last_good_ms = _maybe(_number())
    last_finished = _maybe(_number())
    """The event of the last finished run."""
    decided_due_ms = _maybe(_number())
    """When it is due, as that run decided."""
    failing_runs = _small()
    failing_since_ms = _maybe(_number())
    notified = _text()
    """The worst class that people were notified of and that still stands. OK at first."""
    alarm = _maybe(_text())
    """JSON: the causes that people were notified of, and how often each came and went."""
    policy_path = _maybe(_text())
    """The policy of its first run, or of the first run after it was forgotten."""
    policy_sha256 = _maybe(_text())
    """SHA-256 of that policy in the last run."""


class Shown(Base):
    """A release that was verified at a target, with one row for each epoch. A number that a person accepts
    begins a new epoch, and only releases of the same epoch are compared."""

    __tablename__ = "shown"
    __table_args__ = (UniqueConstraint("claim_id", "epoch", "release_id"),)
    id = _id()
    claim_id = _number()
    epoch = _number()
    release_id = _number()
    seen_ms = _number()


class Accepted(Base):
    """A number from which the releases of a target are compared: who accepted it, when, and why."""

    __tablename__ = "accepted"
    __table_args__ = (UniqueConstraint("claim_id", "epoch"),)
    id = _id()
    claim_id = _number()
    epoch = _number()
    """Counts from 1; 0 is before the first."""
    ledger = _text()
    number = _number()
    who = _text()
    reason = _text()
    at_ms = _number()


class StatusRow(Base):
    """A status that was verified once. Two rows with one ledger and sequence are an equivocation of the
    publisher."""

    __tablename__ = "statuses"
    __table_args__ = (UniqueConstraint("ledger", "sequence", "statement_sha256"),)
    id = _id()
    ledger = _text()
    sequence = _number()
    statement_sha256 = _text(unique=True)
    bundles = _text()
    """JSON: the SHA-256 of each bundle that signs it."""
    time = _text()
    seen_ms = _number()


class ShownStatus(Base):
    """A status that was verified at a target. Without `status_id` it is a sequence out of the mark."""

    __tablename__ = "shown_statuses"
    __table_args__ = (UniqueConstraint("claim_id", "status_id"),)
    id = _id()
    claim_id = _number()
    ledger = _text()
    sequence = _number()
    status_id = _maybe(_number())
    seen_ms = _number()


class NameScanRow(Base):
    """Entries `start_index` up to, not including, `end_index` of a log that were read for a watch, with
    everything before that stands beside them. A later row with the same start goes further."""

    __tablename__ = "name_scans"
    __table_args__ = (UniqueConstraint("origin", "log_key", "watch", "start_index", "end_index"),)
    id = _id()
    origin = _text()
    log_key = _text()
    watch = _text()
    start_index = _number()
    end_index = _number()
    size = _number()
    """Of the head under which they were read."""
    claimed = _number()
    surplus = _number()
    unreadable = _number()
    seen_ms = _number()


class NamedEntryRow(Base):
    """An entry under a watched identity that nothing explained when it was found."""

    __tablename__ = "named_entries"
    __table_args__ = (UniqueConstraint("origin", "log_key", "watch", "log_index"),)
    id = _id()
    origin = _text()
    log_key = _text()
    watch = _text()
    log_index = _number()
    digest = _text()
    certified = _small()
    identity = _text()
    issuer = _text()
    body_sha256 = _text()
    """Of the bytes of the entry; of none if they are too large."""
    seen_ms = _number()


class Trust(Base):
    """Trust material as it was used: TUF versions, log keys, policy digest. One row for each change."""

    __tablename__ = "trust"
    id = _id()
    digest = _text(unique=True)
    """SHA-256 of the document."""
    seen_ms = _number()


class Run(Base):
    """A re-verification that ended; `state` is finished or interrupted. Its checks are in its event."""

    __tablename__ = "runs"
    __table_args__ = (
        Index(
            "uq_runs_slot",
            "claim_id",
            "slot_ms",
            unique=True,
            sqlite_where=text("state = 'finished'"),
            postgresql_where=text("state = 'finished'"),
        ),
        Index("ix_runs_claim_id", "claim_id", "id"),
        Index("ix_runs_verdict", "verdict"),
    )
    id = _id()
    claim_id = _number()
    slot_ms = _number()
    """The due time of this run. At most one finished run has it."""
    worker = _text()
    state = _text()
    started_ms = _number()
    ended_ms = _number()
    verdict = _maybe(_text())
    release_id = _maybe(_number())
    trust_id = _maybe(_number())
    duration_ms = _number()
    requests = _number()
    detail = _text()
    """Name and detail of the first check that gave the verdict."""


FINISHED: ColumnElement[bool] = Run.state == literal_column("'finished'")
"""Without a parameter: SQLite would prepare a query again for each value that an index depends on."""


class Checkpoint(Base):
    """A signed checkpoint, one row per origin, size and root."""

    __tablename__ = "checkpoints"
    __table_args__ = (UniqueConstraint("origin", "size", "root"),)
    id = _id()
    origin = _text()
    log_key = _text()
    size = _number()
    root = _text()
    note_sha256 = _text()
    source = _text()
    seen_ms = _number()


class Proof(Base):
    """A consistency proof between two stored checkpoints. Its hashes are in its event."""

    __tablename__ = "proofs"
    __table_args__ = (
        UniqueConstraint("origin", "old_size", "old_root", "new_size", "new_root"),
        Index("ix_proofs_new", "origin", "new_size"),
    )
    id = _id()
    origin = _text()
    old_size = _number()
    old_root = _text()
    new_size = _number()
    new_root = _text()
    seen_ms = _number()


class EvidenceRow(Base):
    """A document of misbehaviour, kept for ever."""

    __tablename__ = "evidence"
    id = _id()
    kind = _text()
    origin = _text(index=True)
    digest = _text(unique=True)
    found_ms = _number()


class Prune(Base):
    """A retention run: the sums over the runs that it removed, so that counters never run backwards."""

    __tablename__ = "prunes"
    id = _id()
    counts = _text()
    """JSON."""
    pruned_ms = _number()


class Notification(Base):
    """A message to people. Its text holds `uid`, so that a repeated delivery can be recognised."""

    __tablename__ = "notifications"
    id = _id()
    uid = _text(unique=True)
    claim_id = _maybe(_number())
    verdict = _text()
    title = _text()
    body = _text()
    created_ms = _number()
    details = _maybe(_text())
    """`AlarmDetails` as JSON; None for a message of an earlier version."""


class Addressed(Base):
    """A receiver of a message. It waits until a row of `told` says otherwise."""

    __tablename__ = "addressed"
    __table_args__ = (UniqueConstraint("notification_id", "receiver"),)
    id = _id()
    notification_id = _number()
    receiver = _text()
    """A digest, because URLs hold secrets. Empty while no receiver is configured."""
    at_ms = _number()


class Told(Base):
    """A message that a receiver accepted (`state` is sent), or that was given up for it (gone)."""

    __tablename__ = "told"
    __table_args__ = (UniqueConstraint("notification_id", "receiver"),)
    id = _id()
    notification_id = _number()
    receiver = _text()
    state = _text()
    at_ms = _number()


class AnchoredHead(Base):
    """A head of this history that was signed and recorded in a log."""

    __tablename__ = "anchored_heads"
    id = _id()
    size = _number()
    root = _text()
    statement_sha256 = _text()
    bundles = _text()
    """JSON: the SHA-256 of each bundle."""
    at_ms = _number()


# Working state


class Work(Base):
    """When a target is due, and the worker and the open run that have it."""

    __tablename__ = "work"
    __table_args__ = (Index("ix_work_due", "due_ms"),)
    claim_id = _id()
    due_ms = _number()
    run = _maybe(_text())
    """A random name of the open run."""
    worker = _maybe(_text())
    slot_ms = _maybe(_number())
    started_ms = _maybe(_number())
    lease_ms = _maybe(_number())


class Delivery(Base):
    """The attempts to send a message to a receiver. One that was accepted has no row."""

    __tablename__ = "deliveries"
    id = _id()
    """Of `addressed`."""
    attempts = _small()
    next_ms = _number()
    error = _text()


class Sighting(Base):
    """When a checkpoint was last served. The first time is in its own row."""

    __tablename__ = "sightings"
    id = _id()
    last_ms = _number()


class Surplus(Base):
    """How many unproven heads of a log were served and not kept."""

    __tablename__ = "surplus"
    origin = _text(primary_key=True)
    log_key = _text(primary_key=True)
    heads = _number()


class ScanBudget(Base):
    """The requests that the reading of a log took in one hour."""

    __tablename__ = "scan_budgets"
    origin = _text(primary_key=True)
    log_key = _text(primary_key=True)
    hour = _number()
    """Hours since 1970."""
    requests = _number()


HISTORY: tuple[type[Base], ...] = (EventRow, TileRow, Blob)
PROJECTIONS: tuple[type[Base], ...] = (
    Target,
    Release,
    Anchor,
    Followed,
    Shown,
    Accepted,
    StatusRow,
    ShownStatus,
    NameScanRow,
    NamedEntryRow,
    Trust,
    Run,
    Checkpoint,
    Proof,
    EvidenceRow,
    Prune,
    Notification,
    Addressed,
    Told,
    AnchoredHead,
)
WORKING: tuple[type[Base], ...] = (Work, Delivery, Sighting, Surplus, ScanBudget)
