# SPDX-License-Identifier: Apache-2.0
"""The verdicts of all commands that print one, as a pseudo-terminal shows them, beside checked-in files.

`python3 tasks.py verdicts` writes the files again.
"""

import contextlib
import json
import re
import shlex
from pathlib import Path

import pytest

from anchor.verdict import Class
from tests.support.generate.verdict_snapshots import FOLDER, snapshot
from tests.support.process.anchor_cli import anchor
from tests.support.process.pseudo_terminal import on_terminal
from tests.support.process.typed import typed
from tests.support.releases import audit_cases, history_cases, verdict_cases
from tests.support.releases.verdict_cases import Case

GROUPS = {
    "verify": verdict_cases.of_releases,
    "verify-bundle": verdict_cases.of_bundles,
    "verify-receipt": verdict_cases.of_receipts,
    "verify-receipt-several": audit_cases.of_many_receipts,
    "verify-evidence": audit_cases.of_evidence,
    "verify-history": history_cases.of_histories,
    "reverify": verdict_cases.of_runs,
    "mirror": audit_cases.of_mirrors,
    "compare": audit_cases.of_comparisons,
    "records-check": audit_cases.of_records,
}
ESCAPE = "\x1b"
WIDEST = 72


@pytest.fixture(scope="module", params=GROUPS)
def group(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """The cases of one command."""
    return list(GROUPS[request.param](tmp_path_factory.mktemp("verdicts") / "cases"))


CLASSES = {
    "verify": set(Class) - {Class.FINDINGS, Class.ERROR},
    "verify-bundle": {Class.OK, Class.USAGE, Class.PENDING, Class.UNSUPPORTED, Class.INVALID},
    "verify-receipt": set(Class) - {Class.FINDINGS, Class.ERROR},
    "verify-receipt-several": set(Class) - {Class.FINDINGS, Class.ERROR},
    "verify-evidence": {Class.EQUIVOCATION, Class.USAGE, Class.UNSUPPORTED, Class.INVALID},
    "verify-history": set(Class) - {Class.STALE, Class.WITHDRAWN, Class.ERROR},
    "reverify": set(Class) - {Class.USAGE},
    "mirror": set(Class) - {Class.FINDINGS, Class.ERROR},
    "compare": {Class.OK, Class.UNAVAILABLE, Class.EQUIVOCATION, Class.INVALID, Class.FINDINGS},
    "records-check": {Class.OK, Class.UNAVAILABLE, Class.EQUIVOCATION, Class.INVALID},
}
"""The classes that a verdict of each command has here. NOT-FOUND is no class of a verdict."""


def test_each_verdict_is_as_in_its_file(group: list[Case]) -> None:
    for case in group:
        kept = (FOLDER / f"{case.name}.txt").read_text(encoding="utf-8")
        assert snapshot(case) == kept, f"{case.name}: python3 tasks.py verdicts"


def test_each_file_is_of_a_case(group: list[Case], request: pytest.FixtureRequest) -> None:
    """And the cases of a command have all classes that its verdicts can have."""
    command = request.node.callspec.params["group"]
    more = tuple(f"{name}-" for name in GROUPS if name.startswith(f"{command}-"))
    mine = [p.stem for p in FOLDER.glob(f"{command}-*.txt") if not (more and p.stem.startswith(more))]
    assert sorted(mine) == sorted(case.name for case in group)
    assert {case.verdict for case in group} == CLASSES[command] - {Class.NOT_FOUND}


def test_no_line_is_too_long_except_for_digests_and_urls(group: list[Case]) -> None:
    for case in group:
        for columns, most in ((200, WIDEST), (30, 40)):
            with case.ready():
                seen = on_terminal(*case.words, columns=columns, cwd=case.cwd, env={"NO_COLOR": "1"})
            for line in seen.text.splitlines():
                whole = "://" in line or re.search(r"[0-9a-f]{16}|\+[0-9a-f]{8}\+", line) or "--" in line
                assert len(line) <= most or whole, (case.name, columns, line)


def test_a_pipe_gets_no_escape_sequence_and_quiet_prints_nothing_if_it_is_ok(group: list[Case]) -> None:
    for case in group:
        with case.ready():
            ran = anchor(*case.words, cwd=case.cwd)
        assert ran.code == case.verdict.exit_code, ran
        assert ESCAPE not in ran.out + ran.err
        assert ran.out.splitlines()[0].startswith(f"{case.verdict}  ")
        with case.ready():
            short = anchor(*case.words, "-q", cwd=case.cwd)
        assert (short.out == "") == (case.verdict is Class.OK), case.name
        assert short.code == ran.code


def test_with_verbose_the_checks_follow(group: list[Case]) -> None:
    for case in group:
        with case.ready():
            ran = anchor(*case.words, "-v", cwd=case.cwd)
        assert "--verbose shows them" not in ran.out
        *printed, last = ran.out.splitlines()
        goes_on = case.verdict is Class.USAGE and last.startswith("next: anchor policy ")
        printed += [] if goes_on else [last]
        if case.name.startswith("verify-receipt-several-"):
            receipts = [str(word) for word in case.words if str(word).endswith(".json")]
            lines = printed[-len(receipts) - 1 : -1]
            assert [re.sub("^OK: ", "", line).partition(":")[0] for line in lines] == receipts
        else:
            assert "\n  1. " in ran.out
        assert printed[-1].startswith(f"{case.verdict}: ")


@pytest.fixture
def a_case(tmp_path: Path) -> Case:
    return next(verdict_cases.of_receipts(tmp_path / "cases"))


@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_is_for_a_terminal_unless_the_user_says_otherwise(
    a_case: Case, env: dict[str, str], coloured: bool
) -> None:
    seen = on_terminal(*a_case.words, columns=80, cwd=a_case.cwd, env=env)
    assert (ESCAPE in seen.text) == coloured
    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen.text)
    assert plain == on_terminal(*a_case.words, columns=80, cwd=a_case.cwd, env={"NO_COLOR": "1"}).text
    assert ESCAPE not in plain


