# SPDX-License-Identifier: Apache-2.0
"""Never two statements of one release: the list of what this home signed is read before anything is sent.

A statement binds from the moment at which a log may have it, whatever happens to the folder in which it was
published. Two signed statements of one ledger and number contradict each other for ever, and so do two
releases of one version. Anybody who has both can prove it.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from anchor import limits
from anchor.disk import files
from anchor.embedded.instance import FOLDER as INSTANCE
from anchor.embedded.instance import Instance
from anchor.encoding import to_base64
from anchor.errors import AnchorError, Misuse
from anchor.format import ledger_status as statuses
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.release import Release
from anchor.format.statement import LedgerName, Statement
from anchor.log_kinds import EMBEDDED, rekor_v2
from anchor.publish import interrupted, release_secrets
from anchor.publish.journal import ASIDE, Journal
from anchor.publish.plan import FOLDER
from anchor.publish.release_json import bundle_path
from anchor.publish.release_secrets import Draft
from anchor.publish.signing_history import Line, SignedStatements, Subject, line, subject_of
from anchor.sigstore.bundle import IN_TOTO, Envelope
from anchor.words import several

_WAYS = (
    "bring the newest state of the published folder here, and publish the next number; or publish the very "
    "bytes of that version, which gives the same release in another folder; or complete what was interrupted "
    "with --resume; or name a home of its own with --home, for a trial"
)


def binding(lines: Sequence[Line]) -> list[Line]:
    """The newest line of each statement that a log may have or that was published."""
    published = {one.statement: one for one in lines if one.step == "published"}
    return list({**{one.statement: one for one in _sent(lines)}, **published}.values())


def _binding_in(home: Path) -> list[Line]:
    """The lines that bind a home once `drop_unsent` has run there. A dry run writes no line."""
    lines = SignedStatements(home).lines()
    return binding([*lines, *_unsent(home, lines)])


def _sent(lines: Sequence[Line]) -> list[Line]:
    """The newest line for each log that may have a statement that no release names."""
    published = {one.statement for one in lines if one.step == "published"}
    newest = {(one.statement, one.log): one for one in lines if one.statement not in published}
    return [one for one in newest.values() if one.step == "sending"]


def check(home: Path, statement: Statement, digest: str) -> None:
    """Raise `Misuse` where this home signed another statement of this number or version, or published
    another one as the release before. `digest`: SHA-256 of the statement's bytes, hex."""
    ledger, before = statement.ledger, statement.previous
    lines = _binding_in(home)
    known = [one for one in lines if one.ledger == ledger.name and one.of_release]
    for one in known:
        if one.statement == digest or not _contradicts(one, ledger):
            continue
        same = "number" if one.number == ledger.number else "version"
        raise Misuse(
            f"this home signed another statement of {_described(one)} at {one.at}; a second one of the same "
            f"{same} contradicts it for ever",
            where=str(SignedStatements(home).path),
            remedy=_WAYS,
        )
    of_before = [o for o in known if before and o.step == "published" and o.number == before.number]
    if before and of_before and before.statement not in {one.statement for one in of_before}:
        raise Misuse(
            f"the release before in this folder ({before.version}, number {before.number}) is not the one "
            f"that this home signed: {_described(of_before[0])}",
            where=str(SignedStatements(home).path),
            remedy="get the newest state of the published folder; or name a home of its own with --home",
        )


def keep_secret(home: Path, draft: Draft, say: Callable[[str], None]) -> None:
    """Keep the secret of a statement that is about to be signed, and remove those of drafts that never were.

    Needs `interrupted.locked`: no other process signs one of them meanwhile.
    """
    bound = {one.statement for one in SignedStatements(home).lines()}
    begun = {one.statement for one in interrupted.interrupted(home)}
    place = release_secrets.keep(home, draft)
    drafts = release_secrets.drafts(home, draft.ledger)
    bound |= {d.statement for d in drafts if d.statement[:32] in begun}
    release_secrets.drop_others(home, draft, bound=bound)
    say(f"secret     {place}: keep a copy, since nobody can open a fact without it")


