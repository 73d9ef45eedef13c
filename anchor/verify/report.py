# SPDX-License-Identifier: Apache-2.0
"""What verifying a bundle came to. A value is in a report only when a passed check bound it."""

from dataclasses import dataclass
from datetime import datetime

from anchor.tlog.checkpoint import Checkpoint
from anchor.verdict import Check, Class, judge


@dataclass(frozen=True)
class VerifiedTime:
    """A moment at which the signature existed. `source`: `rfc3161` or `log`; `authority`: who says so, and
    `fingerprint` the SHA-256 of its certificate, where it has one."""

    source: str
    authority: str
    time: datetime
    fingerprint: bytes = b""


@dataclass(frozen=True)
class LogFact:
    """A log that has the entry.

    `index` is the entry's in the tree of `size` leaves with `root`; in a bundle that carries only a promise
    `size` is 0 and `index` is the promised one. `promised_index` is the log-wide index that a v1 log's
    verified promise binds.
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
    """The log's key. One key may go by several ids."""
    body: bytes = b""
    """The exact entry bytes that the log hashed."""


@dataclass(frozen=True, kw_only=True)
class BundleReport:
    """The checks in order, and the values that they bound; the others are empty until all have passed.

    `identity` and `issuer` are the certificate's; they are `claimed` when no signer was asked for: the
    certificate vouches for them, and nobody said that they are the right ones. `foreign`: an authority or log
    of the bundle is not in the trusted root at all, which a caller may count as "nothing" instead of "bad".
    """

    checks: tuple[Check, ...]
    identity: str = ""
    issuer: str = ""
    authority: str = ""
    """URI (else name) of the certificate authority, as the trusted root gives it."""
    claimed: bool = False
    foreign: bool = False
    times: tuple[VerifiedTime, ...] = ()
    payload_type: str = ""
    payload: bytes = b""
    logs: tuple[LogFact, ...] = ()

    @property
    def verdict(self) -> Class:
        """The class of the checks; OK only when every required one passed."""
        return judge(self.checks)

    @property
    def ok(self) -> bool:
        """Whether the bundle is fully verified."""
        return self.verdict is Class.OK

    @property
    def earliest(self) -> datetime | None:
        """The earliest verified time."""
        return min((t.time for t in self.times), default=None)
