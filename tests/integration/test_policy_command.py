# SPDX-License-Identifier: Apache-2.0
"""`anchor policy` and `publish --policy-out`: a policy for a stranger, and never over one that was edited."""

import contextlib
import gzip
import hashlib
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from anchor.app import proposed_policy
from anchor.disk import policy_file, root_store
from anchor.embedded.instance import Instance
from anchor.format import release as releases
from anchor.net import tuf_roots
from anchor.net.tuf_roots import Repository
from anchor.publish import policy_text
from anchor.publish.policy_text import groups
from anchor.verify.policy import UNCOMPARED, parse_policy
from tests.interop.stack.tufrepo import TufRepository
from tests.support.forge import bundles
from tests.support.forge.attacker import made, own, statement_of, with_anchors
from tests.support.process.anchor_cli import Ran, anchor, says
from tests.support.process.pseudo_terminal import on_terminal
from tests.support.process.typed import typed
from tests.support.releases.in_memory import hold
from tests.support.releases.published import LEDGER, NAME, Site, empty, published, published_file
from tests.support.servers.embedded_instance import serving
from tests.support.servers.folder_server import FolderServer, serve_folder


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("published"))


@pytest.fixture
def site(original: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site as a stranger has it, who has no policy and no trusted root."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    found = original.copy(tmp_path)
    found.policy.unlink()
    return found


@pytest.fixture
def web(site: Site) -> Iterator[FolderServer]:
    with serve_folder(site.root) as server:
        yield server


def digest(site: Site) -> str:
    return str(site.value["trusted_root"]["sha256"])


def ask(site: Site, *words: object, answers: str | None = None, target: object = None) -> Ran:
    first, *_, last = groups(digest(site))
    text = f"{first}\n{last}\n" if answers is None else answers
    return typed(text, "policy", target or site.root, "-o", site.policy, *words)


def the_publishers(ran: Ran) -> list[str]:
    """The words of the command with which the publisher sees the groups."""
    (command,) = re.findall(r"^ +(anchor trust show (?:.*\\\n)*.*)$", ran.err, re.MULTILINE)
    return shlex.split(command.replace("\\\n", ""))[1:]


def test_a_stranger_types_two_groups_and_can_verify(site: Site) -> None:
    ran = ask(site)
    assert ran.code == 0, ran
    named = site.value["anchors"][0]
    for shown in (named["identity"], named["issuer"], named["log"]["origin"], "run by the publisher"):
        assert shown in " ".join(ran.err.split())
    assert " ".join(groups(digest(site))) in " ".join(ran.err.split())
    policy = parse_policy(site.policy.read_bytes())
    assert (policy.ledger, policy.compared) == (NAME, True)
    assert "path" not in site.policy.read_text()
    assert site.verify().code == 0
    assert UNCOMPARED not in json.loads(site.verify("--json").out)["notes"]


def test_every_command_that_it_prints_works(site: Site) -> None:
    ran = ask(site)
    shown = anchor(*the_publishers(ran))
    assert shown.code == 0
    assert " ".join(groups(digest(site))) in shown.out, "the publisher sees the same groups"
    _, _, following = ran.err.partition("; now: ")
    assert anchor(*shlex.split(following)[1:]).code == 0


def test_it_takes_a_url(web: FolderServer, site: Site) -> None:
    ran = ask(site, target=f"{web.url}/")
    assert ran.code == 0, ran
    assert not any("ledger" in path for path in web.asked), "no fact is needed for a policy"
    _, _, following = ran.err.partition("; now: ")
    assert anchor(*shlex.split(following)[1:]).code == 0
    assert anchor(*the_publishers(ran)).code == 0


def test_blanks_and_case_of_a_typed_group_do_not_matter(site: Site) -> None:
    first, *_, last = groups(digest(site))
    assert ask(site, answers=f"  {first[:2].upper()} {first[2:]}\t\n {last.upper()} \n").code == 0
    site.policy.unlink()
    half = digest(site)[:32], digest(site)[32:]
    assert ask(site, answers=f"{half[0]}\n{half[1].upper()}\n").code == 0, "the whole digest is right too"


def test_a_wrong_group_may_be_typed_again_but_not_for_ever(site: Site) -> None:
    first, *_, last = groups(digest(site))
    wrong = f"{first}\n{'0000' if last != '0000' else '1111'}\n"
    ran = ask(site, answers=wrong * 3 + f"{first}\n{last}\n")
    assert ran.code == 2
    assert "3 times: nothing was written" in ran.err
    assert not site.policy.exists()
    assert not root_store.path(bytes.fromhex(digest(site))).exists()
    assert ask(site, answers=wrong * 2 + f"{first}\n{last}\n").code == 0


@pytest.mark.parametrize("answers", ["", "\n\n" * 3, "e\n" * 6])
def test_nothing_is_written_without_an_answer(site: Site, answers: str) -> None:
    ran = ask(site, answers=answers)
    assert ran.code == 2, ran
    assert not site.policy.exists()


def test_yes_needs_the_digest(site: Site) -> None:
    says(ask(site, "--yes"), 2, "--trusted-root-sha256")
    spaced = " ".join(groups(digest(site).upper()))
    ran = ask(site, "--yes", "--trusted-root-sha256", spaced, answers="")
    assert ran.code == 0, ran
    assert site.verify().code == 0


def test_another_digest_is_unavailable_and_nothing_is_written(site: Site) -> None:
    near = digest(site)[:4] + "0" * 56 + digest(site)[-4:]
    says(ask(site, "--yes", "--trusted-root-sha256", near), 3, "the release carries another one")
    assert not site.policy.exists()
    says(ask(site, "--yes", "--trusted-root-sha256", near[:-1]), 2, "64 hex digits")


def test_what_nobody_compared_says_so_for_ever(site: Site) -> None:
    ran = ask(site, "--not-compared", answers="")
    assert ran.code == 0, ran
    text = site.policy.read_text()
    assert "taken from the release itself, compared with nothing" in text
    assert tomllib.loads(text)["compared"] is False
    assert UNCOMPARED in site.verify("--json").document["notes"]
    assert "note" in site.verify().out
    receipt = site.root.parent / "receipt.json"
    proven = anchor("prove", site.release, "--fact", "0", "--policy", site.policy, "-o", receipt)
    assert proven.code == 0
    assert UNCOMPARED in proven.err, "who makes a receipt relies on the verdict"
    says(ask(site, "--not-compared", "--yes"), 2, "--not-compared")


def test_comparing_replaces_it_and_not_the_other_way_round(site: Site) -> None:
    assert ask(site, "--not-compared").code == 0
    assert ask(site).code == 0
    ran = ask(site, "--not-compared")
    assert ran.code == 2
    assert "compared with nothing" in ran.err
    assert parse_policy(site.policy.read_bytes()).compared
    assert ask(site, "--not-compared", "--force").code == 0
    assert not parse_policy(site.policy.read_bytes()).compared


def test_a_policy_that_was_edited_stays(site: Site) -> None:
    assert ask(site).code == 0
    assert ask(site).code == 0, "the same again is no edit"
    edited = site.policy.read_text().replace("min_anchors = 1", "min_anchors = 2")
    site.policy.write_text(edited)
    says(ask(site), 2, "--force")
    assert site.policy.read_text() == edited
    assert ask(site, "--force").code == 0
    assert policy_file.is_untouched(site.policy.read_bytes())


@pytest.mark.parametrize("there", [b"ledger = 'own'\n", b"\0" * 100, b"x" * (1 << 21)])
def test_any_other_file_stays_too(site: Site, there: bytes) -> None:
    site.policy.write_bytes(there)
    says(ask(site), 2, "name another file")
    assert site.policy.read_bytes() == there


def test_a_release_that_contradicts_itself_gets_no_policy(site: Site) -> None:
    path = site.path("bundle")
    path.write_bytes(path.read_bytes().replace(b'"signature"', b'"signatura"', 1) + b" ")
    says(ask(site), 8, "bundle-file")
    assert not site.policy.exists()


def test_a_release_that_is_not_there_or_cut_off(site: Site, web: FolderServer) -> None:
    says(ask(site, target=site.root / "nothing"), 2, "nothing")
    says(ask(site, target=f"{web.url}/nothing/"), 3, "nothing")
    says(ask(site, "--offline", target=f"{web.url}/"), 2, "offline")
    site.release.write_bytes(site.release.read_bytes()[:200])
    says(typed("", "policy", site.root, "-o", site.policy), 3, "release.json")


def test_json_is_one_document(site: Site) -> None:
    ran = ask(site, "--json")
    assert ran.code == 0, ran
    found = ran.document
    assert found["format"] == "urn:ledger-anchor:policy-proposal:v1"
    assert found["compared"] is True
    assert found["trusted_roots"] == [
        {"sha256": digest(site), "groups": groups(digest(site)), "instance": None}
    ]
    assert site.policy.read_text().startswith(found["policy"])


def test_stdout_gets_the_policy_without_a_file(site: Site, tmp_path: Path) -> None:
    first, *_, last = groups(digest(site))
    for more in ((), ("-o", "-")):
        ran = typed(f"{first}\n{last}\n", "policy", site.root, *more)
        assert ran.code == 0
        own = tmp_path / "own.toml"
        own.write_text(ran.out)
        assert anchor("verify", site.release, "--policy", own).code == 0


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_person_at_a_terminal(site: Site, columns: int) -> None:
    first, *_, last = groups(digest(site))
    lines = f"{first.upper()}\n0000\n{first}\n{last}\n"
    seen = on_terminal(
        "policy", site.root.name, "-o", "p.toml", columns=columns, cwd=site.root.parent, typed=lines
    )
    assert seen.code == 0, seen
    assert "these are not the groups of this release" in seen.text
    shown, _, _ = seen.text.partition("first group:")
    report = shown.split("itself:", 1)[1]
    for line in re.sub(r"\x1b\[[0-9;]*m", "", report).splitlines()[1:]:
        assert len(line) <= min(columns, 72) or "invalid" in line or "trusted_root.json" in line, line
    for at in range(0, 16, 4):
        assert " ".join(groups(digest(site))[at : at + 4]) in shown
    assert (site.root.parent / "p.toml").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "site", "-v"),
        ("chain", "site"),
        ("find", "site", "--where", "label=A"),
        ("log", "site", "--where", "label=A"),
        ("diff", "site", "site/release/1.0.0/release.json"),
    ],
    ids=lambda words: words[0],
)
def test_the_last_line_without_a_policy_is_the_command_that_goes_on(
    site: Site, words: tuple[str, ...]
) -> None:
    """Only the details of one release have the command that trusts its own root, with the digest."""
    folder = site.root.parent
    ran = anchor(*words, cwd=folder)
    assert ("accept this signer" in ran.out) is (words[0] == "verify")
    assert ran.out.count("nobody said whose signature counts") <= 2
    said, command = ran.out.splitlines()[-1].split(": ", 1)
    assert (said, command.split()[:2]) == ("next", ["anchor", "policy"]), ran
    made = anchor(*shlex.split(command)[1:], "--yes", "--trusted-root-sha256", digest(site), cwd=folder)
    assert made.code == 0, made
    ran = anchor(*words, "--policy", "policy.toml", cwd=folder)
    assert (ran.code, "next: " in ran.out) == (0, False), ran


