# SPDX-License-Identifier: Apache-2.0
"""A vector of a receipt: it says what its verifier must come to, and by which check.

A folder has `receipt.json`, `policy.toml`, `case.json` and `README`; with `bundles.json`, the receipt is a
line of a file of receipts. `trusted_root.json` beside the folders is the one of all policies.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.receipt_vectors.signed_ledgers import PLAIN, Json
from tests.support.forge.authorities import IDENTITY, ISSUER
from tests.support.forge.bundles import NOW, iso, trusted_root

ROOT = (json.dumps(trusted_root(), indent=0) + "\n").encode()
Edit = Callable[[Json], Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One vector; `name` ends in `_fail` where `expect` is not OK."""

    name: str
    why: str
    expect: str
    check: str
    """The check that must say so; empty if it verifies."""
    receipt: bytes
    bundles: bytes = b""
    ledger: str = PLAIN.name
    min_anchors: int = 1
    identity: str = IDENTITY
    signatures: bool = False
    """True if only the checks of signatures and logs tell that it must be refused."""

    def files(self) -> dict[str, bytes]:
        """The folder's content."""
        verdict = f"is refused ({self.expect}) by the check `{self.check}`" if self.check else "verifies"
        about: Json = {"expect": self.expect, "now": iso(NOW)} | ({"check": self.check} if self.check else {})
        found = {
            "README": f"{self.why}\n\nExpected: it {verdict}.\nClause: FORMAT.md section 22.\n".encode(),
            "receipt.json": self.receipt,
            "policy.toml": self.policy(),
            "case.json": (json.dumps(about, indent=1, sort_keys=True) + "\n").encode(),
        }
        return found | ({"bundles.json": self.bundles} if self.bundles else {})

    def policy(self) -> bytes:
        """The policy of the verifier."""
        root = hashlib.sha256(ROOT).hexdigest()
        lines = [f'ledger = "{self.ledger}"']
        lines += [f"min_anchors = {self.min_anchors}"] if self.min_anchors != 1 else []
        lines += [f'trusted_root = [{{path = "../trusted_root.json", sha256 = "{root}"}}]']
        lines += ["", "[[signer]]", f'identity = "{self.identity}"', f'issuer = "{ISSUER}"', ""]
        return "\n".join(lines).encode()


CASES: dict[str, Case] = {}


def encoded(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def accept(name: str, why: str, receipt: Any, **more: Any) -> None:
    """A receipt that must verify."""
    _add(Case(name=name, why=why, expect="OK", check="", receipt=encoded(receipt), **more))


def refuse(
    name: str, check: str, why: str, receipt: Any, *edits: Edit, expect: str = "INVALID", **more: Any
) -> None:
    """A receipt that must not; `check` is the one that must say so. Bytes are taken as they are."""
    for edit in edits:
        edit(receipt)
    data = receipt if isinstance(receipt, bytes) else encoded(receipt)
    _add(Case(name=f"{name}_fail", why=why, expect=expect, check=check, receipt=data, **more))


def _add(case: Case) -> None:
    if case.name in CASES:
        raise ValueError(case.name)
    CASES[case.name] = case


def with_payload(payload: bytes) -> Edit:
    """Another statement in the envelopes, under the same signatures."""

    def edit(document: Json) -> None:
        for bundle in document["bundles"]:
            bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()

    return edit


def bundles_file(bundles: list[Json]) -> bytes:
    """The file of bundles beside a line of a file of receipts."""
    return encoded({"format": "urn:ledger-anchor:receipt-bundles:v1", "bundles": bundles})


FACT = "facts.0.fact"
"""The path of the first fact of a receipt."""
