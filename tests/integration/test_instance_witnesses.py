# SPDX-License-Identifier: Apache-2.0
"""The embedded log asks witnesses: what they sign is in checkpoint and bundle, and who did not is told."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from anchor.net import witness_client
from anchor.publish import anchoring
from anchor.tlog import add_checkpoint, note, witness_policy
from anchor.tlog.keys import parse_vkey
from tests.support.forge.embedded_signer import entry_request
from tests.support.process.anchor_cli import anchor
from tests.support.process.disks import mounts
from tests.support.process.sigstore_client import sigstore
from tests.support.releases import published
from tests.support.releases.published import LEDGER
from tests.support.releases.witnessed import (
    Witnesses,
    bundle_head,
    in_bundle,
    in_log,
    instance,
    introduce,
    log_key,
    signers,
    with_witnesses,
)
from tests.support.servers import embedded_instance, own_witness
from tests.support.servers.bad_server import closed_port
from tests.support.servers.embedded_instance import Served
from tests.support.servers.witness_server import Reply, Witness, serving

__all__ = ["mounts"]
OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")
NAMES = ["a.example", "b.example", "c.example"]


@pytest.fixture
def three() -> Iterator[Witnesses]:
    with serving(*map(Witness, NAMES)) as found:
        yield found


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole patience only makes a test slow: what is missing here stays missing.

    Whoever answers is waited for, also where the others are a quorum without him.
    """
    monkeypatch.setattr(anchoring, "PATIENCE", 0.3)
    monkeypatch.setattr(anchoring, "POLL", 0.05)
    monkeypatch.setattr(witness_client, "AFTER_QUORUM", 60.0)


def test_cosignatures_are_in_the_bundle_and_in_every_copy_of_the_checkpoint(
    three: Witnesses, tmp_path: Path
) -> None:
    site = with_witnesses(tmp_path, three, "all")
    ran = site.publish()
    assert ran.code == 0, ran.err
    site.policy.write_text(ran.out)
    for name in NAMES:
        assert f"witness {name}: cosigned at" in ran.err
    (exported,) = site.root.glob("release/log/*/checkpoint")
    assert signers(in_bundle(site), three) == NAMES
    assert exported.read_bytes() == in_log(site).raw == in_bundle(site).raw
    assert [len(w.requests) for w in three] == [1, 1, 1]
    assert site.verify().code == 0


def test_the_next_head_is_proven_from_the_size_that_each_witness_has(
    three: Witnesses, tmp_path: Path
) -> None:
    site = with_witnesses(tmp_path, three, "all")
    for number in range(1, 6):
        assert site.publish(LEDGER + f"| N | {number} |\n", f"1.0.{number}").code == 0
        assert signers(in_bundle(site, f"1.0.{number}"), three) == NAMES
    assert [len(w.requests) for w in three] == [5, 5, 5]
    assert [add_checkpoint.parse(r).old for r in three[0].requests] == [0, 1, 2, 3, 4]
    (site.home / "instance/witnessed-sizes.json").write_text("damaged")
    assert site.publish(OTHER, "2.0.0").code == 0, "a cache: its loss costs one more request"
    assert [add_checkpoint.parse(r).old for r in three[0].requests[5:]] == [0, 5]


def test_a_verifier_counts_the_quorum_that_he_names(three: Witnesses, tmp_path: Path) -> None:
    site = with_witnesses(tmp_path, three, "2")
    site.policy.write_text(site.publish().out)
    own = site.policy.with_name("witnesses.policy")
    own.write_text(instance(site, "policy").out)
    site.policy.write_text("tlog_policy = 'witnesses.policy'\n" + site.policy.read_text())
    assert site.verify().code == 0
    own.write_text(
        own.read_text().replace(three[0].vkey, Witness("a.example").vkey).replace("2-of-3 2 ", "2-of-3 3 ")
    )
    assert site.verify().code == 5


