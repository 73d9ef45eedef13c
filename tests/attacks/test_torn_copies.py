# SPDX-License-Identifier: Apache-2.0
"""A site in the middle of a copy is no attack, and what it may hide is never OK: played over time."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from anchor.app import readings
from anchor.app.readings import Reading
from anchor.errors import Unavailable
from anchor.monitor.observed import ExaminedRelease
from anchor.verdict import Class, Verdict
from tests.support.attacks.attacked import Attacked, log_of
from tests.support.releases.published import LEDGER
from tests.support.servers.folder_server import serve_folder


def half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


TORN: dict[str, Callable[[Attacked], object]] = {
    "release.json first": lambda a: shutil.rmtree(a.site.root / "release" / "3"),
    "a file missing": lambda a: a.site.path("ledger.md").unlink(),
    "half a file": lambda a: half(a.site.path("ledger.md")),
    "an empty file": lambda a: a.site.path("ledger.json").write_bytes(b""),
    "half a bundle": lambda a: half(a.site.path("bundle")),
    "half a statement": lambda a: half(a.site.path("statement")),
    "half a release.json": lambda a: half(a.site.release),
    "an empty release.json": lambda a: a.site.release.write_bytes(b""),
    "a web page": lambda a: a.site.release.write_bytes(b"<!doctype html><title>503</title>"),
    "no release.json": lambda a: a.site.release.unlink(),
    "half a pinned trusted root": lambda a: half(a.site.path("trusted_root")),
    "no pinned trusted root": lambda a: a.site.path("trusted_root").unlink(),
}


@pytest.mark.parametrize(
    "torn",
    [
        pytest.param(how, id=name, marks=pytest.mark.slow if n % 2 else [])
        for n, (name, how) in enumerate(TORN.items())
    ],
)
def test_torn_once_alarms_nobody_and_torn_for_long_is_told_by_the_rule(
    torn: Callable[[Attacked], object], attacked: Attacked
) -> None:
    """Torn, whole, torn again and again: told when the rule of --alarm-after has passed, and no sooner."""
    whole = attacked.folder / "whole"
    shutil.copytree(attacked.site.root, whole)
    rule = ("--alarm-after", "3/0")

    torn(attacked)
    assert attacked.run(*rule).document["verdict"] == "UNAVAILABLE"
    shutil.rmtree(attacked.site.root)
    shutil.copytree(whole, attacked.site.root)
    assert attacked.run(*rule).document["verdict"] == "OK"
    assert attacked.told() == []

    torn(attacked)
    told = []
    for _ in range(3):
        assert attacked.run(*rule).document["verdict"] == "UNAVAILABLE"
        told.append(attacked.told())
    assert told == [[], [], ["UNAVAILABLE"]]


def test_whole_bytes_that_contradict_are_told_at_once_also_beside_a_torn_file(attacked: Attacked) -> None:
    ledger = attacked.site.path("ledger.md")
    ledger.write_bytes(ledger.read_bytes().replace(b"| A | 1 |", b"| A | 9 |"))
    half(attacked.site.path("ledger.json"))
    assert attacked.found() is Class.INVALID
    assert attacked.told() == ["INVALID"]


def test_a_release_that_is_swapped_between_two_requests_is_read_again(fresh: Attacked) -> None:
    """release.json of before the swap with the files of after it, under one path. Never OK with mixed parts:
    the second reading finds the new release.json too."""
    new = fresh.site.copy(fresh.folder / "new")
    assert new.publish(f"{LEDGER}| E | 5 |\n", "4").code == 0

    def flattened(site_root: Path) -> tuple[bytes, dict[str, bytes]]:
        """The release with its files under paths that do not change with the version."""
        value, files = json.loads((site_root / "release.json").read_bytes()), {}

        def moved(blob: dict[str, object]) -> None:
            data = (site_root / str(blob["path"])).read_bytes()
            blob["path"] = "current/" + str(blob["path"]).rsplit("/", 1)[-1]
            files[str(blob["path"])] = data

        for blob in (*value["files"], value["statement"], value["trusted_root"]):
            moved(blob)
        for one in value["anchors"]:
            moved(one["bundle"])
        return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n", files

    old_json, old = flattened(fresh.site.root)
    new_json, newer = flattened(new.root)
    with serve_folder(fresh.site.root) as server:
        fresh.target = f"{server.url}/release.json"
        server.bodies = {"release.json": old_json, **old}
        assert fresh.found() is Class.OK
        # release.json is read, then all is swapped
        server.bodies = {"release.json": old_json, **newer}
        server.asked.clear()
        server.then = {"release.json": new_json}
        fresh.serve(log_of(new))
        assert fresh.found() is Class.OK
        assert server.asked.count("release.json") == 2
        # a cache that goes on serving the old release.json: whole bytes contradict it in both readings
        server.then = {}
        server.bodies = {"release.json": old_json, **newer}
        assert fresh.found() in (Class.INVALID, Class.UNAVAILABLE)
        # and the new one with the old files
        server.bodies = {"release.json": new_json, **old}
        assert fresh.found() in (Class.INVALID, Class.UNAVAILABLE)


# The readings by themselves


def reading(data: bytes | None, found: Class) -> Reading:
    if data is None:
        return Reading(data=None, found=Unavailable("gone"))
    verdict = Verdict(kind="release", target="t", verdict=found)
    return Reading(data=data, found=ExaminedRelease(verdict=verdict))


class Pace:
    """Readings that took so many seconds each; the pauses between them are counted, and take no time."""

    def __init__(self, *, spent: float) -> None:
        self._spent = spent
        self.pauses: list[float] = []

    def spent(self) -> float:
        return self._spent

    def sleep(self, seconds: float, /) -> None:
        self.pauses.append(seconds)


@pytest.mark.parametrize(
    ("given", "wanted", "times"),
    [
        ("a:OK", Class.OK, 1),
        ("a:USAGE", Class.USAGE, 1),
        ("a:INVALID a:INVALID", Class.INVALID, 2),
        ("a:INVALID a:OK", Class.OK, 2),
        ("a:INVALID a:UNAVAILABLE", Class.UNAVAILABLE, 2),
        ("a:UNAVAILABLE a:INVALID", Class.UNAVAILABLE, 2),
        ("a:UNAVAILABLE a:UNAVAILABLE", Class.UNAVAILABLE, 2),
        ("a:INVALID b:OK", Class.OK, 2),
        ("a:INVALID b:INVALID b:INVALID", Class.INVALID, 3),
        ("a:INVALID b:INVALID c:INVALID", Class.UNAVAILABLE, 3),
        ("a:INVALID b:INVALID a:INVALID", Class.UNAVAILABLE, 3),
        ("a:INVALID -: -:", Class.UNAVAILABLE, 3),
        ("-: -:", Class.UNAVAILABLE, 2),
        ("-: a:INVALID a:INVALID", Class.INVALID, 3),
        ("-: a:OK", Class.OK, 2),
    ],
)
def test_only_two_readings_that_agree_accuse(given: str, wanted: Class, times: int) -> None:
    found = []
    for word in given.split():
        data, _, verdict = word.partition(":")
        found.append(reading(None if data == "-" else data.encode(), Class(verdict or "OK")))
    pace, left = Pace(spent=0.0), iter(found)
    try:
        result = readings.read(lambda: next(left), pace, target="t")
        assert result.verdict.verdict is wanted
    except Unavailable:
        assert wanted is Class.UNAVAILABLE
    assert len(pace.pauses) == times - 1
    assert next(left, None) is None


def test_what_a_slow_source_does_not_give_is_not_asked_for_twice() -> None:
    one = [reading(None, Class.OK)]
    with pytest.raises(Unavailable):
        readings.read(one.pop, Pace(spent=61.0), target="t")


def test_a_release_that_never_was_is_usage_and_one_that_is_gone_is_not(attacked: Attacked) -> None:
    attacked.site.release.unlink()
    assert attacked.found() is Class.UNAVAILABLE
    attacked.target = str(attacked.folder / "nothing" / "release.json")
    assert attacked.run().code == 2
