# SPDX-License-Identifier: Apache-2.0
"""Witnesses and logs of other projects beside ours: omniwitness, litewitness, Rekor v2 and tessera."""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.embedded.instance import Instance
from anchor.net import witness_client
from anchor.net.http import Patience
from anchor.publish import anchoring
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import note
from anchor.tlog.keys import parse_vkey
from tests.interop.publication import Attempt
from tests.interop.stack import documents, netns
from tests.interop.stack.logs import RekorV2, Witness, start_witness
from tests.interop.stack.stack import Stack
from tests.interop.stack.witnesses import SSH, OwnWitness, TesseraLog, litewitness, own_witness
from tests.interop.test_clients_agree import Signed, by_cosign, by_npm, by_sigstore
from tests.interop.test_stack_starts import post, request
from tests.interop.test_witness_quorum import patient, publish_while_it_grows
from tests.support.process.anchor_cli import anchor
from tests.support.process.need import need
from tests.support.releases import published
from tests.support.releases.published import LEDGER, Site
from tests.support.releases.witnessed import bundle_head, in_bundle, instance, log_key

OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cosignature that is refused stays refused. Witnesses are processes, which a busy machine delays."""
    monkeypatch.setattr(anchoring, "PATIENCE", 1.0)
    monkeypatch.setattr(witness_client, "SECONDS", 120.0)
    monkeypatch.setattr(
        witness_client, "_PATIENCE", Patience(connect=60.0, read=120.0, whole=120.0, attempts=1)
    )


@pytest.fixture
def ours(namespace: netns.Namespace | None, tmp_path: Path) -> Iterator[OwnWitness]:
    with own_witness("ours.example/w1", tmp_path / "ours") as witness:
        yield witness


@contextlib.contextmanager
def other_witnesses(binaries: Path, folder: Path, logs: dict[str, str]) -> Iterator[tuple[Witness, Witness]]:
    """omniwitness and litewitness, for logs that are known: origin to vkey."""
    for program in SSH:
        need(shutil.which(program), "apt-get install openssh-client")
    (folder / "logs").mkdir()
    omni = start_witness(
        "omni.example", folder / "omni", binary=binaries / "omniwitness", logs=folder / "logs", of=logs
    )
    try:
        with litewitness("lite.example", folder / "lite", binaries / "litewitness", logs) as lite:
            yield omni, lite
    finally:
        omni.server.stop()


def cosigned_by(raw: bytes, *witnesses: Witness) -> list[str]:
    """The names of the witnesses whose cosignatures on a checkpoint verify."""
    found = checkpoints.parse(raw).note
    return sorted(s.key.name for s in note.verify(found, [parse_vkey(w.vkey) for w in witnesses]))


def embedded(folder: Path) -> Site:
    """A site with an instance, and nothing published."""
    folder.mkdir()
    site = published.empty(folder)
    assert anchor("instance", "init", "--root", site.root, "--home", site.home).code == 0
    return site


@pytest.fixture
def witnessed(
    binaries: Path, ours: OwnWitness, tmp_path: Path
) -> Iterator[tuple[Site, tuple[Witness, Witness, OwnWitness]]]:
    """A site whose embedded log asks three witnesses, and needs all of them."""
    site = embedded(tmp_path / "published")
    vkey = log_key(site)
    with other_witnesses(binaries, tmp_path, {vkey.split("+")[0]: vkey}) as (omni, lite):
        ours.accept(vkey)
        for witness in (omni, lite, ours):
            ran = instance(site, "add", witness.url, witness.vkey)
            assert ran.code == 0, ran.err
        assert instance(site, "quorum", "all").code == 0
        yield site, (omni, lite, ours)


def test_witnesses_of_three_projects_cosign_our_log_and_other_clients_verify_the_bundle(
    witnessed: tuple[Site, tuple[Witness, Witness, OwnWitness]], cosign: Path, npm: Path, tmp_path: Path
) -> None:
    site, witnesses = witnessed
    names = sorted(w.name for w in witnesses)
    for number, text in enumerate((LEDGER, OTHER), 1):
        ran = site.publish(text, f"1.0.{number}")
        assert ran.code == 0, ran.err
        assert cosigned_by(in_bundle(site, f"1.0.{number}").raw, *witnesses) == names
    site.policy.write_text(ran.out)
    assert site.verify().code == 0
    folder = site.root / "release" / "1.0.2"
    (bundle,) = folder.glob("*.sigstore.json")
    origin = bundle.name.removesuffix(".sigstore.json")
    config = tmp_path / "config.json"
    made = Instance.open(site.home / "instance", create=False)
    config.write_bytes(made.client_trust_config("http://127.0.0.1:1"))
    signed = Signed(
        folder / "ledger.md", bundle, folder / "trusted_root.json", f"publisher@{origin}",
        f"https://{origin}/oauth", config,
    )  # fmt: skip
    for client in (by_cosign, by_sigstore, by_npm):
        assert client(cosign if client is by_cosign else npm, signed, signed.identity, signed.file), client
        assert not client(cosign if client is by_cosign else npm, signed, "x@example.com", signed.file)


def test_a_second_history_gets_a_cosignature_of_nobody(
    witnessed: tuple[Site, tuple[Witness, Witness, OwnWitness]], tmp_path: Path
) -> None:
    """The home is copied before the second release, and both copies publish one."""
    site, witnesses = witnessed
    assert site.publish(LEDGER, "1.0.0").code == 0
    shutil.copytree(site.root.parent, tmp_path / "copy")
    forked = Site(tmp_path / "copy" / "site", tmp_path / "copy" / "home", tmp_path / "copy" / "policy.toml")
    assert site.publish(OTHER, "1.1.0").code == 0
    for resume in ((), ("--resume",)):
        ran = forked.publish(LEDGER.replace("| C | 3 |", "| C | 5 |"), "1.1.0", *resume)
        assert ran.code == 5, ran.err
        for witness in witnesses:
            assert f"witness {witness.name}: " in ran.err
    head = checkpoints.parse((forked.home / "instance/log/checkpoint").read_bytes())
    keys = {(key.name, key.key_id) for key in (parse_vkey(w.vkey) for w in witnesses)}
    assert not keys & {(s.name, s.key_id) for s in head.note.signatures}
    (ours,) = [w for w in witnesses if isinstance(w, OwnWitness)]
    assert len(ours.shown()["evidence"]) == 1
    assert site.publish(OTHER.replace("| C | 4 |", "| C | 6 |"), "1.2.0").code == 0


# Our witness, and logs of others


@pytest.fixture
def rekor(
    stack: Stack, namespace: netns.Namespace | None, ours: OwnWitness, tmp_path: Path
) -> Iterator[RekorV2]:
    """A Rekor v2 server that is configured to ask our witness."""
    log = RekorV2("asks.stack.internal", tmp_path / "rekor", stack.bin, stack.logs)
    ours.accept(log.vkey)
    log.witnesses = [ours]
    with log.start():
        yield log


def grown(rekor: RekorV2) -> None:
    """It has three entries, or more: until its checkpoint is cosigned."""
    for number in range(12):
        assert post(rekor.url, request(f"entry {number}".encode()))[0] == 201
        if number >= 2 and rekor.cosigned(1):
            return
    pytest.fail("no checkpoint is cosigned")


def test_our_witness_cosigns_a_real_rekor_v2_and_its_release_verifies_with_the_quorum(
    stack: Stack, rekor: RekorV2, ours: OwnWitness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown(rekor)
    assert cosigned_by((rekor.storage / "checkpoint").read_bytes(), ours) == [ours.name]
    assert checkpoints.parse(ours.latest(rekor.origin)).size == rekor.size() >= 3
    root = documents.write(tmp_path / "root.json", stack.trusted_root(rekor, stack.log))
    digest = hashlib.sha256(root.read_bytes()).hexdigest()
    (tmp_path / "witnesses").write_text(rekor.tlog_policy())
    policy = tmp_path / "policy.toml"
    lines = [
        'ledger = "l"', 'tlog_policy = "witnesses"',
        f'trusted_root = [{{ path = "{root}", sha256 = "{digest}" }}]',
        "[[signer]]", f'identity = "{stack.oidc.email}"', f'issuer = "{stack.oidc.url}"', "",
    ]  # fmt: skip
    policy.write_text("\n".join(lines))
    attempt = Attempt(stack, tmp_path / "attempt", stack.instance(rekor, name="asks"))
    patient(monkeypatch, 100.0)
    code, err, _ = publish_while_it_grows(attempt, rekor, "--policy", str(policy))
    assert code == 0, err
    ran = anchor("verify", "-v", attempt.site, "--policy", policy)
    assert (ran.code, "witnessed by 1 of 1" in ran.out) == (0, True), ran.out
    (bundle,) = (attempt.site / "release").glob("*/*.sigstore.json")
    assert cosigned_by(bundle_head(bundle).raw, ours) == [ours.name]


def test_a_rekor_v2_that_was_wiped_gets_no_cosignature_and_two_histories_are_evidence(
    rekor: RekorV2, ours: OwnWitness, tmp_path: Path
) -> None:
    grown(rekor)
    size = rekor.size()
    rekor.server.stop()
    shutil.rmtree(rekor.storage)
    rekor.server.start()
    for number in range(size + 9):
        assert post(rekor.url, request(f"another {number}".encode()))[0] == 201
        if number >= size and ours.shown()["evidence"]:
            break
    head = checkpoints.parse((rekor.storage / "checkpoint").read_bytes())
    assert ours.name not in {s.name for s in head.note.signatures}
    assert checkpoints.parse(ours.latest(rekor.origin)).size == size
    (evidence, *_) = (ours.home / "evidence").rglob("*.json")
    ran = anchor("verify-evidence", evidence, "--json")
    assert rekor.origin in ran.out, ran
    assert len(ours.shown()["evidence"]) >= 1


def test_tessera_asks_our_witness_and_those_of_others(
    binaries: Path, ours: OwnWitness, tmp_path: Path
) -> None:
    log = TesseraLog("tessera.example/log", tmp_path / "tessera", binaries / "tessera-oneshot")
    ours.accept(log.vkey)
    with other_witnesses(binaries, tmp_path, {log.origin: log.vkey}) as (omni, lite):
        for batch in ([b"a"], [b"b", b"c"], [b"d"] * 300):
            log.add(batch, [omni, lite, ours])
            assert cosigned_by(log.checkpoint, omni, lite, ours) == sorted([omni.name, lite.name, ours.name])
        latest = checkpoints.parse(ours.latest(log.origin))
        assert latest.size == checkpoints.parse(log.checkpoint).size
        shutil.rmtree(log.folder / "log")
        with pytest.raises(RuntimeError, match="tessera ended"):
            log.add([b"another history"], [omni, lite, ours])
