# SPDX-License-Identifier: Apache-2.0
"""release.json, the index from which a verifier starts, to and from bytes. FORMAT.md section 8.

Decides whether bytes are a release.json in its one form, with names that our formats allow. Nothing in it is
evidence: a verifier compares every value with the statement or a bundle, or does not show it.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from anchor import limits
from anchor.encoding import is_json, parse_json
from anchor.errors import AnchorError, Refused, Unsupported
from anchor.format import names
from anchor.format.facts import MAX_FILE
from anchor.format.statement import (
    MAX_STATEMENT,
    FileName,
    Hex32,
    LedgerName,
    Previous,
    Tree,
    check_chain,
    check_files,
)
from anchor.format.strict_json import build

FORMAT: Final = "urn:ledger-anchor:release:v1"
MAX_RELEASE = limits.RELEASE
"""Bytes of a release.json."""
MAX_BUNDLE = limits.BUNDLE
"""Bytes of a bundle."""
MAX_TRUSTED_ROOT = limits.TRUSTED_ROOT
"""Bytes of a trusted root."""
MAX_ANCHORS = limits.ANCHORS

_WHERE = "release.json"

# Texts are checked by `names`, which gives the reason; the patterns are for the JSON Schema.
Path = Annotated[str, Meta(extra_json_schema={"pattern": names.PATH, "maxLength": names.MAX_PATH})]
Text = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": names.MAX_TEXT})]
Url = Annotated[str, Meta(extra_json_schema={"pattern": names.URL, "maxLength": names.MAX_TEXT})]
Time = Annotated[str, Meta(extra_json_schema={"pattern": names.TIME})]
FileSize = Annotated[int, Meta(ge=1, le=MAX_FILE)]
Index = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published ledger file; `name` is its name as a subject of the statement."""

    name: FileName
    path: Path
    size: FileSize
    sha256: Hex32


class Blob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any other published file."""

    path: Path
    size: FileSize
    sha256: Hex32


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an anchor is: the log's origin, its URL in the trusted root, its key id (hex), the index."""

    origin: Text
    url: Url
    id: Hex32
    index: Index


class Anchor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Sigstore bundle over the statement: log, signer and earliest verified time."""

    bundle: Blob
    log: Log
    identity: Text
    issuer: Text
    time: Time


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release.json; the members are written in this order."""

    format: Literal["urn:ledger-anchor:release:v1"]
    ledger: LedgerName
    tree: Tree
    previous: Previous | None
    files: Annotated[tuple[File, ...], Meta(min_length=2, max_length=2)]
    statement: Blob
    anchors: Annotated[tuple[Anchor, ...], Meta(min_length=1, max_length=MAX_ANCHORS)]
    trusted_root: Blob


def dump(release: Release) -> bytes:
    """The one form of a release: members in order, files by name, anchors by log, two spaces, a final LF.

    Raises `Refused` when `load` would not give this release back.
    """
    data = _dump(release)
    load(data)
    return data


def load(data: bytes) -> Release:
    """The release that these bytes are.

    Raises `Refused` for what is malformed, contradicts itself or is not in the one form that `dump` writes,
    and `Unsupported` for a format or algorithm that this program does not know.
    """
    if type(data) is not bytes or len(data) > MAX_RELEASE:
        raise Refused(f"no bytes, or more than {MAX_RELEASE}", where=_WHERE)
    value = parse_json(data, where=_WHERE)
    named = value.get("format") if isinstance(value, dict) else None
    if not isinstance(named, str):
        raise Refused("no JSON object with a format", where=_WHERE)
    if named != FORMAT:
        raise Unsupported(
            f"{names.shown(named)} is not known", where=f"{_WHERE}: format", remedy="update anchor"
        )
    release = build(value, Release, where=_WHERE, unknown=Refused)
    _check(release)
    _same_bytes(data, _dump(release))
    return release


def is_torn(data: bytes) -> bool:
    """True if bytes that `load` refuses are not a whole document: empty, cut off, or not JSON, such as the
    error page of a server. Such bytes contradict nothing."""
    return not is_json(data) or _only_cut(data)


def _only_cut(data: bytes) -> bool:
    """True if only the final LF is missing."""
    try:
        load(data + b"\n")
    except AnchorError:
        return False
    return True


