# SPDX-License-Identifier: Apache-2.0
"""One publication from a ledger file to a release in place: seal, anchor, verify from disk, commit.

Every stage can be run again: the seal is deterministic, the journal knows what a log has, and a folder that
is not yet named by a release.json does not count.
"""

import contextlib
import hashlib
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from anchor.disk import files, lock
from anchor.errors import AnchorError, Misuse, Pending, Refused, Unavailable
from anchor.format import names
from anchor.format import release as release_file
from anchor.format.release import MAX_BUNDLE, MAX_TRUSTED_ROOT, Blob, Release, dump, relocate
from anchor.publish import clock, install, interrupted, release_json, statement_guard
from anchor.publish.anchoring import Anchoring
from anchor.publish.instance import Site
from anchor.publish.journal import Journal
from anchor.publish.plan import Plan, check_links, plan
from anchor.publish.release_json import Anchored
from anchor.publish.same_signer import continues
from anchor.publish.sealing import Order, Sealing, seal
from anchor.publish.signing_history import SignedStatements
from anchor.verdict import Class, Verdict, class_of, worst
from anchor.verify.policy import Signer
from anchor.verify.report import BundleReport


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What publishing is given by whoever wires it.

    `examine` verifies a bundle over these statement bytes with a trusted root and raises `Refused`;
    `stamps` makes the functions that get verified time-stamp tokens from a site; `verify` runs `anchor
    verify` on a release.json on disk with the publisher's own policy; `witnessed` says what a report lacks
    of the witness quorum that this policy demands, None where it demands none.
    """

    examine: Callable[[bytes, bytes, bytes], BundleReport]
    stamps: Callable[[Site], tuple[Callable[[bytes], bytes], ...]]
    verify: Callable[[Path, Release, bytes], Verdict]
    say: Callable[[str], None]
    witnessed: Callable[[BundleReport], str] | None = None
    signers: tuple[Signer, ...] = ()
    """Those of the publisher's own policy; empty without one."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """What came of it."""

    verdict: Verdict
    release: Release
    new: bool
    """False when the version was there with these very bytes and nothing was added."""
    missing: tuple[str, ...] = ()
    """One line for each log that does not have it."""


Sites = Callable[[Release | None], Sequence[Site | Unavailable]]
"""The instances to record in, given the release of this version that is there already."""


def publish(order: Order, sites: Sites, tools: Tools) -> Published:
    """Publish, or complete what is there. Raises our errors; the release folder is never half a release.

    `sites` is called once the ledger is sealed: a bad one reaches nobody, and makes no keys. For an instance
    that cannot be reached it gives the reason: the others do not wait for it. Where it gives none for a
    release that is there, that is verified and nothing more.
    """
    names.check_arguments(order.name, order.version)
    check_links(order.root, order.version)  # before anything there is swept, too
    with (
        install.made_root(order.root),
        lock.exclusive(order.root, doing="publishing"),
        interrupted.held(order.home),
        install.swept(order.root),
    ):
        install.check_writable(order.root)
        planned = plan(order.root, name=order.name, version=order.version)
        clock.check(datetime.now(UTC), _signed_times(order, planned))
        sealing = seal(order, folder=install.prepare(planned), planned=planned)
        digest = hashlib.sha256(sealing.data).hexdigest()
        statement_guard.recall(order.home, order.root, order.name)
        statement_guard.settle(order.home)
        interrupted.make_way(
            order.home,
            sealing.data,
            released=planned.existing is not None,
            abandon=order.abandon,
            say=tools.say,
        )
        if order.abandon:
            statement_guard.abandon(order.home, planned.ledger, digest, tools.say)
        if planned.existing is None:  # else it is in public already, and is asked where it would be signed
            statement_guard.check(order.home, sealing.statement, digest)
        with contextlib.ExitStack() as opened:
            found, down = [], []
            for site in sites(planned.existing):
                if isinstance(site, Unavailable):
                    down.append(site)
                    continue
                opened.callback(site.close)
                if site.check is not None:
                    site.check(install.log_folder(order.root, site.name))
                found.append(site)
            return _Job(order, sealing, tools).run(found, down)


