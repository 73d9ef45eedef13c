# SPDX-License-Identifier: Apache-2.0
"""The checks of a proof of runs: who signed its heads, whether its events are theirs, and whether the heads
of several proofs are of one history.

Decides on lines, a time and the verifier's trust. A head counts only if a signer whom the policy accepts
signed it, in as many logs as the policy demands of a release. FORMAT.md sections 29.3 and 29.4.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import combinations
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from anchor.errors import AnchorError, Refused
from anchor.format import history_head, history_proof
from anchor.format.history_head import Head
from anchor.format.history_proof import Header, SignedHead
from anchor.sigstore import bundle as bundles
from anchor.sigstore.bundle import IN_TOTO
from anchor.verdict import UNASKED, Check, Class, contradiction, judge, passed, refused, skipped
from anchor.verify import certificate, steps
from anchor.verify.anchors import Trust
from anchor.verify.effort import Effort
from anchor.verify.history_runs import Runs, SeenRelease
from anchor.verify.independence import at_latest
from anchor.verify.policy_checks import SKEW, check_signed
from anchor.verify.receipt import BundleResult, counted, examine_bundle
from anchor.verify.report import BundleReport
from anchor.verify.steps import Checks
from anchor.words import several

_CLAIMS = UNASKED
_NOBODY = "nobody whom you trust vouches for this head of a history"
_FEWER = "fewer than you want vouch for this head of a history"
_GOOD = (Class.OK, Class.PENDING, Class.STALE)
"""The classes of the checks of a head with which its events are looked at."""
_SHOWN = 5
"""Ranges of withheld events that are named."""


class Read(NamedTuple):
    """The first line of a proof, read: what it names, before anything of it is verified."""

    header: Header
    head: Head
    before: Head | None


class SignedBy(msgspec.Struct, frozen=True, kw_only=True):
    """A head of a proof, and the bundles that the verifier's own trust verified."""

    head: Head
    data: bytes
    """The bytes of its statement."""
    results: tuple[BundleResult, ...] = ()

    @property
    def signers(self) -> frozenset[str]:
        """The identities of those who signed it."""
        return frozenset(r.bundle.identity for r in self.results if r.counts and r.bundle)

    def facts(self) -> dict[str, Any]:
        """The bound values, for the verdict."""
        counting = [r for r in self.results if r.counts]
        own = (r.independence is None or r.independence.own_word for r in counting)
        shown = [r.facts for r in counting]
        times = zip((one["time"] for one in shown), own, strict=True)
        return {
            "size": self.head.size,
            "root": self.head.root,
            "statement": hashlib.sha256(self.data).hexdigest(),
            "recorded_before": at_latest(times),
            "anchors": shown,
        }


class HistoryResult(msgspec.Struct, frozen=True, kw_only=True):
    """The checks of one proof."""

    checks: tuple[Check, ...]
    proof: Read | None = None
    runs: Runs | None = None
    """Set if its events are those of heads that count; without a policy, of those that it names."""
    heads: tuple[SignedBy, ...] = ()
    """The heads: the newest one, and the one before."""
    facts: dict[str, Any] = {}
    """The bound values, for the verdict, after `conclude`; without a policy, what is claimed."""
    roots: dict[int, str] = {}
    """By number of events: the roots that its events give, in hex, as far as they were asked for."""
    notes: tuple[str, ...] = ()


def read(line: bytes, checks: Checks, *, where: str) -> Read | None:
    """The first line of a proof, without its end; None if the check of it failed. `where`: its file."""
    return checks.run(steps.HISTORY_PROOF, _read, line, where)


def sizes(found: Iterable[Read]) -> frozenset[int]:
    """The numbers of events at which the heads of several proofs can be compared."""
    heads = [head for one in found for head in (one.head, one.before) if head is not None]
    return frozenset(n for head in heads for n in (head.size, head.previous.size if head.previous else 0))


