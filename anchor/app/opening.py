# SPDX-License-Identifier: Apache-2.0
"""The opening of a confidential release: written by its publisher.

FORMAT.md section 16.4.
"""

from pathlib import Path

from anchor.disk.confidential_ledger import opening_file, seal_confidential
from anchor.errors import Misuse, Unavailable
from anchor.format.release import Release
from anchor.publish import release_secrets
from anchor.publish.sealing import PublishRequest


def write_opening(request: PublishRequest, release: Release, path: Path) -> str:
    """Write the opening of a release that was just published, and return a line that says so.

    The ledger is read once more. Raises `Misuse` if the home has no secret of the release, `Unavailable` if
    the ledger changed since.
    """
    draft = release_secrets.of_statement(request.home, release.statement.sha256)
    if draft is None:
        place = release_secrets.path(request.home, release.statement.sha256)
        raise Misuse("the secret of this release is not there", where=str(place))
    with opening_file(path) as f:
        found = seal_confidential(request.ledger, ledger=release.ledger, secret=draft.key, opening=f)
        if found.sealed.root.hex() != release.tree.root:
            raise Unavailable(
                "the ledger changed while it was published, so no opening is written",
                where=str(path),
                remedy="publish the version again with the ledger as it was",
            )
    return f"opening    {path}: whoever has it knows every fact"
