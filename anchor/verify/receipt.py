# SPDX-License-Identifier: Apache-2.0
"""Verification of a receipt. The steps, in this order; each is one check of the verdict:

1. receipt          the file is a receipt, and nothing else                       (FORMAT.md section 22)
2. one-statement    all its bundles have one payload
3. statement        which is a statement about a ledger, of version 1 or 2        (FORMAT.md section 6)
4. receipt-facts    fact, leaf and proof lead to the signed root                  (RFC 9162 section 2.1)
5. receipt-key      the signed index says the same about the key                  (FORMAT.md section 21)
6. anchor <log> ... each bundle, strictly (`verify.bundle`)
7. policy-...       ledger, number, signer, number of logs, age, as the verifier's policy demands

Nothing here reads a file, a socket or a clock. The verdict's facts hold only values that a passed check
bound. The bundles of many receipts of one release are verified once: the result is a value that the caller
passes on.
"""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from anchor.errors import AnchorError, Refused
from anchor.format import receipt as receipts
from anchor.format import statement as statements
from anchor.format.ledger_status import Fact
from anchor.format.receipt import Cells, JsonObject, Receipt
from anchor.format.statement import Statement
from anchor.merkle import leaf_hash, verify_multiproof
from anchor.sigstore import bundle as bundles
from anchor.sigstore.bundle import Bundle, Envelope
from anchor.verdict import UNASKED, Check, Class, Verdict, failed, judge, passed
from anchor.verify import anchors, certificate, receipt_key, steps
from anchor.verify.anchors import Trust
from anchor.verify.effort import Effort
from anchor.verify.independence import Counted, Independence
from anchor.verify.no_status import no_age
from anchor.verify.policy_checks import check_age, check_lasting
from anchor.verify.report import BundleReport
from anchor.verify.status_checks import Stapled, StatusResult, of_receipt, stapled
from anchor.verify.steps import Checks

NO_STATUS = "it is not known whether this was withdrawn since: the receipt has no status"
KEY_NOTE = (
    "the key is compared as exact bytes, and according to the publisher's index: that the index covers the "
    "ledger is known to whoever verified the whole release"
)


_GOOD = {None, Class.WITHDRAWN}
"""The demotions of a receipt whose facts are told."""


