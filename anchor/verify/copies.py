# SPDX-License-Identifier: Apache-2.0
"""The copy of the trust material that lies beside a release: convenient, and believed by nobody who verifies.

Decides whether it is the file that release.json names and does what the verifier's own roots do.
"""

from dataclasses import dataclass
from datetime import datetime

from anchor.errors import AnchorError, Refused
from anchor.release import MAX_TRUSTED_ROOT, Release
from anchor.trusted_root import TrustedRoot
from anchor.trusted_root import parse as parse_root
from anchor.verdict import Check
from anchor.verify.bundle import verify_bundle
from anchor.verify.files import Files, read_whole
from anchor.verify.release_steps import COPY, broken, held
from anchor.verify.report import BundleReport


@dataclass(frozen=True)
class Copy:
    """The copy: its JSON, and what that says."""

    raw: bytes
    root: TrustedRoot

    def verify(self, bundle: bytes, now: datetime) -> BundleReport:
        """A bundle of any signer under the copy alone: consistent at best, as anybody can make a copy."""
        return verify_bundle(bundle, trusted_root=self.root, artifact=None, signers=None, now=now)

    def does_the_same(self, bundle: bytes, payload: bytes, now: datetime) -> str:
        """What the verifier's own root verifies, the copy verifies; raises `Refused`."""
        found = self.verify(bundle, now)
        if not found.ok or found.payload != payload:
            raise Refused("the copy in the release does not verify what the policy's root verifies")
        return "the copy in the release verifies what the policy's trusted root verifies"


def read(release: Release, files: Files) -> tuple[Copy | None, Check]:
    """The copy that a release names, and the check that it is that file."""
    blob = release.trusted_root
    try:
        data = read_whole(files, blob.path, size=blob.size, sha256=blob.sha256, limit=MAX_TRUSTED_ROOT)
        root = parse_root(data, where=blob.path)
    except AnchorError as e:
        return None, broken(COPY, e)
    line = f"{blob.path} has SHA-256 {blob.sha256}, which release.json names"
    return Copy(data, root), held(COPY, line)
