# SPDX-License-Identifier: Apache-2.0
"""Releases that are cheap to make and dear to verify: anchors, stamps, authorities that multiply each other.

Whoever serves a release can put up to 63 anchors of his own beside the publisher's, and a copy of the trusted
root that names whatever they need.
"""

import base64
import contextlib
import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, BinaryIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from anchor import limits
from anchor.embedded.instance import Instance
from anchor.errors import Stopped
from anchor.publish import release_json
from anchor.sigstore import trusted_root
from anchor.verdict import Class, Verdict
from anchor.verify.effort import Effort
from anchor.verify.release import verify_release
from tests.support.attacks.attacked import Attacked, log_of
from tests.support.forge.attacker import (
    PublisherAndAttacker,
    make_world,
    own,
    refused,
    statement_of,
    with_anchors,
)
from tests.support.forge.signed import described, sign
from tests.support.releases.in_memory import Held, Memory, hold
from tests.support.releases.published import LEDGER, published

Change = Callable[[Any], None]
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> PublisherAndAttacker:
    return make_world(tmp_path_factory.mktemp)


@pytest.fixture(scope="module")
def strange(world: PublisherAndAttacker) -> list[tuple[Any, bytes]]:
    """Three anchors of a stranger with 32 stamps each."""
    bundles = [sign(world.foreign, statement_of(world.first), stamps=32) for _ in range(3)]
    root = world.foreign.trusted_root()
    return [(described(b, root, f"strange{n}.json"), b) for n, b in enumerate(bundles)]


def served(
    world: PublisherAndAttacker, anchors: list[tuple[Any, bytes]], change: Change = lambda _: None
) -> Held:
    """The first release with these anchors beside its own, and a copy that names what they need."""
    made = with_anchors(world.first, own(world.first), *anchors)
    copy = json.loads(release_json.union([*world.first.trust.raw, world.foreign.trusted_root()]))
    change(copy)
    return made.with_file(made.path("trusted_root"), json.dumps(copy).encode(), repaired=True)


def twin(der: bytes, *, serial: int | None = None) -> bytes:
    """Another certificate of the same names, and of the same serial number unless another is given."""
    old, now = x509.load_der_x509_certificate(der), dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(old.issuer, old.subject, KEY.public_key())
    builder = builder.serial_number(old.serial_number if serial is None else serial)
    builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=9))
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def twins(member: str, count: int, *, same: bool) -> Change:
    """So many authorities before the last one of the copy, with its names; `same`: with its serial number."""

    def change(copy: Any) -> None:
        real = copy[member][-1]
        der = base64.b64decode(real["certChain"]["certificates"][0]["rawBytes"])
        made = []
        for number in range(count):
            raw = base64.b64encode(twin(der, serial=None if same else 1000 + number)).decode()
            rest = real["certChain"]["certificates"][1:]
            made.append({**real, "certChain": {"certificates": [{"rawBytes": raw}, *rest]}})
        copy[member][-1:-1] = made

    return change


def about(verdict: Verdict, origin: str) -> set[str]:
    return {c.state for c in verdict.checks if c.about == origin}


def test_stamps_alone_are_within_the_budget(
    world: PublisherAndAttacker, strange: list[tuple[Any, bytes]]
) -> None:
    effort = Effort()
    assert served(world, strange).examine(effort=effort).verdict.verdict is Class.OK
    assert 3 * 32 < effort.checked < 3 * 100


@pytest.mark.parametrize("member", ["timestampAuthorities", "certificateAuthorities"])
def test_authorities_of_one_issuer_and_serial_are_refused(
    world: PublisherAndAttacker, strange: list[tuple[Any, bytes]], member: str
) -> None:
    effort = Effort()
    found = served(world, strange, twins(member, 99, same=True)).examine(effort=effort)
    refused(found.verdict, "trusted-root")
    assert "one issuer and serial number" in str(found.verdict.checks)
    assert effort.checked < 30
    assert about(found.verdict, world.honest.origin) <= {"passed", "skipped"}
    assert [a.anchor.log.origin for a in found.anchors] == [world.honest.origin]


