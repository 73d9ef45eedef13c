# SPDX-License-Identifier: Apache-2.0
"""Signed notes and keys against C2SP signed-note: each clause, and who tries to get round it."""

import base64
import hashlib
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from anchor.errors import Misuse, Refused, Unsupported
from anchor.tlog import note
from anchor.tlog.keys import Algorithm, VerifierKey, key_from_spki, parse_vkey
from tests.support.logs.simlog import key

REKOR2 = "log2025-1.rekor.sigstore.dev+cf119915+AbfK5adZJxsI323FwGD2AJJ9F4i89cfDuLdGJBIYntuO"
REKOR2_LOG_ID = "cf1199155bddd051268d1f16ac5c0c75c009f6fb5a63f4177f8e18d7051e3fa0"
REKOR1_SPKI = base64.b64decode(
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwrkBbmLSGtks4L3qX6yYY0zufBnhC8Ur/iy55GhWP"
    "/9A/bY2LhC30M9+RYtw=="
)
C2SP_COSIGNED = (
    b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    b"\xe2\x80\x94 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv"
    b"2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\xe2\x80\x94 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn"
    b"/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
NAME = "quasimodo.example/salvatore"
TEXT = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n".encode()
SIG = base64.b64encode(b"\1\2\3\4\5").decode()


def spki(private: ec.EllipticCurvePrivateKey | Ed25519PrivateKey | rsa.RSAPrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def ed25519(seed: int, name: str = NAME) -> VerifierKey:
    return VerifierKey(name, Algorithm.ED25519, key(seed).public_key().public_bytes_raw())


def signed(seed: int = 1, name: str = NAME, text: bytes = TEXT) -> bytes:
    return note.sign(text, name, key(seed))


def forged(name: str, key_id: bytes, payload: bytes = b"x" * 64) -> bytes:
    return note.line(name, key_id, payload)


# -- keys ---------------------------------------------------------------------------------------------------


def test_the_public_rekor_v2_key_has_the_published_id_and_log_id() -> None:
    found = parse_vkey(REKOR2)
    assert (found.name, found.key_id.hex()) == ("log2025-1.rekor.sigstore.dev", "cf119915")
    assert found.full_id.hex() == REKOR2_LOG_ID
    assert found.vkey == REKOR2


def test_the_public_rekor_v1_key_has_the_id_of_its_spki() -> None:
    found = key_from_spki("rekor.sigstore.dev", REKOR1_SPKI)
    assert found.algorithm is Algorithm.ECDSA
    assert found.key_id.hex() == "c0d23d6a"
    assert found.full_id == hashlib.sha256(REKOR1_SPKI).digest()
    assert parse_vkey(found.vkey) == found


def test_an_ed25519_spki_gives_the_key_of_the_vkey() -> None:
    raw = parse_vkey(REKOR2).public_key
    der = bytes.fromhex("302a300506032b6570032100") + raw
    assert key_from_spki("log2025-1.rekor.sigstore.dev", der).vkey == REKOR2


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+cf119915",
        REKOR2.replace("cf119915", "cf119916"),
        REKOR2.replace("cf119915", "CF119915"),
        REKOR2.replace("cf119915", "cf1199"),
        REKOR2.replace("log2025-1", "log2025-2"),
        REKOR2.replace("log2025-1", "log2025 1"),
        REKOR2[REKOR2.index("+") :],
        REKOR2 + "\n",
        REKOR2 + "=",
        REKOR2[:-1],
        REKOR2.replace("+AbfK", "++AbfK"),
        "a+00000000+" + base64.b64encode(b"\1").decode(),
        "a+00000000+" + base64.b64encode(b"\1" + b"k" * 31).decode(),
        "a+00000000+" + base64.b64encode(b"\2" + b"k" * 32).decode(),
        "a" * 9000 + "+00000000+AA==",
    ],
)
def test_a_vkey_that_is_not_exact_is_refused(vkey: str) -> None:
    with pytest.raises(Refused):
        parse_vkey(vkey)


@pytest.mark.parametrize("kind", [0x00, 0x03, 0x05, 0x07, 0xFF])
def test_a_key_of_an_unknown_type_is_unsupported(kind: int) -> None:
    data = bytes([kind]) + b"k" * 32
    digest = hashlib.sha256(b"a\n" + data).hexdigest()[:8]
    with pytest.raises(Unsupported):
        parse_vkey(f"a+{digest}+{base64.b64encode(data).decode()}")


