# SPDX-License-Identifier: Apache-2.0
"""A trusted root in words. Decides nothing; shows every key with its window."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from anchor.sigstore.trusted_root import Authority, LogKey, TrustedRoot, Window


def describe(root: TrustedRoot, now: datetime) -> dict[str, Any]:
    """What a root trusts, as plain values for JSON."""
    return {
        "transparency_logs": [_log(log, now) for log in root.tlogs],
        "certificate_logs": [_log(log, now) for log in root.ctlogs],
        "certificate_authorities": [_authority(a, now) for a in root.authorities],
        "timestamp_authorities": [_authority(a, now) for a in root.timestamp_authorities],
        "unusable": list(root.unusable),
    }


def lines(shown: dict[str, Any]) -> Iterable[str]:
    """The same for a person."""
    yield f"trusted root {shown['root']}"
    yield f"SHA-256 {shown['sha256']}"
    if tuf := shown.get("tuf"):
        when = f"refreshed {tuf['refreshed']}" if tuf["refreshed"] else "never refreshed here"
        yield f"from {tuf['origin']}, {when}, valid until {tuf['expires'] or 'nobody knows when'}"
        if tuf["state"]:
            yield f"not to be relied on alone: {tuf['state']}"
    for title, member in (
        ("transparency logs (who has the entries)", "transparency_logs"),
        ("certificate logs", "certificate_logs"),
        ("certificate authorities (who says who signs)", "certificate_authorities"),
        ("time-stamp authorities (who says when)", "timestamp_authorities"),
    ):
        yield f"{title}:"
        for item in shown[member]:
            yield f"  {item.get('url') or item.get('subject')}  {item['key']}"
            yield f"    id {item['id']}"
            yield f"    trusted {item['trusted']}{'' if item['now'] else '  (not now)'}"
        if not shown[member]:
            yield "  none"
    for line in shown["unusable"]:
        yield f"not usable by this program: {line}"


def _log(log: LogKey, now: datetime) -> dict[str, Any]:
    return {
        "url": log.base_url,
        "id": log.id.hex(),
        "key": log.key.scheme.details,
        "operator": log.operator,
        **_window(log.window, now),
    }


def _authority(authority: Authority, now: datetime) -> dict[str, Any]:
    last = authority.fingerprints[-1].hex() if authority.fingerprints else ""
    return {
        "url": authority.uri,
        "subject": authority.subject,
        "key": f"chain of {len(authority.certificates)}",
        "id": last,
        "operator": authority.operator,
        **_window(authority.window, now),
    }


def _window(window: Window, now: datetime) -> dict[str, Any]:
    end = window.end.isoformat() if window.end else None
    return {
        "start": window.start.isoformat(),
        "end": end,
        "trusted": f"from {window.start.isoformat()} {'until ' + end if end else 'on'}",
        "now": window.covers(now),
    }
