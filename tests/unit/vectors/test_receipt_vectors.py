# SPDX-License-Identifier: Apache-2.0
"""The vectors of receipts are what their script makes. Each gets the verdict that it says, by its check."""

import json
from pathlib import Path
from typing import Any

import pytest

from anchor.app import trust as trusts
from anchor.net.budget import Budget
from anchor.verdict import Verdict
from anchor.verify.receipt import examine_line, verify_evidence, verify_receipt
from tests.receipt_vectors import make
from tests.receipt_vectors.case import CASES, Case
from tests.receipt_vectors.cases_cells import COLUMNS
from tests.support.forge.bundles import NOW
from tests.support.process.anchor_cli import anchor
from tests.support.second import receipts2
from tests.support.second.readers import Unsupported, Wrong

NAMES = sorted(CASES)
"""In one order, whichever test has imported a group of them before."""
ACCEPTED = [name for name in NAMES if CASES[name].expect == "OK"]


def test_the_folders_hold_exactly_what_the_script_makes() -> None:
    wanted, found = make.expected(), make.present()
    differing = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
    assert not differing, "run: python3 tasks.py vectors"
    assert sum(map(len, found.values())) < 2_000_000


def test_each_name_tells_the_outcome_and_no_two_are_the_same() -> None:
    for case in CASES.values():
        assert case.name.endswith("_fail") == (case.expect != "OK") == bool(case.check), case.name
    seen = [(case.receipt, case.bundles, case.policy()) for case in CASES.values()]
    assert len(set(seen)) == len(seen)
    assert len(ACCEPTED) > 20


def verdict_of(case: Case) -> Verdict:
    """The verdict, from the files of the folder."""
    folder = make.HERE / case.name
    trust = trusts.load(folder / "policy.toml", budget=Budget(5), offline=True)
    data = (folder / "receipt.json").read_bytes()
    if not case.bundles:
        return verify_receipt(case.name, data, trust=trust, now=NOW)
    bundles = json.loads((folder / "bundles.json").read_bytes())["bundles"]
    evidence = verify_evidence(bundles, trust=trust, now=NOW)
    return examine_line(case.name, data, evidence=evidence, now=NOW).verdict


def to_show(fact: Any) -> Any:
    """A fact of a receipt; of a confidential one the cells that are shown."""
    if "cells" not in fact:
        return fact
    cells = zip(COLUMNS, fact["cells"], strict=True)
    return {column: cell["value"] for column, cell in cells if "value" in cell}


@pytest.mark.parametrize("name", NAMES)
def test_each_vector_gets_its_verdict_by_its_check(name: str) -> None:
    case = CASES[name]
    verdict = verdict_of(case)
    assert verdict.verdict == case.expect, verdict.checks
    bad = [c.name for c in verdict.checks if c.demotes == verdict.verdict]
    if case.check:
        assert case.check in bad
        assert verdict.facts == {} or case.expect == "WITHDRAWN"
    else:
        assert not bad
        shown = [f["fact"] for f in verdict.facts["facts"]]
        assert shown == [to_show(f["fact"]) for f in json.loads(case.receipt).get("facts", [])]


@pytest.mark.parametrize("name", NAMES)
def test_the_second_implementation_comes_to_the_same(name: str) -> None:
    """It checks no signature, and has no policy."""
    case = CASES[name]
    bundles: Any = json.loads(case.bundles)["bundles"] if case.bundles else None
    try:
        receipts2.check(case.receipt, bundles)
        found = "OK"
    except Unsupported:
        found = "UNSUPPORTED"
    except (Wrong, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        found = "INVALID"
    if case.signatures:
        assert case.expect != "OK"
    else:
        assert found == case.expect


@pytest.mark.parametrize("name", ["fact-3-of-7", "two-logs", "fact-edited_fail", "bundle-left-out_fail"])
def test_the_command_comes_to_the_same(name: str) -> None:
    case, folder = CASES[name], make.HERE / name
    ran = anchor("verify-receipt", folder / "receipt.json", "--policy", folder / "policy.toml", "--json")
    assert ran.document["verdict"] == case.expect


def test_the_folder_says_nothing_about_this_machine() -> None:
    for path in Path(make.HERE).glob("*/policy.toml"):
        assert "../trusted_root.json" in path.read_text()
