# SPDX-License-Identifier: Apache-2.0
"""Confidential ledgers by the commands: published as leaf hashes, verified, opened, shown cell by cell."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases import published
from tests.support.releases.confidential import SALARIES, confidential, publish, secrets
from tests.support.releases.published import Site

VALUES = (b"Ada,100", b'"Ada"', b'"Bob"', b"at the quay")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A confidential release, which no test changes."""
    return confidential(tmp_path_factory.mktemp("confidential"))


@pytest.fixture
def site(made: Site, tmp_path: Path) -> Site:
    """A copy of it."""
    (tmp_path / "opening.jsonl").write_bytes(opening(made).read_bytes())
    return made.copy(tmp_path)


def opening(site: Site) -> Path:
    return site.home.parent / "opening.jsonl"


def checks(ran: Ran) -> dict[str, Any]:
    return {c["name"]: c for c in ran.document["checks"] if not c.get("about")}


def prove(site: Site, *words: object) -> Ran:
    return anchor("prove", site.root, *words, "--policy", site.policy)


def test_no_value_leaves_the_home_and_the_secret_stays_in_it(made: Site) -> None:
    files = published.snapshot(made.root) | published.snapshot(made.home)
    assert not [name for name, data in files.items() if any(value in data for value in VALUES)]
    released = {p.name for p in (made.root / "release" / "1.0.0").iterdir()}
    assert "ledger.leaves" in released
    assert not released & {"ledger.json", "ledger.csv"}
    ((name, data),) = secrets(made).items()
    assert name == made.value["statement"]["sha256"] + ".json"
    secret = json.loads(data)["secret"].encode()
    assert not [
        n
        for n, d in published.snapshot(made.root).items()
        if secret in d or bytes.fromhex(secret.decode()) in d
    ]
    for path in (made.home / "secrets" / name, opening(made)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((made.home / "secrets").stat().st_mode) == 0o700


def test_verify_names_what_it_cannot_check(made: Site) -> None:
    ran = made.verify("--json")
    assert ran.code == 0, ran
    found = checks(ran)
    assert found["leaf-hashes"]["state"] == "passed"
    for name in ("facts", "ledger-json"):
        assert found[name]["state"] == "skipped"
        assert found[name]["detail"].startswith("not published")
    assert "opened-facts" not in found


def test_an_auditor_with_the_opening_computes_every_fact(site: Site) -> None:
    ran = site.verify("--opened", opening(site), "--json")
    assert (ran.code, checks(ran)["opened-facts"]["state"]) == (0, "passed")
    text = opening(site).read_text()
    opening(site).write_text(text.replace('"200"', '"201"'))
    changed = site.verify("--opened", opening(site), "--json")
    assert (changed.code, checks(changed)["opened-facts"]["state"]) == (8, "refused")
    assert changed.document["facts"] == {}
    head, *facts = text.splitlines(keepends=True)
    for lines in (facts[:2], [*facts, facts[0]], facts[::-1], []):
        opening(site).write_text(head + "".join(lines))
        assert site.verify("--opened", opening(site)).code == 8
    opening(site).write_text(text.replace('"number":1', '"number":2'))
    assert "another release" in site.verify("--opened", opening(site)).out
    for bad in (b"", b"{}\n", b"\xff\n"):
        opening(site).write_bytes(bad)
        assert site.verify("--opened", opening(site)).code in (7, 8)
    assert site.verify("--opened", site.home / "none").code == 2


def test_a_release_with_facts_has_no_opening(made: Site, tmp_path: Path) -> None:
    plain = published.published(tmp_path)
    ran = plain.verify("--opened", opening(made))
    assert ran.code == 2
    assert "the facts of this release are published" in ran.out
    shown = anchor("prove", plain.root, "--fact", "0", "--columns", "Label")
    assert (shown.code, len(shown.err.splitlines())) == (2, 1) or "shown whole" in shown.err


def test_leaf_hashes_that_were_changed_are_refused(site: Site) -> None:
    path = site.path("ledger.leaves")
    data = path.read_bytes()
    assert len(data) == 3 * 32
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    ran = site.verify("--json")
    assert (ran.code, checks(ran)["leaf-hashes"]["state"]) == (8, "refused")
    path.write_bytes(data[:-1])
    assert site.verify().code == 3
    path.unlink()
    assert site.verify().code == 3


def test_a_receipt_shows_the_chosen_cells_and_names_the_others(made: Site, tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    words = ("--opened", opening(made), "-o", file)
    assert prove(made, "--where", "name=Bob", "--columns", "name,note", *words).code == 0
    assert b'"200"' not in file.read_bytes()
    ran = anchor("verify-receipt", file, "--policy", made.policy, "--json")
    assert ran.code == 0, ran
    (fact,) = ran.document["facts"]["facts"]
    assert fact["fact"] == {"name": "Bob", "note": "at the quay"}
    assert fact["hidden"] == ["salary"]
    said = anchor("verify-receipt", "-v", file, "--policy", made.policy).out
    assert '     hidden: "salary"' in said
    assert prove(made, "--fact", "2", *words).code == 0
    whole = anchor("verify-receipt", file, "--policy", made.policy, "--json").document["facts"]["facts"][0]
    assert (whole["fact"], whole["hidden"]) == ({"name": "Eve", "salary": "300", "note": "é"}, [])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--fact", "0"), 2, "give its opening with --opened FILE"),
        (("--fact", "0", "--opened", "OPENING", "--columns", "nope"), 2, "no column 'nope'"),
        (("--fact", "0", "--opened", "OPENING", "--columns", ""), 2, "--columns"),
        (("--fact", "9", "--opened", "OPENING"), 10, "no fact 9"),
        (("--all", "-o", "x", "--opened", "OPENING"), 2, "one fact after the other"),
        (("--complete", "Bob"), 2, "has no index"),
    ],
)
def test_what_cannot_be_proven_is_one_line(words: tuple[str, ...], code: int, said: str, made: Site) -> None:
    ran = prove(made, *(str(opening(made)) if word == "OPENING" else word for word in words))
    assert ran.code == code, ran
    assert said in ran.err.splitlines()[-1]


