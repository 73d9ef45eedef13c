# SPDX-License-Identifier: Apache-2.0
"""Witnesses with keys from seeds, and their cosignatures in the bundle of a published release."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor.tlog import cosignature, note
from anchor.tlog.keys import VerifierKey
from tests.support.releases.published import Site


def private(number: int) -> Ed25519PrivateKey:
    """The key of the witness with this number."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def witness(number: int, text: bytes, *, time: int, name: str = "") -> tuple[VerifierKey, bytes]:
    """A witness's key, and its signature line under a checkpoint of this text at a POSIX time."""
    named = name or f"w{number}.example"
    key, payload = cosignature.cosign(text, named, private(number), time)
    return key, note.line(named, key.key_id, payload)


def named_by(keys: list[VerifierKey], rule: str) -> str:
    """Lines of a tlog-policy with these witnesses in one group, without a log. `rule`: a threshold, `all`,
    `any`, or `none` for no quorum."""
    named = " ".join(f"n{i}" for i, _ in enumerate(keys))
    group = f"group g {rule} {named}\nquorum g\n" if rule != "none" else "quorum none\n"
    return "".join(f"witness n{i} {key.vkey}\n" for i, key in enumerate(keys)) + group


def checkpoint(site: Site, origin: str = "") -> bytes:
    """The checkpoint in the bundle of the log with this origin; of the first one by default."""
    return str(
        _head(json.loads((site.root / _anchor(site.value, origin)["bundle"]["path"]).read_bytes()))
    ).encode()


def cosigned(site: Site, *lines: bytes, origin: str = "") -> None:
    """Put signature lines under the checkpoint in a bundle, and repair the root release.json."""

    def add(proof: Any) -> None:
        head = proof["checkpoint"]
        head["envelope"] = note.add(head["envelope"].encode(), *lines).decode()

    edit_proof(site, add, origin=origin)


def edit_proof(site: Site, change: Callable[[Any], object], *, origin: str = "") -> None:
    """Change the inclusion proof in a bundle, which nobody signs, and repair the root release.json."""
    release = site.value
    anchor = _anchor(release, origin)
    path = site.root / anchor["bundle"]["path"]
    value = json.loads(path.read_bytes())
    change(value["verificationMaterial"]["tlogEntries"][0]["inclusionProof"])
    path.write_text(json.dumps(value))
    data = path.read_bytes()
    anchor["bundle"] |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    site.release.write_bytes(json.dumps(release, ensure_ascii=False, indent=2).encode() + b"\n")


def _anchor(release: Any, origin: str) -> Any:
    return next(a for a in release["anchors"] if origin in ("", a["log"]["origin"]))


def _head(bundle: Any) -> str:
    return str(bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"])
