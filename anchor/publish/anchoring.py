# SPDX-License-Identifier: Apache-2.0
"""Anchoring one statement in one log, exactly once, even if the process is killed in between.

The order never changes: sign, make it durable, stamp, make it durable, note the log's size, send, check the
answer, make it durable. After a crash the journal has the last step. If it is unknown whether a request
arrived, the log is searched before anything is sent again: a second request could be a second entry.
"""

import contextlib
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from anchor.errors import AnchorError, Misuse, Pending, Refused, Unavailable
from anchor.net.service_errors import NotSent
from anchor.publish import statement_guard
from anchor.publish.checks import Checks
from anchor.publish.instance import SigningInstance
from anchor.publish.journal import Journal
from anchor.publish.signing_history import Subject
from anchor.signing import request_timestamp, signer
from anchor.signing.unlogged_signature import Prepared
from anchor.sigstore import timestamp_response, trusted_root
from anchor.sigstore.x509 import fields, load_certificate
from anchor.tlog.witness_answer import Asked
from anchor.verify.report import BundleReport

POLL = 1.0
"""Seconds between two looks for an entry whose answer was lost."""
PATIENCE = 30.0
"""Seconds for which witnesses are waited for."""
_TWO_HISTORIES = (
    "a witness has seen another history of this log: find out with 'anchor compare --witness' which one is "
    "yours, and publish nothing more before that"
)


class Planned(Protocol):
    """The plan of a statement: what it follows, as it was read."""

    def check_unchanged(self) -> None:
        """Raise `Refused` if what the statement follows has changed since it was planned."""
        ...