def _signed_times(order: Order, planned: Plan) -> dict[str, datetime]:
    """The newest times that were signed before, as the home and the folder say."""
    found = {}
    if newest := statement_guard.newest(order.home):
        found[f"the list {SignedStatements(order.home).path}"] = newest
    if planned.current is not None and not order.new_signer:
        before = release_file.load(planned.current)
        times = [datetime.fromisoformat(a.time) for a in before.anchors]
        found[f"the release {before.ledger.version} (so says its release.json; anchor verify checks it)"] = (
            max(times)
        )
    return found


def resumable(order: Order) -> bool:
    """Whether this version was begun here: a journal of it, or a release that may lack a log."""
    planned = plan(order.root, name=order.name, version=order.version)
    if planned.existing is not None:
        return True
    return interrupted.journal_folder(order.home, seal(order, folder=None, planned=planned).data).exists()


class _Job:
    """The stages after sealing."""

    def __init__(self, order: Order, sealing: Sealing, tools: Tools) -> None:
        self.order = order
        self.sealing = sealing
        self.plan = sealing.plan
        self.tools = tools
        self.signed = SignedStatements(order.home)
        self.digest = hashlib.sha256(sealing.data).hexdigest()
        self.journals = interrupted.journal_folder(order.home, sealing.data)

    def run(self, sites: Sequence[Site], down: Sequence[Unavailable]) -> Published:
        self._roots: list[bytes] = []
        old = self._old()
        old += self._kept({a.path for a in old}, sites)
        paths = {a.path for a in old}
        wanted = [s for s in sites if release_json.bundle_path(s.name) not in paths]
        self._ask(wanted)
        anchored, errors = self._anchor(wanted, down, others=bool(old))
        if not old and not anchored:
            raise next(e for e in errors if class_of(e) is worst(map(class_of, errors)))
        root = release_json.material_of([*old, *anchored], self._roots)
        release = self._make([*old, *anchored], root)
        notes = self._check_signer(release, errors)
        verdict = self.tools.verify(self.plan.incoming / install.RELEASE, release, root)
        if verdict.verdict is not Class.OK:
            raise _failed(verdict)
        self._keep(root, [*old, *anchored])
        self._put(release, sites)
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
        """What is put in place has a signer of the release before: the log of the one may be down while that
        of another one has it, and another folder's bundles are by whoever signed there. Returns a note for
        whoever goes on as another one."""
        plan = self.plan
        if plan.existing is not None or plan.current is None:
            return ()
        before = {(a.identity, a.issuer) for a in release_file.load(plan.current).anchors}
        if any(continues((a.identity, a.issuer), before, self.tools.signers) for a in release.anchors):
            return ()
        if self.order.new_signer:
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

    def _ask(self, sites: Sequence[Site]) -> None:
        """Before anything is signed: nothing that this home signed contradicts it, and each signer is one of
        the release before. The first in order may be new beside one that comes after it."""
        if sites:
            statement_guard.check(self.order.home, self.sealing.statement, self.digest)
        late = []
        for site in sites:
            if self._journal(site).signed() is None:
                try:
                    site.identify()
                except Misuse:
                    late.append(site)
        for site in late:
            site.identify()

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
            report = self.tools.examine(bundle, self.sealing.data, root)
            found.append(Anchored(path=anchor.bundle.path, bundle=bundle, report=report))
        return found

    def _kept(self, there: Set[str], sites: Sequence[Site]) -> list[Anchored]:
        """The bundles that this home published of this statement in another folder, verified again: a release
        is the same one everywhere, and gets no second entry. To one that is in place, which may be another
        home's, only what is asked for is added."""
        root, bundles = self.signed.kept(self.sealing.data)
        asked = {release_json.bundle_path(s.name) for s in sites}
        found = []
        for name, bundle in bundles:
            if name not in there and (self.plan.existing is None or name in asked):
                try:
                    report = self.tools.examine(bundle, self.sealing.data, root)
                except AnchorError as e:
                    raise e.at(f"{self.signed.folder(self.sealing.data)}: {name}") from None
                found.append(Anchored(path=name, bundle=bundle, report=report))
        if found:
            self.tools.say(f"published before, in another folder: {', '.join(a.path for a in found)}")
            self._roots += [root] if root not in self._roots else []
        return found

    def _anchor(
        self, sites: Sequence[Site], down: Sequence[Unavailable], *, others: bool
    ) -> tuple[list[Anchored], list[AnchorError]]:
        """What is recorded, and why the rest is not. What one log has is not held up by another's refusal.

        `others`: the release has bundles already.
        """
        found: list[Anchored] = []
        errors: list[AnchorError] = list(down)
        for site in sites:
            try:
                bundle = self._record(site)
                report = self._examine(bundle, site)
            except AnchorError as e:
                statement_guard.settle(self.order.home)
                if not found and not others and not isinstance(e, Unavailable):
                    raise
                errors.append(e)
                self.tools.say(str(e))
                continue
            if site.trusted_root not in self._roots:
                self._roots.append(site.trusted_root)
            found.append(Anchored(path=release_json.bundle_path(site.name), bundle=bundle, report=report))
        return found, errors

    def _journal(self, site: Site) -> Journal:
        return Journal(self.journals / release_json.bundle_path(site.name))

    def _record(self, site: Site) -> bytes:
        journal = self._journal(site)
        if journal.sending() or journal.entry():
            statement_guard.sending(self.order.home, self.plan.ledger, self.digest, site.name)
            journal.resume()
        return Anchoring(
            statement=self.sealing.data,
            site=site,
            journal=journal,
            stamps=self.tools.stamps(site),
            check=partial(self._check, site),
            ready=partial(install.check_unchanged, self.plan),
            leaving=partial(
                statement_guard.sending, self.order.home, self.plan.ledger, self.digest, site.name
            ),
            say=self.tools.say,
            abandon=self.order.abandon,
            lacks=partial(self._lacks, site) if self.tools.witnessed else None,
        ).run()

    def _lacks(self, site: Site, bundle: bytes) -> str:
        assert self.tools.witnessed is not None
        return self.tools.witnessed(self._examine(bundle, site))

    def _check(self, site: Site, bundle: bytes) -> None:
        self._examine(bundle, site)

    def _examine(self, bundle: bytes, site: Site) -> BundleReport:
        return self.tools.examine(bundle, self.sealing.data, site.trusted_root)

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
        """A trusted root that differs from the one in place gets a name of its own: a release.json names
        that one, and so do policies."""
        existing = self.plan.existing
        blob = release_json.blob("trusted_root.json", root)
        if existing and existing.trusted_root.sha256 != blob.sha256:
            return release_json.blob(f"trusted_root-{blob.sha256[:16]}.json", root)
        return existing.trusted_root if existing else blob

    def _put(self, release: Release, sites: Sequence[Site]) -> None:
        install.check_unchanged(self.plan)
        for site in sites:
            if site.export is not None:
                site.export(install.log_folder(self.plan.root, site.name))
        install.explain(self.plan)
        if self.plan.existing is None:
            install.place(self.plan)
        elif relocate(release, "") != self.plan.existing:
            install.extend(self.plan, release)
        install.commit(self.plan, release)

    def _keep(self, root: bytes, anchored: Sequence[Anchored]) -> None:
        """What this home signed is kept, for other folders and for a list that is lost."""
        if any(one.statement == self.digest for one in statement_guard.binding(self.signed.lines())):
            self.signed.keep(self.sealing.data, root, [(a.path, a.bundle) for a in anchored])

    def _remember(self, release: Release, root: bytes, anchored: Sequence[Anchored]) -> None:
        """The home knows for ever what it published; only then are the journals done with.

        The release is in place: where there is no room for that, nothing is lost, as what was sent binds too.
        """
        try:
            statement_guard.published(self.order.home, self.plan.root, self.sealing.data)
            self._keep(root, anchored)
        except Unavailable as e:
            self.tools.say(f"note: published, and not yet in the list of this home: {e}")
            return
        # that of a log that is still missing stays: what was sent there may be in it
        for anchor in release.anchors:
            Journal(self.journals / anchor.bundle.path).discard()


def _failed(verdict: Verdict) -> AnchorError:
    """The publisher's own policy is not met: for want of a log (PENDING), or because something is wrong."""
    bad = next((c for c in verdict.checks if c.demotes == verdict.verdict), None)
    detail = f"{bad.name}: {bad.detail}" if bad else str(verdict.verdict)
    if verdict.verdict is Class.PENDING:
        remedy = "nothing was put in place: run it again with --resume"
        return Pending(f"recorded, but {detail}", where="policy", remedy=remedy)
    kind = Unavailable if verdict.verdict is Class.UNAVAILABLE else Refused
    return kind(f"the result does not verify: {detail}", where="publish", remedy="nothing was put in place")
