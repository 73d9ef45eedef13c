# SPDX-License-Identifier: Apache-2.0
"""The strict checks of a publication: each bundle before it is kept, the release before it is in place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from anchor.disk import files
from anchor.errors import AnchorError, Refused
from anchor.format.release import MAX_RELEASE, Release
from anchor.net.release_files import Folder
from anchor.publish.policy_text import signers_of
from anchor.publish.same_signer import Identity, joins
from anchor.signing import reference_client
from anchor.sigstore import trusted_root
from anchor.verdict import Verdict
from anchor.verify import independence, status_checks
from anchor.verify.bundle import verify_bundle
from anchor.verify.effort import Effort
from anchor.verify.policy import Policy, Signer
from anchor.verify.release import Trust, verify_release
from anchor.verify.report import BundleReport
from anchor.verify.status_checks import StatusResult


@dataclass(frozen=True)
class Checks:
    """The checks under the publisher's own policy; `own` is None without one."""

    own: Trust | None = None

    @property
    def signers(self) -> tuple[Signer, ...]:
        """The signers of the publisher's own policy; empty without one."""
        return self.own.policy.signers if self.own else ()

    def joins(self, signer: Identity) -> bool:
        """True if the publisher's own policy wants several signers, and this is one of them."""
        return self.own is not None and joins(signer, self.signers, self.own.policy.min_signers)

    def bundle(self, bundle: bytes, statement: bytes, root: bytes) -> BundleReport:
        """A bundle over these statement bytes under a trusted root (JSON); raises `Refused` with the first
        check that failed."""
        found = verify_bundle(
            bundle, trusted_root=trusted_root.parse(root), artifact=None, now=datetime.now(UTC)
        )
        if not found.ok:
            bad = next((c for c in found.checks if c.demotes), None)
            raise Refused(f"{bad.name}: {bad.detail}" if bad else str(found.verdict), where="bundle")
        if found.payload != statement:
            raise Refused("the bundle is over another statement", where="bundle")
        return found

    @property
    def quorum(self) -> bool:
        """True if the publisher's own policy demands a quorum of witnesses of some log."""
        return self.own is not None and bool(self.own.witnesses or self.own.log_witnesses)

    def lacks(self, report: BundleReport) -> str:
        """The missing part of the witness quorum of a verified bundle; empty if nothing is missing."""
        log = report.logs[0]
        witnesses = self.own.witnesses_of(log.origin, log.spki) if self.own else None
        if witnesses is None:
            return ""
        try:
            quorum = independence.count(log, witnesses, datetime.now(UTC), Effort.unlimited())
        except AnchorError as e:
            return str(e)
        return "" if quorum.met else quorum.sentence

    def release(self, path: Path, release: Release, roots: Mapping[str, bytes]) -> Verdict:
        """`anchor verify` of a release.json on disk, by the publisher's policy or the one to be printed.

        `roots`: the trusted root (JSON) of each anchor, by the path of its bundle. The release.json of a
        version names no status, so that none is demanded.
        """
        trust = self.own or _printed_policy(release, roots)
        policy = msgspec.structs.replace(trust.policy, max_status_age=None)
        return verify_release(
            str(path),
            files.read(path, limit=MAX_RELEASE),
            Folder(path.parent),
            trust=msgspec.structs.replace(trust, policy=policy),
            now=datetime.now(UTC),
            reference_client=reference_client.second_opinion,
        )

    def status_in_place(
        self, data: bytes, bundles: Sequence[bytes], *, releases: Sequence[Release], roots: Sequence[bytes]
    ) -> StatusResult:
        """The checks of the status that a folder names, by the signers of these releases in it.

        The publisher's own policy may name another signer by now.
        """
        return status_checks.examine(
            data,
            bundles,
            ledger=releases[0].ledger.name,
            trust=_status_policy(releases, roots, min_anchors=1),
            now=datetime.now(UTC),
            effort=Effort.unlimited(),
        )

    def status(
        self, data: bytes, bundles: Sequence[bytes], *, release: Release, roots: Sequence[bytes]
    ) -> StatusResult:
        """The checks of a status and its bundles (JSON), by the publisher's policy or by that of the newest
        release: its signers, and as many logs as it has. `roots`: trusted roots (JSON)."""
        logs = len({a.log.id for a in release.anchors})
        trust = self.own or _status_policy([release], roots, min_anchors=logs)
        return status_checks.examine(
            data,
            bundles,
            ledger=release.ledger.name,
            trust=trust,
            now=datetime.now(UTC),
            effort=Effort.unlimited(),
        )


def _status_policy(releases: Sequence[Release], roots: Sequence[bytes], *, min_anchors: int) -> Trust:
    """The policy that publish printed for releases, without the ties of signers to roots."""
    raw = list(dict.fromkeys(roots))
    signers = dict.fromkeys((s.identity, s.issuer) for one in releases for s in signers_of(one))
    policy = Policy(
        ledger=releases[0].ledger.name,
        signers=tuple(Signer(identity=identity, issuer=issuer) for identity, issuer in signers),
        min_anchors=min_anchors,
    )
    return Trust(policy=policy, raw=raw, root=trusted_root.union(map(trusted_root.parse, raw)))


def _printed_policy(release: Release, roots: Mapping[str, bytes]) -> Trust:
    """The policy that publish prints: these logs, these signers, each under the roots of his instances."""
    raw = {a.trusted_root: roots[a.bundle.path] for a in release.anchors}
    several = len(raw) > 1
    policy = Policy(
        ledger=release.ledger.name,
        signers=tuple(
            Signer(identity=s.identity, issuer=s.issuer, trusted_roots=s.roots if several else ())
            for s in signers_of(release)
        ),
        min_anchors=len({a.log.id for a in release.anchors}),
        min_number=release.ledger.number,
    )
    return Trust(
        policy=policy,
        raw=list(raw.values()),
        root=trusted_root.union(map(trusted_root.parse, raw.values())),
        labels=list(raw) if several else (),
    )