def test_a_receipt_of_another_opening_is_not_made(site: Site, tmp_path: Path) -> None:
    text = opening(site).read_text()
    opening(site).write_text(text.replace('"100"', '"101"'))
    ran = prove(site, "--fact", "0", "--opened", opening(site), "-o", tmp_path / "r.json")
    assert ran.code == 8
    assert not (tmp_path / "r.json").exists()


def test_other_commands_say_that_there_are_no_facts(made: Site, tmp_path: Path) -> None:
    ran = anchor("diff", made.root, made.root)
    assert ran.code == 2
    assert "its facts are not published" in ran.line
    found = anchor("find", made.root, "--where", "name=Ada", "--policy", made.policy)
    assert found.code != 0
    assert "its facts are not published" in found.out + found.err
    assert anchor("chain", made.release, "--policy", made.policy).code == 0
    assert anchor("reverify", made.root, "--policy", made.policy, "--home", tmp_path / "records").code == 0
    inspected = anchor("inspect", opening(made)).out
    assert "opens release 1 (1.0.0)" in inspected
    assert "Ada" not in inspected
    assert json.loads(next(iter(secrets(made).values())))["secret"] not in inspected
    statement = anchor("inspect", made.path("statement")).out
    assert "its facts are not published" in statement


def test_a_fact_is_withdrawn_and_a_receipt_of_it_says_so(site: Site, tmp_path: Path) -> None:
    words = ("--kind", "withdrawn", "--reason", "left", "--home", site.home)
    assert anchor("withdraw", site.root, "--release", "1.0.0", "--fact", 1, *words).code == 0
    assert site.verify().code == 11
    opened = ("--opened", opening(site), "--staple", "--columns", "name")
    for fact, code in ((0, 0), (1, 11)):
        file = tmp_path / f"{fact}.json"
        made = anchor("prove", site.root, "--fact", fact, *opened, "-o", file, "--policy", site.policy)
        assert made.code == 0, made
        assert anchor("verify-receipt", file, "--policy", site.policy).code == code


