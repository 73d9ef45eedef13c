# SPDX-License-Identifier: Apache-2.0
"""Attacks on anchored heads: no two of one history contradict each other, whatever becomes of its records."""

import itertools
import json
import threading
from pathlib import Path

import pytest

from anchor.format import history_head
from anchor.publish import interrupted
from anchor.publish.signing_history import SignedStatements
from tests.support.process.anchor_cli import anchor, apart
from tests.support.records import anchored, outcomes
from tests.support.records.anchored import Kept


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return anchored.kept(tmp_path)


def check_one_line(heads: list[bytes]) -> None:
    """Each head follows the one before it, and no two contradict each other."""
    for one, two in itertools.combinations(heads, 2):
        assert history_head.contradiction(one, two) == ""
    for later, earlier in itertools.pairwise(heads):
        assert history_head.decode(later) == history_head.following(
            history_head.decode(later).origin,
            history_head.decode(later).size,
            history_head.decode(later).root,
            earlier,
        )


def check_not_of_this_history(kept: Kept) -> None:
    """`records check` says the same as `records anchor`, which names it as the remedy."""
    done = anchor("records", "check", "--home", kept.home, "--json")
    (found,) = [one for one in json.loads(done.out)["checks"] if one["name"] == "signed-heads"]
    assert (done.code, found["state"]) == (8, "refused")
    assert "a head of" in found["detail"]


def test_each_head_follows_the_one_before_and_nothing_new_signs_nothing(kept: Kept) -> None:
    first = kept.anchor()
    assert first.code == 0, first.err
    assert "no independent evidence" in first.out
    again = kept.anchor()
    assert (again.code, "nothing is new" in again.out) == (0, True)
    assert len(kept.bodies()) == 1
    for _ in range(2):
        assert kept.reverify().code == 0
        done = kept.anchor("--json")
        assert done.code == 0, done.err
        assert json.loads(done.out)["anchored"] is True
    assert len(kept.bodies()) == len(kept.heads()) == 3
    check_one_line(kept.heads())
    assert kept.check() == 0


def test_a_database_put_back_to_before_its_last_head_anchors_no_other_head(kept: Kept) -> None:
    assert kept.anchor().code == 0
    before = kept.database()
    assert kept.reverify().code == 0
    assert kept.anchor().code == 0
    heads = kept.heads()
    kept.put_back(before)
    assert "records: were put back" in kept.reverify().out  # the mark says so, and they go on in another way
    done = kept.anchor()
    assert done.code == 8, done.err
    assert "the first" in done.err
    assert "are others" in done.err
    assert len(kept.bodies()) == 2
    check_not_of_this_history(kept)
    kept.put_back(before)  # and without one more run they are too short
    done = kept.anchor()
    assert done.code == 8
    check_not_of_this_history(kept)
    assert len(kept.bodies()) == 2
    assert heads[1] == kept.heads()[0]


def test_a_database_put_back_to_right_before_the_event_gets_the_same_head_again(kept: Kept) -> None:
    """The head is of this history all the same, so it is written down again, with its bytes."""
    before = kept.database()
    assert kept.anchor().code == 0
    heads, bodies = kept.heads(), kept.bodies()
    kept.put_back(before)
    done = kept.anchor()
    assert done.code == 0, done.err
    assert "was interrupted before" in done.out
    assert kept.heads() == heads
    assert kept.bodies() == bodies
    assert kept.check() == 3  # the event about the head is another one, and the mark says so


def test_records_whose_last_head_is_of_other_events_are_not_anchored(kept: Kept) -> None:
    assert kept.anchor().code == 0
    assert kept.reverify().code == 0
    newest = kept.database()
    with kept.opened() as database, database.write() as connection:
        for (name,) in connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'tiles'"
        ).all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        (hashes,) = connection.exec_driver_sql("SELECT hashes FROM tiles WHERE level = 0").one()
        connection.exec_driver_sql(
            "UPDATE tiles SET hashes = ? WHERE level = 0", (hashes[:32] + bytes(32) + hashes[64:],)
        )
    done = kept.anchor()
    assert done.code == 8, done.err
    assert len(kept.bodies()) == 1
    assert "'anchor records check'" in done.err
    assert kept.check() == 8
    kept.put_back(newest)
    assert kept.anchor().code == 0


def test_what_is_said_of_records_that_were_put_back_then_works(kept: Kept, tmp_path: Path) -> None:
    before = kept.database()
    for _ in range(2):
        assert kept.anchor().code == 0
        assert kept.reverify().code == 0
    newest = kept.database()
    kept.put_back(before)
    done = kept.anchor()
    assert done.code == 2, done.err
    assert "the records do not have it" in done.err
    other = Kept(kept.site, tmp_path / "other")
    assert other.reverify().code == 0
    assert other.anchor().code == 0
    kept.put_back(newest)
    assert kept.anchor().code == 0
    check_one_line(kept.heads())


def test_a_copy_of_the_keys_is_made_and_put_back(kept: Kept, tmp_path: Path) -> None:
    """The home of the records is no home of a ledger: no site says whether its copy is the newest."""
    assert kept.anchor().code == 0
    done = anchor("instance", "backup", tmp_path / "backup", "--home", kept.home)
    assert done.code == 0, done.err
    database = kept.database()
    kept.home.rename(tmp_path / "lost")
    words = ("instance", "restore", tmp_path / "backup", "--home", kept.home)
    assert anchor(*words).code == 2
    done = anchor(*words, "--newest")
    assert done.code == 0, done.err
    kept.put_back(database)
    assert kept.reverify().code in (0, 3)
    assert kept.anchor().code == 0
    check_one_line(kept.heads())
    assert len(kept.bodies()) == 2


