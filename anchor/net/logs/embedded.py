# SPDX-License-Identifier: Apache-2.0
"""The embedded log is read as the files that its publisher puts beside the release."""

from pathlib import Path
from urllib.parse import urljoin

from anchor import regex
from anchor.errors import Unavailable
from anchor.log_kinds import EMBEDDED
from anchor.net import release_files
from anchor.net.log_sources import FolderSource, HttpSource
from anchor.net.logs.network import Reach, ReadLog, StaticTiles
from anchor.tlog.source import Source

_VERSION = regex.expression(r"/release/[^/]+/release\.json$")


class EmbeddedNetwork(StaticTiles):
    """It is written in the process of its publisher, and never over the network."""

    kind = EMBEDDED

    def own(self, log: ReadLog, reach: Reach) -> tuple[str, Source]:
        origin, target = log.origin, log.target
        if release_files.is_url(target):
            reach.allow(target)
            url = urljoin(target, f"../log/{origin}" if _VERSION.search(target) else f"release/log/{origin}")
            return url, HttpSource(url, budget=reach.budget)
        path = Path(target)
        folder = path if path.is_dir() else path.parent
        for candidate in (folder / "release" / "log" / origin, folder.parent / "log" / origin):
            if candidate.is_dir():
                return str(candidate.resolve()), FolderSource(candidate)
        raise Unavailable(f"no files of the log {origin} beside the release", where=str(folder))
