# SPDX-License-Identifier: Apache-2.0
"""Every command that speaks of a log says the same of it: who runs it, and who cosigned by the own policy."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from anchor.log_kinds.embedded import ALONE
from anchor.tlog import note
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.cosigned import checkpoint, cosigned, named_by, witness
from tests.support.releases.policies import root, signer, signers
from tests.support.releases.published import LEDGER, NAME, Site, published

NOW = int(datetime.now(UTC).timestamp())
ALONE_WORDS = "run by the publisher, witnesses not counted"
WITNESSED = "run by the publisher, witnessed by 2 of 3 (n0, n1)"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("everywhere"))


@pytest.fixture
def site(made: Site, tmp_path: Path) -> Site:
    """Cosigned by two witnesses, in the bundle and in the head of the log."""
    copy = made.copy(tmp_path)
    (head,) = copy.root.glob("release/log/*/checkpoint")
    raw = head.read_bytes()
    head.write_bytes(note.add(raw, *(witness(i, note.parse(raw).text, time=NOW)[1] for i in (1, 2))))
    text = note.parse(checkpoint(copy)).text
    cosigned(copy, *(witness(i, text, time=NOW)[1] for i in (1, 2)))
    return copy


def witnessing(site: Site) -> Path:
    """A policy whose quorum has cosigned."""
    keys = [witness(i, b"", time=NOW)[0] for i in (1, 2, 3)]
    site.policy.with_name("witnesses.policy").write_text(named_by(keys, "2"))
    origin = site.value["anchors"][0]["log"]["origin"]
    table = f"[[log]]\norigin = '{origin}'\ntlog_policy = 'witnesses.policy'\n"
    path = site.policy.with_name("witnessing.toml")
    path.write_text(f'ledger = "{NAME}"\ntrusted_root = [{root(site)}]\n{signers(signer(site))}{table}')
    return path


def verify(site: Site, policy: Path) -> Ran:
    return anchor("verify", "-v", site.release, "--policy", policy)


def receipt(site: Site, policy: Path) -> Ran:
    path = site.policy.with_name("receipt.json")
    ran = anchor("prove", site.release, "--fact", 1, "-o", path, "--policy", policy)
    assert ran.code == 0, ran.err
    return anchor("verify-receipt", "-v", path, "--policy", policy)


def records(site: Site, policy: Path) -> Path:
    """Records belong to one policy."""
    return site.home.with_name(f"records-{policy.stem}")


def reverify(site: Site, policy: Path) -> Ran:
    return anchor("reverify", "-v", site.release, "--policy", policy, "--home", records(site, policy))


def status(site: Site, policy: Path) -> Ran:
    ran = reverify(site, policy)
    assert ran.code == 0, ran
    return anchor("status", "--home", records(site, policy))


def chain(site: Site, policy: Path) -> Ran:
    return anchor("chain", site.release, "--policy", policy)


def bundle(site: Site, policy: Path) -> Ran:
    """Its policy is the file of witnesses alone."""
    who, issuer = signer(site)
    flags = ("--certificate-identity", who, "--certificate-oidc-issuer", issuer)
    words = (
        "verify-bundle",
        "-v",
        "--bundle",
        site.path("bundle"),
        *flags,
        "--trusted-root",
        site.path("trusted_root"),
    )
    demanded = ("--tlog-policy", policy.with_name("witnesses.policy")) if policy != site.policy else ()
    return anchor(*words, *demanded, site.path("ledger.md"))


@pytest.mark.parametrize("command", [verify, receipt, reverify, status, chain, bundle])
def test_the_words_go_if_a_quorum_of_the_own_policy_has_cosigned_and_else_stay(
    site: Site, command: Callable[[Site, Path], Ran]
) -> None:
    alone = command(site, site.policy)
    assert alone.code == 0, alone
    assert ALONE_WORDS in alone.out + alone.err
    assert ALONE in alone.out + alone.err
    seen = command(site, witnessing(site))
    assert seen.code == 0, seen
    assert WITNESSED in seen.out + seen.err
    assert ALONE not in seen.out + seen.err


def test_witnesses_do_not_vouch_for_the_signer_or_the_time(site: Site) -> None:
    """They saw that the log only grew. The authority is still the publisher's own."""
    seen = anchor("verify", site.release, "--policy", witnessing(site))
    assert seen.code == 0, seen
    said = " ".join(seen.out.split())
    assert "that the witnesses saw the log with this entry only grow" in said
    assert "That somebody else vouches for signer and time: the publisher runs that authority." in said
    assert (
        "the publisher runs that authority" not in anchor("verify", site.release, "--policy", site.policy).out
    )


