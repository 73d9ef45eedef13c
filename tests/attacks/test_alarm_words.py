# SPDX-License-Identifier: Apache-2.0
"""The words of an alarm for a person and for a program, over time. The commands that it prints work, and so
do those of the runbook."""

import re
import shutil
from typing import Any

import pytest

from anchor.format import release as release_file
from anchor.monitor.alarm_kinds import KINDS, RUNBOOK, anchor_of
from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked
from tests.support.attacks.typed_lines import lines, typed
from tests.support.forge.named import thief
from tests.support.process.anchor_cli import ROOT

PAGE = (ROOT / RUNBOOK).read_text(encoding="utf-8")
ENTRIES = {
    anchor_of(title): body
    for title, body in re.findall(r"^###? (.+?)\n(.*?)(?=^###? |\Z)", PAGE, re.M | re.S)
}


def messages(attacked: Attacked) -> list[Any]:
    """The JSON of each message since the last call."""
    found = list(attacked.hook.messages)
    attacked.hook.messages.clear()
    return found


def changed(attacked: Attacked, old: bytes, new: bytes) -> None:
    ledger = attacked.site.path("ledger.md")
    ledger.write_bytes(ledger.read_bytes().replace(old, new))


def rolled_back(attacked: Attacked) -> None:
    data = (attacked.site.root / "release" / "1" / "release.json").read_bytes()
    old = release_file.dump(release_file.relocate(release_file.load(data), "release/1/"))
    attacked.site.release.write_bytes(old)


def watch_names(attacked: Attacked) -> None:
    attacked.site.policy.write_text(f"{attacked.site.policy.read_text()}\n[[watch]]\n")
    attacked.write_policy()


def test_a_fork_is_critical_for_people_and_for_programs(attacked: Attacked) -> None:
    attacked.serve(attacked.log.fork(1))
    assert attacked.found() is Class.EQUIVOCATION
    (told,) = messages(attacked)
    assert told["type"] == "failure"
    found = told["anchor"]
    assert (found["severity"], found["alarm"], found["verdict"]) == ("critical", "log-fork", "EQUIVOCATION")
    assert (found["target"], found["number"], found["version"]) == (attacked.target, 3, "3")
    assert found["format"] == "urn:ledger-anchor:alarm:v1"
    assert found["runbook"].partition("#")[2] in ENTRIES
    assert any("log " in line for line in found["found"])
    said = told["message"].split("\n")
    assert said[0] == "critical: A log signed two histories"
    assert said[1] == f"target: {attacked.target}"
    assert {f"it means: {found['means']}", f"what to do: {found['do']}", f"run: {found['run']}"} < set(said)
    assert f"runbook: {found['runbook']}" in said
    assert said[said.index("release:") + 1] == f"- {found['ledger']} 3 (release 3)"
    assert told["title"].startswith(f"[anchor] EQUIVOCATION: {attacked.target} (critical: ")
    assert attacked.found() is Class.EQUIVOCATION
    assert messages(attacked) == []


def test_the_severity_follows_the_causes_from_a_warning_to_critical_and_back(attacked: Attacked) -> None:
    """It is gone, comes back changed, then with the old bytes: each message has its own severity."""
    release = attacked.site.release
    kept = release.read_bytes()
    release.unlink()
    assert attacked.found() is Class.UNAVAILABLE
    release.write_bytes(kept)
    changed(attacked, b"| A | 1 |", b"| A | 9 |")
    for _ in range(3):
        assert attacked.found() is Class.INVALID
    changed(attacked, b"| A | 9 |", b"| A | 1 |")
    for _ in range(2):
        assert attacked.found() is Class.OK
    told = messages(attacked)
    kinds = [(m["type"], m["anchor"]["severity"], m["anchor"]["alarm"]) for m in told]
    assert kinds == [
        ("warning", "warning", "unavailable"),
        ("failure", "critical", "changed"),
        ("success", "info", "recovered"),
    ]
    assert [m["anchor"]["version"] for m in told] == [
        "3"
    ] * 3  # what was verified last, if the run verified none
    assert told[2]["title"] == f"[anchor] recovered: {attacked.target} is OK again"