def test_one_raw_key_is_two_keys_under_two_types_or_names() -> None:
    raw = key(1).public_key().public_bytes_raw()
    keys = [VerifierKey("a", Algorithm.ED25519, raw), VerifierKey("a", Algorithm.COSIGNATURE_V1, raw)]
    keys.append(VerifierKey("b", Algorithm.ED25519, raw))
    assert len({k.key_id for k in keys}) == 3
    assert len(set(keys)) == 3


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_ecdsa_notes_of_the_three_curves_verify(curve: ec.EllipticCurve) -> None:
    private = ec.generate_private_key(curve)
    raw = note.sign(TEXT, NAME, private)
    assert note.verify(note.parse(raw), [key_from_spki(NAME, spki(private))])[0].time is None


def test_another_curve_a_compressed_point_or_rsa_is_no_note_key() -> None:
    with pytest.raises(Refused):
        key_from_spki("a", spki(ec.generate_private_key(ec.SECP256K1())))
    with pytest.raises(Unsupported):
        key_from_spki("a", spki(rsa.generate_private_key(65537, 2048)))
    with pytest.raises(Refused):
        key_from_spki("a", b"\0")
    point = ec.derive_private_key(5, ec.SECP256R1()).public_key()
    short = point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    algorithm = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
    bits = b"\x03" + bytes([len(short) + 1]) + b"\0" + short
    der = b"\x30" + bytes([len(algorithm + bits)]) + algorithm + bits
    with pytest.raises(Refused, match="canonical"):
        VerifierKey("a", Algorithm.ECDSA, der)


# -- format -------------------------------------------------------------------------------------------------


def test_a_note_is_split_at_its_last_empty_line() -> None:
    parsed = note.parse(signed())
    assert parsed.text == TEXT
    assert len(parsed.signatures) == 1
    assert note.verify(parsed, [ed25519(1)])[0].key == ed25519(1)


def test_the_specifications_own_cosigned_example_parses() -> None:
    parsed = note.parse(C2SP_COSIGNED)
    assert [s.name for s in parsed.signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]
    assert parsed.raw == C2SP_COSIGNED


def _line(name: str = "a", sig: str = SIG) -> str:
    return f"— {name} {sig}\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        b"text\n\n\n",
        f"text\n{_line()}".encode(),
        f"text\n\n{_line()}\n".encode(),
        f"text\n\n{_line()[:-1]}".encode(),
        f"text\n\n{_line()}{_line()[:-1]}".encode(),
        f"text\r\n\n{_line()}".encode(),
        f"te\txt\n\n{_line()}".encode(),
        f"te\0xt\n\n{_line()}".encode(),
        f"te\x1bxt\n\n{_line()}".encode(),
        b"te\xffxt\n\n" + _line().encode(),
        b"te\xed\xa0\x80xt\n\n" + _line().encode(),
        f"text\n\n- a {SIG}\n".encode(),
        f"text\n\n– a {SIG}\n".encode(),
        f"text\n\n—a {SIG}\n".encode(),
        f"text\n\n—  {SIG}\n".encode(),
        f"text\n\n—  a {SIG}\n".encode(),
        f"text\n\n {_line()}".encode(),
        f"text\n\n— a  {SIG}\n".encode(),
        f"text\n\n— a {SIG} \n".encode(),
        f"text\n\n— a b {SIG}\n".encode(),
        f"text\n\n— a\u00a0b {SIG}\n".encode(),
        f"text\n\n— a\u2028b {SIG}\n".encode(),
        f"text\n\n— a+b {SIG}\n".encode(),
        "text\n\n— a\n".encode(),
        "text\n\n— a \n".encode(),
        "text\n\n— a AQIDBA==\n".encode(),  # a key id and no signature
        "text\n\n— a AQIDBAU\n".encode(),  # no padding
        "text\n\n— a AQIDBAV=\n".encode(),  # bits after the end
        "text\n\n— a AQID_AU=\n".encode(),  # another alphabet
        f"text\n\n— {'n' * 2000} {SIG}\n".encode(),
        f"text\n\n{_line()}garbage\n".encode(),
    ],
)
def test_a_malformed_note_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        note.parse(raw)


@pytest.mark.parametrize("text", ["text", "té\u0085xt\x7f", "— a b", "\n", "a\n\n\nb"])
def test_any_other_text_is_a_note(text: str) -> None:
    assert note.parse(f"{text}\n\n{_line()}".encode()).text == f"{text}\n".encode()


def test_sixteen_signatures_and_more_are_accepted() -> None:
    raw = signed() + b"".join(forged(f"w{i}", bytes(4)) for i in range(note.MAX_SIGNATURES - 1))
    assert len(note.parse(raw).signatures) == note.MAX_SIGNATURES
    assert len(note.verify(note.parse(raw), [ed25519(1)])) == 1


