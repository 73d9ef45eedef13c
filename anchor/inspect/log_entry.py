# SPDX-License-Identifier: Apache-2.0
"""A transparency log entry in words: what its promise, its proof and its body bind. Verifies nothing."""

from collections.abc import Iterable, Iterator
from typing import Any

from anchor import log_kinds
from anchor.encoding import parse_json, unbase64
from anchor.errors import AnchorError
from anchor.inspect import note
from anchor.inspect.fields import Field, Rule, Rules, bound, compared, field, member, unbound, under, walk

PROMISED = bound("the log's promise, its signature over body, time, log id and index (log-promise)")
UNTIMED = unbound("no promise covers it, so it is not believed as a time; only a time-stamp says when")
UNCOUNTED = unbound("no promise covers it; the place in the tree is the proof's")
EQUAL_INDEX = compared("must equal the proof's, which the checkpoint's root and size bind (log-checkpoint)")
BY_ID = compared("it names the log, with whose key the checkpoint must be signed (log-key, log-checkpoint)")
KIND = compared("must equal kind and apiVersion of the body, which the log recorded (log-entry)")
IN_TREE = bound("its hash is a leaf of the tree that the log signed (log-inclusion)")
NOWHERE = unbound("neither a promise nor a proof with a checkpoint covers it")
OWN_PROMISE = bound("it is the log's own signature over body, time, log id and index (log-promise)")
NO_PROMISE = unbound("a log of this kind makes no promises: whoever verifies refuses it")
INDEX = bound(
    "the proof: only this place in a tree of the signed size leads to the signed root (log-inclusion)"
)
SIZE = compared("must equal the size that the log signed in the checkpoint (log-checkpoint)")
ROOT = compared("must equal the root that the log signed in the checkpoint (log-checkpoint)")
HASH = bound("the proof: each hash leads from the body to the root that the log signed (log-inclusion)")
LOOSE = unbound("the proof has no checkpoint, so its tree is nobody's word")
NOTE = bound("the log's signature over its text; each line below says what binds it (log-checkpoint)")
RECORDED = "; rebuilt from file, signature and signer, and equal byte for byte (log-entry)"
KEPT = "; compared with nothing else, since it is over JSON text that nobody keeps"


def is_entry(value: dict[str, Any]) -> bool:
    """True if a JSON object looks like a TransparencyLogEntry."""
    names = {"canonicalizedBody", "canonicalized_body"} & value.keys()
    return bool(names) and bool({"logId", "log_id"} & value.keys())


def rules(entry: Any, at: str) -> dict[str, Rule]:
    """The rules of one entry, whose path is `at`: they depend on what it carries."""
    value = entry if isinstance(entry, dict) else {}
    kind = log_kinds.of_form(member(value, "kindVersion", "kind"), member(value, "kindVersion", "version"))
    promised = kind.promises and member(value, "inclusionPromise", "signedEntryTimestamp") is not None
    proven = member(value, "inclusionProof", "checkpoint", "envelope") is not None
    cover = IN_TREE if proven else PROMISED if promised else NOWHERE
    log_id = _id(member(value, "logId", "keyId"))

    def checkpoint(text: Any, path: str) -> Iterable[Field]:
        return note.fields(text, path, log_id=log_id) if isinstance(text, str) else ()

    def body(text: Any, path: str) -> Iterable[Field]:
        return _body(text, path, cover)

    more = RECORDED if cover.bound else ""
    unpromised = EQUAL_INDEX if kind.one_tree and proven else UNCOUNTED
    found = {
        "logIndex": PROMISED if promised else unpromised,
        "logId.keyId": PROMISED if promised else BY_ID if proven else NOWHERE,
        "kindVersion.*": KIND if cover.bound else NOWHERE,
        "integratedTime": PROMISED if promised else UNTIMED,
        "inclusionPromise.signedEntryTimestamp": OWN_PROMISE if kind.promises else NO_PROMISE,
        "inclusionProof.logIndex": INDEX if proven else LOOSE,
        "inclusionProof.rootHash": ROOT if proven else LOOSE,
        "inclusionProof.treeSize": SIZE if proven else LOOSE,
        "inclusionProof.hashes[*]": HASH if proven else LOOSE,
        "inclusionProof.checkpoint.envelope": Rule(NOTE.bound, NOTE.by, checkpoint),
        "canonicalizedBody": Rule(cover.bound, cover.by + more, body),
    }
    return {f"{at}.{path}" if at else path: rule for path, rule in found.items()}


def _body(text: Any, at: str, cover: Rule) -> Iterator[Field]:
    try:
        value = parse_json(_bytes(text))
    except AnchorError as e:
        yield field(
            under(at, "body"), str(e), unbound("not the JSON of an entry: whoever verifies refuses it")
        )
        return
    whole = Rule(cover.bound, cover.by + (RECORDED if cover.bound else ""))
    kept = Rule(cover.bound, cover.by + (KEPT if cover.bound else ""))
    known: Rules = {"*": whole, "spec.envelopeHash.*": kept, "spec.content.hash.*": kept}
    yield from walk(value, known, at=under(at, "body"))


def _id(text: Any) -> bytes:
    try:
        return _bytes(text)
    except AnchorError:
        return b""


def _bytes(text: Any) -> bytes:
    return unbase64(text.replace("\r\n", "").replace("\n", "") if isinstance(text, str) else "")
