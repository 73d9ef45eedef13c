# SPDX-License-Identifier: Apache-2.0
"""Messages about instances, their logs and tokens, about the roots of public ones, and about witnesses."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from anchor.net import tuf_roots
from anchor.net.tuf_roots import Repository
from anchor.publish import anchoring
from anchor.tlog.keys import parse_vkey
from anchor.witness import witness_home
from tests.interop.stack.tufrepo import TufRepository
from tests.support.logs.simlog import SimLog
from tests.support.logs.submissions import body
from tests.support.releases.in_memory import hold
from tests.support.releases.published import LEDGER, Site
from tests.support.releases.two_people import Pair, publish
from tests.support.releases.witnessed import introduce, log_key
from tests.support.remedies.walk import NAMED, Walk, row
from tests.support.servers import embedded_instance, own_witness, witness_server
from tests.support.servers.embedded_instance import Served

OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")
CI = (
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "BUILDKITE",
    "CIRCLECI",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "SIGSTORE_ID_TOKEN",
    "ANCHOR_IDENTITY_TOKEN",
)


@contextlib.contextmanager
def served(w: Walk) -> Iterator[tuple[Served, tuple[object, ...], pytest.MonkeyPatch]]:
    """An instance of one's own, and the words of a publication with it that lack a token."""
    with pytest.MonkeyPatch.context() as patch, embedded_instance.serving(w.folder / "served") as found:
        patch.setenv("NO_PROXY", "*")
        for name in CI:
            patch.delenv(name, raising=False)
        place = ("--root", w.folder / "site", "--home", w.folder / "home")
        yield found, ("publish", w.write("ledger.md", LEDGER), *NAMED, *place), patch


@row("name a file with --identity-token-file, set {}, or run it in a CI with OIDC")
def no_token(w: Walk) -> None:
    with served(w) as (instance, words, patch):
        w.provoke(*words, "--instance", instance.about["trust_config"])
        w.give("--identity-token-file", instance.about["identity_token_file"])
        variable = w.printed.split("set ")[1].split(",")[0]
        w.follow(variable)
        patch.setenv(variable, Path(instance.about["identity_token_file"]).read_text())
        w.write("ledger.md", OTHER)
        w.ok(*w.words, "--version", "1.1.0")


@row("give --yes to agree")
def a_public_log_and_nobody_to_answer(w: Walk) -> None:
    with served(w) as (instance, words, _), public(w) as repository:
        repository.targets |= {
            "trusted_root.json": Path(instance.about["trusted_root"]).read_bytes(),
            "signing_config.v0.2.json": Path(instance.about["signing_config"]).read_bytes(),
        }
        repository.publish()
        token = ("--identity-token-file", instance.about["identity_token_file"])
        w.provoke(*words, "--instance", "public", *token)
        assert instance.size() == 0
        w.give("--yes")
        assert instance.size() == 1


@row("for another log, tlog_policy in --policy demands a quorum")
def witnesses_of_another_log(w: Walk) -> None:
    home = w.folder / "served"
    w.ok("instance", "init", "--home", home)
    with witness_server.serving(witness_server.Witness("a.example")) as (one,):
        log = log_key(Site(w.folder / "no site", home, w.folder / "policy.toml"))
        one.knows(log)
        w.ok("instance", "witness", "add", one.url, one.vkey, "--home", home)
        with served(w) as (instance, plain, _):
            words = (*plain, "--instance", instance.about["trust_config"])
            token = ("--identity-token-file", instance.about["identity_token_file"])
            quorum = f"log {log}\nwitness a {one.vkey} {one.url}\ngroup g all a\nquorum g\n"
            w.provoke(*words, *token, "--witness-policy", w.write("witnesses.policy", quorum))
            w.words = [*words, *token]
            policy = own_policy(w, instance, "tlog_policy = 'witnesses.policy'")
            w.give("--policy", policy)
            w.write("witnesses.policy", quorum.replace(one.vkey, witness_server.Witness("a.example").vkey))
            w.ok("verify", w.folder / "site", "--policy", policy, code=5)


def own_policy(w: Walk, instance: Served, line: str) -> Path:
    """A policy for what the instance signs."""
    about = instance.about
    root = Path(about["trusted_root"])
    pin = f'{{ path = "{root}", sha256 = "{hashlib.sha256(root.read_bytes()).hexdigest()}" }}'
    signer = f'[[signer]]\nidentity = "{about["identity"]}"\nissuer = "{about["issuer"]}"\n'
    head = f'ledger = "{NAMED[1]}"\ntrusted_root = [{pin}]\n{line}\n'
    return w.write("own.toml", head + signer)


