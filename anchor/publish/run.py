# SPDX-License-Identifier: Apache-2.0
"""One publication from a ledger file to a release in place: seal, anchor, verify from disk, commit.

Every stage can be run again: the seal is deterministic, the journal knows what a log has, and a folder that
is not yet named by a release.json does not count.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from anchor.disk import files, lock
from anchor.errors import AnchorError, Misuse, Pending, Refused, Unavailable
from anchor.format import ledger_status as statuses
from anchor.format import names
from anchor.format import release as release_file
from anchor.format.names import RELEASE, STATEMENT, TRUSTED_ROOT
from anchor.format.release import MAX_BUNDLE, MAX_TRUSTED_ROOT, Blob, Release, dump, relocate
from anchor.intake.reading import Reading, as_text
from anchor.publish import (
    clock,
    install,
    interrupted,
    online,
    release_json,
    release_secrets,
    since_before,
    statement_guard,
    status_run,
)
from anchor.publish.anchoring import Document
from anchor.publish.checks import Checks
from anchor.publish.instance import Instances, SigningInstance
from anchor.publish.plan import Plan, StatusInPlace, check_links, plan
from anchor.publish.recording import Recording
from anchor.publish.release_json import Anchored
from anchor.publish.same_signer import continues
from anchor.publish.sealing import PublishRequest, Sealing, seal
from anchor.publish.signing_history import SignedStatements, Subject
from anchor.publish.since_before import Changes
from anchor.publish.status_run import StatusJob
from anchor.tlog.witness_answer import Asked
from anchor.verdict import Class, Verdict, class_of, worst
from anchor.verify.steps import POLICY_ANCHORS, POLICY_SIGNERS


@dataclass(frozen=True, kw_only=True)
class Published:
    """The result of a publication."""

    verdict: Verdict
    release: Release
    new: bool
    """False when the version was there with these very bytes and nothing was added."""
    reading: Reading
    """How the ledger was read."""
    changes: Changes | None = None
    """The differences from the release before; None for the first one, and for one that is in place."""
    missing: tuple[str, ...] = ()
    """One line for each log that does not have it, and for signers who have not signed it."""
    unsigned: bool = False
    """True if the publisher's own policy wants more signers. The release is in place, so that they can sign
    it."""
    asked: tuple[Asked, ...] = ()
    """The witnesses that were asked to cosign it in this run."""


def publish(
    request: PublishRequest, *, instances: Instances, checks: Checks, say: Callable[[str], None]
) -> Published:
    """Publish, or complete what is there. Raises our errors; the release folder is never half a release.

    The instances are opened once the ledger is sealed: a bad ledger reaches nobody, and makes no keys. The
    others do not wait for an instance that cannot be reached. If there are no instances, a release that is in
    place is verified, and nothing more.
    """
    names.check_arguments(request.name, request.version)
    check_links(request.root, request.version)  # before anything there is swept, too
    with (
        install.made_root(request.root),
        lock.exclusive(request.root, doing="publishing"),
        interrupted.locked(request.home),
        install.cleaned(request.root),
    ):
        install.check_writable(request.root)
        planned = plan(request.root, name=request.name, version=request.version)
        clock.check(datetime.now(UTC), _signed_times(request, planned))
        sealing = seal(request, folder=install.prepare(planned), planned=planned)
        for line in as_text(sealing.sealed.reading):
            say(line)
        for index in sealing.statement.index:
            say(index.line)
        differing = since_before.changes(sealing, request)
        for line in since_before.as_text(differing):
            say(line)
        if request.online is not None:
            say(online.check(request.online, planned, sealing.digest))
        statement_guard.restore(request.home, request.root, request.name)
        statement_guard.drop_unsent(request.home)
        status = _status_in_place(request, planned, checks)
        interrupted.clear_the_way(
            request.home,
            sealing.data,
            released=planned.existing is not None,
            status=status.data if status else None,
            abandon=request.abandon,
            say=say,
        )
        if request.abandon:
            statement_guard.abandon(request.home, planned.ledger, sealing.digest, say)
        _check_before_signing(request.home, sealing, say)
        with contextlib.ExitStack() as opened:
            reached, down = [], []
            for instance in instances.open(planned.existing):
                if isinstance(instance, Unavailable):
                    down.append(instance)
                    continue
                opened.callback(instance.close)
                instance.check_published(install.log_folder(request.root, instance.name))
                reached.append(instance)
            done = _Job(request, sealing, checks, say).run(reached, down)
            done = replace(done, changes=differing)
            return _with_newest(done, request, reached, checks, say)


def _status_in_place(request: PublishRequest, planned: Plan, checks: Checks) -> StatusInPlace | None:
    """The status that the folder names, which a new release commits to: verified before that."""
    status = planned.status
    if status is not None:
        statement_guard.settle_status(request.home, request.root, status.data, status.names)
        if planned.existing is None:
            newest = status_run.newest_release(request.root)
            status_run.in_place(planned, newest, checks, request.home)
    return status


def _with_newest(
    done: Published,
    request: PublishRequest,
    instances: Sequence[SigningInstance],
    checks: Checks,
    say: Callable[[str], None],
) -> Published:
    """The publication, after the status of the folder names the release in place as the newest one.

    The release is in place already, and stays there if this fails: 'anchor renew' completes it.
    """
    newest = status_run.newest_release(request.root)
    planned = plan(request.root, name=newest.ledger.name, version=newest.ledger.version)
    if planned.status is None or done.unsigned:
        return done
    named = status_run.newest_of(newest)
    if statuses.decode(planned.status.data).newest == named:
        return done
    data = statuses.encode(statuses.following(planned.status.data, named))
    try:
        status_run.in_place(planned, newest, checks, request.home)
        statement_guard.check_status(request.home, data)
        job = StatusJob(data, planned, newest, home=request.home, checks=checks, say=say)
        job.run(instances, (), abandon=request.abandon)
    except AnchorError as e:
        line = f"the status does not name this release as the newest yet; 'anchor renew' completes it: {e}"
        verdict = msgspec.structs.replace(done.verdict, verdict=Class.PENDING)
        return replace(done, verdict=verdict, missing=(*done.missing, line))
    return done


def _signed_times(request: PublishRequest, planned: Plan) -> dict[str, datetime]:
    """The newest times that were signed before, by the home and by the folder."""
    found = {}
    if newest := statement_guard.newest(request.home):
        found[f"the list {SignedStatements(request.home).path}"] = newest
    if planned.current is not None and not request.new_signer:
        before = release_file.load(planned.current)
        times = [datetime.fromisoformat(a.time) for a in before.anchors]
        found[f"the release {before.ledger.version} (so says its release.json; anchor verify checks it)"] = (
            max(times)
        )
    return found


def _check_before_signing(home: Path, sealing: Sealing, say: Callable[[str], None]) -> None:
    """Compare with what this home signed, and keep the secret of a confidential ledger, durably."""
    if (
        sealing.plan.existing is None
    ):  # else it is public already, and `_ask` checks it before a new signature
        statement_guard.check(home, sealing.statement, sealing.digest)
        statement_guard.check_known(home, sealing.statement)
    if sealing.draft is not None:
        statement_guard.keep_secret(home, sealing.draft, say)


def resumable(request: PublishRequest) -> bool:
    """True if this version was begun here: there is a journal of it, or a release that may lack a log."""
    planned = plan(request.root, name=request.name, version=request.version)
    if planned.existing is not None:
        return True
    sealing = seal(request, folder=None, planned=planned)
    if sealing.draft is not None and release_secrets.of_statement(request.home, sealing.digest):
        return True  # sealed before, perhaps not signed
    return interrupted.journal_folder(request.home, sealing.data).exists()


class _Job:
    """The stages after sealing."""

    def __init__(
        self, request: PublishRequest, sealing: Sealing, checks: Checks, say: Callable[[str], None]
    ) -> None:
        self.request = request
        self.sealing = sealing
        self.plan = sealing.plan
        self.checks = checks
        self.say = say
        self.recording = Recording(
            document=Document(
                data=sealing.data,
                subject=Subject(sealing.plan.ledger),
                plan=sealing.plan,
            ),
            home=request.home,
            checks=checks,
            say=say,
            abandon=request.abandon,
        )

    def run(self, instances: Sequence[SigningInstance], down: Sequence[Unavailable]) -> Published:
        old = self._old()
        foreign = set() if self.checks.own else self.recording.foreign(old)
        asked = {self._path(s, old): s for s in instances}
        # a release that is in place may be of another home: only what is asked for is added to it
        only = None if self.plan.existing is None else asked.keys()
        old += self.recording.kept({a.path for a in old}, only)
        paths = {a.path for a in old}
        wanted = {path: s for path, s in asked.items() if path not in paths}
        self.recording.ask([*wanted.values()])
        anchored, errors = self.recording.anchor(wanted, down, others=bool(old))
        if not old and not anchored:
            raise next(e for e in errors if class_of(e) is worst(map(class_of, errors)))
        bundles = release_json.with_copies(self.sealing.statement.version, [*old, *anchored])
        release = self._make(bundles)
        notes = self._check_signer(release, errors)
        roots = {one.path: one.root for one in bundles}
        verdict = self.checks.release(self.plan.incoming / RELEASE, release, roots)
        unsigned = _lacks_signers(verdict)
        if verdict.verdict is not Class.OK and not unsigned:
            raise _failed(verdict)
        ours = [one for one in bundles if one.path not in foreign]
        self.recording.keep(ours)
        self._put(release, instances)
        self._remember(release, ours)
        verdict = msgspec.structs.replace(verdict, notes=(*verdict.notes, *notes))
        if errors:
            verdict = msgspec.structs.replace(verdict, verdict=Class.PENDING)
        return Published(
            verdict=verdict,
            release=release,
            new=relocate(release, "") != self.plan.existing,
            reading=self.sealing.sealed.reading,
            missing=(*map(str, errors), *unsigned),
            unsigned=bool(unsigned),
            asked=tuple(asked for one in anchored for asked in one.asked),
        )

    def _path(self, instance: SigningInstance, old: Sequence[Anchored]) -> str:
        """The file name of the bundle of an instance. One more signer in the log of an old bundle has a file
        of his own, if the publisher's own policy wants several signers."""
        path = release_json.bundle_path(instance.name)
        if path not in {a.path for a in old} or self.checks.own is None:
            return path
        signer = instance.signs_as() if self.checks.own.policy.min_signers > 1 else None
        signed = {(a.report.identity, a.report.issuer) for a in old if a.path == path}
        if signer is None or signer in signed or not self.checks.joins(signer):
            return path
        return release_json.joint_path(instance.name, *signer)

    def _check_signer(self, release: Release, errors: Sequence[AnchorError]) -> tuple[str, ...]:
        """The release has a signer of the release before. It may lack one although `_ask` passed: the log of
        that signer may be down, and bundles of another folder may be by another signer. Returns a note if the
        publisher asked for another signer."""
        plan = self.plan
        if plan.existing is not None or plan.current is None:
            return ()
        before = {(a.identity, a.issuer) for a in release_file.load(plan.current).anchors}
        if any(continues((a.identity, a.issuer), before, self.checks.signers) for a in release.anchors):
            return ()
        if self.request.new_signer:
            new = " and ".join(sorted({a.identity for a in release.anchors}))
            return (
                f"from here on the signer is {new}: hand out the new policy, the ones of before refuse it",
            )
        problem = "the result is signed by nobody who signed the release before"
        if errors:
            raise Pending(
                f"recorded, but {problem}: {errors[0]}",
                where="signer",
                remedy="nothing was put in place: run it again with --resume",
            )
        raise Misuse(
            problem,
            where="signer",
            remedy="nothing was put in place: --new-signer goes on as another one",
        )

    def _old(self) -> list[Anchored]:
        """The bundles that are in place, verified again with their own copy of the trusted root."""
        existing = self.plan.existing
        if existing is None:
            return []
        found = []
        for anchor in existing.anchors:
            path = existing.root_of(anchor).path
            root = files.read(files.inside(self.plan.folder, path), limit=MAX_TRUSTED_ROOT)
            bundle = files.read(files.inside(self.plan.folder, anchor.bundle.path), limit=MAX_BUNDLE)
            report = self.checks.bundle(bundle, self.sealing.data, root)
            found.append(Anchored(path=anchor.bundle.path, bundle=bundle, report=report, root=root))
        return found

    def _make(self, anchored: Sequence[Anchored]) -> Release:
        """All files of the version in the incoming folder."""
        folder = self.plan.incoming
        files.write(folder / STATEMENT, self.sealing.data)
        for one in anchored:
            files.write(folder / one.path, one.bundle)
        roots = list(dict.fromkeys(a.root for a in anchored))
        blobs = self._root_blobs(roots)
        for blob, root in zip(blobs, roots, strict=True):
            files.write(folder / blob.path, root)
        release = release_json.release(
            self.sealing.statement,
            self.sealing.data,
            self.sealing.sealed,
            [release_json.anchor(a) for a in anchored],
            blobs,
        )
        files.write(folder / RELEASE, dump(release))
        return release

    def _root_blobs(self, roots: Sequence[bytes]) -> list[Blob]:
        """The entries of the trusted roots. One that is in place keeps its path. Another one gets a name of
        its own if there is one already, which release.json and policies name."""
        existing = self.plan.existing
        there = {b.sha256: b for b in existing.trusted_roots} if existing else {}
        found: list[Blob] = []
        for root in roots:
            blob = release_json.blob(TRUSTED_ROOT, root)
            if there or found:
                blob = release_json.blob(f"trusted_root-{blob.sha256[:16]}.json", root)
            found.append(there.get(blob.sha256, blob))
        return found

    def _put(self, release: Release, instances: Sequence[SigningInstance]) -> None:
        self.plan.check_unchanged()
        for instance in instances:
            instance.export(install.log_folder(self.plan.root, instance.name))
        install.write_documents(self.plan)
        if self.plan.existing is None:
            install.move_into_place(self.plan)
        elif relocate(release, "") != self.plan.existing:
            install.extend(self.plan, release)
        install.commit(self.plan, release)

    def _remember(self, release: Release, anchored: Sequence[Anchored]) -> None:
        """Note in the home what was published, for ever. The journals are removed only after that.

        The release is in place. If the disk is full, nothing is lost: a statement that was sent binds too.
        """
        try:
            statement_guard.published(self.request.home, self.plan.root, self.sealing.data)
            self.recording.keep(anchored)
        except Unavailable as e:
            self.say(f"note: published, and not yet in the list of this home: {e}")
            return
        self.recording.discard([anchor.bundle.path for anchor in release.anchors])


