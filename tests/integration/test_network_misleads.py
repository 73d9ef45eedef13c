# SPDX-License-Identifier: Apache-2.0
"""`anchor publish` on an instance whose services answer wrongly, for somebody else, or at the wrong time.

The instance is the embedded one on loopback, with a bad server before each of its three services. Whatever
happens, the log has no entry that no release names, and never two.
"""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.forge.embedded_signer import csr_request, entry_request
from tests.support.process.clocked import ClockedCommands, clocked
from tests.support.servers import misleading_instance
from tests.support.servers.bad_server import MORE, BadServer, Exchange, answer, forward
from tests.support.servers.misleading_instance import (
    LOST,
    SHORT,
    MisleadingInstance,
    answered,
    only_post,
    taken,
)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MisleadingInstance]:
    with misleading_instance.world(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedCommands]:
    with clocked(tmp_path_factory.mktemp("clock")) as found:
        yield found


def test_the_instance_works_when_nobody_misbehaves(world: MisleadingInstance) -> None:
    world.succeeds()
    assert world.size() == 1


@pytest.mark.parametrize("how", [h for h in LOST if h not in ("hangs", "drips", "redirects")])
def test_answer_lost_after_the_log_took_it_is_found_there(world: MisleadingInstance, how: str) -> None:
    """One run, one entry, no second request."""
    world.log.behaviours[:] = only_post(world, taken(world, LOST[how]))
    world.succeeds()
    assert world.size() == 1
    assert len([r for r in world.log.requests if r.method == "POST"]) == 1


@pytest.mark.parametrize("how", ["hangs", "drips"])
def test_answer_that_used_up_the_budget_is_found_by_the_next_run(world: MisleadingInstance, how: str) -> None:
    world.log.behaviours[:] = only_post(world, taken(world, LOST[how]))
    for more in MORE:  # a slow machine may have used up a budget before the log was asked
        world.budget = SHORT * more
        said = world.fails(3)
        if world.size():
            break
    for words in (
        "transparency log http",
        r"tried once in \d",
        "could not be asked whether it has the entry",
    ):
        assert re.search(words, said), said
    assert world.size() == 1
    world.succeeds()
    assert world.size() == 1


@pytest.mark.parametrize("how", [h for h in LOST if h not in ("hangs", "drips")])
def test_request_that_the_log_never_took_is_sent_by_the_next_run(world: MisleadingInstance, how: str) -> None:
    world.log.behaviours[:] = only_post(world, LOST[how])
    world.fails(3, "transparency log http", "the entry is not in the log")
    assert world.size() == 0
    world.succeeds()
    assert world.size() == 1


def test_somebody_elses_entry_is_not_taken_for_ours(world: MisleadingInstance) -> None:
    """A valid answer of the same log, about another request; ours was taken all the same."""
    other = world.instance.log.append(entry_request("somebody else's"))
    world.log.behaviours[:] = only_post(world, taken(world, answered(lambda _: other, status=201)))
    world.succeeds()
    assert world.size() == 2
    bundle = next((world.folder / "site" / "release" / "1.0.0").glob("*.sigstore.json"))
    tle = json.loads(bundle.read_text())["verificationMaterial"]["tlogEntries"][0]
    assert tle["logIndex"] == "1"


def test_409_that_names_somebody_elses_entry_is_not_believed(world: MisleadingInstance) -> None:
    world.instance.log.append(entry_request("somebody else's"))
    body = b'{"code":6,"message":"an equivalent entry already exists","details":[]}'
    world.log.behaviours[:] = only_post(world, answer(409, body, X_Log_Index="0"))
    world.fails(3, "names entry 0, which is another one")
    world.succeeds()
    assert world.size() == 2


def test_somebody_elses_certificate_is_refused_before_anything_is_logged(world: MisleadingInstance) -> None:
    def other(_: bytes) -> bytes:
        return world.instance.authority.issue(csr_request(), world.instance.mint("someone@else.example"))

    world.ca.behaviours[:] = [answered(other, status=201)]
    ran = world.publish()
    assert ran.code in (3, 8), ran
    assert not world.published()
    assert world.size() == 0


