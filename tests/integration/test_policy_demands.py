# SPDX-License-Identifier: Apache-2.0
"""The demands of a policy, from the command line: signers in pairs, whole matches, roots, numbers, ages."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.forge import bundles
from tests.support.releases.policies import found, judged, signer, signers
from tests.support.releases.published import NAME, Site

# Signers


def test_identity_and_issuer_count_together(site: Site) -> None:
    who, issuer = signer(site)
    assert judged(site, signers((who, issuer))).code == 0
    assert judged(site, signers(("a@b", "https://i"), (who, issuer))).code == 0
    mixed = judged(site, signers((who, "https://i"), ("a@b", issuer)), "--json")
    assert mixed.code == 8
    assert found(mixed, "signer")["meaning"]
    assert who in found(mixed, "signer")["detail"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda who: who.replace(".", r"\."), 0),
        (lambda who: "publisher@.*", 0),
        (lambda who: "publisher@", 8),  # a prefix
        (lambda who: who[:-1].replace(".", r"\."), 8),
        (lambda who: who[1:].replace(".", r"\."), 8),  # a suffix
        (lambda who: "^publisher", 8),
        (lambda who: "invalid$", 8),
        (lambda who: "PUBLISHER@.*", 8),
        (lambda who: "(?i:PUBLISHER)@.*", 0),
        (lambda who: "a|publisher@.*|b", 0),
        (lambda who: "(", 2),
        (lambda who: "", 2),
    ],
)
def test_a_regular_expression_must_match_all_of_the_identity(
    site: Site, change: Callable[[str], str], code: int
) -> None:
    who, issuer = signer(site)
    ran = judged(site, signers((change(who), issuer), key="identity_regex"))
    assert ran.code == code, ran


def test_a_regular_expression_is_no_way_around_the_issuer(site: Site) -> None:
    assert judged(site, signers((".*", "https://i"), key="identity_regex")).code == 8
    assert judged(site, signers((".*", ".*"), key="identity_regex")).code == 8


# Trusted roots


def test_one_of_several_roots_does(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(bundles.trusted_root()))
    who = signers(signer(site))
    for roots in (f'{{path = "{other}"}}, {{root}}', f'{{root}}, {{path = "{other}"}}'):
        head = f'ledger = "{NAME}"\ntrusted_root = [{roots}]\n'
        assert judged(site, head + who).code == 0
    ran = judged(site, f'ledger = "{NAME}"\ntrusted_root = [{{path = "{other}"}}]\n' + who, "--json")
    assert ran.code == 8
    assert found(ran, "anchor-trusted")["state"] == "skipped"
    assert "vouches" in found(ran, "policy-anchors")["meaning"]


def test_every_root_that_is_pinned_must_be_the_one(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(bundles.trusted_root()))
    head = f'ledger = "{NAME}"\ntrusted_root = [{{root}}, {{path = "{other}", sha256 = "{"0" * 64}"}}]\n'
    ran = judged(site, head + signers(signer(site)))
    assert ran.code == 8
    assert "other.json" in ran.line
    assert "pins" in ran.line


@pytest.mark.parametrize("text", ["", "{}", "[1]", "root"])
def test_a_root_of_the_policy_that_is_none_is_the_verifiers_mistake(
    site: Site, tmp_path: Path, text: str
) -> None:
    other = tmp_path / "other.json"
    other.write_text(text)
    head = f'ledger = "{NAME}"\ntrusted_root = [{{path = "{other}"}}]\n'
    ran = judged(site, head + signers(signer(site)))
    assert ran.code == 2
    assert "other.json" in ran.line


def test_a_root_beside_the_policy_is_found_by_a_relative_path(site: Site) -> None:
    (site.policy.parent / "beside.json").write_bytes(site.path("trusted_root").read_bytes())
    head = f'ledger = "{NAME}"\ntrusted_root = [{{path = "beside.json"}}]\n'
    assert judged(site, head + signers(signer(site))).code == 0


# Numbers and ages


@pytest.mark.parametrize(
    ("line", "code", "name"),
    [
        ("min_number = 1", 0, "policy-number"),
        ("min_number = 2", 4, "policy-number"),
        ("min_anchors = 1", 0, "policy-anchors"),
        ("min_anchors = 2", 5, "policy-anchors"),
        ('max_age = "1d"', 0, "policy-age"),
        ('max_age = "1s"', 4, "policy-age"),
    ],
)
def test_numbers_and_ages(site: Site, line: str, code: int, name: str) -> None:
    if line == 'max_age = "1s"':
        import time

        time.sleep(1.1)
    ran = judged(site, f"{line}\n{signers(signer(site))}", "--json")
    assert ran.code == code
    assert found(ran, name)["state"] == ("passed" if code == 0 else "refused")
    if code:
        assert found(ran, name)["meaning"]


@pytest.mark.parametrize(
    "line",
    [
        "min_anchor = 2",
        "max_ages = '1d'",
        "tlog-policy = 'x'",
        "witness = 'x'",
        "[[signers]]\nidentity = 'a'",
        "[[log]]\norigin = 'a'\nurls = 'b'",
    ],
)
def test_a_key_that_is_not_known_is_named_and_never_ignored(site: Site, line: str) -> None:
    ran = judged(
        site,
        f"{signers(signer(site))}{line}\n" if line.startswith("[[") else f"{line}\n{signers(signer(site))}",
    )
    assert ran.code == 2
    key = line.split("=", maxsplit=1)[0].strip().removeprefix("[[").split("]]")[0]
    assert ("urls" if "urls" in line else key) in ran.line
