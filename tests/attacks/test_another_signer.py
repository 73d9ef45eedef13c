# SPDX-License-Identifier: Apache-2.0
"""A release is signed by who signed the one before, unless whoever publishes says that it is another one.

The site is moved, the home is another one, the token is another one; and the clock is wrong, then right.
"""

import base64
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

import anchor as package
from anchor.embedded.instance import Instance
from anchor.errors import Misuse
from anchor.publish.same_signer import SameSigner
from anchor.publish.signing_history import SignedStatements
from anchor.signing import signer as signing
from anchor.verify.policy import parse_policy
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.process.ci_examples import CI
from tests.support.process.clocked import ClockedCommands, clocked
from tests.support.releases.published import LEDGER, NAME, Site, empty, published, snapshot
from tests.support.servers.embedded_instance import serving

OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")
DAY = 86400.0


def by_default(site: Site, root: Path, version: str, *more: object, ledger: str = OTHER) -> Ran:
    """Publish without naming a home."""
    file = site.home.parent / "ledger.md"
    file.write_text(ledger)
    return anchor("publish", file, "--name", NAME, "--version", version, "--root", root, *more)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "ledger-anchor"


def test_a_moved_site_keeps_its_signer(tmp_path: Path, state: Path) -> None:
    site = empty(tmp_path)
    first = by_default(site, site.root, "1.0.0")
    assert first.code == 0, first.err
    site.policy.write_text(first.out)
    moved = Site(tmp_path / "renamed", site.home, tmp_path / "moved.toml")
    site.root.rename(moved.root)
    ran = by_default(site, moved.root, "1.1.0", ledger=LEDGER)
    assert ran.code == 0, ran.err
    moved.policy.write_text(first.out.replace(str(site.root), str(moved.root)))
    assert moved.verify().code == 0  # by the policy that was handed out before
    assert len(list(state.glob("*/instance"))) == 1


def test_another_home_is_refused_before_it_has_keys(tmp_path: Path) -> None:
    site = published(tmp_path)
    before = snapshot(site.root)
    other = Site(site.root, tmp_path / "other", site.policy)
    for _ in range(2):
        ran = other.publish(OTHER, "1.1.0")
        assert ran.code == 2
        assert f"publisher@{site.value['anchors'][0]['log']['origin']}" in ran.line
        assert str(other.home) in ran.line
        assert "--new-signer" in ran.line
        assert not (other.home / "instance").exists()
        assert snapshot(site.root) == before
    ran = other.publish(OTHER, "1.1.0", "--new-signer")
    assert ran.code == 0, ran.err
    assert "hand out the new policy" in ran.err
    other.policy.write_text(ran.out)
    assert other.verify().code == 0
    ran = other.publish(LEDGER, "1.2.0")
    assert (ran.code, "new policy" in ran.err) == (0, False)  # from then on it is the signer of before


def test_another_identity_of_a_token_is_refused_before_it_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(tmp_path / "served") as served:
        site = empty(tmp_path)
        words = served.words("--instance")
        assert site.publish(LEDGER, "1.0.0", *words).code == 0
        instance = Instance.open(tmp_path / "served" / "instance", create=False)
        monkeypatch.setenv("ANCHOR_IDENTITY_TOKEN", instance.mint("somebody@else.example"))
        for _ in range(2):
            ran = site.publish(OTHER, "1.1.0", *words[:2])
            assert ran.code == 2, ran.err
            assert "somebody@else.example" in ran.line
            assert "--new-signer" in ran.line
            assert served.size() == 1
        assert site.publish(OTHER, "1.1.0", *words[:2], "--new-signer").code == 0


