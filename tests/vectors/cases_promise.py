# SPDX-License-Identifier: Apache-2.0
"""Promises, proofs and entries that a bundle must have, and how many."""

import datetime as dt

from tests.support.forge.authorities import EPOCH, SIGNED
from tests.support.forge.bundles import V1, V2, Edit, Recipe, Stamp, b64, make, v2_log, window
from tests.support.forge.edits import drop, put
from tests.support.forge.logs import Promise
from tests.vectors.case import ENTRY, PROOF, Checks, Setting, entry

S = dt.timedelta(seconds=1)
promise = Setting(
    clause="Rekor v1: SignedEntryTimestamp over the canonical JSON of body, integratedTime, logID, logIndex",
    recipe=V1,
)
promise.refuse(
    "v1-promise-missing-0.1",
    Checks.FORMAT,
    "Bundle v0.1 demands a promise.",
    version="0.1",
    promised=False,
    stamps=(Stamp(),),
    clause="sigstore_bundle.proto: v0.1 MUST have an inclusion promise",
)
promise.refuse(
    "v1-promise-flipped",
    Checks.PROMISE,
    "A byte of the promise is another.",
    edit=put(f"{ENTRY}.inclusionPromise.signedEntryTimestamp", b64(b"0" * 70)),
)
promise.refuse(
    "v1-promise-other-time",
    Checks.PROMISE,
    "integratedTime was changed after the promise.",
    edit=put(f"{ENTRY}.integratedTime", str(int(SIGNED.timestamp()) + 4)),
)
promise.refuse(
    "v1-promise-other-index", Checks.PROMISE, "The log promised another index.", promise=Promise(index=5)
)
promise.refuse(
    "v1-promise-other-log-id",
    Checks.PROMISE,
    "The log promised under another id.",
    promise=Promise(log_id=bytes(32)),
)
promise.refuse(
    "v1-promise-without-time",
    Checks.PROMISE,
    "A promise for an entry without a time.",
    edit=drop(f"{ENTRY}.integratedTime"),
    stamps=(Stamp(),),
)
promise.refuse(
    "v1-promise-outside-certificate",
    Checks.VALIDITY,
    "Promised a day after the certificate ended.",
    time=SIGNED + dt.timedelta(days=1),
)
promise.refuse(
    "v1-promise-outside-certificate-stamp-inside",
    Checks.VALIDITY,
    "The token is inside the certificate's window, the promised time is not.",
    time=SIGNED + dt.timedelta(days=1),
    stamps=(Stamp(),),
)
promise.refuse(
    "v1-proof-missing-0.2",
    Checks.FORMAT,
    "Bundle v0.2 demands a proof.",
    version="0.2",
    proven=False,
    clause="sigstore_bundle.proto: v0.2 and later MUST have an inclusion proof with a checkpoint",
)
promise.refuse(
    "v1-proof-missing-0.3",
    Checks.FORMAT,
    "Bundle v0.3 demands a proof.",
    proven=False,
    clause="sigstore_bundle.proto: v0.2 and later MUST have an inclusion proof with a checkpoint",
)
promise.refuse(
    "v1-checkpoint-missing",
    Checks.FORMAT,
    "A proof without a checkpoint is a proof of nothing.",
    edit=drop(f"{PROOF}.checkpoint"),
)
promise.refuse(
    "v1-proof-forged-beside-promise-0.1",
    Checks.INCLUSION,
    "v0.1 needs no proof; one that is there and false is a lie all the same.",
    version="0.1",
    edit=put(f"{PROOF}.hashes.0", b64(bytes(32))),
)
promise.refuse(
    "v2-promise-only",
    Checks.PROMISE,
    "A Rekor v2 entry in bundle v0.1 without a proof.",
    recipe=V2,
    version="0.1",
    proven=False,
    promise=Promise(time=SIGNED),
    entry=put("integratedTime", str(int(SIGNED.timestamp()))),
)
promise.refuse(
    "v2-integrated-time-only",
    Checks.TIME,
    "integratedTime without promise or token: no time at all.",
    recipe=V2,
    stamps=(),
    entry=put("integratedTime", str(int(SIGNED.timestamp()) + 2)),
)
promise.refuse("v1-integrated-time-only", Checks.TIME, "The same for Rekor v1.", promised=False)

several = Setting(clause="sigstore_bundle.proto tlog_entries; a threshold counts logs, and one log once")
several.refuse("v2-no-entries", Checks.LOG, "No log entry.", edit=put("verificationMaterial.tlogEntries", []))
several.refuse(
    "v2-entry-twice",
    Checks.LOG,
    "The same entry twice is one entry.",
    edit=lambda b: b["verificationMaterial"]["tlogEntries"].append(dict(entry(b))),
)
several.refuse(
    "v2-second-entry-forged",
    Checks.LOG,
    "A second entry that is false.",
    edit=lambda b: b["verificationMaterial"]["tlogEntries"].append(entry(b) | {"logIndex": "3"}),
)
several.refuse(
    "v2-hundred-entries",
    Checks.FORMAT,
    "A hundred entries.",
    edit=lambda b: put("verificationMaterial.tlogEntries", [entry(b)] * 33)(b),
)


def second(recipe: Recipe, **changes: object) -> Edit:
    """An edit that adds the log entry of another recipe for the same signature."""
    return lambda b: b["verificationMaterial"]["tlogEntries"].append(entry(make(recipe)) | changes)


several.accept("two-logs", "The same signature in a Rekor v2 and a Rekor v1 log.", edit=second(V1))
several.refuse(
    "two-entries-of-one-log",
    Checks.LOG,
    "The same body twice in one log, at two indices: it would look like two witnesses.",
    edit=second(V2.but(log=lambda: v2_log(fill=9))),
)
several.refuse(
    "two-logs-second-unknown",
    Checks.LOG,
    "The second entry is of a log nobody trusts.",
    edit=second(V2.but(log=lambda: v2_log("mallory", "log.mallory.example"))),
)
several.refuse(
    "two-logs-second-of-other-artifact",
    Checks.BODY,
    "The second entry is true, of another artifact.",
    edit=second(V1.but(artifact=b"another artifact")),
)
several.refuse(
    "two-logs-second-window",
    Checks.WINDOW,
    "The second log's key was retired before.",
    edit=second(V1),
    root=put("tlogs.0.publicKey.validFor", window(EPOCH, SIGNED)),
)
several.refuse(
    "two-logs-second-kind-unknown",
    Checks.BODY,
    "The second entry is of a kind of the future.",
    expect="UNSUPPORTED",
    edit=second(V1, kindVersion={"kind": "ledgerrekord", "version": "0.0.1"}),
)
several.refuse(
    "two-logs-second-promise-false",
    Checks.PROMISE,
    "The second entry's promise is false.",
    edit=second(V1, logIndex="1"),
)
for name, time in (
    ("huge", str(2**62)),
    ("beyond-calendars", str(2**40)),
    ("zero", "0"),
    ("beyond-json", str(2**53 + 1)),
):
    promise.refuse(
        f"v1-promise-time-{name}",
        Checks.PROMISE,
        f"A promised time of {time} seconds.",
        edit=put(f"{ENTRY}.integratedTime", time),
        stamps=(Stamp(),),
    )
