# SPDX-License-Identifier: Apache-2.0
"""The facts of a ledger against the documents that they cite. docs/evidence.md, The report.

Each fact gets a state. A state is about text and nothing more: the value of the fact is in the document, as
it stands or after reading, or it is not.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from anchor.format.facts import Fact
from anchor.sources.citations import Columns, cited
from anchor.sources.matching import Document, Nearby, Occurrence, Place, Sought

PLACES: Final = 3
"""Places of one fact that are told, the best ones first."""
LOOKED_AT: Final = 1_000
"""Occurrences of one value in one document around which unit and label are looked for."""
_FAR: Final = Nearby(unit=False, label=False)
State = Literal["as-it-stands", "after-reading", "absent", "no-document", "no-value"]
STATES: Final[tuple[State, ...]] = ("as-it-stands", "after-reading", "absent", "no-document", "no-value")
FOUND: Final = STATES[:2]
PLACEHOLDERS: Final = frozenset(
    {
        *("n/a", "n.a.", "na", "#n/a", "none", "null", "nil", "nan", "unknown", "not available", "missing"),
        *("tbd", "tba", "tbc", "to be defined", "to be determined", "to be confirmed", "to be announced"),
        *("inconnu", "non disponible", "non communiqué", "nc", "à définir", "à confirmer", "à compléter"),
    }
)
"""Words that stand for a value. In lower case."""


class SourceText(msgspec.Struct, frozen=True, kw_only=True):
    """A document at hand: the name of its file, the normal forms of its URLs, and its text."""

    file: str
    urls: frozenset[str]
    document: Document


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A place where the value of a fact occurs, and what stands near it."""

    file: str
    place: Place
    exact: bool
    unit: bool
    label: bool


class CheckedFact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact, and where its value occurs.

    `index` counts from 0, as in the tree; `line` is the line or record of the ledger. `weak`: the value
    occurs more than once, and nowhere with its unit or a word of its label nearby.
    """

    index: int
    line: int
    label: str
    value: str
    unit: str
    source: str
    """The cell that cites the document, as it is written."""
    group: str
    """The normal form of its URL, else the cell."""
    files: tuple[str, ...]
    """The documents that it cites, as far as they are at hand."""
    state: State
    weak: bool = False
    count: int = 0
    places: tuple[Found, ...] = ()


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The facts that cite one source: how many there are of each state, and of those found, how many are
    weak."""

    source: str
    files: tuple[str, ...]
    facts: int
    states: dict[State, int]
    weak: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result for a ledger: one group for each source, the sums, and every fact."""

    groups: tuple[Group, ...]
    total: Group
    facts: tuple[CheckedFact, ...]

    @property
    def doubtful(self) -> int:
        """The number of facts that cite a document at hand, and are absent from it or weak."""
        return self.total.states["absent"] + self.total.weak


def check(facts: Iterable[tuple[int, Fact]], columns: Columns, texts: Sequence[SourceText]) -> Report:
    """Look for the value of each fact in the documents that it cites. `facts` are pairs of line and cells."""
    by_url: dict[str, list[SourceText]] = {}
    for text in texts:
        for key in (*text.urls, text.file):
            by_url.setdefault(key, []).append(text)
    checked = tuple(_checked(index, line, fact, columns, by_url) for index, (line, fact) in enumerate(facts))
    groups: dict[str, list[CheckedFact]] = {}
    for one in checked:
        groups.setdefault(one.group, []).append(one)
    told = tuple(
        _group(of[0].source, of) for of in sorted(groups.values(), key=lambda of: (-len(of), of[0].index))
    )
    return Report(groups=told, total=_group("", checked), facts=checked)


def _checked(
    index: int, line: int, fact: Fact, columns: Columns, by_url: dict[str, list[SourceText]]
) -> CheckedFact:
    source, url = cited(fact[at] for at in columns.source)
    group = url or source
    texts = by_url.get(group, [])
    sought = Sought(
        value=_text(fact, columns.value), unit=_text(fact, columns.unit), label=_text(fact, columns.label)
    )
    state: State = "no-document"
    found: list[tuple[SourceText, Occurrence, Nearby]] = []
    if texts:
        state = "absent"
        if not sought.is_there or " ".join(sought.value.casefold().split()) in PLACEHOLDERS:
            state = "no-value"
        else:
            found = [
                (text, one, text.document.nearby(one, sought) if n < LOOKED_AT else _FAR)
                for text in texts
                for n, one in enumerate(text.document.find(sought))
            ]
    if found:
        state = "as-it-stands" if any(one.exact for _, one, _ in found) else "after-reading"
    return CheckedFact(
        index=index,
        line=line,
        label=sought.label,
        value=sought.value,
        unit=sought.unit,
        source=source,
        group=group,
        files=tuple(text.file for text in texts),
        state=state,
        weak=bool(found) and not any(_is_strong(text, found) for text in texts),
        count=len(found),
        places=_places(found),
    )


def _is_strong(text: SourceText, found: Sequence[tuple[SourceText, Occurrence, Nearby]]) -> bool:
    """True if a document has the value once, or somewhere with its unit or a word of its label nearby."""
    near = [nearby for of, _, nearby in found if of is text]
    return len(near) == 1 or any(one.unit or one.label for one in near)


def _places(found: Sequence[tuple[SourceText, Occurrence, Nearby]]) -> tuple[Found, ...]:
    """The best places: those with unit and label nearby, then those with one of them."""
    best = sorted(found, key=lambda of: -(of[2].unit + of[2].label))[:PLACES]
    return tuple(
        Found(
            file=text.file, place=text.document.place(one), exact=one.exact, unit=near.unit, label=near.label
        )
        for text, one, near in best
    )


def _text(fact: Fact, at: int | None) -> str:
    """The text of a cell; "" for one that is null, is absent or has no column."""
    cell = fact[at] if at is not None else ""
    return cell if isinstance(cell, str) else ""


def _group(source: str, facts: Sequence[CheckedFact]) -> Group:
    return Group(
        source=source,
        files=tuple(sorted({file for fact in facts for file in fact.files})),
        facts=len(facts),
        states={state: sum(fact.state == state for fact in facts) for state in STATES},
        weak=sum(fact.weak for fact in facts),
    )
