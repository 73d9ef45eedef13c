# SPDX-License-Identifier: Apache-2.0
"""The files that a TUF repository vouches for now, by python-tuf with our transport, within a budget.

python-tuf verifies the repository's metadata; nothing is decided here. Its errors are translated into ours:
expired, unreachable and not accepted are three different errors.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api import exceptions as tuf_errors
from tuf.ngclient import FetcherInterface, Updater

from anchor import limits
from anchor.disk import files
from anchor.errors import Misuse, Stale, Unavailable
from anchor.net import http
from anchor.net.budget import Budget
from anchor.net.service_errors import HttpError, ServiceError

TUF = "TUF repository"
MAX_FILE = limits.TUF_FILE
ROLES = ("root", "timestamp", "snapshot", "targets")


@dataclass(frozen=True)
class Fetched:
    """Target files, the version of each role, and when the first of these expires (UTC)."""

    files: Mapping[str, bytes]
    versions: Mapping[str, int]
    expires: datetime


def fetch(url: str, root: bytes, names: Sequence[str], *, folder: Path, budget: Budget) -> Fetched:
    """Refresh the metadata below `folder`, entered with `root`, and get those of the targets that exist.

    Raises `Stale` for metadata that has expired, `Unavailable` for a repository that does not answer, is not
    believed, or has gone back in its versions.
    """
    fetcher = _Fetcher(budget)
    where = f"{TUF} {url}"
    try:
        updater = _updater(url, root, folder, fetcher)
        updater.refresh()
        found = {name: data for name in names if (data := _target(updater, name)) is not None}
        return Fetched(found, *_freshness(folder / "metadata"))
    except tuf_errors.ExpiredMetadataError as e:
        raise Stale(
            f"serves metadata that has expired: {e}", where=where, remedy="check the clock; try later"
        ) from None
    except tuf_errors.DownloadError as e:
        if fetcher.error is not None:
            raise fetcher.error from None
        raise ServiceError(f"did not give its files: {e}", where=where, remedy="try again later") from None
    except tuf_errors.RepositoryError as e:
        remedy = "check the network; do not use it meanwhile"
        raise ServiceError(f"serves metadata that is not accepted: {e}", where=where, remedy=remedy) from None
    except (ValueError, KeyError, TypeError) as e:
        raise ServiceError(f"serves no TUF metadata: {e}", where=where, remedy="check the URL") from None
    except OSError as e:
        raise files.os_error(e, folder, "keep trust roots") from None


def _updater(url: str, root: bytes, folder: Path, fetcher: FetcherInterface) -> Updater:
    for part in ("metadata", "targets"):
        files.make_folder(folder / part, mode=files.PRIVATE)
    return Updater(
        metadata_dir=str(folder / "metadata"),
        metadata_base_url=url,
        target_dir=str(folder / "targets"),
        target_base_url=f"{url.rstrip('/')}/targets/",
        fetcher=fetcher,
        bootstrap=root,
    )


def _target(updater: Updater, name: str) -> bytes | None:
    info = updater.get_targetinfo(name)
    if info is None:
        return None
    path = updater.find_cached_target(info) or updater.download_target(info)
    return files.read(Path(path), limit=MAX_FILE)


def _freshness(metadata: Path) -> tuple[dict[str, int], datetime]:
    """Versions and the earliest expiry of the metadata that was just verified and stored."""
    signed = {
        role: json.loads(files.read(metadata / f"{role}.json", limit=MAX_FILE))["signed"] for role in ROLES
    }
    versions = {role: int(s["version"]) for role, s in signed.items()}
    return versions, min(datetime.fromisoformat(s["expires"]) for s in signed.values())


class _Fetcher(FetcherInterface):
    """Our transport for python-tuf. `error` is our error of the last download that failed."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.error: Unavailable | None = None

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            answer = http.get(TUF, url, budget=self._budget, limit=MAX_FILE)
        except HttpError as e:
            self.error = e
            # how python-tuf learns that there is no newer root
            raise tuf_errors.DownloadHTTPError(str(e), e.status) from None
        except (Unavailable, Misuse) as e:
            self.error = (
                e if isinstance(e, Unavailable) else Unavailable(e.problem, where=e.where, remedy=e.remedy)
            )
            raise tuf_errors.DownloadError(str(e)) from None
        self.error = None
        return iter([answer.body])
