# SPDX-License-Identifier: Apache-2.0
"""A published file is changed beside an intact one: verify, reverify and alarm name the fact, over time."""

from pathlib import Path

import pytest

from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked
from tests.support.process.anchor_cli import anchor, says
from tests.support.releases.published import LEDGER, Site, published
from tests.support.servers.folder_server import serve_folder

MANY = LEDGER + "".join(f"| D{at} | 7 |\n" for at in range(12))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("changed"), MANY)


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def bodies(attacked: Attacked) -> list[str]:
    """The notifications since the last call."""
    found = [str(m["message"]) for m in attacked.hook.messages]
    attacked.hook.messages.clear()
    return found


def test_the_alarm_names_the_fact_and_another_change_is_another_alarm(attacked: Attacked) -> None:
    md = attacked.site.path("ledger.md")
    text = md.read_text(encoding="utf-8")
    assert attacked.found() is Class.OK
    for new, told in (("9", 1), ("9", 0), ("8", 1)):
        md.write_text(text.replace("| 1 |", f"| {new} |"))
        assert attacked.found() is Class.INVALID
        found = bodies(attacked)
        assert len(found) == told
        assert all(f"line 3: value is '{new}', signed was '1' (A);" in body for body in found)
    md.write_text(text)
    assert attacked.found() is Class.OK
    assert bodies(attacked)
    changed(attacked.site.path("ledger.json"), '"2"', '"3"')
    assert attacked.found() is Class.INVALID
    (body,) = bodies(attacked)
    assert "ledger-json: refused: " in body
    assert "line 3: value is '3', signed was '2' (B);" in body


def test_a_changed_and_shortened_file_is_told_as_a_copy_in_progress_is_not(attacked: Attacked) -> None:
    """The attacker shortens the file that he changes, so that it looks like a copy in progress. Then there is
    a real one. Then the attacker comes back, and at last the file is whole again."""
    md = attacked.site.path("ledger.md")
    whole = md.read_bytes()
    assert attacked.found() is Class.OK
    other = whole.replace(b"| 1 |", b"| 9 |")
    for data, told in (
        (other[:-1], 1),  # without its last line end
        (other[:-4], 1),  # it ends in the middle of a row, which no reader takes
        (other[:-4], 0),  # the same once more
        (whole.replace(b"| A | 1 |\n", b""), 1),  # without a fact
    ):
        md.write_bytes(data)
        assert attacked.found() is Class.INVALID, data
        assert len(bodies(attacked)) == told, data
    for data in (whole[:-1], whole[:-4], whole[: len(whole) // 2], b""):
        md.write_bytes(data)
        assert attacked.found() is Class.UNAVAILABLE, data
    bodies(attacked)
    md.write_bytes(other[:-1])
    assert attacked.found() is Class.INVALID
    (body,) = bodies(attacked)
    assert "line 3: value is '9', signed was '1' (A);" in body
    assert "no missing end of a file explains it" in body
    md.write_bytes(whole)
    assert attacked.found() is Class.OK


def test_the_alarm_lists_several_facts_in_lines_of_their_own(attacked: Attacked) -> None:
    md = attacked.site.path("ledger.md")
    changed(md, "| A |", "| A\t|")
    assert attacked.found() is Class.INVALID
    (body,) = bodies(attacked)
    assert "its facts are as signed, its other bytes are not" in body
    rows = [line for line in md.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 1
    for row in rows:
        changed(md, row, row.replace("| ", "| z", 1))
    assert attacked.found() is Class.INVALID
    (body,) = bodies(attacked)
    assert "differs from what was signed:\n- " in body
    assert body.count("label is 'z") > len(rows)


def test_reverify_lists_ten_facts_and_counts_the_rest(tmp_path: Path, site: Site) -> None:
    copy = site.copy(tmp_path)
    changed(copy.path("ledger.md"), "| 7 |", "| 6 |")
    ran = anchor("reverify", "-v", copy.root, "--policy", copy.policy, "--home", tmp_path / "records")
    assert ran.code == 8, ran
    assert ran.out.count("note: differs from what was signed: ") == 11
    assert "ledger.md: and 2 more" in ran.out
    short = " ".join(anchor("verify", copy.root, "--policy", copy.policy).out.split())
    assert short.count("signed was '7'") == 10
    assert "ledger.md: and 2 more" in short


def test_verify_says_it_from_a_folder_and_from_a_server(tmp_path: Path, site: Site) -> None:
    copy = site.copy(tmp_path)
    changed(copy.path("ledger.md"), "| B | 2 |", "| B | 22 |")
    words = "facts: release/1.0.0/ledger.md: line 4: value is '22', signed was '2' (B); "
    says(copy.verify(), 8, words)
    with serve_folder(copy.root) as server:
        ran = anchor("verify", "-v", f"{server.url}/", "--policy", copy.policy)
        says(ran, 8, words)
        asked = server.asked.count("release/1.0.0/ledger.md")
    assert asked <= 2
    ran = anchor("verify", "-v", copy.release)
    assert ran.code == 8
    assert words in ran.out
    ran = anchor("diff", copy.release, site.release)
    says(ran, 8, words)


def test_verify_refuses_a_changed_file_also_if_it_is_shorter(tmp_path: Path, site: Site) -> None:
    copy = site.copy(tmp_path)
    changed(copy.path("ledger.md"), "| D3 | 7 |\n", "")
    words = "the signed fact at index 6 is missing: value '7' (D3); "
    says(copy.verify(), 8, words)
    with serve_folder(copy.root) as server:
        says(anchor("verify", f"{server.url}/", "--policy", copy.policy), 8, words)
        path = "release/1.0.0/ledger.md"
        server.bodies[path] = site.path("ledger.md").read_bytes()[:60]
        ran = anchor("verify", "-v", f"{server.url}/", "--policy", copy.policy)
        says(ran, 3, "if it is being copied, try again when that is done")
    ran = anchor("reverify", "-v", copy.root, "--policy", copy.policy, "--home", tmp_path / "records")
    assert ran.code == 8, ran


def test_a_server_that_gives_another_file_each_time_is_only_quoted(tmp_path: Path, site: Site) -> None:
    """The second reading, for the facts, finds the signed file: nothing is said of it."""
    with serve_folder(site.root) as server:
        path = "release/1.0.0/ledger.md"
        good = site.path("ledger.md").read_bytes()
        server.bodies[path], server.then[path] = good.replace(b"| 2 |", b"| 9 |"), good
        ran = anchor("verify", "-v", f"{server.url}/", "--policy", site.policy)
    assert ran.code == 8
    assert "SHA-256 is " in ran.line


def test_hostile_text_in_a_changed_file_steers_no_terminal(tmp_path: Path, site: Site) -> None:
    copy = site.copy(tmp_path)
    changed(copy.path("ledger.md"), "| B | 2 |", "| B\u202e\u2066 | \u200b2\ufeff" + "w" * 3000 + " |")
    ran = copy.verify()
    assert ran.code == 8
    assert "signed was '2'" in ran.line
    assert len(ran.line) < 2100
    assert all(line.isprintable() for line in (*ran.out.splitlines(), *ran.err.splitlines()))
