# SPDX-License-Identifier: Apache-2.0
"""Witnesses over time: `reverify` with a quorum, while the policy changes and the log goes on alone."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from anchor.log_kinds.embedded import ALONE
from anchor.log_kinds.short_names import short
from anchor.tlog import note
from tests.support.attacks.attacked import hook
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.cosigned import checkpoint, cosigned, named_by, witness
from tests.support.releases.policies import found, root, signer, signers
from tests.support.releases.published import LEDGER, NAME, published

NOW = int(datetime.now(UTC).timestamp())
WORDS = "run by the publisher, witnessed by 2 of 3 (n0, n1)"


class Watched:
    """A site under re-verification, each time by a new process over the same records."""

    def __init__(self, folder: Path) -> None:
        self.site = published(folder)
        self.home = folder / "records"
        self.policy = folder / "watched.toml"
        self.origin = str(self.site.value["anchors"][0]["log"]["origin"])
        self.keys = [witness(i, b"", time=NOW)[0] for i in (1, 2, 3)]
        self.demand("2")

    def demand(self, rule: str) -> None:
        """The quorum of the log: so many of three witnesses."""
        self.policy.with_name("witnesses.policy").write_text(named_by(self.keys, rule))
        table = f"[[log]]\norigin = '{self.origin}'\ntlog_policy = 'witnesses.policy'\n"
        head = f'ledger = "{NAME}"\ntrusted_root = [{root(self.site)}]\n'
        self.policy.write_text(f"{head}{signers(signer(self.site))}{table}")

    @property
    def _head(self) -> Path:
        return self.site.root / "release" / "log" / self.origin / "checkpoint"

    def cosign_bundle(self, *numbers: int) -> None:
        text = note.parse(checkpoint(self.site)).text
        cosigned(self.site, *(witness(i, text, time=NOW)[1] for i in numbers))

    def cosign_head(self, *numbers: int) -> None:
        raw = self._head.read_bytes()
        lines = [witness(i, note.parse(raw).text, time=NOW)[1] for i in numbers]
        self._head.write_bytes(note.add(raw, *lines))

    def reverify(self, *more: object) -> Ran:
        words = ("reverify", self.site.release, "--policy", self.policy, "--home", self.home)
        return anchor(*words, "--json", *more)

    @property
    def of_head(self) -> str:
        return f"witnesses of {self.origin}"


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_quorum_of_the_bundle_and_of_the_head(watched: Watched) -> None:
    first = watched.reverify()
    assert first.code == 3, "nobody cosigned: of the bundle that is PENDING, of the head UNAVAILABLE"
    assert found(first, "witnesses")["demotes"] == "PENDING"
    assert found(first, watched.of_head)["demotes"] == "UNAVAILABLE"
    assert ALONE in first.out
    watched.cosign_bundle(1, 2)
    without = watched.reverify()
    assert without.code == 3, "the head of today has no cosignature"
    assert found(without, watched.of_head)["state"] == "unknown"
    watched.cosign_head(1, 2)
    ran = watched.reverify()
    assert ran.code == 0, ran.out
    assert found(ran, watched.of_head)["state"] == "passed"
    assert WORDS in ran.out
    assert ALONE not in ran.out
    status = anchor("status", "--home", watched.home)
    assert f"log {short(watched.origin)}: {WORDS}" in status.out
    assert ALONE not in status.out


def test_cosignatures_that_are_withdrawn_at_the_next_head_are_told(watched: Watched) -> None:
    watched.cosign_bundle(1, 2)
    watched.cosign_head(1, 2)
    assert watched.reverify().code == 0
    assert watched.site.publish(LEDGER + "| D | 4 |\n", "1.1.0").code == 0
    pending = watched.reverify()
    assert pending.code == 3
    assert found(pending, "witnesses")["demotes"] == "PENDING", "the new release lacks its quorum"
    assert ALONE in pending.out
    assert "0 witnesses of 3 that your policy names" in pending.out
    assert found(pending, watched.of_head)["state"] == "unknown"
    watched.cosign_bundle(2, 3)
    head = watched.reverify()
    assert head.code == 3
    assert "not met" in found(head, watched.of_head)["detail"]
    watched.cosign_head(2, 3)
    assert watched.reverify().code == 0


def test_a_policy_that_is_made_stricter_or_weaker_is_told_and_judged_at_once(watched: Watched) -> None:
    watched.cosign_bundle(1, 2)
    watched.cosign_head(1, 2)
    assert watched.reverify().code == 0
    watched.demand("all")
    stricter = watched.reverify()
    assert stricter.code == 3
    assert found(stricter, "witnesses")["demotes"] == "PENDING"
    assert "fewer than the quorum g" in stricter.out
    assert ALONE in stricter.out
    assert "tlog_policy of" in found(stricter, "trust")["detail"]
    watched.demand("none")
    weaker = watched.reverify()
    assert weaker.code == 0
    assert ALONE in weaker.out, "no quorum is demanded any more"
    assert "tlog_policy of" in found(weaker, "trust")["detail"]
    assert f": {ALONE}" in anchor("status", "--home", watched.home).out


def test_a_head_with_a_cosignature_of_an_older_head_is_refused(watched: Watched) -> None:
    watched.cosign_bundle(1, 2)
    watched.cosign_head(1, 2)
    assert watched.reverify().code == 0
    old = [line for line in watched._head.read_text().splitlines() if "w1.example" in line]
    assert watched.site.publish(LEDGER + "| D | 4 |\n", "1.1.0").code == 0
    watched.cosign_bundle(1, 2)
    watched._head.write_text(watched._head.read_text() + "".join(f"{line}\n" for line in old))
    replayed = watched.reverify()
    assert replayed.code in (3, 8)
    assert "does not verify" in replayed.out


def test_lacking_cosignatures_are_a_warning_with_its_entry_until_they_are_there(watched: Watched) -> None:
    with hook() as webhook:
        told = ("--notify", webhook.notify_url, "--alarm-after", "1/0")
        for cosigned_by in ((), (), (1, 2)):
            if cosigned_by:
                watched.cosign_bundle(*cosigned_by)
                watched.cosign_head(*cosigned_by)
            watched.reverify(*told)
        lacking, recovered = webhook.messages
    assert (lacking["type"], lacking["anchor"]["severity"]) == ("warning", "warning")
    assert lacking["anchor"]["alarm"] == "missing-cosignatures"
    assert "also warning: PENDING (5); docs/runbook.md#pending-5" in lacking["message"].split("\n")
    assert (recovered["type"], recovered["anchor"]["alarm"]) == ("success", "recovered")
