# SPDX-License-Identifier: Apache-2.0
"""`anchor compare`: checkpoints of strangers beside the records, the evidence and the logs of a verifier."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anchor import log_kinds
from anchor.app import evidence_files, given_heads, records
from anchor.app.given_heads import GivenHead
from anchor.app.log_locations import LogLocations, RunBudget
from anchor.disk import files
from anchor.errors import AnchorError, Misuse, Refused, Unavailable, Unsupported
from anchor.monitor import strangers
from anchor.monitor.interfaces import LogLocation
from anchor.monitor.log_client import RequestCounter
from anchor.monitor.log_result import known_contradiction, only_checks
from anchor.monitor.run_record import TWO_HISTORIES, Evidence, SignedCheckpoint
from anchor.monitor.strangers import Compared, Known, Stranger
from anchor.net import release_files
from anchor.net.log_sources import FolderCache, FolderSource, HttpSource
from anchor.records import followed_logs
from anchor.records.database import Database
from anchor.records.state import HeldState
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import evidence as evidences
from anchor.tlog import witness_policy
from anchor.tlog.checkpoint import Checkpoint, Log, log_of
from anchor.tlog.keys import VerifierKey, parse_vkey
from anchor.tlog.source import Missing, Source
from anchor.verdict import Check, Verdict, failed, judge
from anchor.verify.anchors import Trust
from anchor.verify.independence import Independence, operator_of_key
from anchor.words import several

BUDGET = 60.0
"""Seconds for everything that is fetched."""

_LARGEST = (1 << 63) - 1
_NOT_COMPARED = "it is no checkpoint of a log that you know: it is not compared"
_CLAUSE = "C2SP tlog-checkpoint"


@dataclass(frozen=True, kw_only=True)
class Options:
    """The words of the command line. `places`: URLs and folders of logs, besides those of the policy."""

    trust: Trust | None
    keys: tuple[VerifierKey, ...]
    base: Path
    """The folder of relative paths in the policy."""
    places: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    """URL prefixes of witnesses, which are asked for the newest head of each known log."""
    home: Path
    database: str | None = None
    offline: bool = False
    keep: bool = False
    """Give the records the heads that nobody could prove, so that each re-verification tries them again."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The verdict, and the evidence that it is about, oldest first."""

    verdict: Verdict
    evidence: tuple[Evidence, ...] = ()
    heads: tuple[SignedCheckpoint, ...] = ()
    """The checkpoints that the evidence has, and with `keep` those that nobody could prove."""


@dataclass(frozen=True, kw_only=True)
class _Verified:
    """A stranger's checkpoint under the key of a log that we know."""

    log: Log
    stranger: Stranger
    release: str
    facts: dict[str, Any]

    @property
    def tree(self) -> tuple[str, str]:
        """The identity of the log in the records: its key, and the origin of the checkpoint."""
        return self.log.key.vkey, self.stranger.head.origin


def _remarks(options: Options) -> tuple[str, ...]:
    return options.trust.remarks if options.trust is not None else ()


def compare(names: Sequence[str], options: Options, budget: RunBudget) -> Comparison:
    """Compare the checkpoints in these files and URLs. Raises for what cannot be read at all."""
    distinct = list(dict.fromkeys(names))
    given: list[GivenHead | Check] = [*given_heads.read(distinct, budget, offline=options.offline)]
    given += _of_witnesses(options, budget)
    if not given:
        raise Misuse("no checkpoint is named", remedy="name a file, a URL, or - for standard input")
    verified: list[_Verified] = []
    refused: list[Check] = []
    for one in given:
        if isinstance(one, Check):
            refused.append(one)
            continue
        try:
            verified.append(_verify(one, options))
        except AnchorError as e:
            refused.append(failed(f"checkpoint {one.name}", e, meaning=_NOT_COMPARED, clause=_CLAUSE))
    with ExitStack() as stack:
        database = _opened(options, stack)
        found = [*_by_log(verified, options, budget, database)]
    checks = [*refused, *(c for one in found for c in one.result.checks)]
    relations = {title: word for one in found for title, word in one.relations.items()}
    facts = [{**one.facts, "relation": relations[one.stranger.title]} for one in verified]
    heads = tuple(h for one in found for h in _to_keep(one, options))
    return Comparison(
        verdict=Verdict(
            kind="checkpoints",
            target=", ".join(names) or ", ".join(options.witnesses),
            verdict=judge(checks),
            checks=tuple(checks),
            facts={"checkpoints": facts},
            notes=(*_remarks(options), *(() if database is not None else (f"no records in {options.home}",))),
        ),
        evidence=tuple(dict.fromkeys(e for one in found for e in one.result.evidence)),
        heads=heads,
    )