# publish --policy-out


@pytest.mark.parametrize("columns", [40, 80])
def test_a_publisher_at_a_terminal_reads_the_remarks_in_short_lines(tmp_path: Path, columns: int) -> None:
    site = empty(tmp_path)
    (tmp_path / "ledger.md").write_text(LEDGER)
    words = ("ledger.md", "--name", NAME, "--version", "1.0.0", "--root", "site", "--policy-out", "p.toml")
    seen = on_terminal("publish", *words, "--home", site.home, columns=columns, cwd=tmp_path)
    assert seen.code == 0, seen
    _, remark, rest = seen.text.partition("\nnote: ")
    lines = f"{remark.lstrip()}{rest}".partition("\npolicy ")[0].splitlines()
    assert len(lines) > 2
    assert all(len(line) <= min(columns, 72) for line in lines), lines


def test_publishing_writes_the_policy(tmp_path: Path) -> None:
    site = empty(tmp_path)
    ran = site.publish(LEDGER, "1.0.0", "--policy-out", site.policy)
    assert ran.code == 0, ran
    assert ran.out == "", "it is written where the publisher asked for it"
    asked = site.publish(LEDGER, "1.0.0", "--policy-out", "-")
    assert (asked.code, asked.out) == (0, site.policy.read_text())
    says(site.publish(LEDGER, "1.0.0", "--policy-out", "-", "--json"), 2, "leave --policy-out out")
    assert site.verify().code == 0
    assert site.publish(LEDGER, "1.0.0", "--policy-out", site.policy).code == 0, "the same again"
    assert site.publish(LEDGER, "1.0.1", "--policy-out", site.policy).code == 0, "it was not edited"
    assert parse_policy(site.policy.read_bytes()).min_number == 2


