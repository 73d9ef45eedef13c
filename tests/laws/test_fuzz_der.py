# SPDX-License-Identifier: Apache-2.0
"""Spoiled DER, in what a stranger sends and in what a trusted root lists: an error of ours, or nothing."""

import base64
import contextlib
import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anchor.encoding import to_base64
from anchor.errors import AnchorError, Refused, Unsupported
from anchor.sigstore import timestamp_response, trusted_root, x509
from anchor.verify import certificate, timestamp
from anchor.verify.effort import Effort
from tests.support.forge import bundles
from tests.support.forge.authorities import tsa
from tests.support.forge.our_verdict import judge
from tests.support.process.sampled import examples
from tests.vectors import make
from tests.vectors.case import CASES

assert make.GROUPS  # importing it registers the cases
CASE = CASES["path-three"]
ROOT: dict[str, Any] = json.loads(CASE.root)
CHAIN = [
    base64.b64decode(c["rawBytes"]) for c in ROOT["certificateAuthorities"][0]["certChain"]["certificates"]
]
MATERIAL = json.loads(CASE.bundle)["verificationMaterial"]
LEAF = base64.b64decode(MATERIAL["certificate"]["rawBytes"])
TOKENS = [bundles.stamp(bundles.Stamp(more={"embed": chain}), b"x") for chain in ((), tsa("tsa").chain)]
BELIEVED = trusted_root.parse(CASE.root)
AUTHORITIES = BELIEVED.timestamp_authorities
TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)


@st.composite
def spoiled(draw: st.DrawFn, whole: bytes) -> bytes:
    """The bytes with one to four of them changed, or a piece taken out, doubled or put in."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        kind = draw(st.sampled_from(("byte", "byte", "byte", "piece", "digits")))
        if kind == "byte":
            data[at] = draw(st.integers(0, 255))
        elif kind == "digits":  # times and lengths of text stay what they are
            for place in range(at, min(at + 4, len(data))):
                if 0x30 <= data[place] <= 0x39:
                    data[place] = draw(st.sampled_from((0x30, 0x39)))
        else:
            data[at : at + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(data)


@examples(600, example(LEAF), given(st.sampled_from([LEAF, *CHAIN]).flatmap(spoiled)))
def test_a_spoiled_certificate_is_an_error_of_ours(der: bytes) -> None:
    with contextlib.suppress(AnchorError):
        x509.fields(x509.load_certificate(der, "here"), "here")
    with contextlib.suppress(AnchorError):
        certificate.issued_by(certificate.read(der), BELIEVED, TIME, Effort.unlimited())


@examples(600, example(TOKENS[1]), given(st.sampled_from(TOKENS).flatmap(spoiled)))
def test_a_spoiled_token_is_an_error_of_ours(der: bytes) -> None:
    with contextlib.suppress(AnchorError):
        timestamp.check_signing_certificate(timestamp_response.read(der, "here"), CHAIN[0], where="here")
    with contextlib.suppress(AnchorError):
        timestamp.check(der, b"x", AUTHORITIES, where="here")


@examples(300, given(st.integers(0, len(CHAIN) - 1), st.data()))
def test_a_spoiled_certificate_of_an_authority_gives_a_verdict(place: int, data: st.DataObject) -> None:
    root = json.loads(CASE.root)
    listed = root["certificateAuthorities"][0]["certChain"]["certificates"]
    listed[place]["rawBytes"] = to_base64(data.draw(spoiled(CHAIN[place])))
    judge(dataclasses.replace(CASE, root=json.dumps(root).encode()))


@pytest.mark.parametrize("error", [ValueError, OverflowError, KeyError, RecursionError])
def test_whatever_a_library_raises_becomes_ours(error: type[Exception]) -> None:
    with pytest.raises(Refused, match=error.__name__), x509.reading("a field", "here"):
        raise error
    with pytest.raises(Unsupported), x509.reading("a field", "here", kind=Unsupported):
        raise error


class PanicException(BaseException):
    """As the Rust code of a library raises: no `Exception`."""


def test_a_panic_of_a_library_becomes_ours_and_an_interrupt_does_not() -> None:
    with pytest.raises(Refused), x509.reading("a field", "here"):
        raise PanicException
    for error in (KeyboardInterrupt, MemoryError):
        with pytest.raises(error), x509.reading("a field", "here"):
            raise error