# Roots of public instances, from a TUF repository on loopback


@contextlib.contextmanager
def public(w: Walk) -> Iterator[TufRepository]:
    """The public instance gives out the trusted root of the site. What was fetched is in no cache yet."""
    repository = TufRepository(w.folder / "tuf")
    repository.targets["trusted_root.json"] = w.untouched().path("trusted_root").read_bytes()
    repository.publish()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        named = Repository("public", repository.serve(), repository.root)
        patch.setitem(tuf_roots.REPOSITORIES, "public", named)
        yield repository
    repository.stop()


def of_public(w: Walk) -> Path:
    """The policy of the site, with the root of the public instance."""
    lines = w.site.policy.read_text().splitlines()
    kept = ['trusted_root = ["public"]' if line.startswith("trusted_root") else line for line in lines]
    return w.write("public.toml", "\n".join(kept) + "\n")


def aged(w: Walk, by: timedelta, *members: str) -> None:
    """As if the last refresh had been so long ago, and what was fetched had ended so long ago."""
    (state,) = (w.folder / "user").rglob("state.json")
    value = json.loads(state.read_text())
    for member in members or ("refreshed",):
        value[member] = value["refreshed"] - by.total_seconds()
    state.write_text(json.dumps(value))


@row("try later, give --offline, or say in the policy how old it may be: max_root_age")
def a_repository_that_is_silent(w: Walk) -> None:
    policy = of_public(w)
    words = ("verify", w.site.release, "--policy", policy, "-v")
    with public(w) as repository:
        w.ok(*words)
        repository.stop()
        aged(w, timedelta(hours=1))
        w.provoke(*words, code=3)
        w.give("--offline")
        assert "max_root_age" in w.printed
        kept = policy.read_text()
        policy.write_text(f'max_root_age = "2h"\n{kept}')
        w.ok(*words)
        policy.write_text(kept)
        w.ok(*words, code=3)


@row("try later, or pin the copy that is here with --offline")
def a_pin_of_a_silent_repository(w: Walk) -> None:
    with public(w) as repository:
        w.ok("trust", "show", "public")
        repository.stop()
        aged(w, timedelta(hours=1))
        w.provoke("trust", "pin", "public", "-o", "root.json", code=3)
        w.give("--offline")


@row("run anchor trust update with the network")
def a_copy_that_is_too_old(w: Walk) -> None:
    policy = of_public(w)
    policy.write_text(f'max_root_age = "1h"\n{policy.read_text()}')
    words = ("verify", w.site.release, "--policy", policy, "-v", "--offline")
    with public(w):
        w.ok("trust", "show", "public")
        w.ok(*words)
        aged(w, timedelta(hours=2))
        w.provoke(*words, code=4)
        w.use("anchor trust update")
        w.ok(*words)


@row(
    "refresh your trusted root (anchor trust update, or pin a newer file); if it stays, the copy was "
    "replaced: do not rely on it"
)
def a_root_that_is_older_than_the_release(w: Walk) -> None:
    policy = of_public(w)
    words = ("verify", w.site.release, "--policy", policy, "-v")
    newer = w.site.path("trusted_root").read_bytes()
    with public(w) as repository:
        older = json.loads(newer)
        older["tlogs"].append(json.loads(other_root(w))["tlogs"][0])
        replaced(w, json.dumps(older).encode())
        w.provoke(*words, code=3)
        repository.targets["trusted_root.json"] = w.site.path("trusted_root").read_bytes()
        repository.publish()
        aged(w, timedelta(hours=1))
        w.use("anchor trust update")
        w.ok(*words)


def other_root(w: Walk) -> bytes:
    """The trusted root of another instance."""
    w.ok("instance", "init", "--home", "another")
    w.ok("instance", "export", "-o", "another root", "--home", "another")
    return (w.folder / "another root" / "trusted_root.json").read_bytes()


def replaced(w: Walk, root: bytes) -> None:
    """Another copy of the trusted root beside the release, which names it."""
    site = hold(w.site.root)
    held = site.with_file(site.path("trusted_root"), root, repaired=True)
    w.site.release.write_bytes(held.release)
    for path, data in held.files.items():
        (w.site.root / path).write_bytes(data)


# Witnesses


@row("TWO HISTORIES  {}   (anchor verify-evidence)")
def a_witness_that_was_shown_two_histories(w: Walk) -> None:
    log = SimLog().grow(20)
    with own_witness.serving(own_witness.made(w.folder / "w1", log.key)) as one:
        one.add(body(log, 0))
        one.add(body(log.fork(4), 20))
    w.provoke("witness", "show", "--home", w.folder / "w1", code=0)
    file = w.printed.split()[2]
    w.use("anchor verify-evidence", file, "--log-key", log.key.vkey, code=6)