def test_an_edited_policy_stays_and_nothing_is_published(tmp_path: Path) -> None:
    site = published(tmp_path)
    site.policy.write_text("# mine\n" + site.policy.read_text())
    before, entries = site.policy.read_bytes(), site.entries()
    says(site.publish(LEDGER, "1.0.1", "--policy-out", site.policy), 2, "move that one away")
    assert site.policy.read_bytes() == before
    assert site.entries() == entries
    site.policy.rename(tmp_path / "mine.toml")
    assert site.publish(LEDGER, "1.0.1", "--policy-out", site.policy).code == 0


def test_a_publication_that_fails_leaves_no_policy(tmp_path: Path) -> None:
    site = empty(tmp_path)
    assert site.publish("no table\n", "1.0.0", "--policy-out", site.policy).code == 2
    assert not site.policy.exists()
    assert site.publish(LEDGER, "1.0.0", "--policy-out", site.policy).code == 0
    before = site.policy.read_bytes()
    assert site.publish("no table\n", "1.0.1", "--policy-out", site.policy).code == 2
    assert site.policy.read_bytes() == before


def test_a_policy_in_a_folder_that_cannot_be_made_says_so_and_the_same_command_goes_on(
    tmp_path: Path,
) -> None:
    site = empty(tmp_path)
    (tmp_path / "file").write_text("")
    ran = site.publish(LEDGER, "1.0.0", "--policy-out", tmp_path / "file" / "policy.toml")
    assert ran.code == 2
    assert site.release.exists()
    assert site.publish(LEDGER, "1.0.0", "--policy-out", site.policy).code == 0
    assert site.verify().code == 0