@pytest.mark.parametrize(("demand", "code"), [("min_number = 5", 4), ("min_anchors = 2", 5)])
def test_a_class_that_a_person_may_go_on_with_says_it_too(site: Site, demand: str, code: int) -> None:
    """Without --verbose as well: only a quorum takes the words away."""
    policy = witnessing(site)
    for text, alone in ((policy.read_text().partition("[[log]]")[0], True), (policy.read_text(), False)):
        policy.write_text(f"{demand}\n{text}")
        ran = anchor("verify", site.release, "--policy", policy)
        assert ran.code == code, ran
        assert (ALONE in " ".join(ran.out.split())) is alone


def test_a_run_of_several_releases_says_it_of_each_log_once(site: Site, tmp_path: Path) -> None:
    other = site.copy(tmp_path / "other")
    for policy, alone in ((site.policy, 1), (witnessing(site), 0)):
        releases = (site.release, other.release)
        ran = anchor("reverify", *releases, "--policy", policy, "--home", records(site, policy))
        assert ran.code == 0, ran
        assert "2 releases verify, and their logs only grew" in ran.out
        assert " ".join(ran.out.split()).count(ALONE) == alone


def test_commands_without_a_policy_of_witnesses_say_it_always(site: Site, tmp_path: Path) -> None:
    who, issuer = signer(site)
    bundle, trusted = site.path("bundle"), site.path("trusted_root")
    flags = ("--certificate-identity", who, "--certificate-oidc-issuer", issuer, "--trusted-root", trusted)
    (head,) = site.root.glob("release/log/*/checkpoint")
    ledger = site.path("ledger.md")
    for words in (
        ("verify-bundle", "--bundle", bundle, *flags, ledger),
        ("inspect", bundle),
        ("inspect", head),
        ("instance", "init", "--home", tmp_path / "new"),
    ):
        ran = anchor(*words)
        assert ran.code == 0, (words, ran)
        assert ALONE in ran.out, words
    shown = anchor("verify-bundle", "--bundle", bundle, *flags, ledger, "--json").document
    (log,) = shown["facts"]["logs"]
    assert (log["independent"], log["independence"]["operator"]) == (False, "publisher")
    help_text = " ".join(anchor("instance", "--help").out.split())
    assert "own operator, and no independent evidence. Witnesses that a verifier names" in help_text


def test_a_bundle_without_its_quorum_is_pending(site: Site, made: Site) -> None:
    policy = witnessing(site)
    copied = bundle(Site(made.root, made.home, made.policy), policy)
    assert copied.code == 5, copied
    assert "0 witnesses of 3 that your policy names" in copied.out
    assert ALONE in copied.out
    assert "further signature lines" not in bundle(site, policy).out
    assert "2 further signature lines" in bundle(site, site.policy).out


def test_a_release_without_a_policy_says_what_the_origin_says(site: Site) -> None:
    ran = anchor("verify", "-v", site.release)
    assert ran.code == 2
    assert ALONE_WORDS in ran.out
    assert ALONE in ran.out


def test_publish_says_it_and_the_policy_that_it_prints_too(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", tmp_path / "home", tmp_path / "policy.toml")
    ran = site.publish(LEDGER)
    assert ran.code == 0
    assert ALONE_WORDS in ran.err
    assert ALONE in ran.err
    assert f"# The log is embedded: run by the publisher, so {ALONE}." in ran.out
    assert "name them in tlog_policy" in ran.out
