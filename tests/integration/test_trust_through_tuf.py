# SPDX-License-Identifier: Apache-2.0
"""Trust through a TUF repository on loopback: fresh passes, expired is STALE, silent is UNAVAILABLE."""

import base64
import hashlib
import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from anchor.net import tuf_roots
from anchor.net.tuf_roots import Repository
from tests.interop.stack.tufrepo import TufRepository
from tests.support.forge import bundles
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.process.json_forms import validated
from tests.support.releases.published import NAME, Site

DAY = timedelta(days=1)


@pytest.fixture
def tuf(original: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TufRepository]:
    """The public instance, which gives out the trusted root of the release; the cache is empty."""
    repository = TufRepository(tmp_path / "tuf")
    repository.targets["trusted_root.json"] = original.path("trusted_root").read_bytes()
    repository.publish()
    named = Repository("public", repository.serve(), repository.root)
    monkeypatch.setitem(tuf_roots.REPOSITORIES, "public", named)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield repository
    repository.stop()


def policy(original: Site, folder: Path, *more: str) -> Path:
    """A policy that trusts the public instance."""
    lines = original.policy.read_text().splitlines()
    kept = ['trusted_root = ["public"]' if x.startswith("trusted_root") else x for x in lines]
    path = folder / "policy.toml"
    path.write_text("\n".join([*more, *kept]) + "\n")
    return path


def verify(original: Site, folder: Path, *words: str, policy_lines: tuple[str, ...] = ()) -> Ran:
    return anchor(
        "verify", "-v", original.release, "--policy", policy(original, folder, *policy_lines), *words
    )


def check(ran: Ran, name: str) -> dict[str, str]:
    """The one check of this name in the verdict that was printed with --json."""
    (found,) = [c for c in ran.document["checks"] if c["name"] == name]
    assert isinstance(found, dict)
    return found


def age_cache(folder: Path, by: timedelta) -> None:
    """As if the last refresh had been so long ago."""
    (state,) = (folder / "cache").rglob("state.json")
    value = json.loads(state.read_text())
    value["refreshed"] -= by.total_seconds()
    state.write_text(json.dumps(value))


def silence(tuf: TufRepository, folder: Path) -> None:
    """The repository no longer answers, and the last refresh was an hour ago."""
    tuf.stop()
    age_cache(folder, timedelta(hours=1))


def test_online_the_public_root_is_refreshed_and_the_release_verifies(
    original: Site, tuf: TufRepository, tmp_path: Path
) -> None:
    ran = verify(original, tmp_path, "--json")
    assert ran.code == 0, ran.err
    assert check(ran, "trust-fresh")["state"] == "passed"
    assert "valid until" in check(ran, "trust-fresh")["detail"]


def test_flags_take_the_same_way(original: Site, tuf: TufRepository, tmp_path: Path) -> None:
    signer = original.value["anchors"][0]
    flags = ("--identity", signer["identity"], "--issuer", signer["issuer"], "--trusted-root", "public")
    assert anchor("verify", original.release, "--ledger", NAME, *flags).code == 0
    tuf.publish(expires=-DAY)
    age_cache(tmp_path, timedelta(hours=1))
    assert anchor("verify", original.release, "--ledger", NAME, *flags).code == 4


def test_expired_metadata_is_stale_however_good_the_release(
    original: Site, tuf: TufRepository, tmp_path: Path
) -> None:
    tuf.publish(expires=-DAY)
    for words in ((), ("--json",)):
        ran = verify(original, tmp_path, *words)
        assert ran.code == 4
        assert "expired" in ran.line


def test_a_silent_repository_is_unavailable_though_a_copy_is_here(
    original: Site, tuf: TufRepository, tmp_path: Path
) -> None:
    assert verify(original, tmp_path).code == 0
    silence(tuf, tmp_path)
    for _ in range(2):  # the second time it is not asked again, and that is no pass either
        ran = verify(original, tmp_path, "--json")
        assert ran.code == 3
        found = check(ran, "trust-fresh")
        assert found["state"] == "unknown"
        assert "could not be refreshed" in found["detail"]
        assert "meaning" not in found, "what could not be told is no alarm"


def test_a_repository_that_is_not_believed_is_unavailable_too(
    original: Site, tuf: TufRepository, tmp_path: Path
) -> None:
    assert verify(original, tmp_path).code == 0
    age_cache(tmp_path, timedelta(hours=1))
    (tuf.folder / "timestamp.json").write_bytes(b"{}")
    assert verify(original, tmp_path).code == 3


