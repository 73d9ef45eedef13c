# SPDX-License-Identifier: Apache-2.0
"""One publication from a ledger file to a release in place: seal, anchor, verify from disk, commit.

Every stage can be run again: the seal is deterministic, the journal knows what a log has, and a folder that
is not yet named by a release.json does not count.
"""

import contextlib
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from anchor.disk import files, lock
from anchor.errors import AnchorError, Misuse, Pending, Refused, Unavailable
from anchor.format import names
from anchor.format import release as release_file
from anchor.format.release import MAX_BUNDLE, MAX_TRUSTED_ROOT, Blob, Release, dump, relocate
from anchor.publish import clock, install, interrupted, release_json, statement_guard
from anchor.publish.anchoring import Anchoring
from anchor.publish.checks import Checks
from anchor.publish.instance import Instances, SigningInstance
from anchor.publish.journal import Journal
from anchor.publish.plan import Plan, check_links, plan
from anchor.publish.release_json import Anchored
from anchor.publish.same_signer import continues
from anchor.publish.sealing import PublishRequest, Sealing, seal
from anchor.publish.signing_history import SignedStatements
from anchor.verdict import Class, Verdict, class_of, worst


@dataclass(frozen=True, kw_only=True)
class Published:
    """The result of a publication."""

    verdict: Verdict
    release: Release
    new: bool
    """False when the version was there with these very bytes and nothing was added."""
    missing: tuple[str, ...] = ()
    """One line for each log that does not have it."""


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
        statement_guard.restore(request.home, request.root, request.name)
        statement_guard.drop_unsent(request.home)
        interrupted.clear_the_way(
            request.home,
            sealing.data,
            released=planned.existing is not None,
            abandon=request.abandon,
            say=say,
        )
        if request.abandon:
            statement_guard.abandon(request.home, planned.ledger, sealing.digest, say)
        if planned.existing is None:  # else it is public already, and `_ask` checks it before a new signature
            statement_guard.check(request.home, sealing.statement, sealing.digest)
        with contextlib.ExitStack() as opened:
            reached, down = [], []
            for instance in instances.open(planned.existing):
                if isinstance(instance, Unavailable):
                    down.append(instance)
                    continue
                opened.callback(instance.close)
                instance.check_published(install.log_folder(request.root, instance.name))
                reached.append(instance)
            return _Job(request, sealing, checks, say).run(reached, down)


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