class BundleResult(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One bundle of a receipt, the `number`-th from 1, and its checks."""

    number: int
    own: tuple[Check, ...]
    """The checks of the bundle, in order, without what they are about."""
    bundle: BundleReport | None = None
    """Set if every strict check of the bundle passed under the verifier's own trust."""
    counts: bool = False
    """True if everything that the verifier demands holds."""
    foreign: bool = False
    """True if the policy's trusted roots do not name the log or the authority."""
    independence: Independence | None = None
    """How independent the log is; None if no bundle is set."""

    @functools.cached_property
    def checks(self) -> list[Check]:
        """The checks, each with what it is about: the log's origin once it is bound."""
        about = self.bundle.logs[0].origin if self.bundle else f"anchor {self.number}"
        return [msgspec.structs.replace(c, about=about) for c in self.own]

    @functools.cached_property
    def facts(self) -> dict[str, Any]:
        """The bound values, for the verdict; empty if there are none."""
        if self.bundle is None:
            return {}
        (log,) = self.bundle.logs
        return {
            "origin": log.origin,
            "index": log.public_index,
            "identity": self.bundle.identity,
            "issuer": self.bundle.issuer,
            "time": anchors.time_text(self.bundle),
            **anchors.weight_facts(self.independence),
        }


class Evidence(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The bundles of a release, verified once for any number of its receipts.

    It holds for the trust with which it was made. `now` of its making matters for cosignatures alone.
    """

    encoded: bytes
    """The JSON of the bundles."""
    trust: Trust | None
    checks: tuple[Check, ...]
    """The checks of the statement."""
    results: tuple[BundleResult, ...] = ()
    payload: bytes = b""
    """The exact bytes that all bundles sign; empty if they do not sign one statement."""
    statement: Statement | None = None
    status: Stapled | None = None
    """The status of the last receipt with one."""
    claims: tuple[str, ...] = ()
    """Notes about the release and its signers, if no policy says whose signature counts."""

    def is_of(self, bundles: Sequence[JsonObject], trust: Trust | None) -> bool:
        """True if these are the bundles and the trust that it was made of."""
        return trust is self.trust and msgspec.json.encode(bundles) == self.encoded

    @functools.cached_property
    def sha256(self) -> str:
        """The digest of the statement, in hex."""
        return sha256(self.payload).hexdigest()

    @functools.cached_property
    def signed(self) -> bool:
        """True if a bundle counts."""
        return any(result.counts for result in self.results)

    @functools.cached_property
    def bundle_checks(self) -> list[Check]:
        """The checks of all bundles, each with what it is about."""
        return [check for result in self.results for check in result.checks]

    @functools.cached_property
    def lasting(self) -> list[Check]:
        """The checks of the trust, and those of the policy that no time changes."""
        if self.trust is None or self.statement is None:
            return []
        ledger, policy = self.statement.ledger, self.trust.policy
        return [*self.trust.checks, *check_lasting(self.results, ledger, policy)]

    @functools.cached_property
    def sentences(self) -> list[str]:
        """How independent each log is whose bundle counts, without repeats."""
        counting = (r.independence for r in self.results if r.counts)
        return list(dict.fromkeys(found.sentence for found in counting if found))

    @functools.cached_property
    def places(self) -> dict[str, int]:
        """The place of each column of the ledger."""
        columns = self.statement.columns if self.statement is not None else ()
        return {name: place for place, name in enumerate(columns)}


class ReceiptResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of examining a receipt. `evidence` serves the next receipt of the same release."""

    verdict: Verdict
    receipt: Receipt | None = None
    evidence: Evidence | None = None


def verify_receipt(target: str, data: bytes, *, trust: Trust | None, now: datetime) -> Verdict:
    """The verdict of `examine_receipt`, which takes the same arguments."""
    return examine_receipt(target, data, trust=trust, now=now).verdict


def examine_receipt(
    target: str,
    data: bytes,
    *,
    trust: Trust | None,
    now: datetime,
    effort: Effort | None = None,
    evidence: Evidence | None = None,
) -> ReceiptResult:
    """Verify a receipt (`data`) that has its bundles.

    `trust`: None if no policy is given; then nobody is named whose signature counts, and the class is USAGE
    at best. `now` is aware. `effort`: the limit of work for the bundles. `evidence`: of an earlier receipt;
    it is used if the bundles and the trust are the same. Raises none of our errors: each becomes a check.
    """
    checks = Checks()
    receipt = checks.run(steps.RECEIPT, _load, data, target)
    if receipt is None:
        return ReceiptResult(verdict=_verdict(target, checks.checks, trust=trust))
    if evidence is None or not evidence.is_of(receipt.bundles, trust):
        evidence = verify_evidence(receipt.bundles, trust=trust, now=now, effort=effort)
    return _examined(target, receipt, evidence, checks, now, effort)


def examine_line(
    target: str, data: bytes, *, evidence: Evidence, now: datetime, effort: Effort | None = None
) -> ReceiptResult:
    """Verify a line of a file of receipts, whose bundles are in another file (section 22, rule 6).

    `evidence`: what `verify_evidence` makes of that file. `effort`: the limit of work for a stapled status.
    Raises none of our errors: each becomes a check.
    """
    checks = Checks()
    receipt = checks.run(steps.RECEIPT, _load_line, data, target)
    if receipt is None:
        return ReceiptResult(verdict=_verdict(target, checks.checks, trust=evidence.trust), evidence=evidence)
    return _examined(target, receipt, evidence, checks, now, effort)


def verify_evidence(
    listed: Sequence[JsonObject], *, trust: Trust | None, now: datetime, effort: Effort | None = None
) -> Evidence:
    """Verify the bundles of a release, as they stand in a receipt or in a file beside receipts.

    Raises none of our errors: each becomes a check.
    """
    encoded, found = [msgspec.json.encode(bundle) for bundle in listed], list[Bundle | AnchorError]()
    for number, data in enumerate(encoded, 1):
        try:
            found.append(bundles.parse(data))
        except AnchorError as e:
            found.append(e.at(f"bundle {number}"))
    checks = Checks()
    payload = checks.run(steps.ONE_STATEMENT, _one_payload, found) or b""
    statement = checks.run(steps.RECEIPT_STATEMENT, _read_statement, payload) if payload else None
    if statement is not None:
        checks.extend([passed(steps.READ_AS, line) for line in statement.read_as])
    effort, results = effort or Effort(), []
    for number, (data, bundle) in enumerate(zip(encoded, found, strict=True), 1):
        share = effort.share(len(listed) + 1 - number)
        results.append(_verify_bundle(number, data, bundle, payload, trust, now, share))
    return Evidence(
        encoded=msgspec.json.encode(listed),
        trust=trust,
        checks=tuple(checks.checks),
        results=tuple(results),
        payload=payload,
        statement=statement,
        claims=() if trust is not None or statement is None else tuple(_claims(statement, found)),
    )


def _claims(statement: Statement, found: Sequence[Bundle | AnchorError]) -> Iterator[str]:
    """A note about the release that the statement names, and one for each signer whom a certificate names."""
    ledger = statement.ledger
    yield f"of {ledger.name} {ledger.version} (release {ledger.number}): claimed, not verified"
    signers = dict[tuple[str, str], None]()
    for bundle in found:
        if isinstance(bundle, AnchorError) or bundle.certificate is None:
            continue
        with contextlib.suppress(AnchorError):  # under a policy, it is refused
            leaf = certificate.read(bundle.certificate)
            signers[leaf.identity, leaf.issuer] = None
    yield from (anchors.claim(*signer) for signer in signers)


def _load(data: bytes, target: str) -> tuple[str, Receipt]:
    receipt = receipts.load(data, where=target)
    return f"a receipt of {receipt.kind} with {_several(len(receipt.bundles), 'bundle')}", receipt


def _load_line(data: bytes, target: str) -> tuple[str, Receipt]:
    receipt = receipts.load_line(data, where=target)
    return f"a receipt of {receipt.kind}, whose bundles are in another file", receipt


def _several(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


# Steps one-statement and statement, and the bundles


def _one_payload(found: Sequence[Bundle | AnchorError]) -> tuple[str, bytes]:
    """The payload that all bundles have. A bundle that cannot be read says nothing about it."""
    payload: bytes | None = None
    for number, bundle in enumerate(found, 1):
        if isinstance(bundle, AnchorError):
            continue
        if not isinstance(bundle.content, Envelope):
            raise Refused("it signs a file, and no statement", where=f"bundle {number}")
        if payload is not None and bundle.content.payload != payload:
            raise Refused("it signs another statement than the first one", where=f"bundle {number}")
        payload = bundle.content.payload
    if payload is None:
        raise Refused("no bundle can be read", where="bundles")
    return f"all bundles have the payload with SHA-256 {sha256(payload).hexdigest()}", payload


def _read_statement(payload: bytes) -> tuple[str, Statement]:
    statement = statements.decode(payload)
    return f"a statement of version {statement.version} about a ledger, in its one form", statement


def _verify_bundle(
    number: int,
    data: bytes,
    bundle: Bundle | AnchorError,
    payload: bytes,
    trust: Trust | None,
    now: datetime,
    effort: Effort,
) -> BundleResult:
    """All checks of one bundle under the verifier's trust; without it, only whether it can be read."""
    if trust is None:
        failures = (failed(steps.FORMAT, bundle),) if isinstance(bundle, AnchorError) else ()
        return BundleResult(number=number, own=failures)
    given = data if isinstance(bundle, AnchorError) else bundle
    result, checks = examine_bundle(number, given, trust=trust, now=now, effort=effort), Checks(effort)
    if result.bundle is None:
        return result
    signed = checks.run(steps.RECEIPT_ANCHOR, _check_anchored, result.bundle, payload)
    return counted(result, checks, signed=signed is not None, trust=trust, now=now, effort=effort)


def examine_bundle(
    number: int, bundle: bytes | Bundle, *, trust: Trust, now: datetime, effort: Effort
) -> BundleResult:
    """All strict checks of one bundle under the verifier's trust. It counts once its statement is checked."""
    report, _ = trust.verify(bundle, now=now, effort=effort)
    if report.foreign:
        checks = Checks(effort)
        checks.skip(steps.ANCHOR_TRUSTED, "the policy's trusted roots do not name its log or authority")
        return BundleResult(number=number, own=tuple(checks.checks), foreign=True)
    return BundleResult(number=number, own=report.checks, bundle=report if report.ok else None)


def counted(
    result: BundleResult, checks: Checks, *, signed: bool, trust: Trust, now: datetime, effort: Effort
) -> BundleResult:
    """The result with the checks of its statement. If it signs that, it counts when it has the witnesses that
    the policy demands."""
    report = result.bundle if signed else None
    found = trust.count_cosignatures(checks, report, now=now, effort=effort) if report else Counted()
    return msgspec.structs.replace(
        result,
        own=(*result.own, *checks.checks),
        bundle=report,
        counts=report is not None and found.enough,
        independence=anchors.weigh(report, trust, found) if report else None,
    )


def _check_anchored(report: BundleReport, payload: bytes) -> str:
    log = anchors.check_anchored(report, payload)
    return f"the bundle signs the statement, and {log.origin} has it as entry {log.public_index}"


# The facts, and the verdict


def _examined(
    target: str, receipt: Receipt, evidence: Evidence, checks: Checks, now: datetime, effort: Effort | None
) -> ReceiptResult:
    """The result for a receipt whose bundles were verified."""
    statement = evidence.statement
    checks.extend(evidence.checks)
    leaves: list[tuple[int, bytes]] = []
    if receipt.release:
        checks.run(steps.ONE_STATEMENT, _check_release, receipt, evidence)
    if statement is not None:
        if receipt.kind != "absence":
            leaves = checks.run(steps.RECEIPT_FACTS, _check_facts, receipt, statement, evidence.places) or []
        if receipt.kind == "absence":
            checks.run(steps.RECEIPT_KEY, receipt_key.check_absence, receipt, statement)
        elif receipt.kind == "completeness" and leaves:
            checks.run(steps.RECEIPT_KEY, receipt_key.check_completeness, receipt, statement, leaves)
    checks.extend(evidence.bundle_checks)
    said: dict[str, Any] = {}
    if statement is not None:
        status, evidence = _status(receipt, evidence, leaves, now, effort)
        checks.extend(status.checks)
        said = status.facts
    verdict = _conclude(target, receipt, evidence, checks, leaves, said, now)
    return ReceiptResult(verdict=verdict, receipt=receipt, evidence=evidence)


def _check_release(receipt: Receipt, evidence: Evidence) -> str:
    if receipt.release != evidence.sha256:
        problem = f"a receipt of the statement {receipt.release}, and the bundles sign {evidence.sha256}"
        raise Refused(problem, where="receipt: release", remedy="give the bundles of its release")
    return "the receipt names the statement that the bundles sign"


def _check_facts(
    receipt: Receipt, statement: Statement, columns: dict[str, int]
) -> tuple[str, list[tuple[int, bytes]]]:
    """The index and the leaf hash of each fact. Raises `Refused` if they do not lead to the signed root."""
    tree, leaves = statement.tree, list[tuple[int, bytes]]()
    for i, proven in enumerate(receipt.facts):
        leaf = receipts.leaf_bytes(
            proven, columns=columns, encoding=statement.encoding, where=f"receipt: facts[{i}]"
        )
        leaves.append((proven.index, leaf_hash(leaf)))
    verify_multiproof(leaves, tree.size, receipt.proof, bytes.fromhex(tree.root))
    named = f"fact {leaves[0][0]}" if len(leaves) == 1 else f"{len(leaves)} facts"
    proof = f"a proof with {_several(len(receipt.proof), 'item')}"
    return f"{named} of {tree.size} and {proof} give root {tree.root}, as the statement says", leaves


def _status(
    receipt: Receipt,
    evidence: Evidence,
    leaves: Sequence[tuple[int, bytes]],
    now: datetime,
    effort: Effort | None,
) -> tuple[StatusResult, Evidence]:
    """The checks of the stapled status, about the facts whose proof was checked; and the evidence with it."""
    trust, held = evidence.trust, evidence.status
    if not receipt.status:
        return StatusResult(checks=tuple(no_age(trust.policy) if trust else ())), evidence
    bundles = tuple(msgspec.json.encode(bundle) for bundle in receipt.status)
    if held is None or held.bundles != bundles:
        held = stapled(
            bundles, evidence.payload, trust=trust, signed=evidence.signed, now=now, effort=effort or Effort()
        )
        if held.lasts:
            evidence = msgspec.structs.replace(evidence, status=held)
    facts = [Fact(index=index, leaf=leaf.hex()) for index, leaf in leaves]
    return of_receipt(held, facts, trust=trust, now=now), evidence


def _conclude(
    target: str,
    receipt: Receipt,
    evidence: Evidence,
    checks: Checks,
    leaves: Sequence[tuple[int, bytes]],
    said: dict[str, Any],
    now: datetime,
) -> Verdict:
    """The verdict after all checks but those of the policy. `said`: the facts of the stapled status."""
    trust, statement = evidence.trust, evidence.statement
    if trust is None:
        checks.skip(steps.POLICY, UNASKED, demotes=Class.USAGE)
    elif statement is not None:
        checks.extend([*evidence.lasting, *check_age(evidence.results, trust.policy, now)])
    if statement is None or not {c.demotes for c in checks.checks} <= _GOOD:
        unasked = all(c.demotes is None or c.name == steps.POLICY.name for c in checks.checks)
        return _verdict(target, checks.checks, trust=trust, notes=evidence.claims if unasked else ())
    notes = [NO_STATUS] if not said else []
    notes += [KEY_NOTE] if receipt.index is not None else []
    notes += evidence.sentences
    facts = {
        "kind": receipt.kind,
        "ledger": statement.ledger.name,
        "number": statement.ledger.number,
        "version": statement.ledger.version,
        "root": statement.tree.root,
        "size": statement.tree.size,
        "statement": evidence.sha256,
        "facts": _shown(receipt, leaves, evidence.places),
        "anchors": [r.facts for r in evidence.results if r.counts],
        **said,
    }
    if receipt.index is not None:
        facts["key"] = dict(zip(receipt.index.columns, receipt.index.key, strict=True))
    return _verdict(target, checks.checks, trust=trust, facts=facts, notes=notes)


def _shown(
    receipt: Receipt, leaves: Sequence[tuple[int, bytes]], columns: dict[str, int]
) -> list[dict[str, Any]]:
    """The facts of a receipt, each with its columns in the order of the ledger.

    A fact of a confidential ledger has the columns that are shown, and the names of those that are `hidden`.
    """
    found: list[dict[str, Any]] = []
    for proven, (index, leaf) in zip(receipt.facts, leaves, strict=True):
        fact = proven.fact
        if isinstance(fact, Cells):
            cells = dict(zip(columns, fact.cells, strict=True))
            shown = {name: cell.value for name, cell in cells.items() if cell.shown}
            hidden = {"hidden": [name for name, cell in cells.items() if not cell.shown]}
        else:
            shown = {name: fact[name] for name in sorted(fact, key=columns.__getitem__)}
            hidden = {}
        found.append({"index": index, "leaf": leaf.hex(), "fact": shown, **hidden})
    return found


def _verdict(
    target: str,
    checks: Sequence[Check],
    *,
    trust: Trust | None,
    facts: dict[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Verdict:
    return Verdict(
        kind="receipt",
        target=target,
        verdict=judge(checks),
        checks=tuple(checks),
        facts=facts or {},
        notes=(*(trust.remarks if trust is not None else ()), *notes),
    )
