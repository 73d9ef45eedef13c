# SPDX-License-Identifier: Apache-2.0
"""The report of verifying a bundle. A value stands in it only if a passed check bound it."""

from datetime import datetime

import msgspec

from anchor.tlog.checkpoint import Checkpoint
from anchor.verdict import Check, Class, judge


class VerifiedTime(msgspec.Struct, frozen=True):
    """A moment at which the signature existed. `source`: `rfc3161` or `log`. `authority`: who says so.
    `fingerprint`: the SHA-256 of the authority's certificate, if it has one."""

    source: str
    authority: str
    time: datetime
    fingerprint: bytes = b""


class LogFact(msgspec.Struct, frozen=True):
    """A log that has the entry.

    `index` is the entry's index in the tree of `size` leaves with `root`. In a bundle with a promise only,
    `size` is 0 and `index` is the promised index. `promised_index` is the log-wide index that the verified
    promise of a v1 log binds.
    """

    base_url: str
    log_id: bytes
    kind: str
    origin: str
    index: int
    size: int
    root: bytes
    promised_index: int | None
    checkpoint: Checkpoint | None
    spki: bytes = b""
    """The log's key. One key may have several ids."""
    body: bytes = b""
    """The exact entry bytes that the log hashed."""

    @property
    def public_index(self) -> int:
        """The index by which the log lists the entry: the promised one if there is one (v1), else the index
        in the tree."""
        return self.index if self.promised_index is None else self.promised_index


class BundleReport(msgspec.Struct, frozen=True, kw_only=True):
    """The checks in order, and the values that they bound, which are empty unless all checks passed.

    `identity` and `issuer` are the certificate's. They are `claimed` if the caller named no signers: the
    certificate vouches for them, but nobody said that they are the right ones. `foreign`: the trusted root
    does not name an authority or log of the bundle. A caller may then ignore the bundle.
    """

    checks: tuple[Check, ...]
    identity: str = ""
    issuer: str = ""
    authority: str = ""
    """URI (else name) of the certificate authority, as the trusted root gives it."""
    root_label: str = ""
    """The policy's name for the trusted root that was used."""
    claimed: bool = False
    foreign: bool = False
    times: tuple[VerifiedTime, ...] = ()
    payload_type: str = ""
    payload: bytes = b""
    logs: tuple[LogFact, ...] = ()

    @property
    def verdict(self) -> Class:
        """The class of the checks; OK only if every required one passed."""
        return judge(self.checks)

    @property
    def ok(self) -> bool:
        """True if the bundle is fully verified."""
        return self.verdict is Class.OK

    @property
    def earliest(self) -> datetime | None:
        """The earliest verified time."""
        return min((t.time for t in self.times), default=None)
