# SPDX-License-Identifier: Apache-2.0
"""`anchor verify-bundle`: any Sigstore bundle, strictly, one line for each check."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from anchor.app.public_roots import own_root, public_root
from anchor.cli import options
from anchor.cli.output import emit
from anchor.disk import user_files
from anchor.errors import AnchorError, Misuse, Unsupported
from anchor.net.budget import Budget
from anchor.sigstore import artifact as artifacts
from anchor.sigstore import bundle as bundles
from anchor.sigstore import containers, keys, trusted_root
from anchor.sigstore.artifact import Artifact
from anchor.sigstore.keys import Key
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.verdict import Verdict
from anchor.verify.bundle import BundleReport, LogFact, verify_bundle
from anchor.verify.policy import Signer

BUDGET = 20.0
"""Seconds for refreshing the public trusted root."""
MAX_ARTIFACT = 1 << 40
MAX_IN_MEMORY = 1 << 30
"""Bytes of a file that a plain Ed25519 key signed: such a signature covers the file, not a digest of it."""
MAX_PIPED = 1 << 26
"""Bytes of a pipe that are kept for such a signature."""
CHUNK = 1 << 20


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


@click.command("verify-bundle")
@click.option("--bundle", type=options.InputFile(), required=True, help="The bundle to verify.")
@click.option("--certificate-identity", "identity", metavar="IDENTITY", help="Exact identity of the signer.")
@click.option("--certificate-oidc-issuer", "issuer", metavar="URL", help="The issuer of this identity.")
@click.option("--key", type=options.InputFile(), help="A managed public key (PEM) instead of an identity.")
@click.option(
    "--trusted-root",
    "root_file",
    type=options.InputFile(),
    help="The trusted root (default: that of the public-good instance).",
)
@click.option("--staging", is_flag=True, help="Use the trusted root of the staging instance.")
@click.argument("file_or_digest", type=options.FileName())
@options.json_option
def command(
    *,
    bundle: Path,
    identity: str | None,
    issuer: str | None,
    key: Path | None,
    root_file: Path | None,
    staging: bool,
    file_or_digest: str,
    as_json: bool,
) -> int:
    """Verify that a Sigstore bundle was made for FILE_OR_DIGEST (a file, or a digest of one).

    A digest is sha256:<64 hex>, sha384:<96 hex> or sha512:<128 hex>. What reads as a digest is one; a file of
    such a name is given as ./sha256:...

    Exits 0 only if everything was verified, 8 if something is refused, 7 for an unknown kind.

    \b
    Example: anchor verify-bundle --bundle a.txt.sigstore.json \\
               --certificate-identity me@example.org \\
               --certificate-oidc-issuer https://accounts.example.org a.txt
    """
    signers, managed = _signer(identity, issuer, key)
    data = _read_bundle(bundle)
    root, notes = _root(root_file, staging=staging)
    report = verify_bundle(
        data,
        trusted_root=root,
        artifact=_artifact(file_or_digest),
        now=datetime.now(UTC),
        signers=signers,
        key=managed,
    )
    return emit(_verdict(report, str(bundle)), as_json=as_json, notes=notes)


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
    return data


def _root(path: Path | None, *, staging: bool) -> tuple[TrustedRoot, list[str]]:
    """The trusted root, and notes about where it came from."""
    if path is not None:
        return own_root(user_files.read(path, limit=trusted_root.MAX_SIZE), where=str(path)), []
    name = "staging" if staging else "public"
    found = public_root(name, budget=Budget(BUDGET))
    root = trusted_root.parse(found.material.trusted_root, where=f"{name} trusted root")
    cache_error = found.material.cache_error
    notes = [f"the {name} trusted root is not kept for the next run: {cache_error}"] if cache_error else []
    if not found.refresh_error:
        return root, notes
    said = f"the {name} trusted root could not be refreshed ({found.refresh_error})"
    used = f"{said}: {found.material.describe(found.now)} was used"
    return msgspec.structs.replace(root, doubt=f"{used}, and a newer one may name it"), [used, *notes]


def _artifact(text: str) -> Artifact:
    """A digest, else a file. A file that has the name of a digest must not replace the digest."""
    return artifacts.from_digest(text) or FileArtifact(Path(text))


def _verdict(report: BundleReport, target: str) -> Verdict:
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
            "logs": [_log(fact) for fact in report.logs],
        }
    return Verdict(
        kind="bundle",
        target=target,
        verdict=report.verdict,
        checks=report.checks,
        facts={k: v for k, v in facts.items() if v},
        notes=_notes(report),
    )


def _log(fact: LogFact) -> dict[str, Any]:
    return {
        "origin": fact.origin,
        "url": fact.base_url,
        "id": fact.log_id.hex(),
        "kind": fact.kind,
        "index": fact.index,
        "size": fact.size,
        "root": fact.root.hex(),
        "promised_index": fact.promised_index,
    }


def _notes(report: BundleReport) -> tuple[str, ...]:
    if not report.ok:
        return ()
    found = []
    if not report.logs:
        found.append("no transparency log has this: the trusted root names none")
    for fact in report.logs:
        if fact.checkpoint is not None and (more := len(fact.checkpoint.note.signatures) - 1) > 0:
            found.append(f"{fact.origin}: {more} further signature lines of its checkpoint were not verified")
    if not report.times:
        found.append("nobody trusted says when this was signed")
    return tuple(found)
