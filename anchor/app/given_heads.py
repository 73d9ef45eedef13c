# SPDX-License-Identifier: Apache-2.0
"""The checkpoints that somebody names: in files, at URLs, pasted, in bundles, receipts and evidence.

Reads bytes and finds the signed notes in them. None of them is verified here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import msgspec

from anchor import limits
from anchor.app import wrong_kind
from anchor.disk import user_files
from anchor.encoding import parse_json, unbase64
from anchor.errors import AnchorError, Misuse, Refused, Unavailable, Unsupported
from anchor.format import release as release_file
from anchor.format.names import RELEASE
from anchor.format.release import Release
from anchor.monitor.run_record import TWO_STATEMENTS, TWO_STATUSES
from anchor.net import release_files
from anchor.net.budget import Budget
from anchor.net.log_sources import FolderSource, HttpSource
from anchor.sigstore import bundle as bundles
from anchor.tlog import evidence, pasted_notes, tlog_proof
from anchor.tlog.source import Source
from anchor.verify.release_files import Files, read_whole

MOST = 256
"""Checkpoints of one call."""
_RECEIPTS = ("urn:ledger-anchor:receipt:v1", "urn:ledger-anchor:receipt-bundles:v1")
_SIGNATURE = "\u2014 ".encode()
"""The beginning of a signature line (C2SP signed-note)."""
_HEAD = "checkpoint"
"""The name of the file of a tiled log (C2SP tlog-tiles)."""


@dataclass(frozen=True, kw_only=True)
class GivenHead:
    """A signed note, not verified. `place`: the tiles that may lie beside it; `release`: what named it;
    `document`: the argument that it stands in."""

    name: str
    note: bytes
    place: Source | None = None
    release: str = ""
    document: str = ""


def read(names: Sequence[str], budget: Budget, *, offline: bool) -> list[GivenHead]:
    """The checkpoints of all arguments, in their order. Raises for an argument that cannot be read."""
    found: list[GivenHead] = []
    for name in names:
        try:
            heads = list(_read(name, budget, offline=offline))
        except AnchorError as e:
            raise e if name in e.where else e.at(name) from None
        if not heads:
            raise Misuse(
                "no checkpoint in it", where=name, remedy="name a checkpoint, or what has one inside"
            )
        found += heads
        if len(found) > MOST:
            raise Misuse(f"more than {MOST} checkpoints", where=name, remedy="compare some of them at a time")
    return found


def _read(name: str, budget: Budget, *, offline: bool) -> Iterator[GivenHead]:
    if release_files.is_url(name):
        yield from _at_url(name, budget, offline=offline)
        return
    path = Path(name)
    if path.is_dir():
        if (path / _HEAD).exists():
            path = path / _HEAD
        elif (path / RELEASE).exists():
            path = path / RELEASE
        else:
            raise Misuse(
                "a folder without checkpoint and release.json", where=name, remedy="name the file in it"
            )
    data = user_files.read(path, limit=pasted_notes.MAX_TEXT)
    shown = "standard input" if path == user_files.STDIN else name
    if path != user_files.STDIN and not _has_signature(data):
        wrong_kind.check(data, name, wrong_kind.HEADS)
    place = FolderSource(path.parent) if path.name == _HEAD else None
    yield from heads_in(data, shown, place=place, release=str(path), budget=budget, offline=offline)


def _at_url(name: str, budget: Budget, *, offline: bool) -> Iterator[GivenHead]:
    if offline:
        raise Misuse("a URL cannot be read offline", where=name, remedy="name a local copy")
    target = urljoin(name, RELEASE) if name.endswith("/") else name
    data = release_files.fetch(target, budget, limit=pasted_notes.MAX_TEXT).body
    if not _has_signature(data):
        if not wrong_kind.kind_of(data, name):  # an error page may come and go
            what = "a web page" if wrong_kind.is_page(data) else "another file"
            raise Unavailable(
                f"{what} came instead of a checkpoint", remedy="check the address, or try later"
            )
        wrong_kind.check(data, name, wrong_kind.HEADS)
    prefix, _, last = target.rpartition("/")
    place = HttpSource(prefix, budget=budget) if last == _HEAD else None
    yield from heads_in(data, name, place=place, release=target, budget=budget, offline=offline)


def _has_signature(data: bytes) -> bool:
    """True if a line of a text is a signature line of a note. Then it is judged as notes, however wrong it
    is. A database that has notes in it is no text."""
    return b"\0" not in data and any(line.startswith(_SIGNATURE) for line in data.splitlines())


def heads_in(
    data: bytes, name: str, *, place: Source | None, release: str, budget: Budget, offline: bool
) -> Iterator[GivenHead]:
    """The checkpoints in a document. `release`: where it is, if it is a release.json."""
    if data.startswith(tlog_proof.MAGIC.encode()):
        yield GivenHead(name=name, note=tlog_proof.parse(data).checkpoint)
        return
    if not data.lstrip().startswith(b"{"):
        notes = pasted_notes.split(data)
        yield from _numbered(name, notes, place=place)
        return
    value = parse_json(data)
    if not isinstance(value, dict):
        raise Refused("not a JSON object")
    if value.get("format") in release_file.FORMATS:
        loaded = release_file.load(data)
        _, files = release_files.load(release, budget, offline=offline)
        yield from _numbered(name, _in_bundles(_of_release(loaded, files)), release=release)
    else:
        yield from _numbered(name, _in_document(data, value))


def _numbered(
    name: str, notes: Sequence[bytes], *, place: Source | None = None, release: str = ""
) -> Iterator[GivenHead]:
    """Each tree once: the bundles of one release often have the same checkpoint."""
    distinct = list(dict.fromkeys(notes))
    for number, note in enumerate(distinct, 1):
        shown = name if len(distinct) == 1 else f"{name} ({number})"
        yield GivenHead(name=shown, note=note, place=place, release=release, document=name)


def _of_release(release: Release, files: Files) -> Iterator[bytes]:
    """The bundles of a release and of its status."""
    named = [a.bundle for a in release.anchors]
    named += list(release.status.bundles) if release.status else []
    for blob in named:
        yield read_whole(files, blob.path, size=blob.size, sha256=blob.sha256, limit=limits.BUNDLE)


def _in_document(data: bytes, value: dict[str, Any]) -> list[bytes]:
    """The checkpoints in a bundle, a receipt, or a file of evidence."""
    if "mediaType" in value:
        return _in_bundles([data])
    if value.get("format") in _RECEIPTS:
        status = value.get("status")
        listed = [*_list(value, "bundles"), *(_list(status, "bundles") if isinstance(status, dict) else [])]
        return _in_bundles(msgspec.json.encode(one) for one in listed)
    if value.get("format") == evidence.FORMAT:
        if value.get("kind") in (TWO_STATEMENTS, TWO_STATUSES):
            sides = _list(value, "releases" if value["kind"] == TWO_STATEMENTS else "statements")
            texts = [t for side in sides if isinstance(side, dict) for t in _list(side, "bundles")]
            return _in_bundles(unbase64(str(text), where="bundles") for text in texts)
        shown = evidence.check(data)
        return [shown.older.raw, shown.newer.raw]
    raise Unsupported(
        "a document that holds no checkpoint",
        remedy="name a checkpoint, a bundle, a receipt, a release.json or a file of evidence",
    )


def _list(value: dict[str, Any], member: str) -> list[Any]:
    found = value.get(member)
    return found if isinstance(found, list) else []


def _in_bundles(listed: "Iterator[bytes] | list[bytes]") -> list[bytes]:
    """The checkpoint of each log entry. An entry with a promise alone has none."""
    found = []
    for data in listed:
        for entry in bundles.parse(data).entries:
            if entry.proof is not None and entry.proof.checkpoint is not None:
                found.append(entry.proof.checkpoint)
    return found
