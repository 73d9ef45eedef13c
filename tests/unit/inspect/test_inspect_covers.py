# SPDX-License-Identifier: Apache-2.0
"""`inspect` leaves no value of a file out: each is marked bound or not, and it says by what."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anchor.inspect.document import Inspection, inspect
from anchor.inspect.fields import UNKNOWN
from anchor.net import tuf_roots
from anchor.sigstore.signing_config import TRUST_CONFIG
from anchor.tlog import checkpoint, evidence
from anchor.tlog.checkpoint import Log
from anchor.tlog.keys import key_from_spki
from tests.support.releases.published import Site, published
from tests.vectors.case import CASES
from tests.vectors.differ import BASES

ROOT = Path(__file__).resolve().parents[3]
C2SP = ROOT / "tests" / "vectors"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("inspected"))


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """The path of every value in a JSON document, as `inspect` writes it."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from leaves(item, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, list) and value:
        for i, item in enumerate(value):
            yield from leaves(item, f"{path}[{i}]")
    else:
        yield path


def covered(data: bytes, kind: str) -> Inspection:
    """The inspection of a file whose form is right: all of its values are in it, none unknown."""
    found = inspect(data, file="file")
    assert found.kind.startswith(kind)
    assert not found.problem
    by_path = {f.path: f for f in found.fields}
    assert len(by_path) == len(found.fields)
    for field in found.fields:
        assert field.by
        assert field.by != UNKNOWN.by, field
    if data[:1] == b"{":
        assert set(leaves(json.loads(data))) <= set(by_path)
    return found


def marks(found: Inspection) -> dict[str, bool]:
    """Path to `bound`."""
    return {f.path: f.bound for f in found.fields}


@pytest.mark.parametrize("name", [n for n in CASES if not n.endswith("_fail")])
def test_every_value_of_a_bundle_and_its_root_is_marked(name: str) -> None:
    covered(CASES[name].bundle, "sigstore bundle v0.")
    covered(CASES[name].root, "trusted root")