def test_without_a_demanded_quorum_a_witness_that_is_down_is_a_line(three: Witnesses, tmp_path: Path) -> None:
    site = with_witnesses(tmp_path, three)
    assert instance(site, "add", f"http://127.0.0.1:{closed_port()}", Witness("d.example").vkey).code == 0
    ran = site.publish(LEDGER, "1.0.0", "--json")
    assert ran.code == 0, ran.err
    assert "witness d.example: " in ran.err
    told = json.loads(ran.out)["witnesses"]
    cosigned = {one["name"]: one["cosigned"] is not None for one in told}
    assert cosigned == dict.fromkeys(NAMES, True) | {"d.example": False}
    assert told[3]["problem"]
    assert signers(in_bundle(site), three) == NAMES


def test_a_quorum_that_is_missing_is_pending_and_resume_completes_the_same_entry(
    three: Witnesses, tmp_path: Path
) -> None:
    site = with_witnesses(tmp_path, three, "2")
    for witness in three[1:]:
        witness.lie = lambda _w, _b: (503, b"later", "text/plain")
    ran = site.publish()
    assert ran.code == 5
    assert "quorum 2-of-3 not met" in ran.err.splitlines()[-1]
    assert "--resume" in ran.err.splitlines()[-1]
    assert "witness b.example: HTTP 503 (later)" in ran.err
    assert not site.release.exists()
    assert site.publish(LEDGER, "1.0.0", "--resume").code == 5
    three[1].lie = None
    ran = site.publish(LEDGER, "1.0.0", "--resume")
    assert ran.code == 0, ran.err
    assert signers(in_bundle(site), three) == NAMES[:2]
    assert (site.entries(), len(three[0].requests)) == (1, 1), (
        "a witness that has cosigned is not asked again"
    )


def test_pending_is_completed_by_a_newer_head_that_has_the_entry(three: Witnesses, tmp_path: Path) -> None:
    """Between the two runs another client writes to the log: the head is another one, the entry the same."""
    site = with_witnesses(tmp_path, three, "all")
    three[2].lie = lambda _w, _b: (503, b"", "text/plain")
    assert site.publish().code == 5
    other = published.Site(tmp_path / "second", site.home, tmp_path / "second.toml")
    file = tmp_path / "other.md"
    file.write_text(OTHER)
    named = ("--name", "another-ledger", "--version", "1", "--root", other.root, "--home", site.home)
    assert anchor("publish", file, *named).code == 5
    three[2].lie = None
    assert site.publish(LEDGER, "1.0.0", "--resume").code == 0
    assert (in_bundle(site).size, site.value["anchors"][0]["log"]["index"]) == (2, 0)
    assert signers(in_bundle(site), three) == NAMES


def test_a_quorum_named_at_publication_counts_for_it_alone(three: Witnesses, tmp_path: Path) -> None:
    site = with_witnesses(tmp_path, ())
    for witness in three:
        witness.knows(log_key(site))
    mine = tmp_path / "mine.policy"
    lines = [f"witness w{i} {w.vkey} {w.url}\n" for i, w in enumerate(three)]
    mine.write_text("".join(lines) + "group g 2 w0 w1 w2\nquorum g\n")
    ran = site.publish(LEDGER, "1.0.0", "--witness-policy", mine)
    assert ran.code == 0, ran.err
    assert signers(in_bundle(site), three) == NAMES
    assert site.publish(OTHER, "1.1.0").code == 0
    assert signers(in_bundle(site, "1.1.0"), three) == []
    ran = site.publish(OTHER, "1.2.0", "--witness-policy", mine, "--instance", "public")
    assert (ran.code, "--witness-policy" in ran.line) == (2, True)