def test_the_tags_of_a_workflow_are_one_signer_for_the_policy_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CI system writes the tag into the identity (docs/ci): each release has another one."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(tmp_path / "served") as served:
        site = empty(tmp_path)
        (where, config, *_rest) = served.words("--instance")
        instance = Instance.open(tmp_path / "served" / "instance", create=False)

        def tagged(tag: str, ledger: str, *more: object) -> Ran:
            monkeypatch.setenv("ANCHOR_IDENTITY_TOKEN", instance.mint(f"publish@{tag}.example"))
            return site.publish(ledger, tag, where, config, *more)

        first = tagged("v1", LEDGER)
        assert first.code == 0, first.err
        expression = "identity_regex = 'publish@v[0-9]+[.]example'"
        site.policy.write_text(first.out.replace('identity = "publish@v1.example"', expression))
        assert tagged("v2", OTHER).code == 2
        assert served.size() == 1
        second = tagged("v2", OTHER, "--policy", site.policy)
        assert second.code == 0, second.err
        assert site.verify().code == 0
        assert tagged("w3", LEDGER, "--policy", site.policy).code == 2
        assert served.size() == 2


@pytest.mark.parametrize(
    ("said", "policy", "identity"),
    [
        (
            {
                "iss": "https://token.actions.githubusercontent.com",
                "sub": "repo:OWNER/REPO:ref:refs/tags/v2",
                "job_workflow_ref": "OWNER/REPO/.github/workflows/publish.yml@refs/tags/v2",
            },
            "policy.toml",
            "https://github.com/OWNER/REPO/.github/workflows/publish.yml@refs/tags/v2",
        ),
        (
            {
                "iss": "https://gitlab.com",
                "sub": "project_path:GROUP/PROJECT:ref_type:tag:ref:v2",
                "ci_config_ref_uri": "gitlab.com/GROUP/PROJECT//.gitlab-ci.yml@refs/tags/v2",
            },
            None,
            "https://gitlab.com/GROUP/PROJECT//.gitlab-ci.yml@refs/tags/v2",
        ),
    ],
)
def test_a_workflow_is_named_as_its_certificate_names_it(
    said: dict[str, str], policy: str | None, identity: str
) -> None:
    """By its subject it would be another signer with each tag, whatever the policy of docs/ci says."""
    now = int(datetime.now(UTC).timestamp())
    body = {"aud": "sigstore", "iat": now, "nbf": now, "exp": now + 600, **said}
    parts = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in ({"alg": "RS256"}, body)]
    found = signing.claims(b".".join([*parts, b"c2ln"]).decode())
    assert found == (identity, said["iss"])
    if policy:
        signers = parse_policy((CI / policy).read_bytes()).signers
        before = frozenset({(identity.replace("v2", "v1"), said["iss"], "log.example")})
        SameSigner(before=before, home="h", signers=signers).check(found, "log.example")
        with pytest.raises(Misuse):
            SameSigner(before=before, home="h").check(found, "log.example")


