# SPDX-License-Identifier: Apache-2.0
"""A person reads the short form of an embedded log. The whole stands where somebody copies or compares it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import LEDGER, NAME, Site, published

WHOLE = re.compile(r"(?<![\w./+-])(?:publisher@)?[0-9a-f]{16}[.]anchor-embedded[.]invalid(?![.]?[\w/+-])")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Published twice, and watched."""
    found = published(tmp_path_factory.mktemp("published"))
    assert anchor("reverify", found.release, *policy(found), "--home", records(found)).code == 0
    return found


def policy(site: Site) -> tuple[object, ...]:
    return "--policy", site.policy


def records(site: Site) -> Path:
    return site.home.parent / "records"


def publish(site: Site, version: str, *more: object) -> Ran:
    file = site.home.parent / "next.md"
    file.write_text(LEDGER.replace("| 2 |", f"| {version} |"))
    words = ("--name", NAME, "--version", version, "--root", site.root, "--home", site.home)
    return anchor("publish", file, *words, *more)


def draft(site: Site) -> Path:
    file = site.home.parent / "draft.md"
    file.write_text(LEDGER.replace("| 2 |", "| 7 |"))
    return file


def withdraw(site: Site, *more: object) -> Ran:
    words = ("--release", "1.0.0", "--kind", "withdrawn", "--reason", "measured twice", "--home", site.home)
    return anchor("withdraw", site.root, *words, *more)


SHORT: dict[str, Callable[[Site], Ran]] = {
    "verify": lambda s: anchor("verify", s.release, *policy(s)),
    "reverify": lambda s: anchor("reverify", s.release, *policy(s), "--home", records(s)),
    "status": lambda s: anchor("status", "--home", records(s)),
    "chain": lambda s: anchor("chain", s.release, *policy(s)),
    "log": lambda s: anchor("log", s.release, "--where", "label=A", *policy(s)),
    "find": lambda s: anchor("find", s.release, "--where", "label=A", *policy(s)),
    "diff": lambda s: anchor("diff", s.release, draft(s), *policy(s)),
    "mirror": lambda s: anchor("mirror", s.root, s.home.parent / "mirror", *policy(s)),
    "dry run": lambda s: publish(s, "1.0.1", "--dry-run"),
    "withdraw": lambda s: withdraw(s, "--dry-run"),
    "publish": lambda s: publish(s, "1.0.1"),
    "backup": lambda s: anchor("instance", "backup", s.home.parent / "backup", "--home", s.home),
    "export": lambda s: anchor("instance", "export", "--home", s.home, "-o", s.home.parent / "out"),
}


@pytest.mark.parametrize("command", SHORT)
def test_a_person_reads_the_short_form(command: str, site: Site) -> None:
    ran = SHORT[command](site)
    assert ran.code in (0, 10), ran
    origin = str(site.value["anchors"][0]["log"]["origin"])
    read = ran.err if command in ("publish", "dry run", "withdraw") else ran.out
    assert f"{origin[:4]}...invalid" in read
    assert not WHOLE.search(read), read


def test_a_program_and_a_policy_have_it_whole(site: Site) -> None:
    origin = str(site.value["anchors"][0]["log"]["origin"])
    for words in (
        ("status", "--home", records(site)),
        ("chain", site.release, *policy(site)),
        ("verify", site.release, *policy(site)),
    ):
        ran = anchor(*words, "--json")
        assert origin in ran.out
        assert "...invalid" not in ran.out
    assert origin in anchor("status", "--home", records(site), "-v").out
    ran = publish(site, "1.0.2")
    assert ran.code == 0, ran
    assert f'identity = "publisher@{origin}"' in ran.out
    for words in (("policy", site.release, "--not-compared"), ("inspect", site.release)):
        ran = anchor(*words)
        assert origin in ran.out + ran.err, "it is compared and copied"


def test_what_is_only_claimed_stands_whole(site: Site) -> None:
    """Nobody says without a policy that this log is the right one: a stranger can have its four digits."""
    for command in ("verify", "chain"):
        ran = anchor(command, site.release)
        assert ran.code == 2
        assert "...invalid" not in ran.out + ran.err
