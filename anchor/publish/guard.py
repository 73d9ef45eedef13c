# SPDX-License-Identifier: Apache-2.0
"""Never two statements of one release: what this home signed before is asked before anything is sent.

A statement binds from the moment at which a log may have it, whatever becomes of the folder that it was
published in. Two signed statements of one ledger and number contradict each other for ever, and so do two
releases of one version: whoever has both can show it.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from anchor import naming
from anchor import release as release_file
from anchor import statement as statements
from anchor.edge import files
from anchor.edge.journal import Journal
from anchor.edge.signed import Line, SignedStatements, line
from anchor.embedded.instance import FOLDER as INSTANCE
from anchor.embedded.instance import Instance
from anchor.errors import AnchorError, Misuse
from anchor.publish import pending
from anchor.publish.documents import bundle_path
from anchor.publish.plan import FOLDER
from anchor.release import Release
from anchor.statement import LedgerName

_WAYS = (
    "publish the very bytes of that version: another folder then gets the same release; complete what was "
    "interrupted with --resume; or name a home of its own with --home, for a trial"
)


def binding(lines: Sequence[Line]) -> list[Line]:
    """The newest line of each statement that a log may have or that was published."""
    steps: dict[tuple[str, str], Line] = {}
    published: dict[str, Line] = {}
    for one in lines:
        if one.step == "published":
            published[one.statement] = one
        else:
            steps[one.statement, one.log] = one
    sending = {one.statement: one for one in steps.values() if one.step == "sending"}
    return list({**sending, **published}.values())


def check(home: Path, ledger: LedgerName, statement: str) -> None:
    """Raise `Misuse` where this home signed another statement (SHA-256, hex) of this number or version."""
    for one in binding(SignedStatements(home).lines()):
        if one.ledger != ledger.name or one.statement == statement:
            continue
        same = one.number == ledger.number
        if not same and one.version.lower() != ledger.version.lower():
            continue
        done = f"published in {one.root}" if one.step == "published" else f"sent to {one.log}"
        name = naming.shown(one.ledger)
        raise Misuse(
            f"this home signed another statement of {name} {one.version} (number {one.number}), {done} at "
            f"{one.at}; a second one of the same {'number' if same else 'version'} contradicts it for ever",
            where=str(SignedStatements(home).path),
            remedy=_WAYS,
        )


def begin(home: Path, root: Path, name: str) -> None:
    """Make the list of a home that has none, from its journals and from the folder that is published.

    Raises `Misuse` where the home's own log has entries of which neither says what they are: then the list
    was lost, and a release could be signed twice. The caller holds the home.
    """
    signed = SignedStatements(home)
    if signed.exists():
        return
    now, there = datetime.now(UTC), _released(root, name)
    _check_explained(home, there, where=signed.path)
    found = [line("published", one.ledger, one.statement.sha256, now=now, root=str(root)) for one in there]
    signed.add(found + _from_journals(home, now))


def _check_explained(home: Path, there: Sequence[Release], *, where: Path) -> None:
    """Each entry of the home's own log is of a release that is there or has a journal: one that is left over
    may be of a statement whose number would be signed again."""
    if not (home / INSTANCE / "instance.json").exists():
        return
    instance = Instance.open(home / INSTANCE, create=False)
    try:
        size, origin = instance.log.size(), instance.origin
    finally:
        instance.close()
    released = {a.log.index for r in there for a in r.anchors if a.log.origin == origin}
    digests = {r.statement.sha256[:32] for r in there}
    begun = [
        one
        for one in pending.interrupted(home)
        if one.log == origin and one.step != "signed" and one.statement not in digests
    ]
    if size > len(released) + len(begun):
        raise Misuse(
            f"the log of this home has {size} entries, {len(released)} of them are explained by the releases "
            f"in this folder and {len(begun)} by journals, and the list of what was signed is gone",
            where=str(where),
            remedy="restore the file from a backup; or, where this home published in other folders too (or "
            "others record in its log), make an empty file there and publish the newest version of each "
            "folder again, before anything new",
        )


def _released(root: Path, name: str) -> list[Release]:
    """The releases of this ledger in a folder, as their own release.json files say."""
    found = []
    for path in sorted((root / FOLDER).glob("[!.]*/release.json")):
        with contextlib.suppress(AnchorError):  # a damaged one is refused where it is built upon
            one = release_file.load(files.read(path, limit=release_file.MAX_RELEASE))
            if one.ledger.name == name:
                found.append(one)
    return found


def _from_journals(home: Path, now: datetime) -> list[Line]:
    found = []
    for one in pending.interrupted(home):
        prepared = None
        with contextlib.suppress(AnchorError):
            prepared = Journal(one.folder).signed()
        if prepared and one.ledger and one.step != "signed" and not one.abandoned:
            digest = hashlib.sha256(prepared.payload).hexdigest()
            found.append(line("sending", one.ledger, digest, now=now, log=one.log))
    return found


def sending(home: Path, ledger: LedgerName, statement: str, log: str) -> None:
    """Note that this log may have the statement from now on; durable when this returns."""
    signed = SignedStatements(home)
    steps = [one for one in signed.lines() if (one.statement, one.log) == (statement, log)]
    if not steps or steps[-1].step != "sending":
        signed.add([line("sending", ledger, statement, now=datetime.now(UTC), log=log)])


def settle(home: Path) -> None:
    """Let go of what is known never to have left: its journal says that nothing was sent, or that the log
    never takes it. A journal that is gone says nothing."""
    signed = SignedStatements(home)
    gone = []
    for one in binding(signed.lines()):
        if one.step != "sending":
            continue
        journal = Journal(home / pending.FOLDER / one.statement[:32] / bundle_path(one.log))
        with contextlib.suppress(AnchorError):  # a damaged one may have been sent
            if journal.signed() and journal.sending() is None and journal.entry() is None:
                gone.append(_next(one, "unsent"))
    signed.add(gone)


def abandon(home: Path, given_up: Sequence[pending.Interrupted]) -> None:
    """Note what whoever publishes gave up; what was published is never given up."""
    signed = SignedStatements(home)
    signed.add(
        _next(one, "abandoned")
        for one in binding(signed.lines())
        if one.step == "sending"
        and any((one.statement[:32], one.log) == (other.statement, other.log) for other in given_up)
    )


def published(home: Path, root: Path, statement: bytes) -> None:
    """Note that a release.json in this folder names the statement, and what it continues.

    A statement names the one before by its digest: no file of the folder can put another one into the list.
    """
    signed = SignedStatements(home)
    known = {one.statement for one in signed.lines() if (one.step, one.root) == ("published", str(root))}
    found, now, before = [], datetime.now(UTC), None
    digest, data = hashlib.sha256(statement).hexdigest(), statement
    while digest not in known:
        one = statements.decode(data)
        found.append(line("published", one.ledger, digest, now=now, root=str(root)))
        if one.previous is None or one.previous.statement in known:
            break
        before = _statements(root, one.ledger.name) if before is None else before
        if one.previous.statement not in before:
            break  # it is not there any more, so it cannot be told
        known, digest = known | {digest}, one.previous.statement
        data = before[digest]
    bound = {(one.ledger, one.number): one.statement for one in binding(signed.lines())}
    # another home's release that was only verified here is no statement of this one
    signed.add(o for o in reversed(found) if bound.get((o.ledger, o.number), o.statement) == o.statement)


def _statements(root: Path, name: str) -> dict[str, bytes]:
    """The statements of the releases in a folder, by their SHA-256."""
    found = {}
    for one in _released(root, name):
        with contextlib.suppress(AnchorError):
            path = files.inside(root / FOLDER / one.ledger.version, one.statement.path)
            data = files.read(path, limit=statements.MAX_STATEMENT)
            found[hashlib.sha256(data).hexdigest()] = data
    return found


def _next(one: Line, step: str) -> Line:
    ledger = LedgerName(name=one.ledger, number=one.number, version=one.version)
    return line(step, ledger, one.statement, now=datetime.now(UTC), log=one.log)  # type: ignore[arg-type]
