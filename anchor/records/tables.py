# SPDX-License-Identifier: Apache-2.0
"""The tables of the records, as typed SQLAlchemy models.

Times are milliseconds since 1970 UTC. `releases, anchors, followed, shown, accepted, checkpoints, proofs,
evidence, trust, prunes, journal, notifications` are append-only; `runs` and `checks` change once (a run ends)
and are removed only under a row of `prunes`; triggers of both engines enforce it
(`migrations/versions/v0002_append_only.py`, and the migration that creates a table).
Only `targets`, `deliveries`, `sightings` and `surplus` are working state. `chain` columns make an edit
visible (`check.py`). The columns `claim_id` refer to `targets`; they keep the name that they have in exports.
"""

from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

MAX_NUMBER = 2**63 - 1
"""The largest number that either engine holds."""
_Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite makes a rowid only of INTEGER."""


class Base(DeclarativeBase):
    """All tables, with names for their constraints that migrations can rely on."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {int: BigInteger(), str: Text(), bytes: LargeBinary()}


class Release(Base):
    """A release that was verified once: what its signed statement says. Two rows with one ledger and number
    and different statements are an equivocation of the publisher."""

    __tablename__ = "releases"
    __table_args__ = (UniqueConstraint("ledger", "number", "statement_sha256"),)
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    ledger: Mapped[str]
    number: Mapped[int]
    version: Mapped[str]
    root: Mapped[str]
    size: Mapped[int]
    statement_sha256: Mapped[str]
    statement: Mapped[bytes]
    seen_ms: Mapped[int]


class Anchor(Base):
    """A verified bundle of a release, raw."""

    __tablename__ = "anchors"
    __table_args__ = (UniqueConstraint("release_id", "origin", "bundle_sha256"),)
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("releases.id"))
    origin: Mapped[str]
    log_key: Mapped[str]
    log_index: Mapped[int]
    bundle_sha256: Mapped[str]
    bundle: Mapped[bytes]
    time: Mapped[str]
    seen_ms: Mapped[int]


class Followed(Base):
    """A log that is followed for a target since one of its anchors counted there, or that a person ended.
    The newest row of a target and an origin is valid."""

    __tablename__ = "followed"
    __table_args__ = (Index("ix_followed_claim_id_origin", "claim_id", "origin"),)
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("targets.id"))
    origin: Mapped[str]
    log_key: Mapped[str]
    active: Mapped[int] = mapped_column(Integer)
    who: Mapped[str]
    reason: Mapped[str]
    """Both empty where an anchor counted."""
    at_ms: Mapped[int]


class Target(Base):
    """A watched target: its due time, its worker, its last run and its notifications. Working state."""

    __tablename__ = "targets"
    __table_args__ = (
        Index("ix_targets_due", "due_ms"),
        UniqueConstraint("target", name="uq_claims_target"),  # SQLite cannot rename a constraint
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    target: Mapped[str]
    active: Mapped[int] = mapped_column(Integer)
    interval_s: Mapped[int | None]
    added_ms: Mapped[int]
    due_ms: Mapped[int]
    run_id: Mapped[int | None]
    worker: Mapped[str | None]
    lease_ms: Mapped[int | None]
    release_id: Mapped[int | None] = mapped_column(ForeignKey("releases.id"))
    max_run_age_s: Mapped[int | None]
    last_class: Mapped[str | None]
    last_run_ms: Mapped[int | None]
    last_good_ms: Mapped[int | None]
    failing_runs: Mapped[int] = mapped_column(Integer)
    failing_since_ms: Mapped[int | None]
    notified: Mapped[str]
    """The worst class that people were notified of and that still stands. OK at first."""
    alarm: Mapped[str | None]
    """JSON: the causes that people were notified of, and how often each came and went."""
    policy_path: Mapped[str | None]
    """The policy of its first run, or of the first run after it was forgotten."""
    policy_sha256: Mapped[str | None]
    """SHA-256 of that policy in the last run."""


class Shown(Base):
    """A release that was verified at a target, with one row for each epoch. A number that a person accepts
    begins a new epoch, and only releases of the same epoch are compared."""

    __tablename__ = "shown"
    __table_args__ = (UniqueConstraint("claim_id", "epoch", "release_id"),)
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("targets.id"))
    epoch: Mapped[int]
    release_id: Mapped[int] = mapped_column(ForeignKey("releases.id"))
    seen_ms: Mapped[int]


class Accepted(Base):
    """A number from which the releases of a target are compared: who accepted it, when, and why."""

    __tablename__ = "accepted"
    __table_args__ = (UniqueConstraint("claim_id", "epoch"),)
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("targets.id"))
    epoch: Mapped[int]
    """Counts from 1; 0 is before the first."""
    ledger: Mapped[str]
    number: Mapped[int]
    who: Mapped[str]
    reason: Mapped[str]
    at_ms: Mapped[int]


