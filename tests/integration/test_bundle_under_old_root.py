# SPDX-License-Identifier: Apache-2.0
"""`anchor verify-bundle` when the public instance's TUF repository is away and only an old copy is here."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from anchor.net import tuf_roots
from anchor.net.tuf_roots import Repository
from tests.interop.stack.tufrepo import TufRepository
from tests.support.forge import bundles
from tests.support.forge.authorities import IDENTITY, ISSUER
from tests.support.process.anchor_cli import Ran, anchor

DAY = timedelta(days=1).total_seconds()
Judge = Callable[[bundles.Json], Ran]


@pytest.fixture
def by_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """The verdict on a good bundle by a copy of 100 days ago of the given root."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def judge(root: bundles.Json) -> Ran:
        repository = TufRepository(tmp_path / "tuf")
        repository.targets["trusted_root.json"] = json.dumps(root).encode()
        repository.publish()
        named = Repository("public", repository.serve(), repository.root)
        monkeypatch.setitem(tuf_roots.REPOSITORIES, "public", named)
        assert anchor("trust", "update").code == 0
        repository.stop()
        (state,) = (tmp_path / "cache").rglob("state.json")
        kept = json.loads(state.read_text())
        kept |= {"refreshed": kept["refreshed"] - 100 * DAY, "expires": kept["refreshed"] - 93 * DAY}
        state.write_text(json.dumps(kept))
        (tmp_path / "bundle.json").write_text(json.dumps(bundles.make(bundles.V2)))
        (tmp_path / "artifact").write_bytes(bundles.ARTIFACT)
        who = ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER)
        return anchor(
            "verify-bundle", "--bundle", tmp_path / "bundle.json", *who, tmp_path / "artifact", "--json"
        )

    return judge


def test_a_bundle_is_judged_by_the_copy_and_the_note_tells_how_old_it_is(by_a_copy: Judge) -> None:
    ran = by_a_copy(bundles.trusted_root())
    assert ran.code == 0, ran
    (note,) = [line for line in ran.document["notes"] if "trusted root" in line]
    assert "could not be refreshed" in note
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
    assert re.search(f"the copy of {when}, 100 days old, which expired on {when}, was used", note)


def test_a_log_that_the_copy_does_not_name_is_no_alarm(by_a_copy: Judge) -> None:
    ran = by_a_copy(bundles.trusted_root(lambda r: r["tlogs"].pop(1)))
    assert (ran.code, ran.document["verdict"]) == (3, "UNAVAILABLE")
    (log,) = [c for c in ran.document["checks"] if c["name"] == "log-key"]
    assert log["state"] == "unknown"
    assert "could not be refreshed" in log["detail"]
    assert "100 days old, which expired on" in log["detail"]
    assert "a newer one may name it" in log["detail"]
