# SPDX-License-Identifier: Apache-2.0
"""The kinds of logs: what each writes, signs and proves. One file for each, and its line in `KINDS`.

docs/decisions/0017-log-kinds.md says what else a new kind needs.
"""

from collections.abc import Iterable
from datetime import datetime

from anchor.log_kinds.embedded import EmbeddedLog
from anchor.log_kinds.kind import LogKind
from anchor.log_kinds.rekor_v1 import REKOR_V1
from anchor.log_kinds.rekor_v2 import REKOR_V2
from anchor.sigstore.bundle import LogEntry
from anchor.sigstore.trusted_root import LogKey

EMBEDDED = EmbeddedLog()
KINDS: tuple[LogKind, ...] = (REKOR_V1, EMBEDDED, REKOR_V2)
"""In the order in which they are asked for an origin: a tiled log without a mark of its own is Rekor v2's."""


def of_form(kind: object, version: object) -> LogKind:
    """The kind of the logs that write entries of this form. An unknown form is looked at as Rekor v1's: it is
    refused as an entry, whatever its proof says."""
    return next((one for one in KINDS if (kind, version) in one.forms), REKOR_V1)


def of_entry(entry: LogEntry) -> LogKind:
    """The kind of the log that wrote an entry."""
    return of_form(entry.kind, entry.version)


def of_origin(origin: str) -> LogKind:
    """The kind of the log with this checkpoint origin."""
    return next((one for one in KINDS if one.has_origin(origin)), REKOR_V2)


def log_name(origin: str) -> str:
    """The name of the log with this checkpoint origin."""
    return of_origin(origin).log_name(origin)


def later_shards(origin: str, keys: Iterable[LogKey], *, now: datetime) -> list[LogKey]:
    """The logs that follow one of several shards: of the same kind and the same domain, with a period that
    begins later and has begun. Shards are named by their hosts, as in `log2025-1.rekor.example.org`."""
    known = list(keys)
    kind, name = of_origin(origin), log_name(origin)
    first = next((key for key in known if name in key.names), None)
    domain = name.partition(".")[2]
    if first is None or not kind.sharded or not domain:
        return []
    return [
        key
        for key in known
        if key.host.partition(".")[2] == domain
        and of_origin(key.host) is kind
        and kind.signs_with(key)
        and first.window.start < key.window.start <= now
    ]


def of_api(version: int) -> LogKind:
    """The kind of the logs that a signing config lists with this `majorApiVersion`."""
    return next(one for one in KINDS if one.api_version == version)


def api_versions() -> tuple[int, ...]:
    """Every `majorApiVersion` of a log that can be written to."""
    return tuple(sorted(one.api_version for one in KINDS if one.api_version is not None))
