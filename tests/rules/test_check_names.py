# SPDX-License-Identifier: Apache-2.0
"""Names of checks are stable and documented; each can be refused, says what that means, demotes as listed."""

import gzip
import hashlib
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from anchor.app import trust
from anchor.app.public_roots import PublicRoot
from anchor.errors import Unavailable
from anchor.format import ledger_status as statuses
from anchor.format import opened
from anchor.format.members import Previous
from anchor.format.opened import Opening
from anchor.net import tuf_roots
from anchor.sigstore import trusted_root
from anchor.tlog import witness_policy
from anchor.verdict import Check, Class, Step, failed, skipped
from anchor.verify import steps
from anchor.verify.opened_facts import check_opened
from anchor.verify.policy import Policy
from anchor.verify.receipt import verify_receipt
from anchor.verify.release import Trust
from anchor.verify.source_documents import check_documents
from tests.support.forge.bundles import trusted_root as forged_root
from tests.support.forge.our_verdict import judge
from tests.support.generate import check_names as names
from tests.support.process.anchor_cli import anchor
from tests.support.releases import with_status
from tests.support.releases.in_memory import Held, hold
from tests.support.releases.published import published, published_file
from tests.support.releases.receipts import receipt_of
from tests.support.releases.version_2 import KINDS, NAME, REPORT, held_of_kind, release_of_kind
from tests.vectors import differ
from tests.vectors.case import CASES, dump

ROOT = Path(__file__).resolve().parents[2]


def test_the_names_are_those_that_scripts_know() -> None:
    assert tuple(s.name for s in steps.BUNDLE_STEPS) == names.BUNDLE
    assert tuple(s.name for s in steps.RELEASE_STEPS) == names.RELEASE
    assert tuple(s.name for s in steps.RECEIPT_STEPS) == names.RECEIPT
    assert tuple(s.name for s in steps.HISTORY_STEPS) == names.HISTORY


def test_the_document_is_made_of_the_code() -> None:
    document = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    assert document == names.document(), "run: python3 tasks.py checks"


def test_no_check_has_a_name_that_is_not_documented() -> None:
    known = {*names.BUNDLE, *names.RELEASE, *names.RECEIPT, *names.HISTORY, *names.CHAIN}
    known |= {*names.RUN, *names.RECORDS, *names.EVIDENCE, *names.COMPARE, *names.MIRROR}
    heads = tuple(n.partition("<")[0] for n in known if "<" in n)
    for name, where in names.literals():
        assert name in known or (heads and name.startswith(heads)), where


@pytest.mark.parametrize(
    "step", [*steps.BUNDLE_STEPS, *steps.RELEASE_STEPS, *steps.RECEIPT_STEPS], ids=lambda s: s.name
)
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
        held.verify(trust=demanding(held, min_signers=2)),
        held.verify(trust=msgspec.structs.replace(held.trust, witnesses=none)),
        replace(held, now=held.now + timedelta(days=9)).verify(
            trust=demanding(held, max_age=timedelta(days=1))
        ),
        replace(held, now=held.now - timedelta(days=9)).verify(
            trust=demanding(held, max_age=timedelta(days=1))
        ),
    ):
        collect(seen, verdict.checks)
    zipped = published_file(tmp_path_factory.mktemp("zipped"), "ledger.csv.gz", gzip.compress(b"a\n1\n"))
    collect(seen, hold(zipped.root).verify().checks)
    short = release_of_kind(tmp_path_factory.mktemp("keyed"), "index", change=_a_key_less)
    collect(seen, short.verify().checks)
    two = held_of_kind("semicolons", instances=2)
    collect(seen, two.verify(trust=demanding(two, min_signers=2)).checks)
    described = held_of_kind("schema")
    for one in (described, spoiled(described, "schema.json")):
        collect(seen, one.verify().checks)
    collect(seen, _documents())
    for checks in _confidential():
        collect(seen, checks)
    seen["policy"].append(skipped(steps.POLICY, "none was given", demotes=Class.USAGE))
    collect(seen, _witnessed(held))
    collect(seen, _freshness())
    collect(seen, tuple(_listed(tmp_path_factory.mktemp("listed"))))
    for checks in _statuses(tmp_path_factory.mktemp("status")):
        collect(seen, checks)
    return seen


def _a_key_less(statement: Any, files: dict[str, bytes]) -> None:
    statement["predicate"]["index"][0]["keys"] -= 1


def _confidential() -> Iterator[tuple[Check, ...]]:
    """Leaf hashes, and one that was changed; an opening, with this secret and with another one."""
    held = held_of_kind("confidential")
    yield spoiled(held, "ledger.leaves").verify().checks
    for secret in (KINDS["confidential"].secret, b"x" * 32):
        lines = b"".join(b'{"label":"%c","value":"%c"}\n' % pair for pair in zip(b"ABC", b"122", strict=True))
        data = opened.head(ledger=NAME, columns=("label", "value"), secret=secret) + lines
        yield check_opened(held.examine(), Opening(BytesIO(data), where="opening")).verdict.checks


def _documents() -> tuple[Check, ...]:
    """A source document, compared with the one at hand and with another one."""
    held = held_of_kind("source documents")

    def with_digest(digest: str) -> tuple[Check, ...]:
        return check_documents(held.examine(), lambda _: {REPORT.name: digest}).verdict.checks

    return with_digest(REPORT.digest.sha256) + with_digest("0" * 64)


