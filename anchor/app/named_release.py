# SPDX-License-Identifier: Apache-2.0
"""The release that a user names on the command line: another file in its place is a slip, and no tampering.

Only for what a person names now. A release that is watched or mirrored is judged by what its address serves:
whoever could put another kind of file there would silence an alarm.
"""

from pathlib import Path

from anchor import limits
from anchor.disk import files
from anchor.errors import AnchorError
from anchor.format.names import RELEASE
from anchor.net import release_files
from anchor.net.budget import Budget
from anchor.net.release_files import Folder, Remote

_FORMAT = b"urn:ledger-anchor:release:"
_FIRST = 200
"""Bytes in which a release.json names its format."""


def load(
    target: str, budget: Budget, *, offline: bool = False, for_policy: bool = False
) -> tuple[bytes, Folder | Remote]:
    """The bytes of a release.json, and where the files that it names are. `for_policy`: a policy is made from
    it.

    Raises `Misuse` or `Incomplete` for a file of another name that is of another kind.
    """
    data, beside = release_files.load(target, budget, offline=offline)
    check_kind(data, target, for_policy=for_policy)
    return data, beside


def check_kind(data: bytes, target: str, *, for_policy: bool = False) -> None:
    """Raise if what was read at this path or URL is of another kind. What lies under the name of a
    release.json is judged, whatever it is. So is what a server answers, unless it is a known document: an
    error page may come and go."""
    if (
        _FORMAT in data[:_FIRST]
        or is_named_so(target)
        or (not release_files.is_url(target) and Path(target).is_dir())
    ):
        return
    from anchor.app import wrong_kind  # only for another file than a release.json

    if release_files.is_url(target) and not wrong_kind.kind_of(data, target):
        return
    wrong_kind.check(data, target, wrong_kind.RELEASE_WITH_ROOT if for_policy else wrong_kind.RELEASE)


def is_named_so(target: str) -> bool:
    """True for the name of a release.json, and of a folder: what lies there is judged, whatever it is."""
    return target.rpartition("/")[2] in (RELEASE, "")


def check_local(target: str) -> None:
    """The same for a path that is about to be watched. A file that cannot be read is told by its run."""
    path = Path(target)
    if release_files.is_url(target) or not path.is_file():
        return
    try:
        data = files.read(path, limit=limits.RELEASE_2)
    except AnchorError:
        return
    check_kind(data, target)
