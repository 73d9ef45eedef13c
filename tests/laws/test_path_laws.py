# SPDX-License-Identifier: Apache-2.0
"""Certification paths: what an authority's own part of a path says once, each whole path says again.

`Chain` finds the part above an issuer once, and looks at a leaf with its issuer alone. The library that looks
at a whole path each time is the oracle: both must come to the same path, or to the same error.
"""

import datetime as dt
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import example, given
from hypothesis import strategies as st

from anchor.errors import AnchorError
from anchor.sigstore.certification_path import SIGNING, STAMPING, Chain, Purpose, validate
from anchor.sigstore.x509 import Fields, fields
from tests.support.forge.authorities import EPOCH, FAR, IDENTITY, SIGNED, Authority, Leaf, Upper
from tests.support.forge.keys import ecdsa, ed
from tests.support.process.sampled import examples

CODE, SERVER = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH
HOST = IDENTITY.partition("@")[2]
S = dt.timedelta(seconds=1)
TIMES = (EPOCH, SIGNED - 10 * S, SIGNED, SIGNED + S / 2, SIGNED + S, FAR, FAR + S)
LEAVES: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"ca": True},
    {"identity": "a@other.example"},
    {"eku": None},
]
CONSTRAINTS = [
    x509.NameConstraints(*names)
    for name in (x509.RFC822Name(HOST), x509.RFC822Name("other.example"), x509.DNSName("other.example"))
    for names in (([name], None), (None, [name]))
]


class Knobs(msgspec.Struct, frozen=True):
    """The parts of a path: what is above the leaf, the order in which it is listed, the leaf, and a time."""

    above: tuple[dict[str, Any], ...]
    order: tuple[int, ...]
    leaf: dict[str, Any]
    time: dt.datetime


@st.composite
def uppers(draw: st.DrawFn) -> dict[str, Any]:
    """The knobs of a certificate above a leaf. Most of them are those of an honest one."""
    rarely = draw(st.integers(0, 5))
    return {
        "length": draw(st.sampled_from([None, None, 0, 1, 2])),
        "ca": draw(st.sampled_from([False, None])) if rarely == 1 else True,
        "cert_sign": draw(st.sampled_from([False, None])) if rarely == 2 else True,
        "eku": draw(st.sampled_from([(), (), (CODE,), (SERVER,)])) if rarely == 3 else (),
        "more": ((draw(st.sampled_from(CONSTRAINTS)), True),) if rarely == 4 else (),
        "start": SIGNED + S if rarely == 5 and draw(st.booleans()) else EPOCH,
        "end": SIGNED + S if rarely == 5 and draw(st.booleans()) else FAR,
    }


@st.composite
def knobs(draw: st.DrawFn) -> Knobs:
    above = tuple(draw(st.lists(uppers(), min_size=1, max_size=4)))
    order = tuple(range(len(above)))
    if not draw(st.integers(0, 5)):
        order = tuple(draw(st.permutations(order)))
    return Knobs(above, order, draw(st.sampled_from(LEAVES)), draw(st.sampled_from(TIMES)))


def tower(above: tuple[dict[str, Any], ...]) -> Authority:
    """Certificates that issue each other, the first one by the second and so on."""
    made = [
        Upper(common=f"law {at}", key=(ed if one.get("ed") else ecdsa)(f"law {at}"), **_rest(one))
        for at, one in enumerate(above)
    ]
    issuers = [*made[1:], None]
    chain = tuple(one.issue(by) for one, by in zip(made, issuers, strict=True))
    return Authority(made[0].key, chain)


def _rest(one: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name != "ed"}


def found(path: Any) -> object:
    """A path as the bytes of its certificates; an error as its class and line."""
    try:
        return [one.certificate for one in path()]
    except AnchorError as e:
        return type(e), str(e)


LENGTHS = Knobs(({"length": 0}, {"length": 0}), (0, 1), {}, SIGNED)
"""The path of the issuer alone keeps to the length of the root, and a path with a leaf does not."""
NAMES = Knobs(({}, {"more": ((CONSTRAINTS[1], True),)}), (0, 1), {}, SIGNED)
"""The constraint of the root has nothing to say about the issuer, and refuses the leaf."""


@examples(800, example(LENGTHS), example(NAMES), given(knobs()))
def test_the_upper_part_of_a_path_may_be_found_once(made: Knobs) -> None:
    authority = tower(made.above)
    leaf = fields(Leaf(**made.leaf).issue(authority), "leaf")
    listed = tuple(fields(authority.chain[at], "authority") for at in made.order)
    chain = Chain("law", listed, SIGNING)
    for time in (made.time, *TIMES[:3]):  # one value answers for several times
        for one in (leaf, *listed):

            def whole(one: Fields = one, time: dt.datetime = time) -> object:
                return validate(one, listed, time, name="law", purpose=SIGNING, where="here")

            def parts(one: Fields = one, time: dt.datetime = time) -> object:
                return chain.down_to(one, time, "here")

            assert found(parts) == found(whole)


@examples(400, given(knobs()))
def test_an_authority_s_own_path_may_be_found_once(made: Knobs) -> None:
    authority = tower(made.above)
    first, *above = listed = tuple(fields(authority.chain[at], "authority") for at in made.order)
    chain = Chain("law", listed, STAMPING)
    for time in (made.time, *TIMES):

        def whole(time: dt.datetime = time) -> object:
            return validate(first, above, time, name="law", purpose=STAMPING, where="here")

        def own(time: dt.datetime = time) -> object:
            return chain.own(time, "here")

        assert found(own) == found(whole)


@pytest.mark.parametrize(
    ("above", "counted"),
    [
        (({}, {}), 2),
        (({"length": 0}, {"length": 1}), 2),
        (({"length": 0}, {"length": 0}), 1),  # the root alone: nothing below an issuer that it has
        (({"more": ((CONSTRAINTS[0], True),)}, {}), 2),  # the issuer's own constraint is looked at each time
        (({}, {"more": ((CONSTRAINTS[0], True),)}), 1),
        (({}, {"ed": True}), 1),
        (({}, {"cert_sign": False}), 0),  # such a root may issue nothing at all
        (({}, {"eku": (SERVER,)}), 0),
    ],
)
def test_only_what_says_nothing_about_a_leaf_is_found_once(
    above: tuple[dict[str, Any], ...], counted: int
) -> None:
    listed = tuple(fields(one, "authority") for one in tower(above).chain)
    assert len(Chain("law", listed, SIGNING).issuers) == counted


def test_the_rules_of_a_purpose_are_those_of_its_leaf_and_of_what_stands_above() -> None:
    """A certificate that is checked as an issuer is no leaf: the rules for a leaf would refuse it."""
    listed = tuple(fields(one, "authority") for one in tower(({"length": 0}, {"length": 1})).chain)
    alike = Purpose(SIGNING.above, SIGNING.above)
    chain = Chain("law", listed, SIGNING)
    assert [one.path for one in chain.issuers] == [listed, listed[1:]]
    assert validate(listed[0], listed, SIGNED, name="law", purpose=alike, where="here") == listed
