# SPDX-License-Identifier: Apache-2.0
"""The releases of a ledger from the newest back to number 1, and the verdict about all of them.

Each statement names the SHA-256 of the one before. So a signed statement binds every earlier one, and each
release is verified by itself as well. FORMAT.md sections 6, 11 and 14. Nothing here reads a file.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from anchor.errors import AnchorError, Refused
from anchor.format.ledger_status import names_two
from anchor.format.statement import LedgerName, Previous
from anchor.verdict import Check, Class, Verdict, contradiction, failed, judge, passed, worst
from anchor.verify import status_checks, steps
from anchor.verify.anchors import time_text
from anchor.verify.independence import at_latest
from anchor.verify.release import ReleaseResult
from anchor.verify.status_checks import SHOWN, Shown, StatusResult
from anchor.words import several

FORMAT = "FORMAT.md section 6"
MEANING = "what was published is not one line of releases, each of which continues the one before"
ORDER = (
    "which no rule forbids: an old release may get an anchor later, and you see only the logs that you trust"
)


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One release of a chain: its name and digest, and what its verification came to.

    `number`, `version` and `statement` (SHA-256, hex) are as the release after it names them. Those of the
    newest release are its own.
    """

    number: int
    version: str
    statement: str
    location: str
    """The path or URL of the release.json that names this statement; "" if there is none."""
    check: Check
    """The result in one line. Its class is `verdict`."""
    verdict: Class
    time: str = ""
    """The time at which it was signed at the latest, RFC 3339 UTC, as the sentence of `anchor verify` has it;
    "" unless the release is bound to an accepted signer."""
    signers: tuple[tuple[str, str], ...] = ()
    """Pairs of identity and issuer of the anchors that count."""
    size: int = 0
    """The number of facts; 0 unless the release is bound."""
    root: str = ""
    """Of the tree (hex); "" unless the release is bound."""
    withdrawn: str = ""
    """The line of an accepted status that withdraws this earlier release; "" if none does."""

    @property
    def named(self) -> Previous:
        return Previous(number=self.number, version=self.version, statement=self.statement)


def link(
    named: Previous, location: str, result: ReleaseResult, *, status: StatusResult | None = None
) -> Link:
    """A release of the chain that was verified.

    `status`: the accepted one beside the newest release, given for an earlier release. An earlier release
    that is withdrawn demotes no chain: what replaced it stands further up.
    """
    found = conclusion(named, result.verdict)
    if not result.bound or result.release is None:
        return broken(named, found, location=location)
    counted = [anchor for anchor in result.anchors if anchor.counts]
    gone = status_checks.withdrawn(status, Shown.of(result.statement)) if status else None
    withdrawn = gone.detail if gone is not None and gone.demotes else ""
    return Link(
        number=named.number,
        version=named.version,
        statement=named.statement,
        location=location,
        check=found,
        verdict=worst([result.verdict.verdict, *([Class.WITHDRAWN] if withdrawn else [])]),
        withdrawn=withdrawn,
        time=at_latest((time_text(anchor.report), anchor.own_word) for anchor in counted),
        signers=tuple(sorted({(a.report.identity, a.report.issuer) for a in counted})),
        size=result.release.tree.size,
        root=result.release.tree.root,
    )


def broken(named: Previous, check: Check, *, location: str = "") -> Link:
    """A release of the chain that is not bound: only its name is known."""
    return Link(
        number=named.number,
        version=named.version,
        statement=named.statement,
        location=location,
        check=check,
        verdict=check.demotes or Class.OK,
    )


def check_of(named: Previous, error: AnchorError) -> Check:
    """The check of a release that an error ended."""
    refused = isinstance(error, Refused)
    return failed(
        f"release {named.number}", error, meaning=MEANING if refused else "", clause=FORMAT if refused else ""
    )


def conclusion(named: Previous, verdict: Verdict) -> Check:
    """One check for all checks of a release."""
    name = f"release {named.number}"
    bad = verdict.decided
    if bad is None:
        return passed(name, f"version {named.version} verifies, by {several(len(verdict.checks), 'check')}")
    return Check(
        name=name,
        state=bad.state,
        detail=f"version {named.version}: {bad.name}: {bad.detail}",
        meaning=bad.meaning,
        clause=bad.clause,
        demotes=bad.demotes,
    )


