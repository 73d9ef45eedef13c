# SPDX-License-Identifier: Apache-2.0
"""Two people who sign one release: with two embedded instances, or in one log that both use over HTTP."""

import hashlib
import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import LEDGER, NAME, Site
from tests.support.servers.embedded_instance import Served

ALICE, BOB = "alice@example.org", "bob@example.org"


def instance(home: Path) -> dict[str, Any]:
    """A new embedded instance in a home, and the file of its trusted root."""
    made = anchor("instance", "init", "--home", home, "--json")
    assert made.code == 0, made.err
    public = home.parent / f"{home.name}-public"
    assert anchor("instance", "export", "--home", home, "-o", public).code == 0
    return {**made.document, "root": public / "trusted_root.json"}


def policy_of(path: Path, signers: list[tuple[str, str]], roots: list[Path], *more: str) -> Path:
    pins = [
        f'{{path = "{root}", sha256 = "{hashlib.sha256(root.read_bytes()).hexdigest()}"}}' for root in roots
    ]
    lines = [f'ledger = "{NAME}"', f"trusted_root = [{', '.join(pins)}]", "min_signers = 2", *more]
    ties = [f'trusted_root = "{root}"\n' if len(roots) > 1 else "" for root in (*roots, *roots)]
    lines += [
        f'[[signer]]\nidentity = "{who}"\nissuer = "{issuer}"\n{tie}'
        for (who, issuer), tie in zip(signers, ties, strict=False)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


class Pair:
    """Two people with homes of their own, one folder, and the policy that wants both."""

    def __init__(self, folder: Path) -> None:
        homes = [folder / name for name in ("alice", "bob")]
        made = [instance(home) for home in homes]
        signers = [(m["identity"], m["issuer"]) for m in made]
        self.policy = policy_of(folder / "two.toml", signers, [m["root"] for m in made], "min_anchors = 2")
        self.alice, self.bob = (Site(folder / "site", home, self.policy) for home in homes)
        self.origins = sorted(m["origin"] for m in made)


def publish(site: Site, ledger: str = LEDGER, version: str = "1.0.0", *more: object) -> Ran:
    file = site.home.parent / f"{site.home.name}.md"
    file.write_text(ledger)
    named = ("--name", NAME, "--version", version, "--policy", site.policy, "--root", site.root)
    return anchor("publish", file, *named, "--home", site.home, *more)


def token(served: Served, identity: str, path: Path) -> Path:
    secret = Path(served.about["mint_secret_file"]).read_text()
    asked = urllib.request.Request(
        served.about["url"] + "/mint",
        json.dumps({"identity": identity, "lifetime": 86_400}).encode(),  # all crash points take minutes
        {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked) as answer:
        path.write_bytes(answer.read())
    return path


def in_one_log(served: Served, folder: Path, who: str) -> tuple[Site, tuple[object, ...]]:
    """A person's site, and the words with which he signs in the shared log."""
    issuer = served.about["issuer"]
    root = Path(served.about["trusted_root"])
    policy = policy_of(folder / "two.toml", [(ALICE, issuer), (BOB, issuer)], [root])
    words = ("--instance", served.about["trust_config"], "--yes", "--identity-token-file")
    return Site(folder / "site", folder / who, policy), (*words, token(served, who, folder / f"{who}.token"))
