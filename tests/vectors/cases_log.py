# SPDX-License-Identifier: Apache-2.0
"""Lies about the log entry: index, size, root, proof, promise, and which log it is."""

import datetime as dt

from tests.support.forge.authorities import EPOCH, SIGNED
from tests.support.forge.bundles import V1, V1_DSSE, Json, Stamp, b64, window
from tests.support.forge.edits import drop, put
from tests.support.forge.keys import ecdsa, ed
from tests.support.forge.logs import Checkpoint, Promise, note_id, v1_log, v2_log
from tests.vectors.case import ENTRY, PROOF, Checks, Setting, both, entry

S = dt.timedelta(seconds=1)
index = Setting(
    clause="Rekor v2 CLIENTS.md: index, root and size of the verified checkpoint; equal wherever written"
)
index.refuse(
    "v2-outer-index",
    Checks.CHECKPOINT,
    "The outer logIndex is another: it would name a stranger's entry.",
    edit=put(f"{ENTRY}.logIndex", "999"),
)
index.refuse(
    "v2-proof-index",
    Checks.CHECKPOINT,
    "The proof's logIndex is another.",
    edit=put(f"{PROOF}.logIndex", "8"),
)
index.refuse(
    "v2-both-indices",
    Checks.INCLUSION,
    "Both indices are another's.",
    edit=both(put(f"{ENTRY}.logIndex", "8"), put(f"{PROOF}.logIndex", "8")),
)
index.refuse(
    "v2-index-beyond-size",
    Checks.CHECKPOINT,
    "An index that is not in the tree.",
    edit=both(put(f"{ENTRY}.logIndex", "12"), put(f"{PROOF}.logIndex", "12")),
)


def same_shape(bundle: Json, index_: int, size: int) -> None:
    """Index and size of another tree whose paths have the same shape (RFC 6962 does not bind either)."""
    found = entry(bundle)
    found["logIndex"] = found["inclusionProof"]["logIndex"] = str(index_)
    found["inclusionProof"]["treeSize"] = str(size)