class Trust(Base):
    """Trust material as it was used: TUF versions, log keys, policy digest. One row for each change."""

    __tablename__ = "trust"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    document: Mapped[str]
    seen_ms: Mapped[int]


class Run(Base):
    """One re-verification. `seq` and `chain` are given when it ends; `state` is running, finished or
    interrupted."""

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
        Index("ix_runs_claim_seq", "claim_id", "seq"),
        Index("ix_runs_verdict", "verdict"),
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("targets.id"))
    slot_ms: Mapped[int]
    """The due time of this run. At most one finished run has it."""
    worker: Mapped[str]
    state: Mapped[str]
    started_ms: Mapped[int]
    ended_ms: Mapped[int | None]
    verdict: Mapped[str | None]
    release_id: Mapped[int | None] = mapped_column(ForeignKey("releases.id"))
    trust_id: Mapped[int | None] = mapped_column(ForeignKey("trust.id"))
    duration_ms: Mapped[int | None]
    requests: Mapped[int | None]
    facts: Mapped[str | None]
    notes: Mapped[str | None]
    seq: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    chain: Mapped[bytes | None]
    decided: Mapped[str | None]
    """JSON: the decision of a finished run, and its rule (`decision.py`)."""


class CheckRow(Base):
    """One named check of a run."""

    __tablename__ = "checks"
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str]
    state: Mapped[str]
    detail: Mapped[str]
    meaning: Mapped[str]
    clause: Mapped[str]
    demotes: Mapped[str | None]


class Checkpoint(Base):
    """A signed checkpoint, one row per origin, size and root, with the raw note."""

    __tablename__ = "checkpoints"
    __table_args__ = (UniqueConstraint("origin", "size", "root"),)
    seq: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=False)
    origin: Mapped[str]
    log_key: Mapped[str]
    size: Mapped[int]
    root: Mapped[str]
    note: Mapped[bytes]
    source: Mapped[str]
    seen_ms: Mapped[int]
    chain: Mapped[bytes]


class Sighting(Base):
    """When a checkpoint was last served. Working state; the first time is in its own row."""

    __tablename__ = "sightings"
    seq: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=False)
    last_ms: Mapped[int]


class Surplus(Base):
    """How many unproven heads of a log were served and not kept. Working state."""

    __tablename__ = "surplus"
    origin: Mapped[str] = mapped_column(Text, primary_key=True)
    log_key: Mapped[str] = mapped_column(Text, primary_key=True)
    heads: Mapped[int]


class Proof(Base):
    """A consistency proof between two stored checkpoints, hashes concatenated."""

    __tablename__ = "proofs"
    __table_args__ = (
        UniqueConstraint("origin", "old_size", "old_root", "new_size", "new_root"),
        Index("ix_proofs_new", "origin", "new_size"),
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    origin: Mapped[str]
    old_size: Mapped[int]
    old_root: Mapped[str]
    new_size: Mapped[int]
    new_root: Mapped[str]
    hashes: Mapped[bytes]
    seen_ms: Mapped[int]


class EvidenceRow(Base):
    """A document of misbehaviour, kept for ever."""

    __tablename__ = "evidence"
    seq: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=False)
    kind: Mapped[str]
    origin: Mapped[str] = mapped_column(Text, index=True)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    document: Mapped[bytes]
    found_ms: Mapped[int]
    chain: Mapped[bytes]


class Prune(Base):
    """A retention run: runs up to `through` may be removed; `resume` is the chain value they end in."""

    __tablename__ = "prunes"
    seq: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=False)
    through: Mapped[int]
    resume: Mapped[bytes]
    counts: Mapped[str]
    """JSON: the sums over the removed runs, so that counters never run backwards."""
    pruned_ms: Mapped[int]
    chain: Mapped[bytes]


class Journal(Base):
    """Chained copies of the rows of tables without a chain: see `audit_log.py`."""

    __tablename__ = "journal"
    seq: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=False)
    kind: Mapped[str]
    """The table; `claims` for `targets`."""
    row_id: Mapped[int]
    value: Mapped[str]
    """JSON: the row's values."""
    at_ms: Mapped[int]
    chain: Mapped[bytes]


class Notification(Base):
    """A message to people. Its text holds `uid`, so that a repeated delivery can be recognised."""

    __tablename__ = "notifications"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    uid: Mapped[str] = mapped_column(Text, unique=True)
    claim_id: Mapped[int | None] = mapped_column(ForeignKey("targets.id"))
    verdict: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]
    created_ms: Mapped[int]


class Delivery(Base):
    """The outbox: one row per notification and receiver. `receiver` is a digest, the URL holds secrets."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("notification_id", "receiver"),
        Index("ix_deliveries_state_next", "state", "next_ms"),
    )
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    notification_id: Mapped[int] = mapped_column(ForeignKey("notifications.id"))
    receiver: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(Integer)
    next_ms: Mapped[int]
    sent_ms: Mapped[int | None]
    error: Mapped[str]
