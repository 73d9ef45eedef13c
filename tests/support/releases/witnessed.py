# SPDX-License-Identifier: Apache-2.0
"""A site whose embedded log asks witnesses, and what those signed."""

import json
from pathlib import Path

from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import note
from anchor.tlog.checkpoint import Checkpoint
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases import published
from tests.support.releases.published import Site
from tests.support.servers.witness_server import Witness

Witnesses = tuple[Witness, ...]


def instance(site: Site, *words: object) -> Ran:
    """`anchor instance witness` on the home of a site."""
    return anchor("instance", "witness", *words, "--root", site.root, "--home", site.home)


def log_key(site: Site) -> str:
    """The verifier key of the embedded log."""
    ran = instance(site, "list", "--json")
    assert ran.code == 0, ran.err
    return str(json.loads(ran.out)["vkey"])


def introduce(site: Site, witnesses: Witnesses, rule: str = "none") -> None:
    """Add the witnesses to an instance, and its log to each of them; make the instance if there is none."""
    if not (site.home / "instance").exists():
        assert anchor("instance", "init", "--root", site.root, "--home", site.home).code == 0
    for witness in witnesses:
        ran = instance(site, "add", witness.url, witness.vkey)
        assert ran.code == 0, ran.err
        witness.knows(log_key(site))
    ran = instance(site, "quorum", rule)
    assert ran.code == 0, ran.err


def with_witnesses(folder: Path, witnesses: Witnesses, rule: str = "none") -> Site:
    """A site where nothing is published yet, and its witnesses."""
    folder.mkdir(exist_ok=True)
    site = published.empty(folder)
    introduce(site, witnesses, rule)
    return site


def in_bundle(site: Site, version: str = "1.0.0") -> Checkpoint:
    """The checkpoint in the bundle of a release, its signatures not verified."""
    (bundle,) = (site.root / "release" / version).glob("*.sigstore.json")
    return bundle_head(bundle)


def bundle_head(path: Path) -> Checkpoint:
    """The checkpoint in a bundle, its signatures not verified."""
    (entry,) = json.loads(path.read_bytes())["verificationMaterial"]["tlogEntries"]
    return checkpoints.parse(str(entry["inclusionProof"]["checkpoint"]["envelope"]).encode())


def in_log(site: Site) -> Checkpoint:
    """The checkpoint of the log in the home."""
    return checkpoints.parse((site.home / "instance/log/checkpoint").read_bytes())


def signers(head: Checkpoint, witnesses: Witnesses) -> list[str]:
    """The names of the witnesses whose cosignatures on a checkpoint verify."""
    found = set()
    for witness in witnesses:
        named = {(s.name, s.key_id) for s in head.note.signatures}
        if (witness.key.name, witness.key.key_id) in named:
            note.verify(head.note, [witness.key])
            found.add(witness.name)
    return sorted(found)
