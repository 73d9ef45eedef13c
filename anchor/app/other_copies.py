# SPDX-License-Identifier: Apache-2.0
"""Compares a chain with other releases of its ledger: beside it in the site, or in another copy of the site.

Two verified statements that say different things about one number contradict each other, wherever they were
found. FORMAT.md section 14.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from anchor.app import earlier_releases, status_commitments
from anchor.app.chain import Chain, Found, Step, observed, shows, whole
from anchor.errors import AnchorError, Missing, Pending, Refused, Unavailable, Unsupported
from anchor.format import release as release_file
from anchor.format.names import RELEASE
from anchor.monitor import conflicting_statements, conflicting_statuses, run_checks
from anchor.monitor.run_record import Evidence, ObservedRelease
from anchor.net import release_files
from anchor.net.budget import Budget
from anchor.verdict import Check, Class, Verdict, concluded, failed, refused
from anchor.verify import chain as chains
from anchor.verify.anchors import Trust
from anchor.verify.chain import Link

MOST = 10_000
"""Folders beside the chain that are looked at."""
_OLDER = "whoever serves it shows an older state than there is, and may hide what came after"


class Read(NamedTuple):
    """A chain that was read to its end, or as far as it could be."""

    verdict: Verdict
    links: tuple[Link, ...]
    evidence: tuple[Evidence, ...]


def read(
    target: str,
    against: Sequence[str],
    *,
    trust: Trust | None,
    budget: Budget,
    offline: bool,
    notes: Sequence[str] = (),
    progress: Callable[[int], object] = lambda _: None,
) -> Read:
    """The chain of a target, compared with what lies beside it and with other copies of the site.

    `notes`: further ones for the verdict. `progress` is called with the number of releases read so far.
    Raises the errors of loading the newest release.json of the target.
    """
    chain = Chain(target, trust=trust, budget=budget, offline=offline, keep=True)
    links, found = list[Link](), Found()
    for step in chain.steps():
        links.append(step.link)
        found = _joined(found, _conflict(step))
        progress(len(links))
    if not links or trust is None:
        checks = chain.head.checks if chain.head and not links else ()
        verdict = chains.conclude(target, links, checks=checks, notes=notes)
        return Read(verdict, tuple(links), ())
    for location in _beside(chain, links):
        if budget.left() <= 0:
            break
        found = _joined(found, _compare_one(chain, links, location, trust))
    for other in against:
        found = _joined(found, _compare_copy(chain, links, other, trust, offline=offline))
    found = _joined(_about_status(chain, links, trust), found)
    found = _joined(found, status_commitments.compare(chain, trust, newest=links[0].number))
    verdict = chains.conclude(
        target, links, checks=found.checks, notes=(*_first(chain), *found.notes, *notes)
    )
    return Read(verdict, tuple(links), found.evidence)


def _joined(one: Found, two: Found) -> Found:
    """Both, each contradiction once."""
    return Found(
        (*one.checks, *(c for c in two.checks if c not in one.checks)),
        (*one.evidence, *(e for e in two.evidence if e not in one.evidence)),
        (*one.notes, *two.notes),
    )


def _first(chain: Chain) -> tuple[str, ...]:
    """The notes of the newest release, such as that its log is embedded."""
    return chain.head.notes if chain.head else ()


def _about_status(chain: Chain, links: Sequence[Link], trust: Trust) -> Found:
    """The status compared with the whole chain, with evidence if it names another release than one of it."""
    said, unknown = chain.about_status(links)
    result, evidence = chain.status, tuple[Evidence, ...]()
    numbers = {one.number: one.statement for one in links}
    named = result.status.named() if result is not None and result.status is not None else ()
    other = next((number for number, digest in named if numbers.get(number, digest) != digest), 0)
    if result is not None and (release := chain.kept.get(other)) is not None:
        made = conflicting_statuses.build(
            release.ledger,
            (result.data, [one.data for one in result.bundles]),
            (release.statement, [one.bundle for one in release.anchors]),
        )
        with suppress(Refused, Unsupported):
            conflicting_statuses.check(made.document, trust, datetime.now(UTC))
            evidence = (made,)
    return Found(tuple(said), evidence, tuple(unknown))


def _conflict(step: Step) -> Found:
    return _contradiction(*step.conflict) if step.conflict else Found()


def _contradiction(one: ObservedRelease, two: ObservedRelease) -> Found:
    return Found((run_checks.conflict(one, two),), (conflicting_statements.build(one, two),))


def is_newest(target: str) -> bool:
    """True if the release.json is that of a site, which should name the newest release."""
    return len(earlier_releases.locations(whole(target), "1")) == 1


def _beside(chain: Chain, links: Sequence[Link]) -> Iterator[str]:
    """The release.json files in the site that the chain did not read. Of a URL only one can be known: that
    of the newest version."""
    newest, target = links[0], whole(chain.target)
    if is_newest(chain.target):
        yield earlier_releases.locations(target, newest.version)[0]
    if release_files.is_url(target):
        return
    read = {one.version for one in links}
    path = Path(target)
    around = path if path.is_dir() else path.parent
    folder = around / "release" if is_newest(chain.target) else around.parent
    with suppress(OSError):
        for count, one in enumerate(sorted(folder.iterdir())):
            if count >= MOST:
                return
            if one.name not in read and not one.name.startswith(".") and (one / RELEASE).is_file():
                yield str(one / RELEASE)


def _compare_one(chain: Chain, links: Sequence[Link], location: str, trust: Trust) -> Found:
    """One release.json that the chain did not read, compared with the release of its number in the chain."""
    try:
        data, files = release_files.load(location, chain.budget, offline=chain.offline)
        claimed = release_file.load(data)
    except (Missing, Unavailable):
        return Found(notes=(f"{location} is not there, so the site lacks a folder of its newest version",))
    except AnchorError as e:
        return Found(notes=(f"beside this chain, and not of it: {e.at(location)}",))
    same = next((one for one in links if one.number == claimed.ledger.number), None)
    if claimed.ledger.name != trust.policy.ledger or claimed.ledger.number < links[-1].number:
        return Found()  # of another ledger, or of the part of the chain that was not read
    if same is not None and same.statement == claimed.statement.sha256:
        return Found()
    result = chain.examine(location, data, files, chain.trust_earlier)
    other = observed(result)
    if other is None:
        why = f"not of this chain, and does not verify: {result.verdict.reason}"
        line = f"{location} is of release {claimed.ledger.number}, {why}"
        return Found(notes=(line,))
    if claimed.ledger.number > links[0].number:
        return _newer(chain, links[0], other, location)
    return _disagree(chain, same, other, trust)


def _newer(chain: Chain, newest: Link, other: ObservedRelease, location: str) -> Found:
    """A verified release with a higher number than the newest one of the chain."""
    line = f"{location} is release {other.number}, where {chain.target} names {newest.number}"
    if not is_newest(chain.target):
        return Found(notes=(line,))
    remedy = "get the newest state; a publisher completes an interrupted publication by the same command"
    detail = str(Unavailable(line, remedy=remedy))
    return Found((refused("number", detail, demotes=Class.UNAVAILABLE, meaning=_OLDER),))


def _disagree(chain: Chain, link: Link | None, other: ObservedRelease, trust: Trust) -> Found:
    """A verified release that has a number of the chain, and another statement."""
    ours = chain.kept.get(link.number) if link else None
    if ours is not None and shows(ours, other, trust):
        return _contradiction(ours, other)
    error = Pending(
        f"there is another release {other.number} ({other.digest}) than that of this chain, and no bundle of "
        "one of the two verifies here, so that the contradiction cannot be shown",
        remedy="keep both, and ask the publisher",
    )
    return Found((failed("number", error),))


def _compare_copy(chain: Chain, links: Sequence[Link], other: str, trust: Trust, *, offline: bool) -> Found:
    """The chain of another copy of the site, compared number by number, the lowest first."""
    theirs = Chain(other, trust=trust, budget=chain.budget, offline=offline, keep=True)
    try:
        read = [step.link for step in theirs.steps()]
    except AnchorError as e:
        return Found((failed(f"copy {other}", e),))
    verdict = chains.conclude(other, read, checks=theirs.head.checks if theirs.head and not read else ())
    found = Found((_about_copy(other, verdict, read),))
    if not read or not read[0].location:
        return found
    ours = {one.number: one for one in links}
    forked = [one for one in reversed(read) if one.number in ours and ours[one.number].named != one.named]
    if forked:
        return _joined(found, _fork(chain, theirs, [(ours[one.number], one) for one in forked], trust))
    if read[0].number > links[0].number and read[0].time:
        newest = theirs.kept.get(read[0].number)
        return _joined(found, _newer(chain, links[0], newest, other)) if newest else found
    return found


def _about_copy(other: str, verdict: Verdict, read: Sequence[Link]) -> Check:
    detail = f"releases {read[0].number} to {read[-1].number} there verify" if read else "nothing there"
    return concluded(f"copy {other}", verdict.reason if verdict.decided else detail, verdict.verdict)


def _fork(chain: Chain, theirs: Chain, pairs: Iterable[tuple[Link, Link]], trust: Trust) -> Found:
    """The contradiction at the lowest number at which both releases verify."""
    for ours, other in pairs:
        found = theirs.kept.get(other.number)
        if found is not None:
            shown = _disagree(chain, ours, found, trust)
            if shown.evidence:
                return shown
    line = "the two copies differ, and no bundle of one side verifies here"
    return Found((failed("number", Pending(line, remedy="keep both, and ask the publisher")),))