def test_a_status_is_witnessed_like_a_release(three: Witnesses, tmp_path: Path) -> None:
    site = with_witnesses(tmp_path, three, "2")
    site.policy.write_text(site.publish().out)
    three[0].lie = three[1].lie = lambda _w, _b: (503, b"", "text/plain")
    words = ("withdraw", site.root, "--home", site.home, "--release", "1.0.0", "--kind", "withdrawn")
    ran = anchor(*words, "--reason", "wrong")
    assert ran.code == 5, ran.err
    assert "status" not in site.value
    three[0].lie = None
    assert anchor(*words, "--reason", "wrong").code == 0
    (bundle,) = site.root.glob("release/status/1/*.sigstore.json")
    assert signers(bundle_head(bundle), three) == ["a.example", "c.example"]
    assert site.entries() == 2
    assert anchor("renew", site.root, "--home", site.home).code == 0
    (bundle,) = site.root.glob("release/status/2/*.sigstore.json")
    assert len(signers(bundle_head(bundle), three)) == 2


def test_witnesses_that_were_down_are_asked_later(three: Witnesses, tmp_path: Path) -> None:
    site = with_witnesses(tmp_path, three)
    three[1].lie = lambda _w, _b: (500, b"", "text/plain")
    assert site.publish().code == 0
    ran = instance(site, "ask", "--json")
    assert ran.code == 0
    assert [w["cosigned"] is not None for w in json.loads(ran.out)["witnesses"]] == [True, False, True]
    three[1].lie = None
    ran = instance(site, "ask")
    assert ran.code == 0, ran.err
    (exported,) = site.root.glob("release/log/*/checkpoint")
    assert exported.read_bytes() == in_log(site).raw
    assert signers(in_log(site), three) == NAMES
    assert len(three[0].requests) == 1


def test_ask_is_pending_without_the_quorum(three: Witnesses, tmp_path: Path) -> None:
    site = with_witnesses(tmp_path, (), "none")
    assert site.publish().code == 0
    introduce(site, three, "all")
    three[0].lie = lambda _w, _b: (404, b"", "text/plain")
    ran = instance(site, "ask")
    assert ran.code == 5
    assert "its operator must add the log" in ran.out
    three[0].lie = None
    assert instance(site, "ask").code == 0


def test_the_list_says_who_cosigned(three: Witnesses, tmp_path: Path) -> None:
    site = with_witnesses(tmp_path, three[:2], "any")
    ran = instance(site, "list")
    assert "has not cosigned" in ran.out
    assert site.publish().code == 0
    found = json.loads(instance(site, "list", "--json").out)
    assert [w["name"] for w in found["witnesses"] if w["cosigned"]] == NAMES[:2]
    assert found["quorum"]["met"] is True
    assert instance(site, "remove", "a.example").code == 0
    assert [w["name"] for w in json.loads(instance(site, "list", "--json").out)["witnesses"]] == NAMES[1:2]


def test_a_list_that_cannot_be_is_refused_in_one_line_and_nothing_changes(
    three: Witnesses, tmp_path: Path
) -> None:
    site = with_witnesses(tmp_path, three[:2], "2")
    before = (site.home / "instance/witnesses.policy").read_bytes()
    new, own = Witness("new.example"), log_key(site)
    same = Witness("twin.example", private=three[0].private)
    tries = [
        (("add", three[2].url, three[0].vkey), "one key is one witness"),
        (("add", three[2].url, same.vkey), "one key is one witness"),
        (("add", three[2].url, new.vkey, "--name", "a.example"), "called a.example already"),
        (("add", three[0].url, new.vkey), "the URL of another witness"),
        (("add", three[0].url + "/", new.vkey), "the URL of another witness"),
        (("add", three[2].url, own), "the key of the log itself"),
        (("add", three[2].url, "nonsense"), "not a verifier key"),
        (("add", "http://witness.example", new.vkey), "only https"),
        (("add", "https://me:secret@witness.example", new.vkey), "a user name or password"),
        (("add", "https://witness.example/?a=b", new.vkey), "a query"),
        (("add", "ftp://witness.example", new.vkey), "only https"),
        (("add", three[2].url, new.vkey, "--name", "two words"), "cannot name a witness"),
        (("add", three[2].url, new.vkey, "--name", "none"), "cannot name a witness"),
        (("quorum", "3"), "cannot be reached"),
        (("quorum", "0"), "cannot be reached"),
        (("quorum", "most"), "neither a number"),
        (("remove", "nobody"), "is not a witness here"),
        (("remove", "a.example"), "cannot be reached"),
    ]
    for words, said in tries:
        ran = instance(site, *words)
        assert (ran.code, said in ran.line) == (2, True), (words, ran.err)
        assert "secret" not in ran.err
    assert (site.home / "instance/witnesses.policy").read_bytes() == before
    witness_policy.parse(before)