def examine(
    proof: Read,
    lines: Iterable[bytes],
    *,
    trust: Trust | None,
    now: datetime,
    effort: Effort,
    wanted: Collection[int] = (),
) -> HistoryResult:
    """Verify a proof of runs: its heads, then its events, which come one at a time.

    `lines`: those after the first one, without their ends. `trust`: None if no policy is given; then the
    class is USAGE at best. `wanted`: the numbers of events whose roots are kept. Raises none of our errors:
    each becomes a check.
    """
    checks, heads = Checks(), list[SignedBy]()
    named = [proof.header.head]
    if proof.header.before is not UNSET:
        named.append(proof.header.before)
    for number, signed in enumerate(named):
        found, own = _head(signed, trust, now, effort.share(len(named) - number))
        checks.extend(own)
        heads.append(found)
    if judge(checks.checks) not in _GOOD and trust is not None:
        checks.skip(steps.HISTORY_EVENTS, "nothing of it is looked at: its heads do not count")
        return HistoryResult(checks=tuple(checks.checks))
    counted = checks.run(steps.HISTORY_EVENTS, _events, proof, lines, frozenset(wanted))
    if counted is None:
        return HistoryResult(checks=tuple(checks.checks))
    runs, roots = counted
    checks.extend(_pruned(runs))
    checks.extend(_previous(proof.head, roots))
    notes = [*_sentences(heads), *_clock(runs, heads)]
    if trust is None:
        checks.skip(steps.POLICY, _CLAIMS, demotes=Class.USAGE)
        notes += dict.fromkeys(line for signed in named for line in _claimed(signed))
    return HistoryResult(
        checks=tuple(checks.checks),
        proof=proof,
        runs=runs,
        heads=tuple(heads),
        roots=roots,
        notes=tuple(notes),
    )


def conclude(found: Sequence[HistoryResult], trust: Trust | None) -> list[HistoryResult]:
    """The results of all proofs with their facts, and with the checks that need the names of releases. A
    release that one proof names is known in all."""
    known: dict[str, SeenRelease] = {}
    for one in found:
        known |= one.runs.releases if one.runs is not None else {}
    return [_concluded(one, known, trust) for one in found]


def _concluded(one: HistoryResult, known: Mapping[str, SeenRelease], trust: Trust | None) -> HistoryResult:
    if one.runs is None or one.proof is None:
        return one
    own: list[Check] = []
    if trust is not None:
        own = [*trust.checks, _ledger(one.runs.ledgers(known), trust.policy.ledger)]
    facts = _facts(one.proof, one.runs, one.heads, known)
    return msgspec.structs.replace(one, checks=(*one.checks, *own), facts=facts)


def _read(line: bytes, where: str) -> tuple[str, Read]:
    header = history_proof.parse(line, where=where)
    head, before = history_proof.check_heads(header)
    what = "all events" if header.complete else several(len(header.events or ()), "single event")
    since = f" from event {header.start} on" if before is not None else ""
    line_ = f"{what}{since} under a head of {several(head.size, 'event')} of {head.origin}"
    return line_, Read(header, head, before)


# The heads


def _head(
    signed: SignedHead, trust: Trust | None, now: datetime, effort: Effort
) -> tuple[SignedBy, list[Check]]:
    """A head with its bundles that count, and all checks of them."""
    head, data = history_proof.head_of(signed, where="proof")
    if trust is None:
        return SignedBy(head=head, data=data), []
    results = []
    for number, bundle in enumerate(signed.bundles, 1):
        share = effort.share(len(signed.bundles) + 1 - number)
        encoded = msgspec.json.encode(bundle)
        result, checks = examine_bundle(number, encoded, trust=trust, now=now, effort=share), Checks(share)
        if result.bundle is not None:
            signs = checks.run(steps.HISTORY_SIGNED, _signs, result.bundle, data) is not None
            result = counted(result, checks, signed=signs, trust=trust, now=now, effort=share)
        results.append(result)
    about = f"head of {several(head.size, 'event')}"
    own = [c for r in results for c in r.own]
    enough = [_said_of_heads(c) for c in check_signed(results, trust.policy)]
    found = [msgspec.structs.replace(c, about=about) for c in (*own, *enough)]
    return SignedBy(head=head, data=data, results=tuple(results)), found


