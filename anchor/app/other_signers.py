# SPDX-License-Identifier: Apache-2.0
"""The signers who were added to a published version from outside of this home.

Whoever can write the published folder can add an anchor of his own to it. The policy that a publication
prints accepts every signer of the release. So the publisher is told who did not sign from his home.
"""

import contextlib
import hashlib
from pathlib import Path

from anchor import limits
from anchor.disk import files
from anchor.errors import AnchorError
from anchor.format import release as release_file
from anchor.format.names import RELEASE
from anchor.publish.plan import FOLDER
from anchor.publish.signing_history import SignedStatements


def of_version(root: Path, home: Path, version: str) -> list[str]:
    """Each signer of a published version whose bundle this home has not kept, in words. Nobody if the home
    has kept none of them: then the version was published from another one."""
    folder = root / FOLDER / version
    with contextlib.suppress(AnchorError):
        release = release_file.load(files.read(folder / RELEASE, limit=limits.RELEASE))
        statement = files.read(files.inside(folder, release.statement.path), limit=limits.STATEMENT)
        kept = {hashlib.sha256(data).hexdigest() for _, data in SignedStatements(home).kept(statement)}
        added = [a for a in release.anchors if a.bundle.sha256 not in kept]
        if kept:
            return sorted({f"{a.identity} (issuer {a.issuer})" for a in added})
    return []