def test_a_policy_that_a_person_wrote_is_used_and_never_rewritten(three: Witnesses, tmp_path: Path) -> None:
    site = with_witnesses(tmp_path, ())
    for witness in three:
        witness.knows(log_key(site))
    mine = tmp_path / "mine.policy"
    lines = ["# chosen in the meeting of May\n"]
    lines += [f"witness w{i} {w.vkey} {w.url}\n" for i, w in enumerate(three)]
    lines += ["group two any w0 w1\n", "group both all two w2\n", "quorum both\n"]
    mine.write_text("".join(lines))
    assert instance(site, "policy", mine).code == 0
    assert instance(site, "policy").out == mine.read_text()
    ran = instance(site, "remove", "w0")
    assert (ran.code, "written by a person" in ran.line) == (2, True)
    assert instance(site, "policy").out == mine.read_text()
    three[0].lie = lambda _w, _b: (500, b"", "text/plain")
    assert site.publish().code == 0
    three[2].lie = lambda _w, _b: (500, b"", "text/plain")
    assert site.publish(OTHER, "1.1.0").code == 5
    mine.write_text("log " + Witness("x").vkey + "\nquorum none\n")
    ran = instance(site, "policy", mine)
    assert (ran.code, f"{mine}: witness policy" in ran.line) == (2, True), ran.err


def test_our_own_witness_cosigns_the_log_and_refuses_its_fork(tmp_path: Path) -> None:
    """`anchor witness serve`, with the two keys that it has by default."""
    site = with_witnesses(tmp_path / "a", ())
    home = own_witness.made(tmp_path / "w1", parse_vkey(log_key(site)))
    with own_witness.serving(home) as ours:
        for key in ours.keys:
            added = instance(site, "add", ours.url, key.vkey, "--name", f"key-{key.algorithm:d}")
            assert added.code == 0, "without a quorum nobody is counted"
        ran = instance(site, "quorum", "2")
        assert (ran.code, "one operator would count twice" in ran.line) == (2, True)
        assert instance(site, "quorum", "any").code == 0
        ran = site.publish()
        assert ran.code == 0, ran.err
        site.policy.write_text(ran.out)
        (tmp_path / "fork").mkdir()
        fork = site.copy(tmp_path / "fork")
        assert site.publish(OTHER, "2").code == 0
        assert len(note.verify(in_bundle(site, "2").note, ours.keys)) == 2
        assert [line.split()[2] for line in ours.lines if "add-checkpoint" in line] == ["200", "200"]
        ran = fork.publish(LEDGER + "| F | 1 |\n", "2")
        assert (ran.code, ran.err.count("it has cosigned another tree of 2 entries")) == (5, 2)
        # docs/witnesses.md: what the witness has is evidence against the log of this home
        assert anchor("instance", "export", "--root", fork.root, "--home", fork.home).code == 0
        (log,) = fork.root.glob("release/log/*")
        words = ("--witness", ours.url, "--vkey", log_key(fork), "--evidence", tmp_path / "evidence")
        ran = anchor("compare", *words, "--log", log, "--home", tmp_path / "watcher")
        assert ran.code == 6, ran.err
        (found,) = (tmp_path / "evidence").iterdir()
        assert anchor("verify-evidence", found, "--log-key", log_key(fork)).code in (0, 6)
    with own_witness.serving(home) as ours:  # started again, at another port
        assert site.publish(LEDGER, "3").code == 5
        mine = tmp_path / "mine.policy"
        lines = [f"witness k{i} {key.vkey} {ours.url}\n" for i, key in enumerate(ours.keys)]
        mine.write_text("".join(lines) + "group w any k0 k1\nquorum w\n")
        assert instance(site, "policy", mine).code == 0
        ran = site.publish(LEDGER, "3", "--resume")
        assert ran.code == 0, ran.err
        assert len(note.verify(in_bundle(site, "3").note, ours.keys)) == 2
    assert site.verify().code == fork.verify().code == 0