def test_bundles_of_another_signer_that_are_kept_are_put_in_no_other_folder_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No token is asked for then, so what is put in place is looked at."""
    monkeypatch.setenv("NO_PROXY", "*")
    site = published(tmp_path)
    with serving(tmp_path / "served") as served:
        words = served.words("--instance")
        copy = Site(tmp_path / "copy", tmp_path / "other", site.policy)
        shutil.copytree(site.root, copy.root)
        assert copy.publish(OTHER, "1.1.0", *words, "--new-signer").code == 0
        there = Site(site.root, copy.home, site.policy)
        before = snapshot(site.root / "release")
        ran = there.publish(OTHER, "1.1.0", *words)
        assert ran.code == 2, ran.err
        assert "nothing was put in place: --new-signer goes on as another one" in ran.line
        assert snapshot(site.root / "release") == before
        assert there.publish(OTHER, "1.1.0", *words, "--new-signer").code == 0
        assert served.size() == 1


def test_who_signs_in_the_place_of_another_is_refused_and_who_signs_beside_is_not() -> None:
    before = frozenset({("a", "x", "one.anchor-embedded.invalid"), ("b", "y", "log.example")})

    def refused(*given: tuple[tuple[str, str] | None, str]) -> bool:
        signer = SameSigner(before=before, home="h")
        try:
            for identity, log in given:
                signer.check(identity, log, own=log.endswith(".anchor-embedded.invalid") or not log)
        except Misuse:
            return True
        return False

    own, beside = (("a", "x"), "one.anchor-embedded.invalid"), (("c", "z"), "other.example")
    assert refused(beside)  # none of before signs
    assert not refused(own, beside)
    assert not refused(own, (("b", "y"), "next.example"))  # the same one, in another log
    assert refused(own, (("c", "z"), "log.example"))  # in the same log
    assert refused(own, (("c", "y"), "next.example"))  # by the same issuer
    assert refused((("b", "y"), "log.example"), (("c", "z"), "two.anchor-embedded.invalid"))
    assert refused((("b", "y"), "log.example"), (None, ""))


def test_another_token_beside_the_own_log_is_refused_before_either_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The home is the same one, so one signer of before is there; the other one is not."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(tmp_path / "served") as served:
        site = empty(tmp_path)
        words = served.words()
        assert site.publish(LEDGER, "1.0.0", *words).code == 0
        instance = Instance.open(tmp_path / "served" / "instance", create=False)
        monkeypatch.setenv("ANCHOR_IDENTITY_TOKEN", instance.mint("somebody@else.example"))
        before = snapshot(site.root)
        for _ in range(2):
            ran = site.publish(OTHER, "1.1.0", *words[:2])
            assert ran.code == 2, ran.err
            assert "somebody@else.example" in ran.line
            assert (served.size(), site.entries(), snapshot(site.root)) == (1, 1, before)
        assert site.publish(OTHER, "1.1.0").code == 0  # without that log
        ran = site.publish(OTHER, "1.1.0", *words[:2])  # nor is it added afterwards
        assert (ran.code, served.size()) == (2, 1), ran.err
        monkeypatch.delenv("ANCHOR_IDENTITY_TOKEN")
        assert site.publish(OTHER, "1.1.0", *words).code == 0
        assert served.size() == 2


def test_a_log_that_is_new_is_added_beside_the_signer_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    site = published(tmp_path)
    with serving(tmp_path / "served") as served:
        assert site.publish(OTHER, "1.1.0", *served.words()).code == 0
        assert len(site.value["anchors"]) == 2
        ran = site.publish(LEDGER, "1.2.0", *served.words("--instance"), "--also", "embedded")
        assert ran.code == 0, ran.err  # in any order


# The clock


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedCommands]:
    with clocked(tmp_path_factory.mktemp("clock")) as found:
        yield found


def at(clock: ClockedCommands, seconds: float, site: Site, ledger: str, version: str, *more: object) -> Ran:
    """Publish while the clock of the machine is off by so much."""
    file = site.home.parent / "ledger.md"
    file.write_text(ledger)
    words = ("publish", file, "--name", NAME, "--version", version, "--root", site.root, "--home", site.home)
    return clock.run(seconds, *words, *more)


def test_a_clock_of_1970_signs_nothing_and_leaves_no_home(tmp_path: Path, clock: ClockedCommands) -> None:
    site = empty(tmp_path)
    back = -datetime.now(UTC).timestamp() + DAY
    for _ in range(2):
        ran = at(clock, back, site, LEDGER, "1.0.0")
        assert ran.code == 2, ran.err
        assert "set the clock" in ran.line
        assert not (site.home / "instance").exists()
        assert not site.root.exists()
        for command in ("init", "serve"):
            ran = clock.run(back, "instance", command, "--home", site.home)
            assert ran.code == 2, ran.err
            assert "set the clock" in ran.line
            assert not (site.home / "instance").exists()
    assert at(clock, 0, site, LEDGER, "1.0.0").code == 0


def test_a_clock_that_was_ahead_and_is_right_again_names_the_way_out(
    tmp_path: Path, clock: ClockedCommands
) -> None:
    site = empty(tmp_path)
    ahead = at(clock, 40 * DAY, site, LEDGER, "1.0.0")
    assert ahead.code == 0, ahead.err
    for _ in range(2):
        ran = at(clock, 0, site, OTHER, "1.1.0")
        assert ran.code == 2
        assert "wait until then" in ran.line
        assert "--new-signer" in ran.line
        assert not list((site.home / "journal").glob("[!.]*"))
    new = Site(site.root, tmp_path / "new", site.policy)
    ran = at(clock, 0, new, OTHER, "1.1.0", "--new-signer")
    assert ran.code == 0, ran.err
    assert at(clock, 41 * DAY, site, LEDGER, "1.2.0", "--new-signer").code == 0  # or the wait


def test_a_home_that_was_made_in_1970_is_named_for_what_it_is(tmp_path: Path) -> None:
    """By a version that did not look: one clear line, no error of a library, and nothing is left behind."""
    site = empty(tmp_path)
    site.home.mkdir(mode=0o700)
    Instance.create(site.home / "instance", clock=lambda: datetime(1970, 1, 2, tzinfo=UTC)).close()
    for _ in range(2):
        ran = site.publish()
        assert ran.code == 2, ran.err
        assert "were good until" in ran.line
        assert "--new-signer" in ran.line
        assert not list((site.home / "journal").glob("[!.]*"))
        assert not site.root.exists()


def test_a_signature_of_a_later_time_in_the_own_log_is_seen(tmp_path: Path, clock: ClockedCommands) -> None:
    """The list says nothing of it: the log itself is asked, whoever used it."""
    site = published(tmp_path)
    assert at(clock, 40 * DAY, site, OTHER, "1.1.0").code == 0
    site.forget()
    site.roll_back("1.0.0")
    shutil.rmtree(site.root / "release" / "1.1.0")
    ran = at(clock, 0, site, LEDGER, "1.2.0")
    assert ran.code == 2
    assert str(site.home / "instance") in ran.line
    assert "wait until then" in ran.line


def test_what_never_left_puts_nothing_off(tmp_path: Path) -> None:
    """A try by a clock that was ahead, of which no log got anything, is no time that was signed."""
    site = published(tmp_path)
    lines = SignedStatements(site.home)
    (sent, *_rest) = lines.lines()
    later = structs.replace(sent, at="2099-01-01T00:00:00Z", statement="0" * 64, number=2, version="2")
    lines.add([later, structs.replace(later, step="unsent")])
    assert site.publish(OTHER, "1.1.0").code == 0


def test_a_small_difference_of_two_machines_is_no_wrong_clock(tmp_path: Path, clock: ClockedCommands) -> None:
    site = empty(tmp_path)
    assert at(clock, 120, site, LEDGER, "1.0.0").code == 0
    assert "wait until then" not in at(clock, 0, site, OTHER, "1.1.0").err


def test_a_home_whose_keys_are_over_is_named_for_what_it_is(tmp_path: Path, clock: ClockedCommands) -> None:
    site = published(tmp_path)
    ran = at(clock, 365 * 60 * DAY, site, OTHER, "1.1.0")
    assert ran.code == 2
    assert "were good until" in ran.line
    assert "--new-signer" in ran.line
    assert not list((site.home / "journal").glob("[!.]*"))


@pytest.mark.parametrize("year", [2038, pytest.param(2039, marks=pytest.mark.slow)])
def test_every_signature_after_2038_verifies(tmp_path: Path, clock: ClockedCommands, year: int) -> None:
    """The reference client agrees each time: from then on it loses a millisecond of one SCT in four."""
    site = empty(tmp_path)
    then = datetime(year, 2, 3, tzinfo=UTC).timestamp() - datetime.now(UTC).timestamp()
    for number in range(4):
        ran = at(clock, then + number * 0.37, site, LEDGER.replace("| 3 |", f"| {number} |"), f"1.{number}")
        assert ran.code == 0, ran.err


def test_the_programs_own_date_is_that_of_its_newest_change() -> None:
    """It is set with each release: not before the newest one in the changelog, and not in the future."""
    made = datetime.fromisoformat(package.RELEASED).replace(tzinfo=UTC)
    assert made <= datetime.now(UTC)
    text = (Path(__file__).resolve().parents[2] / "CHANGELOG.md").read_text()
    dates = re.findall(r"^## \[[0-9.]+\] - (\d{4}-\d\d-\d\d)", text, re.MULTILINE)
    assert dates
    assert max(dates) <= package.RELEASED
