# SPDX-License-Identifier: Apache-2.0
"""Rekor v1 over HTTP: what its answers say.

Decides whether an answer is about our request, and turns the API's own form into a TransparencyLogEntry. An
entry's name in the API ends in its leaf hash, so what became of a request is one question.
"""

import base64
import hashlib
import json
import re
import time
from typing import Any

from anchor import limits
from anchor.encoding import jcs, parse_json, to_base64
from anchor.errors import Misuse, Refused
from anchor.merkle.hashing import leaf_hash
from anchor.net import http
from anchor.net.budget import Budget
from anchor.net.service_errors import HttpError, ServiceError
from anchor.signing.remote_log import INTEGRATION, JSON, LOG, POLL, RemoteLog

_UUID = re.compile(r"(?:[0-9a-f]{16})?([0-9a-f]{64})")


class RekorV1(RemoteLog):
    """One log with all its shards; `known` has its host."""

    ENTRIES = "/api/v1/log/entries"
    MAX_ANSWER = limits.ANSWER_V1

    @staticmethod
    def fetch_head(url: str, budget: Budget) -> bytes:
        """The active tree's signed checkpoint, not verified. Raises `Unavailable`."""
        answer = http.get(LOG, f"{url}/api/v1/log", budget=budget, limit=RekorV1.MAX_ANSWER, expect=JSON)
        try:
            head = parse_json(answer.body)["signedTreeHead"]
            return str.encode(head)
        except (Refused, KeyError, TypeError, UnicodeEncodeError):
            raise ServiceError("tells no tree head", where=f"{LOG} {url}", remedy="check the URL") from None

    def find_after(self, since: int, leaf: bytes) -> bytes | None:
        """The same by the leaf hash (32 bytes) of the entry; `since` spares nothing here."""
        url = f"{self.url}{self.ENTRIES}/{leaf.hex()}"
        try:
            answer = http.get(LOG, url, budget=self.budget, limit=self.MAX_ANSWER, expect=JSON)
        except HttpError as e:
            if e.status == 404:
                return None
            raise
        return self._entry(answer.body, leaf)

    def _body(self, request: bytes) -> bytes:
        return canonical_body(request)

    def _checkpoint(self) -> bytes:
        return self.fetch_head(self.url, self.budget)

    def _taken(self, answer: bytes, body: bytes) -> bytes:
        return self._entry(answer, leaf_hash(body))

    def _recover(self, error: HttpError, body: bytes) -> bytes:
        """The name that a 409 gives is compared with our leaf, and never followed as a URL."""
        leaf = leaf_hash(body)
        name = error.headers.get("Location", "").rsplit("/", 1)[-1]
        match = _UUID.fullmatch(name)
        if match is None or match[1] != leaf.hex():
            raise self._foreign("says that it has the entry, and names another one", error.where)
        patience = self.budget.part(INTEGRATION)
        while (entry := self.find_after(0, leaf)) is None:
            if patience.left() < POLL:
                raise self._foreign("says that it has the entry, and does not give it", error.where)
            time.sleep(POLL)
        return entry

    def _entry(self, answer: bytes, leaf: bytes) -> bytes:
        """The API's entry as TransparencyLogEntry; one of another leaf leaves it open what became of ours."""
        try:
            found: dict[str, Any] = parse_json(answer, where="answer")
            ((name, entry),) = found.items()
            body = base64.b64decode(entry["body"], validate=True)
            match = _UUID.fullmatch(name)
            if leaf_hash(body) != leaf or match is None or match[1] != leaf.hex():
                raise self._foreign("answers with an entry that is not ours")
            return _dump(entry, parse_json(body, where="body"))
        except (Refused, KeyError, TypeError, ValueError, AttributeError):
            raise self._foreign("answers with something that is no entry") from None


def _dump(entry: dict[str, Any], body: dict[str, Any]) -> bytes:
    proof = entry["verification"]["inclusionProof"]
    message = {
        "logIndex": str(entry["logIndex"]),
        "logId": {"keyId": to_base64(bytes.fromhex(entry["logID"]))},
        "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
        "integratedTime": str(entry["integratedTime"]),
        "inclusionPromise": {"signedEntryTimestamp": entry["verification"]["signedEntryTimestamp"]},
        "inclusionProof": {
            "logIndex": str(proof["logIndex"]),
            "rootHash": to_base64(bytes.fromhex(proof["rootHash"])),
            "treeSize": str(proof["treeSize"]),
            "hashes": [to_base64(bytes.fromhex(h)) for h in proof["hashes"]],
            "checkpoint": {"envelope": proof["checkpoint"]},
        },
        "canonicalizedBody": entry["body"],
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def canonical_body(request: bytes) -> bytes:
    """The entry that a Rekor v1 log makes of a proposed `dsse` 0.0.1 entry (JCS): hashes of the envelope and
    its payload, and each signature with its verifier. Raises `Misuse` for a request of another kind.
    """
    try:
        asked = parse_json(request, where="request")
        if (asked["kind"], asked["apiVersion"]) != ("dsse", "0.0.1"):
            raise KeyError
        proposed = asked["spec"]["proposedContent"]
        envelope = parse_json(proposed["envelope"].encode(), where="envelope")
        payload = base64.b64decode(envelope["payload"], validate=True)
        pairs = zip(envelope["signatures"], proposed["verifiers"], strict=True)
        signatures = [{"signature": s["sig"], "verifier": v} for s, v in pairs]
        spec = {
            "envelopeHash": _sha256(proposed["envelope"].encode()),
            "payloadHash": _sha256(payload),
            "signatures": signatures,
        }
        return jcs({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}, where="request")
    except (Refused, KeyError, TypeError, ValueError, AttributeError):
        raise Misuse("not a dsse 0.0.1 proposed entry", where="request") from None


def _sha256(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}