def test_a_silent_repository_without_any_copy_is_unavailable(
    original: Site, tuf: TufRepository, tmp_path: Path
) -> None:
    tuf.stop()
    ran = verify(original, tmp_path)
    assert ran.code == 3
    assert "no copy of it is here" in ran.line


def test_a_policy_may_say_how_old_a_copy_may_be(original: Site, tuf: TufRepository, tmp_path: Path) -> None:
    assert verify(original, tmp_path).code == 0
    silence(tuf, tmp_path)
    young = verify(original, tmp_path, "--json", policy_lines=('max_root_age = "2h"',))
    assert young.code == 0
    assert "not refreshed now, within max_root_age" in check(young, "trust-fresh")["detail"]
    old = verify(original, tmp_path, "--json", policy_lines=('max_root_age = "30m"',))
    assert old.code == 4
    assert "last refreshed" in check(old, "trust-fresh")["detail"]


def test_offline_nothing_is_asked_and_the_copy_is_judged_by_its_age(
    original: Site, tuf: TufRepository, tmp_path: Path
) -> None:
    assert tuf.front is not None
    assert verify(original, tmp_path).code == 0
    tuf.stop()
    assert verify(original, tmp_path, "--offline").code == 0
    old = ('max_root_age = "1h"',)
    assert verify(original, tmp_path, "--offline", policy_lines=old).code == 0
    age_cache(tmp_path, timedelta(hours=2))
    assert verify(original, tmp_path, "--offline", policy_lines=old).code == 4


def test_offline_with_no_copy_of_a_private_repository_is_unavailable(
    original: Site, tuf: TufRepository, tmp_path: Path
) -> None:
    assert verify(original, tmp_path, "--offline").code == 3


def test_offline_an_expired_copy_is_stale(original: Site, tuf: TufRepository, tmp_path: Path) -> None:
    assert verify(original, tmp_path).code == 0
    tuf.publish(expires=timedelta(seconds=-1))
    (state,) = (tmp_path / "cache").rglob("state.json")
    value = json.loads(state.read_text())
    value["expires"] = value["refreshed"] - 1  # as if what was fetched had ended since
    state.write_text(json.dumps(value))
    ran = verify(original, tmp_path, "--offline", "--json")
    assert ran.code == 4
    assert "expired on" in check(ran, "trust-fresh")["detail"]
    assert verify(original, tmp_path).code == 4, "online it serves expired metadata"


def test_a_log_that_the_new_root_no_longer_names_counts_for_nothing(
    original: Site, tuf: TufRepository, tmp_path: Path
) -> None:
    assert verify(original, tmp_path).code == 0
    tuf.targets["trusted_root.json"] = json.dumps(bundles.trusted_root()).encode()
    tuf.publish()
    age_cache(tmp_path, timedelta(hours=1))
    ran = verify(original, tmp_path, "--json")
    assert ran.code == 8
    assert check(ran, "anchor-trusted")["state"] == "skipped"
    assert check(ran, "policy-anchors")["state"] == "refused"


def test_the_versions_that_a_run_was_made_under_are_recorded_and_their_change_is_shown(
    original: Site, tuf: TufRepository, tmp_path: Path
) -> None:
    home = tmp_path / "watcher"
    given = ("--policy", policy(original, tmp_path), "--home", home, "--json")
    assert anchor("reverify", original.release, *given).code == 0
    (first,) = recorded_trust(home)
    roles = ("root", "timestamp", "snapshot", "targets")
    assert [first[f"TUF public {role}"] for role in roles] == ["version 1"] * 4
    tuf.publish()
    age_cache(tmp_path, timedelta(hours=1))
    ran = anchor("reverify", "-v", original.release, *given)
    assert ran.code == 0
    (note,) = [n for n in ran.document["notes"] if n.startswith("trust material changed")]
    assert "TUF public timestamp version 1 -> version 2" in note
    assert [d["TUF public timestamp"] for d in recorded_trust(home)] == ["version 1", "version 2"]


def recorded_trust(home: Path) -> list[dict[str, str]]:
    """The trust material that is recorded, oldest first."""
    rows = [json.loads(line) for line in anchor("records", "export", "--home", home).out.splitlines()]
    documents = {row["sha256"]: row["document"] for row in rows if "sha256" in row}
    changes = [row["event"] for row in rows if (row.get("event") or {}).get("kind") == "trust-changed"]
    return [json.loads(base64.b64decode(documents[one["document"]])) for one in changes]


