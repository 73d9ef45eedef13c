# SPDX-License-Identifier: Apache-2.0
"""The newest release online, compared with the folder before anything is signed.

A clone that was not updated is behind the site, and so is a backup that was put back. In such a folder a
number would get a second release. The home of another machine does not know what this one signed; the site
does. Nothing online is believed: whoever serves it can stop a publication, and cannot cause one.
"""

from dataclasses import dataclass

from anchor.disk import files
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.format import names
from anchor.format import release as release_file
from anchor.format.names import RELEASE
from anchor.format.release import Release
from anchor.publish.plan import Plan

OPTION = "--online"


@dataclass(frozen=True)
class Online:
    """A site as it was found. `data`: its release.json; None if the server does not have one."""

    url: str
    data: bytes | None


def check(online: Online, plan: Plan, digest: str) -> str:
    """Return a line about the site if the planned release contradicts nothing that is online.

    `digest`: SHA-256 (hex) of the planned statement. Raises `Misuse` for a fork, `Unavailable` if nothing can
    be told.
    """
    if online.data is None:
        return _nothing_there(online, plan)
    found = _read(online, online.data, plan)
    _check_known(online, found, plan)
    ours, theirs = plan.ledger, found.ledger
    here = digest if theirs.number == ours.number else _here(plan, found)
    described = f"release {theirs.number} ({theirs.version}) is online"
    if here == found.statement.sha256:
        return f"{described}, and is the one of this folder"
    if here:
        raise _forked(online, f"{described}, with another statement than the one of this folder")
    if theirs.number > plan.newest:
        if plan.existing is not None:
            return f"{described}; nothing new is signed here"
        raise _forked(online, f"{described}, and this folder knows {plan.newest or 'none'}")
    return f"{described}; this folder lacks it, so that the two are not compared"


def check_status(online: Online, plan: Plan) -> str:
    """Return a line about the site if a status that follows the one in the folder contradicts nothing that is
    online. Raises as `check`."""
    if online.data is None:
        return _nothing_there(online, plan)
    found = _read(online, online.data, plan)
    _check_known(online, found, plan)
    described = f"release {found.ledger.number} ({found.ledger.version}) is online"
    here = _here(plan, found)
    if found.ledger.number > plan.newest or here not in ("", found.statement.sha256):
        raise _forked(online, f"{described}, and this folder has another one or none")
    return f"{described}, and no status that this folder lacks"


def _read(online: Online, data: bytes, plan: Plan) -> Release:
    """The release.json of the site, which is of this ledger."""
    try:
        found = release_file.load(data)
    except AnchorError as e:
        raise Unavailable(
            e.problem, where=f"{OPTION}: {online.url}", remedy="publish when it is whole"
        ) from None
    ours, theirs = plan.ledger, found.ledger
    if theirs.name != ours.name:
        remedy = "name the address of this ledger"
        problem = f"is the ledger {names.shown(theirs.name)}, not {names.shown(ours.name)}"
        raise Misuse(problem, where=f"{OPTION}: {online.url}", remedy=remedy)
    return found


def _check_known(online: Online, found: Release, plan: Plan) -> None:
    """Raise `Misuse` if the site has a status that the folder lacks: a release that is made here would commit
    to an old one, and the next status would be a second one of its sequence."""
    theirs, ours = found.status, plan.status.files if plan.status else None
    if theirs is None:
        return
    here = ours.sequence if ours else 0
    if theirs.sequence > here:
        raise _forked(online, f"status {theirs.sequence} is online, and this folder knows {here or 'none'}")
    if ours is not None and theirs.sequence == here and theirs.statement.sha256 != ours.statement.sha256:
        raise _forked(online, f"status {here} is online, with another statement than the one of this folder")


def _nothing_there(online: Online, plan: Plan) -> str:
    if plan.newest == 0:
        return "no release is online yet"
    raise Unavailable(
        f"the server has no release.json, and this folder has release {plan.newest}",
        where=f"{OPTION}: {online.url}",
        remedy=f"check the address; leave {OPTION} out if nothing was uploaded so far",
    )


def _here(plan: Plan, found: Release) -> str:
    """The digest of the statement that this folder has for a number; "" if it has none."""
    if plan.existing is None and plan.previous and plan.previous.number == found.ledger.number:
        return plan.previous.statement
    path = plan.root / "release" / found.ledger.version / RELEASE
    if not path.is_file():
        return ""
    one = release_file.load(files.read(path, limit=release_file.MAX_RELEASE))
    return one.statement.sha256 if one.ledger == found.ledger else ""


def _forked(online: Online, problem: str) -> Misuse:
    return Misuse(
        f"{problem}: a second one contradicts the first one for ever",
        where=f"{OPTION}: {online.url}",
        remedy="nothing was signed: get the newest state of the published folder, and publish then",
    )
