# SPDX-License-Identifier: Apache-2.0
"""`anchor records check`: the records of a home, and the files beside them that show what they had before."""

from collections.abc import Collection, Iterator
from pathlib import Path

from anchor.app import records
from anchor.errors import AnchorError, Refused
from anchor.format import history_head
from anchor.publish.signing_history import SignedStatements
from anchor.records import anchored_heads, high_water_mark
from anchor.records import check as checking
from anchor.records.database import Database, name_of
from anchor.verdict import Check, Verdict, failed, judge, passed
from anchor.words import several

_MEANING = "a head that was signed shows that the records had other events then"


def lost(home: Path, database: str | None) -> Verdict | None:
    """The verdict if the records are gone and their mark is there; None if they are there, or never were."""
    name = name_of(records.url_for(home, database))
    mark = None if records.exist(home, database) else records.HomeFiles(home, name).read_mark()
    if mark is None:
        return None
    found = (high_water_mark.deleted(mark),)
    return Verdict(kind="records", target=name, verdict=judge(found), checks=found)


def check(home: Path, database: Database, *, log_keys: Collection[bytes] | None = None) -> Verdict:
    """Verify everything that is stored, and compare it with the files beside it: the mark, and the heads that
    this home signed. `log_keys`: the known log keys, as in vkeys."""
    verdict = checking.check(database, log_keys=log_keys)
    checks, facts = [*verdict.checks], dict[str, object]()
    mark = records.HomeFiles(home, database.name).read_mark()
    if mark is not None:
        checks.append(high_water_mark.compare(database, mark))
        if lost := high_water_mark.lost(database, mark):
            facts["lost"] = [{"origin": one.origin, "size": one.size, "root": one.root} for one in lost]
    checks += _signed_heads(home, database)
    found = tuple(checks)
    return Verdict(kind=verdict.kind, target=verdict.target, verdict=judge(found), checks=found, facts=facts)


def _signed_heads(home: Path, database: Database) -> Iterator[Check]:
    """A check of the heads of this history that this home signed; nothing if there are none."""
    try:
        heads = [one for one in SignedStatements(home).statements() if history_head.is_head(one)]
        count = anchored_heads.check_signed(database, heads)
    except AnchorError as e:
        yield failed("signed-heads", e, meaning=_MEANING if isinstance(e, Refused) else "")
        return
    if count:
        yield passed("signed-heads", f"of this history: {several(count, 'head')} that this home signed")