def check_status(home: Path, data: bytes) -> None:
    """Raise `Misuse` where this home signed another status of this sequence, or a later one."""
    subject, digest = subject_of(data), _digest(data)
    for one in _binding_in(home):
        if one.ledger != subject.ledger.name or not one.status or one.statement == digest:
            continue
        if one.status >= subject.status:
            raise Misuse(
                f"this home signed {_described(one)} at {one.at}, and this is {subject}: another one "
                "contradicts it for ever",
                where=str(SignedStatements(home).path),
                remedy="get the newest state of the published folder; complete what was interrupted with "
                "'anchor renew'; or give that up with --abandon",
            )


def check_status_in_place(home: Path, data: bytes) -> None:
    """Raise `Misuse` if the status in a folder is another one of its sequence than this home signed."""
    subject, digest = subject_of(data), _digest(data)
    for one in binding(SignedStatements(home).lines()):
        same = one.status and (one.ledger, one.status) == (subject.ledger.name, subject.status)
        if same and one.statement != digest:
            raise Misuse(
                f"the status in this folder is not the one that this home signed: {_described(one)}",
                where=str(SignedStatements(home).path),
                remedy="get the newest state of the published folder",
            )


def check_known(home: Path, statement: Statement) -> None:
    """Raise `Misuse` if a new release would not commit to the newest status that this home published."""
    known = statement.status.sequence if statement.status else 0
    for one in SignedStatements(home).lines():
        if one.step == "published" and one.ledger == statement.ledger.name and (one.status or 0) > known:
            raise Misuse(
                f"this home published {_described(one)}, and the folder has "
                f"{f'status {known}' if known else 'no status'}",
                where=str(SignedStatements(home).path),
                remedy="get the newest state of the published folder",
            )


def _contradicts(one: Line, ledger: LedgerName) -> bool:
    """True if a release of this ledger name, number or version contradicts the one of the line."""
    return (
        one.ledger == ledger.name
        and one.of_release
        and (one.number == ledger.number or one.version.lower() == ledger.version.lower())
    )


def _described(one: Line) -> str:
    done = f"sent to {one.log}" if one.step == "sending" else "published"
    where = f" in {one.root}" if one.root else ""
    return f"{one.subject}, {done}{where}"


def newest(home: Path) -> datetime | None:
    """The time of the newest line about something that a log may have; aware."""
    return max((datetime.fromisoformat(o.at) for o in binding(SignedStatements(home).lines())), default=None)


def restore(home: Path, root: Path, name: str) -> None:
    """Complete the list of a home from its own evidence: the statements that it kept, its journals, and the
    published releases that are in the home's own log.

    Raises `Misuse` if there is no list, and the log has entries that none of these explains. The list was
    lost then, and a release could be signed twice. The caller holds the home.
    """
    signed = SignedStatements(home)
    fresh, now = not signed.exists(), datetime.now(UTC)
    known = {one.statement for one in signed.lines()}
    kept, begun = signed.statements(), _journals(home)
    there = [(r, data) for r, data in _released(root, name) if fresh or _digest(data) not in known]
    logged = _logged(home) if fresh or there else {}
    found = {_digest(data): line("published", subject_of(data), _digest(data), now=now) for data in kept}
    for one, data in begun:
        if one.subject and one.step != "signed" and not one.abandoned:
            found.setdefault(_digest(data), line("sending", one.subject, _digest(data), now=now, log=one.log))
    for release, data in there:
        public = not all(EMBEDDED.has_origin(a.log.origin) for a in release.anchors)
        if _entry_digest(data) in logged or (fresh and public):
            digest = _digest(data)
            found[digest] = line("published", Subject(release.ledger), digest, now=now, root=str(root))
    said = _statuses(root, name) if fresh else []
    for data in said:
        if _entry_digest(data) in logged:
            found[_digest(data)] = line("published", subject_of(data), _digest(data), now=now, root=str(root))
    if fresh:
        explained = {_entry_digest(data) for data in (*kept, *said, *(d for _, d in (*begun, *there)))}
        _check_explained(signed, {d: i for d, i in logged.items() if d not in explained})
    signed.add(one for digest, one in found.items() if digest not in known)


