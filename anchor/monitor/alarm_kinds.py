# SPDX-License-Identifier: Apache-2.0
"""Every kind of alarm: its severity, its meaning, what to do, and its heading in docs/runbook.md.

Decides the kind of a cause from its check and its class. Each class has a kind for its other checks too. So
every cause has a kind, also one of a check that a later version adds. Names of kinds and severities are
stable: programs read them in the `anchor` member of a message.
"""

import enum
import re
from collections.abc import Iterable

import msgspec

from anchor.monitor.run_record import TWO_STATEMENTS, TWO_STATUSES
from anchor.verdict import WORST_FIRST, Class

RUNBOOK = "docs/runbook.md"


class Severity(enum.StrEnum):
    """How soon a person is needed."""

    CRITICAL = "critical"
    """Now: somebody may rely on what is wrong, or the watch itself cannot be relied on."""
    WARNING = "warning"
    """In working hours: something is unknown, or falls short of the policy."""
    INFO = "info"
    """Nothing to do."""


class AlarmKind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of alarm."""

    name: str
    """Stable: programs read it."""
    heading: str
    """In docs/runbook.md, and in the title of a message."""
    severity: Severity
    verdict: Class
    checks: tuple[str, ...] = ()
    """Names of checks; one that ends with a blank is the beginning of a name. Empty for all others."""
    others_fail: bool = False
    """Other checks of the run fail with it, so its remedy is the one that helps."""
    means: str
    do: str
    run: str = ""
    """A command for the machine of the watch, with its environment. `{target}` stands for the release."""

    @property
    def runbook(self) -> str:
        """The entry, as a path in the repository with an anchor."""
        return f"{RUNBOOK}#{anchor_of(self.heading)}"


def anchor_of(heading: str) -> str:
    """The anchor that GitHub and myst-parser give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


_HISTORY = "anchor history --limit 5 --release {target}"
_VERIFY = "anchor verify {target}"
_STATUS = "anchor status"
_EXPORT = "anchor records export --evidence -o evidence/"
_KEEP = "Keep the evidence and give it to others."

