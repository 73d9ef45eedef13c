# SPDX-License-Identifier: Apache-2.0
"""The words of verdicts that are about more than one release: `mirror`, `compare`, `records check`,
`verify-evidence` and `verify-history`.

`anchor.cli.verdict_text` and `anchor.cli.refusal_text` lay them out as all others.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from anchor.cli.audit_words import Words
from anchor.cli.history_text import History
from anchor.cli.terminal import Row, short_path
from anchor.cli.verdict_text import listed
from anchor.log_kinds.short_names import ShortNames
from anchor.verdict import TRUSTED, Check, Class, Verdict
from anchor.words import several

_SHOWN = 10
"""Logs and checkpoints that are shown one by one."""
_HELD = {
    "history": "events",
    "checkpoints": "log heads",
    "proofs": "proofs",
    "releases": "releases",
    "evidence": "evidence",
}
"""Checks of the records that say how much these hold, with a label."""


def _first(rows: list[Row], noun: str) -> Iterator[Row]:
    """The first rows, and how many more there are."""
    yield from rows[:_SHOWN]
    if (more := len(rows) - _SHOWN) > 0:
        yield Row(rows[0].label, f"and {several(more, noun)} more")


class Mirror(Words):
    """`anchor mirror`."""

    remedies: ClassVar[Mapping[Class, str]] = {
        Class.INVALID: "Do not rely on the site. The mirror keeps what it has: ask the publisher."
    }

    def good(self, verdict: Verdict) -> str:
        number = len(verdict.facts["releases"])
        if number == 1:
            return "the one release is verified and in the mirror"
        return f"all {number} releases are verified and in the mirror"

    def rows(self, verdict: Verdict) -> Iterator[Row]:
        facts = verdict.facts
        if "releases" not in facts:
            return
        numbers = facts["releases"]
        yield Row(
            "releases", f"number {numbers[0]}" if len(numbers) == 1 else f"{numbers[-1]} to {numbers[0]}"
        )
        shorter = ShortNames(facts["logs"]) if verdict.verdict in TRUSTED else str
        logs = [
            Row("log", f"{shorter(origin)}, {several(size, 'entry')}")
            for origin, size in facts["logs"].items()
        ]
        yield from _first(logs, "log")
        files = facts["files"]
        yield Row(
            "files",
            f"{several(files['of_releases'], 'file')} of releases; {several(files['new'], 'file')} new; "
            f"{facts['bytes']:,} bytes fetched",
        )

    def proven(self, verdict: Verdict) -> str:
        if verdict.verdict is Class.USAGE:
            return ""
        logs = ", and that each log in it only grew since it was first kept" if verdict.facts["logs"] else ""
        return f"that your policy accepted each release before it was put in the mirror{logs}."

    def not_proven(self, verdict: Verdict) -> str:
        del verdict
        return (
            "that the facts are true. That everybody is shown the same releases and logs: 'anchor compare' "
            "shows the one beside the other."
        )

    def fault(self, verdict: Verdict, decided: Check | None) -> str:
        if verdict.verdict is Class.USAGE:
            return "nobody has said whose signature counts"
        first = decided.name.partition(" ")[0] if decided is not None else ""
        if first == "release" and verdict.verdict is Class.INVALID:
            return "a release there does not verify"
        if first == "log" and verdict.verdict is Class.INVALID:
            return "the files of a log are not what the log signed"
        return ""


_RELATIONS = {
    "consistent": "of one history",
    "contradicts": "of another history",
    "withheld": "and the log withholds the proof",
    "unknown": "and nobody can tell yet",
}

_FAULTS = {
    Class.EQUIVOCATION: "the log signed two histories",
    Class.FINDINGS: "the log withholds a proof that it must have",
    Class.UNAVAILABLE: "nobody can tell yet if it is of one history with what is known",
    Class.INVALID: "this is no checkpoint of a log that you know",
}


def _entries(one: dict[str, Any]) -> str:
    return f"{several(one['size'], 'entry')} of {one['origin']}"


class Compared(Words):
    """`anchor compare`."""

    remedies: ClassVar[Mapping[Class, str]] = {
        Class.EQUIVOCATION: "Keep the evidence, and give it to others who rely on this log: "
        "'anchor verify-evidence' checks it.",
        Class.FINDINGS: "Ask the operator of the log for the proof. With --keep each re-verification "
        "asks the log again.",
        Class.UNAVAILABLE: "Run the command again later, or name the place of the log with --log.",
        Class.INVALID: "Name the key of the log with --vkey, or a policy whose trusted root has it.",
    }

    def good(self, verdict: Verdict) -> str:
        number = len(verdict.facts["checkpoints"])
        if number == 1:
            return "the checkpoint is of one history with what is known of its log"
        return f"all {number} checkpoints are of one history with what is known of their logs"

    def rows(self, verdict: Verdict) -> Iterator[Row]:
        rows = [
            Row("checkpoint", f"{short_path(one['name'])}: {_entries(one)}, {_RELATIONS[one['relation']]}")
            for one in verdict.facts["checkpoints"]
        ]
        yield from _first(rows, "checkpoint")
        if verdict.verdict is Class.OK:
            known = [c for c in verdict.checks if c.name.startswith("checkpoint ")]
            details = dict.fromkeys(c.detail.partition(" is consistent with ")[2] for c in known)
            beside = [Row("beside", detail.replace(" and with ", " and ")) for detail in details if detail]
            yield from _first(beside, "checkpoint")

    def proven(self, verdict: Verdict) -> str:
        del verdict
        return "that the key of each log signed these checkpoints, and that they tell one history."

    def not_proven(self, verdict: Verdict) -> str:
        del verdict
        return "that nobody is shown another history: compare the checkpoints of others, too."

    def about(self, verdict: Verdict, decided: Check | None) -> str:
        if decided is None:
            return "checkpoints"
        name = decided.name.removeprefix("checkpoint ")
        return short_path(name) if name != decided.name else name

    def fault(self, verdict: Verdict, decided: Check | None) -> str:
        return _FAULTS.get(verdict.verdict, "")


def _lost(verdict: Verdict) -> list[dict[str, Any]]:
    """The heads that the mark has and the records have no more."""
    found: list[dict[str, Any]] = verdict.facts.get("lost", [])
    return found


def _has_mark(verdict: Verdict) -> bool:
    return any(c.name == "records" and c.state == "passed" for c in verdict.checks)


class Records(Words):
    """`anchor records check`."""

    remedies: ClassVar[Mapping[Class, str]] = {
        Class.INVALID: "Do not rely on these records. Find out who wrote to them, and use a backup.",
        Class.UNAVAILABLE: "Verify the releases again with 'anchor reverify': it asks the logs again.",
    }
    meanings: ClassVar[Mapping[Class, str]] = {
        Class.EQUIVOCATION: "whoever signed them signed two histories, or two statements about one release"
    }

    def good(self, verdict: Verdict) -> str:
        del verdict
        return "nothing in these records was changed since it was written"

    def rows(self, verdict: Verdict) -> Iterator[Row]:
        details = {c.name: c.detail for c in verdict.checks if c.state == "passed"}
        yield from (Row(label, details[name]) for name, label in _HELD.items() if name in details)

    def proven(self, verdict: Verdict) -> str:
        parts = [
            "that no row was changed, or taken out of the middle",
            "that each stored signature and proof holds",
        ]
        parts += ["that nothing is missing at the end"] if _has_mark(verdict) and not _lost(verdict) else []
        return f"{listed(parts)}."

    def not_proven(self, verdict: Verdict) -> str:
        if lost := _lost(verdict):
            return (
                f"what was in {several(len(lost), 'older head')} of these records: they were put back or "
                f"replaced, and up to {several(max(one['size'] for one in lost), 'event')} of then are lost."
            )
        if _has_mark(verdict):
            return "that nobody replaced the records together with the mark beside them."
        return "that nothing is missing at the end: there is no mark beside these records."

    def about(self, verdict: Verdict, decided: Check | None) -> str:
        del verdict, decided
        return ""

    def fault(self, verdict: Verdict, decided: Check | None) -> str:
        name = decided.name if decided is not None else ""
        if decided is not None and verdict.verdict is Class.UNAVAILABLE and name == "records":
            gone = decided.detail.startswith("records: were deleted")
            return f"the records were {'deleted' if gone else 'put back to an older state, or replaced'}"
        if verdict.verdict is Class.UNAVAILABLE and name == "unproven-heads":
            return "a log signed trees that it does not show"
        return {
            Class.EQUIVOCATION: "they hold signed statements that contradict each other",
            Class.INVALID: "the records were changed after they were written",
        }.get(verdict.verdict, "")


class Evidence(Words):
    """`anchor verify-evidence`."""

    remedies: ClassVar[Mapping[Class, str]] = {
        Class.INVALID: "Accuse nobody by this file. Ask whoever gave it to you for another copy."
    }

    def good(self, verdict: Verdict) -> str:
        del verdict
        return ""

    def rows(self, verdict: Verdict) -> Iterator[Row]:
        facts = verdict.facts
        if "origin" in facts:
            yield Row("log", facts["origin"])
            yield Row("sizes", " and ".join(several(size, "entry") for size in facts["sizes"]))
        if "ledger" in facts:
            number = f", release {facts['number']}" if "number" in facts else ""
            yield Row("ledger", facts["ledger"] + number)
        yield from (Row("log key", check.detail) for check in verdict.checks if check.name == "log-key")

    def proven(self, verdict: Verdict) -> str:
        if verdict.verdict is not Class.EQUIVOCATION:
            return ""
        if "origin" in verdict.facts:
            return "that whoever holds the key signed both histories of this log."
        return "that signers whom you accept signed both."

    def not_proven(self, verdict: Verdict) -> str:
        which = "which of the two is true."
        known = any(c.name == "log-key" and c.state == "passed" for c in verdict.checks)
        if "origin" in verdict.facts and not known:
            return f"{which} That this is the key of the log that you know: --log-key compares it."
        return which

    def fault(self, verdict: Verdict, decided: Check | None) -> str:
        if verdict.verdict is Class.INVALID:
            return "this evidence does not hold"
        if verdict.verdict is not Class.EQUIVOCATION:
            return ""
        if "origin" in verdict.facts:
            return "a log signed two histories"
        if "number" in verdict.facts:
            return "the publisher signed two statements about one release"
        return "the publisher signed two statuses that cannot both be true"


WORDS: Mapping[str, Words] = {
    "mirror": Mirror(),
    "checkpoints": Compared(),
    "records": Records(),
    "evidence": Evidence(),
    "history": History(),
}
"""The words, by the kind of the verdict."""
