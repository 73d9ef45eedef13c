# SPDX-License-Identifier: Apache-2.0
"""How independent the evidence of a log is: who runs it, and which witnesses cosigned its checkpoint.

Decides the only sentences about this, for all commands. Only cosignatures count that verify under keys which
the verifier's own policy names: any other line under a checkpoint could be anybody's. The words "no
independent evidence" are left out if and only if a quorum of the verifier's own policy has cosigned.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from anchor.encoding import rfc3339_of
from anchor.errors import AnchorError, Pending, Refused
from anchor.log_kinds import EMBEDDED
from anchor.log_kinds.embedded import ALONE, EMBEDDED_SUFFIX
from anchor.verdict import failed, passed
from anchor.verify import steps
from anchor.verify.effort import Effort
from anchor.verify.report import BundleReport, LogFact
from anchor.verify.steps import Checks

if TYPE_CHECKING:
    from anchor.tlog.witness_policy import Cosigned, Quorum, WitnessPolicy

MAX_NAMES = 10
"""Witnesses whose names stand in a sentence."""
_OWN_AUTHORITY = "; the publisher runs the authority that vouches for signer or time"
UNKNOWN_OPERATOR = "nobody here knows who runs it"
NO_POLICY = "no policy of yours names any"


Operator = Literal["publisher", "public", "private"]
PUBLISHER: Final = "publisher"
"""The origin of an embedded log. An instance makes it of its key (FORMAT.md section 9)."""
PUBLIC: Final = "public"
"""A log of the trusted root of the public or the staging instance."""
PRIVATE: Final = "private"
"""Any other log. Nobody here knows who runs it."""

RUN_BY: Final = {PUBLISHER: "run by the publisher", PUBLIC: "public log", PRIVATE: "private log"}


class Independence(msgspec.Struct, frozen=True, kw_only=True):
    """How independent one log entry is of the publisher."""

    origin: str
    operator: Operator
    own_authority: bool = False
    """True if the publisher runs the authority that vouches for the signer or the time."""
    quorum: "Quorum | None" = None
    """The cosignatures, by the verifier's own policy; None if they were not counted."""
    uncounted: str = NO_POLICY
    """The reason why they were not counted."""

    @property
    def witnessed(self) -> bool:
        """True if a quorum that the verifier's own policy names has cosigned. `none` is no quorum."""
        return self.quorum is not None and self.quorum.demanded and self.quorum.met

    @property
    def own_word(self) -> bool:
        """True if the publisher runs the log, or the authority that vouches for signer or time."""
        return self.operator == PUBLISHER or self.own_authority

    @property
    def independent(self) -> bool:
        """False if all of the evidence is the publisher's own word."""
        return self.witnessed or not self.own_word

    @property
    def words(self) -> str:
        """For a person: who runs the log, and how many of the named witnesses cosigned."""
        said = (
            f"witnesses not counted: {self.uncounted}" if self.quorum is None else witnessed_by(self.quorum)
        )
        return f"{RUN_BY[self.operator]}, {said}"

    @property
    def sentence(self) -> str:
        """The words, with the log, and what they mean for the verifier."""
        line = recalled(self.origin, self.words, independent=True)
        if self.independent and self.own_authority:
            return f"{line}{_OWN_AUTHORITY}"
        if self.independent:
            return line if self.witnessed or self.operator != PRIVATE else f"{line}; {UNKNOWN_OPERATOR}"
        if self.operator == PUBLISHER:
            return f"{line}: evidence against everyone but its own operator, and {ALONE}"
        return f"{line}{_OWN_AUTHORITY}: {ALONE}"

    def facts(self) -> dict[str, Any]:
        """The values for a verdict. Only what was counted is named."""
        counted = self.quorum.counted if self.quorum else ()
        return {
            "operator": self.operator,
            "own_authority": self.own_authority,
            "words": self.words,
            "witnesses": [_witness(c) for c in counted],
            "named": self.quorum.named if self.quorum else None,
            "quorum": self.quorum.wanted if self.quorum else None,
            "witnessed": self.witnessed,
        }


def recalled(origin: str, words: str, *, independent: bool) -> str:
    """A short sentence of the values that a verdict had, as the records keep them."""
    line = f"log {origin}: {words}"
    return line if independent else f"{line}: {ALONE}"


