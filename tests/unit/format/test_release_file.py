# SPDX-License-Identifier: Apache-2.0
"""release.json: the one form, and every way to miss it."""

import json
from typing import Any

import msgspec
import pytest

from anchor.errors import AnchorError, Refused, Unsupported
from anchor.format import release as releases
from anchor.format.release import dump, load, paths, relocate
from tests.support.releases import samples
from tests.support.releases.samples import spoil, spoiled_release
from tests.support.releases.spoilt_release import BAD_PATHS, MALFORMED

GOOD = dump(samples.release())
VALUE = json.loads(GOOD)


@pytest.mark.parametrize(("path", "new"), MALFORMED, ids=repr)
def test_a_malformed_release_is_refused(path: tuple[str | int, ...], new: Any) -> None:
    with pytest.raises(Refused):
        load(spoiled_release(path, new))


@pytest.mark.parametrize("bad", BAD_PATHS, ids=lambda p: ascii(p)[:30])
@pytest.mark.parametrize(
    "member",
    [("files", 0, "path"), ("statement", "path"), ("anchors", 0, "bundle", "path"), ("trusted_root", "path")],
)
def test_a_path_that_could_leave_the_folder_is_refused(member: tuple[str | int, ...], bad: str) -> None:
    with pytest.raises(Refused, match=r"path|relative|NUL|characters"):
        load(spoiled_release(member, bad))


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (("format",), "urn:ledger-anchor:release:v9"),
        (("format",), ""),
        (("tree", "algorithm"), "rfc9162-sha3"),
    ],
)
def test_an_unknown_format_or_algorithm_is_unsupported(path: tuple[str | int, ...], new: Any) -> None:
    with pytest.raises(Unsupported):
        load(spoiled_release(path, new))


def test_an_unknown_format_is_unsupported_whatever_else_the_file_holds() -> None:
    with pytest.raises(Unsupported):
        load(b'{"format":"urn:ledger-anchor:release:v9","new":[1,2]}')


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "not JSON"),
        (GOOD[:-1], "line 5"),
        (GOOD + b"\n", "line 5"),
        (GOOD[:-2], "not JSON"),
        (b"\xef\xbb\xbf" + GOOD, "not JSON"),
        (GOOD.replace(b"\n", b"\r\n"), "line 1"),
        (GOOD.replace(b"  ", b"    "), "line 2"),
        (GOOD.replace(b"  ", b"\t"), "line 2"),
        (GOOD.replace(b'"size": 3', b'"size": 3 '), "line 11"),
        (GOOD.replace(b"sample", b"s\\u0061mple"), "line 4"),
        (
            GOOD.replace(b'"previous": null', b'"previous": null,\n  "previous": null'),
            "duplicate key 'previous'",
        ),
        (GOOD.replace(b'"size": 3\n', b'"size": 3,\n    "size": 3\n'), "duplicate key 'size'"),
        (json.dumps(VALUE).encode(), "line 1"),
        (json.dumps(VALUE, indent=2, sort_keys=True).encode() + b"\n", "line 2"),
        (json.dumps(dict(reversed(VALUE.items())), indent=2).encode() + b"\n", "line 2"),
        (GOOD.replace(b'"size": 3', b'"size": 1' + b"0" * 10_000), "digits"),
        (b"[" * 10_000, "nested"),
        (b'{"a":' * 10_000, "nested"),
        (b" " * (releases.MAX_RELEASE + 1), "more than"),
        (b"\xff\xfe", "UTF-8"),
        (GOOD.replace(b"sample", b"\\udc00"), "surrogate"),
    ],
    ids=lambda x: repr(x)[:12] if isinstance(x, bytes) else x,
)
def test_any_other_writing_is_refused_with_its_place(data: bytes, place: str) -> None:
    assert data != GOOD
    with pytest.raises(Refused, match=place):
        load(data)


