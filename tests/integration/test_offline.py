# SPDX-License-Identifier: Apache-2.0
"""`--offline` makes no connection: not one is tried, and in an empty network namespace everything works."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.forge import bundles
from tests.support.process.anchor_cli import Ran, forked
from tests.support.process.need import need
from tests.support.releases.published import Site, published

EMPTY = ("unshare", "-rn")
"""Starts a program in a network namespace where even loopback is down."""
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
"""CLONE_NEWUSER and CLONE_NEWNET of sched.h: the same for a process that runs already."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    need(
        shutil.which("unshare") and subprocess.run([*EMPTY, "true"], capture_output=True).returncode == 0,
        "install util-linux and allow network namespaces",
    )
    return published(tmp_path_factory.mktemp("offline"))


def alone(tmp_path: Path, *words: object) -> tuple[Ran, list[str]]:
    """Run a command in an empty network namespace, and list what connections it tried nevertheless."""
    tried = tmp_path / "tried"

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
            with tried.open("a") as f:
                f.write(f"{event} {args[1:] if event.startswith('socket.connect') else args}\n")

    def leave_the_network() -> None:
        user = os.geteuid()
        if ctypes.CDLL(None, use_errno=True).unshare(NEW_USER | NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "unshare")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        os.environ |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_STATE_HOME": str(tmp_path / "state")}
        sys.addaudithook(watch)

    ran = forked(*words, before=leave_the_network)
    return ran, tried.read_text().splitlines() if tried.exists() else []


def with_roots(site: Site, folder: Path, roots: str) -> Path:
    """The site's policy with other trusted roots beside its own."""
    own = next(x for x in site.policy.read_text().splitlines() if x.startswith("trusted_root"))
    path = folder / "policy.toml"
    path.write_text(site.policy.read_text().replace(own, own.replace("[{", f"[{roots}, {{")))
    return path


def test_the_watch_sees_a_connection(site: Site, tmp_path: Path) -> None:
    """Else the tests below would prove nothing."""
    _, tried = alone(tmp_path, "trust", "update", "public")
    assert any("sigstore.dev" in line for line in tried)


def test_verify(site: Site, tmp_path: Path) -> None:
    ran, tried = alone(tmp_path, "verify", site.release, "--policy", site.policy, "--offline")
    assert (ran.code, tried) == (0, []), ran.err


def test_verify_with_the_public_root_is_stale_and_never_passes(site: Site, tmp_path: Path) -> None:
    policy = with_roots(site, tmp_path, '"public"')
    ran, tried = alone(tmp_path, "verify", site.release, "--policy", policy, "--offline", "--json")
    assert (ran.code, tried) == (4, []), ran.err
    (fresh,) = [c for c in ran.document["checks"] if c["name"] == "trust-fresh"]
    assert "never refreshed here" in fresh["detail"]
    assert fresh["demotes"] == "STALE"


def test_verify_of_a_url_is_refused_unasked(site: Site, tmp_path: Path) -> None:
    url = "https://example.org/release.json"
    ran, tried = alone(tmp_path, "verify", url, "--policy", site.policy, "--offline")
    assert (ran.code, tried) == (2, [])


def test_verify_without_the_option_needs_no_connection_either(site: Site, tmp_path: Path) -> None:
    """A policy with pinned roots names nothing on the network."""
    ran, tried = alone(tmp_path, "verify", site.release, "--policy", site.policy)
    assert (ran.code, tried) == (0, []), ran.err


def test_reverify_follows_the_log_beside_the_release(site: Site, tmp_path: Path) -> None:
    words = ("reverify", site.release, "--policy", site.policy, "--root", site.root)
    home = ("--home", tmp_path / "home")
    ran, tried = alone(tmp_path, *words, *home, "--offline")
    assert (ran.code, tried) == (0, []), ran.out + ran.err
    again, tried = alone(tmp_path, *words, *home, "--offline")
    assert (again.code, tried) == (0, [])