@pytest.mark.parametrize("name", ["public", "staging"])
def test_every_value_of_the_public_instances_is_marked(name: str, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from anchor.net.budget import Budget

    found = tuf_roots.load(
        tuf_roots.REPOSITORIES[name], cache=tmp_path, budget=Budget(0), now=datetime.now(UTC), offline=True
    )
    covered(found.trusted_root, "trusted root")
    config = covered(found.signing_config(), "signing config")
    assert not any(marks(config).values())
    both = {
        "mediaType": TRUST_CONFIG,
        "trustedRoot": json.loads(found.trusted_root),
        "signingConfig": json.loads(found.signing_config()),
    }
    covered(json.dumps(both).encode(), "client trust config")


def test_every_value_of_a_release_is_marked(site: Site) -> None:
    release = marks(covered(site.release.read_bytes(), "release.json"))
    assert not any(bound for path, bound in release.items() if path.endswith(".path"))
    assert release["tree.root"]
    assert release["anchors[0].identity"]
    statement = marks(covered(site.path("statement").read_bytes(), "statement"))
    assert all(statement.values())
    covered(site.path("bundle").read_bytes(), "sigstore bundle v0.3")
    covered(site.path("trusted_root").read_bytes(), "trusted root")
    policy = marks(covered(site.policy.read_bytes(), "trust policy"))
    assert not any(policy.values())
    (note,) = site.root.glob("release/log/*/checkpoint")
    covered(note.read_bytes(), "checkpoint")
    covered(note.with_name("vkey").read_bytes(), "verifier key")


def test_every_column_of_a_ledger_is_marked(site: Site) -> None:
    data = site.path("ledger.json").read_bytes()
    found = inspect(data, file="ledger.json")
    value = json.loads(data)
    paths = {f.path for f in found.fields}
    assert {f"facts[*].{c}" for c in value["columns"]} <= paths
    assert {"format", "ledger.name", "ledger.number", "ledger.version", "facts"} <= paths
    assert all(f.bound for f in found.fields)
    assert "3 facts of release 1" in found.sentence


def test_every_line_of_a_policy_for_witnesses_is_marked() -> None:
    for path in C2SP.glob("c2sp-policy-*"):
        if path.is_dir() and not path.name.endswith("_fail"):
            data = next(p for p in path.iterdir() if "policy" in p.name).read_bytes()
            found = covered(data, "witness policy")
            assert {f"line {i}" for i, x in enumerate(data.split(b"\n"), 1) if x.split()} <= set(marks(found))


@pytest.mark.parametrize("group", ["note", "checkpoint", "cosigned", "proof"])
def test_every_line_of_a_note_or_proof_is_marked(group: str) -> None:
    cases = [p for p in C2SP.glob(f"c2sp-{group}-*") if not p.name.endswith("_fail")]
    assert cases
    for folder in cases:
        for path in folder.iterdir():
            data = path.read_bytes()
            if b"\n\n\xe2\x80\x94 " not in data:
                continue
            found = covered(data, "tlog-proof" if group == "proof" else "")
            values = [str(f.value) for f in found.fields]
            text = data.decode().rpartition("\n\n")[0]
            for line in filter(None, text.split("\n")):
                word = line.removeprefix("index ").removeprefix("extra ")
                assert any(v in (line, word) for v in values), (folder.name, line)


def test_both_histories_in_a_piece_of_evidence_are_marked() -> None:
    from tests.support.forge.logs import Checkpoint, v2_log

    log = v2_log()
    known = Log(log.origin, key_from_spki(log.origin, log.key.spki))
    one, other = (checkpoint.verify(log.note(Checkpoint(root=r)).encode(), known) for r in (None, bytes(32)))
    found = covered(evidence.build(known, one, other), "evidence")
    assert "two histories" in found.sentence
    by_path = marks(found)
    assert not by_path["log.vkey"]
    assert by_path["notes[0] > root"]
    assert by_path["notes[1] > root"]


def test_both_statements_in_a_piece_of_evidence_are_marked(site: Site) -> None:
    from anchor.monitor import conflicting_statements
    from anchor.monitor.run_record import ObservedAnchor, ObservedRelease

    seen = ObservedAnchor(origin="o", log_key="", log_index=0, bundle=site.path("bundle").read_bytes())
    statement = site.path("statement").read_bytes()
    one, two = (
        ObservedRelease(ledger="a", number=1, version="1", root="", size=1, statement=data, anchors=(seen,))
        for data in (statement, statement.replace(b"small", b"other"))
    )
    by_path = marks(covered(conflicting_statements.build(one, two).document, "evidence"))
    assert by_path["releases[0].statement > content.predicate.tree.root"]
    assert by_path["releases[1].bundles[0] > content.dsseEnvelope.payload"]


def test_a_member_that_nobody_knows_is_shown_as_bound_by_nothing() -> None:
    value = json.loads(CASES["v2-message"].bundle) | {"verified": True, "x\x1b[2J": 1}
    found = inspect(json.dumps(value).encode(), file="f")
    by_path = {f.path: f for f in found.fields}
    assert by_path["verified"].by == UNKNOWN.by
    assert not by_path["verified"].bound
    assert "not known" in found.problem


@pytest.mark.parametrize("base", BASES)
def test_a_time_without_a_promise_is_never_bound(base: str) -> None:
    value = json.loads(CASES[base].bundle)
    entry = value["verificationMaterial"]["tlogEntries"][0]
    promised = "inclusionPromise" in entry
    path = "verificationMaterial.tlogEntries[0].integratedTime"
    entry["integratedTime"] = "1700000000"
    assert marks(inspect(json.dumps(value).encode(), file="f"))[path] is promised
    entry.pop("inclusionPromise", None)
    assert marks(inspect(json.dumps(value).encode(), file="f"))[path] is False


def test_the_index_of_a_v1_entry_without_a_promise_is_not_bound_that_of_v2_is() -> None:
    path = "verificationMaterial.tlogEntries[0].logIndex"
    v1 = json.loads(CASES["v1-bundle-0.3-both"].bundle)
    assert marks(inspect(json.dumps(v1).encode(), file="f"))[path]
    del v1["verificationMaterial"]["tlogEntries"][0]["inclusionPromise"]
    assert not marks(inspect(json.dumps(v1).encode(), file="f"))[path]
    v2 = {f.path: f for f in inspect(CASES["v2-message"].bundle, file="f").fields}[path]
    assert v2.bound
    assert v2.by.startswith("by comparison: must equal the proof's")


def test_hints_and_unknown_signature_lines_are_not_bound() -> None:
    found = inspect(CASES["note-foreign-cosignature"].bundle, file="f")
    lines = {f.path: f for f in found.fields if "signature[" in f.path}
    own = [p for p, f in lines.items() if p.endswith(".signature") and f.bound]
    others = [p for p, f in lines.items() if p.endswith(".signature") and not f.bound]
    assert len(own) == 1
    assert others
    assert not any(f.bound for p, f in lines.items() if p.endswith((".name", ".key id")))
    managed = marks(inspect(CASES["managed-p256"].bundle, file="f"))
    assert not managed["verificationMaterial.publicKey.hint"]
    assert not managed["messageSignature.messageDigest.digest"]


def test_what_an_envelope_signs_is_shown_inside_of_it() -> None:
    by_path = {f.path: f for f in inspect(CASES["v2-dsse"].bundle, file="f").fields}
    kind = by_path["dsseEnvelope.payload > payload._type"]
    assert (kind.value, kind.bound) == ("https://in-toto.io/Statement/v1", True)
