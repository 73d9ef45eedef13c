# SPDX-License-Identifier: Apache-2.0
"""The words of `anchor verify-history`; `anchor.cli.audit_text` has those of other kinds."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from anchor.cli.audit_words import Words
from anchor.cli.terminal import Row, short_path
from anchor.cli.verdict_text import is_own_word, moment, who_signed
from anchor.verdict import Check, Class, Verdict
from anchor.verify.history_words import about, completeness, counted, period, sentence
from anchor.words import several

_SHOWN = 10
"""Targets and proofs that are shown one by one."""


_INVALID = {
    "history-proof": "this is no proof of runs, or a changed one",
    "history-signed": "the evidence is about another head",
    "history-events": "the events are not those that were signed",
    "policy-ledger": "the runs are of another ledger than your policy names",
    "policy-anchors": "nobody whom your policy names vouches for its head",
    "policy-signers": "nobody whom your policy names signed its head",
}


class History(Words):
    """`anchor verify-history`."""

    remedies: ClassVar[Mapping[Class, str]] = {
        Class.INVALID: "Do not rely on it. Keep this file, and ask whoever keeps the records for "
        "another one.",
        Class.EQUIVOCATION: "Rely on neither. Keep all the files as evidence, and show them to others.",
        Class.UNAVAILABLE: "Ask whoever made it for a proof under a newer head. Do not rely on a list from "
        "which events are withheld.",
        Class.PENDING: "Run the command again later, with a proof that is made then.",
    }

    def good(self, verdict: Verdict) -> str:
        proofs = verdict.facts["proofs"]
        if len(proofs) == 1:
            return sentence(proofs[0])
        return f"{several(len(proofs), 'proof')} of runs hold, and their heads do not contradict each other"

    def rows(self, verdict: Verdict) -> Iterator[Row]:
        proofs = verdict.facts.get("proofs", [])
        is_good = verdict.verdict is Class.OK
        for number, proof in enumerate(proofs[:_SHOWN]):
            if len(proofs) > 1 or not is_good:
                apart = number > 0 or not is_good
                yield Row("proof", f"{short_path(proof['file'])}: {sentence(proof)}", apart=apart)
            yield from _runs(proof)
            yield from _heads(proof)
        if len(proofs) > _SHOWN:
            yield Row("proof", f"and {several(len(proofs) - _SHOWN, 'proof')} more")

    def proven(self, verdict: Verdict) -> str:
        proofs = verdict.facts["proofs"]
        if all(proof["complete"] for proof in proofs):
            left = "nothing else" if any(proof["pruned"] for proof in proofs) else "nothing"
            shown = (
                "what the operator, who signed these heads, wrote down of each run, and that "
                f"{left} is left out"
            )
        else:
            shown = "what the operator, who signed the head, wrote down of each of these runs"
        times = "each was written down before the time of the head that has it"
        return f"{shown}; {times}."

    def not_proven(self, verdict: Verdict) -> str:
        proofs = verdict.facts["proofs"]
        sentences = [
            "that the runs took place as they are written down: they and their times are the operator's word."
        ]
        if any(not proof["complete"] or proof["pruned"] for proof in proofs):
            lacking = dict.fromkeys(completeness(p) for p in proofs if not p["complete"] or p["pruned"])
            sentences += [f"{one[:1].upper()}{one[1:]}." for one in lacking]
        anchors = [a for proof in proofs for a in proof["head"]["anchors"]]
        if not any(a["independence"]["witnessed"] for a in anchors):
            sentences.append("That nobody is shown another history: no witness was counted.")
        if not any(a["independent"] for a in anchors):
            sentences.append(
                "The times of the heads: whoever signed them runs the log. It is no independent evidence."
            )
        return " ".join(sentences)

    def fault(self, verdict: Verdict, decided: Check | None) -> str:
        name = decided.name if decided is not None else ""
        if verdict.verdict is Class.FINDINGS:
            return "two signers signed heads of one history that contradict each other"
        if verdict.verdict is Class.UNAVAILABLE and name == "history-pruned":
            return "some events are withheld"
        if verdict.verdict is Class.PENDING:
            return "fewer than your policy demands vouch for its heads"
        if verdict.verdict is Class.INVALID:
            return _INVALID.get(name, "")
        return {Class.EQUIVOCATION: "whoever signed these heads keeps two histories"}.get(verdict.verdict, "")


def _runs(proof: dict[str, Any]) -> Iterator[Row]:
    for row in proof["runs"][:_SHOWN]:
        when = f"{period(row)} by the operator's clock"
        yield Row("runs", f"{row['target']}, {about(row)}: {counted(row['verdicts'])}, {when}")
    if (more := len(proof["runs"]) - _SHOWN) > 0:
        yield Row("runs", f"and {several(more, 'target or release')} more")


def _heads(proof: dict[str, Any]) -> Iterator[Row]:
    for name, head in (("from", proof["before"]), ("up to", proof["head"])):
        if head is not None:
            when = f", recorded before {moment(head['recorded_before'])}" if head["recorded_before"] else ""
            own = " by the operator's own clock" if when and is_own_word(head["anchors"]) else ""
            yield Row(name, f"a head of {several(head['size'], 'event')}{when}{own}")
            yield from who_signed(head["anchors"], times=False)
