# SPDX-License-Identifier: Apache-2.0
"""One Sigstore instance with one log, as publishing sees it. What is behind it, it does not know."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from anchor.log_kinds.kind import LogKind
from anchor.sigstore.services import CertificateAuthority, TimestampAuthority


class LogClient(Protocol):
    """A log that takes entries, and that can be asked afterwards whether it took one."""

    def size(self) -> int:
        """Entries in the log now. Raises `Unavailable`."""
        ...

    def append(self, request: bytes) -> bytes:
        """Send a request once; the TransparencyLogEntry (protobuf JSON) of it.

        An entry that was there before (409) is recovered, not refused. Raises `NotSent` when the request
        never left. After any other error it may be in the log: `Refused` when the answer is that it never
        will be, `Unavailable` for the rest.
        """
        ...

    def find(self, request: bytes, since: int) -> bytes | None:
        """The TransparencyLogEntry of this very request at index `since` or later; None when absent."""
        ...


@dataclass(frozen=True, kw_only=True)
class Site:
    """An instance, resolved: services to call, trust to verify with, words to say."""

    kind: str
    """`embedded`, `public`, `staging`, or the file that describes it."""
    name: str
    """Host name of the log; names its bundle file."""
    trusted_root: bytes
    """Sigstore TrustedRoot, JSON."""
    authority: CertificateAuthority
    stamps: tuple[TimestampAuthority, ...]
    log: LogClient
    log_kind: LogKind
    token: Callable[[], str]
    """Gets an identity token; called only when a new signature is needed."""
    identify: Callable[[], None] = lambda: None
    """Raises `Misuse` where it would sign as another one than who signed the release before; asked of every
    instance that will sign, before one of them does. It may get the token."""
    settle: float = 0.0
    """Seconds for which a request that was not confirmed is looked for before it may be sent again."""
    patience: float = 30.0
    """Seconds for which witnesses are waited for."""
    check: Callable[[Path], None] | None = None
    """Raises when what is published is not the beginning of this log: an older copy of a home forks it."""
    export: Callable[[Path], None] | None = None
    """Writes the log's public side as static files; only the embedded instance has it to give."""
    close: Callable[[], None] = lambda: None
    """Gives back what it holds, such as the lock of an embedded log."""
    independent: bool = True
    """False when the log is run by whoever publishes: no independent evidence."""
