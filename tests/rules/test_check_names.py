# SPDX-License-Identifier: Apache-2.0
"""Names of checks are stable and documented; each can be refused, says what that means, demotes as listed."""

import warnings
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from anchor.app import trust
from anchor.app.public_roots import PublicRoot
from anchor.errors import Unavailable
from anchor.net import tuf_roots
from anchor.sigstore import trusted_root
from anchor.tlog import witness_policy
from anchor.verdict import Check, Class, Step, failed, skipped
from anchor.verify import steps
from anchor.verify.policy import Policy
from anchor.verify.release import Trust
from tests.support.forge.bundles import trusted_root as forged_root
from tests.support.forge.our_verdict import judge
from tests.support.generate import check_names as names
from tests.support.releases.in_memory import Held, hold
from tests.support.releases.published import published
from tests.vectors import differ
from tests.vectors.case import CASES, dump

ROOT = Path(__file__).resolve().parents[2]


def test_the_names_are_those_that_scripts_know() -> None:
    assert tuple(s.name for s in steps.BUNDLE_STEPS) == names.BUNDLE
    assert tuple(s.name for s in steps.RELEASE_STEPS) == names.RELEASE


def test_the_document_is_made_of_the_code() -> None:
    document = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    assert document == names.document(), "run: python3 tasks.py checks"


def test_no_check_has_a_name_that_is_not_documented() -> None:
    known = {*names.BUNDLE, *names.RELEASE, *names.RUN, *names.RECORDS, *names.EVIDENCE}
    heads = tuple(n.partition("<")[0] for n in known if "<" in n)
    for name, where in names.literals():
        assert name in known or (heads and name.startswith(heads)), where


@pytest.mark.parametrize("step", [*steps.BUNDLE_STEPS, *steps.RELEASE_STEPS], ids=lambda s: s.name)
def test_each_says_in_plain_words_what_a_refusal_means(step: Step) -> None:
    assert step.clause
    assert len(step.meaning) > 30
    assert step.meaning[0].islower()
    assert not step.meaning.endswith(".")
    assert "mismatch" not in step.meaning


Seen = dict[str, list[Check]]


def collect(seen: Seen, checks: tuple[Check, ...]) -> None:
    for check in checks:
        seen[check.name].append(check)
        assert check.detail
        assert check.detail.isprintable()
        assert "\n" not in check.detail
        if check.state == "refused":
            assert check.meaning, check
            assert check.clause, check
            assert check.demotes, check
        if check.state == "passed":
            assert check.demotes is None
            assert not check.meaning


@pytest.fixture(scope="module")
def of_bundles() -> Seen:
    """Every check of every vector."""
    seen: Seen = defaultdict(list)
    assert set(differ.BASES) <= set(CASES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in CASES.values():
            if (report := judge(case).report) is not None:
                collect(seen, report.checks)
    return seen


def held_to(step: Step, seen: Seen) -> None:
    """It was seen to pass and to be refused, with no other class than those that are listed."""
    checks = seen[step.name]
    assert any(c.state == "passed" for c in checks) or step.name == "policy"
    assert {c.demotes for c in checks if c.demotes} <= set(step.classes)
    if step.classes:
        assert any(c.demotes for c in checks)
    for check in checks:
        if check.state == "refused":
            assert check.clause == step.clause


@pytest.mark.parametrize("step", steps.BUNDLE_STEPS, ids=lambda s: s.name)
def test_each_check_of_a_bundle(step: Step, of_bundles: Seen) -> None:
    held_to(step, of_bundles)


def spoiled(held: Held, member: str) -> Held:
    """One byte of a file is another one."""
    path = held.path(member)
    data = held.files[path]
    at = len(data) // 2
    return held.with_file(path, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], repaired=False)


def demanding(held: Held, **changed: object) -> Trust:
    policy = Policy(
        **{
            **{f: getattr(held.trust.policy, f) for f in ("ledger", "signers")},
            **changed,
        }
    )
    return msgspec.structs.replace(held.trust, policy=policy)