def _of_witnesses(options: Options, budget: RunBudget) -> Iterator[GivenHead | Check]:
    """The newest head of each known log as each witness has it (C2SP tlog-witness), or a check that failed.

    A witness that does not follow a log answers 404, which says nothing about the log.
    """
    origins = sorted({log.origin for log in _logs(options)})
    for prefix in options.witnesses:
        if options.offline:
            raise Misuse("a URL cannot be read offline", where=prefix, remedy="leave --witness out")
        missing = 0
        for origin in origins:
            place = f"{prefix.rstrip('/')}/{hashlib.sha256(origin.encode()).hexdigest()}"
            name = f"of {origin} at {prefix}"
            try:
                note = HttpSource(place, budget=budget, service="witness").checkpoint()
                if (shown := checkpoints.parse(note).origin) != origin:
                    raise Refused(f"the witness gave a head of {shown!r}", where=place)
                yield GivenHead(name=name, note=note)
            except Missing:
                missing += 1
            except AnchorError as e:
                yield failed(f"checkpoint {name}", e, meaning=_NOT_COMPARED, clause=_CLAUSE)
        if missing == len(origins):
            remedy = "check the prefix; it ends before the hash of the origin"
            error = Unavailable(
                f"it has no head of the {several(missing, 'known log')}", where=prefix, remedy=remedy
            )
            yield failed(f"checkpoint of any log at {prefix}", error)


def _logs(options: Options) -> list[Log]:
    """The logs that the options know, under the names that they have by default."""
    found = [Log(key.name, key) for key in options.keys]
    for key in options.trust.root.tlogs if options.trust else ():
        for name in sorted(key.names):
            found.append(log_kinds.of_origin(name).log(name, key.key.spki, hash_name=key.key.scheme.hash))
    return found


def _verify(given: GivenHead, options: Options) -> _Verified:
    """The checkpoint under the key of a known log. Raises Refused where no known log signed it."""
    parsed = checkpoints.parse(given.note)
    signed = {(s.name, s.key_id) for s in parsed.note.signatures}
    fitting = [log for log in _candidates(parsed, options) if (log.key.name, log.key.key_id) in signed]
    if not fitting:
        claimed = ", ".join(f"{s.name} ({s.key_id.hex()})" for s in parsed.note.signatures[:3])
        raise Refused(
            f"of {parsed.origin!r}, and no log that you know signed it; it claims {claimed}",
            remedy="name the log's key with --vkey, or a policy whose trusted root has the log",
        )
    log = fitting[0]
    policy = options.trust.witnesses_of(parsed.origin) if options.trust else None
    head = checkpoints.check(parsed, log, cosigners=policy.cosigners if policy else ())
    facts: dict[str, Any] = {"name": given.name, "origin": head.origin, "size": head.size}
    facts |= {"root": head.root.hex()}
    words = ""
    if policy is not None and any(named.key == log.key for named in policy.known_logs):
        own = {log.key.public_key}
        quorum = witness_policy.evaluate(policy, head.note, now=int(time.time()), log_keys=own)
        public = options.trust.public_logs if options.trust else ()
        operator = operator_of_key(head.origin, log.key.public_key, public)
        found = Independence(origin=head.origin, operator=operator, quorum=quorum)
        words, facts = found.words, {**facts, "independence": found.facts()}
    stranger = Stranger(
        name=given.name, head=head, place=given.place, witnesses=words, document=given.document
    )
    return _Verified(log=log, stranger=stranger, release=given.release, facts=facts)


def _candidates(parsed: Checkpoint, options: Options) -> Iterator[Log]:
    """The known logs that can have a checkpoint of this origin."""
    for key in options.keys:
        if (log := log_of(parsed.origin, key)) is not None:
            yield log
    kind = log_kinds.of_origin(parsed.origin)
    for named in options.trust.root.tlogs if options.trust else ():
        try:
            log = kind.log_of(named, parsed.origin, parsed.origin)
        except (Refused, Unsupported):
            continue
        if log.owns(parsed.origin):
            yield log


def _opened(options: Options, stack: ExitStack) -> Database | None:
    """The records, to be read; None if there are no records in the home."""
    if not records.exist(options.home, options.database):
        return None
    return stack.enter_context(records.opened(options.home, options.database, create=False))


def _by_log(
    verified: Sequence[_Verified], options: Options, budget: RunBudget, database: Database | None
) -> Iterator[Compared]:
    """The comparison of each log, in the order in which the logs are named."""
    places = [(name, _place(name, options, budget)) for name in options.places]
    requests = RequestCounter()
    state = HeldState(database, now=time.time()) if database is not None else None
    in_files = [*_kept_files(options.home)] if verified else []
    for tree in dict.fromkeys(one.tree for one in verified):
        group = [one for one in verified if one.tree == tree]
        log, origin = group[0].log, group[0].stranger.head.origin
        releases = [one.release for one in group if one.release]
        try:
            location = _location(log, origin, places, _targets(database, tree, releases), options, budget)
            held, accused = _memory(state, tree, [one.stranger.head.size for one in group])
        except AnchorError as e:
            meaning = "what is held of the log cannot be believed"
            names = {one.stranger.title: "unknown" for one in group}
            yield Compared(result=only_checks(failed(f"log {origin}", e, meaning=meaning)), relations=names)
            continue
        compared = strangers.compare(location, [one.stranger for one in group], held, requests)
        evidence = [*accused, *(one for one in in_files if one.origin == origin)]
        known = known_contradiction(f"log {origin}", log.key, evidence)
        yield replace(compared, result=(only_checks(known) + compared.result) if known else compared.result)


