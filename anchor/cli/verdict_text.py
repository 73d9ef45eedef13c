# SPDX-License-Identifier: Apache-2.0
"""A good verdict in words for a person: one sentence, who, when and where, what is proven and what is not.

Decides on the values of the verdict alone, which hold what a passed check bound. So no line says more than
was checked. `anchor.cli.refusal_text` has the words of the other classes.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from anchor.cli.terminal import Row
from anchor.log_kinds.embedded import ALONE
from anchor.log_kinds.short_names import ShortNames, short
from anchor.verdict import DIFFERS, TRUSTED, Class, Verdict
from anchor.verify.independence import PRIVATE, PUBLISHER, RUN_BY, at_latest
from anchor.verify.no_status import KNEW
from anchor.verify.steps import READ_AS
from anchor.words import several

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HEADS_SHOWN = 10
OTHERS = ("mirror", "checkpoints", "records", "evidence", "history")
"""The kinds of verdicts about more than one release; their words are in `anchor.cli.audit_text`."""
GOOD = (Class.OK, Class.WITHDRAWN)
"""The classes of a verdict that has values."""


class Report(NamedTuple):
    """A verdict for a person: a word with its colour, a sentence, and rows below it."""

    word: str
    colour: str
    sentence: str
    rows: list[Row]


def report(verdict: Verdict, shown: Sequence[Row] = (), *, verbose: bool = False, export: str = "") -> Report:
    """The report of a verdict.

    `shown`: rows about what its checks bound, such as the facts of a receipt. `verbose`: its checks follow.
    `export`: the command that writes the evidence of two contradicting statements into files.
    """
    if verdict.verdict is not Class.OK:
        from anchor.cli import refusal_text  # most verdicts are good

        return refusal_text.report(verdict, shown, verbose=verbose, export=export)
    if verdict.kind == "cycle":
        rows = [Row("release", c.name) for c in verdict.checks]
        sentence = f"{several(len(verdict.checks), 'release')} verify, and their logs only grew"
        return Report("OK", "good", sentence, [*rows, *remarks(verdict)])
    if verdict.kind in OTHERS:
        return _of_others(verdict, shown, verbose=verbose)
    rows = [*shown, *who_when_where(verdict), count(verdict, verbose=verbose)]
    return Report("OK", "good", _sentence(verdict), [*rows, *limits_of(verdict), *remarks(verdict)])


def limits_of(*verdicts: Verdict) -> Iterator[Row]:
    """The rows of what good verdicts about releases prove, and what they do not; each thing once."""
    if not verdicts:
        return
    parts = dict.fromkeys(part for verdict in verdicts for part in _proven(verdict))
    yield Row("Proven", f"{listed([*parts])}.", apart=True)
    first, *more = dict.fromkeys(one for verdict in verdicts for one in _not_proven(verdict))
    yield Row("Not proven", " ".join([first, *(f"{one[:1].upper()}{one[1:]}" for one in more)]))


def _of_others(verdict: Verdict, shown: Sequence[Row], *, verbose: bool) -> Report:
    from anchor.cli import audit_text  # no release is verified

    words = audit_text.WORDS[verdict.kind]
    rows = [*words.rows(verdict), *shown, count(verdict, verbose=verbose), *bound(verdict)]
    return Report("OK", "good", words.good(verdict), [*rows, *remarks(verdict)])


def bound(verdict: Verdict) -> Iterator[Row]:
    """The same rows for a verdict about more than one release; none if it proves nothing."""
    from anchor.cli import audit_text

    words = audit_text.WORDS[verdict.kind]
    if proven := words.proven(verdict):
        yield Row("Proven", proven, apart=True)
        yield Row("Not proven", words.not_proven(verdict))


def state_of(verdict: Verdict, name: str) -> str:
    """The state of the first check with a name; empty if there is none."""
    return next((c.state for c in verdict.checks if c.name == name), "")


def named(facts: dict[str, Any]) -> str:
    """The ledger, its version and its number."""
    return f"{facts['ledger']} {facts['version']} (release {facts['number']})"


def moment(text: str) -> str:
    """A time of RFC 3339 or ISO 8601 as people write it; the text itself if it is neither."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{when:%d} {_MONTHS[when.month - 1]} {when.year} {when:%H:%M:%S} UTC"


