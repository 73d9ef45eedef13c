# SPDX-License-Identifier: Apache-2.0
"""Signature keys: one algorithm for each, by its details or its kind, and never by trying."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519

from anchor.errors import AnchorError, Misuse, Refused, Unsupported
from anchor.sigstore import ed25519ph, keys
from anchor.sigstore.artifact import Artifact, DigestArtifact, from_digest
from anchor.tlog.keys import key_from_spki, parse_vkey
from tests.support.forge import keys as forge_keys

FILE = b"what was signed"
P256 = forge_keys.ecdsa("key details")
RSA = forge_keys.rsa_key()


@pytest.mark.parametrize(
    ("key", "details"),
    [
        (P256, "PKIX_ECDSA_P256_SHA_256"),
        (forge_keys.ecdsa("k", "p384"), "PKIX_ECDSA_P384_SHA_384"),
        (forge_keys.ecdsa("k", "p521"), "PKIX_ECDSA_P521_SHA_512"),
        (forge_keys.ed("k"), "PKIX_ED25519"),
        (RSA, "PKIX_RSA_PKCS1V15_2048_SHA256"),
    ],
)
def test_a_key_signs_by_what_its_kind_has_and_by_nothing_else(key: forge_keys.Key, details: str) -> None:
    found = keys.load_pem(key.pem)
    assert found.scheme.details == details
    signature = key.using(details).sign(FILE)
    found.verify(signature, Artifact(FILE))
    for spoilt in (b"", signature[:-1], signature + b"\0", bytes(len(signature))):
        with pytest.raises(Refused):
            found.verify(spoilt, Artifact(FILE))
    with pytest.raises(Refused):
        found.verify(signature, Artifact(FILE + b"!"))


@pytest.mark.parametrize("name", ["SHA2_384", "SHA2_512"])
def test_another_hash_than_the_curves_own_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        keys.load_pem(P256.pem).verify(P256.sign(FILE, hash_name=name), Artifact(FILE))


def test_pss_and_pkcs1_are_two_algorithms() -> None:
    pkcs1 = keys.load_pem(RSA.pem)
    pss = pkcs1.using("PKIX_RSA_PSS_2048_SHA256")
    by_pss = RSA.using("PKIX_RSA_PSS_2048_SHA256").sign(FILE)
    pss.verify(by_pss, Artifact(FILE))
    with pytest.raises(Refused):
        pkcs1.verify(by_pss, Artifact(FILE))
    with pytest.raises(Refused):
        pss.verify(RSA.sign(FILE), Artifact(FILE))


@pytest.mark.parametrize(
    "details", ["PKIX_ECDSA_P384_SHA_384", "PKIX_ED25519", "PKIX_RSA_PSS_2048_SHA256", "PKCS1_RSA_PKCS1V5"]
)
def test_details_of_another_kind_of_key_are_refused(details: str) -> None:
    with pytest.raises(Refused):
        keys.load_pem(P256.pem).using(details)


def test_a_modulus_of_another_size_than_the_details_say_is_refused() -> None:
    with pytest.raises(Refused):
        keys.load_pem(RSA.pem).using("PKIX_RSA_PSS_3072_SHA256")


@pytest.mark.parametrize("details", ["ML_DSA_65", "PKIX_ECDSA_P256_HMAC_SHA_256", "", "x" * 1000])
def test_unknown_details_are_unsupported(details: str) -> None:
    with pytest.raises(Unsupported):
        keys.load_pem(P256.pem).using(details)


def pem(key: ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


@pytest.mark.parametrize(
    "data", [pem(ec.generate_private_key(ec.SECP256K1())), pem(ed448.Ed448PrivateKey.generate())]
)
def test_other_kinds_of_keys_are_unsupported(data: bytes) -> None:
    with pytest.raises(Unsupported):
        keys.load_pem(data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: b"",
        lambda p: p + p,
        lambda p: p.replace(b"PUBLIC", b"PRIVATE"),
        lambda p: p.replace(b"\n", b""),
        lambda p: b"x" + p,
        lambda p: p[:60] + b"!" + p[61:],
        lambda p: p[:-30],
        lambda p: p + b"\0",
        lambda p: b" " * (keys.MAX_KEY + 1),
    ],
)
def test_what_is_not_one_public_key_in_pem_is_refused(spoil: object) -> None:
    assert callable(spoil)
    with pytest.raises(AnchorError):
        keys.load_pem(spoil(P256.pem))


def test_windows_line_ends_in_a_pem_are_read() -> None:
    assert keys.load_pem(P256.pem.replace(b"\n", b"\r\n")) == keys.load_pem(P256.pem)


def test_a_digest_stands_for_its_file_only_where_the_digest_is_what_is_signed() -> None:
    known = from_digest("sha256:" + hashlib.sha256(FILE).hexdigest())
    assert isinstance(known, DigestArtifact)
    keys.load_pem(P256.pem).verify(P256.sign(FILE), known)
    plain = forge_keys.ed("k")
    for key in (plain, forge_keys.ecdsa("k", "p384")):
        with pytest.raises(Misuse, match="name the file"):
            keys.load_pem(key.pem).verify(key.sign(FILE), known)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "sha256sums",
        "sha256-of-all.txt",
        "md5",
        "shape:1",
        "digest:" + "0" * 64,
        "./sha256:0",
        "dir/md5:0",
    ],
)
def test_what_is_no_digest_is_a_file_name(text: str) -> None:
    assert from_digest(text) is None


@pytest.mark.parametrize("size", [("sha256", 64), ("sha384", 96), ("sha512", 128)])
def test_each_algorithm_has_its_number_of_digits_and_another_number_says_which_are_taken(
    size: tuple[str, int],
) -> None:
    name, digits = size
    found = from_digest(f"{name}:" + "aB" * (digits // 2))
    assert found is not None
    assert found.digest(name) == b"\xab" * (digits // 2)
    for wrong in (2, digits - 1, digits + 1, 64 if digits != 64 else 96):
        with pytest.raises(Misuse, match=r"sha256:<64 hex>, sha384:<96 hex>, sha512:<128 hex>"):
            from_digest(f"{name}:" + "0" * wrong)
    with pytest.raises(Misuse, match="sha1 with 40 digits is not taken"):
        from_digest("sha1:" + "0" * 40)


def test_ed25519ph_holds_for_the_example_of_rfc_8032() -> None:
    secret = bytes.fromhex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42")
    public = ed25519.Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    signature = bytes.fromhex(
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
        "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
    )
    digest = hashlib.sha512(b"abc").digest()
    assert ed25519ph.verify(public, signature, digest)
    for i in range(0, 64, 7):
        bad = bytearray(signature)
        bad[i] ^= 1
        assert not ed25519ph.verify(public, bytes(bad), digest)
    assert not ed25519ph.verify(public, signature, hashlib.sha512(b"abd").digest())
    order = 2**252 + 27742317777372353535851937790883648493
    high = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert not ed25519ph.verify(public, signature[:32] + high, digest)


@pytest.mark.parametrize(
    "weak", ["01" + "00" * 31, "00" * 32, "ec" + "ff" * 30 + "7f", "ed" + "ff" * 30 + "7f"]
)
def test_ed25519ph_takes_no_key_of_small_order_nor_a_point_in_another_form(weak: str) -> None:
    identity = bytes.fromhex("01" + "00" * 31)
    assert not ed25519ph.verify(bytes.fromhex(weak), identity + bytes(32), hashlib.sha512(b"").digest())


def test_pure_and_prehashed_signatures_are_not_each_other() -> None:
    key = forge_keys.ed("two modes")
    prehashed = key.using("PKIX_ED25519_PH").sign(FILE)
    plain = key.using("PKIX_ED25519").sign(FILE)
    found = keys.load_pem(key.pem)
    found.using("PKIX_ED25519_PH").verify(prehashed, Artifact(FILE))
    for signature, details in ((plain, "PKIX_ED25519_PH"), (prehashed, "PKIX_ED25519")):
        with pytest.raises(Refused):
            found.using(details).verify(signature, Artifact(FILE))


@pytest.mark.parametrize("wanted", ["sha256", "sha384", "sha512"])
def test_a_log_key_hashes_notes_by_what_its_details_say_and_a_written_one_by_sha256(wanted: str) -> None:
    private = ec.generate_private_key(ec.SECP384R1())
    held = key_from_spki("log.example", keys.spki_of(private.public_key()), hash_name=wanted)
    for name, algorithm in (
        ("sha256", hashes.SHA256()),
        ("sha384", hashes.SHA384()),
        ("sha512", hashes.SHA512()),
    ):
        signature = private.sign(b"note\n", ec.ECDSA(algorithm))
        assert held.signed(b"note\n", signature) == (name == wanted)
        assert parse_vkey(held.vkey).signed(b"note\n", signature) == (name == "sha256")


def test_keys_are_equal_if_their_bytes_and_details_are() -> None:
    one, same = keys.load_pem(P256.pem), keys.load_pem(P256.pem)
    assert (one == same, one != same) == (True, False)
    assert hash(one) == hash(same)
    rsa = keys.load_pem(RSA.pem)
    others = (
        rsa,
        rsa.using("PKIX_RSA_PSS_2048_SHA256"),
        keys.load_pem(forge_keys.ecdsa("another").pem),
        None,
    )
    for other in others:
        assert (one == other, one != other) == (False, True)
    assert len({one, same, *others}) == len(others) + 1