def _place(name: str, options: Options, budget: RunBudget) -> Source:
    if not release_files.is_url(name):
        return FolderSource(Path(name))
    if options.offline:
        raise Misuse("a URL cannot be read offline", where=name, remedy="name a local copy")
    return HttpSource(name, budget=budget)


def _targets(database: Database | None, tree: tuple[str, str], releases: Sequence[str]) -> list[str]:
    """The releases beside which the files of an embedded log may lie."""
    found = list(releases)
    if database is not None:
        with database.read() as connection:
            found += [t for t, origin, _ in followed_logs.every(connection) if origin == tree[1]]
    return list(dict.fromkeys(found)) or [""]


def _location(
    log: Log,
    origin: str,
    places: Sequence[tuple[str, Source]],
    targets: Sequence[str],
    options: Options,
    budget: RunBudget,
) -> LogLocation:
    """Where the log is read: a place of `--log` with a head of it, else as the policy or a release says."""
    cache = FolderCache(options.home / "tiles", origin)
    error: AnchorError = Unavailable("nobody says where it is read", remedy="name its place with --log")
    for name, place in places:
        try:
            checkpoints.verify(place.checkpoint(), log)
            return LogLocation(log=log, name=name, reader=place, origin=origin, cache=cache)
        except AnchorError as e:
            error = e
    if options.trust is not None:
        locations = LogLocations(options.base, options.home / "tiles", budget, options.offline)
        for target in targets:
            try:
                found = locations.find(origin, target, options.trust, log)
            except Unavailable as e:
                error = e
                continue
            if found is not None:
                return found
    return LogLocation(log=log, name=origin, reader=_Nowhere(error), origin=origin, cache=cache)


@dataclass(frozen=True)
class _Nowhere:
    """A log that nobody says where to read. Each question is answered by the same error."""

    error: AnchorError

    def checkpoint(self) -> bytes:
        raise self._again()

    def tile(self, level: int, index: int, width: int) -> bytes:
        raise self._again()

    def entries(self, index: int, width: int) -> bytes:
        raise self._again()

    def _again(self) -> Unavailable:
        return Unavailable(self.error.problem, where=self.error.where, remedy=self.error.remedy)


def _memory(
    state: HeldState | None, tree: tuple[str, str], sizes: Sequence[int]
) -> tuple[list[Known], list[Evidence]]:
    """The checkpoints that the records hold of a log, verified again, and the evidence against it."""
    if state is None:
        return [], []
    key, origin = tree
    found: dict[tuple[int, bytes], tuple[SignedCheckpoint, bool]] = {}
    for size in dict.fromkeys([_LARGEST, *sizes]):
        for held in state.held(key, origin, size):
            one = held.checkpoint
            found.setdefault((one.size, one.root), (one, size == _LARGEST))
    known = []
    for one, proven in sorted(found.values(), key=lambda held: held[0].size):
        log = log_of(origin, parse_vkey(key))
        assert log is not None
        known.append(Known(head=checkpoints.verify(one.note, log), whose="held", proven=proven))
    return known, state.contradictions(origin)


def _kept_files(home: Path) -> Iterator[Evidence]:
    """The evidence against logs that is kept in the home. A file that shows nothing is not looked at."""
    for path in sorted((home / "evidence").glob("*.json")):
        try:
            data = files.read(path, limit=evidences.MAX_EVIDENCE)
            yield Evidence(kind=TWO_HISTORIES, origin=evidences.check(data).origin, document=data)
        except AnchorError:
            continue


def _to_keep(compared: Compared, options: Options) -> Iterator[SignedCheckpoint]:
    """The checkpoints for the records: those of evidence, and unproven ones if that is wanted."""
    unproven = {(c.size, c.root) for c in compared.unproven} if options.keep else set()
    for head in compared.result.heads:
        if compared.result.evidence or (head.size, head.root) in unproven:
            yield head


def remember(found: Comparison, options: Options, folder: Path) -> list[str]:
    """Write each piece of evidence into a folder, durably, and give it to the records. Returns the lines that
    say so. Raises the error of a file that could not be written, after all others were tried."""
    lines, errors = [], list[AnchorError]()
    for one in found.evidence:
        try:
            lines.append(evidence_files.put(one, folder))
        except AnchorError as e:
            errors.append(e)
    if found.heads or found.evidence:
        try:
            lines += _give_to_records(found, options)
        except AnchorError as e:
            errors.append(e)
    if errors and not lines:
        raise errors[0]
    return [*lines, *(f"not kept: {e}" for e in errors)]


def _give_to_records(found: Comparison, options: Options) -> list[str]:
    if not records.exist(options.home, options.database):
        return []
    with records.opened(options.home, options.database, create=True) as database:
        HeldState(database, now=time.time()).preserve(found.heads, found.evidence)
    kept = [f"{several(len(found.heads), 'checkpoint')}"] if found.heads else []
    kept += [f"{len(found.evidence)} pieces of evidence"] if found.evidence else []
    return [f"the records keep {' and '.join(kept)}: each re-verification looks at them"]
