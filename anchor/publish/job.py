# SPDX-License-Identifier: Apache-2.0
"""One publication from a ledger file to a release in place: seal, anchor, verify from disk, commit.

Every stage can be run again: the seal is deterministic, the journal knows what a log has, and a folder that
is not yet named by a release.json does not count.
"""

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from anchor import naming
from anchor import release as release_file
from anchor.edge import files, lock
from anchor.edge.journal import Journal
from anchor.edge.signed import SignedStatements
from anchor.errors import AnchorError, Misuse, Pending, Refused, Unavailable
from anchor.publish import clock, documents, guard, pending, place
from anchor.publish.anchoring import Anchoring
from anchor.publish.documents import Anchored
from anchor.publish.plan import Plan, check_links, plan
from anchor.publish.sealing import Order, Sealing, seal
from anchor.publish.signer import continues
from anchor.publish.site import Site
from anchor.release import MAX_BUNDLE, MAX_TRUSTED_ROOT, Blob, Release, dump, relocate
from anchor.trust import Signer
from anchor.verdict import Class, Verdict, class_of, worst
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
    naming.check_arguments(order.name, order.version)
    check_links(order.root, order.version)  # before anything there is swept, too
    with (
        place.made_root(order.root),
        lock.exclusive(order.root, doing="publishing"),
        pending.held(order.home),
        place.swept(order.root),
    ):
        place.check_writable(order.root)
        planned = plan(order.root, name=order.name, version=order.version)
        clock.check(datetime.now(UTC), _signed_times(order, planned))
        sealing = seal(order, folder=place.prepare(planned), planned=planned)
        guard.begin(order.home, order.root, order.name)
        guard.settle(order.home)
        given_up = pending.make_way(
            order.home,
            sealing.data,
            released=planned.existing is not None,
            abandon=order.abandon,
            say=tools.say,
        )
        guard.abandon(order.home, given_up)
        if planned.existing is None:  # else it is in public already
            guard.check(order.home, planned.ledger, hashlib.sha256(sealing.data).hexdigest())
        with contextlib.ExitStack() as opened:
            found, down = [], []
            for site in sites(planned.existing):
                if isinstance(site, Unavailable):
                    down.append(site)
                    continue
                opened.callback(site.close)
                if site.check is not None:
                    site.check(place.log_folder(order.root, site.name))
                found.append(site)
            return _Job(order, sealing, tools).run(found, down)


def _signed_times(order: Order, planned: Plan) -> dict[str, datetime]:
    """The newest times that were signed before, as the home and the folder say."""
    found = {}
    signed = SignedStatements(order.home)
    if lines := signed.lines():
        found[f"the list {signed.path}"] = max(datetime.fromisoformat(one.at) for one in lines)
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
    return pending.journal_folder(order.home, seal(order, folder=None, planned=planned).data).exists()


