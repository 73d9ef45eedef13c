# SPDX-License-Identifier: Apache-2.0
"""The sentence of a proof of runs. It says what its events say, and whether any may be missing.

Decides on the values of a verdict alone.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from anchor.words import several

_FIRST = ("OK",)
"""Classes that are named first; the others follow by their numbers."""


def sentence(proof: Mapping[str, Any]) -> str:
    """The content of a proof: how many runs of what, with which classes, and whether the list is complete."""
    return f"{_runs(proof['runs'])}; {completeness(proof)}"


def counted(verdicts: Mapping[str, int]) -> str:
    """The classes with their numbers, OK first."""
    order = sorted(verdicts, key=lambda name: (name not in _FIRST, -verdicts[name], name))
    return ", ".join(f"{verdicts[name]} {name}" for name in order)


def about(row: Mapping[str, Any]) -> str:
    """The release of runs, by its number if an event names it."""
    if row["ledger"] is not None:
        return f"release {row['number']} of {row['ledger']}"
    if row["statement"] is not None:
        return f"the release with statement {row['statement'][:16]}..."
    return "an unnamed release"


def period(row: Mapping[str, Any]) -> str:
    """The days of the first and the last run, by the operator's clock."""
    first, last = row["first"][:10], row["last"][:10]
    return f"on {first}" if first == last else f"from {first} to {last}"


def completeness(proof: Mapping[str, Any]) -> str:
    """The words on how complete the list is."""
    if not proof["complete"]:
        return "other runs may be missing: only single ones are proven"
    ends = "between these two heads" if proof["before"] else "from the first event up to this head"
    if proof["withheld"]:
        verb = "is" if proof["withheld"] == 1 else "are"
        return f"the list is not complete {ends}: {several(proof['withheld'], 'event')} {verb} withheld"
    if proof["pruned"]:
        verb = "was" if proof["pruned"] == 1 else "were"
        return f"the list is complete {ends}, except for {several(proof['pruned'], 'run')} that {verb} pruned"
    return f"the list is complete {ends}"


def _runs(rows: Sequence[Mapping[str, Any]]) -> str:
    total, verdicts = sum(row["runs"] for row in rows), Counter[str]()
    for row in rows:
        verdicts.update(row["verdicts"])
    if not total:
        return "no run is in it"
    daily = "daily " if all(row["daily"] for row in rows) else ""
    what = about(rows[0]) if len(rows) == 1 else _several(rows)
    return f"of {total} {daily}{'run' if total == 1 else 'runs'} of {what}{_year(rows)}, {counted(verdicts)}"


def _several(rows: Sequence[Mapping[str, Any]]) -> str:
    """The release of several targets, or how many releases there are."""
    names = {about(row) for row in rows}
    if len(names) == 1:
        return f"{names.pop()} at {several(len(rows), 'target')}"
    targets = len({row["target"] for row in rows})
    releases = several(len({row["statement"] for row in rows if row["statement"]}), "release")
    return f"{releases} at {several(targets, 'target')}"


def _year(rows: Sequence[Mapping[str, Any]]) -> str:
    """The year in which all runs began, if it is one."""
    years = {row[end][:4] for row in rows for end in ("first", "last")}
    return f" in {years.pop()}" if len(years) == 1 else ""
