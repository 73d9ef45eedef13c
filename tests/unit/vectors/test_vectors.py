# SPDX-License-Identifier: Apache-2.0
"""The vectors are what their script makes, and every one says why it is there."""

from tests.support.forge import bundles
from tests.vectors import make
from tests.vectors.c2sp import LOG_CASES, LogCase
from tests.vectors.case import CASES, Case


def test_the_folders_hold_exactly_what_the_script_makes() -> None:
    wanted, found = make.expected(), make.present()
    differing = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
    assert not differing, "run: python -m tests.vectors.make"


def test_making_twice_gives_the_same_bytes() -> None:
    for recipe in (bundles.V2, bundles.V2_DSSE, bundles.V1, bundles.V1_DSSE, bundles.V1_INTOTO):
        assert bundles.make(recipe) == bundles.make(recipe)


def test_each_name_tells_the_outcome_and_each_case_tells_why() -> None:
    cases: list[Case | LogCase] = [*CASES.values(), *LOG_CASES.values()]
    for one in cases:
        assert one.name.endswith("_fail") == (one.expect != "OK"), one.name
        assert len(one.why) > 5, one.name
        assert len(one.clause) > 10, one.name
    for case in CASES.values():
        assert (case.check is None) == (case.expect == "OK"), case.name
        assert len(case.why) > 5, case.name
        assert len(case.clause) > 5, case.name


def test_no_two_refusals_are_the_same_bytes() -> None:
    seen: dict[tuple[object, ...], str] = {}
    for case in CASES.values():
        key = (
            case.bundle,
            case.root,
            case.artifact,
            case.identity,
            case.issuer,
            case.key,
            case.now,
            case.by_digest,
        )
        assert key not in seen, f"{case.name} is {seen[key]}"
        seen[key] = case.name


def test_the_vectors_stay_small() -> None:
    assert sum(map(len, make.present().values())) < 4_000_000
