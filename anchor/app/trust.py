# SPDX-License-Identifier: Apache-2.0
"""The verifier's trust: the policy, the trusted roots that it names, and how fresh they are."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from anchor.app.own_root import named, own_root, public_logs
from anchor.disk import files, user_files, user_folders
from anchor.encoding import is_json
from anchor.errors import AnchorError, Incomplete, Missing, Misuse, Refused, Unavailable
from anchor.format import release as release_file
from anchor.net.budget import Budget
from anchor.sigstore import trusted_root as roots
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.verdict import Check, failed, passed
from anchor.verify.anchors import Trust
from anchor.verify.policy import MAX_SIZE, Policy, RootSource, Signer, parse_policy
from anchor.verify.release_files import COPYING, Files
from anchor.verify.steps import TRUST_FRESH

if TYPE_CHECKING:
    from anchor.app.public_roots import PublicRoot
    from anchor.net import tuf_roots as tuf
    from anchor.tlog.witness_policy import WitnessPolicy

Opened = Callable[[], tuple[bytes, Files]]
"""Gives the bytes of a release.json, and where its files are."""


def trust_for(
    release: str | None,
    *,
    policy: Path | None,
    ledger: str | None,
    identity: str | None,
    issuer: str | None,
    trusted_root: str | None,
    budget: Budget,
    offline: bool,
    opened: Opened | None = None,
    beside: Sequence[Path] = (),
) -> tuple[Trust | None, list[str]]:
    """The verifier's trust, from a policy file or from flags, and notes about it. None: there is neither.

    `release`: what is verified, if files lie beside it. A policy among these is noted. Its copies of trusted
    roots are asked for a root that is pinned by its digest alone. `opened` gives its release.json and files,
    if the caller reads them anyway. `beside`: without a release, the files whose folders may have such a
    root.

    Raises `Misuse` for incomplete flags, `Refused` for a trusted root that is not the pinned one,
    `RootNotHere` if no bytes with a pinned digest are at hand.
    """
    places = _Places(release or "", opened, budget, offline, beside)
    flags = {"--ledger": ledger, "--identity": identity, "--issuer": issuer, "--trusted-root": trusted_root}
    given = [name for name, value in flags.items() if value is not None]
    if given and policy is not None:
        raise Misuse(f"{given[0]} and --policy say the same thing", where=given[0], remedy="give one of them")
    if ledger and identity and issuer and trusted_root:
        signers = (Signer(identity=identity, issuer=issuer),)
        found = Policy(ledger=ledger, signers=signers, trusted_roots=(named(trusted_root),))
        trusted = _trust(found, Path(), places, read=user_files.read)
        return trusted, _lying_inside(found, None, release)
    if given:
        missing = next(name for name, value in flags.items() if not value)
        raise Misuse("all four options are needed together", where=missing, remedy=f"give {missing} too")
    path = policy or user_folders.config() / "policy.toml"
    if policy is None and not path.exists():
        return None, []
    trusted = _load(path, places)
    return trusted, _lying_inside(trusted.policy, path, release)


def load(path: Path, *, budget: Budget, offline: bool, release: str = "") -> Trust:
    """The trust that a policy file describes. `release`: whose copies have a root that is pinned by its
    digest alone, if any."""
    return _load(path, _Places(release, None, budget, offline))


class _Places(NamedTuple):
    """Where trusted roots come from, beside the files that a policy names."""

    release: str
    opened: Opened | None
    budget: Budget
    offline: bool
    beside: Sequence[Path] = ()

    def pinned(self, digest: bytes) -> "_Root":
        """The root with this SHA-256."""
        from anchor.app import pinned_roots  # only for a digest without a path

        source: pinned_roots.Source = pinned_roots.Beside(self.beside)
        if self.release:
            source = pinned_roots.Copies(self.release, self.opened, self.budget, offline=self.offline)
        found = pinned_roots.find(digest, source)
        return _Root(found.data, found.root, public_logs=public_logs(found.root), notes=found.notes)


def parsed(path: Path) -> Policy:
    """The policy in a file. Raises `Misuse`, which says what a file of another kind is."""
    data = user_files.read(path, limit=MAX_SIZE)
    try:
        return parse_policy(data, where=str(path))
    except Misuse:
        from anchor.app import wrong_kind  # only for what is no policy

        if wrong_kind.kind_of(data, str(path)) or wrong_kind.is_no_toml(data):
            wrong_kind.check(data, str(path), wrong_kind.POLICY)
        raise


def _load(path: Path, places: _Places) -> Trust:
    policy = parsed(path)
    try:
        return _trust(policy, user_files.base(path), places)
    except Missing as e:
        if not user_files.is_stream(path):
            raise
        remedy = f"the policy comes from {path}, so its relative paths are those of the current folder"
        raise Missing(e.problem, where=e.where, remedy=remedy) from None


def _trust(policy: Policy, base: Path, places: _Places, *, read: Callable[..., bytes] = files.read) -> Trust:
    """`read` reads a file. Only a file that the command line names may be a pipe.

    A file that a policy names may lie in the verified tree, where somebody else could put an endless pipe.
    """
    found = [_load_root(source, base, policy, places, read=read) for source in policy.trusted_roots]
    root = roots.union(each.root for each in found)
    witnesses, log_witnesses = None, dict[str, "WitnessPolicy"]()
    if policy.tlog_policy or policy.log_witnesses:
        from anchor.app import witness_policies  # only for a policy that names witnesses

        witnesses = witness_policies.general(policy, base, root)
        log_witnesses = witness_policies.of_logs(policy, base, root)
    return Trust(
        policy=policy,
        raw=[each.raw for each in found],
        root=root,
        labels=[source.label for source in policy.trusted_roots],
        checks=tuple(each.check for each in found if each.check is not None),
        witnesses=witnesses,
        log_witnesses=log_witnesses,
        public_logs=frozenset().union(*(each.public_logs for each in found)),
        versions={name: version for each in found for name, version in each.versions.items()},
        notes=[note for each in found for note in each.notes],
    )


class _Root(msgspec.Struct, frozen=True):
    """A trusted root that a policy names: bytes, value, how fresh it is, TUF versions behind it."""

    raw: bytes
    root: TrustedRoot
    check: Check | None = None
    public_logs: frozenset[bytes] = frozenset()
    """The keys (SPKI DER) of its logs that a public instance runs."""
    versions: Mapping[str, str] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _load_root(
    source: RootSource,
    base: Path,
    policy: Policy,
    places: _Places,
    *,
    read: Callable[..., bytes],
) -> _Root:
    """A trusted root that a policy names, checked against its pin or for its freshness."""
    if source.name:
        from anchor.app.public_roots import public_root  # brings TUF

        found = public_root(source.name, budget=places.budget, offline=places.offline)
        data, fresh = found.material.trusted_root, _fresh(source.name, found, policy.max_root_age)
        root = roots.parse(data, where=source.name)
        logs = frozenset(log.key.spki for log in root.tlogs)
        return _Root(data, root, fresh, logs, _versions(source.name, found.material))
    if not source.path:
        assert source.sha256 is not None
        return places.pinned(source.sha256)
    path, pinned = base / source.path, source.sha256
    data = read(path, limit=release_file.MAX_TRUSTED_ROOT)
    digest = hashlib.sha256(data).digest()
    if pinned is not None and digest != pinned and not is_json(data):
        raise Incomplete("no whole trusted root", where=str(path), remedy=COPYING)
    if pinned is not None and digest != pinned:
        raise Refused(
            f"SHA-256 is {digest.hex()} where the policy pins {pinned.hex()}",
            where=str(path),
            remedy="get the trusted root that was pinned; another one trusts other keys",
        )
    own = own_root(data, where=str(path))
    return _Root(data, own, public_logs=public_logs(own))


def _versions(name: str, material: "tuf.Material") -> dict[str, str]:
    """TUF versions by role, under names that people can read."""
    if not material.versions:
        return {f"TUF {name}": "the shipped copy, never refreshed here"}
    return {f"TUF {name} {role}": f"version {number}" for role, number in material.versions.items()}


def _fresh(name: str, found: "PublicRoot", max_age: timedelta | None) -> Check:
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


def _lying_inside(policy: Policy, path: Path | None, release: str | None) -> list[str]:
    """Notes about a trusted policy or root that lies in the tree that is verified."""
    notes: list[str] = []
    if release is None:
        return notes
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
