# SPDX-License-Identifier: Apache-2.0
"""Trust roots through a TUF repository on loopback: fresh, expired, absent and forged are never confused."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from anchor.errors import Misuse, Stale, Unavailable
from anchor.net import tuf_roots
from anchor.net.budget import Budget
from anchor.net.tuf_roots import Material, Repository
from anchor.sigstore import signing_config, trusted_root
from tests.interop.stack.tufrepo import TufRepository

DAY = timedelta(days=1)
V1, V2 = '{"mediaType":"one"}', '{"mediaType":"two"}'


@pytest.fixture
def tuf(tmp_path: Path) -> Iterator[TufRepository]:
    repository = TufRepository(tmp_path / "tuf")
    repository.targets |= {
        "trusted_root.json": b'{"root":1}',
        "signing_config.v0.2.json": V1.encode(),
        "signing_config_rekor_v2.v0.2.json": V2.encode(),
    }
    repository.publish().serve()
    yield repository
    repository.stop()


def load(tuf: TufRepository, tmp_path: Path, **kw: object) -> Material:
    repository = Repository("public", tuf.serve(), tuf.root)
    arguments = {"now": datetime.now(UTC), "budget": Budget(30), **kw}
    return tuf_roots.load(repository, cache=tmp_path / "cache", **arguments)  # type: ignore[arg-type]


def test_both_signing_configs_can_be_chosen(tuf: TufRepository, tmp_path: Path) -> None:
    found = load(tuf, tmp_path)
    assert found.trusted_root == b'{"root":1}'
    assert found.signing_config() == V1.encode()
    assert found.signing_config("rekor-v2") == V2.encode()
    assert (found.origin, found.versions["targets"]) == ("tuf", 1)
    found.check_fresh(datetime.now(UTC))


def test_missing_rekor_v2_config_is_told(tuf: TufRepository, tmp_path: Path) -> None:
    del tuf.targets["signing_config_rekor_v2.v0.2.json"]
    tuf.publish()
    found = load(tuf, tmp_path)
    with pytest.raises(Unavailable, match="no signing config 'rekor-v2'"):
        found.signing_config("rekor-v2")


def test_new_version_replaces_the_old_one(tuf: TufRepository, tmp_path: Path) -> None:
    load(tuf, tmp_path)
    tuf.targets["trusted_root.json"] = b'{"root":2}'
    tuf.publish()
    assert load(tuf, tmp_path).trusted_root == b'{"root":1}', "refreshed a moment ago"
    fresh = load(tuf, tmp_path, force=True)
    assert (fresh.trusted_root, fresh.versions["timestamp"]) == (b'{"root":2}', 2)


def test_new_root_is_followed(tuf: TufRepository, tmp_path: Path) -> None:
    tuf.new_root()
    assert load(tuf, tmp_path).versions["root"] == 2


def test_expired_metadata_is_stale_not_unavailable(tuf: TufRepository, tmp_path: Path) -> None:
    tuf.publish(expires=-DAY)
    with pytest.raises(
        Stale, match=r"TUF repository http://127\.0\.0\.1:\d+: serves metadata that has expired"
    ):
        load(tuf, tmp_path)


def test_expired_root_is_stale(tuf: TufRepository, tmp_path: Path) -> None:
    tuf.new_root(-DAY)
    with pytest.raises(Stale, match="expired"):
        load(tuf, tmp_path)


def test_unreachable_repository_is_unavailable_not_stale(tuf: TufRepository, tmp_path: Path) -> None:
    url = tuf.serve()
    tuf.stop()
    repository = Repository("public", url, tuf.root)
    with pytest.raises(Unavailable, match="no connection: Connection refused") as e:
        tuf_roots.load(repository, cache=tmp_path / "cache", budget=Budget(30), now=datetime.now(UTC))
    assert not isinstance(e.value, Stale)


def test_unrefreshable_copy_never_passes_in_silence(tuf: TufRepository, tmp_path: Path) -> None:
    """With a good copy cached and the repository gone, online use fails and offline use says how old."""
    url = tuf.serve()
    repository = Repository("public", url, tuf.root)
    cache, now = tmp_path / "cache", datetime.now(UTC)
    tuf_roots.load(repository, cache=cache, budget=Budget(30), now=now)
    tuf.stop()
    later = now + timedelta(hours=1)
    with pytest.raises(Unavailable):
        tuf_roots.load(repository, cache=cache, budget=Budget(30), now=later)
    kept = tuf_roots.load(repository, cache=cache, budget=Budget(0), now=later, offline=True)
    assert (kept.origin, kept.trusted_root) == ("cache", b'{"root":1}')
    kept.check_fresh(later)
    with pytest.raises(Stale, match="last refreshed"):
        kept.check_fresh(later, max_age=timedelta(minutes=30))
    with pytest.raises(Stale, match="expired on"):
        kept.check_fresh(now + timedelta(days=400))


def test_clock_that_went_back_is_no_reason_to_trust_the_cache(tuf: TufRepository, tmp_path: Path) -> None:
    load(tuf, tmp_path)
    tuf.targets["trusted_root.json"] = b'{"root":2}'
    tuf.publish()
    assert load(tuf, tmp_path, now=datetime.now(UTC) - DAY).trusted_root == b'{"root":2}'


@pytest.mark.parametrize("name", ["timestamp.json", "1.snapshot.json", "1.targets.json"])
def test_forged_metadata_is_not_accepted(tuf: TufRepository, tmp_path: Path, name: str) -> None:
    path = tuf.folder / name
    document = json.loads(path.read_text())
    document["signed"]["expires"] = "2099-01-01T00:00:00Z"
    path.write_text(json.dumps(document))
    with pytest.raises(Unavailable, match="not accepted"):
        load(tuf, tmp_path)


def test_forged_target_is_not_accepted(tuf: TufRepository, tmp_path: Path) -> None:
    for path in (tuf.folder / "targets").glob("*trusted_root.json"):
        path.write_bytes(b'{"root":9}')
    with pytest.raises(Unavailable, match="not accepted"):
        load(tuf, tmp_path)


def test_repository_that_goes_back_is_not_accepted(tuf: TufRepository, tmp_path: Path) -> None:
    old = (tuf.folder / "timestamp.json").read_bytes()
    tuf.publish()
    load(tuf, tmp_path)
    (tuf.folder / "timestamp.json").write_bytes(old)
    with pytest.raises(Unavailable, match="not accepted"):
        load(tuf, tmp_path, force=True)


def test_someone_elses_repository_is_not_accepted(tuf: TufRepository, tmp_path: Path) -> None:
    other = TufRepository(tmp_path / "other", targets={"trusted_root.json": b"{}"}).publish()
    repository = Repository("public", tuf.serve(), other.root)
    with pytest.raises(Unavailable, match="not accepted"):
        tuf_roots.load(repository, cache=tmp_path / "cache", budget=Budget(30), now=datetime.now(UTC))


def test_garbage_is_no_repository(tuf: TufRepository, tmp_path: Path) -> None:
    (tuf.folder / "timestamp.json").write_bytes(b"<html>")
    with pytest.raises(Unavailable):
        load(tuf, tmp_path)


def test_oversized_metadata_is_refused(tuf: TufRepository, tmp_path: Path) -> None:
    (tuf.folder / "timestamp.json").write_bytes(b" " * 6_000_000)
    with pytest.raises(Unavailable, match="more than 5000000 bytes"):
        load(tuf, tmp_path)


@pytest.mark.parametrize("name", ["trusted_root.json", "state.json"])
def test_damaged_cache_is_not_used(tuf: TufRepository, tmp_path: Path, name: str) -> None:
    load(tuf, tmp_path)
    (path,) = (tmp_path / "cache").glob(f"*/{name}")
    path.write_bytes(b"{}")
    with pytest.raises(Unavailable, match="no copy of it is here"):
        load(tuf, tmp_path, offline=True)
    assert load(tuf, tmp_path).trusted_root == b'{"root":1}'


def test_a_cache_that_cannot_be_written_is_no_condition(tuf: TufRepository, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    for _ in range(2):
        found = load(tuf, tmp_path)
        assert (found.trusted_root, found.origin) == (b'{"root":1}', "tuf")
        assert "cannot keep trust roots" in found.cache_error
    assert (tmp_path / "cache").read_text() == "a file, not a folder"


def test_a_cache_that_is_read_only_keeps_a_repository_from_going_back(
    tuf: TufRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (tuf.folder / "timestamp.json").read_bytes()
    tuf.publish()
    assert load(tuf, tmp_path).cache_error == ""
    monkeypatch.setattr(
        tuf_roots, "_unwritable", lambda _: "read-only"
    )  # root, who runs tests, writes anywhere
    assert load(tuf, tmp_path, force=True).cache_error == "read-only"
    (tuf.folder / "timestamp.json").write_bytes(old)
    with pytest.raises(Unavailable, match="not accepted"):
        load(tuf, tmp_path, force=True)


@pytest.mark.parametrize("name", ["public", "staging"])
def test_offline_takes_the_shipped_copy_without_importing_the_client(name: str, tmp_path: Path) -> None:
    loaded = "sigstore" in sys.modules
    found = tuf_roots.load(
        tuf_roots.REPOSITORIES[name], cache=tmp_path, budget=Budget(0), now=datetime.now(UTC), offline=True
    )
    assert loaded or "sigstore" not in sys.modules
    assert found.origin == "shipped"
    assert trusted_root.parse(found.trusted_root).tlogs
    assert signing_config.parse(found.signing_config()).logs
    with pytest.raises(Stale, match="never refreshed here"):
        found.check_fresh(datetime.now(UTC))


def test_offline_without_any_copy_is_unavailable(tmp_path: Path) -> None:
    nowhere = Repository("other", "https://tuf.example", b"{}")
    with pytest.raises(Unavailable, match="no copy of it is here"):
        tuf_roots.load(nowhere, cache=tmp_path, budget=Budget(0), now=datetime.now(UTC), offline=True)


def test_repository_without_a_root_of_trust_is_not_asked(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="no root of trust"):
        tuf_roots.load(
            Repository("other", "https://tuf.example"),
            cache=tmp_path,
            budget=Budget(1),
            now=datetime.now(UTC),
        )
