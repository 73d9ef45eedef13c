# SPDX-License-Identifier: Apache-2.0
"""Statuses by this program and by the second implementation, written from FORMAT.md alone: one judgement."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from anchor.encoding import jcs
from anchor.errors import AnchorError, Unsupported
from anchor.format import ledger_status as statuses
from anchor.format.ledger_status import About, Entry, Fact
from anchor.format.members import Previous
from tests.support.process.sampled import examples
from tests.support.releases.samples import GONE, HEX, OTHER_HEX, spoil
from tests.support.second import statement2
from tests.support.second.readers import Unsupported as SecondUnsupported

FACTS = st.builds(Fact, index=st.integers(0, 3), leaf=st.sampled_from([HEX, OTHER_HEX]))
ABOUT = st.builds(
    About, number=st.integers(1, 3), statement=st.sampled_from([HEX, OTHER_HEX]), fact=FACTS | st.none()
)
KINDS: st.SearchStrategy[statuses.Kind] = st.sampled_from(
    ["withdrawn", "corrected", "replaced", "reinstated"]
)
REASONS = st.sampled_from(["measured twice", "zählt nicht", "x" * 2048, "a, b; c"])
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", " a", "a", "withdrawn", "forgotten", HEX, HEX.upper(), 0, 1, 2, 4, -1, 1.5, True, [], {}, GONE]
)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    about, other = draw(ABOUT), draw(ABOUT | st.none())
    more = {"replaced_by": _bare(other)} if other else {}
    of = _bare(about)
    return Entry(
        number=of.number, statement=of.statement, fact=of.fact, kind=draw(KINDS), reason=draw(REASONS), **more
    )


def _bare(about: About) -> About:
    return About(
        number=about.number, statement=about.statement, **({"fact": about.fact} if about.fact else {})
    )


def paths(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The place of each member and item of a JSON value."""
    items: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [p for k, v in items for p in ((*at, k), *paths(v, (*at, k)))]


def ours(data: bytes, before: bytes | None = None) -> str:
    try:
        statuses.decode(data)
        if before is not None:
            statuses.check_following(before, data)
    except Unsupported:
        return "unsupported"
    except AnchorError:
        return "refused"
    return "accepted"


def second(data: bytes, before: bytes | None = None) -> str:
    try:
        statement2.status(data, before)
    except SecondUnsupported:
        return "unsupported"
    except Exception:  # noqa: BLE001 - it is written for well-formed documents
        return "refused"
    return "accepted"


@examples(150, given(st.lists(entries(), max_size=4), st.lists(entries(), max_size=2), st.data()))
def test_both_judge_a_status_and_the_one_that_follows_it_alike(
    early: list[Entry], late: list[Entry], data: st.DataObject
) -> None:
    newest = Previous(number=3, version="3", statement=HEX)
    first = statuses.encode(statuses.first("sample", newest, early))
    after = statuses.encode(statuses.following(first, newest, late))
    assert ours(first) == second(first) == "accepted"
    assert ours(after, first) == second(after, first) == "accepted"
    value = json.loads(after)
    path = data.draw(st.sampled_from(paths(value)))
    spoilt = jcs(spoil(value, path, data.draw(VALUES)))
    one, two = ours(spoilt, first), second(spoilt, first)
    assert (one == "accepted") == (two == "accepted"), (path, spoilt, one, two)
