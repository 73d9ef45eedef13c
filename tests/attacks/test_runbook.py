# SPDX-License-Identifier: Apache-2.0
"""Entries of docs/runbook.md, each in its own incident: the watch finds the class and names the entry, and
its commands end as its words say."""

import contextlib
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import pytest

from anchor.disk import lock
from anchor.encoding import jcs, to_base64
from anchor.monitor.alarm_kinds import KINDS, RUNBOOK, anchor_of
from anchor.tlog import cosignature, note
from anchor.tlog.tile_reader import TileReader
from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked, log_of, retire
from tests.support.attacks.online import until, watching
from tests.support.attacks.typed_lines import lines, typed
from tests.support.forge.named import thief
from tests.support.process.anchor_cli import ROOT, anchor
from tests.support.releases import chained, cosigned
from tests.support.releases.chained import publish_status
from tests.support.releases.published import LEDGER

PAGE = (ROOT / RUNBOOK).read_text(encoding="utf-8")
ENTRIES = {
    anchor_of(title): body for title, body in re.findall(r"^### (.+?)\n(.*?)(?=^###? |\Z)", PAGE, re.M | re.S)
}
KIND = {anchor_of(kind.heading): kind for kind in KINDS}
VERIFY, STATUS, CHECK = 'anchor verify "$TARGET"', "anchor status", "anchor records check"
PROVEN = 'for file in evidence/*.json; do anchor verify-evidence "$file"; done'


class Incident(NamedTuple):
    """An event, and the class that the watch then finds."""

    happens: Callable[[Attacked, pytest.MonkeyPatch], object]
    found: Class
    ends: Mapping[str, Class] = MappingProxyType({})
    """The class with which commands of the entry end; OK for all others."""
    alarm: str = ""
    """The kind of the message, if it is that of another entry. The message then names this one too, unless
    this one is about a class."""
    told: bool = True
    """False if nobody is notified: all is well, or the command that a person typed is refused."""


def edit(attacked: Attacked, old: str, new: str) -> None:
    ledger = attacked.site.path("ledger.md")
    ledger.write_text(ledger.read_text().replace(old, new))


def demand(attacked: Attacked, line: str) -> None:
    """The policy demands more than before."""
    name = line.partition(" ")[0]
    kept = [t for t in attacked.site.policy.read_text().splitlines() if not t.startswith(f"{name} ")]
    attacked.write_policy("\n".join([line, *kept]) + "\n")


def sees(attacked: Attacked) -> None:
    """The watcher has seen what the publisher serves now."""
    attacked.serve(log_of(attacked.site))
    assert attacked.found() is Class.OK


def publisher(attacked: Attacked, *words: object) -> None:
    ran = anchor(words[0], attacked.site.root, *words[1:], "--home", attacked.site.home)
    assert ran.code == 0, ran


