# SPDX-License-Identifier: Apache-2.0
"""Verdicts: a list of named checks and one class, each class with its exit code.

Decides the class of a list of checks, and makes every check. It runs none. A doubt demotes the verdict: it
never passes, and it is never an alarm.
"""

import enum
from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

from anchor.errors import (
    AnchorError,
    Misuse,
    NotFound,
    Pending,
    Refused,
    Stale,
    Unavailable,
    Unsupported,
    printable,
)

FORMAT: Final = "urn:ledger-anchor:verdict:v1"
EVIDENCE_CLAUSE: Final = "FORMAT.md section 14"
MAX_DETAIL: Final = 2000
"""Characters of a check's detail."""
DIFFERS: Final = "differs from what was signed: "
"""The beginning of the note about a fact of a published file that was changed."""
ACCEPTING: Final = "to accept this signer: "
"""The beginning of the note with the command that accepts a signer whom no policy was asked about."""
UNASKED: Final = "no policy was given, so nobody said whose signature counts"
"""The end of the line of the check that a policy would decide."""
State = Literal["passed", "refused", "unknown", "skipped"]


class Class(enum.StrEnum):
    """The result of a run in one word. Its `exit_code` is for the shell; 1 is never used on purpose."""

    OK = "OK"
    USAGE = "USAGE"
    UNAVAILABLE = "UNAVAILABLE"
    STALE = "STALE"
    PENDING = "PENDING"
    EQUIVOCATION = "EQUIVOCATION"
    UNSUPPORTED = "UNSUPPORTED"
    INVALID = "INVALID"
    FINDINGS = "FINDINGS"
    NOT_FOUND = "NOT-FOUND"
    WITHDRAWN = "WITHDRAWN"
    ERROR = "ERROR"

    @property
    def exit_code(self) -> int:
        return _EXIT[self]


_EXIT = {
    Class.OK: 0,
    Class.USAGE: 2,
    Class.UNAVAILABLE: 3,
    Class.STALE: 4,
    Class.PENDING: 5,
    Class.EQUIVOCATION: 6,
    Class.UNSUPPORTED: 7,
    Class.INVALID: 8,
    Class.FINDINGS: 9,
    Class.NOT_FOUND: 10,
    Class.WITHDRAWN: 11,
    Class.ERROR: 70,
}

TRUSTED = (Class.OK, Class.STALE, Class.WITHDRAWN)
"""Classes of a verdict under which the verifier's own trust accepts each log that a note names."""
WORST_FIRST = (
    Class.ERROR,
    Class.EQUIVOCATION,
    Class.INVALID,
    Class.FINDINGS,
    Class.USAGE,
    Class.UNSUPPORTED,
    Class.UNAVAILABLE,
    Class.WITHDRAWN,
    Class.PENDING,
    Class.STALE,
    Class.OK,
)


def worst(classes: Iterable[Class]) -> Class:
    """The worst of several classes, in the order of `WORST_FIRST`; OK for an empty list."""
    present = set(classes)
    return next((c for c in WORST_FIRST if c in present), Class.OK)


def class_of(error: AnchorError) -> Class:
    """The class of an error."""
    if isinstance(error, Refused):
        return Class.INVALID
    for kind, one in ((Stale, Class.STALE), (Pending, Class.PENDING), (Unavailable, Class.UNAVAILABLE)):
        if isinstance(error, kind):
            return one
    if isinstance(error, Unsupported):
        return Class.UNSUPPORTED
    if isinstance(error, NotFound):
        return Class.NOT_FOUND
    return Class.USAGE if isinstance(error, Misuse) else Class.ERROR


