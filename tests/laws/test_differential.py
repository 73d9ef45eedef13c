# SPDX-License-Identifier: Apache-2.0
"""Beside the other clients: we accept nothing that they refuse, except a list with a sentence for each."""

import fnmatch
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forge.client_verdicts import NO_KEYS, cosign_opinion, cosign_path
from tests.support.process.need import need
from tests.support.process.sampled import sampled
from tests.vectors import differ, kinds, make
from tests.vectors.case import CASES

assert make.GROUPS  # importing it registers the cases


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)  # the client warns about what the vectors are made to be
    yield
    logging.disable(logging.NOTSET)


def test_what_only_we_accept_is_listed_with_its_sentence() -> None:
    listed = differ.table("ours_only_accepts.toml")
    only = {r.name: r.reference for r in differ.vector_rows() if r.ours is None and r.reference is not None}
    unmanaged = {name for name, word in only.items() if word != NO_KEYS}
    assert unmanaged == set(listed["vectors"])
    assert len(listed["managed"]["sentence"]) > 40
    assert all(len(sentence) > 40 for sentence in listed["vectors"].values())


def test_no_vector_that_must_fail_is_accepted_by_us() -> None:
    assert not [r.name for r in differ.vector_rows() if r.ours is None and r.name.endswith("_fail")]


@sampled(17)
@pytest.mark.parametrize("base", differ.BASES)
def test_no_mutation_is_accepted_by_us_alone_beyond_the_list(base: str, every: int) -> None:
    patterns = list(differ.table("ours_only_accepts.toml")["mutations"])
    for row in differ.mutant_rows(base, every=every):
        if (
            row.ours is None
            and row.reference is not None
            and row.reference != NO_KEYS
            and base not in LENIENT
        ):
            assert any(fnmatch.fnmatchcase(row.name, p) for p in patterns), (row.name, row.reference)


@pytest.mark.slow
def test_what_only_we_accept_of_what_is_no_vector_is_listed_and_told() -> None:
    """Each member of a statement changed and signed anew, and honest bundles of every combination."""
    listed = differ.table("ours_only_accepts.toml")
    rows = [differ.row(case.name, case) for case in (*kinds.statements(), *kinds.products())]
    only = {r.name: r.reference for r in rows if r.ours is None and r.reference is not None}
    seen = {
        pattern: [name for name in only if fnmatch.fnmatchcase(name, pattern)] for pattern in listed["kinds"]
    }
    assert set(only) == {name for names in seen.values() for name in names}
    assert all(seen.values()), seen
    assert len([r for r in rows if r.ours is None and r.reference is None]) > 100
    page = " ".join(Path("docs/stricter.md").read_text().split())
    told = page.split("## Accepted here, refused by the reference client")[1].split("## ")[0]
    for kind in listed["kinds"].values():
        assert kind["told"] in told
        assert kind["as"] in listed["vectors"]


LENIENT = ("v1-intoto-0.0.2",)
"""Kinds that the reference client refuses whole: the list of vectors has the sentence."""


def test_what_only_we_refuse_is_checked_in() -> None:
    listed = differ.table("only_we_refuse.toml")
    found = differ.only_we(differ.vector_rows())
    assert {name: row["check"] for name, row in listed["vectors"].items()} == found, RENEW
    assert len(found) > 40


@pytest.mark.slow
def test_what_only_we_refuse_of_mutations_is_checked_in() -> None:
    assert differ.table("only_we_refuse.toml")["mutations"] == differ.mutation_rows(), RENEW


RENEW = "run: python -m tests.vectors.differ"


@pytest.mark.interop
def test_cosign_says_of_these_vectors_what_is_checked_in() -> None:
    program = cosign_path()
    need(program, "install cosign 3, or run python -m tests.interop.stack --build")
    assert program
    listed = differ.table("only_we_refuse.toml")["vectors"]
    for name in sorted(listed)[::4]:
        said = "accepts" if cosign_opinion(CASES[name], program) is None else "refuses"
        assert said == listed[name]["cosign"], name
