# SPDX-License-Identifier: Apache-2.0
"""One verdict about many receipts in words for a person.

Keeps a few values of each receipt and no document: there can be hundreds of thousands.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from anchor.cli import refusal_text
from anchor.cli.output import is_unasked_receipt
from anchor.cli.terminal import Row, short_path
from anchor.cli.verdict_text import Report, limits_of, named, remarks, who_when_where
from anchor.verdict import Class, Verdict, worst
from anchor.words import several

_SHOWN = 5
"""Receipts that do not verify, and releases, that are shown one by one."""
_COUNTED = 10
"""Facts that are named by their places."""


class Receipts:
    """The receipts of one run, as their verdicts come."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._classes = Counter[Class]()
        self._bad: list[Row] = []
        self._first: dict[Class, Verdict] = {}
        """The first receipt of each class that is not OK: it says what to do."""
        self._claims: dict[Row, None] = {}
        """The claims of receipts about themselves, if no policy says whose signature counts."""
        self._releases: dict[tuple[str, ...], Verdict] = {}
        """The first good receipt of each release and kind."""
        self._facts = 0
        self._places: list[str] = []

    @property
    def number(self) -> int:
        """How many receipts there were."""
        return self._classes.total()

    @property
    def verdict(self) -> Class:
        """The worst class of all."""
        return worst(self._classes)

    @property
    def is_unasked(self) -> bool:
        """True if the worst that is said of a receipt is that no policy was given."""
        first = self._first.get(self.verdict)
        return first is not None and is_unasked_receipt(first)

    def add(self, verdict: Verdict) -> None:
        """Count one receipt."""
        self._classes[verdict.verdict] += 1
        if verdict.verdict is Class.OK:
            facts = verdict.facts
            source = (*(f"{a['origin']} {a['index']}" for a in facts["anchors"]), facts["kind"])
            self._releases.setdefault(source, verdict)
            self._facts += len(facts["facts"])
            self._places += [*places(verdict)][: _COUNTED - len(self._places)]
            return
        self._first.setdefault(verdict.verdict, verdict)
        if is_unasked_receipt(verdict) and len(self._claims) < 2 * _SHOWN:
            self._claims |= dict.fromkeys(refusal_text.claims(verdict))
        if len(self._bad) < _SHOWN:
            self._bad.append(Row("found", _line(verdict)))

    def report(self, notes: Sequence[str], *, verbose: bool) -> Report:
        """The report about all. `notes`: about the trust."""
        kind, number = self.verdict, self.number
        bad = number - self._classes[Class.OK]
        rows = [*self._refused(bad), *self._accepted()]
        counted = ", ".join(f"{n} {c}" for c, n in self._classes.items())
        rows.append(Row("receipts", counted + ("" if verbose else " (--verbose shows them)")))
        rows += limits_of(*self._releases.values())
        told = [v for v in self._first.values() if not is_unasked_receipt(v)]
        every = dict.fromkeys(r for v in (*self._releases.values(), *told) for r in remarks(v))
        rows += [*every, *(Row("note", note, apart=True) for note in notes)]
        if kind is Class.OK:
            return Report("OK", "good", f"{short_path(self._target)}: {self._good()}", rows)
        sentence = f"{short_path(self._target)}: {bad} of {several(number, 'receipt')} not OK"
        return Report(str(kind), refusal_text.colour(kind), sentence, rows)

    def _good(self) -> str:
        number = self.number
        if not number:
            return "no receipt is in it"
        said = "the one receipt holds" if number == 1 else f"all {number} receipts hold"
        releases = {named(v.facts) for v in self._releases.values()}
        return f"{said}, of {releases.pop() if len(releases) == 1 else several(len(releases), 'release')}"

    def _refused(self, bad: int) -> Iterator[Row]:
        """The receipts that are not OK; meaning and remedy are those of the first one of the worst class."""
        first = self._first.get(self.verdict)
        if first is None:
            return
        yield from self._bad
        if bad > len(self._bad):
            yield Row("found", f"and {several(bad - len(self._bad), 'receipt')} more")
        yield from sorted(self._claims)
        for row in refusal_text.report(first).rows:
            if row.label in ("means", "do"):
                yield row

    def _accepted(self) -> Iterator[Row]:
        """The facts that hold, and the signers, times and logs of their releases."""
        if self._places:
            more = self._facts - len(self._places)
            shown = f"{', '.join(self._places)}{f' and {more} more' if more > 0 else ''}"
            yield Row("facts", shown, apart=bool(self._first))
        names = {named(v.facts) for v in self._releases.values()}
        several_names = len(names) > 1
        shown_rows = dict[Row, None]()
        for verdict in [*self._releases.values()][:_SHOWN]:
            head = [Row("release", named(verdict.facts))] if several_names else []
            shown_rows |= dict.fromkeys([*head, *who_when_where(verdict)])
        yield from shown_rows
        if (more := len(self._releases) - _SHOWN) > 0:
            yield Row("release", f"and {more} more")


def _line(verdict: Verdict) -> str:
    decided = refusal_text.deciding(verdict)
    return f"{short_path(verdict.target)}: {refusal_text.sentence_of(verdict, decided)}"


def one_line(verdict: Verdict) -> str:
    """A receipt in one line: its facts, or the check that decided."""
    if verdict.verdict is Class.OK:
        return f"OK: {verdict.target}: {', '.join(places(verdict))}"
    reason = f": {verdict.reason}" if verdict.decided else ""
    return f"{verdict.target}: {verdict.verdict}{reason}"


def places(verdict: Verdict) -> Iterator[str]:
    """The facts of a verdict by their places."""
    size = verdict.facts["size"]
    for shown in verdict.facts["facts"]:
        yield f"fact {shown['index']} of {size}"
    if verdict.facts["kind"] == "absence":
        yield f"no fact of {size} with {written(verdict.facts['key'])}"


def written(value: Any) -> str:
    """A value as JSON writes it: null, "" and "null" are three different things."""
    return json.dumps(value, ensure_ascii=False)