index.refuse(
    "v2-index-4-of-5-as-16-of-17",
    Checks.CHECKPOINT,
    "Index 4 of 5 told as 16 of 17: the same path shape, and the stock client takes it.",
    log=lambda: v2_log(fill=4),
    after=0,
    edit=lambda b: same_shape(b, 16, 17),
)
index.refuse(
    "v2-index-4-of-5-as-2-to-the-32",
    Checks.CHECKPOINT,
    "The same with 2^32 of 2^32+1.",
    log=lambda: v2_log(fill=4),
    after=0,
    edit=lambda b: same_shape(b, 2**32, 2**32 + 1),
)
index.refuse(
    "v2-index-1-of-8-as-1-of-5",
    Checks.CHECKPOINT,
    "Index 1 of 8 told as 1 of 5.",
    log=lambda: v2_log(fill=1),
    after=6,
    edit=put(f"{PROOF}.treeSize", "5"),
)
index.refuse(
    "v2-signed-size-999",
    Checks.CHECKPOINT,
    "The log signed size 999; the proof is for 12.",
    head=Checkpoint(size="999"),
)
index.refuse(
    "v2-signed-size-smaller",
    Checks.CHECKPOINT,
    "The log signed a size that does not reach the entry.",
    head=Checkpoint(size="7"),
    edit=put(f"{PROOF}.treeSize", "7"),
)
index.refuse(
    "v2-proof-size",
    Checks.CHECKPOINT,
    "The proof's treeSize differs from the checkpoint's.",
    edit=put(f"{PROOF}.treeSize", "13"),
)
index.refuse(
    "v2-proof-root",
    Checks.CHECKPOINT,
    "The proof's rootHash differs from the checkpoint's.",
    edit=put(f"{PROOF}.rootHash", b64(bytes(32))),
)
index.refuse(
    "v2-other-root",
    Checks.INCLUSION,
    "The log signed the root of another tree: it shows two histories.",
    head=Checkpoint(root=bytes(range(32))),
)
index.refuse(
    "v2-empty-tree",
    Checks.CHECKPOINT,
    "The checkpoint is that of an empty tree.",
    head=Checkpoint(size="0", root_text="47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
)
index.refuse(
    "v1-outer-index-promised",
    Checks.PROMISE,
    "The outer logIndex is not the promised one.",
    recipe=V1,
    edit=put(f"{ENTRY}.logIndex", "1"),
)
index.refuse(
    "v1-proof-index",
    Checks.INCLUSION,
    "The proof's logIndex is another's.",
    recipe=V1,
    edit=put(f"{PROOF}.logIndex", "4"),
)
index.refuse(
    "v1-signed-size-999",
    Checks.CHECKPOINT,
    "The log signed size 999; the proof is for 10.",
    recipe=V1,
    head=Checkpoint(size="999"),
)
index.accept(
    "v1-outer-index-unpromised",
    "Without a promise the outer logIndex of a v1 entry is nobody's word: not used, not shown.",
    recipe=V1,
    promised=False,
    stamps=(Stamp(),),
    edit=put(f"{ENTRY}.logIndex", "1"),
    clause="Rekor v1: the outer index counts over shards and only the promise signs it",
)

path = Setting(clause="RFC 9162 2.1.3.2: exactly as many hashes as the path has")
path.refuse(
    "v2-hash-missing", Checks.INCLUSION, "One hash of the path is missing.", edit=drop(f"{PROOF}.hashes.0")
)
path.refuse(
    "v2-hash-more",
    Checks.INCLUSION,
    "One hash too many.",
    edit=lambda b: entry(b)["inclusionProof"]["hashes"].append(b64(bytes(32))),
)
path.refuse(
    "v2-hash-order",
    Checks.INCLUSION,
    "The path's hashes in the wrong order.",
    edit=lambda b: entry(b)["inclusionProof"]["hashes"].reverse(),
)
path.refuse(
    "v2-hash-other", Checks.INCLUSION, "One hash is another.", edit=put(f"{PROOF}.hashes.1", b64(bytes(32)))
)
path.refuse(
    "v2-hash-31-bytes", Checks.FORMAT, "A hash of 31 bytes.", edit=put(f"{PROOF}.hashes.0", b64(bytes(31)))
)
path.refuse("v2-no-hashes", Checks.INCLUSION, "No path at all.", edit=put(f"{PROOF}.hashes", []))
path.refuse(
    "v2-thousand-hashes",
    Checks.FORMAT,
    "A thousand hashes.",
    edit=put(f"{PROOF}.hashes", [b64(bytes(32))] * 1000),
)

who = Setting(clause="Rekor v2 CLIENTS.md: find the log by its id; a key is never found by trying")
who.refuse(
    "v2-log-id-prefix-only",
    Checks.LOG,
    "logId has the right first four bytes only.",
    edit=put(f"{ENTRY}.logId.keyId", b64(note_id("log2026-1.vectors.example", ed("log v2"))[:4] + bytes(28))),
)
who.refuse(
    "v2-log-id-unknown",
    Checks.LOG,
    "The checkpoint verifies, under a log id nobody trusts.",
    edit=put(f"{ENTRY}.logId.keyId", b64(bytes(32))),
)
who.refuse(
    "v2-log-id-of-v1-log",
    Checks.CHECKPOINT,
    "The entry names the other trusted log.",
    edit=put(f"{ENTRY}.logId.keyId", b64(v1_log().id)),
)
who.refuse(
    "v2-log-id-short",
    Checks.FORMAT,
    "A log id of four bytes.",
    edit=put(f"{ENTRY}.logId.keyId", b64(v2_log().id[:4])),
)
who.refuse(
    "v2-log-not-trusted",
    Checks.LOG,
    "A log that the trusted root does not name.",
    log=lambda: v2_log("mallory", "log.mallory.example"),
)
who.refuse(
    "v2-log-same-name-other-key",
    Checks.LOG,
    "A log of the trusted name with a key of its own.",
    log=lambda: v2_log("mallory"),
)
who.refuse(
    "v1-promise-log-id-unknown",
    Checks.LOG,
    "A promise that verifies, by trying, under an unknown id.",
    recipe=V1,
    version="0.1",
    proven=False,
    edit=put(f"{ENTRY}.logId.keyId", b64(bytes(32))),
)
who.refuse(
    "v1-promise-by-another-key",
    Checks.PROMISE,
    "The promise is signed with the CT log's key.",
    recipe=V1,
    promise=Promise(key=ecdsa("ct")),
)
who.refuse(
    "v2-promise-of-another-log",
    Checks.PROMISE,
    "A v2 entry with a promise of the v1 log in it, under that log's id.",
    promise=Promise(key=ecdsa("log v1"), time=SIGNED + 3 * S, log_id=v1_log().id),
    entry=both(
        put("integratedTime", str(int(SIGNED.timestamp()) + 3)), put("logId", {"keyId": b64(v1_log().id)})
    ),
)

key = Setting(
    clause="sigstore_trustroot: a key counts within its valid_for; retiring it by end date must do something"
)
key.refuse(
    "window-log-ended",
    Checks.WINDOW,
    "The log's key ended a second before the token's time.",
    root=put("tlogs.1.publicKey.validFor", window(end=SIGNED + 1 * S)),
)
key.refuse(
    "window-log-not-started",
    Checks.WINDOW,
    "The log's key starts a second after.",
    root=put("tlogs.1.publicKey.validFor", window(SIGNED + 3 * S)),
)
key.refuse(
    "window-log-v1-ended",
    Checks.WINDOW,
    "The v1 log's key ended before the promised time.",
    recipe=V1,
    root=put("tlogs.0.publicKey.validFor", window(end=SIGNED + 2 * S)),
)
key.refuse(
    "window-log-v1-not-started",
    Checks.WINDOW,
    "The v1 log's key starts after the promised time.",
    recipe=V1,
    root=put("tlogs.0.publicKey.validFor", window(SIGNED + 4 * S)),
)
key.refuse(
    "window-log-v1-dsse-ended",
    Checks.WINDOW,
    "The same for a dsse entry.",
    recipe=V1_DSSE,
    root=put("tlogs.0.publicKey.validFor", window(EPOCH, SIGNED)),
)
key.refuse(
    "window-log-no-start",
    Checks.LOG,
    "A log key whose window has no start is no window.",
    root=put("tlogs.1.publicKey.validFor", {}),
    clause="sigstore-conformance trust-root-tlog-missing-validity-start_fail",
)
