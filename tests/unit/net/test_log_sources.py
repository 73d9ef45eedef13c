# SPDX-License-Identifier: Apache-2.0
"""Folders, URLs, mirrors and caches: what is missing, what is unreachable, and what leads astray."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.app.log_locations import LogLocations, RunBudget
from anchor.errors import Misuse, Unavailable, Unsupported
from anchor.net.budget import Budget
from anchor.net.log_sources import FolderCache, FolderSource, HttpSource
from anchor.net.logs.network import Reach, ReadLog
from anchor.net.logs.rekor_v2 import RekorV2Network
from anchor.sigstore import trusted_root
from anchor.tlog import checkpoint, tiles
from anchor.tlog.follow import News, follow
from anchor.tlog.source import Missing
from anchor.tlog.tile_reader import TileReader
from anchor.verify.anchors import Trust
from anchor.verify.policy import Policy, Signer
from tests.support.forge.logs import V2_ORIGIN
from tests.support.logs.simlog import SimLog
from tests.support.second import needed_tiles
from tests.support.servers.loopback import Handler, LoopbackServer, running
from tests.vectors import cases_root
from tests.vectors.case import CASES

LOG = SimLog().grow(600)
PATHS = [t.path for t in needed_tiles.for_inclusion(3, 600)] + [
    "tile/entries/000",
    "tile/0/001",
    "tile/entries/002.p/88",
]


def served(log: SimLog, path: str) -> bytes:
    if path == "checkpoint":
        return log.checkpoint()
    level, index, width = tiles.parse_path(path)
    return log.entries(index, width) if level is None else log.tile(level, index, width)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "log"
    for path in ["checkpoint", *PATHS]:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(served(LOG, path))
    return root


def test_a_folder_of_static_files_is_a_log(folder: Path) -> None:
    source = FolderSource(folder)
    found = follow(source, LOG.log, held=[LOG.head(5)])
    assert found.news is News.GROWN
    assert found.reader is not None
    assert found.reader.entry(599) == LOG.stored[599]


def test_growing_files_in_a_folder_are_cut(folder: Path) -> None:
    for path in ("tile/0/002", "tile/entries/002"):
        partial = folder / f"{path}.p/88"
        partial.rename(folder / path)
    assert TileReader(FolderSource(folder), LOG.head()).entry(599) == LOG.stored[599]


def test_what_is_not_in_the_folder_is_missing(folder: Path) -> None:
    source = FolderSource(folder)
    with pytest.raises(Missing):
        source.tile(5, 5, 5)
    with pytest.raises(Missing):
        source.entries(1, 256)
    with pytest.raises(Missing):
        FolderSource(folder / "nowhere").checkpoint()


def test_a_folder_cannot_lead_out_of_itself_or_hang(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(LOG.sign())
    target = folder / "checkpoint"
    for replace in (
        lambda: target.symlink_to(tmp_path / "secret"),
        target.mkdir,
        lambda: os.mkfifo(target),
        lambda: target.write_bytes(bytes(2 << 20)),
        lambda: target.symlink_to(target),
    ):
        if target.is_dir() and not target.is_symlink():
            target.rmdir()
        else:
            target.unlink()
        replace()
        with pytest.raises(Unavailable):
            FolderSource(folder).checkpoint()


# -- HTTP ---------------------------------------------------------------------------------------------------


class Answers(Handler):
    """Serves the log under /log, and misbehaves elsewhere."""

    def get(self) -> None:
        status, body, headers = self._answer(self.path.lstrip("/"))
        self.answer(status, body, **headers)

    def _answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        kind, _, rest = path.partition("/")
        rest = rest.removeprefix("api/v2/")
        if kind == "down":
            return 403, b"no", {}
        if kind == "away":
            return 302, b"", {"Location": "http://127.0.0.2:1/" + rest}
        if kind == "large":
            return 200, bytes(3 << 20), {}
        try:
            body = served(LOG, rest)
        except Missing:
            return 404, b"not here", {}
        if kind == "zip":
            return 200, gzip.compress(body), {"Content-Encoding": "gzip"}
        return 200, body, {}


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(LoopbackServer(Answers)) as server:
        yield server.url


def source(url: str) -> HttpSource:
    return HttpSource(url, budget=Budget(10))


@pytest.mark.parametrize("kind", ["log", "log/", "zip"])
def test_a_log_is_followed_over_http(base: str, kind: str) -> None:
    web = source(f"{base}/{kind}")
    found = follow(web, LOG.log, held=[LOG.head(5)])
    assert (found.news, found.head) == (News.GROWN, LOG.head())
    assert found.reader is not None
    assert found.reader.entry(3) == LOG.stored[3]
    assert web.asked == 1 + 3 + 1


def test_a_rekor_v2_shard_is_read_below_its_base_url(base: str) -> None:
    reach = Reach(base=Path(), budget=Budget(10))
    _, shard = RekorV2Network().own(ReadLog(origin="log", url=f"{base}/log/", target=""), reach)
    assert isinstance(shard, HttpSource)
    assert shard.prefix.endswith("/log/api/v2")
    assert checkpoint.verify(shard.checkpoint(), LOG.log).size == 600


def test_404_is_missing_and_anything_else_is_not(base: str) -> None:
    with pytest.raises(Missing) as caught:
        source(f"{base}/log").tile(0, 7, 256)
    assert "tile/0/007" in caught.value.where
    for kind in ("down", "away", "large"):
        with pytest.raises(Unavailable) as error:
            source(f"{base}/{kind}").checkpoint()
        assert not isinstance(error.value, Missing)


def test_no_server_at_all_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        HttpSource("http://127.0.0.1:9", budget=Budget(0.5)).checkpoint()


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "http://example.com", "https://u:p@example.com", "file:///etc"]
)
def test_a_url_that_must_not_be_fetched_is_misuse(url: str) -> None:
    with pytest.raises(Misuse):
        source(url)


# -- caches -------------------------------------------------------------------------------------


def test_a_folder_cache_spares_the_source_and_is_not_trusted(tmp_path: Path) -> None:
    cache = FolderCache(tmp_path, LOG.origin)
    wanted = TileReader(LOG, LOG.head(), cache=cache).inclusion_proof(3)
    cold = SimLog()
    assert TileReader(cold, LOG.head(), cache=FolderCache(tmp_path, LOG.origin)).inclusion_proof(3) == wanted
    assert not cold.reads
    for file in cache.folder.rglob("*"):
        if file.is_file():
            file.write_bytes(bytes(file.stat().st_size))
    assert TileReader(LOG, LOG.head(), cache=cache).inclusion_proof(3) == wanted
    assert FolderCache(tmp_path, "other").get("tile/0/000") is None


def test_a_cache_that_cannot_be_used_is_only_slower(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = FolderCache(tmp_path / "file", LOG.origin)
    cache.put("tile/0/000", b"x")
    cache.put("../../escape", b"x")
    assert cache.get("tile/0/000") is None
    assert cache.get("../../escape") is None
    assert [p.name for p in tmp_path.rglob("*")] == ["file"]


def test_a_cache_stays_below_its_limit(tmp_path: Path) -> None:
    cache = FolderCache(tmp_path, LOG.origin, limit=10_000)
    for i in range(50):
        cache.put(tiles.Tile(0, i, 256).path, bytes(1_000))
        assert sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file()) <= 10_000
    assert cache.get("tile/0/049") is not None
    assert cache.get("tile/0/000") is None


def test_a_log_whose_way_of_signing_no_written_key_can_say_is_not_followed(tmp_path: Path) -> None:
    assert cases_root.P384.hash_name == "SHA2_384"
    root = trusted_root.parse(CASES["root-log-p384"].root)
    trust = Trust(policy=Policy(ledger="l", signers=(Signer(issuer="i", identity="x"),)), raw=[], root=root)
    with pytest.raises(Unsupported, match="sha384"):
        LogLocations(tmp_path, tmp_path, RunBudget(1)).find(V2_ORIGIN, "release", trust, None)