def _claimed(signed: SignedHead) -> Iterator[str]:
    """A note for each signer that a bundle claims. Nothing of it is verified."""
    for bundle in signed.bundles:
        with suppress(AnchorError):
            der = bundles.parse(msgspec.json.encode(bundle)).certificate
            if der is not None:
                leaf = certificate.read(der)
                yield f"signed by {leaf.identity} (issuer {leaf.issuer}): claimed, not verified"


def _said_of_heads(check: Check) -> Check:
    """The check with a meaning that speaks of heads, not of releases."""
    if not check.meaning:
        return check
    return msgspec.structs.replace(check, meaning=_NOBODY if check.demotes is Class.INVALID else _FEWER)


def _signs(report: BundleReport, statement: bytes) -> str:
    if (report.payload_type, report.payload) != (IN_TOTO, statement):
        raise Refused("the bundle signs another statement than that of the head", where="statement")
    if len(report.logs) != 1 or report.logs[0].checkpoint is None:
        raise Refused("the bundle does not have one log entry with a checkpoint and a proof")
    log = report.logs[0]
    return f"{report.identity} signed this head, and {log.origin} has it as entry {log.public_index}"


# The events


def _events(
    proof: Read, lines: Iterable[bytes], wanted: frozenset[int]
) -> tuple[str, tuple[Runs, dict[int, str]]]:
    runs, roots = Runs(), {proof.head.size: proof.head.root}
    if proof.before is not None:
        roots[proof.before.size] = proof.before.root
    for line in history_proof.events(proof.header, lines, sizes=wanted):
        runs.add(line)
        if line.root is not None:
            roots[line.leaf_index + 1] = line.root.hex()
    root = f"lead to root {proof.head.root} of {several(proof.head.size, 'event')}"
    if proof.header.complete:
        return f"{several(runs.events, 'event')}, all from event {proof.header.start} on, {root}", (
            runs,
            roots,
        )
    return f"{several(runs.events, 'event')} with their proofs {root}", (runs, roots)


def _pruned(runs: Runs) -> Iterator[Check]:
    """Events without a body: counted if an event names them, as the history must; else nobody knows."""
    number, unnamed = runs.pruned, runs.withheld
    if not unnamed:
        if number:
            line = f"{several(number, 'event')} without a body, each named as pruned by an event behind it"
            yield passed(steps.HISTORY_PRUNED, line)
        return
    many = sum(last - first + 1 for first, last in unnamed)
    shown = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in unnamed[:_SHOWN])
    shown += f" and {several(len(unnamed) - _SHOWN, 'range')} more" if len(unnamed) > _SHOWN else ""
    line = f"{several(many, 'event')} without a body, which no event under this head names as pruned: {shown}"
    yield refused(steps.HISTORY_PRUNED, line, demotes=Class.UNAVAILABLE)


def _previous(head: Head, roots: dict[int, str]) -> Iterator[Check]:
    """The head that a signed head names as the one before it is of the same history."""
    before = head.previous
    if before is None or before.size not in roots:
        return
    if roots[before.size] != before.root:
        line = (
            f"the head of {several(head.size, 'event')} names a head of {before.size} before it, and its own "
            "events give another root there"
        )
        yield contradiction(
            steps.HISTORY_ONE.name, line, meaning=steps.HISTORY_ONE.meaning, clause=steps.HISTORY_ONE.clause
        )


