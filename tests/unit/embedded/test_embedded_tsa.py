# SPDX-License-Identifier: Apache-2.0
"""The embedded time-stamp authority: tokens that RFC 3161 verifiers take, and requests that get none."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st
from rfc3161_client import (
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from anchor.embedded import timestamp_messages as messages
from anchor.embedded.instance import Instance
from anchor.embedded.tsa import POLICY
from anchor.sigstore import rfc3161 as rfc
from tests.support.forge.embedded_signer import Clock

MESSAGE = b"a signature"
IMPRINT = hashlib.sha256(MESSAGE).digest()


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    clock = Clock(datetime(2026, 3, 4, 5, 6, 7, 890_123, tzinfo=UTC))
    return Instance.create(tmp_path_factory.mktemp("home") / "instance", clock=clock)


def ask(**changed: object) -> bytes:
    fields: dict[str, object] = {
        "version": 1,
        "message_imprint": imprint(),
        "req_policy": None,
        "nonce": 42,
        "cert_req": True,
        "extensions": None,
    }
    return asn1.encode_der(messages.TimeStampReq(**(fields | changed)))  # type: ignore[arg-type]


def imprint(oid: rfc.Oid = rfc.ID_SHA256, digest: bytes = IMPRINT) -> messages.MessageImprint:
    algorithm = rfc.AlgorithmIdentifier(algorithm=oid, parameters=None)
    return messages.MessageImprint(hash_algorithm=algorithm, hashed_message=digest)


def stamped(instance: Instance, request: bytes) -> TimeStampResponse:
    return decode_timestamp_response(instance.timestamps.stamp(request))


def verify(instance: Instance, response: TimeStampResponse, message: bytes = MESSAGE) -> None:
    leaf, root = instance.timestamps.chain
    verifier = VerifierBuilder().tsa_certificate(leaf).add_root_certificate(root).build()
    verifier.verify_message(response, message)


def parsed(instance: Instance, request: bytes) -> messages.TimeStampResp:
    return asn1.decode_der(messages.TimeStampResp, instance.timestamps.stamp(request))


def info_of(response: messages.TimeStampResp) -> messages.TstInfo:
    assert response.time_stamp_token
    return asn1.decode_der(messages.TstInfo, response.time_stamp_token.content.encap_content_info.content)


def test_a_token_verifies_and_is_of_this_message_only(instance: Instance) -> None:
    response = stamped(instance, TimestampRequestBuilder().data(MESSAGE).nonce(nonce=True).build().as_bytes())
    verify(instance, response)
    with pytest.raises(VerificationError):
        verify(instance, response, b"another")


def test_a_token_of_another_instance_does_not_verify(instance: Instance, tmp_path: Path) -> None:
    other = Instance.create(tmp_path / "other", clock=instance.clock)
    with pytest.raises(VerificationError):
        verify(instance, stamped(other, ask()))


@pytest.mark.parametrize(
    ("oid", "name"), [(rfc.ID_SHA256, "sha256"), (rfc.ID_SHA384, "sha384"), (rfc.ID_SHA512, "sha512")]
)
@pytest.mark.parametrize("parameters", [None, asn1.Null()])
def test_the_imprint_comes_back_as_it_was_asked(
    instance: Instance, oid: rfc.Oid, name: str, parameters: asn1.Null | None
) -> None:
    algorithm = rfc.AlgorithmIdentifier(algorithm=oid, parameters=parameters)
    digest = hashlib.new(name, MESSAGE).digest()
    asked = messages.MessageImprint(hash_algorithm=algorithm, hashed_message=digest)
    answer = info_of(parsed(instance, ask(message_imprint=asked)))
    assert asn1.encode_der(answer.message_imprint) == asn1.encode_der(asked)


@given(st.none() | st.integers(-(2**256) + 1, 2**256 - 1))
def test_the_nonce_is_echoed(nonce: int | None) -> None:
    response = parsed(SHARED, ask(nonce=nonce))
    assert response.status.status == 0
    assert info_of(response).nonce == nonce


def test_the_time_is_the_clocks_in_whole_seconds_and_says_how_accurate(instance: Instance) -> None:
    """A fraction would be refused by sigstore-js whenever its third digit is a zero, which DER takes off."""
    info = info_of(parsed(instance, ask()))
    assert info.gen_time.as_datetime() == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert asn1.encode_der(info.gen_time) == b"\x18\x0f20260304050607Z"
    assert info.accuracy
    assert info.accuracy.seconds == 1
    assert info.policy == POLICY


def test_signing_time_survives_2050(tmp_path: Path) -> None:
    instance = Instance.create(tmp_path / "i", clock=Clock(datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)))
    verify(instance, stamped(instance, ask()))
    clock = instance.clock
    assert isinstance(clock, Clock)
    clock.move(days=1)
    verify(instance, stamped(instance, ask()))


def test_serial_numbers_do_not_repeat(instance: Instance) -> None:
    assert len({info_of(parsed(instance, ask())).serial_number for _ in range(50)}) == 50


def test_certificates_are_in_the_token_only_when_asked(instance: Instance) -> None:
    for wanted in (True, False):
        token = parsed(instance, ask(cert_req=wanted)).time_stamp_token
        assert token
        found = token.content.certificates
        assert (found.as_list() if found else None) == (
            list(sorted_der(instance.timestamps.chain)) if wanted else None
        )
    verify(instance, stamped(instance, ask(cert_req=True)))


def sorted_der(chain: tuple[x509.Certificate, ...]) -> list[x509.Certificate]:
    """DER sorts a SET OF by its members' bytes."""
    return sorted(chain, key=lambda c: c.public_bytes(Encoding.DER))


