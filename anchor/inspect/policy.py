# SPDX-License-Identifier: Apache-2.0
"""Trust policies and C2SP witness policies in words. Verifies nothing.

A policy belongs to the verifier. Nothing signs it.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from anchor import regex
from anchor.encoding import parse_toml
from anchor.errors import AnchorError, Refused
from anchor.inspect.fields import MAX_FIELDS, Description, Field, Rules, field, unbound, walk
from anchor.inspect.note import vkey_fields
from anchor.tlog import witness_policy
from anchor.verify import policy
from anchor.words import several

YOURS = unbound(
    "your own word: anchor verify demands it of a release; nothing signs it, so keep the file yours"
)
PIN = unbound("your own word; the trusted root must have this SHA-256, wherever its bytes come from")
COMMENT = unbound("read by people only")

_KEYS = {"ledger", "signer", "trusted_root", "min_anchors", "min_signers", "min_number", "tlog_policy"}
_LINE = regex.expression(rb"^[ \t]*(?:log|witness|group|quorum)[ \t]", re.MULTILINE)
_VKEY = regex.expression(r"[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+", re.ASCII)
_RULES: Rules = {
    **{f"{name}{below}": YOURS for name in policy.KEYS for below in ("", ".*", "[*]", "[*].*")},
    "trusted_root[*].sha256": PIN,
}


def toml(data: bytes) -> dict[str, Any] | None:
    """The TOML document that bytes are, if it looks like a trust policy."""
    try:
        found = parse_toml(data)
    except Refused:
        return None
    return found if len(_KEYS & found.keys()) >= 2 else None


def read_policy(data: bytes, value: dict[str, Any]) -> Description:
    """A policy.toml."""
    problem, sentence = "", "a policy that is refused as it stands"
    try:
        found = policy.parse_policy(data)
        who = "; ".join(str(s) for s in found.signers[:5])
        number = f", {found.min_signers} of them or more" if found.min_signers > 1 else ""
        sentence = (
            f"accepts {found.ledger}, signed by {who}{number}, in {several(found.min_anchors, 'log')} or more"
        )
    except AnchorError as e:
        problem = str(e)
    return Description("trust policy", sentence, walk(value, _RULES), problem)


def is_witness_policy(data: bytes) -> bool:
    """True if some line begins like a line of a C2SP witness policy."""
    return _LINE.search(data) is not None


def read_witnesses(data: bytes) -> Description:
    """A C2SP witness policy."""
    problem, sentence = "", "a witness policy that is refused as it stands"
    try:
        found = witness_policy.parse(data)
        quorum = witness_policy.shown(found.quorum or witness_policy.NONE)
        sentence = (
            f"knows {several(len(found.logs), 'log')} and {several(len(found.witnesses), 'witness')}; quorum "
            f"{quorum} of {several(len(found.groups), 'group')}"
        )
    except AnchorError as e:
        problem = str(e)
    return Description("witness policy", sentence, islice(_lines(data), MAX_FIELDS), problem)


def _lines(data: bytes) -> Iterator[Field]:
    for number, line in enumerate(data.decode("utf-8", "backslashreplace").split("\n"), 1):
        words = line.split()
        if words:
            comment = words[0].startswith("#")
            yield field(f"line {number}", line, COMMENT if comment else YOURS)
            for word in () if comment else words[1:4]:
                if _VKEY.fullmatch(word):
                    yield from vkey_fields(word, f"line {number}")
