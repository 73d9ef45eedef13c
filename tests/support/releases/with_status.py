# SPDX-License-Identifier: Apache-2.0
"""Releases in memory beside a status, honest or signed by somebody else, for `anchor verify`."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from anchor.embedded.instance import Instance
from anchor.format import ledger_status as statuses
from anchor.format.ledger_status import Entry
from anchor.format.members import Previous
from tests.support.forge.signed import sign
from tests.support.releases.in_memory import Held
from tests.support.releases.version_2 import Kind, release_of, written

CSV = b"label,value\nA,1\nB,2\n"
VERSION_1 = Kind({"a.csv": CSV})


def released(folder: Path, kind: Kind = VERSION_1, *, committed: Mapping[str, Any] | None = None) -> Held:
    """A release of one embedded instance. `committed`: the member `status` of its statement."""

    def change(value: Any, _files: dict[str, bytes]) -> None:
        if committed is not None:
            value["predicate"]["status"] = dict(committed)

    return release_of(folder, written(folder, kind), change=change)


def newest(held: Held) -> Previous:
    """The release, as a status names it."""
    ledger = held.value["ledger"]
    return Previous(
        number=ledger["number"], version=ledger["version"], statement=held.value["statement"]["sha256"]
    )


def entry(held: Held, kind: str = "withdrawn", **more: Any) -> Entry:
    """An entry about the release of `held`."""
    one = newest(held)
    value: dict[str, Any] = {
        "number": one.number,
        "statement": one.statement,
        "kind": kind,
        "reason": "it was measured twice",
    }
    return Entry(**(value | more))


def chain(held: Held, *lists: Sequence[Entry]) -> list[bytes]:
    """Statuses that follow each other; each has the entries of those before and its own."""
    found: list[bytes] = []
    for entries in lists:
        of = held.value["ledger"]["name"]
        made = (
            statuses.following(found[-1], newest(held), entries)
            if found
            else statuses.first(of, newest(held), entries)
        )
        found.append(statuses.encode(made))
    return found


def signed(folder: Path, data: bytes, **more: Any) -> bytes:
    """A bundle over these bytes by the instance of `released`."""
    with closing(Instance.open(folder / "instance-0", create=False)) as instance:
        return sign(instance, data, **more)


def by_another(folder: Path, data: bytes) -> bytes:
    """A bundle over these bytes by another instance, whose keys nobody trusts."""
    with closing(Instance.open(folder / "instance-of-another", create=True)) as instance:
        return sign(instance, data)


def beside(held: Held, data: bytes, *bundles: bytes, earlier: Sequence[bytes] = ()) -> Held:
    """The root release.json beside a status with these bundles. `earlier`: further statuses in the folder."""
    sequence = statuses.decode(data).sequence
    files = dict(held.files)
    for other in (*earlier, data):
        files[f"release/status/{statuses.decode(other).sequence}/statement.json"] = other
    paths = [f"release/status/{sequence}/{n}.sigstore.json" for n in range(len(bundles))]
    files |= dict(zip(paths, bundles, strict=True))
    named = {
        "sequence": sequence,
        "statement": _blob(f"release/status/{sequence}/statement.json", data),
        "bundles": [_blob(p, files[p]) for p in paths],
    }
    value = held.value
    if value["format"].endswith("v1"):
        value = _as_version_2(value)
    return replace(held, files=files).with_value({**value, "status": named})


def _as_version_2(value: Any) -> Any:
    """A release.json of version 1, written as the one of version 2 that names a status."""
    root = value.pop("trusted_root")
    if value["previous"] is None:
        del value["previous"]
    anchors = [{**a, "trusted_root": root["sha256"]} for a in value["anchors"]]
    form = "urn:ledger-anchor:release:v2"
    return {**value, "format": form, "anchors": anchors, "trusted_roots": [root]}


def _blob(path: str, data: bytes) -> dict[str, Any]:
    return {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
