# SPDX-License-Identifier: Apache-2.0
"""Attacks by the path of a file alone. release.json is not signed: whoever serves it names files as he likes,
and a re-verification looks at the same things under every name.
"""

import shutil
from pathlib import Path

import pytest

from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked
from tests.support.process.anchor_cli import anchor
from tests.support.releases.published import LEDGER, Site
from tests.support.servers.folder_server import serve_folder

PATHS = ["bundle.json", "a/b.json", "x", "ledger.json.d/ledger.csv", "release/3/_.SIGSTORE.JSON", "1.._+-"]
OTHER = LEDGER.replace("| A | 1 |", "| A | 9 |")


def checks(attacked: Attacked) -> list[tuple[str, str]]:
    """The checks of one good run beside that of its records: name and state."""
    ran = attacked.run()
    assert ran.code == 0, ran.out
    return [(c["name"], c["state"]) for c in ran.document["checks"] if c["name"] != "records"]


@pytest.mark.parametrize("path", PATHS)
def test_a_renamed_bundle_is_reverified_by_the_same_checks(
    attacked: Attacked, tmp_path: Path, path: str
) -> None:
    wanted = checks(attacked)
    assert {"number", "complete", "canary"} <= {name for name, _ in wanted}
    assert any(name.startswith("entry ") for name, _ in wanted)
    assert any(name.startswith("history since ") for name, _ in wanted)
    attacked.site.rename("bundle", path)
    assert anchor("verify", attacked.target, "--policy", attacked.site.policy).code == 0
    assert checks(attacked) == wanted
    attacked.home = tmp_path / "another-watcher"
    assert checks(attacked) == wanted  # on first sight as well


@pytest.mark.parametrize("path", PATHS[:2])
def test_a_rollback_under_a_renamed_bundle(attacked: Attacked, path: str) -> None:
    attacked.site.roll_back("1")
    attacked.site.rename("bundle", path)
    ran = attacked.run()
    assert (ran.code, ran.document["verdict"]) == (3, "UNAVAILABLE"), ran.out
    assert any("release 1 is served where 3 was verified" in c["detail"] for c in ran.document["checks"])
    assert attacked.told() == ["UNAVAILABLE"]


@pytest.mark.parametrize("path", PATHS[:2])
def test_a_second_statement_under_a_renamed_bundle(attacked: Attacked, tmp_path: Path, path: str) -> None:
    two = Site(tmp_path / "two", attacked.site.home, tmp_path / "two.toml")
    two.forget()
    for number, ledger in enumerate((LEDGER, OTHER, OTHER), 1):
        assert two.publish(f"{ledger}| E | {number} |\n", str(number)).code == 0
    two.rename("bundle", path)
    attacked.target = str(two.release)
    assert attacked.found() is Class.EQUIVOCATION
    assert attacked.told() == ["EQUIVOCATION"]
    assert attacked.counts()[1] == 1


@pytest.mark.parametrize("path", PATHS[:2])
def test_a_log_forked_before_the_first_look_at_a_renamed_bundle(fresh: Attacked, path: str) -> None:
    fresh.site.rename("bundle", path)
    fresh.serve(fresh.log.fork(1))
    assert fresh.found() is Class.EQUIVOCATION
    assert fresh.counts()[1] == 1


@pytest.mark.parametrize("path", PATHS[:2])
def test_a_log_that_hides_the_entry_of_a_renamed_bundle(fresh: Attacked, path: str) -> None:
    fresh.site.rename("bundle", path)
    fresh.log.gone.add("tile/entries/000.p/3")
    fresh.serve(fresh.log)
    ran = fresh.run()
    assert ran.document["verdict"] == "UNAVAILABLE", ran.out
    assert any(c["name"].startswith("entry ") and c["state"] == "unknown" for c in ran.document["checks"])


LEDGERS = ["facts.md", "ledger.json.md", "source.json", "a/ledger.json", "x"]


@pytest.mark.parametrize("path", LEDGERS)
def test_a_renamed_ledger_is_what_the_canary_corrupts(fresh: Attacked, path: str) -> None:
    fresh.site.rename("ledger.md", path)
    fresh.site.rename("ledger.json", "ledger.csv")
    assert anchor("verify", fresh.target, "--policy", fresh.site.policy).code == 0
    ran = fresh.run()
    assert (ran.code, ran.document["verdict"]) == (0, "OK"), ran.out
    assert any(c["name"] == "canary" and "found bad (facts)" in c["detail"] for c in ran.document["checks"])


def test_a_renamed_ledger_silences_no_alarm_of_another_target(fresh: Attacked, tmp_path: Path) -> None:
    """Two sites in one cycle: the first with its ledger renamed, the second tampered with."""
    other = Site(tmp_path / "other", fresh.site.home, fresh.site.policy)
    shutil.copytree(fresh.site.root, other.root)
    fresh.site.rename("ledger.md", "facts.md")
    ledger = other.path("ledger.md")
    ledger.write_bytes(ledger.read_bytes().replace(b"| A | 1 |", b"| A | 9 |"))
    ran = fresh.run(other.release)
    found = {run["target"]: run["verdict"] for run in ran.document["facts"]["runs"]}
    assert found == {fresh.target: "OK", str(other.release): "INVALID"}
    assert fresh.told() == ["INVALID"]


@pytest.mark.parametrize("what", ["one bit flipped", "nothing", "another ledger"])
def test_the_suspect_does_not_serve_the_canary(fresh: Attacked, what: str) -> None:
    path = str(fresh.site.path("ledger.md").relative_to(fresh.site.root))
    good = fresh.site.path("ledger.md").read_bytes()
    at = len(good) // 2
    flipped = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
    with serve_folder(fresh.site.root) as server:
        fresh.target = f"{server.url}/release.json"
        server.then = {path: {"one bit flipped": flipped, "nothing": b"", "another ledger": b"x"}[what]}
        assert fresh.found() is Class.OK
        assert server.asked.count(path) == 1
        assert len(server.asked) == len(set(server.asked))
        assert fresh.found() is not Class.OK  # the next run reads what is served then
