# SPDX-License-Identifier: Apache-2.0
"""What Rekor v2 makes of a signed digest: the bytes of its entry, and the answer that proves the entry.

Written once, for the log that records (`embedded`) and the client that looks whether one did (`edge`). The
verifier rebuilds entries by itself, as it shares nothing with whoever wrote them.
"""

import json
from collections.abc import Sequence
from typing import Any

from anchor.encoding import jcs, parse_json, to_base64
from anchor.errors import Refused

KIND = "hashedrekord"
VERSION = "0.0.2"


def entry_body(algorithm: str, digest: str, signature: object) -> bytes:
    """The entry: JCS of its protobuf JSON. `algorithm` is a HashAlgorithm of protobuf-specs (`SHA2_256`),
    `digest` base64, `signature` a Signature message as JSON. Raises Refused for what JCS cannot hold."""
    spec = {"data": {"algorithm": algorithm, "digest": digest}, "signature": signature}
    return jcs({"apiVersion": VERSION, "kind": KIND, "spec": {"hashedRekordV002": spec}}, where="log entry")


def entry_digest(body: bytes) -> str:
    """The digest that an entry of `entry_body` records, base64. Raises Refused for another body."""
    try:
        return str(parse_json(body, where="log entry")["spec"]["hashedRekordV002"]["data"]["digest"])
    except (LookupError, TypeError):
        raise Refused(f"no {KIND} {VERSION}", where="log entry") from None


def log_entry(
    body: bytes,
    *,
    index: int,
    size: int,
    root: bytes,
    proof: Sequence[bytes],
    checkpoint: bytes,
    log_id: bytes,
) -> bytes:
    """The TransparencyLogEntry of a body as protobuf JSON: int64 as strings, bytes as base64, no time of the
    log's own. Hashes and the log id are 32 bytes, the checkpoint is the signed note."""
    message: dict[str, Any] = {
        "logIndex": str(index),
        "logId": {"keyId": to_base64(log_id)},
        "kindVersion": {"kind": KIND, "version": VERSION},
        "integratedTime": "0",
        "inclusionPromise": None,
        "inclusionProof": {
            "logIndex": str(index),
            "rootHash": to_base64(root),
            "treeSize": str(size),
            "hashes": [to_base64(h) for h in proof],
            "checkpoint": {"envelope": checkpoint.decode()},
        },
        "canonicalizedBody": to_base64(body),
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