@row("ROLLED BACK, or keys used elsewhere  {}   (anchor witness show --json)")
def a_witness_whose_keys_are_used_elsewhere(w: Walk) -> None:
    log = SimLog().grow(7)
    home = own_witness.made(w.folder / "w1", log.key)
    shutil.copytree(w.folder / "w1", w.folder / "twin")
    fork = log.fork(3, 7)
    with own_witness.serving(witness_home.load(w.folder / "twin")) as twin:
        twin.add(body(fork, 0))
        seen = twin.latest(log.origin).body
    with own_witness.serving(home) as one:
        one.add(body(log, 0))
        one.add(body(fork, 7, signed=seen))
    w.provoke("witness", "show", "--home", w.folder / "w1", code=0)
    shown = w.use("anchor witness show", "--json", "--home", w.folder / "w1").document
    assert shown["logs"][0]["returned"] == [seen.decode()]


@row(
    "a witness has seen another history of this log: find out with 'anchor compare --witness' which one is "
    "yours, and publish nothing more before that"
)
def a_witness_that_knows_another_history(w: Walk) -> None:
    w.ok("instance", "init", "--home", w.folder / "home")
    site = Site(w.folder / "site", w.folder / "home", w.folder / "policy.toml")
    key = log_key(site)
    home = own_witness.made(w.folder / "w1", parse_vkey(key))
    with own_witness.serving(home) as one, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        patch.setattr(anchoring, "PATIENCE", 0.3)
        w.ok("instance", "witness", "add", one.url, one.keys[0].vkey, "--home", site.home)
        w.ok("instance", "witness", "quorum", "1", "--home", site.home)
        w.ok(*w.publish(LEDGER, "1.0.0", "--policy-out", site.policy))
        fork = site.copy(made(w.folder / "fork"))
        w.ok(*w.publish(OTHER, "1.1.0"))
        file = w.write("fork.md", LEDGER.replace("| C | 3 |", "| C | 9 |"))
        named = ("--name", NAMED[1], "--version", "1.1.0", "--root", fork.root, "--home", fork.home)
        w.provoke("publish", file, *named, code=5)
        trust = ("--vkey", key, "--home", w.folder / "records")
        for folder, code in ((site.home / "instance" / "log", 0), (fork.home / "instance" / "log", 6)):
            w.use("anchor compare", "--witness", one.url, "--log", folder, *trust, code=code)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@row("the status does not name this release as the newest yet; 'anchor renew' completes it: {}")
def a_status_without_its_witness(w: Walk) -> None:
    asked = []
    one = witness_server.Witness("a.example")
    with witness_server.serving(one), pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        patch.setattr(anchoring, "PATIENCE", 0.3)
        patch.setattr(anchoring, "POLL", 0.05)
        site = Site(w.folder / "site", w.folder / "home", w.folder / "policy.toml")
        introduce(site, (one,), "all")
        w.ok(*w.publish(LEDGER, "1.0.0", "--policy-out", site.policy))
        place = (site.root, "--home", site.home)
        w.ok("renew", *place)

        def once(_: object, data: bytes) -> tuple[int, bytes, str] | None:
            asked.append(data)
            return (500, b"", "text/plain") if len(asked) > 1 else None

        one.lie = once
        w.provoke(*w.publish(OTHER, "1.1.0"), code=5)
        one.lie = None
        for name in ("site", "home"):
            shutil.copytree(w.folder / name, w.folder / f"kept {name}")
        w.use("anchor renew", *place)
        w.ok("verify", site.root, "--policy", site.policy)
        for name in ("site", "home"):
            shutil.rmtree(w.folder / name)
            shutil.move(w.folder / f"kept {name}", w.folder / name)
        w.give("--resume")
        w.ok("verify", site.root, "--policy", site.policy)


@row("say in each [[signer]] which of the roots certify him: trusted_root")
def two_roots_and_two_signers(w: Walk) -> None:
    pair = Pair(w.folder)
    assert publish(pair.alice).code == 5
    assert publish(pair.bob).code == 0
    whole = pair.policy.read_text()
    lines = whole.splitlines(keepends=True)
    pair.policy.write_text("".join(t for t in lines if not t.startswith('trusted_root = "')))
    w.provoke("verify", pair.alice.release, "--policy", pair.policy)
    w.follow("[[signer]]")
    assert "trusted_root" in w.printed
    pair.policy.write_text(whole)
    w.ok(*w.words)