# The sentence


def _sentence(verdict: Verdict) -> str:
    facts = verdict.facts
    if verdict.kind == "bundle":
        return "the file or digest that you gave is as it was signed"
    if verdict.kind == "receipt":
        return receipt_sentence(facts)
    said = f"{named(facts)}: {_facts_are(verdict)}"
    return f"{said}, and its logs only grew" if verdict.kind == "run" else said


def _facts_are(verdict: Verdict) -> str:
    """The facts, as far as checks passed that are about them."""
    size = verdict.facts["size"]
    if state_of(verdict, "facts") == "passed":
        return "its one fact is as published" if size == 1 else f"all {size} facts are as published"
    if state_of(verdict, "opened-facts") == "passed":
        return f"the {several(size, 'fact')} that you were given are as signed"
    return f"the hashes of its {several(size, 'confidential fact')} are as published"


def receipt_sentence(facts: dict[str, Any]) -> str:
    """The facts of a receipt, with its release."""
    size, number, kind = facts["size"], len(facts["facts"]), facts["kind"]
    release = named(facts)
    if kind == "absence":
        return f"none of the {several(size, 'fact')} of {release} has this key"
    if kind == "completeness":
        one = "this is the only fact" if number == 1 else f"these {number} are all facts"
        return f"{one} of {release} with this key"
    if number == 1:
        return f"fact {facts['facts'][0]['index']} of {size} stands in {release}"
    return f"these {number} facts of {size} stand in {release}"


# Who, when, where


def who_when_where(verdict: Verdict) -> Iterator[Row]:
    """Rows of the dialect, the signers, the time and the logs that a verdict bound."""
    facts = verdict.facts
    if verdict.kind == "bundle":
        yield from _of_bundle(facts)
        return
    for check in verdict.checks:  # a dialect is a tool of who wants a file to be misread
        if check.name == READ_AS.name:
            yield Row("read as", check.detail.replace(" read as: ", ": ", 1))
    yield from who_signed(facts["anchors"])
    if (heads := facts.get("heads")) is not None:
        yield from _followed(heads)
    if "status" in facts:
        status = facts["status"]
        when = f" of {moment(status['time'])}" if status["time"] else ""
        yield Row("status", f"number {status['sequence']}{when}, which the same policy accepts")


def who_signed(anchors: Sequence[dict[str, Any]], *, times: bool = True) -> Iterator[Row]:
    """Rows of the signers, the time and the logs of anchors that count."""
    signers = list(dict.fromkeys(a["identity"] for a in anchors))
    yield from (Row("signed by", f"{short(one, signers)}, accepted by your policy") for one in signers)
    if times:
        yield from _times(anchors)
    yield from _recorded(anchors)


def _times(anchors: Sequence[dict[str, Any]]) -> Iterator[Row]:
    """The time at the latest. An earlier time by the publisher's own clock is named as such."""
    first = min((a["time"] for a in anchors), default="")
    if not first:
        return
    shown = at_latest((a["time"], _own_word(a)) for a in anchors)
    yield Row("time", f"{moment(shown)}, at the latest")
    if first < shown:
        yield Row("time", f"{moment(first)}, by the publisher's own clock alone")


def _of_bundle(facts: dict[str, Any]) -> Iterator[Row]:
    identity = facts.get("identity", "")
    yield Row("signed by", f"{identity}, whom you named" if identity else "the key that you gave")
    if issuer := facts.get("issuer", ""):
        yield Row("issuer", issuer)
    first = min((t["time"] for t in facts.get("times", ())), default="")
    yield Row("time", f"{moment(first)}, at the latest" if first else "nobody whom you trust says when")
    logs = facts.get("logs", ())
    yield from _recorded(logs)
    if not logs:
        yield Row("recorded in", "no transparency log: the trusted root names none")


def _recorded(anchors: Sequence[dict[str, Any]]) -> Iterator[Row]:
    origins = [a["origin"] for a in anchors]
    for anchor in anchors:
        index = anchor.get("promised_index")
        entry = f"entry {anchor['index'] if index is None else index}"
        yield Row("recorded in", f"{short(anchor['origin'], origins)}, {entry}, {_independence(anchor)}")


