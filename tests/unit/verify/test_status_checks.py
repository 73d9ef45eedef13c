# SPDX-License-Identifier: Apache-2.0
"""`anchor verify` beside a status: honest ones, and every attack with one."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from anchor.encoding import jcs
from anchor.format import ledger_status as statuses
from anchor.format.ledger_status import Fact
from anchor.format.members import Previous
from anchor.verdict import Check, Class, Verdict
from anchor.verify.policy import Policy
from tests.support.releases.in_memory import Held
from tests.support.releases.samples import GONE as SPOILT
from tests.support.releases.samples import HEX, spoil
from tests.support.releases.version_2 import KINDS
from tests.support.releases.with_status import beside, by_another, chain, entry, newest, released, signed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("release")


@pytest.fixture(scope="module")
def held(folder: Path) -> Held:
    return released(folder)


@pytest.fixture(scope="module")
def silent(folder: Path, held: Held) -> tuple[bytes, bytes]:
    """The first status, which withdraws nothing, and its bundle."""
    (data,) = chain(held, [])
    return data, signed(folder, data)


def found(verdict: Verdict, name: str) -> Check:
    (check,) = (c for c in verdict.checks if c.name == name)
    return check


def bad(verdict: Verdict) -> list[tuple[str, Class | None]]:
    return [(c.name, c.demotes) for c in verdict.checks if c.demotes]


def policy(held: Held, **more: Any) -> Held:
    return replace(held, trust=msgspec.structs.replace(held.trust, policy=with_(held.trust.policy, **more)))


def with_(one: Policy, **more: Any) -> Policy:
    return msgspec.structs.replace(one, **more)


def test_without_a_status_nobody_can_tell(held: Held) -> None:
    verdict = held.verify()
    assert verdict.verdict is Class.OK
    check = found(verdict, "withdrawn")
    assert (check.state, check.demotes) == ("skipped", None)
    assert "nobody can tell whether something was withdrawn" in check.detail
    late = policy(held, max_status_age=timedelta(days=30)).verify()
    assert (late.verdict, bad(late)) == (Class.STALE, [("policy-status-age", Class.STALE)])


def test_a_status_that_withdraws_nothing(held: Held, silent: tuple[bytes, bytes]) -> None:
    verdict = policy(beside(held, *silent), max_status_age=timedelta(days=30)).verify()
    assert verdict.verdict is Class.OK, bad(verdict)
    assert "withdraws nothing of this release" in found(verdict, "withdrawn").detail
    assert found(verdict, "policy-status-age").state == "passed"
    assert verdict.facts["status"]["sequence"] == 1
    assert verdict.facts["status"]["withdrawn"] == []


def test_an_old_status_is_stale(held: Held, silent: tuple[bytes, bytes]) -> None:
    old = policy(beside(held, *silent), max_status_age=timedelta(days=30))
    late = replace(old, now=old.now + timedelta(days=31)).verify()
    assert (late.verdict, bad(late)) == (Class.STALE, [("policy-status-age", Class.STALE)])
    early = replace(old, now=old.now - timedelta(days=1)).verify()
    assert ("policy-status-age", Class.UNAVAILABLE) in bad(early)


def test_a_withdrawn_release_says_so_whose_word_it_is_and_why(folder: Path, held: Held) -> None:
    (data,) = chain(held, [entry(held, "corrected", reason="row 2 was wrong")])
    verdict = beside(held, data, signed(folder, data)).verify()
    assert (verdict.verdict, bad(verdict)) == (Class.WITHDRAWN, [("withdrawn", Class.WITHDRAWN)])
    assert verdict.exit_code == 11
    detail = found(verdict, "withdrawn").detail
    signer = held.value["anchors"][0]["identity"]
    for words in ("WITHDRAWN", "release 1 is corrected", "row 2 was wrong", "status 1", signer):
        assert words in detail
    assert verdict.facts["status"]["withdrawn"][0]["kind"] == "corrected"
    assert verdict.facts["root"] == held.value["tree"]["root"]  # it verifies as published


def test_a_withdrawn_fact_is_named(folder: Path, held: Held) -> None:
    fact = Fact(index=1, leaf=HEX)
    (data,) = chain(held, [entry(held, fact=fact)])
    verdict = beside(held, data, signed(folder, data)).verify()
    assert verdict.verdict is Class.WITHDRAWN
    assert "fact 1 of release 1 is withdrawn" in found(verdict, "withdrawn").detail
    many = [entry(held, fact=Fact(index=i, leaf=HEX)) for i in range(13)]
    (data,) = chain(held, many)
    checks = beside(held, data, signed(folder, data)).verify().checks
    lines = [(c.about, c.detail) for c in checks if c.name == "withdrawn"]
    assert (len(lines), lines[0][0]) == (11, "fact 0 of release 1")
    assert "3 more facts" in lines[-1][1]


def test_what_is_reinstated_stands(folder: Path, held: Held) -> None:
    data = chain(held, [entry(held)], [entry(held, "reinstated")])[-1]
    verdict = beside(held, data, signed(folder, data)).verify()
    assert verdict.verdict is Class.OK, bad(verdict)


def test_a_release_of_version_2_has_a_status_as_well(tmp_path: Path) -> None:
    held = released(tmp_path, KINDS["gzip"])
    (data,) = chain(held, [entry(held)])
    assert beside(held, data, signed(tmp_path, data)).verify().verdict is Class.WITHDRAWN


# Attacks


def test_a_status_by_another_signer_is_refused(folder: Path, held: Held, silent: tuple[bytes, bytes]) -> None:
    data, good = silent
    other = signed(folder, data, identity="somebody@else.example")
    verdict = beside(held, data, other).verify()
    assert (verdict.verdict, bad(verdict)) == (Class.INVALID, [("signer", Class.INVALID)])
    assert beside(held, data, good, other).verify().verdict is Class.INVALID


def test_a_status_under_a_root_of_somebody_else_says_nothing(
    tmp_path: Path, held: Held, silent: tuple[bytes, bytes]
) -> None:
    (data,) = chain(held, [entry(held)])
    stranger = by_another(tmp_path, data)
    verdict = policy(beside(held, data, stranger), max_status_age=timedelta(days=30)).verify()
    assert (verdict.verdict, bad(verdict)) == (Class.STALE, [("policy-status-age", Class.STALE)])
    assert "nobody whom you trust vouches for it" in found(verdict, "status-signed").detail
    data, good = silent
    assert beside(held, data, good, by_another(tmp_path, data)).verify().verdict is Class.OK


def test_too_few_logs(held: Held, silent: tuple[bytes, bytes]) -> None:
    verdict = policy(beside(held, *silent), min_anchors=2).verify()
    assert ("status-signed", Class.PENDING) in bad(verdict)


def test_the_bundle_of_another_status_is_refused(held: Held, silent: tuple[bytes, bytes]) -> None:
    (other,) = chain(held, [entry(held)])
    verdict = beside(held, other, silent[1]).verify()
    assert (verdict.verdict, bad(verdict)) == (Class.INVALID, [("status-signed", Class.INVALID)])


def test_a_status_of_another_ledger_is_refused(folder: Path, held: Held) -> None:
    data = statuses.encode(statuses.first("another", newest(held)))
    verdict = beside(held, data, signed(folder, data)).verify()
    assert (verdict.verdict, bad(verdict)) == (Class.INVALID, [("status", Class.INVALID)])


def test_a_status_of_a_release_that_does_not_exist_contradicts_the_release(folder: Path, held: Held) -> None:
    """It names another statement for the number of the release, by the same signer."""
    (data,) = chain(held, [entry(held, statement=HEX)])
    verdict = beside(held, data, signed(folder, data)).verify()
    assert (verdict.verdict, bad(verdict)) == (Class.EQUIVOCATION, [("status-follows", Class.EQUIVOCATION)])
    one = statuses.encode(statuses.first(held.value["ledger"]["name"], with_newest(held, statement=HEX)))
    assert beside(held, one, signed(folder, one)).verify().verdict is Class.EQUIVOCATION


def with_newest(held: Held, **more: Any) -> Previous:
    return msgspec.structs.replace(newest(held), **more)


def test_no_forged_release_makes_an_equivocation(
    folder: Path, held: Held, silent: tuple[bytes, bytes]
) -> None:
    """A statement that nobody signed, beside a true status: INVALID, and nothing against the publisher."""
    good = beside(held, *silent)
    value = json.loads(good.files["statement.json"])
    value["predicate"]["ledger"]["version"] = "1.0.1"
    shown = json.loads(good.release)
    shown["ledger"]["version"] = "1.0.1"
    forged = good.with_value(shown).with_file("statement.json", jcs(value), repaired=True)
    verdict = forged.verify()
    assert verdict.verdict is Class.INVALID
    assert Class.EQUIVOCATION not in {c.demotes for c in verdict.checks}


def test_an_older_release_than_the_newest_is_stale(folder: Path, held: Held) -> None:
    later = with_newest(held, number=2, version="2", statement=HEX)
    data = statuses.encode(statuses.first(held.value["ledger"]["name"], later))
    verdict = beside(held, data, signed(folder, data)).verify()
    assert (verdict.verdict, bad(verdict)) == (Class.STALE, [("status-newest", Class.STALE)])


@pytest.mark.parametrize("member", ["sequence", "statement", "bundles"])
def test_what_release_json_says_of_it_is_compared(
    held: Held, silent: tuple[bytes, bytes], member: str
) -> None:
    good = beside(held, *silent)
    value = good.value
    if member == "sequence":
        value["status"]["sequence"] = 2
    else:
        blob = value["status"][member]
        (blob[0] if member == "bundles" else blob)["sha256"] = HEX
    assert good.with_value(value).verify().verdict is Class.INVALID
    gone = good.value["status"]["bundles"][0]["path"]
    left = replace(good, files={p: d for p, d in good.files.items() if p != gone})
    verdict = left.verify()
    assert (verdict.verdict, bad(verdict)) == (Class.UNAVAILABLE, [("status-files", Class.UNAVAILABLE)])


def test_without_a_policy_it_is_a_claim(folder: Path, held: Held) -> None:
    from anchor.verify.release import verify_release
    from tests.support.releases.in_memory import Memory

    (data,) = chain(held, [entry(held)])
    shown = beside(held, data, signed(folder, data))
    verdict = verify_release("x", shown.release, Memory(shown.files), trust=None, now=shown.now)
    assert verdict.verdict is Class.USAGE
    assert "claimed and not verified, withdraws this release" in found(verdict, "withdrawn").detail


NEWER = Previous(number=2, version="2", statement=HEX)
FIRST = statuses.encode(statuses.first("second", NEWER))
GONE = statuses.Entry(number=2, statement=HEX, kind="withdrawn", reason="gone")
SECOND = statuses.encode(statuses.following(FIRST, NEWER, [GONE]))
THIRD = statuses.encode(statuses.following(SECOND, NEWER))
FOURTH = statuses.encode(statuses.following(THIRD, NEWER))


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Held]:
    """A release whose statement commits to `SECOND`."""
    folder = tmp_path_factory.mktemp("committed")
    known = {"sequence": 2, "statement": hashlib.sha256(SECOND).hexdigest()}
    return folder, released(folder, KINDS["gzip"], committed=known)


def changed(data: bytes, *path: str | int, new: Any) -> bytes:
    return jcs(spoil(json.loads(data), path, new))


@pytest.mark.parametrize(
    ("data", "earlier", "state", "demotes", "words"),
    [
        (SECOND, (), "passed", None, "keeps all that status 2 says"),
        (THIRD, (), "passed", None, "keeps all that status 2 says"),
        (FOURTH, (SECOND,), "passed", None, "keeps all that status 2 says"),
        (FIRST, (), "refused", Class.STALE, "status 2 was known"),
        (
            changed(SECOND, "predicate", "withdrawn", 0, "reason", new="another"),
            (),
            "refused",
            Class.EQUIVOCATION,
            "the release commits to",
        ),
        (
            changed(THIRD, "predicate", "previous", new=HEX),
            (),
            "refused",
            Class.EQUIVOCATION,
            "the release commits to",
        ),
        (FOURTH, (), "unknown", Class.UNAVAILABLE, "missing"),
        (
            FOURTH,
            (changed(SECOND, "predicate", "withdrawn", new=SPOILT),),
            "refused",
            Class.INVALID,
            "SHA-256",
        ),
        (
            changed(FOURTH, "predicate", "withdrawn", new=SPOILT),
            (SECOND,),
            "refused",
            Class.EQUIVOCATION,
            "lacks, or changes, an entry",
        ),
    ],
)
def test_it_follows_the_one_that_the_release_commits_to(
    committed: tuple[Path, Held],
    data: bytes,
    earlier: tuple[bytes, ...],
    state: str,
    demotes: Class | None,
    words: str,
) -> None:
    folder, held = committed
    verdict = beside(held, data, signed(folder, data), earlier=earlier).verify()
    check = found(verdict, "status-follows")
    assert (check.state, check.demotes) == (state, demotes), check
    assert words in check.detail


def test_without_the_status_that_it_commits_to_it_says_which(committed: tuple[Path, Held]) -> None:
    assert "this release knew of status 2" in found(committed[1].verify(), "withdrawn").detail