def restore_heads(home: Path, heads: Sequence[bytes]) -> None:
    """Make the list of a home again from its own evidence, if it is lost, before a head is signed.

    `heads`: the statements of the heads that the records have. Raises as `restore`.
    """
    signed = SignedStatements(home)
    if signed.exists():
        return
    now, kept, begun, logged = datetime.now(UTC), signed.statements(), _journals(home), _logged(home)
    known = [*kept, *heads, *(data for _, data in begun)]
    explained = {_entry_digest(data) for data in known}
    _check_explained(signed, {d: i for d, i in logged.items() if d not in explained})
    ours = [*kept, *(data for data in heads if _entry_digest(data) in logged)]
    found = {_digest(data): line("published", subject_of(data), _digest(data), now=now) for data in ours}
    for one, data in begun:
        if one.subject and one.step != "signed" and not one.abandoned:
            found.setdefault(_digest(data), line("sending", one.subject, _digest(data), now=now, log=one.log))
    signed.add(found.values())


def _check_explained(signed: SignedStatements, unknown: Mapping[str, int]) -> None:
    if unknown:
        raise Misuse(
            f"the list of what this home signed is gone, and its log has {several(len(unknown), 'entry')} "
            f"(the first: {min(unknown.values())}) of which nothing here says what they are",
            where=str(signed.path),
            remedy="restore the file from a backup; without one, make an empty file there and publish a "
            "version again in each folder that this home publishes, before anything new",
        )


def _logged(home: Path) -> dict[str, int]:
    """The digests that the home's own log records (base64), each with the index of its first entry."""
    if not (home / INSTANCE / "instance.json").exists():
        return {}
    found: dict[str, int] = {}
    with contextlib.closing(Instance.open(home / INSTANCE, create=False)) as instance:
        for index, body in enumerate(instance.log.bodies()):
            found.setdefault(rekor_v2.entry_digest(body), index)
    return found


def _entry_digest(statement: bytes) -> str:
    """The digest that the log entry of a statement records, in the form of `_logged`."""
    envelope = Envelope(payload_type=IN_TOTO, payload=statement, signature=b"", keyid="")
    return to_base64(hashlib.sha256(envelope.pae()).digest())


def _digest(statement: bytes) -> str:
    return hashlib.sha256(statement).hexdigest()


def _ledger(statement: bytes) -> LedgerName:
    return statements.decode(statement).ledger


def _released(root: Path, name: str) -> list[tuple[Release, bytes]]:
    """The releases of this ledger in a folder, as their own release.json files say, with their statements."""
    found = []
    for path in sorted((root / FOLDER).glob("[!.]*/release.json")):
        with contextlib.suppress(AnchorError):  # a damaged one is refused where it is built upon
            one = release_file.load(files.read(path, limit=limits.RELEASE))
            data = files.read(files.inside(path.parent, one.statement.path), limit=limits.STATEMENT)
            if one.ledger.name == name and _ledger(data) == one.ledger:
                found.append((one, data))
    return found


def _statuses(root: Path, name: str) -> list[bytes]:
    """The statuses of this ledger in a folder."""
    found = []
    for path in sorted((root / statuses.FOLDER).glob(f"*/{statuses.FILE}")):
        with contextlib.suppress(AnchorError):
            data = files.read(path, limit=limits.STATEMENT)
            found += [data] if statuses.decode(data).ledger == name else []
    return found


def _journals(home: Path) -> list[tuple[interrupted.Interrupted, bytes]]:
    """Each interrupted publication of this home that can be read, with its statement."""
    found = []
    for one in interrupted.interrupted(home):
        with contextlib.suppress(AnchorError):
            if prepared := Journal(one.folder).signed():
                found.append((one, prepared.payload))
    return found


