# SPDX-License-Identifier: Apache-2.0
"""Verification: functions of bytes and a time, for releases, receipts and bundles.

`steps` has the name, the clause and the meaning of each check. `release`, `receipt` and `bundle` take them in
order. The steps of a release are in `ledger_checks`, `anchors` and `root_copy`, those of a bundle in
`certificate`, `timestamp`, `log_entry` and `payload`. `policy` has the demands of a verifier, `policy_checks`
compares them with a release, and `effort` limits the work.

A name is imported on first use, so that `verify_bundle` imports no module of releases.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anchor.verify.bundle import verify_bundle
    from anchor.verify.receipt import ReceiptResult, examine_receipt, verify_receipt
    from anchor.verify.release import ReleaseResult, Trust, examine_release, verify_release

__all__ = [
    "ReceiptResult",
    "ReleaseResult",
    "Trust",
    "examine_receipt",
    "examine_release",
    "verify_bundle",
    "verify_receipt",
    "verify_release",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "verify_bundle":
        from anchor.verify.bundle import verify_bundle

        return verify_bundle
    if name in ("ReceiptResult", "examine_receipt", "verify_receipt"):
        from anchor.verify import receipt

        return getattr(receipt, name)
    from anchor.verify import release

    return getattr(release, name)
