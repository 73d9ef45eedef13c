# SPDX-License-Identifier: Apache-2.0
"""`anchor verify-bundle`: any Sigstore bundle, strictly, over a file or a digest."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from anchor import regex
from anchor.app.own_root import PUBLIC_INSTANCES, named_root, public_logs
from anchor.disk import user_files
from anchor.errors import AnchorError, Misuse, Refused, Unsupported
from anchor.net.budget import Budget
from anchor.sigstore import artifact as artifacts
from anchor.sigstore import bundle as bundles
from anchor.sigstore import containers, keys
from anchor.sigstore import trusted_root as roots
from anchor.sigstore.artifact import Artifact
from anchor.sigstore.keys import Key
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.verdict import Verdict, failed
from anchor.verify import independence, steps
from anchor.verify.bundle import BundleReport, LogFact, verify_bundle
from anchor.verify.effort import Effort
from anchor.verify.independence import Independence
from anchor.verify.policy import Signer
from anchor.verify.steps import Checks

BUDGET = 20.0
"""Seconds for refreshing the public trusted root."""
MAX_ARTIFACT = 1 << 40
MAX_IN_MEMORY = 1 << 30
"""Bytes of a file that a plain Ed25519 key signed: such a signature covers the file, not a digest of it."""
MAX_PIPED = 1 << 26
"""Bytes of a pipe that are kept for such a signature."""
CHUNK = 1 << 20
_MARK = regex.expression(rb"\A\s*\{[^{}]*\"mediaType\"\s*:\s*\"application/vnd\.dev\.sigstore\.bundle")
"""The beginning of a bundle. Another file may be one too."""
_FIRST = 400
"""Bytes in which most bundles say what they are."""


class FileArtifact(Artifact):
    """A file that is hashed as it is read. A pipe is read once, for all digests."""

    def __init__(self, path: Path) -> None:
        super().__init__(b"")
        self._path = path
        self._kept: bytes | None = b""
        """The bytes of a pipe; None if they were too many to keep."""
        self._piped = user_files.is_stream(path)
        if self._piped:
            self._drain()
        self.digest("sha256")

    def content(self) -> bytes:
        if not self._piped:
            return user_files.read(self._path, limit=MAX_IN_MEMORY)
        if self._kept is None:
            problem = "the signature covers the file, and this is too much to keep of a pipe"
            raise Misuse(problem, where=str(self._path), remedy="name a regular file")
        return self._kept

    def _compute(self, algorithm: str) -> bytes:
        with user_files.opened(self._path, limit=MAX_ARTIFACT) as stream:
            return hashlib.file_digest(stream, algorithm).digest()  # type: ignore[arg-type]

    def _drain(self) -> None:
        hashes = {name: hashlib.new(name) for name in artifacts.DIGEST_SIZES}
        kept: bytearray | None = bytearray()
        with user_files.opened(self._path, limit=MAX_ARTIFACT) as stream:
            while data := stream.read(CHUNK):
                for found in hashes.values():
                    found.update(data)
                if kept is not None:
                    kept += data
                    kept = kept if len(kept) <= MAX_PIPED else None
        self._digests |= {name: found.digest() for name, found in hashes.items()}
        self._kept = None if kept is None else bytes(kept)


def verify_bundle_file(
    bundle: Path,
    file_or_digest: str,
    *,
    identity: str | None = None,
    issuer: str | None = None,
    key: Path | None = None,
    trusted_root: str | None = None,
    staging: bool = False,
    tlog_policy: Path | None = None,
) -> tuple[Verdict, list[str]]:
    """The verdict, and notes about the trusted root: without `trusted_root` that of the public
    instance.

    `tlog_policy`: a C2SP file of witnesses, with the quorum that is demanded of each log entry.
    """
    signers, managed = _signer(identity, issuer, key)
    data = _read_bundle(bundle)
    root, public, notes = _root(trusted_root, bundle, staging=staging)
    witnesses = None
    if tlog_policy is not None:
        from anchor.app import witness_policies

        witnesses = witness_policies.of_all(tlog_policy, root, read=user_files.read)
    now = datetime.now(UTC)
    report = verify_bundle(
        data,
        trusted_root=root,
        artifact=_artifact(file_or_digest),
        now=now,
        signers=signers,
        key=managed,
        where=str(bundle),
    )
    checks, effort = Checks(), Effort.unlimited()
    counted = [independence.demand(checks, log, witnesses, now, effort) for log in report.logs]
    if report.ok and not report.logs and witnesses is not None and witnesses.quorum is not None:
        problem = "the bundle has no log entry whose checkpoint witnesses could have cosigned"
        checks.extend([failed(steps.WITNESSES, Refused(problem))])
    weights = [
        independence.weigh(report, log, public=public, counted=one)
        for log, one in zip(report.logs, counted, strict=True)
    ]
    report = msgspec.structs.replace(report, checks=(*report.checks, *checks.checks))
    return _verdict(report, str(bundle), weights), notes


def _signer(
    identity: str | None, issuer: str | None, key: Path | None
) -> tuple[list[Signer] | None, Key | None]:
    """The signers or the managed key that was asked for; Misuse for both or neither."""
    if key is not None:
        if identity is not None or issuer is not None:
            raise Misuse(
                "a managed key has no certificate", where="--key", remedy="give a key or an identity"
            )
        data = user_files.read(key, limit=keys.MAX_KEY)
        try:
            return None, keys.load_pem(data, where=str(key))
        except AnchorError as e:
            raise Misuse(e.problem, where=str(key), remedy=e.remedy) from None
    if not identity or not issuer:
        missing = "--certificate-oidc-issuer" if identity else "--certificate-identity"
        remedy = "give --certificate-identity and --certificate-oidc-issuer, or --key"
        raise Misuse("nobody is named whose signature counts", where=missing, remedy=remedy)
    return [Signer(identity=identity, issuer=issuer)], None


def _read_bundle(path: Path) -> bytes:
    """The bundle's bytes, at most one more than are parsed: a huge bundle is refused, not a usage error.

    Raises Unsupported for a container of bundles that another tool writes; the remedy says how to unpack it.
    """
    with user_files.opened(path, limit=MAX_ARTIFACT) as stream:
        data = stream.read(bundles.MAX_SIZE + 1)
    held = containers.recognise(data) if len(data) <= bundles.MAX_SIZE else None
    if held is not None:
        problem = f"{held.kind}, where one Sigstore bundle is wanted"
        raise Unsupported(problem, where=str(path), remedy=held.remedy)
    if len(data) <= bundles.MAX_SIZE and not (_MARK.search(data[:_FIRST]) and _is_closed(data)):
        from anchor.app import wrong_kind  # only for another file than a bundle

        wrong_kind.check(data, str(path), wrong_kind.BUNDLE)
    return data


def _is_closed(data: bytes) -> bool:
    """False for JSON that is cut off: it has more open braces. Braces in strings may say so too."""
    return data.count(b"{") == data.count(b"}")


def _root(
    given: str | None, bundle: Path, *, staging: bool
) -> tuple[TrustedRoot, frozenset[bytes], list[str]]:
    """The trusted root, the keys (SPKI DER) of its logs that a public instance runs, and notes about where it
    came from. `given`: the option; the folder of the bundle may have a root that is given by its digest."""
    if given is not None and given not in PUBLIC_INSTANCES:
        own = named_root(given, beside=(bundle,))
        return own.root, public_logs(own.root), [*own.notes]
    from anchor.app.public_roots import public_root  # brings TUF

    name = given or ("staging" if staging else "public")
    found = public_root(name, budget=Budget(BUDGET))
    root = roots.parse(found.material.trusted_root, where=f"{name} trusted root")
    cache_error = found.material.cache_error
    notes = [f"the {name} trusted root is not kept for the next run: {cache_error}"] if cache_error else []
    logs = frozenset(log.key.spki for log in root.tlogs)
    if not found.refresh_error:
        return root, logs, notes
    said = f"the {name} trusted root could not be refreshed ({found.refresh_error})"
    used = f"{said}: {found.material.describe(found.now)} was used"
    doubtful = msgspec.structs.replace(root, doubt=f"{used}, and a newer one may name it")
    return doubtful, logs, [used, *notes]


def _artifact(text: str) -> Artifact:
    """A digest, else a file. A file that has the name of a digest must not replace the digest."""
    return artifacts.from_digest(text) or FileArtifact(Path(text))


def _verdict(report: BundleReport, target: str, weights: Sequence[Independence]) -> Verdict:
    """`weights`: how independent each of the logs is."""
    facts: dict[str, Any] = {}
    if report.ok:
        facts = {
            "identity": report.identity,
            "issuer": report.issuer,
            "times": [
                {"source": t.source, "authority": t.authority, "time": t.time.isoformat()}
                for t in report.times
            ],
            "payload_type": report.payload_type,
            "logs": [_log(*pair) for pair in zip(report.logs, weights, strict=True)],
        }
    return Verdict(
        kind="bundle",
        target=target,
        verdict=report.verdict,
        checks=report.checks,
        facts={k: v for k, v in facts.items() if v},
        notes=_notes(report, weights),
    )


def _log(fact: LogFact, weight: Independence) -> dict[str, Any]:
    return {
        "origin": fact.origin,
        "url": fact.base_url,
        "id": fact.log_id.hex(),
        "kind": fact.kind,
        "index": fact.index,
        "size": fact.size,
        "root": fact.root.hex(),
        "promised_index": fact.promised_index,
        "independent": weight.independent,
        "independence": weight.facts(),
    }


def _notes(report: BundleReport, weights: Sequence[Independence]) -> tuple[str, ...]:
    found = [*dict.fromkeys(weight.sentence for weight in weights)]
    if not report.ok:
        return tuple(found)
    if not report.logs:
        found.append("no transparency log has this: the trusted root names none")
    for fact, weight in zip(report.logs, weights, strict=True):
        own = len(weight.quorum.cosigned) if weight.quorum else 0
        if fact.checkpoint is not None and (more := len(fact.checkpoint.note.signatures) - 1 - own) > 0:
            found.append(f"{fact.origin}: {more} further signature lines of its checkpoint were not verified")
    if not report.times:
        found.append("nobody trusted says when this was signed")
    return tuple(found)
