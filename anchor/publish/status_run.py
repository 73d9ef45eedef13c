# SPDX-License-Identifier: Apache-2.0
"""One status from the words of its publisher to its place: sign, record, verify from disk, commit.

It uses the stages of a release, and no other: the same locks, list, journals and rules about who signs. A
status that was sent is completed with the bytes that it had, whatever is asked for then.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from anchor.disk import files, lock
from anchor.errors import AnchorError, Misuse, Pending, Refused, Unavailable
from anchor.format import ledger_status as statuses
from anchor.format import release as release_file
from anchor.format.ledger_status import Entry, Status
from anchor.format.names import RELEASE
from anchor.format.release import MAX_BUNDLE, MAX_RELEASE, MAX_TRUSTED_ROOT, Release, StatusFiles
from anchor.format.statement import Previous
from anchor.publish import clock, install, interrupted, online, release_json, statement_guard
from anchor.publish.anchoring import Document
from anchor.publish.checks import Checks
from anchor.publish.instance import Instances, SigningInstance
from anchor.publish.online import Online
from anchor.publish.plan import FOLDER, Plan, check_links, plan
from anchor.publish.recording import Recording
from anchor.publish.release_json import Anchored
from anchor.publish.signing_history import SignedStatements, subject_of
from anchor.tlog.witness_answer import Asked
from anchor.verdict import Class, class_of, worst
from anchor.verify.status_checks import StatusResult


@dataclass(frozen=True, kw_only=True)
class StatusRequest:
    """The words of a publisher about the releases of a folder, and the folder and home.

    Without entries the status says the same again, and names the newest release.
    """

    root: Path
    home: Path
    entries: tuple[Entry, ...] = ()
    older_than: timedelta | None = None
    """Sign nothing if the status in place is younger, and says the same."""
    abandon: bool = False
    """Give up what cannot be completed any more."""
    online: Online | None = None
    """The site as people see it: nothing is signed if it is ahead of the folder."""


@dataclass(frozen=True, kw_only=True)
class PublishedStatus:
    """The status in place."""

    status: Status
    result: StatusResult
    new: bool
    """False when nothing was signed: the status in place says it, and is young enough."""
    asked: tuple[Asked, ...] = ()
    """The witnesses that were asked to cosign it in this run."""


def publish_status(
    request: StatusRequest, *, instances: Instances, checks: Checks, say: Callable[[str], None]
) -> PublishedStatus:
    """Sign and put in place the next status. Raises our errors; the folder never names half a status."""
    root = request.root
    check_links(root, statuses.FOLDER.rpartition("/")[2])
    with (
        lock.exclusive(root, doing="publishing"),
        interrupted.locked(request.home),
        install.cleaned(root),
    ):
        install.check_writable(root)
        newest = newest_release(root)
        planned = plan(root, name=newest.ledger.name, version=newest.ledger.version)
        if request.online is not None:
            say(online.check_status(request.online, planned))
        clock.check(datetime.now(UTC), signed_times(request.home, newest))
        statement_guard.restore(request.home, root, newest.ledger.name)
        statement_guard.drop_unsent(request.home)
        if planned.status is not None:
            statement_guard.settle_status(request.home, root, planned.status.data, planned.status.names)
        there = in_place(planned, newest, checks, request.home) if planned.status is not None else None
        data = _next(request, planned, newest, say)
        if data is None:
            say("the status in place says so already")
        if there is not None and (data is None or _is_young(request, there, data)):
            assert there.status is not None
            return PublishedStatus(status=there.status, result=there, new=False)
        assert data is not None
        statement_guard.check_status(request.home, data)
        with contextlib.ExitStack() as opened:
            reached, down = [], []
            for instance in instances.open(None):
                if isinstance(instance, Unavailable):
                    down.append(instance)
                    continue
                opened.callback(instance.close)
                instance.check_published(install.log_folder(root, instance.name))
                reached.append(instance)
            job = StatusJob(data, planned, newest, home=request.home, checks=checks, say=say)
            return job.run(reached, down, abandon=request.abandon)


def dry_run(request: StatusRequest, checks: Checks, say: Callable[[str], None]) -> bytes | None:
    """The bytes that would be signed, or completed; None if the status in place says it, and is young enough.

    Nothing is written or sent. Raises as `publish_status` does.
    """
    newest = newest_release(request.root)
    planned = plan(request.root, name=newest.ledger.name, version=newest.ledger.version)
    if request.online is not None:
        online.check_status(request.online, planned)
    there = in_place(planned, newest, checks, request.home) if planned.status is not None else None
    data = _next(request, planned, newest, say, remove=False)
    if data is None or (there is not None and _is_young(request, there, data)):
        return None
    statement_guard.check_status(request.home, data)
    return data


def newest_release(root: Path) -> Release:
    """The release that the root release.json names. Raises `Misuse` if nothing is published here."""
    path = root / RELEASE
    if not path.exists():
        raise Misuse(
            "nothing is published here", where=str(root), remedy="name the folder with the root release.json"
        )
    return release_file.load(files.read(path, limit=MAX_RELEASE))


def signed_times(home: Path, newest: Release) -> dict[str, datetime]:
    """The newest times that were signed before, by the home and by the folder."""
    found = {}
    if (listed := statement_guard.newest(home)) is not None:
        found[f"the list {SignedStatements(home).path}"] = listed
    times = [datetime.fromisoformat(a.time) for a in newest.anchors]
    of = f"the release {newest.ledger.version} (so says its release.json; anchor verify checks it)"
    return {**found, of: max(times)}


def _next(
    request: StatusRequest,
    planned: Plan,
    newest: Release,
    say: Callable[[str], None],
    *,
    remove: bool = True,
) -> bytes | None:
    """The bytes of the next status; None if the one in place says all that is wanted.

    `remove`: remove the journal of a status that is in place.
    """
    before = planned.status.data if planned.status else None
    sent = interrupted.status_in_the_way(request.home, newest.ledger.name, before, remove=remove)
    if sent is not None:
        return _completed(sent, request, before, say)
    return _composed(request, planned, newest)


def _composed(request: StatusRequest, planned: Plan, newest: Release) -> bytes | None:
    """The bytes of the next status as it is asked for; None if the one in place says all of it."""
    before = planned.status
    last = statuses.decode(before.data) if before else None
    wanted = [e for e in request.entries if last is None or not _says(last, e)]
    if request.entries and not wanted:
        return None
    for entry in wanted:
        _check_entry(entry, last)
    named = newest_of(newest)
    if before is None:
        return statuses.encode(statuses.first(newest.ledger.name, named, wanted))
    return statuses.encode(statuses.following(before.data, named, wanted))


def newest_of(release: Release) -> Previous:
    """The release as a status names it."""
    ledger = release.ledger
    return Previous(number=ledger.number, version=ledger.version, statement=release.statement.sha256)


def _completed(
    sent: bytes, request: StatusRequest, before: bytes | None, say: Callable[[str], None]
) -> bytes:
    """The bytes of a status that a log may have. Raises `Misuse` if something else was asked for."""
    status = statuses.decode(sent)
    if before is not None:
        statuses.check_following(before, sent)
    if any(not _says(status, entry) for entry in request.entries):
        raise Misuse(
            f"status {status.sequence} was interrupted, and says something else",
            where=str(request.home / interrupted.FOLDER),
            remedy="complete it with 'anchor renew', and run this command then",
        )
    say(f"status {status.sequence} was interrupted, and is completed first")
    return sent


def _says(status: Status, entry: Entry) -> bool:
    """True if the entry that counts about something is this one."""
    return status.counts(entry.number, entry.statement, entry.fact or None) == entry


def _check_entry(entry: Entry, last: Status | None) -> None:
    """Raise `Misuse` for a release or fact that is reinstated and was not withdrawn."""
    counts = last.counts(entry.number, entry.statement, entry.fact or None) if last else None
    if entry.kind == "reinstated" and (counts is None or counts.kind == "reinstated"):
        what = (
            f"fact {entry.fact.index} of release {entry.number}" if entry.fact else f"release {entry.number}"
        )
        raise Misuse(f"{what} was not withdrawn", where="--kind reinstated", remedy="nothing is signed")


def _is_young(request: StatusRequest, there: StatusResult, data: bytes) -> bool:
    """True if a renewal can wait: the status in place says the same, and is younger than was asked for."""
    last, following = there.status, statuses.decode(data)
    if request.older_than is None or request.entries or last is None or there.time is None:
        return False
    if (last.newest, last.withdrawn) != (following.newest, following.withdrawn):
        return False
    return datetime.now(UTC) - there.time < request.older_than


def in_place(planned: Plan, newest: Release, checks: Checks, home: Path) -> StatusResult:
    """The status that the folder names, verified before anything is built upon it.

    Its signers are those of the release that it knew as the newest, or of the newest one: another signer may
    have taken the ledger over since. Raises `Refused` if it does not verify, `Misuse` if this home signed
    another one of its sequence.
    """
    assert planned.status is not None
    statement_guard.check_status_in_place(home, planned.status.data)
    bundles = [
        files.read(files.inside(planned.root, b.path), limit=MAX_BUNDLE) for b in planned.status.files.bundles
    ]
    releases, roots = [newest], release_roots(planned.root, newest)
    folder = planned.root / FOLDER / statuses.decode(planned.status.data).newest.version
    if (folder / RELEASE).is_file():
        known = release_file.load(files.read(folder / RELEASE, limit=MAX_RELEASE))
        releases, roots = [newest, known], [*roots, *release_roots(folder, known)]
    result = checks.status_in_place(planned.status.data, bundles, releases=releases, roots=roots)
    if result.status is None:
        raise Refused(
            f"the status in place does not verify: {_reason(result)}",
            where=planned.status.files.statement.path,
            remedy="nothing was signed: get the newest state of the published folder",
        )
    return result


def release_roots(root: Path, release: Release) -> list[bytes]:
    """The copies of trusted roots (JSON) of a release, whose release.json lies in this folder."""
    return [files.read(files.inside(root, b.path), limit=MAX_TRUSTED_ROOT) for b in release.trusted_roots]


class StatusJob:
    """The stages after the bytes of a status are known."""

    def __init__(
        self,
        data: bytes,
        planned: Plan,
        newest: Release,
        *,
        home: Path,
        checks: Checks,
        say: Callable[[str], None],
    ) -> None:
        self._data = data
        self._plan = planned
        self._newest = newest
        self._home = home
        self._checks = checks
        self._say = say
        self._status = statuses.decode(data)

    def run(
        self, instances: Sequence[SigningInstance], down: Sequence[Unavailable], *, abandon: bool
    ) -> PublishedStatus:
        """Record the status in each log, verify it, and put it in place."""
        recording = Recording(
            document=Document(
                data=self._data,
                subject=subject_of(self._data),
                plan=self._plan,
            ),
            home=self._home,
            checks=self._checks,
            say=self._say,
            abandon=abandon,
        )
        old = recording.kept(frozenset())
        there = {a.path for a in old}
        named = {release_json.bundle_path(i.name): i for i in instances}
        wanted = {path: i for path, i in named.items() if path not in there}
        recording.ask([*wanted.values()])
        anchored, errors = recording.anchor(wanted, down, others=bool(old))
        if not old and not anchored:
            raise next(e for e in errors if class_of(e) is worst(map(class_of, errors)))
        bundles = sorted([*old, *anchored], key=lambda a: a.path)
        result = self._verified(bundles, errors)
        recording.keep(bundles)
        self._put(bundles, instances)
        self._remember(recording, bundles)
        for error in errors:
            self._say(f"note: {error}")
        asked = tuple(asked for one in anchored for asked in one.asked)
        return PublishedStatus(status=self._status, result=result, new=True, asked=asked)

    def _verified(self, bundles: Sequence[Anchored], errors: Sequence[AnchorError]) -> StatusResult:
        """The checks of the status as everybody makes them who follows this ledger."""
        roots = [*release_roots(self._plan.root, self._newest), *(a.root for a in bundles)]
        result = self._checks.status(
            self._data, [a.bundle for a in bundles], release=self._newest, roots=roots
        )
        if result.status is None:
            raise _failed(result, errors)
        return result

    def _put(self, bundles: Sequence[Anchored], instances: Sequence[SigningInstance]) -> None:
        """The status in its place, and then the root release.json that names it."""
        self._plan.check_unchanged()
        folder = f"{statuses.FOLDER}/{self._status.sequence}"
        made = {f"{folder}/{statuses.FILE}": self._data}
        made |= {f"{folder}/{a.path}": a.bundle for a in bundles}
        statement, *others = (release_json.blob(path, data) for path, data in made.items())
        named = StatusFiles(sequence=self._status.sequence, statement=statement, bundles=tuple(others))
        for instance in instances:
            instance.export(install.log_folder(self._plan.root, instance.name))
        install.write_documents(self._plan)
        install.write_status(self._plan.root, named, made)
        install.commit_status(self._plan, named)

    def _remember(self, recording: Recording, bundles: Sequence[Anchored]) -> None:
        """Note in the home what was published, for ever. The journals are removed only after that."""
        try:
            statement_guard.published_status(self._home, self._plan.root, self._data)
            recording.keep(bundles)
        except Unavailable as e:
            self._say(f"note: published, and not yet in the list of this home: {e}")
            return
        recording.discard([a.path for a in bundles])


def _reason(result: StatusResult) -> str:
    """The first check of a status that did not pass."""
    bad = next((c for c in result.checks if c.demotes), None)
    return f"{bad.name}: {bad.detail}" if bad else "no trusted root that is known here vouches for it"


def _failed(result: StatusResult, errors: Sequence[AnchorError] = ()) -> AnchorError:
    """The error of a status that does not verify: PENDING if a log is missing, else something is wrong."""
    detail = _reason(result)
    if any(c.demotes is Class.PENDING for c in result.checks):
        more = f" ({errors[0]})" if errors else ""
        return Pending(
            f"recorded, but {detail}{more}",
            where="status",
            remedy="nothing was put in place: run it again, with --also for each further log of the release",
        )
    return Refused(f"the status does not verify: {detail}", where="status", remedy="nothing was put in place")
