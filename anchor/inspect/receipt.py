# SPDX-License-Identifier: Apache-2.0
"""Receipts, and the bundles that many of them share, in words. Verifies nothing."""

from collections.abc import Iterator
from typing import Any, Final

from anchor.encoding import unbase64
from anchor.errors import AnchorError
from anchor.format import receipt as receipts
from anchor.format import statement as statements
from anchor.format.receipt import Receipt
from anchor.inspect import bundle
from anchor.inspect.fields import Description, Field, Rules, bound, compared, member, unbound, walk

FORM: Final = compared("must be the one that this program knows")
LEAF: Final = bound("its leaf hash and the proof give the root of the signed statement (receipt-facts)")
KEY: Final = bound("with the path it gives the root of an index of the signed statement (receipt-key)")
RULES: Final[Rules] = {
    "format": FORM,
    "kind": compared("decides which members are there, and what they prove (receipt-facts, receipt-key)"),
    "release": compared("must equal the SHA-256 of the statement that the bundles sign (one-statement)"),
    "facts[*].index": LEAF,
    "facts[*].fact.*": LEAF,
    "proof[*]": LEAF,
    "index.columns[*]": compared("must be those of an index of the signed statement (receipt-key)"),
    "index.key[*]": KEY,
    "index.path[*]": KEY,
    "index.other.*": KEY,
}
ABSENCE: Final[Rules] = {
    **RULES,
    "index.key[*]": unbound(
        "one of the keys whose hash begins as the path goes: it proves the absence of each (receipt-key)"
    ),
}
NOTE: Final = "anchor verify-receipt checks it, under the policy that you name"
NESTED: Final = ("bundles", "status")


def read_receipt(data: bytes, value: dict[str, Any]) -> Description:
    """A receipt, or a line of a file of receipts; `value` is its JSON."""
    problem, sentence = "", "a receipt that no verification accepts as it stands"
    try:
        load = receipts.load_line if "release" in value else receipts.load
        sentence = _sentence(load(data))
    except AnchorError as e:
        problem = str(e)
    return Description("receipt", sentence, _fields(value), problem, (*_read_as(value), NOTE))


def read_bundles(data: bytes, value: dict[str, Any]) -> Description:
    """The bundles of a release, beside a file of its receipts; `value` is their JSON."""
    problem, sentence = "", "bundles that no verification accepts as they stand"
    try:
        sentence = f"the bundles of a release, {len(receipts.load_bundles(data))}, for a file of its receipts"
    except AnchorError as e:
        problem = str(e)
    return Description("bundles of receipts", sentence, _fields(value), problem, (*_read_as(value), NOTE))


def _sentence(found: Receipt) -> str:
    facts, key = len(found.facts), found.index
    several = f"{facts} fact{'' if facts == 1 else 's'}"
    if key is None:
        return f"says that {several} of a ledger {'is' if facts == 1 else 'are'} in it"
    named = dict(zip(key.columns, key.key, strict=True))
    who = f"{several} and no other" if facts else "no fact"
    return f"says that {who} ha{'ve' if facts > 1 else 's'} the key {named}"


def _fields(value: dict[str, Any]) -> Iterator[Field]:
    rules = ABSENCE if value.get("kind") == "absence" else RULES
    yield from walk({name: v for name, v in value.items() if name not in NESTED}, rules)
    for name, listed in (
        ("bundles", value.get("bundles")),
        ("status.bundles", member(value, "status", "bundles")),
    ):
        for i, one in enumerate(listed if isinstance(listed, list) else ()):
            yield from bundle.fields(one, at=f"{name}[{i}]")


def _read_as(value: dict[str, Any]) -> tuple[str, ...]:
    """How the files of the ledger are read, by the statement in the first bundle."""
    listed = value.get("bundles")
    payload = member(listed[0] if isinstance(listed, list) and listed else None, "dsseEnvelope", "payload")
    try:
        return statements.decode(unbase64(payload if isinstance(payload, str) else "")).read_as
    except AnchorError:
        return ()