def witnessed_by(quorum: "Quorum") -> str:
    """For a person: how many of the named witnesses cosigned, and which."""
    names = quorum.witnesses
    if not names:
        return f"0 witnesses of {quorum.named} that your policy names" if quorum.named else "0 witnesses"
    more = len(names) - MAX_NAMES
    listed = ", ".join(names[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
    line = f"witnessed by {len(names)} of {quorum.named} ({listed})"
    if not quorum.demanded:
        return f"{line}, and no quorum is demanded"
    return line if quorum.met else f"{line}, fewer than the quorum {quorum.wanted}"


def _witness(cosigned: "Cosigned") -> dict[str, Any]:
    """`name` is the policy's; `key` is the name of the key; `time` is what the witness says (RFC 3339), None
    for an ML-DSA cosignature that states none."""
    time = rfc3339_of(cosigned.time) if cosigned.time else None
    return {"name": cosigned.witness, "key": cosigned.key.name, "time": time}


def operator_of(origin: str, spki: bytes = b"", public: Collection[bytes] = ()) -> Operator:
    """Who runs the log of an origin and a key (SPKI DER). `public`: the keys of public instances' logs."""
    if EMBEDDED.has_origin(origin):
        return PUBLISHER
    return PUBLIC if spki in public else PRIVATE


def operator_of_key(origin: str, public_key: bytes, public: Collection[bytes]) -> Operator:
    """As `operator_of`, for a key as verifier keys have it (`VerifierKey.public_key`)."""
    from anchor.tlog.keys import key_from_spki  # only for a log that no bundle names

    of_keys = {key_from_spki("log", spki).public_key: spki for spki in public}
    return operator_of(origin, of_keys.get(public_key, b""), public)


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """The cosignatures of a bundle. `enough`: the policy's demand is met. `doubt`: why they were not counted,
    if they were not."""

    enough: bool = True
    quorum: "Quorum | None" = None
    doubt: str = NO_POLICY


def at_latest(times: Iterable[tuple[str, bool]]) -> str:
    """The time at which something was signed at the latest; empty if no time is given.

    `times`: each verified time (RFC 3339, UTC, in whole seconds), and True if it is the publisher's own word.
    His clock can say any time. So his own word counts only if nobody else says a time.
    """
    said = [(time, own) for time, own in times if time]
    others = [time for time, own in said if not own]
    return min(others or [time for time, _ in said], default="")


def weigh(report: BundleReport, log: LogFact, *, public: Collection[bytes], counted: Counted) -> Independence:
    """The independence of a log entry of a verified bundle. `public`: as of `operator_of`."""
    return Independence(
        origin=log.origin,
        operator=operator_of(log.origin, log.spki, public),
        own_authority=_own_authority(report),
        quorum=counted.quorum,
        uncounted=counted.doubt,
    )


def claimed(origin: str) -> tuple[str, ...]:
    """The sentence about a log where nothing is verified, by its origin; nothing for most origins."""
    if not EMBEDDED.has_origin(origin):
        return ()
    found = Independence(origin=origin, operator=PUBLISHER, uncounted="nothing is verified here")
    return (found.sentence,)


def _own_authority(report: BundleReport) -> bool:
    """True if an embedded instance vouches for the signer or a time. The trusted root names it so."""
    return any(EMBEDDED_SUFFIX in name for name in (report.authority, *(t.authority for t in report.times)))


def demand(
    checks: Checks, log: LogFact, witnesses: "WitnessPolicy | None", now: datetime, effort: Effort
) -> Counted:
    """Count the cosignatures that the policy demands, with the check of them; nothing without a policy.

    `log`: a log entry of a verified bundle.
    """
    if witnesses is None:
        return Counted()
    try:
        quorum = count(log, witnesses, now, effort)
    except AnchorError as e:
        checks.extend([failed(steps.WITNESSES, e)])
        return Counted(enough=False, doubt=f"see the check {steps.WITNESSES.name}")
    if not quorum.met:
        checks.extend([failed(steps.WITNESSES, Pending(quorum.sentence))])
        return Counted(enough=False, quorum=quorum)
    checks.extend([passed(steps.WITNESSES, quorum.sentence)])
    return Counted(enough=True, quorum=quorum)


def count(log: LogFact, witnesses: "WitnessPolicy", now: datetime, effort: Effort) -> "Quorum":
    """The cosignatures of the checkpoint in a verified bundle, by a C2SP policy. Raises `Pending` if the
    policy does not name the log, `Refused` for a cosignature that does not verify.

    A Rekor v2 log goes on without its witnesses, and no Sigstore client notices. So we count cosignatures.
    """
    from anchor.tlog import witness_policy  # only for a policy that names witnesses

    effort.poll()
    for _ in witnesses.cosigners:  # each one has at most one signature
        effort.spend()
    if log.checkpoint is None:
        raise Refused("the bundle has no checkpoint that witnesses could have cosigned")
    known = [named for named in witnesses.known_logs if named.owns(log.origin)]
    if not known:
        raise Pending(f"the witness policy does not name the log {log.origin}: its entries count for nothing")
    own = {signed.key for signed in log.checkpoint.signers}
    if not any(named.key in own for named in known):
        raise Refused(f"the checkpoint is not signed by the key that the witness policy has for {log.origin}")
    keys = {key.public_key for key in own}
    return witness_policy.evaluate(witnesses, log.checkpoint.note, now=int(now.timestamp()), log_keys=keys)