class _Job:
    """The stages after sealing."""

    def __init__(self, order: Order, sealing: Sealing, tools: Tools) -> None:
        self.order = order
        self.sealing = sealing
        self.plan = sealing.plan
        self.tools = tools
        self.signed = SignedStatements(order.home)
        self.digest = hashlib.sha256(sealing.data).hexdigest()
        self.journals = pending.journal_folder(order.home, sealing.data)

    def run(self, sites: Sequence[Site], down: Sequence[Unavailable]) -> Published:
        old = self._old()
        names = {a.path for a in old}
        wanted = [s for s in sites if documents.bundle_path(s.name) not in names]
        if wanted:  # also where a release is in place already: another home may have made it
            guard.check(self.order.home, self.plan.ledger, self.digest)
        anchored, errors = self._anchor(wanted, down)
        if not old and not anchored:
            raise next(e for e in errors if class_of(e) is worst(map(class_of, errors)))
        root = self._root_bytes([*old, *anchored])
        release = self._make([*old, *anchored], root)
        self._check_signer(release, errors)
        verdict = self.tools.verify(self.plan.incoming / place.RELEASE, release, root)
        if verdict.verdict is not Class.OK:
            raise _failed(verdict)
        self._put(release, sites)
        self._remember(release, [*old, *anchored])
        if errors:
            verdict = msgspec.structs.replace(verdict, verdict=Class.PENDING)
        return Published(
            verdict=verdict, release=release, new=bool(anchored), missing=tuple(map(str, errors))
        )

    def _check_signer(self, release: Release, errors: Sequence[AnchorError]) -> None:
        """What is put in place has a signer of the release before: the log of the one may be down while that
        of another one has it, and another folder's bundles are by whoever signed there."""
        plan = self.plan
        if plan.existing is not None or plan.current is None or self.order.new_signer:
            return
        before = {(a.identity, a.issuer) for a in release_file.load(plan.current).anchors}
        if any(continues((a.identity, a.issuer), before, self.tools.signers) for a in release.anchors):
            return
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
        root = self._old_root(existing)
        found = []
        for anchor in existing.anchors:
            bundle = files.read(files.inside(self.plan.folder, anchor.bundle.path), limit=MAX_BUNDLE)
            report = self.tools.examine(bundle, self.sealing.data, root)
            found.append(Anchored(path=anchor.bundle.path, bundle=bundle, report=report))
        return found

    def _old_root(self, existing: Release) -> bytes:
        return files.read(files.inside(self.plan.folder, existing.trusted_root.path), limit=MAX_TRUSTED_ROOT)

    def _anchor(
        self, sites: Sequence[Site], down: Sequence[Unavailable]
    ) -> tuple[list[Anchored], list[AnchorError]]:
        """What is recorded, and why the rest is not. What one log has is not held up by another's refusal."""
        found: list[Anchored] = []
        errors: list[AnchorError] = list(down)
        self._roots: list[bytes] = []
        for site in sites:
            try:
                bundle = self._published_before(site) or self._record(site)
                report = self._examine(bundle, site)
            except AnchorError as e:
                guard.settle(self.order.home)
                recorded = bool(found) or self.plan.existing is not None
                if not recorded and not isinstance(e, Unavailable):
                    raise
                errors.append(e)
                self.tools.say(str(e))
                continue
            self._roots.append(site.trusted_root)
            found.append(Anchored(path=documents.bundle_path(site.name), bundle=bundle, report=report))
        return found, errors

    def _published_before(self, site: Site) -> bytes | None:
        """The bundle that this home published of this statement, in another folder: no second entry."""
        kept = self.signed.bundle(self.sealing.data, documents.bundle_path(site.name))
        if kept is not None:
            self.tools.say(f"{site.name}: published before, in another folder")
        return kept

    def _record(self, site: Site) -> bytes:
        journal = Journal(self.journals / documents.bundle_path(site.name))
        if journal.sending() or journal.entry():
            guard.sending(self.order.home, self.plan.ledger, self.digest, site.name)
            journal.resume()
        return Anchoring(
            statement=self.sealing.data,
            site=site,
            journal=journal,
            stamps=self.tools.stamps(site),
            check=partial(self._check, site),
            ready=partial(place.check_unchanged, self.plan),
            leaving=partial(guard.sending, self.order.home, self.plan.ledger, self.digest, site.name),
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

    def _root_bytes(self, anchored: Sequence[Anchored]) -> bytes:
        """The union of the trust material that the bundles were verified with."""
        existing = self.plan.existing
        roots = [self._old_root(existing)] if existing else []
        roots += [r for r in self._roots if r not in roots]
        return documents.material_of(anchored, roots)

    def _make(self, anchored: Sequence[Anchored], root: bytes) -> Release:
        """All files of the version in the incoming folder."""
        folder = self.plan.incoming
        files.write(folder / documents.STATEMENT, self.sealing.data)
        for one in anchored:
            files.write(folder / one.path, one.bundle)
        blob = self._root_blob(root)
        files.write(folder / blob.path, root)
        release = documents.release(
            self.sealing.statement,
            self.sealing.data,
            self.sealing.sealed,
            [documents.anchor(a) for a in anchored],
            blob,
        )
        files.write(folder / place.RELEASE, dump(release))
        return release

    def _root_blob(self, root: bytes) -> Blob:
        """A trusted root that differs from the one in place gets a name of its own: a release.json names
        that one, and so do policies."""
        existing = self.plan.existing
        blob = documents.blob("trusted_root.json", root)
        if existing and existing.trusted_root.sha256 != blob.sha256:
            return documents.blob(f"trusted_root-{blob.sha256[:16]}.json", root)
        return existing.trusted_root if existing else blob

    def _put(self, release: Release, sites: Sequence[Site]) -> None:
        place.check_unchanged(self.plan)
        for site in sites:
            if site.export is not None:
                site.export(place.log_folder(self.plan.root, site.name))
        place.explain(self.plan)
        if self.plan.existing is None:
            place.place(self.plan)
        elif relocate(release, "") != self.plan.existing:
            place.extend(self.plan, release)
        place.commit(self.plan, release)

    def _remember(self, release: Release, anchored: Sequence[Anchored]) -> None:
        """The home knows for ever what it published; only then are the journals done with."""
        guard.published(self.order.home, self.plan.root, self.sealing.data)
        self.signed.keep(self.sealing.data, [(a.path, a.bundle) for a in anchored])
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
