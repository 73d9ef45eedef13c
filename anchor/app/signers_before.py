# SPDX-License-Identifier: Apache-2.0
"""The signers of the release before, whom a publication and its dry run compare with who would sign now.

A dry run does not import the sigstore client, and neither does this module.
"""

from dataclasses import replace
from pathlib import Path

from anchor import log_kinds
from anchor.app import publisher_homes
from anchor.disk import files
from anchor.embedded.instance import FOLDER, Instance
from anchor.errors import AnchorError
from anchor.format import release as release_file
from anchor.format.names import RELEASE
from anchor.format.release import MAX_RELEASE
from anchor.publish.plan import FOLDER as PUBLISHED
from anchor.publish.same_signer import SameSigner, Signing
from anchor.verify.anchors import Trust


def recorded(folder: Path) -> frozenset[Signing]:
    """The signers that the release in a folder names, with their logs; not verified. Empty if there is no
    release."""
    try:
        release = release_file.load(files.read(folder / RELEASE, limit=MAX_RELEASE))
    except AnchorError:
        return frozenset()
    return frozenset((a.identity, a.issuer, log_kinds.log_name(a.log.origin)) for a in release.anchors)


def signer_before(
    root: Path, home: Path, version: str, *, accepted: bool, own: Trust | None = None
) -> SameSigner:
    """The signers of the release before a version, by the release.json files of a folder, and the home on
    this machine with their keys. If the version is in place, its own signers count as well."""
    there, before = recorded(root / PUBLISHED / version), recorded(root)
    if there:
        before = there | recorded(root / PUBLISHED / _before(root / PUBLISHED / version))
    return _same_signer(before, home, accepted=accepted, own=own, met=bool(there))


def signer_of_newest(root: Path, home: Path, *, own: Trust | None = None) -> SameSigner:
    """The signers of the newest release of a folder, who sign a status as well."""
    found = _same_signer(recorded(root), home, accepted=False, own=own, met=False)
    return replace(found, of_release=False)


def _same_signer(
    before: frozenset[Signing], home: Path, *, accepted: bool, own: Trust | None, met: bool
) -> SameSigner:
    elsewhere = ""
    for folder, origin in publisher_homes.embedded():
        if any(origin in issuer for _, issuer, _ in before) and folder != home:
            elsewhere = str(folder)
    return SameSigner(
        before=before,
        home=str(home),
        elsewhere=elsewhere,
        accepted=accepted,
        signers=own.policy.signers if own else (),
        min_signers=own.policy.min_signers if own else 1,
        met=met,
    )


def _before(folder: Path) -> str:
    """The version that the release in a folder follows; for the first one a name that no version has."""
    previous = release_file.load(files.read(folder / RELEASE, limit=MAX_RELEASE)).previous
    return previous.version if previous else ".none"


def check_embedded(home: Path, signer: SameSigner) -> None:
    """Raise `Misuse` where the embedded instance of a home, or the new one that it would make, would be
    refused in the place of the signer before. Makes no key."""
    if not (home / FOLDER / "instance.json").exists():
        signer.check(None, "", own=True)
        return
    instance = Instance.open(home / FOLDER, create=False)
    try:
        signer.check((instance.identity, instance.issuer), instance.origin, own=True)
    finally:
        instance.close()
