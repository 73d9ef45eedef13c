# SPDX-License-Identifier: Apache-2.0
"""The step of a log after the answer of a witness to `add-checkpoint` (C2SP tlog-witness).

An answer is a stranger's. A cosignature counts only if the one configured key made it, for exactly the
checkpoint that was sent, at a time that can be. Everything else is a question from another size, or words.
"""

import msgspec

from anchor.encoding import rfc3339_of
from anchor.errors import Refused
from anchor.tlog import add_checkpoint, cosignature, note
from anchor.tlog.add_checkpoint import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    OK,
    UNPROCESSABLE,
    Request,
)
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.keys import VerifierKey
from anchor.tlog.witness_policy import FUTURE
from anchor.words import several

ROUNDS = 3
"""Requests for one cosignature: from the size that is remembered, from the one that the witness names, and
once more for a witness that was asked by somebody else in between."""
_SAID = 120
_TOO_MANY, _SERVER = 429, 500
_REDIRECTS = range(300, 400)


class Answer(msgspec.Struct, frozen=True):
    """The HTTP answer of a witness: status, media type without parameters, body."""

    status: int
    media_type: str
    body: bytes


class Asking(msgspec.Struct, frozen=True):
    """One request to a witness: its key, the verified checkpoint that is sent, and the size from which the
    growth is proven. `since`: POSIX seconds before which the log did not exist."""

    key: VerifierKey
    head: Checkpoint
    old: int
    since: int = 0


class Cosignature(msgspec.Struct, frozen=True):
    """A cosignature that verified: its signature line, newline included, and its time in POSIX seconds."""

    line: bytes
    time: int


class AskAgain(msgspec.Struct, frozen=True):
    """The witness has cosigned a tree of this size: prove the growth from there."""

    size: int


class NoCosignature(msgspec.Struct, frozen=True):
    """Why there is no cosignature, in words. `conflict`: the witness has seen another history of this log.
    `later`: the same request may succeed soon."""

    problem: str
    conflict: bool = False
    later: bool = False


