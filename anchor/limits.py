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
FILE_2: Final = 1 << 43
FACTS_2: Final = 2**53 - 1
COLUMNS_2: Final = 16_384
SUBJECTS: Final = 4096
RELEASE_2: Final = 1 << 22
LEDGER_JSON: Final = 1 << 30
"""A larger ledger.json is left out of a release of version 2."""
SKIPPED: Final = 1000
"""Lines above the header that a dialect names."""
NULL_TOKEN: Final = 64
LISTED_PATH: Final = 4096
"""Bytes of a path in a list of files."""
LISTED_FILES: Final = 1 << 22
"""Files of a list in any order: their paths are held in memory, since no two may be equal."""
MEMBERS: Final = 1 << 20
"""Members of an object of a JSON ledger: their names are held in memory, since no two may be equal."""
FILLED_CELLS: Final = 500_000
"""Cells that short rows of a Markdown table lack. cmark-gfm shows no more of a table after 524,288."""
INDEXES: Final = 8
INDEX_COLUMNS: Final = 16
INDEX_HELD: Final = 1 << 20
"""Facts of an index that are in memory while it is made. More of them are in a temporary file."""
EVIDENCE_ITEMS: Final = 1024
ROOTS: Final = 64
RECEIPT: Final = 1 << 26
SCHEMA: Final = 1 << 20
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
STRUCTURE: Final = 1 << 18
"""Structural characters of a JSON document (RFC 8259 section 2): they decide what its values cost."""
RECEIPT_STRUCTURE: Final = 1 << 22
"""Of a receipt: 300,000 facts with three columns."""
FOREIGN_STRUCTURE: Final = 1 << 21
"""Of somebody else's statement, for example a list of all parts of a program."""
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
    "structural characters of a JSON document (RFC 8259 section 2)": STRUCTURE,
    "items of a list in a bundle or a trusted root": ITEMS,
    "logs or authorities of one kind in the copy of a trusted root": COPY_ITEMS,
    "certificates of an authority in that copy": COPY_CHAIN,
}
"""The limits of the format: FORMAT.md section 13 has this table. A verifier refuses a larger document."""

FORMAT_2: Final = {
    "bytes of a ledger file, and of what comes out of a compressed one": FILE_2,
    "bytes of a line, its end not counted, of a reader by line": LINE,
    "code points of a JSON item, of a string around the items, and of a delimited record": ITEM,
    "members of an object in a ledger that is JSON": MEMBERS,
    "levels of nesting in a fact, and in a JSON document without its facts": DEPTH,
    "cells of a Markdown document that are filled up": FILLED_CELLS,
    "facts of a ledger": FACTS_2,
    "columns of a ledger": COLUMNS_2,
    "subjects of a statement": SUBJECTS,
    "bytes of release.json": RELEASE_2,
    "bytes of ledger.json: a larger one is left out": LEDGER_JSON,
    "skipped lines of a dialect": SKIPPED,
    "code points of the token for null": NULL_TOKEN,
    "bytes of a path in a list of files": LISTED_PATH,
    "files of a list in the form `sha256sum`": LISTED_FILES,
    "indexes of a release": INDEXES,
    "columns of an index": INDEX_COLUMNS,
    "evidence descriptors of a release": EVIDENCE_ITEMS,
    "trusted roots of a release": ROOTS,
    "bytes of a receipt": RECEIPT,
    "structural characters of a receipt (RFC 8259 section 2)": RECEIPT_STRUCTURE,
    "bytes of schema.json": SCHEMA,
}
"""The limits of version 2: FORMAT.md section 27 has this table."""

EVIDENCE: Final = 1 << 26
LOG_EVIDENCE: Final = 4 * NOTE + (64 << 10)
"""Two notes, each at most doubled by JSON's escapes of line ends, quotes and backslashes."""
EVIDENCE_BUNDLES: Final = BUNDLE
"""Bytes of all the bundles that are kept of one statement: at least the smallest one."""
MARK: Final = 8 << 20
HISTORY_EVENT: Final = 4 << 20
HISTORY_EVENTS: Final = 1 << 40
HISTORY_HELD: Final = 1 << 26
"""Bytes that are held of a proof of runs: names of targets and releases, and the indexes of pruned events."""
JOURNAL_STEP: Final = 1 << 26
SIGNED: Final = 1 << 26
SECRET: Final = 4096
HOME_BACKUP: Final = 1 << 26
POLICY: Final = 1 << 20
WITNESS_POLICY: Final = 1 << 20
CONFIGURATION: Final = 1 << 20
SIGNING_CONFIG: Final = 1 << 24
PUBLIC_KEY: Final = 8192
IDENTITY_TOKEN: Final = 64 << 10
TUF_FILE: Final = 5_000_000
DOWNLOAD: Final = 1 << 30
CONVERTED: Final = 1 << 28
NAMED_FACTS: Final = 1 << 27
EVIDENCE_LIST: Final = 1 << 22
EVIDENCE_DOCUMENT: Final = 1 << 28
EVIDENCE_TEXT: Final = 1 << 23
ANSWER_CHAIN: Final = 1 << 20
ANSWER_V1: Final = 8 << 20
ANSWER_V2: Final = 1 << 22
ADD_CHECKPOINT: Final = NOTE + (4 << 10)
"""A checkpoint, at most 63 hashes, and the line of the old size."""
COSIGNATURES: Final = NOTE
LOG_LIST: Final = 1 << 24
"""The logs of a witness: at most 2,048 bytes for each of 8,192, or 300 for each of 55,000."""
HEADS: Final = EVIDENCE
"""A file with checkpoints may be a receipt or evidence as well."""
WITNESSES: Final = 32
"""Witnesses of one embedded log. The largest cosignatures of all of them, of 3.3 kB each, fit into a note."""

PROGRAM: Final = {
    "evidence of two statements": EVIDENCE,
    "evidence of a log": LOG_EVIDENCE,
    "the bundles that evidence keeps of one statement, together": EVIDENCE_BUNDLES,
    "the mark beside the records": MARK,
    "a step of the journal of a publication": JOURNAL_STEP,
    "the list of what a home signed": SIGNED,
    "the secret of a confidential release": SECRET,
    "the list of files in a copy of a home": HOME_BACKUP,
    "`policy.toml`": POLICY,
    "a witness policy": WITNESS_POLICY,
    "`config.toml`": CONFIGURATION,
    "a signing config or ClientTrustConfig": SIGNING_CONFIG,
    "a public key": PUBLIC_KEY,
    "an identity token": IDENTITY_TOKEN,
    "a file of a TUF repository": TUF_FILE,
    "a file of a release that is fetched by URL": DOWNLOAD,
    "a file that `anchor convert` reads": CONVERTED,
    "the ledger files of a release whose changed facts are named, together": NAMED_FACTS,
    "`evidence.toml`, the list of source documents": EVIDENCE_LIST,
    "a PDF or an HTML page that `anchor evidence check` reads": EVIDENCE_DOCUMENT,
    "a text that `anchor evidence check` reads, or takes out of a document": EVIDENCE_TEXT,
    "an answer of a certificate authority": ANSWER_CHAIN,
    "an answer of a Rekor v1 log": ANSWER_V1,
    "an answer of a Rekor v2 log": ANSWER_V2,
    "a request to a witness": ADD_CHECKPOINT,
    "the cosignatures in an answer of a witness": COSIGNATURES,
    "a list of logs of a witness": LOG_LIST,
    "a file or answer with checkpoints that `anchor compare` reads": HEADS,
}
"""Sizes in bytes of documents outside of the format: docs/operations.md has this table."""
