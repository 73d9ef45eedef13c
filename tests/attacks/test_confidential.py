# SPDX-License-Identifier: Apache-2.0
"""Attacks on confidential ledgers: guesses from a receipt, changed cells, two drafts, kill -9 anywhere."""

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from anchor.app import publish as signing
from anchor.encoding import jcs
from anchor.merkle import leaf_hash
from anchor.publish import interrupted
from tests.support.process import crash
from tests.support.process.anchor_cli import anchor
from tests.support.process.crash import Killer
from tests.support.process.sampled import sampled
from tests.support.releases import published
from tests.support.releases.confidential import SALARIES, confidential, publish, secrets
from tests.support.releases.published import Site

PARTS = 4
OTHER = SALARIES.replace("200", "250")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return confidential(tmp_path_factory.mktemp("confidential"))


def receipt(site: Site, folder: Path, *words: object) -> Any:
    file = folder / "receipt.json"
    assert anchor("prove", site.root, "--where", "name=Ada", "-o", file, *words).code == 0
    return json.loads(file.read_bytes())


def guesses() -> Iterator[bytes]:
    """The leaf hash of each guess about Bob, of whom Ada knows all but his salary."""
    for salary in range(1000):
        yield leaf_hash(jcs({"name": "Bob", "salary": str(salary), "note": "at the quay"}))


def test_a_neighbour_is_guessed_from_a_receipt_unless_the_ledger_is_confidential(
    made: Site, tmp_path: Path
) -> None:
    """This is why salts exist: the proof of one fact has the leaf hash of the fact beside it."""
    plain = published.published_file(tmp_path, "pay.csv", SALARIES.encode())
    proof = receipt(plain, tmp_path)["proof"]
    assert [salary for salary, guess in enumerate(guesses()) if guess.hex() in proof] == [200]
    hidden = receipt(made, tmp_path, "--opened", made.home.parent / "opening.jsonl")
    assert not [guess for guess in guesses() if guess.hex() in hidden["proof"]]
    shown = {cell["salt"] for cell in hidden["facts"][0]["fact"]["cells"]}
    assert len(shown) == 3, "no salt opens another cell"


def _swap(cells: list[Any]) -> None:
    cells[0], cells[1] = cells[1], cells[0]


def _edit(at: int, **members: Any) -> Any:
    return lambda cells: cells[at].update(members)


@pytest.mark.parametrize(
    "change",
    [
        _swap,
        _edit(0, value="Bob"),
        _edit(1, value=None),
        _edit(0, salt="0" * 64),
        _edit(0, salt="00" * 16),
        _edit(0, salt=""),
        _edit(0, cell="0" * 64),
        lambda cells: cells.pop(),
        lambda cells: cells.append(cells[0]),
        lambda cells: cells.__setitem__(2, {"cell": "1" * 64}),
    ],
)
def test_a_receipt_with_a_changed_cell_is_invalid(change: Any, made: Site, tmp_path: Path) -> None:
    value = receipt(made, tmp_path, "--opened", made.home.parent / "opening.jsonl")
    change(value["facts"][0]["fact"]["cells"])
    (tmp_path / "changed.json").write_text(json.dumps(value))
    ran = anchor("verify-receipt", tmp_path / "changed.json", "--policy", made.policy, "--json")
    assert ran.code == 8, ran
    assert ran.document["facts"] == {}


def at(folder: Path) -> Site:
    return Site(folder / "site", folder / "home", folder / "policy.toml")


def draft(site: Site, text: str = SALARIES) -> int:
    """Publish in a process that may be killed. Its operations are the same in each copy of a site."""
    with published.new_user(site):
        return publish(site, text)


def statement(site: Site) -> str:
    return str(site.value["statement"]["sha256"])


def killed(base: Site, folder: Path, number: int, text: str = SALARIES) -> Site:
    """A copy of a site whose publication was killed before an operation."""
    shutil.copytree(base.root.parent, folder, ignore=shutil.ignore_patterns("opening.jsonl"))
    site = at(folder)
    assert crash.forked(partial(draft, site, text), killer=Killer(at=number)) is None
    return site


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Killer]:
    """A home with an instance, and the operations of a confidential publication there."""
    folder = tmp_path_factory.mktemp("prepared") / "base"
    folder.mkdir()
    site = published.empty(folder)
    assert anchor("instance", "init", "--root", site.root, "--home", site.home).code == 0
    again = folder.parent / "again"
    shutil.copytree(folder, again)
    killer = Killer(watched=(again,))
    assert crash.forked(partial(draft, at(again)), killer=killer) == 0
    return site, killer


FOUND: dict[str, int] = {}


def first_with(base: Site, counted: Killer, folder: Path, pattern: str) -> int:
    """The number of the first operation before which a file in the home matches."""
    if pattern in FOUND:
        return FOUND[pattern]
    low, high = 1, len(counted.seen)
    while low < high:
        middle = (low + high) // 2
        site = killed(base, folder / f"probe-{pattern[:4]}-{middle}", middle)
        if list(site.home.glob(pattern)):
            high = middle
        else:
            low = middle + 1
    FOUND[pattern] = low
    return low