def test_the_mark_is_the_digest_of_what_stands_above() -> None:
    data = policy_file.marked("a\n")
    assert policy_file.is_untouched(data)
    assert hashlib.sha256(b"a\n").hexdigest().encode() in data
    for changed in (data + b"#", data.replace(b"a", b"b"), data + data, data[:-1], b"", b"a\n"):
        assert not policy_file.is_untouched(changed)


# URLs where a file is shown or pinned


def test_trust_and_inspect_take_urls(site: Site, web: FolderServer) -> None:
    url = f"{web.url}/release/1.0.0/trusted_root.json"
    shown = anchor("trust", "show", url, "--json")
    assert shown.document["sha256"] == digest(site)
    pinned = anchor("trust", "pin", url)
    assert (pinned.code, pinned.out) == (0, f'trusted_root = [{{ sha256 = "{digest(site)}" }}]\n')
    assert root_store.path(bytes.fromhex(digest(site))).exists(), "the line works here without a path"
    found = anchor("trust", "pin", url, "--json").document
    assert (found["path"], found["sha256"]) == (None, digest(site))
    saved = site.root.parent / "saved.json"
    assert f'path = "{saved}"' in anchor("trust", "pin", url, "-o", saved).out
    assert saved.read_bytes() == site.path("trusted_root").read_bytes()
    for name in ("release.json", site.value["anchors"][0]["bundle"]["path"]):
        ran = anchor("inspect", f"{web.url}/{name}")
        assert ran.code == 0, ran
        assert ran.out.split("\n", 1)[1] == anchor("inspect", site.root / name).out.split("\n", 1)[1]


@pytest.mark.parametrize("words", [("trust", "show"), ("trust", "pin"), ("inspect",)])
def test_a_server_that_gives_something_else_is_no_alarm(
    site: Site, web: FolderServer, words: tuple[str, ...]
) -> None:
    says(anchor(*words, f"{web.url}/nothing.json"), 3, "does not have it")
    web.answers = {"huge.json": (200, {}, b" " * (1 << 27))}
    assert anchor(*words, f"{web.url}/huge.json").code in (3, 7)
    web.answers = {"page.json": (200, {"Content-Type": "text/html"}, b"<html>log in</html>")}
    assert anchor(*words, f"{web.url}/page.json").code in (2, 3, 7)
    web.answers = {"elsewhere.json": (302, {"Location": "https://example.org/x"}, b"")}
    assert anchor(*words, f"{web.url}/elsewhere.json").code == 3
    says(anchor(*words, "http://example.org/root.json"), 2, "https")
    assert not root_store.path(bytes.fromhex(digest(site))).exists()