def relocate(release: Release, prefix: str) -> Release:
    """The same release with `prefix` (such as `release/1.0.0/`, or "") before the last part of every path.

    The release.json of a version names the files beside it; the root one names them from two folders up.
    """
    return _with_paths(release, lambda path: prefix + path.rsplit("/", 1)[-1])


def paths(release: Release) -> list[str]:
    """Every path that a release names, in the order of its members."""
    return [*(f.path for f in release.files), *(b.path for b in _blobs(release))]


def _blobs(release: Release) -> list[Blob]:
    return [release.statement, *(a.bundle for a in release.anchors), release.trusted_root]


def _with_paths(release: Release, change: Callable[[str], str]) -> Release:
    replace = msgspec.structs.replace

    def moved(blob: Blob) -> Blob:
        return replace(blob, path=change(blob.path))

    return replace(
        release,
        files=tuple(replace(f, path=change(f.path)) for f in release.files),
        statement=moved(release.statement),
        anchors=tuple(replace(a, bundle=moved(a.bundle)) for a in release.anchors),
        trusted_root=moved(release.trusted_root),
    )


def _dump(release: Release) -> bytes:
    value: dict[str, Any] = msgspec.to_builtins(release)
    value["files"] = sorted(value["files"], key=lambda f: f["name"])
    value["anchors"] = sorted(value["anchors"], key=lambda a: (a["log"]["origin"], a["log"]["index"]))
    try:
        # the bytes of json.dumps(value, ensure_ascii=False, indent=2), fifty times as fast
        return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
    except UnicodeEncodeError:
        raise Refused("a lone surrogate in a string", where=_WHERE) from None


def _check(release: Release) -> None:
    """Check the rules that the types cannot express."""
    check_chain(release.ledger, release.previous, where=_WHERE)
    check_files([f.name for f in release.files], where=f"{_WHERE}: files")
    names.require(names.hex_problem(release.tree.root), release.tree.root, where=f"{_WHERE}: tree.root")
    _check_blobs(release)
    for i, anchor in enumerate(release.anchors):
        _check_anchor(anchor, f"{_WHERE}: anchors[{i}]")
    if len({(a.log.id, a.log.index) for a in release.anchors}) != len(release.anchors):
        raise Refused("one log entry is named twice", where=f"{_WHERE}: anchors")


def _check_blobs(release: Release) -> None:
    """Paths stay inside, digests are digests, and each kind of file has its limit."""
    blobs: list[File | Blob] = [*release.files, *_blobs(release)]
    limits = [MAX_FILE, MAX_FILE, MAX_STATEMENT, *(MAX_BUNDLE for _ in release.anchors), MAX_TRUSTED_ROOT]
    seen: set[str] = set()
    for blob, limit in zip(blobs, limits, strict=True):
        names.require(names.path_problem(blob.path), blob.path, where=f"{_WHERE}: path")
        if blob.path.lower() in seen:
            raise Refused("two paths are the same, or differ only in case", where=f"{_WHERE}: {blob.path}")
        seen.add(blob.path.lower())
        names.require(names.hex_problem(blob.sha256), blob.sha256, where=f"{_WHERE}: {blob.path}: sha256")
        if blob.size > limit:
            raise Refused(f"{blob.size} bytes, more than {limit}", where=f"{_WHERE}: {blob.path}")


def _check_anchor(anchor: Anchor, where: str) -> None:
    for name, text in (
        ("log.origin", anchor.log.origin),
        ("identity", anchor.identity),
        ("issuer", anchor.issuer),
    ):
        names.require(names.text_problem(text), text, where=f"{where}.{name}")
    names.require(names.hex_problem(anchor.log.id), anchor.log.id, where=f"{where}.log.id")
    names.require(names.url_problem(anchor.log.url), anchor.log.url, where=f"{where}.log.url")
    names.require(names.time_problem(anchor.time), anchor.time, where=f"{where}.time")


def _same_bytes(given: bytes, wanted: bytes) -> None:
    """Refuse anything but the one form, and say where it differs."""
    if given == wanted:
        return
    ours, theirs = wanted.splitlines(keepends=True), given.splitlines(keepends=True)
    line = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False), 1) if a != b), 0)
    line = line or min(len(ours), len(theirs)) + 1
    raise Refused(
        "not in the one form of a release.json: other order, white space or escapes",
        where=f"{_WHERE}: line {line}",
        remedy="publish writes that form",
    )
