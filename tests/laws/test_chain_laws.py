# SPDX-License-Identifier: Apache-2.0
"""Chains of every shape: ours and a second walk find the same releases, and end for the same reason."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor.app.chain import Chain
from anchor.disk.ledger_file import LedgerFile, seal_file
from anchor.format import release as releases
from anchor.format import statement as statements
from anchor.format.release import Release
from anchor.format.statement import LedgerName, Previous
from anchor.net.budget import Budget
from anchor.publish import release_json
from anchor.verdict import Class
from tests.support.releases.published import Site, published
from tests.support.second.chain2 import walk


class Made(NamedTuple):
    """A release to make. `link`: the place, among those made before, of the one that it names by digest; with
    `lie` another version or digest is named."""

    name: str
    number: int
    version: str
    link: int
    lie: str


@st.composite
def chains(draw: st.DrawFn) -> list[Made]:
    """Up to five releases, each of which follows the one before, and at most two that do not."""
    count = draw(st.sampled_from([1, 2, 3, 4, 5, 5]))
    found = [Made("n", at + 1, f"v{at}", at - 1, "") for at in range(count)]
    for _ in range(draw(st.sampled_from([0, 1, 1, 2]))):
        at = draw(st.integers(0, count - 1))
        changes: dict[str, Any] = draw(
            st.sampled_from(
                [
                    {"name": "m"},
                    {"number": draw(st.integers(1, 5))},
                    {"version": draw(st.sampled_from(["v0", "V1", "V0", "v2"]))},
                    {"link": draw(st.integers(0, 4))},
                    {"lie": "version"},
                    {"lie": "digest"},
                ]
            )
        )
        found[at] = found[at]._replace(**changes)
    return found


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Release, list[tuple[Path, Any]]]:
    """A site for its anchor, and two sealed ledgers."""
    site = published(tmp_path_factory.mktemp("sample"))
    found = []
    for number in (1, 2):
        folder = tmp_path_factory.mktemp(f"sealed-{number}")
        (folder / "in.md").write_text(f"| Label |\n|---|\n| {number} |\n")
        found.append((folder, folder / "in.md"))
    return site, releases.load(site.release.read_bytes()), found


def made(folder: Path, one: Made, before: Sequence[tuple[Made, bytes]], sample: Any) -> bytes | None:
    """Write a release with an anchor of another one; its statement. None: no statement can say this."""
    site, release, ledgers = sample
    previous = None
    if one.number > 1:
        linked, data = before[one.link % len(before)] if before else (one, b"")
        version = linked.version if one.lie != "version" else "9"
        digest = statements.link(data).statement if data and one.lie != "digest" else "0" * 64
        previous = Previous(number=one.number - 1, version=version, statement=digest)
        if version.lower() == one.version.lower():
            return None
    place = folder / "release" / one.version
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    name = LedgerName(name=one.name, number=one.number, version=one.version)
    sealed = seal_file([LedgerFile(path=ledgers[one.number % 2][1])], ledger=name, folder=place)
    data = statements.encode(sealed.commit(name, previous))
    (place / "statement.json").write_bytes(data)
    anchor, root = release.anchors[0], release.trusted_roots[0]
    files = {anchor.bundle.path: site.root / anchor.bundle.path, root.path: site.root / root.path}
    for path, source in files.items():
        shutil.copy(source, place / Path(path).name)
    written = release_json.release(statements.decode(data), data, sealed, [anchor], [root])
    (place / "release.json").write_bytes(releases.dump(releases.relocate(written, "")))
    newest = releases.dump(releases.relocate(written, f"release/{one.version}/"))
    (folder / "release.json").write_bytes(newest)
    return data


@given(chains())
@settings(max_examples=40)
def test_the_same_releases_are_found_and_the_chain_ends_for_the_same_reason(
    sample: Any, chain: list[Made]
) -> None:
    with TemporaryDirectory() as work:
        folder, before = Path(work), list[tuple[Made, bytes]]()
        for one in chain:
            data = made(folder, one, before, sample)
            before += [(one, data)] if data is not None else []
        if not before:
            return
        second = walk(folder)
        # without a policy, nobody has to have signed a release for what stands before it to be read
        steps = list(Chain(work, trust=None, budget=Budget(60), offline=True).steps())
    links = [step.link for step in steps]
    found = [(one.number, one.version, one.statement) for one in links if one.location]
    assert found == second.found
    if second.end == "first":
        assert len(links) == len(found)
        return
    assert len(links) == len(found) + 1
    wanted = Class.UNAVAILABLE if second.end == "missing" else Class.INVALID
    assert links[-1].verdict is wanted, (links[-1], json.dumps(second))
