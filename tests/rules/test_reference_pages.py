# SPDX-License-Identifier: Apache-2.0
"""The pages of reference say what the code does: settings, exit codes, keys of a policy."""

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from anchor.cli.commands import cli
from anchor.cli.main import STOPPED
from anchor.errors import Misuse
from anchor.monitor import alarm
from anchor.monitor.alarm_kinds import KINDS, AlarmKind
from anchor.monitor.run_record import RunRecord
from anchor.verdict import WORST_FIRST, Check, Class, Verdict
from anchor.verify import policy
from tests.support.generate import alarm_page
from tests.support.process.anchor_cli import ROOT, anchor
from tests.support.process.json_forms import validated

SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
EXIT_CODES = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
POLICY = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
A_VARIABLE = re.compile(r"_?[A-Z]+(?:_[A-Z]+)+|HOME")


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the tables of a page."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def commands(found: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command, with the name that stands first after `anchor`."""
    if not isinstance(found, click.Group):
        yield path[0], found
        return
    context = click.Context(found)
    for name in found.list_commands(context):
        inner = found.get_command(context, name)
        assert inner is not None
        yield from commands(inner, (*path, name))


def variables() -> dict[tuple[str, str], set[str]]:
    """Variable and option, with the commands that have the option."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name, command in commands():
        for option in command.params:
            if isinstance(option, click.Option) and option.envvar is not None:
                found[str(option.envvar), option.opts[-1]].add(name)
    return found


def test_every_variable_that_sets_an_option_is_on_the_page_and_no_other() -> None:
    table = SETTINGS.partition("## Environment variables")[2].partition("These are not options")[0]
    said = {
        (row[0].strip("`"), re.findall(r"`(--[a-z-]+)`", row[1])[0]): set(re.findall(r"`([a-z-]+)`", row[2]))
        for row in rows(table)[1:]
    }
    real = variables()
    assert set(said) == set(real)
    for key, named in said.items():
        assert not named or named == real[key], key


def read_by_the_code() -> set[str]:
    """Every name of a variable in a module that reads the environment, and each of ours anywhere."""
    found = set()
    for path in (ROOT / "anchor").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            name = node.value
            if A_VARIABLE.fullmatch(name) and ("environ" in text or name.lstrip("_").startswith("ANCHOR_")):
                found.add(name)
    return found


def test_every_variable_that_the_code_reads_is_on_the_page() -> None:
    named = {name for row in rows(SETTINGS) for name in re.findall(r"`([A-Z_]+)`", row[0])}
    ours = {name for name in named if name.lstrip("_").startswith("ANCHOR_")}
    read = read_by_the_code()
    assert read <= named, read - named
    assert ours <= read, ours - read


def test_the_configuration_of_the_page_is_accepted_by_each_of_its_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = re.findall(r"```toml config\n(.*?)```", SETTINGS, re.DOTALL)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "ledger-anchor" / "config.toml"
    file.parent.mkdir()
    file.write_text(text)
    paths = [["instance", "serve"] if name == "instance" else [name] for name in tomllib.loads(text)]
    assert len(paths) > 3
    for words in paths:
        ran = anchor(*words, "--no-such-option")
        assert "no such option" in ran.line, ran  # the file was read before, and nothing in it is wrong
    file.write_text(text.replace("offline", "ofline"))
    assert f"{file}: verify.ofline: no such option" in anchor("verify", "x").line


def test_the_table_of_exit_codes_is_that_of_the_code() -> None:
    said = [(int(row[0]), row[1]) for row in rows(EXIT_CODES)[1:]]
    assert said == [*((found.exit_code, str(found)) for found in Class), (STOPPED, "none")]
    (order,) = re.findall(r"^ERROR, .*$", EXIT_CODES, re.MULTILINE)
    assert order.split(", ") == [str(found) for found in WORST_FIRST]
    assert set(Class) - set(WORST_FIRST) == {Class.NOT_FOUND}


def test_the_readme_says_the_same() -> None:
    table = dict(
        re.findall(
            r"^\| (\d+) \| ([A-Z-]+) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    real = {str(found.exit_code): str(found) for found in Class}
    assert table.items() <= real.items()
    assert set(real.values()) - set(table.values()) <= {"ERROR"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("release.json", "release/policy.toml"), "use it"),
        (("release.json", "no-such-policy.toml"), "look at the command"),
        (("release.json", "strict.toml"), "try again later"),
        (("forged.json", "release/policy.toml"), "do not use it, and tell somebody"),
    ],
)
def test_the_script_of_the_page_tells_the_classes_apart(
    words: tuple[str, str], said: str, tmp_path: Path
) -> None:
    (script,) = re.findall(r"```sh\n(.*?)```", EXIT_CODES, re.DOTALL)
    release, given = words
    data = (ROOT / "release.json").read_bytes()
    shutil.copytree(ROOT / "release", tmp_path / "release")
    (tmp_path / "release.json").write_bytes(data)
    (tmp_path / "forged.json").write_bytes(data.replace(b'"size":681', b'"size":680').rstrip() + b" ")
    own = (ROOT / "release" / "policy.toml").read_text(encoding="utf-8")
    strict = own.replace("min_anchors = 1", "min_anchors = 2").replace('path = "', 'path = "release/')
    (tmp_path / "strict.toml").write_text(strict)
    script = script.replace("release.json", release, 1).replace(" policy.toml", f" {given}", 1)
    script = script.replace("anchor ", f"{shlex.quote(sys.executable)} -m anchor ", 1)
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == f"{said}\n", done


def test_the_page_of_alarms_is_made_of_the_code() -> None:
    assert (ROOT / "docs" / "alarms.md").read_text(encoding="utf-8") == alarm_page.document(), (
        "run: python3 tasks.py alarms"
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_the_content_of_a_message_is_a_document_of_its_schema(kind: AlarmKind) -> None:
    check = Check(name=(*kind.checks, "another")[0], state="refused", detail="b", demotes=kind.verdict)
    checks = () if kind.verdict is Class.OK else (check,)
    record = RunRecord(verdict=Verdict(kind="run", target="t", verdict=kind.verdict, checks=checks))
    news = alarm.News(verdict=kind.verdict, new=alarm.seen(record.verdict).causes)
    sent = alarm.message("t", news, record, when="2026-01-01T00:00:00Z", uid="u")
    assert sent.details is not None
    found = json.loads(msgspec.json.encode(sent.details))
    assert validated(found) == "alarm:v1"
    assert found["severity"] == kind.severity


def keys_known_to(text: str) -> set[str]:
    """The keys that the reader of policies names in its refusal of an unknown one."""
    with pytest.raises(Misuse) as refused:
        policy.parse_policy(text.encode())
    assert "unknown key 'zzz'" in str(refused.value), refused.value
    return set(refused.value.remedy.removeprefix("known are ").split(", "))


HEAD = 'ledger = "a"\n'
SIGNER = '[[signer]]\nidentity = "a"\nissuer = "b"\n'
TABLES = {
    "": f"{HEAD}zzz = 1\n{SIGNER}",
    "trusted_root": f'{HEAD}trusted_root = [{{path = "a", zzz = 1}}]\n{SIGNER}',
    "[[signer]]": f"{HEAD}{SIGNER}zzz = 1\n",
    "[[log]]": f"{HEAD}{SIGNER}[[log]]\nzzz = 1\n",
    "[[watch]]": f"{HEAD}{SIGNER}[[watch]]\nzzz = 1\n",
    "[[watched_identity]]": f"{HEAD}{SIGNER}[[watch]]\n[[watched_identity]]\nzzz = 1\n",
}


@pytest.mark.parametrize("table", TABLES)
def test_every_key_of_a_policy_is_on_the_page_and_in_an_example_that_runs(table: str) -> None:
    keys = keys_known_to(TABLES[table])
    examples = "\n".join(re.findall(r"^```toml .*?^```", POLICY, re.DOTALL | re.MULTILINE))
    for key in keys:
        assert re.search(rf"`(?:\[\[)?{key}(?:\]\])?`|{{[^}}]*\b{key}\b", POLICY), key
        assert re.search(rf"(?:^|[{{,] ?|\[\[){key}(?: =|\]\])", examples, re.MULTILINE), key