def test_the_token_names_its_certificate(instance: Instance) -> None:
    token = parsed(instance, ask()).time_stamp_token
    assert token
    (signer,) = token.content.signer_infos.as_list()
    attributes = {a.attr_type: a.attr_values.as_list()[0] for a in signer.signed_attrs.as_list()}
    assert set(attributes) == {
        rfc.ID_CONTENT_TYPE,
        rfc.ID_SIGNING_TIME,
        rfc.ID_MESSAGE_DIGEST,
        rfc.ID_SIGNING_CERTIFICATE_V2,
    }
    leaf = instance.timestamps.chain[0].public_bytes(Encoding.DER)
    assert hashlib.sha256(leaf).digest() in bytes(attributes[rfc.ID_SIGNING_CERTIFICATE_V2].data)


def test_the_certificate_is_for_time_stamping_and_nothing_else(instance: Instance) -> None:
    leaf, root = instance.timestamps.chain
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert (usage.critical, list(usage.value)) == (True, [ExtendedKeyUsageOID.TIME_STAMPING])
    leaf.verify_directly_issued_by(root)
    assert root != leaf
    assert leaf.not_valid_before_utc < instance.clock() < leaf.not_valid_after_utc - timedelta(days=3660)


EXTENSION = [rfc.Extension(extn_id=rfc.Oid("1.2.3"), critical=False, extn_value=b"")]


@pytest.mark.parametrize(
    ("request_der", "bit", "why"),
    [
        (b"", 5, "DER"),
        (b"junk", 5, "DER"),
        (ask()[:-1], 5, "DER"),
        (ask() + b"\0", 5, "DER"),
        (b"\x30\x84\xff\xff\xff\xff", 5, "DER"),
        (b"\x30" * 20_000, 5, "bytes"),
        (ask(version=2), 2, "version"),
        (ask(message_imprint=imprint(rfc.Oid("1.3.14.3.2.26"), bytes(20))), 0, "hash algorithm"),
        (ask(message_imprint=imprint(digest=bytes(31))), 5, "31 bytes"),
        (ask(message_imprint=imprint(rfc.ID_SHA512)), 5, "32 bytes"),
        (ask(nonce=2**256), 5, "nonce"),
        (ask(nonce=-(2**256)), 5, "nonce"),
        (ask(req_policy=rfc.Oid("1.2.3")), 15, "policy"),
        (ask(extensions=EXTENSION), 16, "extension"),
    ],
    ids=[
        "empty", "junk", "cut", "longer", "length", "large", "version", "sha1", "digest-cut", "sha512-cut",
        "nonce-large", "nonce-negative", "policy", "extension",
    ],
)  # fmt: skip
def test_a_request_that_is_not_honoured_gets_a_rejection_and_no_token(
    instance: Instance, request_der: bytes, bit: int, why: str
) -> None:
    response = parsed(instance, request_der)
    assert (response.status.status, response.time_stamp_token) == (2, None)
    assert response.status.status_string
    assert why in response.status.status_string[0]
    fail = response.status.fail_info
    assert fail
    assert fail.as_bytes()[bit // 8] == 0x80 >> bit % 8
    assert (len(fail.as_bytes()), fail.padding_bits()) == (bit // 8 + 1, 7 - bit % 8)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    assert SHARED.timestamps.stamp(data)


@pytest.fixture(scope="module", autouse=True)
def _shared(instance: Instance) -> None:
    """Property tests take no fixtures of a narrower scope; they use the module's instance by name."""
    global SHARED  # noqa: PLW0603
    SHARED = instance


SHARED: Instance
