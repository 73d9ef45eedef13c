# SPDX-License-Identifier: Apache-2.0
"""The release.json of a version from what verification bound in its bundles; pure."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from anchor.disk.ledger_file import SealedFile
from anchor.encoding import jcs, parse_json
from anchor.errors import Refused
from anchor.format import names
from anchor.format.names import STATEMENT
from anchor.format.release import Anchor, Blob, File, Log, Release
from anchor.format.statement import Statement
from anchor.sigstore import trusted_root
from anchor.tlog.witness_answer import Asked
from anchor.verify import root_copy
from anchor.verify.anchors import time_text
from anchor.verify.effort import Effort
from anchor.verify.report import BundleReport

BUNDLE = ".sigstore.json"
_STEM = 150
"""Characters of a log's name in a file name with more in it."""
_MEMBERS = ("tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities")


@dataclass(frozen=True, kw_only=True)
class Anchored:
    """A bundle, its file name, and what its verification bound."""

    path: str
    bundle: bytes
    report: BundleReport
    root: bytes
    """The trusted root (JSON) under which it was verified."""
    asked: tuple[Asked, ...] = ()
    """The witnesses that were asked to cosign its checkpoint in this run."""


def bundle_path(name: str) -> str:
    """The file name of the bundle of a log, by its host name."""
    return names.log_file_stem(name) + BUNDLE


def joint_path(name: str, identity: str, issuer: str) -> str:
    """The file name of one more bundle in the log of this host name, by another signer."""
    who = hashlib.sha256(f"{identity}\n{issuer}".encode()).hexdigest()[:16]
    return f"{names.log_file_stem(name)[:_STEM]}-{who}{BUNDLE}"


def blob(path: str, data: bytes) -> Blob:
    """The entry of release.json for a file."""
    return Blob(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest())


def anchor(anchored: Anchored) -> Anchor:
    """The entry of release.json for a verified bundle; raises `Refused` unless it has one log entry."""
    report = anchored.report
    if len(report.logs) != 1:
        raise Refused(f"{len(report.logs)} log entries where one is wanted", where=anchored.path)
    log = report.logs[0]
    return Anchor(
        bundle=blob(anchored.path, anchored.bundle),
        log=Log(origin=log.origin, url=log.base_url, id=log.log_id.hex(), index=log.public_index),
        identity=report.identity,
        issuer=report.issuer,
        time=time_text(report),
        trusted_root=hashlib.sha256(anchored.root).hexdigest(),
    )


def union(roots: Sequence[bytes]) -> bytes:
    """One TrustedRoot (JSON) with all that any of these has, each thing once; one root stays as it is."""
    if len(roots) == 1:
        return roots[0]
    parsed = [parse_json(root, where="trusted root") for root in roots]
    whole: dict[str, Any] = {"mediaType": parsed[0]["mediaType"]}
    for member in _MEMBERS:
        found = {jcs(item): item for root in parsed for item in root.get(member, [])}
        whole[member] = list(found.values())
    return json.dumps(whole, indent=1).encode() + b"\n"


def with_copies(version: int, anchors: Sequence[Anchored]) -> list[Anchored]:
    """The anchors, each with the trusted root that is published for it.

    Version 1 has one for all of them. Since version 2 has one for each instance, nobody who trusts a copy
    trusts one instance for what another one says (FORMAT.md section 20).
    """
    if version > 1:
        return list(anchors)
    root = material_of(anchors, list(dict.fromkeys(a.root for a in anchors)))
    return [replace(a, root=root) for a in anchors]


def material_of(anchors: Sequence[Anchored], roots: Sequence[bytes]) -> bytes:
    """The trust material that these anchors need, as one TrustedRoot (JSON); one root stays as it is.

    Of several roots only what is used is kept. A verifier who trusts one instance alone could not distinguish
    the rest of another root from an addition by an attacker.
    """
    if len(roots) == 1:
        return roots[0]
    whole = union(roots)
    root = trusted_root.parse(whole)
    used = frozenset[root_copy.Name]().union(
        *(root_copy.used(a.bundle, a.report, root, Effort.unlimited()) for a in anchors)
    )
    value = parse_json(whole, where="trusted root")
    for member in _MEMBERS:
        value[member] = [item for item in value[member] if _names(value["mediaType"], member, item) & used]
    return json.dumps(value, indent=1).encode() + b"\n"


def _names(media_type: str, member: str, item: Any) -> set[root_copy.Name]:
    alone = json.dumps({"mediaType": media_type, member: [item]}).encode()
    return {name for name, _ in root_copy.entries(trusted_root.parse(alone))}


def release(
    statement: Statement,
    data: bytes,
    sealed: SealedFile,
    anchors: Sequence[Anchor],
    trusted_roots: Sequence[Blob],
) -> Release:
    """The version's own release.json: every path is the name of a file beside it."""
    return Release(
        version=statement.version,
        ledger=statement.ledger,
        tree=statement.tree,
        previous=statement.previous,
        files=tuple(
            File(name=f.name, path=f.name, size=f.size, sha256=f.sha256)
            for f in sealed.files
            if f.name in statement.digests
        ),
        statement=blob(STATEMENT, data),
        anchors=tuple(sorted(anchors, key=lambda a: (a.log.origin, a.log.index))),
        trusted_roots=tuple(sorted(trusted_roots, key=lambda b: b.path)),
    )