def _ledger(ledgers: set[str | None], wanted: str) -> Check:
    """The policy's ledger filters nothing: a history may be of several. It is compared where it is known."""
    known = {name for name in ledgers if name is not None}
    others = ", ".join(map(repr, sorted(known - {wanted})[:_SHOWN]))
    if wanted in known:
        line = f"runs are of {wanted!r}, which the policy names"
        return passed(steps.POLICY_LEDGER, f"{line}; others are of {others}" if others else line)
    if known and None not in ledgers:
        line = f"the runs are of {others}, and the policy is for {wanted!r}"
        return refused(steps.POLICY_LEDGER, line, demotes=Class.INVALID)
    return skipped(steps.POLICY_LEDGER, "no event here names the ledger, only the statements of its releases")


def _facts(
    proof: Read, runs: Runs, heads: Sequence[SignedBy], known: Mapping[str, SeenRelease]
) -> dict[str, Any]:
    head, *before = heads
    return {
        "origin": proof.head.origin,
        "complete": proof.header.complete,
        "start": proof.header.start if proof.header.complete else None,
        "events": runs.events,
        "head": head.facts(),
        "before": before[0].facts() if before else None,
        "runs": runs.facts(known),
        "pruned": runs.pruned,
        "withheld": sum(last - first + 1 for first, last in runs.withheld),
        "heads_between": runs.heads,
    }


def _sentences(heads: Sequence[SignedBy]) -> list[str]:
    """How independent each log is whose bundle counts, without repeats."""
    counting = (r.independence for head in heads for r in head.results if r.counts)
    return list(dict.fromkeys(found.sentence for found in counting if found))


def _clock(runs: Runs, heads: Sequence[SignedBy]) -> Iterator[str]:
    """An event is older than the head that has it; a clock that says otherwise is wrong."""
    said = heads[0].facts()["recorded_before"]
    if not said or not runs.newest:
        return
    try:
        late = datetime.fromisoformat(runs.newest) - datetime.fromisoformat(said) > SKEW
    except ValueError:  # a date that does not exist
        late = True
    if late:
        yield f"an event says that it was written down at {runs.newest}, and its head was recorded at {said}"


# Several proofs


def compare(found: Sequence[HistoryResult]) -> list[Check]:
    """The checks of the heads of all proofs beside each other. Two that contradict each other, and that one
    signer signed, are EQUIVOCATION."""
    heads = {head.data: head for one in found for head in one.heads if head.signers}
    roots: dict[tuple[str, str, int], dict[int, str]] = {}
    for one in found:
        for head in one.heads[:1]:
            roots.setdefault(_key(head.head), {}).update(one.roots)
    checks = []
    for one_, two in combinations(heads.values(), 2):
        if problem := _two(one_, two, roots):
            checks.append(_against(one_, two, problem))
    if not checks and len(heads) > 1:
        line = f"{several(len(heads), 'head')} that count do not contradict each other"
        checks.append(passed(steps.HISTORY_ONE, line))
    return checks


def _key(head: Head) -> tuple[str, str, int]:
    return head.origin, head.root, head.size


def _two(one: SignedBy, two: SignedBy, roots: dict[tuple[str, str, int], dict[int, str]]) -> str:
    """The sentence by which two heads contradict each other; empty if they do not."""
    if one.head.origin != two.head.origin:
        return ""
    smaller, larger = sorted((one.head, two.head), key=lambda head: head.size)
    there = roots.get(_key(larger), {}).get(smaller.size)
    if there is not None and there != smaller.root and smaller.size < larger.size:
        under = f"the events under the head of {larger.size}"
        return f"{under} of {larger.origin} give another root at {smaller.size} than was signed"
    return history_head.contradiction(one.data, two.data, grown=there == smaller.root)


def _against(one: SignedBy, two: SignedBy, problem: str) -> Check:
    step = steps.HISTORY_ONE
    both = sorted(one.signers & two.signers)
    if both:
        line = f"{problem}; {' and '.join(both)} signed both"
        return contradiction(step.name, line, meaning=step.meaning, clause=step.clause)
    first, other = (" and ".join(sorted(head.signers)) for head in (one, two))
    line = f"{problem}; {first} signed one, {other} the other"
    meaning = "one of these signers signed a head of a history that is not his"
    return refused(step, line, demotes=Class.FINDINGS, meaning=meaning)