def test_one_authority_with_two_windows_is_no_twin(world: PublisherAndAttacker) -> None:
    """As in a copy of two roots, of which the later one has ended it."""

    def change(copy: Any) -> None:
        real = copy["timestampAuthorities"][0]
        copy["timestampAuthorities"].append(
            {**real, "validFor": {**real["validFor"], "end": "2099-01-01T00:00:00Z"}}
        )

    refused(served(world, [], change).verify(), "trusted-root-copy", Class.UNAVAILABLE)


def test_authorities_of_one_name_cost_no_more_than_the_budget(
    world: PublisherAndAttacker, strange: list[tuple[Any, bytes]]
) -> None:
    """Each may have issued the certificate; what is not tried for its cost is no forgery, and no proof."""
    effort = Effort(checks=200)
    found = served(world, strange, twins("certificateAuthorities", 200, same=False)).examine(effort=effort)
    refused(found.verdict, "anchor-named", Class.UNAVAILABLE)
    assert "signature checks" in str(found.verdict.checks)
    assert effort.checked <= 200
    assert about(found.verdict, world.honest.origin) <= {"passed", "skipped"}
    (anchor,) = found.anchors
    assert anchor.anchor.log.origin == world.honest.origin
    assert anchor.counts


@pytest.mark.parametrize("member", ["tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"])
def test_a_copy_that_lists_too_much_is_not_read(world: PublisherAndAttacker, member: str) -> None:
    def change(copy: Any) -> None:
        copy[member] = [copy[member][0]] * (limits.COPY_ITEMS + 1)

    refused(served(world, [], change).verify(), "trusted-root")


def test_a_copy_with_a_long_chain_is_not_read(world: PublisherAndAttacker) -> None:
    def change(copy: Any) -> None:
        chain = copy["certificateAuthorities"][0]["certChain"]
        chain["certificates"] += chain["certificates"][-1:] * limits.COPY_CHAIN

    refused(served(world, [], change).verify(), "trusted-root")


def test_a_root_of_the_verifier_is_taken_as_it_is(world: PublisherAndAttacker) -> None:
    """The limits are for what a stranger may have written."""
    value = json.loads(world.first.trust.raw[0])
    value["timestampAuthorities"] *= 3
    raw = json.dumps(value).encode()
    held = world.first.with_file(world.first.path("trusted_root"), raw, repaired=True)
    trust = type(held.trust)(policy=held.trust.policy, raw=[raw], root=trusted_root.parse(raw))
    assert held.verify(trust=trust).verdict is Class.OK


def test_the_time_that_is_over_is_unavailable_and_takes_nothing_from_the_publisher(
    world: PublisherAndAttacker, strange: list[tuple[Any, bytes]]
) -> None:
    made = served(world, strange)
    at = [0.0]

    def stopwatch() -> float:
        at[0] += 0.01
        return at[0]

    whole = Effort(stopwatch=stopwatch)
    assert made.examine(effort=whole).verdict.verdict is Class.OK
    found = made.examine(effort=Effort(seconds=at[0] / 3, stopwatch=stopwatch))
    assert found.verdict.verdict is Class.UNAVAILABLE
    assert "its verification takes more than" in str(found.verdict.checks)
    assert [a.anchor.log.origin for a in found.anchors] == [world.honest.origin]


@pytest.mark.parametrize("polls", [0, 1, 40, 100])
def test_a_verification_is_left_when_the_process_is_to_end(
    world: PublisherAndAttacker, strange: list[tuple[Any, bytes]], polls: int
) -> None:
    asked = [0]

    def stopping() -> bool:
        asked[0] += 1
        return asked[0] > polls

    with pytest.raises(Stopped):
        served(world, strange).examine(effort=Effort(stopping=stopping))
    assert asked[0] == polls + 1


