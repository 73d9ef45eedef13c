# SPDX-License-Identifier: Apache-2.0
"""What the steps of one verification share: what was asked, and what they have found so far."""

from dataclasses import dataclass, field
from datetime import datetime

from anchor.sigstore.artifact import Artifact
from anchor.sigstore.bundle import Bundle, Envelope
from anchor.sigstore.keys import Key
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.verify.certificate import Leaf
from anchor.verify.effort import Effort
from anchor.verify.log_entry import Placed
from anchor.verify.policy import Signer
from anchor.verify.report import LogFact, VerifiedTime
from anchor.verify.steps import Steps


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What the caller wants to be verified. `root_label`: what the policy calls the trusted root."""

    root: TrustedRoot
    artifact: Artifact | None
    signers: tuple[Signer, ...] | None
    key: Key | None
    now: datetime
    effort: Effort
    root_label: str = ""


@dataclass
class Context:
    """The state of one verification. `promised` holds the verified promise times by place in `placed`."""

    bundle: Bundle
    ask: Ask
    run: Steps
    leaf: Leaf | None = None
    authority: str = ""
    key: Key | None = None
    placed: list[Placed] = field(default_factory=list)
    promised: dict[int, datetime] = field(default_factory=dict)
    times: list[VerifiedTime] = field(default_factory=list)
    facts: list[LogFact] = field(default_factory=list)
    foreign: bool = False
    unnamed: bool = False
    """Whether a log or time-stamper that the trusted root does not name could have said the time."""

    @property
    def keyless(self) -> bool:
        """Whether the bundle is signed by a certificate."""
        return self.bundle.certificate is not None

    def message(self) -> Artifact | None:
        """The bytes that the signature covers: the envelope's PAE, or the file."""
        content = self.bundle.content
        return Artifact(content.pae()) if isinstance(content, Envelope) else self.ask.artifact
