# SPDX-License-Identifier: Apache-2.0
"""release.json of version 2: several files, a copy of the trusted root for each instance, nothing null."""

import contextlib
import json
from typing import Any

import msgspec
import pytest

from anchor import limits
from anchor.errors import Refused, Unsupported
from anchor.format import release as releases
from anchor.format.release import dump, load, paths, relocate
from tests.support.releases import samples
from tests.support.releases.samples import GONE, HEX, OTHER_HEX, spoiled_release

MADE = samples.release_2()
GOOD = dump(MADE)
VALUE = json.loads(GOOD)
STATUS: dict[str, Any] = {
    "sequence": 3,
    "statement": {"path": "release/status/3/statement.json", "size": 500, "sha256": HEX},
    "bundles": [{"path": "release/status/3/log.sigstore.json", "size": 900, "sha256": OTHER_HEX}],
}


def test_it_is_written_in_one_form_and_read_back() -> None:
    assert load(GOOD) == MADE
    assert list(VALUE) == ["format", "ledger", "tree", "files", "statement", "anchors", "trusted_roots"]
    assert list(VALUE["anchors"][0]) == ["bundle", "log", "identity", "issuer", "time", "trusted_root"]
    assert json.dumps(VALUE, indent=2).encode() + b"\n" == GOOD
    assert [MADE.root_of(a).path for a in MADE.anchors] == ["root-0.json", "root-1.json"]


def test_every_file_is_named_and_moves() -> None:
    moved = relocate(MADE, "release/1.0.0/")
    assert paths(moved) == [f"release/1.0.0/{p}" for p in paths(MADE)]
    assert {"root-0.json", "root-1.json", "ledger-1.csv.gz"} < set(paths(MADE))
    assert relocate(load(dump(moved)), "") == MADE


@pytest.mark.parametrize(
    ("path", "new"),
    [
        *(((m,), GONE) for m in VALUE),
        *(((m,), None) for m in VALUE),
        (("previous",), None),
        (("status",), None),
        (("status",), {}),
        (("status",), {"sequence": 1}),
        (("status",), {**STATUS, "sequence": 0}),
        (("status",), {**STATUS, "bundles": []}),
        (("status",), {**STATUS, "bundles": [STATUS["statement"]]}),  # one path twice
        (("status",), {**STATUS, "statement": {**STATUS["statement"], "path": "../s.json"}}),
        (("status",), {**STATUS, "statement": {**STATUS["statement"], "size": limits.STATEMENT + 1}}),
        (("status",), {**STATUS, "note": 1}),
        (("note",), 1),
        (("trusted_root",), VALUE["trusted_roots"][0]),
        (("files",), []),
        (("files", 0, "size"), 0),
        (("files", 0, "size"), limits.FILE_2 + 1),
        (("files", 0, "name"), "ledger.JSON"),  # there is a ledger.json
        (("trusted_roots",), []),
        (("trusted_roots", 0), GONE),
        (("trusted_roots", 0, "sha256"), OTHER_HEX),
        (("trusted_roots", 0, "sha256"), "0" * 64),
        (("trusted_roots", 0, "path"), "../root.json"),
        (("anchors", 0, "trusted_root"), GONE),
        (("anchors", 0, "trusted_root"), OTHER_HEX),  # then nobody names the other one
        (("anchors", 0, "trusted_root"), "0" * 64),
    ],
    ids=repr,
)
def test_a_malformed_release_is_refused(path: tuple[str | int, ...], new: Any) -> None:
    with pytest.raises(Refused):
        load(spoiled_release(path, new, of=MADE))


@pytest.mark.parametrize(
    ("path", "new", "named"),
    [
        (("files", 0, "name"), "ledger.parts.json", "ledger.parts.json"),
        (("files", 0, "name"), "index.html", "index.html"),
        (("tree", "algorithm"), "rfc9162-sha3", "rfc9162-sha3"),
    ],
)
def test_what_this_program_does_not_know_is_unsupported_by_name(
    path: tuple[str | int, ...], new: Any, named: str
) -> None:
    with pytest.raises(Unsupported, match=named):
        load(spoiled_release(path, new, of=MADE))


def test_it_names_a_status_as_its_last_member() -> None:
    data = spoiled_release(("status",), STATUS, of=MADE)
    found = load(data)
    assert found.status is not None
    assert (found.status.sequence, [b.path for b in found.status.bundles]) == (
        3,
        ["release/status/3/log.sigstore.json"],
    )
    assert list(json.loads(dump(found)))[-1] == "status"
    assert dump(found) == data
    assert releases.with_status(MADE, found.status) == found
    moved = relocate(found, "release/1.0.0/")
    assert paths(moved)[-2:] == paths(found)[-2:]  # the status stays where it is
    first = releases.with_status(samples.release(), found.status)  # of a statement of version 1
    assert (load(dump(first)), first.version) == (first, 2)
    assert releases.with_status(MADE, None) is MADE


def test_another_order_is_refused() -> None:
    for member in ("files", "anchors", "trusted_roots"):
        with pytest.raises(Refused, match="one form"):
            load(spoiled_release((member,), VALUE[member][::-1], of=MADE))


def test_it_may_be_longer_than_one_of_version_1() -> None:
    files = tuple(
        releases.File(name=f"ledger-{n}.csv", path=f"{'x' * 150}/ledger-{n}.csv", size=1, sha256=HEX)
        for n in range(1, 4097)
    )
    data = dump(msgspec.structs.replace(MADE, files=files))
    assert limits.RELEASE < len(data) < releases.MAX_RELEASE
    assert len(load(data).files) == 4096
    padded = dump(samples.release()) + b" " * limits.RELEASE
    with pytest.raises(Refused, match="more than"):
        load(padded)


def test_no_single_byte_can_change_without_notice() -> None:
    good = MADE
    for i in range(len(GOOD)):
        for flip in (0x01, 0x20, 0x80):
            data = GOOD[:i] + bytes([GOOD[i] ^ flip]) + GOOD[i + 1 :]
            with contextlib.suppress(Refused, Unsupported):
                assert load(data) != good
