# SPDX-License-Identifier: Apache-2.0
"""A policy for somebody who has none yet: what a release claims about itself, and what to compare.

Nothing that a release says about its own trusted root is evidence. So the digest of each root that is not one
of a public instance is to be compared with the publisher.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urljoin

import msgspec

from anchor.app import named_release
from anchor.encoding import toml_string
from anchor.errors import AnchorError, Misuse, Refused, RootNotHere, Unavailable, Unsupported
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.release import Release
from anchor.log_kinds import EMBEDDED
from anchor.net import release_files
from anchor.net.budget import Budget
from anchor.publish import policy_text
from anchor.verdict import Class
from anchor.verify import anchors, ledger_checks
from anchor.verify.anchors import AnchorReport
from anchor.verify.effort import Effort
from anchor.verify.release import load_named
from anchor.verify.release_files import read_whole

BUDGET = 60.0
"""Seconds for everything that is fetched."""


class ClaimedLog(msgspec.Struct, frozen=True):
    """A log that a release is in, as the release claims it."""

    origin: str
    operator: str
    """Who runs it, in words."""
    signatures: tuple[str, ...]
    """The names of further signature lines of its checkpoint, which nobody verified: witnesses, perhaps."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A release that a policy would accept. Its bundles verify under its own copies of trusted roots."""

    target: str
    release: Release
    logs: tuple[ClaimedLog, ...]
    public: Mapping[str, str]
    """The public instances, by the SHA-256 (hex) of the copies whose place they take."""
    shown_by: Mapping[str, str]
    """Where the copy of each root lies, by its SHA-256 (hex)."""
    roots: Mapping[str, bytes]
    """The bytes of each copy, by its SHA-256 (hex)."""

    @property
    def pins(self) -> tuple[str, ...]:
        """The digests (hex) to be compared: one for each instance that is no public one."""
        return tuple(d for d in self.roots if d not in self.public)

    def check_given(self, given: Sequence[str]) -> None:
        """Return if these digests (hex) are those of the release; raises `RootNotHere`."""
        for digest in given:
            if digest not in self.roots:
                problem = f"the pinned trusted root with SHA-256 {digest} is not here; the release carries "
                problem += f"another one, with SHA-256 {', '.join(self.roots)}"
                raise RootNotHere(problem, where=self.target, remedy="do not use it, and ask the publisher")
        missing = [digest for digest in self.pins if digest not in given]
        if missing:
            problem = f"the release has another instance, whose root has SHA-256 {', '.join(missing)}"
            remedy = "ask the publisher for its digest, and give --trusted-root-sha256 once for each of them"
            raise Misuse(problem, where="--trusted-root-sha256", remedy=remedy)

    @property
    def strangers(self) -> tuple[tuple[str, str], ...]:
        """The signers (identity, issuer) whom no digest of a root names: their names are to be compared."""
        signers = policy_text.signers_of(self.release)
        return tuple((s.identity, s.issuer) for s in signers if not policy_text.is_own(s, self.release))

    def check_signers(self, identities: Sequence[str], issuers: Sequence[str]) -> None:
        """Return if these name all `strangers`, and nobody else; raises `Misuse`, or `Unavailable`."""
        signers = policy_text.signers_of(self.release)
        _check_names("--identity", identities, [s.identity for s in signers], self.target)
        _check_names("--issuer", issuers, [s.issuer for s in signers], self.target)
        for identity, issuer in self.strangers:
            for option, name, given in (("--identity", identity, identities), ("--issuer", issuer, issuers)):
                if name not in given:
                    problem = f"nobody compares the signer {identity} of {issuer}, whom no digest names"
                    remedy = f"ask the publisher whether it is his, and give {option} as he told you"
                    raise Misuse(problem, where=option, remedy=remedy)

    def text(self, *, compared: bool, how: str) -> str:
        """The policy. `how`: the sentence that says how the digests were compared."""
        name = toml_string(self.release.ledger.name)
        head = [f"# Accepts {name} as its publisher signs it.", f"# {how}"]
        return policy_text.written(self.release, head, names=self.public, compared=compared)


