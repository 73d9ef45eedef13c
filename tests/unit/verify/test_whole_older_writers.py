# SPDX-License-Identifier: Apache-2.0
"""Whole bundles as older clients and logs wrote them: taken where they are bound whole, refused else."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.forge import bundles
from tests.support.forge.authorities import SIGNED
from tests.support.forge.logs import Checkpoint
from tests.support.forge.whole import failed, verified

Json = dict[str, Any]


def origin(host: str, own: str) -> tuple[bundles.Recipe, Json]:
    """A v1 bundle whose log signs under `own`, and a trusted root that gives `host` as its URL."""
    recipe = bundles.V1.but(head=Checkpoint(origin=f"{own} - 7", name=own))
    return recipe, bundles.trusted_root(lambda r: r["tlogs"][0].update(baseUrl=f"https://{host}"))


@pytest.mark.parametrize("own", ["rekor.example", "rekor.example:8080", "rekor-0001-deployment-56bf-jds5x"])
def test_a_v1_log_signs_by_host_by_host_and_port_or_by_the_machines_bare_name(own: str) -> None:
    recipe, root = origin("rekor.example:8080", own)
    assert verified(bundles.make(recipe), root=root).ok


@pytest.mark.parametrize("own", ["evil.example", "rekor.example.evil", "rekor.example:8081"])
def test_a_v1_log_of_another_host_is_refused(own: str) -> None:
    recipe, root = origin("rekor.example:8080", own)
    assert failed(verified(bundles.make(recipe), root=root)) == ["log-checkpoint"]


def keep_payload(body: Json, payload: bytes) -> None:
    content = body["spec"]["content"]["envelope"]
    content["payload"] = bundles.b64(bundles.b64(payload).encode())


def test_an_intoto_entry_may_keep_the_payload_but_only_this_one() -> None:
    payload = bundles.V1_INTOTO.payload or b""
    assert verified(bundles.make(bundles.V1_INTOTO.but(body=lambda b: keep_payload(b, payload)))).ok
    other = bundles.make(bundles.V1_INTOTO.but(body=lambda b: keep_payload(b, payload + b" ")))
    assert failed(verified(other)) == ["log-entry"]


def rewrap(change: Callable[[bytes], bytes]) -> Callable[[Json], None]:
    def edit(body: Json) -> None:
        signature = body["spec"]["content"]["envelope"]["signatures"][0]
        signature["publicKey"] = bundles.b64(change(base64.b64decode(signature["publicKey"])))

    return edit


def test_an_intoto_entry_keeps_the_pem_as_its_client_wrote_it() -> None:
    for change in (lambda p: p.rstrip(b"\n"), lambda p: p.replace(b"\n", b"\r\n")):
        assert verified(bundles.make(bundles.V1_INTOTO.but(body=rewrap(change)))).ok
    for spoil in (lambda p: p + p, lambda p: p.replace(b"CERT", b"CERF"), lambda p: b""):
        assert failed(verified(bundles.make(bundles.V1_INTOTO.but(body=rewrap(spoil))))) == ["log-entry"]


def test_a_self_issued_certificate_beside_the_leaf_is_refused_whatever_it_says_of_itself() -> None:
    """sigstore-conformance 66: neither a root nor a leaf that no authority issued is carried in a bundle."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody issued me")])
    key = ec.generate_private_key(ec.SECP256R1())
    stray = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, SIGNED, SIGNED + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    bundle = bundles.make(bundles.V1.but(version="0.2"))
    assert not failed(verified(bundle))
    chain = bundle["verificationMaterial"]["x509CertificateChain"]["certificates"]
    chain.append({"rawBytes": base64.b64encode(stray).decode()})
    assert failed(verified(bundle)) == ["signing-material"]
