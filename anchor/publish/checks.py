# SPDX-License-Identifier: Apache-2.0
"""The strict checks of a publication: each bundle before it is kept, the release before it is in place."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from anchor.disk import files
from anchor.errors import AnchorError, Refused
from anchor.format.release import MAX_RELEASE, Release
from anchor.net.release_files import Folder
from anchor.signing import reference_client
from anchor.sigstore import trusted_root
from anchor.verdict import Verdict
from anchor.verify.anchors import check_witnesses
from anchor.verify.bundle import verify_bundle
from anchor.verify.effort import Effort
from anchor.verify.policy import Policy, Signer
from anchor.verify.release import Trust, verify_release
from anchor.verify.report import BundleReport


@dataclass(frozen=True)
class Checks:
    """The checks under the publisher's own policy; `own` is None without one."""

    own: Trust | None = None

    @property
    def signers(self) -> tuple[Signer, ...]:
        """The signers of the publisher's own policy; empty without one."""
        return self.own.policy.signers if self.own else ()

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
        """True if the publisher's own policy demands a quorum of witnesses."""
        return self.own is not None and self.own.witnesses is not None

    def lacks(self, report: BundleReport) -> str:
        """The missing part of the witness quorum of a verified bundle; empty if nothing is missing."""
        if self.own is None or self.own.witnesses is None:
            return ""
        try:
            check_witnesses(report, self.own.witnesses, datetime.now(UTC), Effort.unlimited())
        except AnchorError as e:
            return str(e)
        return ""

    def release(self, path: Path, release: Release, root: bytes) -> Verdict:
        """`anchor verify` of a release.json on disk, by the publisher's policy or the one to be printed."""
        return verify_release(
            str(path),
            files.read(path, limit=MAX_RELEASE),
            Folder(path.parent),
            trust=self.own or _printed_policy(release, root),
            now=datetime.now(UTC),
            reference_client=reference_client.second_opinion,
        )


def _printed_policy(release: Release, root: bytes) -> Trust:
    """The policy that publish prints: this signer, these logs, this trusted root."""
    signers = {(a.identity, a.issuer) for a in release.anchors}
    policy = Policy(
        ledger=release.ledger.name,
        signers=tuple(Signer(identity=i, issuer=s) for i, s in sorted(signers)),
        min_anchors=len({a.log.id for a in release.anchors}),
        min_number=release.ledger.number,
    )
    return Trust(policy=policy, raw=[root], root=trusted_root.parse(root))