class Check(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One named check: what was compared with what, and the meaning of a refusal.

    `demotes`: the class to which this check demotes the whole verdict; None for a passed check, and for one
    that only informs.
    """

    name: str
    """Stable: scripts read it."""
    about: str = ""
    """The anchor that the check is about: its log's origin; if your own trust does not bind that, its number
    in release.json and the claimed origin. Empty for the release as a whole."""
    state: State
    detail: str
    meaning: str = ""
    clause: str = ""
    demotes: Class | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The result of all checks. `facts` holds only values that a passed check bound."""

    format: Literal["urn:ledger-anchor:verdict:v1"] = FORMAT
    kind: str
    """The kind of the target: "release", "bundle", "log", "run"."""
    target: str
    """The file or URL as the user named it."""
    verdict: Class
    """The class; always written."""
    checks: tuple[Check, ...] = ()
    facts: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    """Remarks for a person: how independent each log is, and what is claimed and not verified."""

    @property
    def exit_code(self) -> int:
        return self.verdict.exit_code

    @property
    def decided(self) -> Check | None:
        """The first check that gave the class; None for OK."""
        return next((check for check in self.checks if check.demotes is self.verdict), None)

    @property
    def reason(self) -> str:
        """The check that gave the class, in a line that names the target already; the class without one."""
        check = self.decided
        if check is None:
            return str(self.verdict)
        return f"{check.name}: {check.detail.removeprefix(f'{self.target}: ')}"


def judge(checks: Iterable[Check]) -> Class:
    """The class of a list of checks: the worst demotion. A list in which nothing passed is never OK."""
    listed = list(checks)
    demotions = {c.demotes for c in listed if c.demotes}
    if not demotions and not any(c.state == "passed" for c in listed):
        return Class.UNAVAILABLE
    return worst(demotions)


class Step(msgspec.Struct, frozen=True):
    """A kind of check that docs/checks.md lists. `name` is stable: scripts read it."""

    name: str
    clause: str
    """The section that demands the check."""
    meaning: str
    """The meaning of a refusal, in plain words."""
    classes: tuple[Class, ...] = (Class.INVALID,)
    """The classes that the check can lead to."""
    signed: bool = False
    """True if the check verifies one signature, which counts as effort."""


def passed(step: Step | str, detail: str, *, clause: str = "") -> Check:
    """A check that ran and passed; `detail` says what was compared with what."""
    return _check(step, "passed", detail, clause=clause)


def failed(step: Step | str, error: AnchorError, *, meaning: str = "", clause: str = "") -> Check:
    """A check that an error ended: refused for `Refused`, else unknown.

    `meaning`: the meaning of a refusal, if it says more than the step's own. An error that leaves the answer
    open has no meaning.
    """
    state: State = "refused" if isinstance(error, Refused) else "unknown"
    check = _check(step, state, str(error), meaning=meaning, clause=clause, demotes=class_of(error))
    return check if isinstance(error, Refused | Stale) else msgspec.structs.replace(check, meaning="")


def skipped(step: Step | str, reason: str, *, demotes: Class | None = None) -> Check:
    """A check that did not run; `demotes` if it was required."""
    name = step.name if isinstance(step, Step) else step
    return Check(name=name, state="skipped", detail=_line(reason), demotes=demotes)


def refused(step: Step | str, detail: str, *, demotes: Class, meaning: str = "", clause: str = "") -> Check:
    """A check that ran and did not pass, with another class than INVALID."""
    return _check(step, "refused", detail, meaning=meaning, clause=clause, demotes=demotes)


def below_policy(step: Step, detail: str, demotes: Class) -> Check:
    """A check of evidence that is good, but less than the policy demands: STALE or PENDING."""
    return refused(step, detail, demotes=demotes)


def contradiction(name: str, detail: str, *, meaning: str, clause: str = EVIDENCE_CLAUSE) -> Check:
    """The check of two signed statements that cannot both be true. Its class is EQUIVOCATION."""
    return refused(name, detail, demotes=Class.EQUIVOCATION, meaning=meaning, clause=clause)


def concluded(name: str, detail: str, verdict: Class) -> Check:
    """A check that repeats the class of another verdict."""
    if verdict is Class.OK:
        return passed(name, detail)
    return _check(name, "unknown", detail, demotes=verdict)


def _check(
    step: Step | str,
    state: State,
    detail: str,
    *,
    meaning: str = "",
    clause: str = "",
    demotes: Class | None = None,
) -> Check:
    if not isinstance(step, Step):
        return Check(name=step, state=state, detail=detail, meaning=meaning, clause=clause, demotes=demotes)
    if state != "passed":
        meaning = meaning or step.meaning
    return Check(
        name=step.name,
        state=state,
        detail=_line(detail),
        meaning=meaning,
        clause=clause or step.clause,
        demotes=demotes,
    )


def _line(text: str) -> str:
    """The text, printable and of bounded length: a stranger may have chosen identities and origins."""
    return printable(text[:MAX_DETAIL])