def _lacks_signers(verdict: Verdict) -> tuple[str, ...]:
    """A line about the signers that the publisher's own policy wants and the release lacks; empty if it lacks
    something else as well, or nothing. The next signer may bring the log that is missing."""
    lacks = {c.name: c.detail for c in verdict.checks if c.demotes}
    signers = lacks.get(POLICY_SIGNERS.name)
    if verdict.verdict is not Class.PENDING or signers is None:
        return ()
    if lacks.keys() - {POLICY_SIGNERS.name, POLICY_ANCHORS.name}:
        return ()
    return (
        f"{signers}; the next signer gives the same command on this folder, with a home or token of his own",
    )


def _failed(verdict: Verdict) -> AnchorError:
    """The error if the publisher's own policy is not met: PENDING if a log is missing, else something is
    wrong."""
    bad = verdict.decided
    detail = f"{bad.name}: {bad.detail}" if bad else str(verdict.verdict)
    if verdict.verdict is Class.PENDING:
        remedy = "nothing was put in place: run it again with --resume"
        return Pending(f"recorded, but {detail}", where="policy", remedy=remedy)
    kind = Unavailable if verdict.verdict is Class.UNAVAILABLE else Refused
    return kind(f"the result does not verify: {detail}", where="publish", remedy="nothing was put in place")