# Several instances, and public ones


def test_one_pin_for_each_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    site = published_file(tmp_path, "facts.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0))
    with serving(tmp_path / "served") as served:
        ran = site.publish_file(tmp_path / "facts.csv.gz", "1.0.0", *served.words())
        assert ran.code == 0, ran
    digests = [str(blob["sha256"]) for blob in site.value["trusted_roots"]]
    assert len(digests) == 2
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    site.policy.unlink()
    words = ("policy", site.root, "-o", site.policy)
    one, two = (f"{digest[:4]}\n{digest[-4:]}\n" for digest in digests)
    assert typed(one * 4, *words).code == 2, "the second one is another instance"
    assert not site.policy.exists()
    says(anchor(*words, "--yes", "--trusted-root-sha256", digests[0]), 2, digests[1])
    assert typed(one + two, *words).code == 0
    policy = parse_policy(site.policy.read_bytes())
    assert {root.label for root in policy.trusted_roots} == set(digests)
    assert sorted(signer.trusted_roots for signer in policy.signers) == sorted((d,) for d in digests)
    assert policy.min_anchors == 2
    assert site.verify().code == 0
    both = [word for digest in digests for word in ("--trusted-root-sha256", digest)]
    assert anchor(*words, "--yes", *both).code == 0


def test_a_release_in_a_public_log_trusts_that_instance_by_its_name(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The public instance here is ours, in a TUF repository of ours: its log is called no embedded one."""
    repository = TufRepository(tmp_path / "tuf")
    repository.targets["trusted_root.json"] = site.path("trusted_root").read_bytes()
    repository.publish()
    named = Repository("public", repository.serve(), repository.root)
    monkeypatch.setitem(tuf_roots.REPOSITORIES, "public", named)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for module in (proposed_policy, policy_text):
        monkeypatch.setattr(module, "EMBEDDED", SimpleNamespace(has_origin=lambda _: False))
    assert ask(site, answers="").code == 2, "anybody can sign in a public log: the signer is to be compared"
    says(ask(site, "--yes", "--trusted-root-sha256", digest(site)), 2, "whom no digest names")
    signer = str(site.value["anchors"][0]["identity"]), str(site.value["anchors"][0]["issuer"])
    says(ask(site, "--yes", "--identity", signer[0]), 2, "--issuer")
    assert not site.policy.exists()
    assert ask(site, "--yes", "--identity", signer[0], "--issuer", signer[1]).code == 0
    site.policy.unlink()
    ran = ask(site, answers="\n".join(signer) + "\n")
    assert ran.code == 0, ran
    assert "public log of the public instance" in " ".join(ran.err.split())
    assert "group" not in ran.err, "its root comes through TUF"
    assert 'trusted_root = ["public"]' in site.policy.read_text()
    assert site.verify().code == 0
    repository.targets["trusted_root.json"] = json.dumps(bundles.trusted_root()).encode()
    repository.publish()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another cache"))
    site.policy.unlink()
    assert ask(site, answers="").code == 2, "a log that the public root does not name is to be compared"
    repository.stop()


# A signer whom no digest names


MALLORY = "mallory@example.org"


@pytest.fixture
def joined(original: Site, site: Site) -> Site:
    """The publisher's release, to which somebody else with a certificate of the same authority added an
    anchor of his own. Its trusted root is the publisher's, so the digest fits."""
    instance = Instance.open(original.home / "instance", create=False)
    held = hold(site.root)
    more = made(instance, statement_of(held), "release/1.0.0/more.sigstore.json", MALLORY)
    found = with_anchors(held, own(held), more)
    site.release.write_bytes(found.release)
    (site.root / more[0].bundle.path).write_bytes(more[1])
    return site


def names_of(site: Site) -> tuple[str, str]:
    return MALLORY, str(site.value["anchors"][0]["issuer"])


def test_a_digest_that_fits_accepts_nobody_who_added_his_anchor(joined: Site) -> None:
    """Whoever serves the files adds an anchor, waits until a stranger makes a policy, and signs alone."""
    says(ask(joined, "--yes", "--trusted-root-sha256", digest(joined)), 2, MALLORY)
    says(ask(joined, "--trusted-root-sha256", digest(joined)), 2, MALLORY)
    assert ask(joined).code == 2, "the groups alone do not say who he is"
    assert not joined.policy.exists()
    assert not root_store.path(bytes.fromhex(digest(joined))).exists()


def test_a_signer_whom_the_publisher_named_is_accepted(joined: Site) -> None:
    identity, issuer = names_of(joined)
    given = ("--yes", "--trusted-root-sha256", digest(joined))
    says(ask(joined, *given, "--identity", identity), 2, "--issuer")
    says(ask(joined, *given, "--identity", "malory@example.org", "--issuer", issuer), 3, "malory@example.org")
    says(ask(joined, "--yes", "--identity", identity, "--issuer", issuer), 2, "--trusted-root-sha256")
    assert not joined.policy.exists()
    assert ask(joined, *given, "--identity", identity, "--issuer", issuer).code == 0
    assert len(parse_policy(joined.policy.read_bytes()).signers) == 2


def test_a_signer_is_typed_whole(joined: Site) -> None:
    first, *_, last = groups(digest(joined))
    identity, issuer = names_of(joined)
    wrong = f"{first}\n{last}\n" + f"{identity[:-1]}\n{issuer}\n" * 3
    ran = ask(joined, answers=wrong)
    assert ran.code == 2
    assert "not the signer that this release has, 3 times: nothing was written" in ran.err
    assert not joined.policy.exists()
    assert ask(joined, answers=f"{first}\n{last}\n{identity}\n{issuer}\n").code == 0
    assert parse_policy(joined.policy.read_bytes()).compared


def test_the_same_command_again_demands_no_less(tmp_path: Path) -> None:
    """Whoever serves the files shows an older release, which the compared digest still fits."""
    site = published(tmp_path)
    assert site.publish(LEDGER, "1.0.1").code == 0
    site.policy.unlink()
    given = ("--yes", "--trusted-root-sha256", digest(site))
    assert ask(site, *given).code == 0
    before = site.policy.read_bytes()
    site.roll_back("1.0.0")
    ran = ask(site, *given)
    assert ran.code == 2
    assert "it demands release 2 or later, and this is release 1" in ran.err
    assert site.policy.read_bytes() == before
    assert site.verify().code != 0
    assert ask(site, *given, "--force").code == 0


def test_a_publisher_is_told_whom_somebody_added_to_his_release(tmp_path: Path) -> None:
    """Whoever can write the published folder adds an anchor, and the policy that is handed out has it."""
    site = published(tmp_path)
    mine = site.policy.rename(tmp_path / "mine.toml")
    held = hold(site.root)
    with contextlib.closing(Instance.open(site.home / "instance", create=False)) as instance:
        more = made(instance, statement_of(held), "release/1.0.0/more.sigstore.json", MALLORY)
    (site.root / more[0].bundle.path).write_bytes(more[1])
    path = site.root / "release/1.0.0/release.json"
    there = releases.load(path.read_bytes())
    blob = msgspec.structs.replace(more[0].bundle, path="more.sigstore.json")
    added = msgspec.structs.replace(more[0], bundle=blob)
    path.write_bytes(releases.dump(msgspec.structs.replace(there, anchors=(*there.anchors, added))))
    for _ in range(2):
        ran = site.publish(LEDGER, "1.0.0", "--policy-out", site.policy)
        assert f"note: {MALLORY} (issuer " in ran.err, ran
        assert "did not sign from this home" in ran.err
        assert "with --policy, whom your own policy does not accept is refused" in ran.err
        assert "A new --version has the signatures of this home alone" in ran.err
    refused = site.publish(LEDGER, "1.0.0", "--policy", mine)
    assert (refused.code, refused.out) == (8, "")
    assert MALLORY in refused.line
    issuer = there.anchors[0].issuer
    mine.write_text(f'{mine.read_text()}\n[[signer]]\nidentity = "{MALLORY}"\nissuer = "{issuer}"\n')
    known = site.publish(LEDGER, "1.0.0", "--policy", mine)
    assert (known.code, "did not sign from this home" in known.err) == (0, False), known
    ran = site.publish(LEDGER, "1.0.1")
    assert "did not sign from this home" not in ran.err, "a new version has the signatures of this home alone"
    assert MALLORY not in ran.out
