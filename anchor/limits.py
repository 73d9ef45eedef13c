# SPDX-License-Identifier: Apache-2.0
"""Every limit on the size of a document, once: for its writer, for its reader, and for FORMAT.md.

A document that is written larger than it may be read is lost. Sizes are in bytes, texts in code points.
"""

from typing import Final

FILE: Final = 1 << 36
LINE: Final = 1 << 20
ARRAY: Final = 1 << 26
ITEM: Final = 1 << 20
"""Code points of one object of a JSON array, and of one CSV record."""
LEAF: Final = 1 << 20
FACTS: Final = 10**8
COLUMNS: Final = 256
COLUMN: Final = 1024
VALUE: Final = 1 << 18
NUMBER: Final = 1000
"""Characters of a JSON number, which is carried as the text it is written in."""
RELEASE: Final = 1 << 20
STATEMENT: Final = 1 << 21
BUNDLE: Final = 1 << 24
TRUSTED_ROOT: Final = 1 << 23
ANCHORS: Final = 64
LEDGER_NAME: Final = 128
TEXT: Final = 2048
"""An identity, an issuer, an origin, a URL."""
PATH: Final = 512
CERTIFICATE: Final = 64 << 10
CERTIFICATES: Final = 10
TIMESTAMP: Final = 64 << 10
TIMESTAMPS: Final = 32
HASHES: Final = 64
NOTE: Final = 1 << 20
NOTE_SIGNATURES: Final = 100
DEPTH: Final = 64
"""Nesting of a JSON document."""
ITEMS: Final = 1000
"""Items of a list in a bundle or a trusted root."""
COPY_ITEMS: Final = 256
COPY_CHAIN: Final = 10
"""For the copy beside a release. Anybody may have made it, and each item multiplies the work."""
UNSIGNED: Final = 16 << 20
"""Bytes of a ledger whose statement no trusted signer signed. A larger one is not read."""
CHECKS: Final = 8192
"""Signature checks of one release: 128 for each of 64 anchors. An honest anchor needs five to twenty."""

FORMAT: Final = {
    "bytes of a ledger file": FILE,
    "bytes of a line, its end not counted (`markdown-table-v1`, `jsonl-v1`, `csv-v1`)": LINE,
    "bytes of a JSON array (`json-v1`), on as few lines as you like": ARRAY,
    "code points of an item of it, and of a CSV record": ITEM,
    "bytes of a leaf": LEAF,
    "facts of a ledger": FACTS,
    "columns of a ledger": COLUMNS,
    "code points of a column's name": COLUMN,
    "code points of a value": VALUE,
    "characters of a JSON number": NUMBER,
    "bytes of release.json": RELEASE,
    "bytes of statement.json": STATEMENT,
    "bytes of a bundle": BUNDLE,
    "bytes of a trusted root": TRUSTED_ROOT,
    "anchors of a release": ANCHORS,
    "code points of a ledger's name": LEDGER_NAME,
    "code points of an identity, an issuer, an origin or a URL": TEXT,
    "characters of a path": PATH,
    "bytes of a certificate": CERTIFICATE,
    "certificates in the chain of a bundle": CERTIFICATES,
    "bytes of a time-stamp": TIMESTAMP,
    "time-stamps of a bundle": TIMESTAMPS,
    "hashes of a proof": HASHES,
    "bytes of a checkpoint": NOTE,
    "signature lines of a checkpoint": NOTE_SIGNATURES,
    "levels of nesting in a JSON document": DEPTH,
    "items of a list in a bundle or a trusted root": ITEMS,
    "logs or authorities of one kind in the copy of a trusted root": COPY_ITEMS,
    "certificates of an authority in that copy": COPY_CHAIN,
}
"""The limits of the format: FORMAT.md section 13 has this table. A verifier refuses a larger document."""

EVIDENCE: Final = 1 << 26
LOG_EVIDENCE: Final = 4 * NOTE + (64 << 10)
"""Two notes, each at most doubled by JSON's escapes of line ends, quotes and backslashes."""
EVIDENCE_BUNDLES: Final = BUNDLE
"""Bytes of all the bundles that are kept of one statement: at least the smallest one."""
MARK: Final = 8 << 20
JOURNAL_STEP: Final = 1 << 26
SIGNED: Final = 1 << 26
POLICY: Final = 1 << 20
WITNESS_POLICY: Final = 1 << 20
CONFIGURATION: Final = 1 << 20
SIGNING_CONFIG: Final = 1 << 24
PUBLIC_KEY: Final = 8192
IDENTITY_TOKEN: Final = 64 << 10
TUF_FILE: Final = 5_000_000
DOWNLOAD: Final = 1 << 30
ANSWER_CHAIN: Final = 1 << 20
ANSWER_V1: Final = 8 << 20
ANSWER_V2: Final = 1 << 22

PROGRAM: Final = {
    "evidence of two statements": EVIDENCE,
    "evidence of a log": LOG_EVIDENCE,
    "the bundles that evidence keeps of one statement, together": EVIDENCE_BUNDLES,
    "the mark beside the records": MARK,
    "a step of the journal of a publication": JOURNAL_STEP,
    "the list of what a home signed": SIGNED,
    "`policy.toml`": POLICY,
    "a witness policy": WITNESS_POLICY,
    "`config.toml`": CONFIGURATION,
    "a signing config or ClientTrustConfig": SIGNING_CONFIG,
    "a public key": PUBLIC_KEY,
    "an identity token": IDENTITY_TOKEN,
    "a file of a TUF repository": TUF_FILE,
    "a file of a release that is fetched by URL": DOWNLOAD,
    "an answer of a certificate authority": ANSWER_CHAIN,
    "an answer of a Rekor v1 log": ANSWER_V1,
    "an answer of a Rekor v2 log": ANSWER_V2,
}
"""Sizes in bytes of documents outside of the format: docs/operations.md has this table."""