def mended(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    edit(attacked, "| A | 1 |", "| A | 9 |")
    assert attacked.found() is Class.INVALID
    edit(attacked, "| A | 9 |", "| A | 1 |")


def of_a_later_format(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    release = attacked.site.release
    release.write_text(re.sub("anchor:release:v[0-9]", "anchor:release:v9", release.read_text()))


def in_your_name(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    attacked.site.policy.write_text(f"{attacked.site.policy.read_text()}\n[[watch]]\n")
    attacked.write_policy()
    assert attacked.found() is Class.OK
    attacked.serve(attacked.log.clone().append(thief(attacked.site.home).entry()))


def withdrawn(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    publisher(attacked, "withdraw", "--release", "3", "--kind", "withdrawn", "--reason", "measured twice")
    attacked.serve(log_of(attacked.site))


def two_releases(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    site = attacked.site
    kept = attacked.folder / "kept"
    shutil.copytree(site.root, kept)
    assert site.publish(f"{LEDGER}| E | 4 |\n", "4").code == 0
    sees(attacked)
    shutil.rmtree(site.root)
    kept.rename(site.root)
    site.forget()
    ran = site.publish(f"{LEDGER}| E | 5 |\n", "4")
    assert ran.code == 0, ran
    attacked.serve(log_of(site))


def two_statuses(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    site = attacked.site
    publisher(attacked, "renew")
    sees(attacked)
    value = json.loads((site.root / site.value["status"]["statement"]["path"]).read_bytes())
    second = json.loads((site.root / "release" / "2" / "release.json").read_bytes())["statement"]["sha256"]
    entry = {"number": 2, "statement": second, "kind": "withdrawn", "reason": "measured twice"}
    value["predicate"]["withdrawn"] = [entry]
    publish_status(site, jcs(value))
    attacked.serve(log_of(site))


def older_status(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    publisher(attacked, "renew")
    first = attacked.site.release.read_bytes()
    publisher(attacked, "renew")
    sees(attacked)
    attacked.site.release.write_bytes(first)


def lost_statuses(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    for number in range(4):
        publisher(attacked, "renew")
        if number == 0:
            sees(attacked)
    attacked.serve(log_of(attacked.site))
    (attacked.site.root / "release" / "status" / "3" / "statement.json").unlink()


def lost_releases(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    for version in ("4", "5"):
        assert attacked.site.publish(f"{LEDGER}| E | {version} |\n", version).code == 0
    attacked.serve(log_of(attacked.site))
    shutil.rmtree(attacked.site.root / "release" / "4")


def records_edited(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    with sqlite3.connect(attacked.home / "records.db") as db:
        db.execute("UPDATE checkpoints SET seen_ms = 1")
    db.close()


def records_lost(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    for file in attacked.home.glob("records.db*"):
        file.unlink()


def ended_and_grown(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    retire(attacked)
    assert attacked.found() is Class.OK
    attacked.serve(attacked.log.grow(1))


def without_tiles(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    lie = attacked.log.rewind(0)
    lie.shown = attacked.log.sign(2**63 - 1, root=b"r" * 32)
    attacked.serve(lie)
    assert attacked.found() is Class.UNAVAILABLE
    attacked.hook.messages.clear()
    attacked.serve(attacked.log.grow(100))


def defect(_: Attacked, patch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ValueError("a defect")

    patch.setattr("anchor.app.reverify.examine_release", fails)


def deceived(_: Attacked, patch: pytest.MonkeyPatch) -> None:
    """The canary is served as it was signed, so it is accepted."""
    patch.setattr("anchor.app.canary.Corrupted", lambda held: held.files)


def clock_back(_: Attacked, patch: pytest.MonkeyPatch) -> None:
    real = time.time
    patch.setattr(time, "time", lambda: real() - 400 * 86400)


def torn(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    attacked.site.release.write_bytes(attacked.site.release.read_bytes()[:300])


def fork(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    attacked.serve(attacked.log.fork(1))


def changed(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    edit(attacked, "| A | 1 |", "| A | 9 |")


def entries_withheld(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    """Those behind the entry of the release, which is in another bundle of entries."""
    attacked.site.policy.write_text(f"{attacked.site.policy.read_text()}\n[[watch]]\n")
    log = attacked.log.grow(300)
    attacked.serve(log.withhold(f"tile/entries/001.p/{log.size - 256}"))


def root_gone(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    demand(attacked, f'trusted_root = [{{ path = "gone.json", sha256 = "{"0" * 64}" }}]')


def witnessed(attacked: Attacked, made_by: int) -> None:
    """The policy wants the cosignature of one witness. The bundle has one that this key made in its name, and
    the head of the log has none."""
    now = int(time.time())
    text = note.parse(cosigned.checkpoint(attacked.site)).text
    key, _ = cosigned.witness(1, text, time=now)
    _, payload = cosignature.cosign(text, key.name, cosigned.private(made_by), now)
    cosigned.cosigned(attacked.site, note.line(key.name, key.key_id, payload))
    attacked.tlog_policy = cosigned.named_by([key], "1")
    attacked.write_policy()


def another_entry(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    """The log was written again from the entry on, and hides the tile that would show the fork. The bundle
    has a proof under a later head. The watcher is a new one, so it holds no head of the log."""
    honest = attacked.log.clone().grow(600)
    head = honest.head()
    (index,) = (anchor["log"]["index"] for anchor in attacked.site.value["anchors"])

    def later(proof: dict[str, object]) -> None:
        hashes = TileReader(honest, head).inclusion_proof(index)
        proof["treeSize"] = str(head.size)
        proof["rootHash"] = to_base64(head.root)
        proof["hashes"] = [to_base64(one) for one in hashes]
        proof["checkpoint"] = {"envelope": honest.sign().decode()}

    cosigned.edit_proof(attacked.site, later)
    attacked.home = attacked.folder / "new watcher"
    attacked.serve(attacked.log.fork(index, size=1100).withhold("tile/0/002"))


def one_version(attacked: Attacked, _: pytest.MonkeyPatch) -> None:
    """Release 5 has the version of release 3, whose folder stays."""
    site = attacked.site
    chained.put(site, "4", 4, chained.link_of(site, "3"))
    chained.put(site, "3", 5, chained.link_of(site, "4"), place="5", newest=True)
    attacked.serve(log_of(attacked.site))


INCIDENTS = {
    "ok-0": Incident(lambda *_: None, Class.OK, told=False),
    "recovered": Incident(mended, Class.OK),
    "usage-2": Incident(
        lambda a, _: demand(a, 'min_number = "9"'), Class.USAGE, {VERIFY: Class.USAGE}, told=False
    ),
    "unavailable-3": Incident(torn, Class.UNAVAILABLE, {VERIFY: Class.UNAVAILABLE}),
    "stale-4": Incident(
        lambda a, _: demand(a, "min_number = 9"), Class.STALE, {VERIFY: Class.STALE, STATUS: Class.STALE}
    ),
    "pending-5": Incident(lambda a, _: demand(a, "min_anchors = 2"), Class.PENDING, {VERIFY: Class.PENDING}),
    "equivocation-6": Incident(fork, Class.EQUIVOCATION, alarm="log-fork"),
    "a-log-holds-another-entry-than-the-releases": Incident(another_entry, Class.INVALID),
    "a-cosignature-of-a-witness-is-false": Incident(lambda a, _: witnessed(a, made_by=9), Class.INVALID),
    "a-head-of-a-log-lacks-cosignatures": Incident(lambda a, _: witnessed(a, made_by=1), Class.UNAVAILABLE),
    "two-releases-have-one-version": Incident(one_version, Class.INVALID),
    "invalid-8": Incident(changed, Class.INVALID, {VERIFY: Class.INVALID}, alarm="changed"),
    "findings-9": Incident(
        in_your_name, Class.FINDINGS, {STATUS: Class.FINDINGS}, alarm="signed-in-your-name"
    ),
    "a-log-that-you-watch-is-not-read-whole": Incident(
        entries_withheld, Class.UNAVAILABLE, {STATUS: Class.UNAVAILABLE}
    ),
    "the-trust-material-cannot-be-loaded": Incident(root_gone, Class.UNAVAILABLE, {VERIFY: Class.USAGE}),
    "unsupported-7": Incident(of_a_later_format, Class.UNSUPPORTED, {VERIFY: Class.UNSUPPORTED}),
    "withdrawn-11": Incident(withdrawn, Class.WITHDRAWN, {VERIFY: Class.WITHDRAWN}),
    "error-70": Incident(defect, Class.ERROR),
    "the-publisher-signed-two-releases-that-contradict-each-other": Incident(
        two_releases, Class.EQUIVOCATION, {PROVEN: Class.EQUIVOCATION}
    ),
    "the-publisher-signed-a-status-that-contradicts-another-one": Incident(
        two_statuses, Class.EQUIVOCATION, {PROVEN: Class.EQUIVOCATION}
    ),
    "a-log-signed-two-histories": Incident(fork, Class.EQUIVOCATION, {PROVEN: Class.EQUIVOCATION}),
    "the-records-were-edited": Incident(records_edited, Class.INVALID, {CHECK: Class.INVALID}),
    "a-log-contradicts-what-it-signed": Incident(ended_and_grown, Class.INVALID),
    "what-is-served-is-not-what-was-signed": Incident(changed, Class.INVALID, {VERIFY: Class.INVALID}),
    "somebody-signed-in-your-name": Incident(in_your_name, Class.FINDINGS),
    "the-watch-does-not-find-what-it-must-find": Incident(deceived, Class.ERROR),
    "an-older-release-is-served": Incident(lambda a, _: a.site.roll_back("1"), Class.UNAVAILABLE),
    "an-older-status-is-served-or-none": Incident(older_status, Class.UNAVAILABLE),
    "the-records-were-put-back-or-lost": Incident(records_lost, Class.UNAVAILABLE),
    "a-log-does-not-show-the-trees-that-it-signed": Incident(
        without_tiles, Class.UNAVAILABLE, {STATUS: Class.UNAVAILABLE}
    ),
    "a-log-cannot-be-read": Incident(
        lambda a, _: shutil.rmtree(a.served), Class.UNAVAILABLE, {STATUS: Class.UNAVAILABLE}
    ),
    "the-clock-of-this-machine-is-wrong": Incident(
        clock_back, Class.UNAVAILABLE, {STATUS: Class.UNAVAILABLE}
    ),
    "earlier-releases-cannot-be-read-back": Incident(lost_releases, Class.PENDING),
    "earlier-statuses-cannot-be-read-back": Incident(lost_statuses, Class.PENDING),
}

UNREACHABLE = "postgresql://u@127.0.0.1:1/records"


class ToldByWatch(NamedTuple):
    """A failure of `anchor watch` itself, of which no single run tells."""

    words: tuple[str, ...]
    """The options of the watch."""
    stands: Callable[[Attacked], contextlib.AbstractContextManager[object]]
    """The failure, while this is open. It is over before the commands of the entry are typed."""
    env: Mapping[str, str] = MappingProxyType({})
    """The environment of the commands."""
    ends: Mapping[str, Class] = MappingProxyType({})


@contextlib.contextmanager
def publishing(attacked: Attacked) -> Iterator[None]:
    """Somebody else signs with the keys of this home, so no head can be signed."""
    (attacked.home / "journal").mkdir()
    with lock.exclusive(attacked.home / "journal", doing="publishing with this home"):
        yield


BY_WATCH = {
    "the-watch-cannot-run": ToldByWatch(
        ("--database", UNREACHABLE),
        lambda _: contextlib.nullcontext(),
        {"ANCHOR_DATABASE_URL": UNREACHABLE},
        {STATUS: Class.UNAVAILABLE},
    ),
    "the-head-of-the-records-is-not-anchored": ToldByWatch(("--anchor-history", "1d"), publishing),
}


def test_each_entry_has_an_incident() -> None:
    assert sorted([*INCIDENTS, *BY_WATCH]) == sorted(ENTRIES)


@pytest.mark.parametrize("entry", INCIDENTS)
def test_an_entry_is_reached_by_its_incident_and_its_commands_end_as_it_says(
    entry: str, attacked: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = INCIDENTS[entry]
    assert typed(attacked, VERIFY).returncode == 0  # which keeps the pinned root for this user
    incident.happens(attacked, monkeypatch)
    attacked.hook.messages.clear()
    assert attacked.found() is incident.found
    if incident.told:
        (told,) = attacked.hook.messages
        assert told["anchor"]["alarm"] == (incident.alarm or KIND[entry].name)
        about_a_class = bool(re.search("-[0-9]+$", entry))
        assert (incident.alarm and about_a_class) or f"{RUNBOOK}#{entry}" in told["message"]
        assert told["anchor"]["verdict"] == incident.found
    else:
        assert attacked.hook.messages == []
    for line in lines(ENTRIES[entry]):
        ran = typed(attacked, line)
        assert ran.returncode == incident.ends.get(line, Class.OK).exit_code, (line, ran)


@pytest.mark.parametrize("entry", BY_WATCH)
def test_a_watch_that_fails_itself_names_its_entry_and_its_commands_end_as_it_says(
    entry: str, attacked: Attacked
) -> None:
    incident = BY_WATCH[entry]
    with (
        incident.stands(attacked),
        watching(attacked, *incident.words, "--alarm-after", "1/0") as daemon,
    ):
        until(lambda: attacked.hook.messages, 90)
        told = attacked.hook.messages[0]
        assert daemon.stop() == 0
    assert (told["anchor"]["alarm"], told["anchor"]["verdict"]) == (KIND[entry].name, "UNAVAILABLE")
    assert (told["type"], told["anchor"]["severity"]) == ("warning", "warning")
    assert f"{RUNBOOK}#{entry}" in told["message"]
    for line in lines(ENTRIES[entry]):
        ran = typed(attacked, line, **incident.env)
        assert ran.returncode == incident.ends.get(line, Class.OK).exit_code, (line, ran)
