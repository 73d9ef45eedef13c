# SPDX-License-Identifier: Apache-2.0
"""All facts of a key, and its absence."""

from typing import Any

from tests.receipt_vectors.case import accept, refuse
from tests.receipt_vectors.signed_ledgers import KEYED, KEYED_NULLS, PLAIN, Json
from tests.support.forge.edits import drop, put
from tests.support.second import index2

FORM, KEY = "receipt", "receipt-key"
EMPTY = index2.EMPTY.hex()
LABEL = ("label",)
accept("key-complete", "All facts of a key.", KEYED.of_key(LABEL, ["key 1"]))
accept(
    "key-of-one-fact",
    "A key of two columns, which one fact has.",
    KEYED.of_key(("label", "value"), ["key 1", "10"]),
)
accept("key-empty-text", "The empty string is a key.", KEYED.of_key(LABEL, [""]))
accept("key-null", "A null and an absent value are one key.", KEYED_NULLS.of_key(LABEL, [None]))
accept("absent-empty", "The path ends in an empty part.", KEYED.of_key(LABEL, KEYED.absent(other=False)))
accept(
    "absent-other", "The path ends in the leaf of another key.", KEYED.of_key(LABEL, KEYED.absent(other=True))
)
accept(
    "absent-other-letter-case",
    "A key that differs in case from one that is there.",
    KEYED.of_key(LABEL, ["KEY 1"]),
)
PLACES = [f["index"] for f in KEYED.of_key(LABEL, ["key 1"])["facts"]]


def complete(*indexes: int, **index: Any) -> Json:
    """The receipt of a key with other facts, whose proof in the main tree is right."""
    shown = KEYED.of_key(LABEL, ["key 1"])["index"]
    return KEYED.receipt(*indexes) | {"kind": "completeness", "index": shown | index}


refuse("key-left-out", KEY, "One fact of the key is left out.", complete(*PLACES[:-1]))
refuse("key-with-another", KEY, "A fact with another key is named too.", complete(*sorted({*PLACES, 2})))
refuse(
    "key-instead",
    KEY,
    "A fact with another key is named in place of one.",
    complete(*sorted({*PLACES[1:], 2})),
)
refuse(
    "key-repeated",
    FORM,
    "One fact is named twice.",
    complete(*PLACES),
    lambda r: r["facts"].insert(0, r["facts"][0]),
)
refuse(
    "key-reordered",
    FORM,
    "The facts are not by rising index.",
    complete(*PLACES),
    lambda r: r["facts"].reverse(),
)
refuse(
    "key-of-other-letters",
    KEY,
    "The key is another one than that of the facts.",
    complete(*PLACES, key=["Key 1"]),
)
refuse(
    "key-of-another-index",
    KEY,
    "The statement has no index over these columns.",
    complete(*PLACES, columns=["value"]),
)
refuse(
    "key-of-index-with-two-columns",
    FORM,
    "One value for two columns.",
    complete(*PLACES, columns=["label", "value"]),
)
refuse(
    "key-path-cut",
    KEY,
    "The path is shortened by one sibling.",
    complete(*PLACES),
    lambda r: r["index"]["path"].pop(),
)
refuse(
    "key-path-moved",
    KEY,
    "Two siblings have exchanged their places.",
    complete(*PLACES),
    lambda r: r["index"]["path"].__setitem__(slice(0, 2), r["index"]["path"][1::-1]),
)
refuse(
    "key-in-a-release-without-index",
    KEY,
    "The statement has no index.",
    PLAIN.receipt(1, 3)
    | {"kind": "completeness", "index": {"columns": ["label"], "key": ["Employees"], "path": []}},
)


def absent(key: list[str | None], **index: Any) -> Json:
    """The receipt of an absence, with other members of `index`."""
    found = KEYED.of_key(LABEL, KEYED.absent(other="other" in index))
    found["index"] |= {"key": key} | index
    return found