def test_an_event_that_was_edited_after_the_last_head_is_not_anchored(kept: Kept) -> None:
    with kept.opened() as database, database.write() as connection:
        for (name,) in connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'"
        ).all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql(
            "UPDATE events SET body = (SELECT body FROM events WHERE leaf_index = 2) WHERE leaf_index = 3"
        )
    done = kept.anchor()
    assert done.code == 8, done.err
    assert "event 3 is not the one that was written" in done.err
    assert kept.bodies() == []


def test_a_copy_of_the_home_with_older_keys_does_not_fork_the_log(kept: Kept, tmp_path: Path) -> None:
    """The copy knows the newest records and an older state of the log: its next entry would fork the log."""
    assert kept.anchor().code == 0
    copy = kept.copy(tmp_path / "copy")
    assert kept.reverify().code == 0
    assert kept.anchor().code == 0
    assert kept.reverify().code == 0
    copy.put_back(kept.database())
    done = copy.anchor()
    assert done.code == 2, done.err
    assert "older copy" in done.err
    assert len(copy.bodies()) == 1


def test_records_of_a_copy_that_went_its_own_way_are_refused_by_the_home(kept: Kept, tmp_path: Path) -> None:
    """A copy with its own records and keys cannot be stopped. They are refused where they come back."""
    assert kept.anchor().code == 0
    copy = kept.copy(tmp_path / "copy")
    for one in (kept, copy):
        assert one.reverify().code == 0
        assert one.anchor().code == 0
    mine, theirs = kept.heads()[0], copy.heads()[0]
    assert "two roots" in history_head.contradiction(mine, theirs)  # the proof against both
    kept.put_back(copy.database())
    assert kept.reverify().code == 3  # the mark says that the records are others
    done = kept.anchor()
    assert done.code in (2, 8), done.err
    assert len(kept.bodies()) == 2


def test_another_home_goes_on_after_the_last_head(kept: Kept, tmp_path: Path) -> None:
    """New keys are another signer, and the heads are still one line."""
    assert kept.anchor().code == 0
    other = Kept(kept.site, tmp_path / "other")
    url = f"sqlite:///{kept.home / 'records.db'}"
    assert kept.reverify().code == 0
    assert other.anchor("--database", url).code == 0
    assert kept.reverify().code == 0
    assert kept.anchor().code == 0
    assert len(kept.heads()) == 3
    check_one_line(kept.heads())
    assert (len(kept.bodies()), len(other.bodies())) == (2, 1)


def test_a_list_that_is_lost_is_made_again_from_the_records(kept: Kept) -> None:
    assert kept.anchor().code == 0
    listed = SignedStatements(kept.home).lines()[-1].statement
    (kept.home / "signed.jsonl").unlink()
    assert kept.reverify().code == 0
    assert kept.anchor().code == 0
    assert listed in {line.statement for line in SignedStatements(kept.home).lines()}
    check_one_line(kept.heads())


def test_two_processes_at_once_make_one_entry(kept: Kept) -> None:
    """One anchors; the other one says that somebody does, or that nothing is new."""
    codes: list[int] = []
    work = [threading.Thread(target=lambda: codes.append(_alone(kept))) for _ in range(2)]
    for one in work:
        one.start()
    for one in work:
        one.join()
    assert set(codes) <= {0, 3}
    assert 0 in codes
    assert len(kept.bodies()) == len(kept.heads()) == 1
    assert kept.check() == 0


def _alone(kept: Kept) -> int:
    return apart("records", "anchor", "--home", kept.home).code


def test_a_public_instance_needs_words_and_a_ci_system(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANCHOR_IDENTITY_TOKEN", "a.person.s")
    done = kept.anchor("--instance", "public")
    assert done.code == 2
    assert "public for ever" in done.err
    assert "--public-history" in done.err
    done = kept.anchor("--instance", "embedded", "--instance", "public", "--public-history")
    assert done.code == 2
    assert "only as the CI system" in done.err
    assert kept.bodies() == []
    assert interrupted.interrupted(kept.home) == []


@pytest.mark.parametrize("document", ["statement", "bundle"])
def test_a_document_of_an_anchored_head_that_is_gone_is_found(kept: Kept, document: str) -> None:
    """Without it, nobody can prove again what was anchored."""
    assert kept.anchor().code == 0
    assert kept.check() == 0
    with kept.opened() as database, database.write() as connection:
        outcomes.unlock(connection)
        statement, bundles = connection.exec_driver_sql(
            "SELECT statement_sha256, bundles FROM anchored_heads"
        ).one()
        gone = statement if document == "statement" else json.loads(bundles)[0]
        connection.exec_driver_sql("DELETE FROM blobs WHERE sha256 = ?", (gone,))
    done = anchor("records", "check", "--home", kept.home, "--json")
    (found,) = [one for one in json.loads(done.out)["checks"] if one["name"] == "documents"]
    assert (found["state"], gone in found["detail"]) == ("refused", True), found
