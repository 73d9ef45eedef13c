# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/operations.md and of the end of docs/runbook.md, typed as they are printed. Only the
names that stand for the reader's own are replaced."""

import re
import shutil
from datetime import timedelta

import pytest

from anchor.format import release as release_file
from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked
from tests.support.attacks.typed_lines import lines, typed
from tests.support.process.anchor_cli import ROOT

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
AFTER_ALARMS = RUNBOOK.partition("\n## Mirrors\n")[2]
_CRON = re.compile(r"(?:[\d*/]+ ){5}")


def of(page: str, start: str, nth: int = 0) -> str:
    """The printed command that begins so, without the five fields of cron."""
    found = [_CRON.sub("", line, count=1) for line in lines(page)]
    return [line for line in found if line.startswith(start)][nth]


def own(attacked: Attacked, line: str) -> str:
    """The line with the reader's own names for those of the page."""
    for theirs, ours in {
        "https://example.org/ledger/release.json": attacked.target,
        "https://example.org/ledger/": str(attacked.site.root),
        "/etc/anchor/policy.toml": str(attacked.folder / "watched.toml"),
        "/var/lib/anchor-publisher": str(attacked.site.home),
        "/var/lib/anchor": str(attacked.home),
        "/srv/site": str(attacked.site.root),
        "/srv/mirror": str(attacked.folder / "mirror"),
        "TARGET": attacked.target,
        "ORIGIN": attacked.log.origin,
        "VKEY": attacked.log.key.vkey,
        "RELEASE": attacked.target,
    }.items():
        line = re.sub(rf"(?<![\w/$]){re.escape(theirs)}(?![\w-])", lambda _, ours=ours: ours, line)  # type: ignore[misc]
    return line


def run(attacked: Attacked, line: str, code: int = 0) -> str:
    """The output of a line on both streams; it must end with this code."""
    ran = typed(attacked, own(attacked, line))
    assert ran.returncode == code, (line, ran)
    return ran.stdout + ran.stderr


def test_the_line_for_cron_verifies_and_is_silent_while_all_is_well(attacked: Attacked) -> None:
    line = of(OPERATIONS, "anchor reverify https")
    assert run(attacked, line) == ""
    ledger = attacked.site.path("ledger.md")
    ledger.write_bytes(ledger.read_bytes().replace(b"| A | 1 |", b"| A | 9 |"))
    assert "value is '9', signed was '1'" in run(attacked, line, code=8)


def test_the_line_for_cron_renews_a_status_only_when_it_is_old(attacked: Attacked) -> None:
    line = of(OPERATIONS, "anchor renew")
    assert "is in place" in run(attacked, line)
    assert run(attacked, line) == ""
    assert timedelta(days=7) == timedelta(days=int(re.findall(r"--older-than (\d+)d", line)[0]))


def test_the_command_of_the_timer_says_that_nothing_is_watched_and_then_verifies(fresh: Attacked) -> None:
    (unit,) = re.findall(r"^ExecStart=/usr/local/bin/(anchor reverify .*)$", OPERATIONS, re.M)
    assert "nothing is watched" in run(fresh, unit, code=3)
    assert "OK" in run(fresh, "anchor reverify RELEASE")
    assert run(fresh, unit) == ""


def test_the_evidence_of_a_fork_is_exported_and_checked_with_the_key_of_the_log(attacked: Attacked) -> None:
    attacked.serve(attacked.log.fork(1))
    assert attacked.found() is Class.EQUIVOCATION
    run(attacked, of(OPERATIONS, "anchor records export"))
    (file,) = (attacked.folder / "evidence").iterdir()
    line = of(OPERATIONS, "anchor verify-evidence").replace("FILE.json", file.name)
    assert "EQUIVOCATION" in run(attacked, line, code=6)


def test_a_release_of_before_is_accepted_and_a_log_let_go_as_the_page_prints_it(attacked: Attacked) -> None:
    data = (attacked.site.root / "release" / "1" / "release.json").read_bytes()
    old = release_file.relocate(release_file.load(data), "release/1/")
    attacked.site.release.write_bytes(release_file.dump(old))
    assert attacked.found() is Class.UNAVAILABLE
    run(attacked, of(OPERATIONS, "anchor records accept"))
    assert attacked.found() is Class.OK
    run(attacked, of(OPERATIONS, "anchor records forget-log"))


@pytest.mark.parametrize(
    "said",
    ["anchor records prune --older-than 400d", "anchor reverify --forget RELEASE", "anchor records check"],
)
def test_a_command_within_a_sentence_works(said: str, attacked: Attacked) -> None:
    assert f"`{said}`" in OPERATIONS
    run(attacked, 'anchor verify "$TARGET"')  # which keeps the pinned root for this user
    run(attacked, said)


def test_the_line_for_a_mirror_keeps_one(attacked: Attacked) -> None:
    shutil.copytree(
        attacked.served, attacked.site.root / "release" / "log" / attacked.log.origin, dirs_exist_ok=True
    )
    assert "are verified and in the mirror" in run(attacked, of(AFTER_ALARMS, "anchor mirror"))
    assert (attacked.folder / "mirror" / "release.json").is_file()


def test_the_line_for_a_witness_shows_the_heads_that_it_holds(attacked: Attacked) -> None:
    words = f"anchor witness init --name example.com/w1 && anchor witness logs add {attacked.log.key.vkey}"
    ran = typed(attacked, words, ANCHOR_WITNESS_HOME=str(attacked.folder / "w1"))
    assert ran.returncode == 0, ran
    line = of(AFTER_ALARMS, "anchor witness")
    ran = typed(attacked, line, ANCHOR_WITNESS_HOME=str(attacked.folder / "w1"))
    assert ran.returncode == 0, ran
    assert attacked.log.origin in ran.stdout


def test_no_command_of_a_block_is_left_out() -> None:
    """A new line needs a test here, or beside the commands of the alarms."""
    walked = (
        "reverify https",
        "renew",
        "records export",
        "verify-evidence",
        "records accept",
        "records forget-log",
    )
    left = [_CRON.sub("", line, count=1) for line in lines(OPERATIONS)]
    left = [line for line in left if re.match(r"anchor [a-z]", line)]
    assert [line.startswith(tuple(f"anchor {w}" for w in walked)) for line in left] == [True] * len(walked)
    after = [_CRON.sub("", line, count=1) for line in lines(AFTER_ALARMS)]
    assert [" ".join(line.split()[:3]) for line in after] == [
        "anchor mirror https://example.org/ledger/",
        "anchor witness show",
    ]
