# SPDX-License-Identifier: Apache-2.0
"""Every vector comes out as it says, refused by the check that it names."""

import functools

import pytest

from tests.support.forge import c2sp
from tests.support.forge.our_verdict import Outcome, judge
from tests.vectors import make
from tests.vectors.c2sp import LOG_CASES
from tests.vectors.case import CASES

assert make.GROUPS  # importing it registers the cases


@functools.cache
def outcome_of(name: str) -> Outcome:
    """Our verdict of a vector, for both tests."""
    return judge(CASES[name])


@pytest.mark.parametrize("name", sorted(CASES))
def test_vector(name: str) -> None:
    case = CASES[name]
    outcome = outcome_of(name)
    assert outcome.verdict.value == case.expect, outcome.failed
    if case.check:
        assert case.check in outcome.failed
        assert all(words.strip() and "\n" not in words for words in outcome.failed.values())


@pytest.mark.parametrize("name", sorted(n for n in CASES if n.endswith("_fail")))
def test_nothing_is_told_of_a_refused_bundle(name: str) -> None:
    report = outcome_of(name).report
    if report is not None:
        told = (
            report.identity,
            report.issuer,
            report.times,
            report.payload,
            report.payload_type,
            report.logs,
        )
        assert not any(told)


@pytest.mark.parametrize("name", sorted(LOG_CASES))
def test_vector_of_the_log_layer(name: str) -> None:
    case = LOG_CASES[name]
    assert c2sp.judge(case).value == case.expect