@pytest.fixture(scope="module")
def of_releases(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """The checks of a good release, and of one release for each thing that can be wrong."""
    held = hold(published(tmp_path_factory.mktemp("checked")).root)
    good = lambda *_: held.files[held.path("statement")]  # noqa: E731  a reference client that agrees
    seen: Seen = defaultdict(list)
    none = witness_policy.parse(b"quorum none\n")
    foreign = dump(forged_root())
    value = held.value
    value["anchors"][0]["time"] = "2020-01-01T00:00:00Z"
    other_root = trusted_root.parse(foreign)
    for verdict in (
        held.verify(reference_client=good, trust=demanding(held, max_age=timedelta(days=1))),
        replace(held, release=held.release + b" ").verify(),
        *(spoiled(held, m).verify() for m in ("statement", "ledger.md", "ledger.json", "bundle")),
        spoiled(held, "trusted_root").verify(),
        held.with_value(value).verify(),
        held.verify(reference_client=lambda *_: b"other"),
        held.with_file(held.path("trusted_root"), foreign, repaired=True).verify(),
        held.verify(trust=msgspec.structs.replace(held.trust, raw=[foreign], root=other_root)),
        held.verify(trust=demanding(held, ledger="another")),
        held.verify(trust=demanding(held, min_number=2)),
        held.verify(trust=demanding(held, min_anchors=2)),
        held.verify(trust=msgspec.structs.replace(held.trust, witnesses=none)),
        replace(held, now=held.now + timedelta(days=9)).verify(
            trust=demanding(held, max_age=timedelta(days=1))
        ),
        replace(held, now=held.now - timedelta(days=9)).verify(
            trust=demanding(held, max_age=timedelta(days=1))
        ),
    ):
        collect(seen, verdict.checks)
    seen["policy"].append(skipped(steps.POLICY, "none was given", demotes=Class.USAGE))
    collect(seen, _witnessed(held))
    collect(seen, _freshness())
    return seen


def _witnessed(held: Held) -> tuple[Check, ...]:
    """A witness policy that demands nothing of this log."""
    from anchor.verify.bundle import verify_bundle

    report = verify_bundle(
        held.files[held.path("bundle")], trusted_root=held.trust.root, artifact=None, now=held.now
    )
    checkpoint = report.logs[0].checkpoint
    assert checkpoint is not None
    line = f"log {checkpoint.signers[0].key.vkey}\nquorum none\n".encode()
    trust = msgspec.structs.replace(held.trust, witnesses=witness_policy.parse(line))
    return held.verify(trust=trust).checks


def _freshness() -> tuple[Check, ...]:
    """A root that was refreshed a moment ago, one that expired, one that could not be refreshed."""
    now = datetime.now(UTC)
    fresh = tuf_roots.Material(tuf_roots.REPOSITORIES["public"], {}, "tuf", {}, now, now + timedelta(days=1))
    old = msgspec.structs.replace(fresh, expires=now - timedelta(days=1))
    found = [
        PublicRoot(fresh, now),
        PublicRoot(old, now),
        PublicRoot(fresh, now, "no answer"),
    ]
    return tuple(trust._fresh("public", named, None) for named in found)


@pytest.mark.parametrize("step", steps.RELEASE_STEPS, ids=lambda s: s.name)
def test_each_check_of_a_release(step: Step, of_releases: Seen) -> None:
    if step.name == "statement":  # a name that a bundle's step has too, told apart by `about`
        of_releases = {"statement": [c for c in of_releases["statement"] if not c.about]}
    if step is steps.ANCHOR_TRUSTED:
        assert {c.state for c in of_releases[step.name]} == {"skipped"}
        return
    held_to(step, of_releases)


def test_what_could_not_be_told_has_no_meaning_and_a_check_reads_back() -> None:
    check = failed(steps.TRUST_FRESH, Unavailable("no answer"))
    assert (check.state, check.meaning, check.demotes) == ("unknown", "", Class.UNAVAILABLE)
    assert msgspec.json.decode(msgspec.json.encode(check), type=Check) == check