def _check_names(option: str, given: Sequence[str], claimed: Sequence[str], target: str) -> None:
    """Raise `Unavailable` for a name that no signer of the release has."""
    for name in given:
        if name not in claimed:
            problem = f"nobody with {option} {name!r} has signed this release; {', '.join(claimed)} has"
            raise Unavailable(problem, where=target, remedy="do not use it, and ask the publisher")


def propose(target: str, *, offline: bool) -> Proposal:
    """The proposal for a release, from a path or URL. Raises an error of ours if it contradicts itself."""
    budget = Budget(BUDGET)
    data, files = named_release.load(target, budget, offline=offline, for_policy=True)
    release = load_named(data, target)
    payload = ledger_checks.read_statement(release, files)
    ledger_checks.compare(release, statements.decode(payload))
    reports, checks = anchors.verify_all(
        release,
        payload,
        files,
        trust=None,
        now=datetime.now(UTC),
        reference_client=None,
        effort=Effort(stopwatch=time.thread_time),
    )
    for check in (*checks, *(c for report in reports for c in report.checks)):
        if check.demotes is not None:
            raise _ERRORS.get(check.demotes, Unavailable)(f"{check.name}: {check.detail}", where=target)
    roots = {
        blob.sha256: read_whole(
            files, blob.path, size=blob.size, sha256=blob.sha256, limit=release_file.MAX_TRUSTED_ROOT
        )
        for blob in release.trusted_roots
    }
    public_keys = _public_keys(release, offline=offline)
    return Proposal(
        target=target,
        release=release,
        logs=_logs(reports, public_keys),
        public=_public(reports, public_keys),
        shown_by={blob.sha256: _place(target, blob.path) for blob in release.trusted_roots},
        roots=roots,
    )


_ERRORS: Mapping[Class, Callable[..., AnchorError]] = {
    Class.INVALID: Refused,
    Class.UNSUPPORTED: Unsupported,
}


def _place(target: str, path: str) -> str:
    """The path or URL of a file that a release names."""
    if release_files.is_url(target):
        return urljoin(target, path)
    folder = target.rpartition("/")[0] if target.endswith(".json") else target.rstrip("/")
    return f"{folder}/{path}" if folder else path


def _public_keys(release: Release, *, offline: bool) -> dict[str, frozenset[bytes]]:
    """The keys (SPKI DER) of the logs of each public instance."""
    if all(EMBEDDED.has_origin(a.log.origin) for a in release.anchors):
        return {}
    from anchor.app import public_roots  # brings TUF
    from anchor.app.own_root import PUBLIC_INSTANCES
    from anchor.sigstore import trusted_root

    found = {}
    for name in PUBLIC_INSTANCES:
        with contextlib.suppress(AnchorError):
            kept = public_roots.public_root(name, budget=Budget(BUDGET / 4), offline=offline).material
            found[name] = frozenset(log.key.spki for log in trusted_root.parse(kept.trusted_root).tlogs)
    return found


def _public(reports: Sequence[AnchorReport], keys: Mapping[str, frozenset[bytes]]) -> dict[str, str]:
    """The public instance of each copy of a root, if all anchors that name it are in logs of that one."""
    found: dict[str, set[str]] = {}
    for report in reports:
        spki = report.bundle.logs[0].spki if report.bundle else b""
        name = next((name for name, known in keys.items() if spki in known), "")
        found.setdefault(report.anchor.trusted_root, set()).add(name)
    return {
        digest: next(iter(names)) for digest, names in found.items() if len(names) == 1 and "" not in names
    }


def _logs(reports: Sequence[AnchorReport], keys: Mapping[str, frozenset[bytes]]) -> tuple[ClaimedLog, ...]:
    found = []
    for report in reports:
        assert report.bundle is not None
        log = report.bundle.logs[0]
        names = [name for name, known in keys.items() if log.spki in known]
        if EMBEDDED.has_origin(log.origin):
            operator = "run by the publisher"
        else:
            operator = f"public log of the {names[0]} instance" if names else "private log"
        lines = log.checkpoint.note.signatures if log.checkpoint is not None else ()
        others = tuple(dict.fromkeys(line.name for line in lines if line.name != log.origin))
        found.append(ClaimedLog(log.origin, operator, others))
    return tuple(dict.fromkeys(found))