def _independence(anchor: dict[str, Any]) -> str:
    """Who runs the log; and who cosigned, if that was counted."""
    of = anchor["independence"]
    return of["words"] if of["named"] is not None else RUN_BY[of["operator"]]


def _followed(heads: dict[str, dict[str, Any]]) -> Iterator[Row]:
    for origin, head in list(heads.items())[:_HEADS_SHOWN]:
        entries = several(head["size"], "entry")
        yield Row("followed", f"{short(origin, list(heads))}, which has {entries} now")
    if (more := len(heads) - _HEADS_SHOWN) > 0:
        yield Row("followed", f"and {several(more, 'log')} more")


def is_proof(verdict: Verdict) -> bool:
    """True for evidence that holds: its check shows that somebody else is at fault."""
    return verdict.kind == "evidence" and verdict.verdict is Class.EQUIVOCATION


def count_words(verdict: Verdict) -> str:
    """How many checks passed, did not, and were not needed."""
    states = [c.state for c in verdict.checks]
    wanted = sum(c.state == "skipped" and c.demotes is not None for c in verdict.checks)
    numbers = {
        "passed": states.count("passed"),
        "proven" if is_proof(verdict) else "refused": states.count("refused"),
        "not decided": states.count("unknown") + wanted,
        "not needed": states.count("skipped") - wanted,
    }
    return ", ".join(f"{number} {what}" for what, number in numbers.items() if number)


def count(verdict: Verdict, *, verbose: bool) -> Row:
    """The row with the numbers of checks."""
    return Row("checks", count_words(verdict) + ("" if verbose else " (--verbose shows them)"))


# What is proven, and what is not


def _proven(verdict: Verdict) -> list[str]:
    facts, parts = verdict.facts, []
    if verdict.kind == "bundle":
        parts = ["who signed this file" if "identity" in facts else "that this key signed this file"]
        parts += ["when at the latest"] if "times" in facts else []
        parts += ["that the log has it"] if "logs" in facts else []
        return parts
    when = "when at the latest"
    if is_own_word(facts["anchors"]):
        when += " (by the publisher's own clock)"
    parts = ["who signed it", when, _unchanged(verdict)]
    if verdict.kind == "run":
        parts.append("that each log has the entry and only grew since it was first read here")
    if any(a["independence"]["witnessed"] for a in facts["anchors"]):
        parts.append("that the witnesses saw the log with this entry only grow")
    if "status" in facts and facts["status"]["time"] and _is_known(facts):
        parts.append(f"that it was not withdrawn by {moment(facts['status']['time'])}")
    if state_of(verdict, "listed-files") == "passed":
        parts.append("that the files in your folder are the listed ones")
    if state_of(verdict, "source-documents") == "passed":
        parts.append("that the documents in your folder are those that the publisher named")
    return parts


def _is_known(facts: dict[str, Any]) -> bool:
    """True if the status is not older than the release: else it cannot withdraw it."""
    return bool(facts["status"]["newest"] >= facts["number"])


def is_own_word(logs: Sequence[dict[str, Any]]) -> bool:
    """True if the publisher himself runs each authority that says when it was signed."""
    return all(map(_own_word, logs))


def _own_word(log: dict[str, Any]) -> bool:
    """True if the time of a log is the publisher's own word."""
    of = log["independence"]
    return bool(of["operator"] == PUBLISHER or of["own_authority"])


def _unchanged(verdict: Verdict) -> str:
    if verdict.kind != "receipt":
        confidential = state_of(verdict, "facts") != "passed"
        if not confidential or state_of(verdict, "opened-facts") == "passed":
            return "that no fact was changed since"
        return "that no hash of a fact was changed since"
    kind = verdict.facts["kind"]
    if kind == "inclusion":
        return "that the ledger had it then, just as shown"
    what = "no fact" if kind == "absence" else "no other fact"
    return f"that {what} has exactly this key, by the publisher's index"