KINDS = (
    AlarmKind(
        name="recovered",
        heading="Recovered",
        severity=Severity.INFO,
        verdict=Class.OK,
        means="Every check of the last run passed, and no cause lasts.",
        do="Nothing. The command shows how long it lasted.",
        run=_HISTORY,
    ),
    AlarmKind(
        name="two-releases",
        heading="The publisher signed two releases that contradict each other",
        severity=Severity.CRITICAL,
        verdict=Class.EQUIVOCATION,
        checks=("number", f"evidence {TWO_STATEMENTS}"),
        means="One number of the ledger has two signed releases, or a release follows another one than was "
        "shown. The publisher, or whoever has the publisher's key, shows different releases to "
        "different people.",
        do=f"{_KEEP} Rely on neither release, and ask the publisher which one is meant.",
        run=_EXPORT,
    ),
    AlarmKind(
        name="two-statuses",
        heading="The publisher signed a status that contradicts another one",
        severity=Severity.CRITICAL,
        verdict=Class.EQUIVOCATION,
        checks=("status-history", f"evidence {TWO_STATUSES}"),
        means="The publisher, or whoever has the publisher's key, says to different people that different "
        "things are withdrawn.",
        do=f"{_KEEP} Treat everything as withdrawn that either status withdraws, and ask the publisher.",
        run=_EXPORT,
    ),
    AlarmKind(
        name="log-fork",
        heading="A log signed two histories",
        severity=Severity.CRITICAL,
        verdict=Class.EQUIVOCATION,
        checks=("log ", "view ", "history since ", "evidence "),
        means="Whoever holds the log's key shows different entries to different people. Nothing in this log"
        " proves any more that everybody sees the same.",
        do=f"{_KEEP} Take no new release whose only anchor is in this log, and tell the log's operator.",
        run=_EXPORT,
    ),
    AlarmKind(
        name="records-edited",
        heading="The records were edited",
        severity=Severity.CRITICAL,
        verdict=Class.INVALID,
        checks=("records", "head"),
        means="Rows of the records are not what a run wrote. Somebody changed them, or the disk is damaged."
        " What the watch remembers cannot be relied on.",
        do="Show what does not fit. Then restore the home from a backup.",
        run="anchor records check",
    ),
    AlarmKind(
        name="wrong-entry",
        heading="A log holds another entry than the release's",
        severity=Severity.CRITICAL,
        verdict=Class.INVALID,
        checks=("entry ",),
        means="The log has other bytes where the bundle says that the release's entry is. The bundle or the"
        " log is false.",
        do="Rely on no new release, and ask the publisher and the log's operator.",
        run=_HISTORY,
    ),
    AlarmKind(
        name="bad-log",
        heading="A log contradicts what it signed",
        severity=Severity.CRITICAL,
        verdict=Class.INVALID,
        checks=("log ", "view ", "logs", "history since "),
        means="A log served a signature, a proof or entries that do not fit together. No two signed heads "
        "show it, so it proves nothing to others yet.",
        do="Ask the log's operator. If a copy of the log is served, read the log itself.",
        run=_HISTORY,
    ),
    AlarmKind(
        name="false-cosignature",
        heading="A cosignature of a witness is false",
        severity=Severity.CRITICAL,
        verdict=Class.INVALID,
        checks=("witnesses of ", "witnesses"),
        means="A checkpoint has a signature under a witness's name that the witness's key did not make.",
        do="Compare the witness's key in your policy with the one that the witness publishes.",
        run=_HISTORY,
    ),
    AlarmKind(
        name="two-numbers",
        heading="Two releases have one version",
        severity=Severity.CRITICAL,
        verdict=Class.INVALID,
        checks=("version", "chain"),
        means="Two numbers of the ledger have the same version, so whoever cites that version may mean "
        "either.",
        do="Cite the number with the version, and ask the publisher for a correction.",
        run=_HISTORY,
    ),
    AlarmKind(
        name="changed",
        heading="What is served is not what was signed",
        severity=Severity.CRITICAL,
        verdict=Class.INVALID,
        means="A file of the release, or its evidence, was changed after it was signed, or another signer "
        "made it.",
        do="Do not use what is served, and tell whoever runs the server. The command shows which check "
        "and which fact differ.",
        run=_VERIFY,
    ),
    AlarmKind(
        name="signed-in-your-name",
        heading="Somebody signed in your name",
        severity=Severity.CRITICAL,
        verdict=Class.FINDINGS,
        checks=("names in ",),
        means="A log has an entry under an identity that your policy watches, and no known release or "
        "status explains it. Everybody who trusts that identity accepts the signature.",
        do="Compare the digest with what you signed. If it is not yours, end the access, keep the entry,"
        " and tell those who verify.",
        run="anchor records export -o records.jsonl",
    ),
    AlarmKind(
        name="findings",
        heading="FINDINGS (9)",
        severity=Severity.CRITICAL,
        verdict=Class.FINDINGS,
        means="A run found something that needs a person.",
        do="Read the check that is named.",
        run=_HISTORY,
    ),
    AlarmKind(
        name="broken-watch",
        heading="The watch does not find what it must find",
        severity=Severity.CRITICAL,
        verdict=Class.ERROR,
        checks=("canary", "own entry in ", "complete"),
        means="The program accepted a corrupted copy, missed a known entry, or left checks out. None of its"
        " verdicts counts.",
        do="Verify with another installation. Install this one again, and report it to the project.",
        run=_VERIFY,
    ),
    AlarmKind(
        name="error",
        heading="ERROR (70)",
        severity=Severity.CRITICAL,
        verdict=Class.ERROR,
        means="The program has a defect, and this target was not verified.",
        do="Verify by hand, and report the line to the project.",
        run=_VERIFY,
    ),
    AlarmKind(
        name="older-release",
        heading="An older release is served",
        severity=Severity.WARNING,
        verdict=Class.UNAVAILABLE,
        checks=("number",),
        means="The server shows an older state than was verified before, and may hide later releases.",
        do="Ask the publisher. If it is meant, accept it with the command that the check names.",
        run=_STATUS,
    ),
    AlarmKind(
        name="older-status",
        heading="An older status is served, or none",
        severity=Severity.WARNING,
        verdict=Class.UNAVAILABLE,
        checks=("status-history",),
        means="The server may hide that a release or a fact was withdrawn.",
        do="Ask the publisher for the newest status. Treat what an earlier status withdrew as withdrawn.",
        run=_HISTORY,
    ),
    AlarmKind(
        name="records-put-back",
        heading="The records were put back or lost",
        severity=Severity.WARNING,
        verdict=Class.UNAVAILABLE,
        checks=("records",),
        means="The database is older than what this machine wrote, was deleted, or accepts no run. Releases"
        " are verified all the same, and compared with the mark in the home.",
        do="Show what is missing. If nobody restored a backup, find out who did this.",
        run="anchor records check",
    ),
    AlarmKind(
        name="unproven-heads",
        heading="A log does not show the trees that it signed",
        severity=Severity.WARNING,
        verdict=Class.UNAVAILABLE,
        checks=("unproven heads of ",),
        means="The log signed heads that no proof leads from. A copy that lags does that for a run or two; "
        "a head that stays is the log's fault.",
        do="Count these heads. If they stay for a day, ask the log's operator.",
        run=_STATUS,
    ),
    AlarmKind(
        name="unread-log",
        heading="A log that you watch is not read whole",
        severity=Severity.WARNING,
        verdict=Class.UNAVAILABLE,
        checks=("coverage of ", "names in ", "names"),
        means="Entries are hidden or not read yet, so a signature in your name may be among them.",
        do="Show the coverage. If it does not grow for a day, raise `requests` in the policy, or ask the"
        " log's operator.",
        run=_STATUS,
    ),
    AlarmKind(
        name="missing-cosignatures",
        heading="A head of a log lacks cosignatures",
        severity=Severity.WARNING,
        verdict=Class.UNAVAILABLE,
        checks=("witnesses of ",),
        means="Fewer witnesses than your policy wants have cosigned the log's newest head. Others may be "
        "shown another history, and nobody would see it.",
        do="Ask the witness that is missing. If it has ended, put another one into the policy.",
        run=_HISTORY,
    ),
    AlarmKind(
        name="unread-head",
        heading="A log cannot be read",
        severity=Severity.WARNING,
        verdict=Class.UNAVAILABLE,
        checks=("log ", "logs", "view ", "entry ", "history since "),
        means="The log was not followed to its newest head, so nothing new is known about it.",
        do="Wait a day, then ask the log's operator. If the log has shut down, let it go as the runbook "
        "says.",
        run=_STATUS,
    ),
    AlarmKind(
        name="clock",
        heading="The clock of this machine is wrong",
        severity=Severity.WARNING,
        verdict=Class.UNAVAILABLE,
        checks=("clock",),
        means="The clock is behind the last recorded run, so no age can be judged.",
        do="Set the clock, and have it kept by NTP. The next run goes on.",
        run=_STATUS,
    ),
    AlarmKind(
        name="trust",
        heading="The trust material cannot be loaded",
        severity=Severity.WARNING,
        verdict=Class.UNAVAILABLE,
        checks=("trust",),
        others_fail=True,
        means="The policy, its trusted root or a TUF repository cannot be read, so nothing is verified.",
        do="Make the file readable for the watch's user, or the repository reachable.",
        run=_VERIFY,
    ),
    AlarmKind(
        name="halted",
        heading="The watch cannot run",
        severity=Severity.WARNING,
        verdict=Class.UNAVAILABLE,
        checks=("cycle",),
        means="No run could be recorded, or none could be made: the disk is full, or the database is not "
        "reachable.",
        do="Free the disk, or start the database. The watch goes on by itself.",
        run=_STATUS,
    ),
    AlarmKind(
        name="no-head",
        heading="The head of the records is not anchored",
        severity=Severity.WARNING,
        verdict=Class.UNAVAILABLE,
        checks=("head",),
        means="No log takes the head, or none can be asked. Releases are verified as before; new runs cannot "
        "be proven to others until a head is anchored.",
        do="Make the log reachable. The watch tries again by itself.",
        run="anchor records anchor",
    ),
    AlarmKind(
        name="unavailable",
        heading="UNAVAILABLE (3)",
        severity=Severity.WARNING,
        verdict=Class.UNAVAILABLE,
        means="The release, or something that a check needs, could not be read. Nothing is known to be "
        "wrong.",
        do="Fetch it by hand. If it is gone for good, end the watch of it as the runbook says.",
        run=_VERIFY,
    ),
    AlarmKind(
        name="lost-chain",
        heading="Earlier releases cannot be read back",
        severity=Severity.WARNING,
        verdict=Class.PENDING,
        checks=("chain",),
        means="Releases between this one and those that are held are missing, or contradict them without "
        "proof.",
        do="Ask the publisher for the folders of the numbers that the check names.",
        run=_HISTORY,
    ),
    AlarmKind(
        name="lost-statuses",
        heading="Earlier statuses cannot be read back",
        severity=Severity.WARNING,
        verdict=Class.PENDING,
        checks=("status-chain",),
        means="Statuses between this one and those that are held are missing. What was withdrawn meanwhile, "
        "and then left out, cannot be seen.",
        do="Ask the publisher for the folders of the statuses that the check names.",
        run=_HISTORY,
    ),
    AlarmKind(
        name="pending",
        heading="PENDING (5)",
        severity=Severity.WARNING,
        verdict=Class.PENDING,
        means="The evidence is good, but less than your policy demands: anchors, operators or cosignatures "
        "are missing.",
        do="Ask the publisher to complete the release.",
        run=_VERIFY,
    ),
    AlarmKind(
        name="stale",
        heading="STALE (4)",
        severity=Severity.WARNING,
        verdict=Class.STALE,
        means="The newest statement of the publisher, or a head of a log, is older than your policy allows."
        " Something newer may be hidden.",
        do="Ask the publisher to renew the status, or to publish.",
        run=_VERIFY,
    ),
    AlarmKind(
        name="withdrawn",
        heading="WITHDRAWN (11)",
        severity=Severity.WARNING,
        verdict=Class.WITHDRAWN,
        means="The publisher says that the release, or facts in it, are withdrawn, corrected or replaced.",
        do="Read what is withdrawn and why, and use what replaces it.",
        run=_VERIFY,
    ),
    AlarmKind(
        name="unsupported",
        heading="UNSUPPORTED (7)",
        severity=Severity.WARNING,
        verdict=Class.UNSUPPORTED,
        means="The release, or the database, is of a newer format than this program knows.",
        do="Install a newer version of this program, and start the watch again.",
        run=_VERIFY,
    ),
    AlarmKind(
        name="usage",
        heading="USAGE (2)",
        severity=Severity.WARNING,
        verdict=Class.USAGE,
        means="The policy or a setting is wrong, so this target is not verified.",
        do="Correct the file and line that the check names.",
        run=_VERIFY,
    ),
    AlarmKind(
        name="equivocation",
        heading="EQUIVOCATION (6)",
        severity=Severity.CRITICAL,
        verdict=Class.EQUIVOCATION,
        means="Two signed statements cannot both be true, and both are kept. This verdict never ends.",
        do=_KEEP,
        run=_EXPORT,
    ),
)
"""Every kind. The first that fits counts; the one of a class without checks comes after the others."""

_SEVEREST = tuple(Severity)


def kind_of(check: str, verdict: Class) -> AlarmKind:
    """The kind of a cause: the name of its check, or `evidence <kind>`, and its class."""
    for kind in KINDS:
        if kind.verdict is verdict and (not kind.checks or any(_fits(check, name) for name in kind.checks)):
            return kind
    return named("unavailable")


def _fits(check: str, name: str) -> bool:
    return check.startswith(name) if name.endswith(" ") else check == name


def named(name: str) -> AlarmKind:
    """The kind with this name."""
    return next(kind for kind in KINDS if kind.name == name)


def by_severity(kinds: Iterable[AlarmKind]) -> list[AlarmKind]:
    """Each of these kinds once, the severest first. Of like ones, that for which the others fail."""
    return sorted(
        dict.fromkeys(kinds),
        key=lambda k: (_SEVEREST.index(k.severity), WORST_FIRST.index(k.verdict), not k.others_fail),
    )
