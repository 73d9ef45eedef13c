# SPDX-License-Identifier: Apache-2.0
"""Entries under a watched identity, in whatever form they are written, and who certified the name."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from anchor.embedded.instance import Instance
from anchor.encoding import to_base64
from anchor.sigstore import trusted_root
from anchor.verify import name_matcher
from anchor.verify.name_matcher import NameMatcher, digests_of
from anchor.verify.policy import Signer
from tests.support.forge.named import Thief, body, digest_of, own_certificate, self_made, thief

WHO, ISSUER = "release@example.org", "https://accounts.example.org"
EXACT = Signer(identity=WHO, issuer=ISSUER)
REGEX = Signer(identity_regex=r"rel.*@example\.org", issuer=ISSUER)
DIGEST = digest_of(b"a statement")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    Instance.create(folder / "instance").close()
    return folder


@pytest.fixture(scope="module")
def stolen(home: Path) -> Thief:
    return thief(home)


def matcher(home: Path, *signers: Signer) -> NameMatcher:
    instance = Instance.open(home / "instance", create=False)
    try:
        return NameMatcher(signers, [("own", trusted_root.parse(instance.trusted_root()))])
    finally:
        instance.close()


def claimed(entry: bytes, *signers: Signer) -> bool:
    """True if an entry is found, by a matcher that trusts nobody."""
    found = NameMatcher(signers or (EXACT, REGEX), []).find([b"{}", entry], 7)
    assert not any(e.certified for e in found.named)
    assert [e.index for e in found.named] in ([], [8])
    return bool(found.named)


def rewritten(entry: bytes, old: bytes, new: bytes) -> bytes:
    assert entry.count(old) == 1
    return entry.replace(old, new)


CERTIFICATE = self_made(WHO, ISSUER)
USUAL = body(CERTIFICATE, DIGEST)
RAW = to_base64(CERTIFICATE).encode()
PEM = x509.load_der_x509_certificate(CERTIFICATE).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("signer", [EXACT, REGEX])
@pytest.mark.parametrize(
    "entry",
    [
        USUAL,
        json.dumps(json.loads(USUAL), indent=1).encode(),
        rewritten(USUAL, RAW, RAW.replace(b"M", b"\\u004d")),
        rewritten(USUAL, RAW, base64.b64encode(PEM)),
        json.dumps(
            {
                "apiVersion": "0.0.2",
                "kind": "dsse",
                "spec": {
                    "dsseV002": {
                        "payloadHash": {"algorithm": "SHA2_256", "digest": to_base64(DIGEST)},
                        "signatures": [
                            {"content": "AA==", "verifier": {"publicKey": {"rawBytes": "AA=="}}},
                            {"content": "AA==", "verifier": {"x509Certificate": {"rawBytes": RAW.decode()}}},
                        ],
                    }
                },
            }
        ).encode(),
        json.dumps(
            {"kind": "intoto", "spec": {"content": [{"publicKey": base64.b64encode(PEM).decode()}]}}
        ).encode(),
        json.dumps({"kind": "new", "spec": {"deep": [[{"pem": PEM.decode()}]]}}).encode(),
        rewritten(USUAL, b'"hashedrekord"', b'"another"'),
        rewritten(USUAL, b'"0.0.2"', b'"0.0.3"'),
        rewritten(USUAL, b'{"apiVersion"', b'{"kind":"x","apiVersion"'),
        rewritten(USUAL, b'{"apiVersion"', b'{"x":1.5,"apiVersion"'),
        json.dumps([RAW.decode(), [0] * 20_000]).encode(),
        json.dumps([[0] * 20_000, RAW.decode()]).encode(),
    ],
    ids=[
        *("usual", "spaced", "escaped", "pem", "dsse", "intoto", "unknown", "another kind"),
        *("another version", "duplicate key", "float", "before many values", "behind many values"),
    ],
)
def test_a_name_is_found_in_any_form(entry: bytes, signer: Signer) -> None:
    assert claimed(entry, signer)


@pytest.mark.parametrize(
    "certificate",
    [
        self_made("other@example.org", ISSUER),
        self_made(WHO, "https://other.example.org"),
        self_made("https://example.org/release@example.org", ISSUER),
    ],
)
def test_another_name_or_issuer_is_not_found(certificate: bytes) -> None:
    assert not claimed(body(certificate, DIGEST))


def test_one_of_several_names_is_enough() -> None:
    names = (x509.RFC822Name(WHO), x509.DNSName("example.org"))
    assert claimed(body(self_made("other@example.org", ISSUER, more=names), DIGEST))
    assert not claimed(body(self_made("other@example.org", ISSUER, more=names[1:]), DIGEST))


def test_a_certificate_that_nobody_can_read_claims_its_name() -> None:
    assert claimed(body(CERTIFICATE + b"\0", DIGEST), EXACT)
    assert claimed(body(CERTIFICATE[:-3], DIGEST), EXACT)


def test_entries_that_are_no_json_are_counted() -> None:
    found = NameMatcher([EXACT], []).find([b"x", b"\xff", USUAL, b"[" * 60_000], 0)
    assert (len(found.named), found.unreadable) == (1, 3)


def test_a_bare_key_has_no_name() -> None:
    entry = json.loads(USUAL)
    verifier = entry["spec"]["hashedRekordV002"]["signature"]["verifier"]
    verifier["publicKey"] = verifier.pop("x509Certificate")
    assert not claimed(json.dumps(entry).encode())


def test_a_trusted_authority_certifies(home: Path, stolen: Thief) -> None:
    exact = Signer(identity=stolen.identity, issuer=stolen.issuer, trusted_roots=("own",))
    (one,) = matcher(home, exact).find([stolen.entry(b"a statement")], 3).named
    assert (one.certified, one.index, one.digest) == (True, 3, DIGEST.hex())
    assert (one.identity, one.issuer) == (stolen.identity, stolen.issuer)
    regex = Signer(identity_regex="publisher@.*", issuer=stolen.issuer)
    assert matcher(home, regex).find([stolen.entry()], 3).named[0].certified
    elsewhere = Signer(identity=stolen.identity, issuer=stolen.issuer, trusted_roots=("other",))
    assert not matcher(home, elsewhere).find([stolen.entry()], 3).named[0].certified


def test_a_self_made_certificate_with_the_authoritys_name_certifies_nothing(
    home: Path, stolen: Thief
) -> None:
    signer = Signer(identity=stolen.identity, issuer=stolen.issuer)
    forged = self_made(stolen.identity, stolen.issuer, like=stolen.certificate)
    (one,) = matcher(home, signer).find([body(forged, DIGEST)], 0).named
    assert (one.certified, one.identity) == (False, "")


def test_the_name_that_is_certified_counts_before_one_that_is_claimed(home: Path, stolen: Thief) -> None:
    """The certificate has two watched names, and its authority may certify one of them."""
    day = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)
    names = (x509.RFC822Name("other@example.org"), x509.RFC822Name(stolen.identity))
    entry = body(own_certificate(home, *day, names=names), DIGEST)
    other = Signer(identity="other@example.org", issuer=stolen.issuer, trusted_roots=("another",))
    ours = Signer(identity=stolen.identity, issuer=stolen.issuer, trusted_roots=("own",))
    for signers in ((other, ours), (ours, other)):
        (found,) = matcher(home, *signers).find([entry], 0).named
        assert (found.certified, found.identity) == (True, stolen.identity)
    (found,) = matcher(home, other).find([entry], 0).named
    assert not found.certified


@pytest.mark.parametrize("years", [(1990, 2190), (1990, 2030), (2020, 2190), (2026, 2190)])
def test_a_certificate_of_any_validity_is_certified(
    home: Path, stolen: Thief, years: tuple[int, int]
) -> None:
    start, end = (datetime(year, 12, 31, tzinfo=UTC) for year in years)
    entry = body(own_certificate(home, start, end), DIGEST)
    signer = Signer(identity=stolen.identity, issuer=stolen.issuer)
    (found,) = matcher(home, signer).find([entry], 0).named
    assert found.certified


def test_a_certificate_from_before_or_after_its_authority_is_a_claim(home: Path, stolen: Thief) -> None:
    signer = Signer(identity=stolen.identity, issuer=stolen.issuer)
    for years in ((1990, 1991), (2190, 2191)):
        start, end = (datetime(year, 1, 1, tzinfo=UTC) for year in years)
        (found,) = matcher(home, signer).find([body(own_certificate(home, start, end), DIGEST)], 0).named
        assert not found.certified


def test_a_certificate_without_its_key_accuses_nobody(home: Path, stolen: Thief) -> None:
    """Whoever runs a log could copy a certificate into any entry."""
    signer = Signer(identity=stolen.identity, issuer=stolen.issuer)
    other = ec.generate_private_key(ec.SECP256R1())
    honest = body(stolen.certificate, DIGEST)
    for entry in (
        body(stolen.certificate, DIGEST, other),
        rewritten(honest, to_base64(DIGEST).encode(), to_base64(bytes(32)).encode()),
        rewritten(honest, b"P256_SHA_256", b"P384_SHA_384"),
    ):
        (one,) = matcher(home, signer).find([entry], 0).named
        assert not one.certified


def test_the_key_of_a_watch_follows_signers_and_authorities(home: Path) -> None:
    keys = {
        matcher(home, EXACT).key(),
        matcher(home, REGEX).key(),
        matcher(home, EXACT, REGEX).key(),
        NameMatcher([EXACT], []).key(),
    }
    assert len(keys) == 4
    assert matcher(home, EXACT, REGEX).key() == matcher(home, REGEX, EXACT).key()


def test_names_are_read_quickly_and_the_same() -> None:
    for certificate in (
        CERTIFICATE,
        self_made("https://example.org/" + "p" * 300, ISSUER),
        self_made(WHO, ISSUER, more=(x509.RFC822Name("b@example.org"),)),
    ):
        names = x509.load_der_x509_certificate(certificate).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        assert name_matcher._quick_names(certificate) == [n.value for n in names.value]
    odd = self_made(WHO, ISSUER, more=(x509.DNSName("example.org"),))
    assert name_matcher._quick_names(odd) is None


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_a_cut_certificate_is_read_without_an_error(cut: int) -> None:
    name_matcher._quick_names(CERTIFICATE[:cut])
    NameMatcher([EXACT, REGEX], []).find([body(CERTIFICATE[:cut], DIGEST)], 0)


def test_the_digests_of_a_statement() -> None:
    found = digests_of(b"a statement")
    assert DIGEST.hex() in found
    assert hashlib.sha256(b"a statement").hexdigest() in found
    assert len(found) == 4
