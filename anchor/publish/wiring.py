# SPDX-License-Identifier: Apache-2.0
"""What publishing needs, put together: instances, strict checks, the publisher's own policy.

Imported only by those who sign: it brings the sigstore client.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from anchor import trusted_root
from anchor.edge import files, stamping, stock
from anchor.edge.release_files import Folder
from anchor.errors import Misuse, Refused
from anchor.publish.job import Tools
from anchor.publish.site import Site
from anchor.release import MAX_RELEASE, Release
from anchor.trust import Policy, Signer
from anchor.verdict import Verdict
from anchor.verify.bundle import verify_bundle
from anchor.verify.release import Trust, verify_release
from anchor.verify.report import BundleReport
from anchor.wiring import EMBEDDED, embedded_site

Confirm = Callable[[str], bool]


def sites(names: Sequence[str], home: Path, *, confirm: Confirm | None) -> list[Site]:
    """The instances by name, each once. `confirm` is asked before a public log is written to first."""
    if len(set(names)) != len(names):
        raise Misuse("an instance is named twice", where="--also", remedy="name each once")
    return [_site(name, home, confirm) for name in names]


def _site(name: str, home: Path, confirm: Confirm | None) -> Site:  # noqa: ARG001
    if name == EMBEDDED:
        return embedded_site(home)
    raise Misuse(f"the instance {name!r} is not known", where="--instance")


def tools(say: Callable[[str], None]) -> Tools:
    """The real checks."""
    return Tools(examine=examine, stamp=_stamper, verify=verify_own, say=say)


def examine(bundle: bytes, payload: bytes, root: bytes) -> BundleReport:
    """A bundle over these statement bytes, strictly; raises `Refused` with the first check that failed."""
    found = verify_bundle(bundle, trusted_root=trusted_root.parse(root), artifact=None, now=datetime.now(UTC))
    if not found.ok:
        bad = next((c for c in found.checks if c.demotes), None)
        raise Refused(f"{bad.name}: {bad.detail}" if bad else str(found.verdict), where="bundle")
    if found.payload != payload:
        raise Refused("the bundle is over another statement", where="bundle")
    return found


def _stamper(site: Site) -> Callable[[bytes], bytes] | None:
    authority = site.stamps
    if authority is None:
        return None
    root = trusted_root.parse(site.trusted_root)
    return lambda signature: stamping.stamp(authority, signature, root)


def verify_own(path: Path, release: Release, root: bytes) -> Verdict:
    """Verify a release on disk as a stranger with the publisher's policy would, from its bytes alone."""
    signers = {(a.identity, a.issuer) for a in release.anchors}
    policy = Policy(
        ledger=release.ledger.name,
        signers=tuple(Signer(identity=i, issuer=s) for i, s in sorted(signers)),
        min_anchors=len({a.log.id for a in release.anchors}),
        min_number=release.ledger.number,
    )
    trust = Trust(policy=policy, raw=[root], root=trusted_root.parse(root))
    data = files.read(path, limit=MAX_RELEASE)
    return verify_release(
        str(path), data, Folder(path.parent), trust=trust, now=datetime.now(UTC), stock=stock.opinion
    )
