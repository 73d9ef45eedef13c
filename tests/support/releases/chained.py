# SPDX-License-Identifier: Apache-2.0
"""Releases that a publisher signs on purpose: any number, any link, at any place of a published site."""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anchor.disk.ledger_file import LedgerFile, seal_file
from anchor.embedded.instance import Instance
from anchor.format import release as releases
from anchor.format import statement as statements
from anchor.format.ledger_status import Entry, Fact
from anchor.format.statement import KnownStatus, LedgerName, Previous
from anchor.publish import release_json
from tests.support.forge.signed import sign
from tests.support.logs.many_releases import finish
from tests.support.releases import with_status
from tests.support.releases.in_memory import hold
from tests.support.releases.published import LEDGER, NAME, Site


def link_of(site: Site, version: str) -> Previous:
    """A version of the site, as the release after it names it."""
    return statements.link((site.root / "release" / version / "statement.json").read_bytes())


def put(
    site: Site,
    version: str,
    number: int,
    previous: Previous | None,
    *,
    ledger: str = LEDGER,
    name: str = NAME,
    place: str = "",
    reader: str | None = None,
    newest: bool = False,
    signer: Path | None = None,
    status: KnownStatus | None = None,
) -> None:
    """Sign a release with the keys of the site, and put it into the folder of the version.

    `reader`: of the ledger (default: `markdown-table-v1`). `place`: another folder of `release/`. `newest`:
    the root release.json names it. `signer`: another home. `status`: the one that it commits to.
    """
    folder = site.root / "release" / (place or version)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / ("ledger.md" if reader is None else "ledger.txt")
        file.write_text(ledger, encoding="utf-8")
        named = LedgerName(name=name, number=number, version=version)
        sealed = seal_file([LedgerFile(path=file, reader=reader)], ledger=named, folder=folder)
    data = statements.encode(sealed.commit(named, previous, status=status))
    home = signer or site.home
    with contextlib.closing(Instance.open(home / "instance", create=False)) as instance:
        finish(instance, folder, data, sealed)
    if newest:
        show(site, place or version)


def show(site: Site, place: str) -> None:
    """From now on the root release.json is that of this folder."""
    release = releases.load((site.root / "release" / place / "release.json").read_bytes())
    site.release.write_bytes(releases.dump(releases.relocate(release, f"release/{place}/")))


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change a release.json and leave it in the one form."""
    value = json.loads(path.read_bytes())
    change(value)
    path.write_bytes(json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n")


def withdraw(site: Site, *entries: Entry) -> None:
    """Put the first status of the ledger beside its newest release, signed with the keys of the site."""
    held = hold(site.root)
    (data,) = with_status.chain(held, entries)
    with contextlib.closing(Instance.open(site.home / "instance", create=False)) as instance:
        found = with_status.beside(held, data, sign(instance, data))
    for path, content in found.files.items():
        (site.root / path).parent.mkdir(parents=True, exist_ok=True)
        (site.root / path).write_bytes(content)
    site.release.write_bytes(found.release)


def entry(site: Site, version: str, *, fact: tuple[int, str] | None = None, **more: Any) -> Entry:
    """An entry about a version of the site, or about a fact of it: its index and leaf hash (hex)."""
    one = link_of(site, version)
    about: dict[str, Any] = {"number": one.number, "statement": one.statement}
    if fact is not None:
        about["fact"] = Fact(index=fact[0], leaf=fact[1])
    return Entry(**{**about, "kind": "corrected", "reason": "it was measured twice", **more})


def publish_status(site: Site, data: bytes, *, home: Path | None = None, identity: str | None = None) -> None:
    """A publisher who means to lie signs any status and puts it in place.

    `home`: another one. `identity`: the name of somebody else.
    """
    with contextlib.closing(Instance.open((home or site.home) / "instance", create=False)) as instance:
        bundle = sign(instance, data, identity=identity)
        if home is None:
            instance.export(next(site.root.glob("release/log/*")))
    folder = f"release/status/{json.loads(data)['predicate']['sequence']}"
    (site.root / folder).mkdir(parents=True, exist_ok=True)
    made = {f"{folder}/statement.json": data, f"{folder}/log.sigstore.json": bundle}
    for path, content in made.items():
        (site.root / path).write_bytes(content)
    statement, one = (release_json.blob(path, content) for path, content in made.items())
    named = releases.StatusFiles(
        sequence=json.loads(data)["predicate"]["sequence"], statement=statement, bundles=(one,)
    )
    shown = releases.load(site.release.read_bytes())
    site.release.write_bytes(releases.dump(releases.with_status(shown, named)))