@dataclass(frozen=True, kw_only=True)
class Document:
    """A statement that is to be signed: of a release, a status, or a head of a history."""

    data: bytes
    subject: Subject
    plan: Planned
    """It is compared again right before the statement is sent."""
    before: Sequence[bytes] = ()
    """Of a head: the statements of the heads that it follows, the last one first."""

    @property
    def digest(self) -> str:
        """SHA-256 of the statement's bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()


class Recorded(NamedTuple):
    """A bundle (JSON), and the witnesses that were asked for cosignatures in it."""

    bundle: bytes
    asked: tuple[Asked, ...]


@dataclass(frozen=True, kw_only=True)
class Anchoring:
    """One statement on its way into one log."""

    document: Document
    instance: SigningInstance
    journal: Journal
    checks: Checks
    home: Path
    say: Callable[[str], None]
    abandon: bool = False
    """True if a publication that cannot be completed any more is given up, and signed anew."""

    def run(self) -> Recorded:
        """The bundle; the log has exactly one entry for it."""
        prepared = self._resumable()
        entry = None
        if prepared is not None and (entry := self.journal.entry()) is None:
            self.say(f"{self.instance.name}: going on from the journal")
            entry = self._settle(prepared)
        bundle = self._sign() if prepared is None or entry is None else signer.assemble(prepared, entry)
        if self.checks.quorum or self.instance.asks_witnesses:
            return self._witnessed(bundle)
        return Recorded(bundle, ())

    def _witnessed(self, bundle: bytes) -> Recorded:
        """The bundle with a proof under a checkpoint that has its quorum; the entry is the same.

        Without a quorum the witnesses are asked once. Raises `Pending` if a demanded quorum is missing.
        """
        end, pause, asked = time.monotonic() + PATIENCE, POLL, self._ask({})
        if asked:
            bundle = self._renewed(bundle)
        while missing := self._lacks(bundle):
            hopeless = bool(asked) and not any(a.later for a in asked.values())
            if hopeless or time.monotonic() >= end:
                conflict = any(a.conflict for a in asked.values())
                raise Pending(
                    f"recorded, but {missing}",
                    where=self.instance.name,
                    remedy=_TWO_HISTORIES if conflict else "run it again with --resume",
                )
            time.sleep(min(pause, max(0.0, end - time.monotonic())))
            pause *= 2 if asked else 1  # a log is looked at, a witness has work to do
            asked = self._ask(asked)
            bundle = self._renewed(bundle)
        return Recorded(bundle, tuple(asked.values()))

    def _lacks(self, bundle: bytes) -> str:
        """The missing part of the quorums that are demanded of a bundle, which is verified; empty if nothing
        is missing."""
        report = self._check(bundle)
        return self.checks.lacks(report) or self.instance.lacks(report)

    def _ask(self, before: dict[str, Asked]) -> dict[str, Asked]:
        """Ask the witnesses; the answers by vkey. A line for each one whose answer has changed."""
        asked = {a.key.vkey: a for a in self.instance.ask_witnesses([*before.values()])}
        for vkey, one in asked.items():
            if vkey not in before or before[vkey].says != one.says:
                self.say(f"{self.instance.name}: {one.says}")
        return asked

    def _renewed(self, bundle: bytes) -> bytes:
        """The bundle with a proof under the head of now, not verified; the same bundle if the log does not
        answer."""
        prepared, sending = self.journal.signed(), self.journal.sending()
        assert prepared is not None
        assert sending is not None
        entry = None
        with contextlib.suppress(Unavailable):  # it is recorded: the log is asked again later
            entry = self.instance.log.find(prepared.request, sending.size)
        return bundle if entry is None else signer.assemble(prepared, entry)

    def _resumable(self) -> Prepared | None:
        """The signature of the journal, with time-stamps; None if a new signature is needed."""
        prepared = self.journal.signed()
        if prepared is None:
            return None
        if prepared.payload != self.document.data:
            raise Refused("the journal is of another statement", where=str(self.journal.folder))
        if self.journal.sending() or self.journal.entry():
            return prepared
        if prepared.expires < datetime.now(UTC):
            # Nothing of it is in the log, and a late entry would not verify: sign anew.
            self.journal.discard()
            return None
        if self.instance.timestamps and not prepared.tokens:
            root = trusted_root.parse(self.instance.trusted_root)
            tokens = tuple(
                request_timestamp.stamp(authority, prepared.signature, root)
                for authority in self.instance.timestamps
            )
            prepared = msgspec.structs.replace(prepared, tokens=tokens)
            self.journal.note_signed(prepared)
        return prepared

    def _sign(self) -> bytes:
        self.say(f"{self.instance.name}: signing")
        return signer.sign(
            self.document.data,
            authority=self.instance.authority,
            timestamps=self.instance.timestamps,
            log=self,
            trusted_root=self.instance.trusted_root,
            token=self.instance.token(),
            kind=self.instance.log_kind,
        )

    def signed(self, prepared: Prepared) -> None:
        """Make a signature durable (`signer.Recorder`)."""
        self.journal.note_signed(prepared)

    def _check(self, bundle: bytes) -> BundleReport:
        return self.checks.bundle(bundle, self.document.data, self.instance.trusted_root)

    def _settle(self, prepared: Prepared) -> bytes | None:
        """The log's entry for a request that may have been sent; it is sent only if it is not there.

        None when it was given up. A request that was sent is never forgotten here: a log may queue it for any
        time. The same bytes are one entry there, by their leaf hash, for ever.
        """
        sending = self.journal.sending()
        if sending is None:
            return self.append(prepared)
        late = prepared.late(datetime.now(UTC))
        try:
            found = self._look(prepared, sending.size)
        except Refused:
            if not late:
                raise
            found = None
        if found is not None or not late:
            return found or self.append(prepared)
        if self.abandon:
            self.say(f"{self.instance.name}: given up what was sent")
            self.journal.set_aside()
            return None
        raise Unavailable(
            "its certificate has expired, and it has no time stamp: an entry that comes now does not verify",
            where=self.instance.name,
            remedy="it may still come into the log; --abandon gives it up and signs anew",
        )

    def append(self, prepared: Prepared) -> bytes:
        """Write the entry of a signature to the log (`signer.Recorder`); its TransparencyLogEntry.

        Raises `Refused` before anything is sent if somebody published meanwhile.
        """
        self.document.plan.check_unchanged()
        again = self.journal.sending() is not None
        if not again:  # else the size before the first request stays: that one may still be on its way
            self._check_stamps(prepared)
            self.journal.note_signed(prepared)
            size = self.instance.log.size()
            document = self.document
            statement_guard.sending(self.home, document.subject, document.digest, self.instance.name)
            self.journal.note_sending(size)
        self.say(f"{self.instance.name}: recording")
        try:
            entry = self.instance.log.append(prepared.request)
        except NotSent:
            if not again:
                self.journal.forget_sending()
            raise
        except Refused as error:
            return self._confirmed(prepared, error, forget=not again)
        except Unavailable as error:
            return self._confirmed(prepared, error)
        try:
            return self._keep(prepared, entry)
        except Refused as error:
            return self._confirmed(prepared, error)

    def _confirmed(self, prepared: Prepared, error: AnchorError, *, forget: bool = False) -> bytes:
        """The log's entry for a request that left and was not confirmed; without one, the error.

        `forget`: nothing else was sent, and what answered says that the log never takes it.
        """
        sending = self.journal.sending()
        assert sending is not None
        remedy = "run the same command again: it looks before it sends"
        try:
            found = self._look(prepared, sending.size)
        except Unavailable:
            problem = f"{error.problem}; the log could not be asked whether it has the entry"
            raise Unavailable(problem, where=error.where, remedy=remedy) from None
        if found is not None:
            return found
        if forget:
            self.journal.forget_sending()
        problem = f"{error.problem}; the entry is not in the log so far"
        if isinstance(error, Refused):
            raise Refused(problem, where=error.where, remedy=error.remedy)
        raise Unavailable(problem, where=error.where, remedy=remedy)

    def _check_stamps(self, prepared: Prepared) -> None:
        """Refuse to record a signature with time-stamps that would never verify."""
        certificate = fields(load_certificate(prepared.certificate, "journal"), "journal")
        start, end = certificate.not_before, certificate.not_after
        signers = set()
        for response in (timestamp_response.read(token, "journal") for token in prepared.tokens):
            time_stamp = response.time
            signers.add((response.issuer, response.issuer_serial))
            if not start <= time_stamp <= end:
                self.journal.discard()  # nothing of it is in the log, and nothing of it can be used
                raise Unavailable(
                    f"the time stamp says {time_stamp:%H:%M:%S}, the certificate holds {start:%H:%M:%S} to "
                    f"{end:%H:%M:%S} UTC: it has expired meanwhile, or a service's clock is wrong",
                    where=self.instance.name,
                    remedy="nothing was logged: run the same command again",
                )
        if len(signers) < len(prepared.tokens):  # other clients would count the second one as a copy
            self.journal.discard()
            raise Misuse(
                f"{len(prepared.tokens)} time-stamp authorities are asked for, and {len(signers)} answered",
                where="signing config",
                remedy="two of its operators have one authority: get the instance's current signing config",
            )

    def _look(self, prepared: Prepared, since: int) -> bytes | None:
        """Search the log until the request can no longer be on its way."""
        end = time.monotonic() + self.instance.settle
        while True:
            entry = self.instance.log.find(prepared.request, since)
            if entry is not None:
                self.say(f"{self.instance.name}: the entry is in the log already")
                return self._keep(prepared, entry)
            if time.monotonic() >= end:
                return None
            time.sleep(min(POLL, max(0.0, end - time.monotonic())))

    def _keep(self, prepared: Prepared, entry: bytes) -> bytes:
        """Keep an answer only if its bundle verifies: an entry of somebody else must not be resumed."""
        if prepared.tokens:  # then the time-stamps say when it was signed, and no promise is needed
            entry = self.instance.log_kind.within(entry, prepared.expires)
        self._check(signer.assemble(prepared, entry))
        self.journal.note_entry(entry)
        return entry