def test_a_second_cause_names_the_severer_entry_first_and_the_other_too(attacked: Attacked) -> None:
    rolled_back(attacked)
    changed(attacked, b"| A | 1 |", b"| A | 9 |")
    attacked.serve(attacked.log.fork(1))
    assert attacked.found() is Class.EQUIVOCATION
    (told,) = messages(attacked)
    assert told["anchor"]["alarm"] == "log-fork"
    also = [line for line in told["message"].split("\n") if line.startswith("also ")]
    assert also
    assert all(line.partition("#")[2] in ENTRIES for line in also)


def test_a_signature_in_your_name_says_what_to_do(attacked: Attacked) -> None:
    watch_names(attacked)
    assert attacked.found() is Class.OK
    attacked.serve(attacked.log.clone().append(thief(attacked.site.home).entry()))
    assert attacked.found() is Class.FINDINGS
    (told,) = messages(attacked)
    assert (told["type"], told["anchor"]["alarm"]) == ("failure", "signed-in-your-name")
    ran = typed(attacked, told["anchor"]["run"])
    assert ran.returncode == 0, ran
    assert '"kind":"entry-found"' in (attacked.folder / "records.jsonl").read_text()


# -- commands that are printed -----------------------------------------------------------------------------


@pytest.fixture(params=["fork", "changed", "rollback", "gone"])
def scene(request: pytest.FixtureRequest, attacked: Attacked) -> Attacked:
    """A watcher to whom something happened, and who was told of it."""
    if request.param == "fork":
        attacked.serve(attacked.log.fork(1))
    if request.param == "changed":
        changed(attacked, b"| A | 1 |", b"| A | 9 |")
    if request.param == "rollback":
        rolled_back(attacked)
    if request.param == "gone":
        shutil.move(attacked.site.release, attacked.folder / "moved")
    assert attacked.found() is not Class.OK
    return attacked


def works(attacked: Attacked, line: str) -> str:
    """The output of a command. It must end with a class other than USAGE and ERROR."""
    ran = typed(attacked, line)
    assert ran.returncode in {c.exit_code for c in Class} - {2, 70}, (line, ran)
    return ran.stdout


def test_what_a_message_tells_to_run_works(scene: Attacked) -> None:
    (told,) = messages(scene)
    (line,) = [t.removeprefix("run: ") for t in told["message"].split("\n") if t.startswith("run: ")]
    assert line == told["anchor"]["run"]
    if scene.site.release.exists():
        assert works(scene, line)
    else:
        assert "release.json" in typed(scene, line).stderr  # there is nothing to verify


TYPED = [
    *dict.fromkeys(
        line
        for title, entry in ENTRIES.items()
        if title not in ("mirrors", "witnesses", "an-older-release-is-served")
        for line in lines(entry)
    )
]


def test_every_kind_has_something_to_run_and_the_page_has_more() -> None:
    assert all(kind.run.startswith("anchor ") for kind in KINDS)
    assert len(TYPED) > 12
    named = {kind.run.replace("{target}", '"$TARGET"') for kind in KINDS}
    assert named <= set(TYPED), named - set(TYPED)


def test_every_line_of_the_runbook_works_as_it_is_printed(attacked: Attacked) -> None:
    """In the order of the page; the release that is let go is taken back at the end."""
    attacked.serve(attacked.log.fork(1))
    assert attacked.found() is Class.EQUIVOCATION
    for line in sorted(TYPED, key=lambda t: ("verify-evidence" in t, "--forget" in t)):
        printed = works(attacked, line)
        assert printed or line.startswith(("cp ", "anchor reverify --forget", "anchor records export -o")), (
            line
        )
    assert typed(attacked, 'anchor reverify "$TARGET"').returncode == Class.EQUIVOCATION.exit_code


def test_a_rollback_that_is_meant_is_accepted_as_the_runbook_prints_it(attacked: Attacked) -> None:
    rolled_back(attacked)
    assert attacked.found() is Class.UNAVAILABLE
    assert messages(attacked)[0]["anchor"]["alarm"] == "older-release"
    (line,) = lines(ENTRIES["an-older-release-is-served"])
    assert typed(attacked, line).returncode == 0
    assert attacked.found() is Class.OK
    (told,) = messages(attacked)
    assert (told["type"], told["anchor"]["alarm"], told["anchor"]["number"]) == ("success", "recovered", 1)
