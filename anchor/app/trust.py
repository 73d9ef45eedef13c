# SPDX-License-Identifier: Apache-2.0
"""The verifier's trust: the policy, the trusted roots that it names, and how fresh they are."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import msgspec

from anchor.app.public_roots import PUBLIC_INSTANCES, PublicRoot, own_root, public_root
from anchor.disk import files, user_files, user_folders
from anchor.encoding import is_json
from anchor.errors import AnchorError, Incomplete, Misuse, Refused, Unavailable
from anchor.format import release as release_file
from anchor.net import tuf_roots as tuf
from anchor.net.budget import Budget
from anchor.sigstore import trusted_root as roots
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.tlog import witness_policy
from anchor.tlog.witness_policy import WitnessPolicy
from anchor.verdict import Check, failed, passed
from anchor.verify.anchors import Trust
from anchor.verify.policy import MAX_SIZE, Policy, RootSource, Signer, parse_policy
from anchor.verify.release_files import COPYING
from anchor.verify.steps import TRUST_FRESH


def trust_for(
    release: str,
    *,
    policy: Path | None,
    ledger: str | None,
    identity: str | None,
    issuer: str | None,
    trusted_root: str | None,
    budget: Budget,
    offline: bool,
) -> tuple[Trust | None, list[str]]:
    """The verifier's trust, from a policy file or from flags, and notes about it. None: there is neither.

    Raises `Misuse` for incomplete flags, `Refused` for a trusted root that is not the pinned one.
    """
    flags = {"--ledger": ledger, "--identity": identity, "--issuer": issuer, "--trusted-root": trusted_root}
    given = [name for name, value in flags.items() if value is not None]
    if given and policy is not None:
        raise Misuse(f"{given[0]} and --policy say the same thing", where=given[0], remedy="give one of them")
    if ledger and identity and issuer and trusted_root:
        source = (
            RootSource(name=trusted_root)
            if trusted_root in PUBLIC_INSTANCES
            else RootSource(path=trusted_root)
        )
        found = Policy(
            ledger=ledger, signers=(Signer(identity=identity, issuer=issuer),), trusted_roots=(source,)
        )
        return _trust(found, Path(), budget, offline=offline, read=user_files.read), _lying_inside(
            found, None, release
        )
    if given:
        missing = next(name for name, value in flags.items() if not value)
        raise Misuse("all four options are needed together", where=missing, remedy=f"give {missing} too")
    path = policy or user_folders.config() / "policy.toml"
    if policy is None and not path.exists():
        return None, []
    trusted = load(path, budget=budget, offline=offline)
    return trusted, _lying_inside(trusted.policy, path, release)


def load(path: Path, *, budget: Budget, offline: bool) -> Trust:
    """The trust that a policy file describes."""
    data = user_files.read(path, limit=MAX_SIZE)
    return _trust(parse_policy(data, where=str(path)), user_files.base(path), budget, offline=offline)


def _trust(
    policy: Policy, base: Path, budget: Budget, *, offline: bool, read: Callable[..., bytes] = files.read
) -> Trust:
    """`read` reads a file. Only a file that the command line names may be a pipe.

    A file that a policy names may lie in the verified tree, where somebody else could put an endless pipe.
    """
    found = [
        _load_root(source, base, policy, budget, offline=offline, read=read)
        for source in policy.trusted_roots
    ]
    root = roots.union(each.root for each in found)
    return Trust(
        policy=policy,
        raw=[each.raw for each in found],
        root=root,
        labels=[source.label for source in policy.trusted_roots],
        checks=tuple(each.check for each in found if each.check is not None),
        witnesses=_witnesses(policy, base, root),
        versions={name: version for each in found for name, version in each.versions.items()},
    )


def _witnesses(policy: Policy, base: Path, root: TrustedRoot) -> WitnessPolicy | None:
    """The witness policy that a policy names; each of its logs must be in the trusted root."""
    if not policy.tlog_policy:
        return None
    path = base / policy.tlog_policy
    data = files.read(path, limit=witness_policy.MAX_POLICY)
    try:
        found = witness_policy.parse(data)
    except Misuse as e:
        raise e.at(str(path)) from None
    names = {name for log in root.tlogs for name in log.names}
    for line in found.logs:
        if line.key.name not in names:
            raise Misuse(
                f"the log {line.key.name} is not in the trusted root",
                where=str(path),
                remedy="name the logs of the trusted root, or trust the root that has this log",
            )
    return found


class _Root(msgspec.Struct, frozen=True):
    """A trusted root that a policy names: bytes, value, how fresh it is, TUF versions behind it."""

    raw: bytes
    root: TrustedRoot
    check: Check | None = None
    versions: Mapping[str, str] = msgspec.field(default_factory=dict)


def _load_root(
    source: RootSource,
    base: Path,
    policy: Policy,
    budget: Budget,
    *,
    offline: bool,
    read: Callable[..., bytes],
) -> _Root:
    """A trusted root that a policy names, checked against its pin or for its freshness."""
    if source.name:
        found = public_root(source.name, budget=budget, offline=offline)
        data, fresh = found.material.trusted_root, _fresh(source.name, found, policy.max_root_age)
        return _Root(
            data, roots.parse(data, where=source.name), fresh, _versions(source.name, found.material)
        )
    path = base / source.path
    data = read(path, limit=release_file.MAX_TRUSTED_ROOT)
    digest = hashlib.sha256(data).digest()
    if source.sha256 is not None and digest != source.sha256 and not is_json(data):
        raise Incomplete("no whole trusted root", where=str(path), remedy=COPYING)
    if source.sha256 is not None and digest != source.sha256:
        raise Refused(
            f"SHA-256 is {digest.hex()} where the policy pins {source.sha256.hex()}",
            where=str(path),
            remedy="get the trusted root that was pinned; another one trusts other keys",
        )
    return _Root(data, own_root(data, where=str(path)))


def _versions(name: str, material: tuf.Material) -> dict[str, str]:
    """TUF versions by role, under names that people can read."""
    if not material.versions:
        return {f"TUF {name}": "the shipped copy, never refreshed here"}
    return {f"TUF {name} {role}": f"version {number}" for role, number in material.versions.items()}


def _fresh(name: str, found: PublicRoot, max_age: timedelta | None) -> Check:
    """Trust material that may be out of date is STALE, and what could not be refreshed UNAVAILABLE.

    A copy that was not refreshed just now is accepted only within `max_root_age` of the policy, or with
    `--offline`.
    """
    material = found.material
    try:
        material.check_fresh(found.now, max_age=max_age)
        if found.refresh_error and max_age is None:
            when = f"{material.refreshed:%Y-%m-%d %H:%M} UTC"
            problem = f"the copy of {when} could not be refreshed, so keys may have been revoked since: "
            remedy = "try later, give --offline, or say in the policy how old it may be: max_root_age"
            raise Unavailable(problem + found.refresh_error, where=material.where, remedy=remedy)
    except AnchorError as e:
        return failed(TRUST_FRESH, e)
    line = f"the {name} trusted root, refreshed at {material.refreshed}, is valid until {material.expires}"
    if found.refresh_error:
        line = f"{line}; not refreshed now, within max_root_age: {found.refresh_error}"
    line = f"{line}; not kept for the next run: {material.cache_error}" if material.cache_error else line
    return passed(TRUST_FRESH, line)


def _lying_inside(policy: Policy, path: Path | None, release: str) -> list[str]:
    """Notes about a trusted policy or root that lies in the tree that is verified."""
    notes = []
    if path is not None and not user_files.is_stream(path) and _inside_release(path, release):
        line = f"the policy {path} lies in what is verified: whoever can change one can change the other"
        notes.append(line)
    base = user_files.base(path) if path else Path()
    for source in policy.trusted_roots:
        if source.path and source.sha256 is None and _inside_release(base / source.path, release):
            line = f"the trusted root {source.path} lies in what is verified and is not pinned by a digest"
            notes.append(f"{line}: whoever made the release could choose whom you trust")
    return notes


def _inside_release(trusted: Path, release: str) -> bool:
    """True if a file lies in the tree that is verified with it."""
    if "://" in release:
        return False
    path = Path(release)
    folder = (path if path.is_dir() else path.parent).resolve()
    if folder.parent.name == "release":  # a version's own release.json: the tree begins above
        folder = folder.parent.parent
    as_named = trusted.parent.resolve() / trusted.name  # a link in the tree is in it, wherever it leads
    return as_named.is_relative_to(folder) or trusted.resolve().is_relative_to(folder)
