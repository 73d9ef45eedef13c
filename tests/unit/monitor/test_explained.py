# SPDX-License-Identifier: Apache-2.0
"""The entries of one statement in a log: the published one, one of a lost attempt, and a later one."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec
import pytest

from anchor.monitor.explained import KnownStatements
from anchor.monitor.interfaces import Memory
from anchor.monitor.run_record import HeldStatement
from anchor.sigstore.trusted_root import parse
from anchor.verify.name_matcher import NameMatcher, digests_of
from anchor.verify.named_entry import NamedEntry
from anchor.verify.policy import Signer
from tests.support.forge.named import thief
from tests.support.releases.published import LEDGER, Site, published


class NoRecords:
    """Records without any statement."""

    def statements(self) -> Iterator[HeldStatement]:
        return iter(())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The second of two releases: its entry is not the first of the log."""
    found = published(tmp_path_factory.mktemp("explained"), LEDGER, "1")
    assert found.publish(f"{LEDGER}| D | 2 |\n", "2").code == 0
    return found


def known(site: Site, *, signed: bool) -> tuple[KnownStatements, NameMatcher, NamedEntry, str]:
    statement, bundle = site.path("statement").read_bytes(), site.path("bundle").read_bytes()
    anchor = site.value["anchors"][0]
    signer = thief(site.home)
    matcher = NameMatcher(
        [Signer(identity=signer.identity, issuer=signer.issuer)],
        [("", parse(Path(site.path("trusted_root")).read_bytes()))],
    )
    found = KnownStatements(cast("Memory", NoRecords()))
    found.add(statement, [bundle] if signed else [])
    entry = NamedEntry(
        index=int(anchor["log"]["index"]),
        digest=min(digests_of(statement)),
        certified=True,
        identity=signer.identity,
        issuer=signer.issuer,
    )
    return found, matcher, entry, anchor["log"]["origin"]


@pytest.mark.parametrize(("later", "explained"), [(0, True), (-1, True), (1, False), (900, False)])
def test_only_an_entry_behind_the_known_one_is_not_explained(site: Site, later: int, explained: bool) -> None:
    """An attempt whose answer was lost left an earlier entry, and the published one is the later."""
    statements, matcher, entry, tree = known(site, signed=True)
    other = msgspec.structs.replace(entry, index=entry.index + later)
    assert statements.explains(other, matcher, tree) is explained
    assert statements.explains(other, matcher, "another-log.example")


def test_a_statement_without_known_bundles_explains_each_entry_of_its_digest(site: Site) -> None:
    statements, matcher, entry, tree = known(site, signed=False)
    assert statements.explains(entry, matcher, tree)
    assert not statements.has("00" * 32)