def check_named(child: LedgerName, named: Previous, found: LedgerName, digest: str) -> None:
    """Return if the release that was found is the one that its child names as the one before.

    `digest`: SHA-256 (hex) of the statement that was found. Raises `Refused`, with what was said and found.
    """
    said = f"release {child.number} (version {child.version}) names"
    remedy = "ask the publisher which is right; keep both"
    if (found.name, found.number, found.version) != (child.name, named.number, named.version):
        what = "another ledger" if found.name != child.name else "another number or version"
        problem = (
            f"{what}: {said} release {named.number}, version {named.version}, of {child.name!r}, and this is "
            f"release {found.number}, version {found.version}, of {found.name!r}"
        )
        raise Refused(problem, remedy=remedy)
    if digest != named.statement:
        raise Refused(f"another statement: {said} {named.statement}, and this one is {digest}", remedy=remedy)


def check_version(named: Previous, seen: Mapping[str, int]) -> None:
    """Raise `Refused` if a later release of the chain has this version in whatever case. `seen`: numbers by
    version in lower case."""
    if named.version.lower() in seen:
        later = seen[named.version.lower()]
        raise Refused(twice(named.version, named.number, later), remedy="ask the publisher which is right")


def twice(version: str, one: int, two: int) -> str:
    """The problem of two numbers of a ledger that have one version."""
    early, late = sorted((one, two))
    return f"releases {early} and {late} have one version, {version}: versions of a ledger are unique"


def check_chain(links: Sequence[Link]) -> Check:
    """The check of the chain as a whole: every release back to number 1 was found."""
    found = [one.number for one in links if one.location]
    if found and found[-1] == 1:
        count = "1 release" if len(found) == 1 else f"{len(found)} releases, each names the one before"
        return passed("chain", f"{count}, back to number 1")
    read = f"{_from_to(links[0].number, found[-1])} found, " if found else ""
    rest = _from_to(found[-1] - 1 if found else links[0].number, 1)
    reason = links[-1].check.demotes or Class.UNAVAILABLE
    return Check(
        name="chain",
        state="unknown",
        detail=f"{read}{rest} not examined",
        meaning="the facts and signers of what stands further back are not known",
        clause=FORMAT,
        demotes=reason if reason is not Class.EQUIVOCATION else Class.UNAVAILABLE,
    )


def _from_to(high: int, low: int) -> str:
    return f"release {high} was" if high == low else f"releases {high} to {low} were"


def conclude(
    target: str, links: Sequence[Link], *, checks: Sequence[Check] = (), notes: Sequence[str] = ()
) -> Verdict:
    """The verdict about a chain, newest release first. `checks`: further ones, such as a contradiction.

    If there is no link, they say why.
    """
    found = [*(one.check for one in links), *([check_chain(links)] if links else []), *checks]
    bound = [one for one in links if one.time]
    return Verdict(
        kind="chain",
        target=target,
        verdict=judge(found),
        checks=tuple(found),
        facts={"releases": [_facts(one) for one in links]} if bound else {},
        notes=(*_remarks(bound), *_withdrawn(links), *notes),
    )


def _withdrawn(links: Sequence[Link]) -> list[str]:
    found = [f"release {one.number}: {one.withdrawn}" for one in links if one.withdrawn]
    more = [f"withdrawn too: {several(len(found) - SHOWN, 'more release')}"] if len(found) > SHOWN else []
    return [*found[:SHOWN], *more]


def check_status(status: StatusResult, links: Sequence[Link]) -> list[Check]:
    """The check of an accepted status that names another statement of a number than the chain has."""
    assert status.status is not None
    problem = names_two({one.number: one.statement for one in links}, status.status)
    step = steps.STATUS_FOLLOWS
    meaning = status_checks.CONTRADICTED
    return [contradiction(step.name, problem, meaning=meaning, clause=step.clause)] if problem else []


def _facts(one: Link) -> dict[str, Any]:
    """The values of a release. Its name and digest are bound by the release after it."""
    found: dict[str, Any] = {"number": one.number, "version": one.version, "statement": one.statement}
    found |= {"verdict": one.verdict, "location": one.location}
    if one.time:
        signers = [{"identity": identity, "issuer": issuer} for identity, issuer in one.signers]
        found |= {"time": one.time, "signers": signers, "size": one.size, "root": one.root}
        found |= {"withdrawn": one.withdrawn} if one.withdrawn else {}
    return found


def _remarks(links: Sequence[Link]) -> list[str]:
    """Remarks about neighbours that are both bound: times out of order, and other signers."""
    found = []
    for later, earlier in itertools.pairwise(links):
        if later.number != earlier.number + 1:
            continue
        if later.time < earlier.time:
            found.append(
                f"release {later.number} was signed at {later.time}, before release {earlier.number} "
                f"({earlier.time}), {ORDER}"
            )
        if later.signers != earlier.signers:
            old, new = (" and ".join(i for i, _ in one.signers) for one in (earlier, later))
            line = f"another signer from release {later.number} on: {new}, before it {old}"
            found.append(f"{line}; your policy accepts both")
    return found
