# SPDX-License-Identifier: Apache-2.0
"""Rekor v1 over HTTP as a log that is written to once and asked afterwards whether it took it.

Decides whether an answer is about our request, and turns the API's own form into a TransparencyLogEntry. An
entry's name in the API ends in its leaf hash, so what became of a request is one question.
"""

import base64
import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from anchor.edge import http
from anchor.edge.http import Budget, HttpError, LostAnswer, Patience, ServiceError
from anchor.encoding import jcs, parse_json, to_base64
from anchor.errors import AnchorError, Misuse, Refused
from anchor.merkle.hashing import leaf_hash
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.checkpoint import Checkpoint, Log

LOG = "transparency log"
MAX_ANSWER = 4 << 20
INTEGRATION = 60.0
"""Seconds within which a queued entry is in the tree."""
POLL = 0.5
LOOK = "look in the log before it is sent again"
_PATIENCE = Patience(read=60.0, whole=90.0)
_NEVER = frozenset({400, 413, 422})
_UUID = re.compile(r"(?:[0-9a-f]{16})?([0-9a-f]{64})")
_JSON = ("application/json",)


@dataclass
class RekorV1:
    """One log with all its shards. `known`: its host and key from the trusted root; `key_id`: its log id."""

    url: str
    known: Log
    key_id: bytes
    budget: Budget = field(kw_only=True)
    patience: Patience = field(default=_PATIENCE, kw_only=True)

    @staticmethod
    def fetch_head(url: str, budget: Budget) -> bytes:
        """The active tree's signed checkpoint, not verified. Raises `Unavailable`."""
        answer = http.get(LOG, f"{url}/api/v1/log", budget=budget, limit=MAX_ANSWER, expect=_JSON)
        try:
            return str(parse_json(answer.body)["signedTreeHead"]).encode()
        except (Refused, KeyError, TypeError):
            raise ServiceError("tells no tree head", where=f"{LOG} {url}", remedy="check the URL") from None

    def size(self) -> int:
        """Entries of the active tree. Raises `Unavailable`."""
        return self.head().size

    def head(self) -> Checkpoint:
        """The active tree's checkpoint, verified with the pinned key. Raises `Unavailable`."""
        raw = self.fetch_head(self.url, self.budget)
        try:
            return checkpoints.verify(raw, self.known)
        except Refused as e:
            problem = f"serves a checkpoint that is not {self.known.origin}'s: {e}"
            remedy = "check the URL and the trusted root"
            raise ServiceError(problem, where=f"{LOG} {self.url}", remedy=remedy) from None

    def append(self, request: bytes) -> bytes:
        """Send a proposed entry once; its TransparencyLogEntry (protobuf JSON), also when it was there (409).

        Raises `LostAnswer` (or another `ServiceError` with `maybe_taken`) when the log may have taken it,
        `Refused` when it never will, `Unavailable` when it did not.
        """
        leaf = leaf_hash(canonical_body(request))
        try:
            answer = http.post(
                LOG, f"{self.url}/api/v1/log/entries", request, content_type="application/json",
                budget=self.budget, limit=MAX_ANSWER, expect=_JSON, accept=(200, 201),
                patience=self.patience, retry_unsent=True,
            )  # fmt: skip
        except HttpError as e:
            if e.status == 409:
                try:
                    return self._recover(e, leaf)
                except AnchorError as f:  # it has the entry, whatever hides it: never "not sent"
                    raise _there(f, e.where) from None
            if e.status in _NEVER:
                raise Refused(f"the log does not take the entry: {e.problem}", where=e.where) from None
            raise
        return self._entry(answer.body, leaf)

    def find(self, request: bytes, since: int) -> bytes | None:
        """The TransparencyLogEntry of this very request; None when absent. Raises `Unavailable`."""
        return self.find_after(0, leaf_hash(canonical_body(request)))

    def find_after(self, since: int, leaf: bytes) -> bytes | None:
        """The same by the leaf hash (32 bytes) of the entry."""
        url = f"{self.url}/api/v1/log/entries/{leaf.hex()}"
        try:
            answer = http.get(LOG, url, budget=self.budget, limit=MAX_ANSWER, expect=_JSON)
        except HttpError as e:
            if e.status == 404:
                return None
            raise
        return self._entry(answer.body, leaf)

    def _recover(self, error: HttpError, leaf: bytes) -> bytes:
        """The entry that a 409 names; its name is compared with our leaf, and never followed as a URL.

        The log knows a queued entry before it gives it, so that is waited for.
        """
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
                raise self._foreign("answers with an entry that is not ours", f"{LOG} {self.url}")
            return _dump(entry, parse_json(body, where="body"))
        except (Refused, KeyError, TypeError, ValueError, AttributeError):
            raise self._foreign("answers with something that is no entry", f"{LOG} {self.url}") from None

    def _foreign(self, problem: str, where: str) -> LostAnswer:
        return LostAnswer(problem, where=where, remedy=LOOK)


def _there(error: AnchorError, where: str) -> LostAnswer:
    if isinstance(error, LostAnswer):
        return error
    return LostAnswer(f"the log has the entry, and it could not be read: {error}", where=where, remedy=LOOK)


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