def test_sixteen_post_quantum_signatures_fit() -> None:
    raw = signed() + b"".join(forged(f"w{i}", bytes(4), b"p" * 5000) for i in range(16))
    assert note.verify(note.parse(raw), [ed25519(1)])


@pytest.mark.parametrize("lines", [note.MAX_SIGNATURES, 1_000, 1_000_000])
def test_a_flood_of_signature_lines_is_refused_at_once(lines: int) -> None:
    raw = signed() + b"\xe2\x80\x94 a AQIDBAU=\n" * lines
    start = time.process_time()
    with pytest.raises(Refused):
        note.parse(raw)
    assert time.process_time() - start < 2


def test_a_hundred_megabytes_are_refused_at_once() -> None:
    start = time.process_time()
    with pytest.raises(Refused, match="more than"):
        note.parse(bytes(100 << 20))
    assert time.process_time() - start < 2


# -- who signed ---------------------------------------------------------------------------------------------


def test_unknown_name_and_id_pairs_are_ignored_even_when_one_half_is_known() -> None:
    known = ed25519(1)
    raw = signed() + forged("other", known.key_id) + forged(NAME, b"\1\2\3\4") + forged("z", b"zzzz")
    assert [s.key for s in note.verify(note.parse(raw), [known])] == [known]


def test_a_known_signature_that_fails_refuses_the_note_even_beside_a_good_one() -> None:
    raw = signed() + forged(NAME, ed25519(1).key_id)
    with pytest.raises(Refused, match="does not verify"):
        note.verify(note.parse(raw), [ed25519(1)])
    other = note.add(signed(), forged("w", ed25519(2, "w").key_id))
    with pytest.raises(Refused, match="does not verify"):
        note.verify(note.parse(other), [ed25519(1), ed25519(2, "w")])


def test_a_key_that_collides_in_its_id_gains_only_a_failure() -> None:
    known = ed25519(1)
    stolen = note.line(NAME, known.key_id, key(2).sign(TEXT))
    with pytest.raises(Refused, match="does not verify"):
        note.verify(note.parse(TEXT + b"\n" + stolen), [known])


def test_no_known_signature_at_all_is_refused() -> None:
    for keys in ([], [ed25519(2)], [ed25519(1, "other")]):
        with pytest.raises(Refused, match="no signature of a known key"):
            note.verify(note.parse(signed()), keys)


def test_a_changed_text_or_signature_is_refused() -> None:
    raw = signed()
    for i in range(0, len(raw), 7):
        changed = raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :]
        with pytest.raises(Refused):
            note.verify(note.parse(changed), [ed25519(1)])


def test_a_signer_counts_once_however_often_it_signs() -> None:
    again = note.parse(signed()).raw + note.line(NAME, ed25519(1).key_id, key(1).sign(TEXT))
    assert len(note.verify(note.parse(again), [ed25519(1), ed25519(1)])) == 1


def test_two_configured_keys_with_one_name_and_id_are_misuse() -> None:
    twin = VerifierKey(NAME, Algorithm.ED25519, key(2).public_key().public_bytes_raw())
    twin.__dict__["full_id"] = ed25519(1).full_id  # the key that it caches
    with pytest.raises(Misuse):
        note.verify(note.parse(signed()), [ed25519(1), twin])


def test_keys_are_equal_if_name_type_and_key_are_whatever_the_hash() -> None:
    raw = ec.derive_private_key(7, ec.SECP256R1())
    one, same = (key_from_spki(NAME, spki(raw), hash_name=name) for name in ("sha256", "sha384"))
    assert (one == same, one != same) == (True, False)
    assert hash(one) == hash(same)
    others = (
        key_from_spki("b", spki(raw)),
        key_from_spki(NAME, spki(ec.derive_private_key(8, ec.SECP256R1()))),
        ed25519(1),
        VerifierKey(NAME, Algorithm.COSIGNATURE_V1, ed25519(1).public_key),
        None,
    )
    for other in others:
        assert (one == other, one != other) == (False, True)
    assert len({one, same, *others}) == len(others) + 1


def test_an_ecdsa_signature_of_another_key_is_refused() -> None:
    one, other = (ec.derive_private_key(i, ec.SECP256R1()) for i in (7, 8))
    parsed = note.parse(note.sign(TEXT, NAME, one))
    lying = note.line(NAME, key_from_spki(NAME, spki(other)).key_id, parsed.signatures[0].payload)
    with pytest.raises(Refused, match="does not verify"):
        note.verify(note.parse(TEXT + b"\n" + lying), [key_from_spki(NAME, spki(other))])