def test_somebody_elses_time_stamp_is_refused_before_anything_is_logged(world: MisleadingInstance) -> None:
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    asked = TimestampRequestBuilder().data(b"other").hash_algorithm(HashAlgorithm.SHA256).build()
    token = world.instance.timestamps.stamp(asked.as_bytes())
    world.tsa.behaviours[:] = [answered(lambda _: token, "application/timestamp-reply")]
    world.fails(8, "time-stamp authority")
    assert world.size() == 0


@pytest.mark.parametrize("hours", [-1, 1])
def test_time_stamp_of_a_clock_an_hour_off_is_refused_before_anything_is_logged(
    world: MisleadingInstance, hours: int
) -> None:
    wrong = world.shifted(timedelta(hours=hours)).timestamps
    world.tsa.behaviours[:] = [answered(wrong.stamp, "application/timestamp-reply")]
    ran = world.publish()
    assert ran.code in (3, 8), ran
    assert world.size() == 0
    assert not world.published()
    if hours > 0:  # an hour ago the authority's own certificate did not exist
        assert "a service's clock is wrong" in ran.err.splitlines()[-1], ran
    world.tsa.behaviours[:] = [forward(world.port)]
    world.succeeds()
    assert world.size() == 1


@pytest.mark.parametrize("hours", [-1, 1])
def test_certificate_of_a_clock_an_hour_off_is_refused_before_anything_is_logged(
    world: MisleadingInstance, hours: int
) -> None:
    """-1: it has expired when it is logged, as a certificate does between a slow signing and the log."""
    wrong = world.shifted(timedelta(hours=hours))

    def issue(body: bytes) -> bytes:
        return wrong.authority.issue(body, wrong.mint())

    world.ca.behaviours[:] = [answered(issue, status=201)]
    ran = world.publish()
    assert ran.code in (3, 8), ran
    assert world.size() == 0
    assert not world.published()
    if hours < 0:
        assert "by this machine's clock it is" in ran.err.splitlines()[-1], ran
    world.ca.behaviours[:] = [forward(world.port)]
    world.succeeds()
    assert world.size() == 1


@pytest.mark.parametrize(
    ("how", "name"),
    [
        *((how, "ca") for how in sorted(LOST)),
        *(
            pytest.param(how, "tsa", marks=pytest.mark.slow if n % 3 else [])
            for n, how in enumerate(sorted(LOST))
        ),
    ],
)
def test_certificate_or_time_stamp_that_does_not_come_leaves_the_log_alone(
    world: MisleadingInstance, name: str, how: str
) -> None:
    front: BadServer = getattr(world, name)

    def behave(x: Exchange) -> None:
        x.request()
        LOST[how](x)

    front.behaviours[:] = [behave]
    world.budget = SHORT if how in ("hangs", "drips") else world.budget
    ran = world.publish()
    assert ran.code in (3, 8), ran
    assert not world.published()
    assert world.size() == 0
    front.behaviours[:] = [forward(world.port)]
    world.succeeds()
    assert world.size() == 1


@pytest.mark.parametrize(
    ("hours", "code", "words"),
    [
        (-1, 3, r"0 usable transparency log, .* from .* on, and by this machine's clock it is"),
        (1, 2, r"the identity token is not usable: expired at .*, and by this machine's clock it is"),
    ],
)
def test_clock_of_this_machine_an_hour_off_is_named(
    world: MisleadingInstance, hours: int, code: int, words: str, clock: ClockedCommands
) -> None:
    ran = clock.run(3600 * hours, *world.words())
    assert ran.code == code, ran
    assert re.search(words, ran.line), ran
    assert "see that the clock is right" in ran.line
    assert world.size() == 0
    assert not world.published()
    world.succeeds()