Step = Cosignature | AskAgain | NoCosignature


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One witness after it was asked. `line`: its cosignature, verified, or empty and `problem` says why."""

    name: str
    key: VerifierKey
    line: bytes = b""
    time: int = 0
    """POSIX seconds of the cosignature."""
    problem: str = ""
    conflict: bool = False
    """True if the witness has seen another history of this log."""
    later: bool = False
    """True if the same request may succeed soon."""
    note: str = ""
    """Something that its operator must know, although it cosigned."""

    @property
    def says(self) -> str:
        """One line for a person."""
        if self.line:
            when = rfc3339_of(self.time)
            return f"witness {self.name}: cosigned at {when}" + (f"; {self.note}" if self.note else "")
        return f"witness {self.name}: {self.problem}"

    def facts(self) -> dict[str, str | bool | None]:
        """The same for a program. The time is RFC 3339."""
        return {
            "name": self.name,
            "vkey": self.key.vkey,
            "cosigned": rfc3339_of(self.time) if self.line else None,
            "problem": self.problem or None,
            "conflict": self.conflict,
            "note": self.note or None,
        }


def first_size(remembered: int | None, head: Checkpoint) -> int:
    """The size to prove the growth from: what the witness cosigned last, as far as is remembered. An older
    copy of a home may remember more than its log has."""
    return min(max(0, remembered or 0), head.size)


def request(asking: Asking, proof: tuple[bytes, ...]) -> bytes:
    """The body of the request. `proof`: hashes from `asking.old` to the size of the checkpoint."""
    return add_checkpoint.encode(Request(asking.old, proof, asking.head.raw))


def next_step(answer: Answer, asking: Asking, *, now: int) -> Step:
    """The step after an answer, at POSIX time `now`. Raises none of our errors."""
    status, origin = answer.status, asking.head.origin
    if status == OK:
        return _cosigned(answer.body, asking, now)
    if status == CONFLICT:
        return _other_size(answer, asking)
    if status == UNPROCESSABLE and asking.old == asking.head.size:
        return _another_root(asking.old)
    if status == UNPROCESSABLE and asking.old:
        cosigned = f"{several(asking.old, 'entry')} that it cosigned {'is' if asking.old == 1 else 'are'}"
        problem = f"the {cosigned} not the beginning of this log: it is forked"
        return NoCosignature(_with(problem, answer.body), conflict=True)
    words = {
        BAD_REQUEST: "it finds the request malformed",
        FORBIDDEN: f"it has another key for the log {origin}: give its operator the verifier key of the log",
        UNPROCESSABLE: "it finds the proof wrong, and there is none from an empty tree",
        NOT_FOUND: f"it does not know the log {origin}: its operator must add the log, with its verifier key",
    }
    if status in words:
        return NoCosignature(_with(words[status], answer.body))
    problem = "redirects are not followed: name the right URL" if status in _REDIRECTS else ""
    problem = "it was asked too often" if status == _TOO_MANY else problem
    said = _with(f"HTTP {status}{': ' * bool(problem)}{problem}", answer.body)
    return NoCosignature(said, later=status >= _SERVER)


def _cosigned(body: bytes, asking: Asking, now: int) -> Cosignature | NoCosignature:
    """The earliest cosignature of the witness in the body of an answer 200."""
    try:
        lines = add_checkpoint.parse_cosignatures(body)
    except Refused as e:
        return NoCosignature(f"its answer has no cosignatures that can be read: {e}")
    key = asking.key
    own = [line for line in lines if (line.name, line.key_id) == (key.name, key.key_id)]
    if not own:
        names = ", ".join(sorted({line.name for line in lines})[:3])
        return NoCosignature(
            f"it answers with cosignatures of other keys ({names}): compare its verifier key"
        )
    problems, found = [], []
    for line in own:
        try:
            time = cosignature.verify(key, asking.head.note.text, line.payload)
        except Refused as e:
            problems.append(f"{e.problem} for this checkpoint")
            continue
        if problem := _implausible(time, asking.since, now):
            problems.append(problem)
        else:
            found.append(Cosignature(note.line(key.name, key.key_id, line.payload), time))
    return min(found, key=lambda c: c.time) if found else NoCosignature(problems[0])


def _implausible(time: int, since: int, now: int) -> str:
    """The problem of a cosignature's time; "" if it has none."""
    if time > now + FUTURE:
        return f"its cosignature is from the future ({time}, and it is {now}): a clock is wrong"
    if time < max(1, since - FUTURE):
        return f"its cosignature has a time before the log existed ({time}): its clock is wrong"
    return ""


def _other_size(answer: Answer, asking: Asking) -> AskAgain | NoCosignature:
    """The step after an answer 409: the witness has another size than was sent, or another root."""
    size, old = asking.head.size, asking.old
    try:
        if answer.media_type != add_checkpoint.SIZE_TYPE:
            raise Refused(f"media type {answer.media_type[:_SAID]!r}, not {add_checkpoint.SIZE_TYPE}")
        found = add_checkpoint.parse_size(answer.body)
    except Refused as e:
        if old == size:
            found = size
        else:
            return NoCosignature(f"it answers with a conflict, and names no size: {e}")
    if found > size:
        problem = (
            f"it has cosigned {several(found, 'entry')} of this log, and {size} are here: this home is an "
            "older copy, or another copy of it writes too"
        )
        return NoCosignature(problem, conflict=True)
    if found == old == size:
        return _another_root(size)
    if found == old:
        return NoCosignature(f"it answers with a conflict, and names the size {old} that was sent")
    return AskAgain(found)


def _another_root(size: int) -> NoCosignature:
    problem = (
        f"it has cosigned another tree of {several(size, 'entry')}: two histories of this log are signed"
    )
    return NoCosignature(problem, conflict=True)


def _with(problem: str, body: bytes) -> str:
    """The problem, and the beginning of what the witness says about it in text."""
    said = " ".join(body[: 4 * _SAID].decode("utf-8", "replace").split())[:_SAID]
    return f"{problem} ({said})" if said else problem
