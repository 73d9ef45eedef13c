# SPDX-License-Identifier: Apache-2.0
"""The embedded log: Rekor v2's entries, in a log whose operator is the publisher."""

from typing import ClassVar

from anchor.log_kinds.rekor_v2 import RekorV2

EMBEDDED_SUFFIX = ".anchor-embedded.invalid"
"""Every embedded log has an origin that ends so (FORMAT.md section 9). RFC 6761: it never resolves."""

ALONE = "no independent evidence"
"""The words for what the publisher alone vouches for; `anchor.verify.independence` says when they stand."""


def own_signer(origin: str) -> tuple[str, str]:
    """The identity of the publisher in certificates of his embedded instance, and its issuer."""
    return f"publisher@{origin}", f"https://{origin}/oauth"


class EmbeddedLog(RekorV2):
    """It is written in this process (`anchor.embedded`) and read as static tiles beside the release."""

    name: ClassVar[str] = "embedded"
    title: ClassVar[str] = "embedded"
    forms: ClassVar = ()  # they are Rekor v2's
    api_version: ClassVar[int | None] = None
    sharded: ClassVar[bool] = False

    def has_origin(self, origin: str) -> bool:
        return origin.endswith(EMBEDDED_SUFFIX)