def test_show_says_where_the_root_is_from_and_whether_to_rely_on_it(
    original: Site, tuf: TufRepository, tmp_path: Path
) -> None:
    digest = hashlib.sha256(original.path("trusted_root").read_bytes()).hexdigest()
    fresh = anchor("trust", "show", "--json").document
    assert (fresh["sha256"], fresh["tuf"]["origin"], fresh["tuf"]["state"]) == (digest, "tuf", "")
    assert fresh["tuf"]["versions"] == {"root": 1, "timestamp": 1, "snapshot": 1, "targets": 1}
    silence(tuf, tmp_path)
    ran = anchor("trust", "show")
    assert ran.code == 3
    assert anchor("trust", "show", "--json").document["verdict"] == "UNAVAILABLE"
    assert "not to be relied on alone: could not be refreshed" in ran.out
    assert anchor("trust", "show", "--offline").code == 0
    cached = anchor("trust", "show", "--offline", "--json").document
    assert (cached["tuf"]["origin"], cached["tuf"]["state"]) == ("cache", "")


def test_show_of_an_expired_repository_is_stale(original: Site, tuf: TufRepository, tmp_path: Path) -> None:
    tuf.publish(expires=-DAY)
    ran = anchor("trust", "show")
    assert (ran.code, ran.out) == (4, "")
    assert anchor("trust", "show", "--json").document["verdict"] == "STALE"


def test_update_says_whether_anything_changed(original: Site, tuf: TufRepository, tmp_path: Path) -> None:
    first = anchor("trust", "update", "public", "--json")
    assert validated(first.document) == "trust-update:v1"
    assert validated(anchor("trust", "show", "public", "--json").document) == "trusted-root:v1"
    assert first.code == 0
    assert first.document["changed"] is True
    assert anchor("trust", "update", "--json").document["changed"] is False
    tuf.targets["trusted_root.json"] += b"\n"
    tuf.publish()
    again = anchor("trust", "update", "--json").document
    assert (again["changed"], again["before"]) == (True, first.document["sha256"])
    assert again["tuf"]["versions"]["timestamp"] == 2


def test_update_of_an_expired_repository_is_stale_and_keeps_the_copy(
    original: Site, tuf: TufRepository, tmp_path: Path
) -> None:
    kept = anchor("trust", "update", "--json").document["sha256"]
    tuf.publish(expires=-DAY)
    ran = anchor("trust", "update")
    assert (ran.code, ran.out) == (4, "")
    assert kept in ran.err
    as_json = anchor("trust", "update", "--json")
    assert validated(as_json.document) == "error:v1"
    assert as_json.code == 4
    assert (as_json.document["verdict"], as_json.document["sha256"]) == ("STALE", kept)
    assert verify(original, tmp_path, "--offline").code == 0


def test_update_of_a_silent_repository_is_unavailable(
    original: Site, tuf: TufRepository, tmp_path: Path
) -> None:
    tuf.stop()
    ran = anchor("trust", "update")
    assert (ran.code, ran.out) == (3, "")
    assert anchor("trust", "update", "--json").document["verdict"] == "UNAVAILABLE"


def test_what_could_not_be_refreshed_is_not_pinned_unless_asked_for(
    original: Site, tuf: TufRepository, tmp_path: Path
) -> None:
    file = tmp_path / "pinned.json"
    assert anchor("trust", "pin", "public", "-o", file).code == 0
    assert file.read_bytes() == original.path("trusted_root").read_bytes()
    file.unlink()
    silence(tuf, tmp_path)
    ran = anchor("trust", "pin", "public", "-o", file)
    assert (ran.code, ran.out) == (3, "")
    assert "--offline" in ran.line
    assert not file.exists()
    assert anchor("trust", "pin", "public", "-o", file, "--offline").code == 0


def test_an_expired_repository_pins_nothing(original: Site, tuf: TufRepository, tmp_path: Path) -> None:
    tuf.publish(expires=-DAY)
    assert anchor("trust", "pin", "public", "-o", tmp_path / "p.json").code == 4
    assert not (tmp_path / "p.json").exists()


def test_a_damaged_cache_is_not_trusted(original: Site, tuf: TufRepository, tmp_path: Path) -> None:
    assert verify(original, tmp_path).code == 0
    (kept,) = [p for p in (tmp_path / "cache").rglob("trusted_root.json") if p.parent.name != "targets"]
    kept.write_bytes(kept.read_bytes() + b" ")
    assert verify(original, tmp_path, "--offline").code == 3
    assert verify(original, tmp_path).code == 0
    shutil.rmtree(tmp_path / "cache")