def test_reverify_of_a_log_on_the_network_is_unavailable_unasked(site: Site, tmp_path: Path) -> None:
    origin = site.value["anchors"][0]["log"]["origin"]
    policy = tmp_path / "policy.toml"
    text = site.policy.read_text()
    policy.write_text(f'{text}\n[[log]]\norigin = "{origin}"\nurl = "https://log.example.org"\n')
    words = ("reverify", site.release, "--policy", policy, "--root", site.root, "--home", tmp_path / "home")
    ran, tried = alone(tmp_path, *words, "--offline")
    assert (ran.code, tried) == (3, []), ran.out + ran.err
    assert "--offline" in ran.out + ran.err


@pytest.mark.parametrize("what", ["show", "pin"])
def test_trust(site: Site, tmp_path: Path, what: str) -> None:
    output = ("-o", tmp_path / "root.json") if what == "pin" else ()
    ran, tried = alone(tmp_path, "trust", what, "public", "--offline", *output)
    assert (ran.code, tried) == (0, []), ran.err


def test_verify_evidence(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "evidence.json"
    file.write_bytes(b"{}")
    policy = with_roots(site, tmp_path, '"public"')
    ran, tried = alone(tmp_path, "verify-evidence", file, "--policy", policy, "--offline")
    assert (ran.code, tried) == (7, []), ran.err


def test_inspect_lint_and_seal_never_connect(site: Site, tmp_path: Path) -> None:
    ledger = site.path("ledger.md")
    for words in (
        ("inspect", site.release),
        ("lint", ledger),
        ("seal", ledger, "--name", "a", "--version", "1"),
    ):
        ran, tried = alone(tmp_path, *words)
        assert (ran.code, tried) == (0, []), ran.err


def test_verify_bundle_with_a_root_of_its_own(site: Site, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.json"
    bundle.write_text(json.dumps(bundles.make(bundles.V2)))
    root, file = tmp_path / "root.json", tmp_path / "artifact"
    root.write_text(json.dumps(bundles.trusted_root()))
    file.write_bytes(bundles.ARTIFACT)
    from tests.support.forge.authorities import IDENTITY, ISSUER

    who = ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER)
    ran, tried = alone(tmp_path, "verify-bundle", "--bundle", bundle, *who, "--trusted-root", root, file)
    assert (ran.code, tried) == (0, []), ran.out


def test_verify_bundle_takes_the_shipped_public_root_when_the_network_is_away(
    site: Site, tmp_path: Path
) -> None:
    """It asks for one, then names the copy that it used. The copy knows the public logs and no other."""
    bundle = tmp_path / "bundle.json"
    bundle.write_text(json.dumps(bundles.make(bundles.V2)))
    who = ("--certificate-identity", "a", "--certificate-oidc-issuer", "b")
    digest = "sha256:" + "0" * 64
    ran, tried = alone(tmp_path, "verify-bundle", "--bundle", bundle, *who, digest, "--json")
    assert ran.code == 8
    (note,) = ran.document["notes"]
    assert "could not be refreshed" in note
    assert "the copy that the sigstore client ships, which was never refreshed here, was used" in note
    (log,) = [c for c in ran.document["checks"] if c["name"] == "log-key"]
    assert "the trusted root names no log" in log["detail"]
    assert log["state"] == "unknown", "a newer root may name it"
    assert "a newer one may name it" in log["detail"]
    assert tried


@pytest.mark.interop
def test_verify_bundle_of_the_public_instance_when_the_network_is_away(site: Site, tmp_path: Path) -> None:
    from tests.support.releases import public_material

    folder = public_material.crate()
    found = sorted(folder.rglob("*.sigstore.json"))
    need(found, "fetch the public test material")
    ours = [p for p in found if b"log2025" in p.read_bytes() or b"rekor.sigstore.dev" in p.read_bytes()]
    assert ours
    who = ("--certificate-identity", "nobody", "--certificate-oidc-issuer", "none")
    ran, _ = alone(tmp_path, "verify-bundle", "--bundle", ours[0], *who, "sha256:" + "0" * 64, "--json")
    (log,) = [c for c in ran.document["checks"] if c["name"] == "log-key"]
    assert log["state"] == "passed", log