PRESENT = KEYED.of_key(LABEL, ["key 1"])["index"]
(ENTRY,) = [e for e in KEYED.entries(LABEL) if e.key_hash == index2.key_hash(["key 1"])]
OTHER = {"key_hash": ENTRY.key_hash.hex(), "inner": ENTRY.inner.hex(), "n": ENTRY.n}
refuse(
    "absent-is-there",
    KEY,
    "The key is in the ledger, and its path is said to end in an empty part.",
    absent(["key 1"], path=PRESENT["path"]),
)
refuse(
    "absent-is-there-as-other",
    KEY,
    "The leaf of the key itself is given as that of another one.",
    absent(["key 1"], path=PRESENT["path"], other=OTHER),
)
refuse(
    "absent-path-of-another", KEY, "The path of an absent key, for a key that is there.", absent(["key 1"])
)
NONE, BESIDE = KEYED.absent(other=False), KEYED.absent(other=True)
refuse(
    "absent-path-moved",
    KEY,
    "Two siblings have exchanged their places.",
    KEYED.of_key(LABEL, NONE),
    lambda r: r["index"]["path"].__setitem__(slice(0, 2), r["index"]["path"][1::-1]),
)
refuse(
    "absent-path-cut",
    KEY,
    "The path is shortened.",
    KEYED.of_key(LABEL, BESIDE),
    lambda r: r["index"]["path"].pop(),
)
refuse(
    "absent-other-far-away",
    KEY,
    "The leaf of a key whose hash has other first bits.",
    KEYED.of_key(LABEL, BESIDE),
    put("index.other", OTHER),
)
refuse(
    "absent-other-count",
    KEY,
    "The other key is said to have one fact more.",
    KEYED.of_key(LABEL, BESIDE),
    lambda r: r["index"]["other"].__setitem__("n", r["index"]["other"]["n"] + 1),
)
refuse(
    "absent-with-facts",
    FORM,
    "An absence names no fact.",
    KEYED.of_key(LABEL, NONE),
    put("facts", KEYED.receipt(0)["facts"]),
    expect="UNSUPPORTED",
)
refuse(
    "absent-empty-in-hex",
    FORM,
    "The hash of an empty part is written as null.",
    KEYED.of_key(LABEL, NONE),
    put("index.path.0", EMPTY),
)
refuse(
    "absent-last-sibling-empty",
    FORM,
    "A path does not end below an empty sibling.",
    KEYED.of_key(LABEL, NONE),
    lambda r: r["index"]["path"].append(None),
)
refuse(
    "absent-no-path",
    FORM,
    "Nothing between the root and an empty part.",
    KEYED.of_key(LABEL, NONE),
    put("index.path", []),
)
refuse(
    "absent-null-for-empty-text",
    KEY,
    "The empty string is there; null is another key.",
    KEYED.of_key(LABEL, [None]),
    put("index.key", [""]),
)
refuse(
    "key-null-instead",
    KEY,
    "The key is null, and its facts have a text.",
    complete(*PLACES, key=[None]),
)
refuse(
    "key-facts-of-another",
    KEY,
    "The facts are all those of another key.",
    complete(*(f["index"] for f in KEYED.of_key(LABEL, ["key 2"])["facts"])),
)
refuse(
    "key-path-longer",
    KEY,
    "The path has a sibling more.",
    complete(*PLACES),
    lambda r: r["index"]["path"].append("00" * 32),
)
refuse(
    "key-path-of-another",
    KEY,
    "The path of another key.",
    complete(*PLACES, path=KEYED.of_key(LABEL, ["key 2"])["index"]["path"]),
)
refuse("key-path-empty", KEY, "No path, as in an index with one key.", complete(*PLACES, path=[]))
refuse(
    "key-path-of-257",
    FORM,
    "A path is no longer than a key hash has bits.",
    complete(*PLACES, path=["00" * 32] * 257),
)
refuse(
    "key-columns-in-another-order",
    KEY,
    "The columns of an index, in another order.",
    KEYED.of_key(("label", "value"), ["key 1", "10"]),
    put("index.columns", ["value", "label"]),
    put("index.key", ["10", "key 1"]),
)
refuse(
    "key-path-of-another-index",
    KEY,
    "The path in one index, with the columns of another.",
    KEYED.of_key(("label", "value"), ["key 1", "10"]),
    put("index.path", PRESENT["path"]),
)
refuse(
    "key-fact-edited",
    "receipt-facts",
    "A value outside of the key is another one.",
    complete(*PLACES),
    put("facts.0.fact.value", "99"),
)
refuse(
    "absent-higher-up",
    KEY,
    "The key is there; the path ends above it, in the leaf of a key with other first bits.",
    absent(["key 1"], path=PRESENT["path"][:1], other=KEYED.of_key(LABEL, BESIDE)["index"]["other"]),
)
refuse(
    "absent-path-longer",
    KEY,
    "The path has a sibling more.",
    KEYED.of_key(LABEL, NONE),
    lambda r: r["index"]["path"].append("00" * 32),
)
refuse(
    "absent-other-left-out",
    KEY,
    "The leaf of the other key is left out, as if the path ended in an empty part.",
    KEYED.of_key(LABEL, BESIDE),
    drop("index.other"),
)
refuse(
    "absent-other-inner",
    KEY,
    "The other key has another root over its facts.",
    KEYED.of_key(LABEL, BESIDE),
    put("index.other.inner", "00" * 32),
)
refuse(
    "absent-other-without-facts",
    FORM,
    "The other key is said to have no fact.",
    KEYED.of_key(LABEL, BESIDE),
    put("index.other.n", 0),
)
refuse(
    "absent-other-with-too-many",
    FORM,
    "The other key is said to have more facts than a ledger can have.",
    KEYED.of_key(LABEL, BESIDE),
    put("index.other.n", 2**53),
)
refuse(
    "absent-index-not-there",
    KEY,
    "The statement has no index over this column.",
    KEYED.of_key(LABEL, NONE),
    put("index.columns", ["value"]),
)