@pytest.mark.parametrize("data", [None, "text", bytearray(GOOD), 5, GOOD.decode()])
def test_what_is_not_bytes_is_refused(data: Any) -> None:
    with pytest.raises(Refused):
        load(data)


def test_no_single_byte_can_change_without_notice() -> None:
    good = load(GOOD)
    for i in range(len(GOOD)):
        for flip in (0x01, 0x20, 0x80):
            data = GOOD[:i] + bytes([GOOD[i] ^ flip]) + GOOD[i + 1 :]
            try:
                assert load(data) != good
            except AnchorError as e:
                assert isinstance(e, Refused | Unsupported)  # noqa: PT017 - no other class is allowed


def test_what_is_written_is_read_back() -> None:
    release = samples.release(samples.anchor("a.example"), samples.anchor("b.example"))
    assert load(dump(release)) == release


def test_members_stand_in_the_order_of_the_format() -> None:
    assert list(VALUE) == [
        "format",
        "ledger",
        "tree",
        "previous",
        "files",
        "statement",
        "anchors",
        "trusted_root",
    ]
    assert list(VALUE["files"][0]) == ["name", "path", "size", "sha256"]
    assert list(VALUE["anchors"][0]) == ["bundle", "log", "identity", "issuer", "time"]
    assert list(VALUE["anchors"][0]["log"]) == ["origin", "url", "id", "index"]
    assert json.dumps(VALUE, indent=2).encode() + b"\n" == GOOD


def test_anchors_and_files_in_another_order_are_refused() -> None:
    value = json.loads(dump(samples.release(samples.anchor("a.example"), samples.anchor("b.example"))))
    for member in ("files", "anchors"):
        data = json.dumps(spoil(value, (member,), value[member][::-1]), indent=2).encode() + b"\n"
        with pytest.raises(Refused):
            load(data)


def test_the_order_in_which_anchors_were_made_does_not_change_the_bytes() -> None:
    a, b = samples.anchor("a.example"), samples.anchor("b.example")
    assert dump(samples.release(a, b)) == dump(samples.release(b, a))


def test_one_log_entry_named_twice_is_refused() -> None:
    a, b = samples.anchor("a.example"), samples.anchor("b.example")
    b = msgspec.structs.replace(b, log=a.log)
    with pytest.raises(Refused, match="twice"):
        dump(samples.release(a, b))


def test_more_anchors_than_anyone_needs_are_refused() -> None:
    dump(samples.release(*(samples.anchor(f"l{i:02}.example", i) for i in range(64))))
    with pytest.raises(Refused):
        dump(samples.release(*(samples.anchor(f"l{i:02}.example", i) for i in range(65))))


def test_a_rekor_v1_origin_with_its_tree_number_is_taken() -> None:
    anchor = samples.anchor()
    log = msgspec.structs.replace(
        anchor.log, origin="rekor.sigstore.dev - 1193050959916656506", index=2**63 - 1
    )
    release = samples.release(msgspec.structs.replace(anchor, log=log))
    assert load(dump(release)) == release


def test_the_root_release_differs_from_its_version_only_in_its_paths() -> None:
    version = samples.release()
    root = relocate(version, "release/1.0.0/")
    assert load(dump(root)) == root != version
    assert paths(root) == ["release/1.0.0/" + p for p in paths(version)]
    assert relocate(root, "") == version


def test_dump_refuses_what_load_would_refuse() -> None:
    with pytest.raises(Refused):
        dump(relocate(samples.release(), "../"))
    with pytest.raises(Refused):
        dump(relocate(samples.release(), "/"))


def test_a_message_is_one_line_whatever_the_file_holds() -> None:
    for data in (
        spoiled_release(("ledger", "name"), "a\nb\x1b[2J"),
        spoiled_release(("x\ny\x1b",), 1),
        spoiled_release(("format",), "a\nb" + "c" * 5000),
        spoiled_release(("statement", "path"), "\x1b]0;x\x07"),
    ):
        with pytest.raises(AnchorError) as caught:
            load(data)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300
