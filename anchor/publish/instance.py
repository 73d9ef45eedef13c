# SPDX-License-Identifier: Apache-2.0
"""One Sigstore instance with one log, as publishing uses it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from anchor.errors import Unavailable
from anchor.format.release import Release
from anchor.log_kinds.kind import LogKind
from anchor.publish.same_signer import Identity
from anchor.sigstore.services import CertificateAuthority, TimestampAuthority
from anchor.tlog.witness_answer import Asked
from anchor.verify.independence import Counted
from anchor.verify.report import BundleReport


class LogClient(Protocol):
    """A log that takes entries, and that can be asked afterwards whether it took one."""

    def size(self) -> int:
        """Entries in the log now. Raises `Unavailable`."""
        ...

    def append(self, request: bytes) -> bytes:
        """Send a request once; the TransparencyLogEntry (protobuf JSON) of it.

        An entry that was there before (409) is recovered, not refused. Raises `NotSent` when the request
        never left. After any other error the entry may be in the log: `Refused` when the answer is that it
        never will be, `Unavailable` for the rest.
        """
        ...

    def find(self, request: bytes, since: int) -> bytes | None:
        """The TransparencyLogEntry of this very request at index `since` or later; None when absent."""
        ...


@dataclass(kw_only=True)
class SigningInstance(ABC):
    """The services of an instance, and the trusted root that its bundles verify under."""

    name: str
    """Host name of the log; names its bundle file."""
    trusted_root: bytes
    """Sigstore TrustedRoot, JSON."""
    authority: CertificateAuthority
    timestamps: tuple[TimestampAuthority, ...]
    """Each of them stamps each signature."""
    log: LogClient
    log_kind: LogKind
    settle: float = 0.0
    """Seconds for which an unconfirmed request is looked for before it may be sent again."""

    @abstractmethod
    def token(self) -> str:
        """An identity token. It is called only when a new signature is needed."""

    @abstractmethod
    def identify(self) -> None:
        """Raise `Misuse` if this instance would sign as another signer than that of the release before.

        Every instance that will sign is asked, before one of them signs. It may get the token.
        """

    @abstractmethod
    def signs_as(self) -> Identity | None:
        """The signer of the next signature; None if that is not known. It may get the token."""

    @abstractmethod
    def check_published(self, folder: Path) -> None:
        """Raise if the log in a published folder is not the beginning of this log. An older copy of a home
        would fork its log."""

    @abstractmethod
    def check_checkpoint(self, raw: bytes) -> None:
        """Raise if this checkpoint, which the records have, is of this log and not of its beginning. One of
        another log says nothing."""

    @abstractmethod
    def counted(self, report: BundleReport) -> Counted:
        """The cosignatures of a verified bundle by the witnesses that this instance has."""

    @property
    @abstractmethod
    def asks_witnesses(self) -> bool:
        """True if cosignatures of this log's checkpoints are asked for here."""

    @abstractmethod
    def ask_witnesses(self, before: Sequence[Asked]) -> Sequence[Asked]:
        """Ask those who have not cosigned the log's head, and whose answer `before` can change. The answer of
        each witness; empty if there are no witnesses, or if the log asks them itself."""

    @abstractmethod
    def lacks(self, report: BundleReport) -> str:
        """The missing part of the quorum that this instance demands of a verified bundle; empty if nothing
        is missing."""

    @abstractmethod
    def export(self, folder: Path) -> None:
        """Write the public side of the log as static files, if this instance has it."""

    @abstractmethod
    def close(self) -> None:
        """Release what is held, such as the lock of an embedded log."""


class Instances(Protocol):
    """The instances that a publication asks for."""

    def open(self, existing: Release | None) -> Sequence[SigningInstance | Unavailable]:
        """Each instance, or why it cannot be reached now. `existing`: the release of this version that is in
        place."""
        ...