def test_the_publishers_own_policy_is_waited_for_too(three: Witnesses, tmp_path: Path) -> None:
    site = with_witnesses(tmp_path, three)
    site.policy.write_text(site.publish().out)
    assert instance(site, "quorum", "all").code == 0
    site.policy.with_name("witnesses.policy").write_text(instance(site, "policy").out)
    site.policy.write_text("tlog_policy = 'witnesses.policy'\n" + site.policy.read_text())
    assert instance(site, "quorum", "none").code == 0
    three[0].lie = lambda _w, _b: (503, b"", "text/plain")
    words = (OTHER, "1.1.0", "--policy", site.policy)
    ran = site.publish(*words)
    assert (ran.code, "quorum 3-of-3 not met" in ran.err) == (5, True)
    three[0].lie = None
    assert site.publish(*words, "--resume").code == 0
    assert signers(in_bundle(site, "1.1.0"), three) == NAMES


def test_a_watch_finds_the_quorum_on_the_head_of_the_published_log(three: Witnesses, tmp_path: Path) -> None:
    site = with_witnesses(tmp_path, three, "2")
    site.policy.write_text(site.publish().out)
    site.policy.with_name("witnesses.policy").write_text(instance(site, "policy").out)
    site.policy.write_text("tlog_policy = 'witnesses.policy'\n" + site.policy.read_text())
    watched = ("reverify", site.release, "--policy", site.policy, "--home", tmp_path / "watcher")
    ran = anchor(*watched)
    assert ran.code == 0, ran.out + ran.err
    three[0].lie = three[1].lie = lambda _w, _b: (503, b"", "text/plain")
    assert instance(site, "quorum", "none").code == 0
    assert site.publish(OTHER, "1.1.0").code == 0
    ran = anchor(*watched)
    assert ran.code == 3, "the newest head has one cosignature, so the log is not believed yet"
    assert "quorum 2-of-3 not met" in ran.err
    three[0].lie = three[1].lie = None
    assert instance(site, "ask").code == 0
    assert anchor(*watched).code == 5, "the published copy has them now, and the bundle never will"


