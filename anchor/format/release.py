# SPDX-License-Identifier: Apache-2.0
"""release.json, the index from which a verifier starts, to and from bytes. FORMAT.md sections 8 and 20.

Decides whether bytes are a release.json in its one form, with names that our formats allow. One view serves
both versions; how each is written is in `release_1` and `release_2`. Nothing in it is evidence: a verifier
compares every value with the statement or a bundle, or does not show it.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from anchor import limits
from anchor.encoding import is_json, parse_json
from anchor.errors import AnchorError, Refused, Unsupported
from anchor.format import names, release_1, release_2, statement_2
from anchor.format.members import LedgerName, Previous, Tree, check_chain
from anchor.format.names import RELEASE
from anchor.format.release_1 import Blob, Log
from anchor.format.release_2 import Anchor, File, StatusFiles
from anchor.format.statement import MAX_STATEMENT
from anchor.format.statement_1 import check_files
from anchor.format.strict_json import build

__all__ = [
    "Anchor",
    "Blob",
    "File",
    "Log",
    "Release",
    "StatusFiles",
    "dump",
    "is_torn",
    "load",
    "moved",
    "paths",
    "relocate",
    "torn",
    "with_status",
]

FORMATS: Final = {release_1.FORMAT: 1, release_2.FORMAT: 2}
"""The version that each one names."""
MAX_RELEASE = limits.RELEASE_2
"""Bytes of a release.json, whatever its version."""
MAX_BUNDLE = limits.BUNDLE
"""Bytes of a bundle."""
MAX_TRUSTED_ROOT = limits.TRUSTED_ROOT
"""Bytes of a trusted root."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a release.json, of whatever version."""

    version: Literal[1, 2]
    """The version of the format in which it is written."""
    ledger: LedgerName
    tree: Tree
    previous: Previous | None
    files: tuple[File, ...]
    """The ledger files, sorted by name."""
    statement: Blob
    anchors: tuple[Anchor, ...]
    """In version 1 the `trusted_root` of each is the one copy."""
    trusted_roots: tuple[Blob, ...]
    """The copies of trusted roots, sorted by path: in version 1 a single one."""
    status: StatusFiles | None = None
    """The newest status. Only the root release.json names one, and it is of version 2 then, whatever the
    version of the statement (FORMAT.md section 20, rule 4)."""

    def root_of(self, anchor: Anchor) -> Blob:
        """The copy of the trusted root that an anchor names."""
        return next(b for b in self.trusted_roots if b.sha256 == anchor.trusted_root)


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
    and `Unsupported` for a format, algorithm, file or member that this program does not know.
    """
    if type(data) is not bytes or len(data) > MAX_RELEASE:
        raise Refused(f"no bytes, or more than {MAX_RELEASE}", where=RELEASE)
    value = parse_json(data, where=RELEASE)
    named = value.get("format") if isinstance(value, dict) else None
    if not isinstance(named, str):
        raise Refused("no JSON object with a format", where=RELEASE)
    if named not in FORMATS:
        raise Unsupported(
            f"{names.shown(named)} is not known", where=f"{RELEASE}: format", remedy="update anchor"
        )
    if FORMATS[named] == 1:
        if len(data) > limits.RELEASE:
            raise Refused(f"more than {limits.RELEASE} bytes", where=RELEASE)
        release = _view_1(build(value, release_1.Release, where=RELEASE, unknown=Refused))
    else:
        _check_known(value)
        release = _view_2(build(value, release_2.Release, where=RELEASE, unknown=Refused))
    _check(release)
    _same_bytes(data, _dump(release))
    return release


def torn(data: bytes, error: AnchorError) -> str:
    """A line about bytes for which `is_torn` holds. `error`: what `load` raised for them."""
    if not data.strip():
        return "no whole release.json: it is empty"
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return "no whole release.json: a web page, as a server sends it for a log-in or an error"
    return f"no whole release.json: {error.problem}"


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

    The release.json of a version names the files beside it; the root one names them from two folders up. The
    status stays where it is.
    """
    return _with_paths(release, lambda path: prefix + path.rsplit("/", 1)[-1])


def moved(release: Release, prefix: str) -> Release:
    """The same release with `prefix` before each of its paths, as whoever reads it from another folder sees
    it. The status stays where it is."""
    return _with_paths(release, lambda path: prefix + path)


def with_status(release: Release, status: StatusFiles | None) -> Release:
    """The root release.json of a release beside a status: of version 2 if there is one."""
    if status is None:
        return release
    return msgspec.structs.replace(release, version=2, status=status)


def paths(release: Release) -> list[str]:
    """Every path that a release names, in the order of its members."""
    return [*(f.path for f in release.files), *(b.path for b in _blobs(release))]


def _blobs(release: Release) -> list[Blob]:
    status = [release.status.statement, *release.status.bundles] if release.status else []
    return [release.statement, *(a.bundle for a in release.anchors), *release.trusted_roots, *status]


def _with_paths(release: Release, change: Callable[[str], str]) -> Release:
    replace = msgspec.structs.replace

    def changed(blob: Blob) -> Blob:
        return replace(blob, path=change(blob.path))

    return replace(
        release,
        files=tuple(replace(f, path=change(f.path)) for f in release.files),
        statement=changed(release.statement),
        anchors=tuple(replace(a, bundle=changed(a.bundle)) for a in release.anchors),
        trusted_roots=tuple(changed(b) for b in release.trusted_roots),
    )