def _not_proven(verdict: Verdict) -> list[str]:
    facts = verdict.facts
    if verdict.kind == "bundle":
        sentences = ["that what the file says is true."]
        logs = facts.get("logs", ())
    else:
        sentences = [_true(verdict)]
        logs = facts["anchors"]
        if "status" not in facts:
            knew = any(c.name == "withdrawn" and KNEW in c.detail for c in verdict.checks)
            more = ", and this release knew of one" if knew else ""
            sentences.append(f"That nothing was withdrawn since: no status is here{more}.")
        elif not _is_known(facts):
            sentences.append("That nothing was withdrawn since: the status here does not know this release.")
        if "source_documents" in facts and state_of(verdict, "source-documents") != "passed":
            sentences.append("That it fits its source documents: --evidence compares them.")
    sentences += _of_logs(logs)
    if any(log["independence"]["witnessed"] for log in logs) and is_own_word(logs):
        sentences.append("That somebody else vouches for signer and time: the publisher runs that authority.")
    return sentences


def _true(verdict: Verdict) -> str:
    if verdict.kind != "receipt":
        if state_of(verdict, "facts") != "passed" and state_of(verdict, "opened-facts") != "passed":
            return "which facts they are (the ledger is confidential), and that these are true."
        return "that the facts are true."
    if verdict.facts["kind"] == "inclusion":
        one = len(verdict.facts["facts"]) == 1
        return f"that the {'fact is' if one else 'facts are'} true."
    return "that the index covers the whole ledger: 'anchor verify' of the release checks it."


def _of_logs(logs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The weakness of the evidence of all logs together; nothing if witnesses of the policy cosigned one."""
    if not logs or any(log["independence"]["witnessed"] for log in logs):
        return
    if not any(log["independent"] for log in logs):
        if all(log["independence"]["operator"] == PUBLISHER for log in logs):
            yield (
                "The publisher runs this log and could rewrite it."
                if len(logs) == 1
                else ("The publisher runs these logs and could rewrite them.")
            )
        else:
            yield "The publisher runs the authority that vouches for the signer or the time."
        yield "It is no independent evidence."
        return
    if any(log["independence"]["operator"] == PRIVATE for log in logs):
        yield "Nobody here knows who runs a private log."
    yield "That everybody is shown the same log: no witness was counted."


def listed(parts: Sequence[str]) -> str:
    """The parts as one enumeration."""
    *first, last = parts
    return f"{', '.join(first)}, and {last}" if first else last


def remarks(verdict: Verdict) -> list[Row]:
    """The notes that no other line says: about the trust, or about what a run saw."""
    found = [note for note in verdict.notes if not _is_said(note, verdict)]
    shorter = ShortNames(verdict.notes) if verdict.verdict in TRUSTED else str
    return [row for note in found for row in _note(note if _CHECKED_BY in note else shorter(note))]


def _note(note: str) -> Iterator[Row]:
    """The rows of a note. The command for evidence is one that a shell reads, however long its path is."""
    said, anchor, words = note.rpartition(_CHECKED_BY)
    yield Row("note", f"{said}:" if anchor else note, apart=True)
    if anchor:
        yield Row("note", f"{anchor.lstrip(': ')}{words}", command=True)


_CHECKED_BY = ": anchor verify-evidence "
"""Stands before the file in the note about evidence that was kept."""


def _is_said(note: str, verdict: Verdict) -> bool:
    """True for what the rows about logs, status and facts say in other words."""
    if note.startswith(DIFFERS):
        return True
    if verdict.kind == "cycle" or verdict.kind in OTHERS:
        return False
    if note.startswith("log ") and any(f": {words}, " in note for words in RUN_BY.values()):
        return verdict.verdict not in _WEIGHED or not note.endswith(ALONE)
    return verdict.verdict in GOOD and note.startswith(_SAID)


_WEIGHED = (Class.USAGE, Class.STALE, Class.PENDING, Class.UNAVAILABLE, Class.WITHDRAWN)
"""The classes that do not say of the evidence that it is false. A person may go on with it, and must know how
much it weighs."""
_SAID = (
    "it is not known whether this was withdrawn since",
    "the key is compared as exact bytes, and according to",
    "no transparency log has this",
    "nobody trusted says when",
)
"""The beginnings of notes that stand in "Not proven" or in a row."""
