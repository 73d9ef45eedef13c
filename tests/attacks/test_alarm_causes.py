# SPDX-License-Identifier: Apache-2.0
"""An attack after an attack: what people were told of the first one hides no other."""

import sqlite3

from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked


def changed(attacked: Attacked, old: bytes, new: bytes) -> None:
    ledger = attacked.site.path("ledger.md")
    data = ledger.read_bytes()
    assert old in data
    ledger.write_bytes(data.replace(old, new))


def bodies(attacked: Attacked) -> list[str]:
    """The notifications since the last call."""
    found = [str(m["message"]) for m in attacked.hook.messages]
    attacked.hook.messages.clear()
    return found


def test_after_a_harmless_bit_a_changed_fact_and_edited_records_are_told(attacked: Attacked) -> None:
    changed(attacked, b"| A |", b"| A\t|")
    assert attacked.found() is Class.INVALID
    assert [f"target: {attacked.target}\n" in b for b in bodies(attacked)] == [True]
    assert attacked.found() is Class.INVALID
    assert bodies(attacked) == []  # the same is not told again
    changed(attacked, b"| 1 |", b"| 9 |")
    assert attacked.found() is Class.INVALID
    (fact,) = bodies(attacked)
    assert "new:" in fact
    with sqlite3.connect(attacked.home / "records.db") as db:
        db.execute("UPDATE checkpoints SET seen_ms = 1")
    db.close()
    assert attacked.found() is Class.INVALID
    (edited,) = bodies(attacked)
    assert "is not what its event says" in edited.split("new:")[1].split("stands:")[0]
    assert attacked.found() is Class.INVALID
    assert bodies(attacked) == []


def test_after_a_fork_a_changed_fact_is_told_and_each_stays(attacked: Attacked) -> None:
    attacked.serve(attacked.log.fork(1))
    assert attacked.found() is Class.EQUIVOCATION
    assert attacked.told() == ["EQUIVOCATION"]
    changed(attacked, b"| 1 |", b"| 9 |")
    for told in (["INVALID"], []):
        assert attacked.found() is Class.EQUIVOCATION
        assert attacked.told() == told
    changed(attacked, b"| 9 |", b"| 1 |")
    attacked.serve(attacked.log)
    assert attacked.found() is Class.EQUIVOCATION
    assert attacked.told() == []  # nothing recovers from it


def test_a_site_that_is_bad_in_every_other_run_is_told_three_times_and_then_in_sums(
    attacked: Attacked,
) -> None:
    told = []
    for n in range(12):
        good, bad = (b"| 1 |", b"| 9 |")
        changed(attacked, *((good, bad) if n % 2 == 0 else (bad, good)))
        attacked.found()
        told += attacked.told()
    assert told == ["INVALID", "recovered", "INVALID"]
    assert attacked.check() is Class.OK


def test_what_people_were_told_in_the_records_cannot_be_edited_unnoticed(attacked: Attacked) -> None:
    changed(attacked, b"| 1 |", b"| 9 |")
    assert attacked.found() is Class.INVALID
    assert attacked.check() is Class.OK
    with sqlite3.connect(attacked.home / "records.db") as db:
        db.execute("UPDATE targets SET alarm = replace(alarm, '\"INVALID\"', '\"OK\"')")
    db.close()
    assert attacked.check() is Class.INVALID