def sending(home: Path, subject: Subject, statement: str, log: str) -> None:
    """Note that this log may have the statement from now on; durable when this returns."""
    signed = SignedStatements(home)
    steps = [one for one in signed.lines() if (one.statement, one.log) == (statement, log)]
    if not steps or steps[-1].step != "sending":
        signed.add([line("sending", subject, statement, now=datetime.now(UTC), log=log)])


def drop_unsent(home: Path) -> None:
    """Note as unsent each statement whose journal says that nothing was sent, or that the log never takes it.
    A missing journal proves nothing."""
    signed = SignedStatements(home)
    signed.add(_unsent(home, signed.lines()))


def _unsent(home: Path, lines: Sequence[Line]) -> list[Line]:
    """The lines that `drop_unsent` adds."""
    gone = []
    for one in _sent(lines):
        journal = Journal(home / interrupted.FOLDER / one.statement[:32] / bundle_path(one.log))
        with contextlib.suppress(AnchorError):  # a damaged one may have been sent
            sent_before = any(journal.folder.parent.glob(f"*{ASIDE}{journal.folder.name}"))
            if sent_before or journal.sending() or journal.entry():
                continue
            if journal.signed():
                gone.append(_next(one, "unsent"))
    return gone


def abandon(home: Path, ledger: LedgerName, statement: str, say: Callable[[str], None]) -> None:
    """Give up every other statement (SHA-256, hex) of this number or version, except those that a release
    names. A published statement is never given up."""
    signed = SignedStatements(home)
    given_up = [
        one for one in _sent(signed.lines()) if one.statement != statement and _contradicts(one, ledger)
    ]
    for one in given_up:
        say(f"given up: {_described(one)}")
    signed.add(_next(one, "abandoned") for one in given_up)


def published(home: Path, root: Path, statement: bytes) -> None:
    """Note that a release.json in this folder names the statement, and what it continues.

    A statement names the one before by its digest: no file of the folder can put another one into the list.
    """
    signed = SignedStatements(home)
    known = {one.statement for one in signed.lines() if (one.step, one.root) == ("published", str(root))}
    found, now, before = [], datetime.now(UTC), None
    digest, data = _digest(statement), statement
    while digest not in known:
        one = statements.decode(data)
        found.append(line("published", Subject(one.ledger), digest, now=now, root=str(root)))
        if one.previous is None or one.previous.statement in known:
            break
        before = before or {_digest(d): d for _, d in _released(root, one.ledger.name)}
        if one.previous.statement not in before:
            break  # it is not there any more, so its line cannot be made
        known, digest = known | {digest}, one.previous.statement
        data = before[digest]
    ours = binding(signed.lines())
    # a release of another home that was only verified here is not a statement of this home
    signed.add(
        o
        for o in reversed(found)
        if not any(b.statement != o.statement and _contradicts(b, o.subject.ledger) for b in ours)
    )


def settle_status(home: Path, root: Path, data: bytes, bundles: Iterable[str]) -> None:
    """Note that the status in place was published, if this home signed it, and remove the journals of its
    bundles (by file name): the program may have been killed right before."""
    digest = _digest(data)
    if any(one.statement == digest for one in binding(SignedStatements(home).lines())):
        published_status(home, root, data)
        for name in bundles:
            Journal(interrupted.journal_folder(home, data) / name).discard()


def published_status(home: Path, root: Path, data: bytes) -> None:
    """Note that the release.json in this folder names a status."""
    signed, digest = SignedStatements(home), _digest(data)
    if not any((o.statement, o.step, o.root) == (digest, "published", str(root)) for o in signed.lines()):
        now = datetime.now(UTC)
        signed.add([line("published", subject_of(data), digest, now=now, root=str(root))])


def _next(one: Line, step: str) -> Line:
    return line(step, one.subject, one.statement, now=datetime.now(UTC), log=one.log)  # type: ignore[arg-type]