def _view_1(written: release_1.Release) -> Release:
    root = written.trusted_root
    return Release(
        version=1,
        ledger=written.ledger,
        tree=written.tree,
        previous=written.previous,
        files=tuple(File(**msgspec.structs.asdict(f)) for f in written.files),
        statement=written.statement,
        anchors=tuple(Anchor(**msgspec.structs.asdict(a), trusted_root=root.sha256) for a in written.anchors),
        trusted_roots=(root,),
    )


def _view_2(written: release_2.Release) -> Release:
    return Release(
        version=2,
        ledger=written.ledger,
        tree=written.tree,
        previous=written.previous or None,
        files=written.files,
        statement=written.statement,
        anchors=written.anchors,
        trusted_roots=written.trusted_roots,
        status=written.status or None,
    )


def _written(release: Release) -> dict[str, Any]:
    """The members as they are written."""
    value: dict[str, Any] = msgspec.to_builtins(release)
    whole: dict[str, Any] = {"format": release_1.FORMAT if release.version == 1 else release_2.FORMAT}
    whole |= {name: value[name] for name in ("ledger", "tree", "previous", "files", "statement", "anchors")}
    whole["files"] = sorted(value["files"], key=lambda f: f["name"])
    whole["anchors"] = sorted(value["anchors"], key=lambda a: (a["log"]["origin"], a["log"]["index"]))
    if release.version == 1:
        (whole["trusted_root"],) = value["trusted_roots"]
        for anchor in whole["anchors"]:
            del anchor["trusted_root"]
        return whole
    if release.previous is None:
        del whole["previous"]
    whole["trusted_roots"] = sorted(value["trusted_roots"], key=lambda b: b["path"])
    if release.status is not None:
        bundles = sorted(value["status"]["bundles"], key=lambda b: b["path"])
        whole["status"] = {**value["status"], "bundles": bundles}
    return whole


def _dump(release: Release) -> bytes:
    try:
        # the bytes of json.dumps(value, ensure_ascii=False, indent=2), fifty times as fast
        return msgspec.json.format(msgspec.json.encode(_written(release)), indent=2) + b"\n"
    except UnicodeEncodeError:
        raise Refused("a lone surrogate in a string", where=RELEASE) from None


def _check_known(value: dict[str, Any]) -> None:
    """Raise `Unsupported` for what version 2 has and this program does not verify."""
    if "status" in value and not value["status"]:
        raise Refused("null or empty, where a member that is not used is absent", where=f"{RELEASE}: status")
    statement_2.check_subjects(value.get("files"), where=f"{RELEASE}: files")


def _check(release: Release) -> None:
    """Check the rules that the types cannot express."""
    check_chain(release.ledger, release.previous, where=RELEASE)
    listed = [f.name for f in release.files]
    if release.version == 1:
        check_files(listed, where=f"{RELEASE}: files")
    elif len({name.lower() for name in listed}) != len(listed):
        raise Refused("two names are the same, or differ only in case", where=f"{RELEASE}: files")
    names.require(names.hex_problem(release.tree.root), release.tree.root, where=f"{RELEASE}: tree.root")
    _check_blobs(release)
    for i, anchor in enumerate(release.anchors):
        _check_anchor(anchor, f"{RELEASE}: anchors[{i}]")
    if len({(a.log.id, a.log.index) for a in release.anchors}) != len(release.anchors):
        raise Refused("one log entry is named twice", where=f"{RELEASE}: anchors")
    roots = [blob.sha256 for blob in release.trusted_roots]
    if len(set(roots)) != len(roots) or set(roots) != {a.trusted_root for a in release.anchors}:
        raise Refused("not each one is named by an anchor, and once", where=f"{RELEASE}: trusted_roots")


def _check_blobs(release: Release) -> None:
    """Paths stay inside, digests are digests, and each kind of file has its limit."""
    blobs: list[File | Blob] = [*release.files, *_blobs(release)]
    most = [limits.FILE if release.version == 1 else limits.FILE_2 for _ in release.files]
    most += [MAX_STATEMENT, *(MAX_BUNDLE for _ in release.anchors)]
    most += [MAX_TRUSTED_ROOT for _ in release.trusted_roots]
    most += [MAX_STATEMENT, *(MAX_BUNDLE for _ in release.status.bundles)] if release.status else []
    seen: set[str] = set()
    for blob, limit in zip(blobs, most, strict=True):
        names.require(names.path_problem(blob.path), blob.path, where=f"{RELEASE}: path")
        if blob.path.lower() in seen:
            raise Refused("two paths are the same, or differ only in case", where=f"{RELEASE}: {blob.path}")
        seen.add(blob.path.lower())
        names.require(names.hex_problem(blob.sha256), blob.sha256, where=f"{RELEASE}: {blob.path}: sha256")
        if blob.size > limit:
            raise Refused(f"{blob.size} bytes, more than {limit}", where=f"{RELEASE}: {blob.path}")


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
        where=f"{RELEASE}: line {line}",
        remedy="publish writes that form",
    )