def test_one_log_waits_for_witnesses_and_the_release_is_in_place_by_the_other(
    three: Witnesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other log is embedded too, of another operator: what was begun here is completed all the same."""
    monkeypatch.setenv("NO_PROXY", "*")
    site = with_witnesses(tmp_path / "a", three, "all")
    three[2].lie = lambda _w, _b: (503, b"", "text/plain")
    with embedded_instance.serving(tmp_path / "served") as served:
        words = (LEDGER, "1.0.0", *served.words())
        ran = site.publish(*words)
        assert (ran.code, len(site.value["anchors"])) == (5, 1), ran.err
        assert "not met" in ran.err
        three[2].lie = None
        ran = site.publish(*words, "--resume")
        assert (ran.code, "the release before was signed by" in ran.line) == (2, True), "and is not forgotten"
        ran = site.publish(*words, "--resume", "--new-signer")
        assert ran.code == 0, ran.err
        assert (len(site.value["anchors"]), served.size()) == (2, 1)
    heads = [bundle_head(b) for b in (site.root / "release/1.0.0").glob("*.sigstore.json")]
    assert sorted(len(signers(head, three)) for head in heads) == [0, 3]


def test_a_served_instance_asks_for_those_who_write_to_it(
    three: Witnesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`publish` and the stock command through HTTP: the bundle of each has the cosignatures, and verifies."""
    monkeypatch.setenv("NO_PROXY", "*")
    owner = with_witnesses(tmp_path / "owner", three, "all")
    with embedded_instance.serving(owner.home) as served:
        site = published.empty(tmp_path)
        ran = site.publish(LEDGER, "1.0.0", *served.words("--instance"))
        assert ran.code == 0, ran.err
        site.policy.write_text(ran.out)
        assert signers(in_bundle(site), three) == NAMES
        assert site.verify().code == 0
        ran = instance(owner, "ask")
        assert (ran.code, "another process is writing" in ran.line) == (3, True)
        (tmp_path / "file").write_text("something")
        stock(served, tmp_path, "sign", "file")
        named = ("--cert-identity", served.about["identity"], "--cert-oidc-issuer", served.about["issuer"])
        assert "OK: file" in stock(served, tmp_path, "verify", "identity", *named, "file")
    assert signers(bundle_head(tmp_path / "file.sigstore.json"), three) == NAMES


def test_a_server_that_is_killed_while_a_witness_is_asked_keeps_the_entry(
    three: Witnesses, tmp_path: Path
) -> None:
    """Started again, it asks for what nobody has cosigned; who repeats the request is told where it is."""
    owner = with_witnesses(tmp_path, three, "all")
    request = entry_request("written once")
    with embedded_instance.serving(owner.home) as served:
        three[0].lie = lambda _w, _b: os.kill(served.pid, signal.SIGKILL)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            write(served, request)
    assert (in_log(owner).size, signers(in_log(owner), three[:1])) == (1, [])
    three[0].lie = None
    with embedded_instance.serving(owner.home) as served:
        end = time.monotonic() + 100
        while signers(in_log(owner), three) != NAMES and time.monotonic() < end:
            time.sleep(0.05)
        assert signers(in_log(owner), three) == NAMES
        assert write(served, request) == 409
    assert in_log(owner).size == 1


def write(served: Served, request: bytes) -> int:
    """The status of a request to the log of a served instance."""
    there = urlsplit(served.about["url"])
    with contextlib.closing(http.client.HTTPConnection(str(there.hostname), there.port, timeout=100)) as call:
        call.request("POST", "/api/v2/log/entries", request)
        return call.getresponse().status


def stock(served: Served, folder: Path, *words: str) -> str:
    """The `sigstore` command with the instance that is served."""
    token = Path(served.about["identity_token_file"]).read_text()
    env = {"SIGSTORE_IDENTITY_TOKEN": token, "NETRC": os.devnull}
    done = sigstore("--trust-config", served.about["trust_config"], *words, env=env, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_disk_that_takes_no_cosignature_loses_nothing(
    three: Witnesses, tmp_path: Path, mounts: Callable[[Path], Path]
) -> None:
    """The disk is read-only from the moment at which the witness is asked: the entry is there already."""
    site = with_witnesses(tmp_path, three[:1], "none")

    def seal_the_disk(_witness: Witness, _body: bytes) -> Reply | None:
        mounts(site.home / "instance/log")
        return None

    three[0].lie = seal_the_disk
    ran = site.publish()
    assert (ran.code, "Read-only file system" in ran.line) == (2, True)
    assert not site.release.exists()
    three[0].lie = None
    assert subprocess.run(["umount", site.home / "instance/log"], check=False).returncode == 0
    assert signers(in_log(site), three) == []
    ran = site.publish(LEDGER, "1.0.0", "--resume")
    assert ran.code == 0, ran.err
    assert signers(in_bundle(site), three) == NAMES[:1]
    assert site.entries() == 1


def test_witnesses_need_an_instance(tmp_path: Path) -> None:
    site = published.empty(tmp_path)
    ran = instance(site, "add", "https://witness.example", Witness("a").vkey)
    assert (ran.code, "no embedded instance" in ran.line) == (2, True)
