# SPDX-License-Identifier: Apache-2.0
"""A published release judged by policies that a test writes."""

import hashlib
from typing import Any

from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import NAME, Site


def signer(site: Site) -> tuple[str, str]:
    named = site.value["anchors"][0]
    return named["identity"], named["issuer"]


def root(site: Site) -> str:
    """The TOML of the one trusted root that does."""
    path = site.path("trusted_root")
    return f'{{path = "{path}", sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"}}'


def judged(site: Site, text: str, *words: object) -> Ran:
    """The release under a policy of this text; `{root}` stands for the trusted root that does."""
    path = site.policy.with_name("own.toml")
    lines = f'ledger = "{NAME}"\ntrusted_root = [{root(site)}]\n' if "trusted_root" not in text else ""
    path.write_text(lines + text.replace("{root}", root(site)))
    return anchor("verify", "-v", site.release, "--policy", path, *words)


def signers(*pairs: tuple[str, str], key: str = "identity") -> str:
    return "".join(f"[[signer]]\n{key} = '{i}'\nissuer = '{s}'\n" for i, s in pairs)


def found(ran: Ran, name: str) -> Any:
    (check,) = [c for c in ran.document["checks"] if c["name"] == name]
    return check