def test_colour_can_be_forced_into_a_pipe(a_case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert anchor(*a_case.words, cwd=a_case.cwd).out.startswith(f"{ESCAPE}[1;32mOK{ESCAPE}[0m  ")


def test_the_command_that_a_refusal_names_works(tmp_path: Path) -> None:
    """The one that writes a policy, and the one that exports evidence, as a shell reads them."""
    for case in (*verdict_cases.of_releases(tmp_path / "r"), *verdict_cases.of_runs(tmp_path / "w")):
        if case.name not in ("verify-no-policy", "reverify-two-statements"):
            continue
        with case.ready():
            text = anchor(*case.words, cwd=case.cwd).out
        (command,) = re.findall(r"^ +(anchor (?:.*\\\n)*.*)$", text, re.MULTILINE)
        words = shlex.split(command.replace("\\\n", ""))
        with contextlib.chdir(case.cwd):
            Path("policy.toml").unlink(missing_ok=True)  # a stranger has none yet
            ran = typed(groups(case) if words[1] == "policy" else "", *words[1:])
            assert ran.code == 0, words
            for following in re.findall("; now: (.*)", ran.err):
                assert anchor(*shlex.split(following)[1:]).code == 0, following


def groups(case: Case) -> str:
    """The first and the last group of the digest of its trusted root."""
    digest = json.loads((case.cwd / "good" / "release.json").read_bytes())["trusted_root"]["sha256"]
    return f"{digest[:4]}\n{digest[-4:]}\n"


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_checks_are_folded_at_the_width_of_the_terminal_and_nothing_is_lost(
    a_case: Case, columns: int
) -> None:
    piped = anchor(*a_case.words, "-v", cwd=a_case.cwd).out
    seen = on_terminal(*a_case.words, "-v", columns=columns, cwd=a_case.cwd, env={"NO_COLOR": "1"}).text
    for line in seen.splitlines():
        assert len(line) <= columns or "://" in line or re.search("[0-9a-f]{16}", line), line
    checks = piped[piped.index("\n  1. ") :]
    assert "".join(seen[seen.index("\n  1. ") :].split()) == "".join(checks.split())
