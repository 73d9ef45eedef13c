# SPDX-License-Identifier: Apache-2.0
"""The results of questions to a log: checks, and the documents that are kept for years.

Each function of `anchor.monitor` that asks a log returns one of these. The cycle adds them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anchor.errors import AnchorError
from anchor.merkle.hashing import EMPTY_ROOT
from anchor.monitor.interfaces import LogLocation, LogMemory
from anchor.monitor.run_record import TWO_HISTORIES, ConsistencyProof, Evidence, NameScan, SignedCheckpoint
from anchor.tlog import evidence as evidences
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.follow import Followed, News, Path
from anchor.tlog.keys import VerifierKey
from anchor.verdict import Check, contradiction

CLAUSE = "FORMAT.md section 14; C2SP tlog-checkpoint"


@dataclass(frozen=True, kw_only=True)
class LogResult:
    """The checks of one question to a log, and the documents that they leave."""

    checks: tuple[Check, ...] = ()
    heads: tuple[SignedCheckpoint, ...] = ()
    """Checkpoints whose signature was verified."""
    proofs: tuple[ConsistencyProof, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    scans: tuple[NameScan, ...] = ()
    services: tuple[str, ...] = ()
    """Services that could not be reached, or that serve an old head."""

    def __add__(self, other: "LogResult") -> "LogResult":
        """Both results. A tree or a proof that both have is there once."""
        return LogResult(
            checks=(*self.checks, *other.checks),
            heads=distinct_heads((*self.heads, *other.heads)),
            proofs=tuple(dict.fromkeys((*self.proofs, *other.proofs))),
            evidence=tuple(dict.fromkeys((*self.evidence, *other.evidence))),
            scans=(*self.scans, *other.scans),
            services=tuple(dict.fromkeys((*self.services, *other.services))),
        )


@dataclass(frozen=True, kw_only=True)
class ProvenEntry:
    """An entry that was proven under a head. The facts of a run keep it."""

    origin: str
    index: int
    body: str
    """SHA-256 of the entry's bytes, hex."""
    size: int
    """Of the head's tree."""
    root: str
    """Of the head's tree, hex."""

    def fact(self) -> dict[str, object]:
        """The entry as the facts of a run have it."""
        return {
            "origin": self.origin,
            "index": self.index,
            "body": self.body,
            "size": self.size,
            "root": self.root,
        }


@dataclass(frozen=True, kw_only=True)
class EntryFinding:
    """The result of one entry of a release."""

    result: LogResult
    """Belongs to this release."""
    for_all: LogResult = LogResult()
    """Belongs to every release in this log too: a contradiction that the log signed."""
    entry: ProvenEntry | None = None
    """The entry, where it was read from the tiles of the log and proven under its head."""
    bundle: int | None = None
    """The entry bundle that was asked for."""


def only_checks(*checks: Check, service: str = "") -> LogResult:
    """A result without documents. `service`: what could not be reached, or serves an old head."""
    return LogResult(checks=checks, services=(service,) if service else ())


def preserved(memory: LogMemory, heads: Sequence[SignedCheckpoint], evidence: Sequence[Evidence]) -> str:
    """Keep evidence at once, whatever becomes of the run. Returns a remark where that was not possible."""
    try:
        memory.preserve(heads, evidence)
    except AnchorError as e:
        return f" (not yet kept: {e})"
    return ""


def preserve_contradiction(
    memory: LogMemory, location: LogLocation, name: str, found: Followed, known: LogResult
) -> LogResult:
    """The check of two checkpoints that contradict each other. The evidence is kept before anything else.

    `known` is what was found about this log so far, with both checkpoints.
    """
    assert found.evidence is not None
    evidence = Evidence(kind=TWO_HISTORIES, origin=location.tree, document=found.evidence)
    remark = preserved(memory, known.heads, (*known.evidence, evidence))
    return LogResult(checks=(equivocation(name, found.detail + remark),), evidence=(evidence,))


def equivocation(name: str, detail: str) -> Check:
    """The check of a log that signed two histories."""
    meaning = "the log signed two histories; a stranger can check it with anchor verify-evidence"
    return contradiction(name, detail, meaning=meaning, clause=CLAUSE)


def evidence_kept(name: str, evidence: Evidence, sentence: str) -> Check:
    """The log's own check, from the run on in which the evidence was found."""
    return equivocation(name, f"evidence {evidence.digest[:16]} is kept: {sentence}")


def known_contradiction(name: str, key: VerifierKey, kept: Iterable[Evidence]) -> Check | None:
    """The check of a log against which there is evidence: a contradiction that was shown once stays shown,
    whatever the log serves today. `kept`: the evidence about the origin of the log."""
    for one in kept:
        if one.kind != TWO_HISTORIES:
            continue  # it is about a ledger of this name
        shown = evidences.check(one.document)
        if shown.key == key:  # else it is about another log that had this origin
            return evidence_kept(name, one, shown.sentence)
    return None


def distinct_heads(heads: Sequence[SignedCheckpoint]) -> tuple[SignedCheckpoint, ...]:
    """The first checkpoint of each tree."""
    distinct: dict[tuple[str, str, int, bytes], SignedCheckpoint] = {}
    for head in heads:
        distinct.setdefault((head.log_key, head.origin, head.size, head.root), head)
    return tuple(distinct.values())


def heads_of(location: LogLocation, *heads: Checkpoint, source: str = "") -> LogResult:
    """Verified checkpoints of a log, to be kept. `source`: who served them, where it is not the log."""
    return LogResult(heads=tuple(location.signed(head, source or location.name) for head in heads))


def proofs_of(found: Followed) -> LogResult:
    """The proofs of a followed head, to be kept."""
    proofs = [_consistency(path) for path in found.paths]
    if found.news is News.FIRST and found.reader is not None and found.head.size:
        proofs.append(_rebuilt(found.head))
    return LogResult(proofs=tuple(dict.fromkeys(proofs)))


def _consistency(path: Path) -> ConsistencyProof:
    """A proven path between two verified checkpoints."""
    old, new = path.older, path.newer
    return ConsistencyProof(
        origin=new.origin,
        old_size=old.size,
        old_root=old.root,
        new_size=new.size,
        new_root=new.root,
        hashes=path.nodes,
    )


def _rebuilt(head: Checkpoint) -> ConsistencyProof:
    """The tree of a first head was rebuilt from its tiles: a proof from the empty tree needs no hashes."""
    return ConsistencyProof(
        origin=head.origin,
        old_size=0,
        old_root=EMPTY_ROOT,
        new_size=head.size,
        new_root=head.root,
        hashes=(),
    )