def test_a_second_draft_gets_another_secret_and_the_first_is_never_signed(
    prepared: tuple[Site, Killer], tmp_path: Path
) -> None:
    base, counted = prepared
    kept = first_with(base, counted, tmp_path, "secrets/*.json")
    site = killed(base, tmp_path / "draft", kept)
    ((name, data),) = secrets(site).items()
    assert interrupted.interrupted(site.home) == []
    forgotten = site.publish_file(site.home.parent / "pay.csv", "1.0.0")
    assert (forgotten.code, "a draft of this release is confidential" in forgotten.err) == (2, True)
    assert publish(site, OTHER) == 0
    ((other, another),) = secrets(site).items()
    assert other == statement(site) + ".json" != name
    assert json.loads(another)["secret"] != json.loads(data)["secret"]
    # the first draft is put back from a backup: its secret is used for nothing else
    (site.home / "secrets" / name).write_bytes(data)
    ran = site.publish_file(site.home.parent / "pay.csv", "1.0.0", "--blind")
    assert ran.code == 0
    (site.home.parent / "pay.csv").write_text(SALARIES)
    assert site.publish_file(site.home.parent / "pay.csv", "1.0.0", "--blind").code == 8
    shutil.rmtree(site.root)
    refused = site.publish_file(site.home.parent / "pay.csv", "1.0.0", "--blind")
    assert refused.code == 2
    assert "signed another statement" in refused.err


def test_one_secret_is_never_kept_for_two_statements(prepared: tuple[Site, Killer], tmp_path: Path) -> None:
    """Somebody edits the file of a secret, so that it names another statement."""
    base, counted = prepared
    site = killed(base, tmp_path / "draft", first_with(base, counted, tmp_path, "secrets/*.json"))
    ((name, data),) = secrets(site).items()
    value = json.loads(data) | {"statement": "0" * 64}
    (site.home / "secrets" / name).unlink()
    (site.home / "secrets" / f"{'0' * 64}.json").write_text(json.dumps(value))
    ran = site.publish_file(site.home.parent / "pay.csv", "1.0.0", "--blind")
    assert ran.code == 0
    assert json.loads(secrets(site)[statement(site) + ".json"])["secret"] != value["secret"]
    (site.home / "secrets" / name).write_text(json.dumps(value))
    renamed = site.publish_file(site.home.parent / "pay.csv", "1.0.0", "--blind")
    assert (renamed.code, "the file of one statement has the secret of another" in renamed.err) == (2, True)


def test_a_draft_that_was_sent_is_completed_or_given_up_and_keeps_its_secret(
    prepared: tuple[Site, Killer], tmp_path: Path
) -> None:
    base, counted = prepared
    sent = first_with(base, counted, tmp_path, "journal/*/*/sending.json")
    site = killed(base, tmp_path / "sent", sent + 3)
    before = secrets(site)
    other = site.home.parent / "other.csv"
    other.write_text(OTHER)
    assert site.publish_file(other, "1.0.0", "--blind").code == 2
    assert secrets(site) == before
    copy = tmp_path / "copy"
    shutil.copytree(site.root.parent, copy)
    resumed = site.publish_file(site.home.parent / "pay.csv", "1.0.0", "--blind", "--resume")
    assert resumed.code == 0
    assert secrets(site) == before == {statement(site) + ".json": next(iter(before.values()))}
    given_up = at(copy)
    assert given_up.publish_file(copy / "other.csv", "1.0.0", "--blind", "--abandon").code == 0
    assert set(secrets(given_up)) == {*before, statement(given_up) + ".json"}


@sampled(30)
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_anywhere_the_same_draft_gives_the_same_statement(
    part: int, every: int, prepared: tuple[Site, Killer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its secret is kept. Before that nothing was signed. No fact is in a file of ours at any moment."""
    monkeypatch.setattr(signing, "SETTLE", 0.3)
    base, counted = prepared
    with_secret = 0
    for number, torn in crash.points(counted)[::every][part::PARTS]:
        folder = tmp_path / f"{number}{'t' if torn else ''}"
        shutil.copytree(base.root.parent, folder)
        site = at(folder)
        assert crash.forked(partial(draft, site), killer=Killer(at=number, torn=torn)) is None
        what = f"killed {'in' if torn else 'before'} operation {number}: {counted.seen[number - 1]}"
        files = published.snapshot(site.root) | published.snapshot(site.home) if site.root.exists() else {}
        assert not [name for name, data in files.items() if b"at the quay" in data], what
        before = {name: data for name, data in secrets(site).items() if name.endswith(".json")}
        begun = interrupted.interrupted(site.home) if site.home.exists() else []
        assert before or not begun, what
        site.policy.unlink(missing_ok=True)
        assert draft(site) == 0, what
        after = secrets(site)
        assert list(after) == [statement(site) + ".json"], what
        if before:
            assert after == before, what
            with_secret += 1
        assert site.verify().code == 0, what
        assert site.entries() == 1, what
        shutil.rmtree(folder)
    assert with_secret
