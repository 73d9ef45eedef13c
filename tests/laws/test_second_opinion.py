# SPDX-License-Identifier: Apache-2.0
"""`anchor verify` without the reference client: it accepts no release that the reference client would refuse.

The bundle of a published release is changed in every place and every way, under a release.json that names the
changed file. `test_differential` holds the same of bundles alone, over all vectors and their mutations.
"""

import fnmatch
import json
import logging
from collections.abc import Iterator

import pytest

from anchor.signing.reference_client import second_opinion
from anchor.verdict import Class
from tests.support.forge.mutations import mutations
from tests.support.process.anchor_cli import ROOT
from tests.support.releases.in_memory import Held, hold
from tests.support.releases.published import published
from tests.vectors import differ


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return hold(published(tmp_path_factory.mktemp("published")).root)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)  # the client warns about what the mutations are made to be
    yield
    logging.disable(logging.NOTSET)


def forged(release: Held) -> Iterator[tuple[str, Held]]:
    """The release with each mutation of its bundle, under its label."""
    path = release.path("bundle")
    bundle = json.loads(release.files[path])
    donor = json.loads((ROOT / "tests/vectors/v2-dsse/bundle.sigstore.json").read_bytes())
    for label, data in mutations(bundle, donor):
        yield label, release.with_file(path, data, repaired=True)


def test_a_release_that_verifies_also_verifies_with_the_second_opinion(release: Held) -> None:
    listed = differ.table("ours_only_accepts.toml")
    assert all(len(sentence) > 40 for sentence in listed["first_entry"].values())
    patterns = (*listed["mutations"], *listed["first_entry"])
    tried, same, used = 0, 0, set()
    for label, held in forged(release):
        tried += 1
        if held.verify().verdict is not Class.OK:
            continue
        asked = held.verify(reference_client=second_opinion)
        if asked.verdict is Class.OK:
            same += 1
            continue
        fits = {p for p in patterns if fnmatch.fnmatchcase(label, p)}
        assert fits, (label, [c for c in asked.checks if c.demotes])
        used |= fits
    assert tried > 300
    assert same > 10
    assert used >= set(listed["first_entry"])