def test_sixty_four_anchors_are_verified_and_count(world: PublisherAndAttacker) -> None:
    statement, root = statement_of(world.first), world.honest.trusted_root()
    bundles = [sign(world.honest, statement) for _ in range(limits.ANCHORS - 1)]
    anchors = [(described(b, root, f"more/{n}.json"), b) for n, b in enumerate(bundles)]
    effort = Effort()
    found = with_anchors(world.first, own(world.first), *anchors).examine(effort=effort)
    assert found.verdict.verdict is Class.OK
    assert found.counted == limits.ANCHORS
    assert len({a.data for a in found.anchors}) == limits.ANCHORS
    assert effort.checked < limits.CHECKS / 10


class Counting(Memory):
    """Files that count what is read of each, in bytes."""

    def __init__(self, held: Mapping[str, bytes]) -> None:
        super().__init__(held)
        self.__dict__["lines"] = 0

    @contextlib.contextmanager
    def open(self, path: str, *, size: int) -> Iterator[BinaryIO]:
        with super().open(path, size=size) as stream:
            line = stream.readline

            def readline(limit: int = -1) -> bytes:
                self.__dict__["lines"] += 1
                return line(limit)

            stream.readline = readline  # type: ignore[method-assign]
            yield stream


def large_ledger() -> str:
    return LEDGER + "".join(f"| {n} | {'x' * 200_000} |\n" for n in range(100))


def examined(held: Held, files: Mapping[str, bytes] | None = None) -> tuple[Verdict, int]:
    """The verdict, and how many lines were read."""
    counting = Counting(files or held.files)
    verdict = verify_release("r", held.release, counting, trust=held.trust, now=held.now)
    return verdict, counting.__dict__["lines"]


@pytest.fixture(scope="module")
def large(world: PublisherAndAttacker, tmp_path_factory: pytest.TempPathFactory) -> Held:
    """A release of a ledger of 20 MB by the attacker, as whoever trusts the publisher sees it."""
    assert len(large_ledger()) > limits.UNSIGNED
    return hold(published(tmp_path_factory.mktemp("large"), large_ledger()).root)


def test_a_large_ledger_of_a_stranger_is_not_read(world: PublisherAndAttacker, large: Held) -> None:
    assert examined(large)[0].verdict is Class.OK
    verdict, lines = examined(replace(large, trust=world.first.trust))
    refused(verdict, "policy-anchors")
    assert lines == 0
    states = {c.name: c.state for c in verdict.checks}
    assert (states["facts"], states["ledger-json"]) == ("skipped", "skipped")


def test_another_large_ledger_than_was_signed_is_not_parsed(large: Held) -> None:
    path = large.path("ledger.md")
    data = large.files[path]
    other = {**large.files, path: data[:-4] + b"y |\n"[-4:]}
    assert len(other[path]) == len(data)
    assert other[path] != data
    verdict, lines = examined(large, other)
    refused(verdict, "facts")
    assert lines == 0


@pytest.mark.slow
def test_sixty_four_anchors_are_reverified_entry_by_entry(fresh: Attacked) -> None:
    site = fresh.site
    instance = Instance.open(site.home / "instance", create=False)
    statement, root = site.path("statement").read_bytes(), site.path("trusted_root").read_bytes()
    held = hold(site.root)
    bundles = [sign(instance, statement) for _ in range(limits.ANCHORS - 1)]
    anchors = [(described(b, root, f"more/{n}.json"), b) for n, b in enumerate(bundles)]
    made = with_anchors(held, own(held), *anchors)
    site.release.write_bytes(made.release)
    (site.root / "more").mkdir()
    for anchor, bundle in anchors:
        (site.root / anchor.bundle.path).write_bytes(bundle)
    (folder,) = site.root.glob("release/log/*")
    instance.export(folder)
    fresh.log = log_of(site)
    fresh.serve(fresh.log)
    ran = fresh.run()
    assert (ran.code, ran.document["verdict"]) == (0, "OK"), ran.out
    read = {c["name"] for c in ran.document["checks"] if c["name"].startswith("entry ")}
    assert len(read) == limits.ANCHORS
    assert any(c["name"] == "complete" and "64 anchors" in c["detail"] for c in ran.document["checks"])
    fresh.serve(fresh.log.fork(2))
    assert fresh.found() is Class.EQUIVOCATION
