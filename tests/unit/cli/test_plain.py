# SPDX-License-Identifier: Apache-2.0
"""A plain command line means the same to `plain` and to click, and everything else is left to click."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from anchor.cli import commands, options, plain
from tests.support.process.anchor_cli import anchor

HERE = Path(__file__)


def command(name: str) -> click.Command:
    found = commands.cli.get_command(click.Context(commands.cli), name)
    assert found is not None
    return found


def by_click(name: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The values that click gives to the function that both call, without None and False."""
    got: dict[str, Any] = {}
    monkeypatch.setattr(plain, name.replace("-", "_"), lambda **given: got.update(given))
    commands.call([name, *words])
    return {k: v for k, v in got.items() if v not in (None, False)}


@pytest.mark.parametrize("name", plain.LINES)
def test_the_table_has_the_options_that_click_has(name: str) -> None:
    line, declared = plain.LINES[name], command(name).params
    arguments = [p for p in declared if isinstance(p, click.Argument)]
    taken = {name: p for p in declared if isinstance(p, click.Option) for name in p.opts}
    assert [p.name for p in arguments] == [line.argument]
    assert all(p.nargs in (1, -1) and p.required for p in arguments)  # several are read by click
    kinds = {
        "files": {n: p.name for n, p in taken.items() if isinstance(p.type, options.InputFile)},
        "flags": {n: p.name for n, p in taken.items() if p.is_flag},
    }
    assert line.files == kinds["files"]
    assert line.flags == kinds["flags"]
    assert line.texts == {
        n: p.name for n, p in taken.items() if n not in kinds["files"] and n not in kinds["flags"]
    }
    assert line.required == {p.name for p in taken.values() if p.required}
    assert set(line.variables) == {p.envvar for p in taken.values() if p.envvar}
    assert all(len(p.opts) <= 2 and not p.multiple and p.nargs == 1 for p in taken.values())


def lines(name: str) -> Iterator[list[str]]:
    """Plain command lines: every option alone, all pairs in both orders, with the argument at each place."""
    line = plain.LINES[name]
    valued = [[word, str(HERE)] for word in (*line.files, *line.texts)]
    pieces = [*valued, *([word] for word in line.flags)]
    needed = [[word, str(HERE)] for word in line.files if line.files[word] in line.required]
    for one, other in itertools.permutations(pieces, 2):
        if line.flags.get(one[0], one[0]) == line.flags.get(other[0], other[0]):
            continue  # one option in its two forms
        chosen = [one, other, *(n for n in needed if n not in (one, other))]
        for at in range(len(chosen) + 1):
            yield [w for piece in (*chosen[:at], ["some name"], *chosen[at:]) for w in piece]
    yield [*(w for n in needed for w in n), "name"]


@pytest.mark.parametrize("name", plain.LINES)
def test_a_plain_line_gives_the_values_that_click_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in lines(name):
        assert plain.read(plain.LINES[name], words) == by_click(name, words, monkeypatch), words


BUNDLE = ["--bundle", str(HERE)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("verify", []),
        ("verify", ["-"]),
        ("verify", [""]),
        ("verify", ["a", "b"]),
        ("verify", ["a", "--help"]),
        ("verify", ["--", "a"]),
        ("verify", ["--offline", "--", "a"]),
        ("verify", ["a", "--offline", "--offline"]),
        ("verify", ["a", "--offlin"]),
        ("verify", ["a", "--policy"]),
        ("verify", ["a", "--policy", ""]),
        ("verify", ["a", "--policy", "-"]),
        ("verify", ["a", "--policy", "/dev/stdin"]),
        ("verify", ["a", "--policy", "--offline"]),
        ("verify", ["a", "--policy", "no such file"]),
        ("verify", ["a", f"--policy={HERE}"]),
        ("verify", ["a", "--policy", str(HERE), "--policy", str(HERE)]),
        ("verify", ["a", "--ledger", ""]),
        ("verify", ["a", "--trusted-root", "-"]),
        ("verify-bundle", ["a"]),
        ("verify-bundle", BUNDLE),
        ("verify-bundle", [*BUNDLE, "-"]),
        ("verify-bundle", [*BUNDLE, "/dev/stdin"]),
        ("verify-bundle", [*BUNDLE, "a", "--key", "-"]),
        ("verify-bundle", [*BUNDLE, "a", "--certificate-identity"]),
    ],
)
def test_any_other_line_is_left_to_click(name: str, words: list[str]) -> None:
    assert plain.read(plain.LINES[name], words) is None


def test_what_can_set_an_option_elsewhere_leaves_all_to_click(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANCHOR_POLICY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    words = ["verify", "no such release"]
    called: list[dict[str, Any]] = []

    def run(**given: Any) -> int:
        called.append(given)
        return 0

    monkeypatch.setattr(plain, "verify", run)
    assert plain.call(words) == 0
    assert called == [{"release": "no such release"}]
    for variable in ("ANCHOR_POLICY", "_ANCHOR_COMPLETE"):
        with monkeypatch.context() as m:
            m.setenv(variable, "")
            assert plain.call(words) is None
    (tmp_path / "ledger-anchor").mkdir()
    (tmp_path / "ledger-anchor" / "config.toml").symlink_to("nowhere")
    assert plain.call(words) is None
    assert plain.call(["lint", "a"]) is plain.call([]) is None


def test_both_ways_fail_with_one_line(tmp_path: Path) -> None:
    ran = [
        anchor("verify", *words, cwd=tmp_path)
        for words in (["absent", "--offline"], ["--offline", "--", "absent"])
    ]
    assert ran[0] == ran[1]
    assert ran[0].code == 2


def test_a_plain_line_does_not_import_click() -> None:
    code = "import sys; from anchor.cli.main import run; run(['verify', 'absent'])"
    code += "; sys.exit('click' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