def test_publishing_again_changes_nothing_and_needs_the_secret(site: Site) -> None:
    before = published.snapshot(site.root)
    assert publish(site) == 0
    assert published.snapshot(site.root) == before
    ran = site.publish_file(site.home.parent / "pay.csv", "1.0.0")
    assert ran.code == 8
    (file,) = (site.home / "secrets").iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    damaged = site.publish_file(site.home.parent / "pay.csv", "1.0.0", "--blind")
    assert (damaged.code, "restore this file from a backup" in damaged.err) == (2, True)
    file.unlink()
    lost = site.publish_file(site.home.parent / "pay.csv", "1.0.0", "--blind")
    assert (lost.code, "does not have its secret" in lost.err) == (2, True)
    assert published.snapshot(site.root) == before
    assert site.verify().code == 0


def test_the_next_release_is_not_public_by_mistake(site: Site) -> None:
    file = site.home.parent / "pay.csv"
    file.write_text(SALARIES + "Zoe,400,\n")
    forgotten = site.publish_file(file, "1.1.0")
    assert forgotten.code == 2
    assert "would publish every fact" in forgotten.err
    assert publish(site, SALARIES + "Zoe,400,\n", "1.1.0") == 0
    assert len(secrets(site)) == 2
    one, two = (json.loads(data)["secret"] for data in secrets(site).values())
    assert one != two
    assert anchor("chain", site.release, "--policy", site.policy).code == 0
    assert site.publish_file(file, "1.2.0", "--no-blind").code == 0


def test_what_does_not_go_together_is_one_line(tmp_path: Path) -> None:
    site = published.empty(tmp_path)
    file = tmp_path / "a.csv"
    file.write_text(SALARIES)
    missing = tmp_path / "none" / "o"
    for words in (
        ("--blind", "--index", "name"),
        ("--opened-out", tmp_path / "o"),
        ("--blind", "--opened-out", missing),
        ("--blind", "--opened-out", tmp_path),
        ("--blind", "--opened-out", "-"),
        ("--blind", "--opened-out", file),
    ):
        ran = site.publish_file(file, "1.0.0", *words)
        assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran
    assert file.read_text() == SALARIES
    lacking = tmp_path / "a.jsonl"
    lacking.write_text('{"a":"1","b":"2"}\n{"a":"1"}\n')
    ran = site.publish_file(lacking, "1.0.0", "--blind")
    assert ran.code == 2
    assert "fact 2: no value for 'b'" in ran.err
    assert not site.root.exists()


def test_a_dry_run_and_seal_keep_no_secret(tmp_path: Path) -> None:
    site = published.empty(tmp_path)
    file = tmp_path / "a.csv"
    file.write_text(SALARIES)
    ran = site.publish_file(file, "1.0.0", "--blind", "--dry-run")
    assert ran.code == 0
    assert not (site.home / "secrets").exists()
    assert "a secret that is not kept" in ran.err
    assert publish(site) == 0
    again = site.publish_file(tmp_path / "pay.csv", "1.0.0", "--blind", "--dry-run")
    assert (again.code, "not kept" in again.err) == (0, False)
    assert "Ada" not in ran.err + ran.out
    out, opened = tmp_path / "out", tmp_path / "opened.jsonl"
    named = ("--name", "n", "--version", "1", "--blind", "-o", out, "--opened-out", opened)
    assert anchor("seal", file, *named).code == 0
    assert {p.name for p in out.iterdir()} == {"ledger.leaves", "statement.json"}
    assert opened.read_text().count("\n") == 4


def test_a_schema_stands_beside_the_leaf_hashes(tmp_path: Path) -> None:
    site = published.empty(tmp_path)
    schema = tmp_path / "my.schema.json"
    fields = [{"name": "name"}, {"name": "salary", "type": "integer"}, {"name": "note"}]
    schema.write_text(json.dumps({"fields": fields, "primaryKey": "name"}))
    assert publish(site, SALARIES, "1.0.0", "--schema", schema) == 0
    found = checks(site.verify("--json"))
    assert found["table-schema"]["state"] == "passed"
    assert "index" not in found
