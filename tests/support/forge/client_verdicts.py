# SPDX-License-Identifier: Apache-2.0
"""The verdicts of other clients on a vector: sigstore-python always, cosign if it is installed."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sigstore.errors import Error as SigstoreError
from sigstore.hashes import Hashed
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy
from sigstore_models.common.v1 import HashAlgorithm
from sigstore_models.trustroot import v1 as trustroot

from tests.interop.stack import builds
from tests.vectors.case import Case

NO_KEYS = "bundles without a certificate are not read by this client"


def verifier(root: bytes) -> Verifier:
    """The client's verifier over a trusted root."""
    return Verifier(trusted_root=TrustedRoot(trustroot.TrustedRoot.from_json(root)))


def sigstore_opinion(case: Case) -> str | None:
    """None if sigstore-python accepts the vector, else in one line why not."""
    if case.key is not None:
        return NO_KEYS
    try:
        _verify(case)
    except SigstoreError as e:
        return _line(e)
    except Exception as e:  # noqa: BLE001  the client lets errors of other libraries through
        return f"{type(e).__name__}: {_line(e)}"
    return None


def _verify(case: Case) -> None:
    bundle = Bundle.from_json(case.bundle)
    signer = policy.Identity(identity=case.identity or "", issuer=case.issuer)
    client = verifier(case.root)
    digest = hashlib.sha256(case.artifact).digest()
    if bundle._dsse_envelope is None:  # the client has no public way to tell the two apart
        hashed = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=digest)
        client.verify_artifact(hashed, bundle, signer)
        return
    kind, payload = client.verify_dsse(bundle, signer)
    # the client's own command line does this comparison behind verify_dsse
    from sigstore.dsse import Statement

    if kind != "application/vnd.in-toto+json" or not Statement(payload)._matches_digest(
        Hashed(algorithm=HashAlgorithm.SHA2_256, digest=digest)
    ):
        raise SigstoreError("the artifact is no subject of the statement")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def cosign_path() -> str | None:
    """The cosign program, if there is one: ANCHOR_COSIGN, the one built for the tests, or one installed."""
    built = builds.cache() / "cosign"
    return os.environ.get("ANCHOR_COSIGN") or (str(built) if built.is_file() else shutil.which("cosign"))


def cosign_opinion(case: Case, program: str) -> str | None:
    """None if cosign accepts the vector, else its last line."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for name, data in (("bundle", case.bundle), ("root", case.root), ("artifact", case.artifact)):
            (here / name).write_bytes(data)
        kind = "verify-blob-attestation" if b'"dsseEnvelope"' in case.bundle else "verify-blob"
        arguments = [program, kind, "--bundle", str(here / "bundle"), "--trusted-root", str(here / "root")]
        if kind == "verify-blob-attestation":
            arguments += ["--type", "https://vectors.example/predicate/v1"]
        if case.key is not None:
            (here / "key.pub").write_bytes(case.key)
            arguments += ["--key", str(here / "key.pub")]
        else:
            arguments += ["--certificate-identity", case.identity or ""]
            arguments += ["--certificate-oidc-issuer", case.issuer or ""]
        if b"signedTimestamp" in case.bundle:
            arguments.append("--use-signed-timestamps")
        arguments.append(str(here / "artifact"))
        done = subprocess.run(
            arguments, capture_output=True, text=True, timeout=60, env={"HOME": folder, "PATH": ""}
        )
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return " ".join((lines or [f"exit {done.returncode}"])[-1].replace(folder, "").split())[:200]