def resumable(request: PublishRequest) -> bool:
    """True if this version was begun here: there is a journal of it, or a release that may lack a log."""
    planned = plan(request.root, name=request.name, version=request.version)
    if planned.existing is not None:
        return True
    return interrupted.journal_folder(request.home, seal(request, folder=None, planned=planned).data).exists()


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
        self.signed = SignedStatements(request.home)
        self.journals = interrupted.journal_folder(request.home, sealing.data)

    def run(self, instances: Sequence[SigningInstance], down: Sequence[Unavailable]) -> Published:
        self._roots: list[bytes] = []
        old = self._old()
        old += self._kept({a.path for a in old}, instances)
        paths = {a.path for a in old}
        wanted = [s for s in instances if release_json.bundle_path(s.name) not in paths]
        self._ask(wanted)
        anchored, errors = self._anchor(wanted, down, others=bool(old))
        if not old and not anchored:
            raise next(e for e in errors if class_of(e) is worst(map(class_of, errors)))
        root = release_json.material_of([*old, *anchored], self._roots)
        release = self._make([*old, *anchored], root)
        notes = self._check_signer(release, errors)
        verdict = self.checks.release(self.plan.incoming / install.RELEASE, release, root)
        if verdict.verdict is not Class.OK:
            raise _failed(verdict)
        self._keep(root, [*old, *anchored])
        self._put(release, instances)
        self._remember(release, root, [*old, *anchored])
        verdict = msgspec.structs.replace(verdict, notes=(*verdict.notes, *notes))
        if errors:
            verdict = msgspec.structs.replace(verdict, verdict=Class.PENDING)
        return Published(
            verdict=verdict,
            release=release,
            new=relocate(release, "") != self.plan.existing,
            missing=tuple(map(str, errors)),
        )

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

    def _ask(self, instances: Sequence[SigningInstance]) -> None:
        """The checks before anything is signed: no statement of this home contradicts this one, and each
        signer is one of the release before. A new signer may come first, if one of those comes after it."""
        if instances:
            statement_guard.check(self.request.home, self.sealing.statement, self.sealing.digest)
        late = []
        for instance in instances:
            if self._journal(instance).signed() is None:
                try:
                    instance.identify()
                except Misuse:
                    late.append(instance)
        for instance in late:
            instance.identify()

    def _old(self) -> list[Anchored]:
        """The bundles that are in place, verified again with their own copy of the trusted root."""
        existing = self.plan.existing
        if existing is None:
            return []
        root = files.read(files.inside(self.plan.folder, existing.trusted_root.path), limit=MAX_TRUSTED_ROOT)
        self._roots.append(root)
        found = []
        for anchor in existing.anchors:
            bundle = files.read(files.inside(self.plan.folder, anchor.bundle.path), limit=MAX_BUNDLE)
            report = self.checks.bundle(bundle, self.sealing.data, root)
            found.append(Anchored(path=anchor.bundle.path, bundle=bundle, report=report))
        return found

    def _kept(self, there: Set[str], instances: Sequence[SigningInstance]) -> list[Anchored]:
        """The bundles that this home published of this statement in another folder, verified again. A release
        is the same everywhere, and gets no second log entry. A release that is in place may be of another
        home: only bundles that are asked for are added to it."""
        root, bundles = self.signed.kept(self.sealing.data)
        asked = {release_json.bundle_path(s.name) for s in instances}
        found = []
        for name, bundle in bundles:
            if name not in there and (self.plan.existing is None or name in asked):
                try:
                    report = self.checks.bundle(bundle, self.sealing.data, root)
                except AnchorError as e:
                    raise e.at(f"{self.signed.folder(self.sealing.data)}: {name}") from None
                found.append(Anchored(path=name, bundle=bundle, report=report))
        if found:
            self.say(f"published before, in another folder: {', '.join(a.path for a in found)}")
            self._roots += [root] if root not in self._roots else []
        return found

    def _anchor(
        self, instances: Sequence[SigningInstance], down: Sequence[Unavailable], *, others: bool
    ) -> tuple[list[Anchored], list[AnchorError]]:
        """The bundles that were recorded, and the errors of the other instances. A refusal by one log does
        not stop what another log has.

        `others`: the release has bundles already.
        """
        found: list[Anchored] = []
        errors: list[AnchorError] = list(down)
        for instance in instances:
            try:
                bundle = self._record(instance)
                report = self.checks.bundle(bundle, self.sealing.data, instance.trusted_root)
            except AnchorError as e:
                statement_guard.drop_unsent(self.request.home)
                if not found and not others and not isinstance(e, Unavailable):
                    raise
                errors.append(e)
                self.say(str(e))
                continue
            if instance.trusted_root not in self._roots:
                self._roots.append(instance.trusted_root)
            found.append(Anchored(path=release_json.bundle_path(instance.name), bundle=bundle, report=report))
        return found, errors

    def _journal(self, instance: SigningInstance) -> Journal:
        return Journal(self.journals / release_json.bundle_path(instance.name))

    def _record(self, instance: SigningInstance) -> bytes:
        journal = self._journal(instance)
        if journal.sending() or journal.entry():
            statement_guard.sending(self.request.home, self.plan.ledger, self.sealing.digest, instance.name)
            journal.resume()
        return Anchoring(
            sealing=self.sealing,
            instance=instance,
            journal=journal,
            checks=self.checks,
            home=self.request.home,
            say=self.say,
            abandon=self.request.abandon,
        ).run()

    def _make(self, anchored: Sequence[Anchored], root: bytes) -> Release:
        """All files of the version in the incoming folder."""
        folder = self.plan.incoming
        files.write(folder / release_json.STATEMENT, self.sealing.data)
        for one in anchored:
            files.write(folder / one.path, one.bundle)
        blob = self._root_blob(root)
        files.write(folder / blob.path, root)
        release = release_json.release(
            self.sealing.statement,
            self.sealing.data,
            self.sealing.sealed,
            [release_json.anchor(a) for a in anchored],
            blob,
        )
        files.write(folder / install.RELEASE, dump(release))
        return release

    def _root_blob(self, root: bytes) -> Blob:
        """A trusted root that differs from the one in place gets a name of its own: release.json and policies
        name the other one."""
        existing = self.plan.existing
        blob = release_json.blob("trusted_root.json", root)
        if existing and existing.trusted_root.sha256 != blob.sha256:
            return release_json.blob(f"trusted_root-{blob.sha256[:16]}.json", root)
        return existing.trusted_root if existing else blob

    def _put(self, release: Release, instances: Sequence[SigningInstance]) -> None:
        install.check_unchanged(self.plan)
        for instance in instances:
            instance.export(install.log_folder(self.plan.root, instance.name))
        install.write_documents(self.plan)
        if self.plan.existing is None:
            install.move_into_place(self.plan)
        elif relocate(release, "") != self.plan.existing:
            install.extend(self.plan, release)
        install.commit(self.plan, release)

    def _keep(self, root: bytes, anchored: Sequence[Anchored]) -> None:
        """Keep copies of what this home signed, for other folders and in case the list is lost."""
        if any(one.statement == self.sealing.digest for one in statement_guard.binding(self.signed.lines())):
            self.signed.keep(self.sealing.data, root, [(a.path, a.bundle) for a in anchored])

    def _remember(self, release: Release, root: bytes, anchored: Sequence[Anchored]) -> None:
        """Note in the home what was published, for ever. The journals are removed only after that.

        The release is in place. If the disk is full, nothing is lost: a statement that was sent binds too.
        """
        try:
            statement_guard.published(self.request.home, self.plan.root, self.sealing.data)
            self._keep(root, anchored)
        except Unavailable as e:
            self.say(f"note: published, and not yet in the list of this home: {e}")
            return
        # the journal of a log that is still missing stays: that log may have the entry
        for anchor in release.anchors:
            Journal(self.journals / anchor.bundle.path).discard()


def _failed(verdict: Verdict) -> AnchorError:
    """The error if the publisher's own policy is not met: PENDING if a log is missing, else something is
    wrong."""
    bad = next((c for c in verdict.checks if c.demotes == verdict.verdict), None)
    detail = f"{bad.name}: {bad.detail}" if bad else str(verdict.verdict)
    if verdict.verdict is Class.PENDING:
        remedy = "nothing was put in place: run it again with --resume"
        return Pending(f"recorded, but {detail}", where="policy", remedy=remedy)
    kind = Unavailable if verdict.verdict is Class.UNAVAILABLE else Refused
    return kind(f"the result does not verify: {detail}", where="publish", remedy="nothing was put in place")