def _listed(folder: Path) -> list[Check]:
    """A list of one file, compared with a folder that has it, has another one, and has none."""
    (folder / "data").mkdir()
    file = folder / "data" / "a"
    file.write_text("a")
    assert anchor("files", folder / "data", "-o", folder / "files.csv").code == 0
    data = (folder / "files.csv").read_bytes()
    site = published_file(folder, "files.csv", data, "--reader", "files-v1")
    words = ("verify", site.root, "--policy", site.policy, "--files", folder / "data", "--json")
    found: list[Check] = []
    for change in (lambda: None, lambda: file.write_text("b"), file.unlink):
        change()
        checks = msgspec.convert(anchor(*words).document["checks"], list[Check])
        found += [check for check in checks if check.name == steps.LISTED_FILES.name]
    return found


def _statuses(folder: Path) -> Iterator[tuple[Check, ...]]:
    """Good statuses, and one for each thing that can be wrong with one."""
    later = Previous(number=2, version="2", statement="00" * 32)
    newer = statuses.encode(statuses.first("second", later))
    known = {"sequence": 1, "statement": hashlib.sha256(newer).hexdigest()}
    held = with_status.released(folder, KINDS["gzip"], committed=known)
    first = statuses.encode(statuses.first("second", with_status.newest(held)))
    gone = with_status.chain(held, [with_status.entry(held)])[0]
    other = statuses.encode(statuses.first("another", later))
    bundles = {data: with_status.signed(folder, data) for data in (newer, first, gone, other)}
    shown = [with_status.beside(held, data, bundle) for data, bundle in bundles.items()]
    for one in (*shown, with_status.beside(held, first, bundles[gone])):
        yield one.verify(trust=demanding(one, max_status_age=timedelta(days=1))).checks
    yield (
        replace(shown[1], now=held.now + timedelta(days=9))
        .verify(trust=demanding(held, max_status_age=timedelta(days=1)))
        .checks
    )
    path = shown[1].value["status"]["statement"]["path"]
    yield shown[1].with_file(path, b"[" + first[1:], repaired=False).verify().checks


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


@pytest.fixture(scope="module")
def of_receipts() -> Seen:
    """The checks of a good receipt, and of one for each thing that can be wrong."""
    held = held_of_kind("semicolons", instances=2)
    seen: Seen = defaultdict(list)
    receipt = receipt_of(held, 0)
    first, second = receipt["bundles"]
    aged = demanding(held, max_age=timedelta(days=1))
    nothing = {**second, "dsseEnvelope": {**second["dsseEnvelope"], "payload": "e30="}}
    for changed, wanted, now in (
        (receipt, aged, held.now),
        (receipt, aged, held.now + timedelta(days=9)),
        (receipt | {"more": 1}, held.trust, held.now),
        (receipt | {"bundles": [first, nothing]}, held.trust, held.now),
        (receipt | {"bundles": [nothing]}, held.trust, held.now),
        (receipt | {"proof": ["00" * 32]}, held.trust, held.now),
        (receipt | {"status": {"bundles": [first]}}, held.trust, held.now),
        (receipt | {"status": {"bundles": [first, nothing]}}, held.trust, held.now),
        (receipt | {"kind": "completeness"} | KEY, held.trust, held.now),
        (receipt, demanding(held, ledger="another"), held.now),
        (receipt, demanding(held, min_number=2), held.now),
        (receipt, demanding(held, min_anchors=3), held.now),
        (receipt, demanding(held, min_signers=2), held.now),
        (receipt, demanding(held, min_signers=3), held.now),
        (receipt, msgspec.structs.replace(held.trust, checks=_freshness()), held.now),
        (
            receipt,
            msgspec.structs.replace(held.trust, raw=held.trust.raw[:1], root=held.trust.each[0]),
            held.now,
        ),
    ):
        data = msgspec.json.encode(changed)
        collect(seen, verify_receipt("a.json", data, trust=wanted, now=now).checks)
    collect(seen, verify_receipt("a.json", msgspec.json.encode(receipt), trust=None, now=held.now).checks)
    return seen


KEY = {"index": {"columns": ["Ort"], "key": ["x"], "path": []}}
NOT_YET = {steps.RECEIPT_KEY}
"""Nothing of these is verified yet: they are only UNSUPPORTED."""
OF_STATUSES = {
    steps.STATUS,
    steps.STATUS_SIGNED,
    steps.STATUS_FOLLOWS,
    steps.WITHDRAWN,
    steps.POLICY_STATUS_AGE,
}
"""They are seen above, beside a release."""
OF_RELEASES = {steps.WITNESSES, steps.RECEIPT_ANCHOR}
"""The first is seen above. A bundle that is verified and has no log is seen in no release of ours."""


@pytest.mark.parametrize("step", steps.RECEIPT_STEPS, ids=lambda s: s.name)
def test_each_check_of_a_receipt(step: Step, of_receipts: Seen) -> None:
    found = [c for c in of_receipts[step.name] if not c.about or step.name != "statement"]
    if step in NOT_YET | OF_RELEASES | OF_STATUSES | {steps.ANCHOR_TRUSTED}:
        assert {c.demotes for c in found} <= {None, *step.classes}
        return
    held_to(step, {step.name: found})


def test_what_could_not_be_told_has_no_meaning_and_a_check_reads_back() -> None:
    check = failed(steps.TRUST_FRESH, Unavailable("no answer"))
    assert (check.state, check.meaning, check.demotes) == ("unknown", "", Class.UNAVAILABLE)
    assert msgspec.json.decode(msgspec.json.encode(check), type=Check) == check
