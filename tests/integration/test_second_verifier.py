# SPDX-License-Identifier: Apache-2.0
"""The published release, judged by a verifier that was written from release/FORMAT.md alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from anchor.format.release import dump, load, relocate
from tests.support.process.anchor_cli import anchor
from tests.support.process.sampled import sampled
from tests.support.second.readers import Wrong
from tests.support.second.verifier import Torn, verify

ROOT = Path(__file__).resolve().parents[2]
LEDGER = "openclassrooms-sovereign-ledger"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the repository published as 1.0.0, when that was the newest release."""
    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(ROOT / "release", folder / "release")
    of_version = load((ROOT / "release/1.0.0/release.json").read_bytes())
    (folder / "release.json").write_bytes(dump(relocate(of_version, "release/1.0.0/")))
    return folder


@pytest.fixture(scope="module")
def known(published: Path) -> dict[str, Any]:
    """The trusted root and the files as a stranger has them."""
    release = json.loads((published / "release.json").read_bytes())
    (anchor,) = release["anchors"]
    return {
        "ledger": LEDGER,
        "identity": anchor["identity"],
        "issuer": anchor["issuer"],
        "trusted_root": (published / release["trusted_root"]["path"]).read_bytes(),
    }


def refused(path: Path, known: dict[str, Any]) -> bool:
    try:
        verify(path, **known)
    except Wrong:
        return True
    return False


def test_the_published_release_verifies_from_both_places(published: Path, known: dict[str, Any]) -> None:
    verify(published / "release.json", **known)
    verify(published / "release/1.0.0/release.json", **known)


@pytest.mark.parametrize(
    ("what", "other"),
    [("ledger", "other"), ("identity", "someone@example.org"), ("issuer", "https://example.org")],
)
def test_it_accepts_nobody_else(published: Path, known: dict[str, Any], what: str, other: str) -> None:
    assert refused(published / "release.json", {**known, what: other})


@sampled(4)
def test_one_changed_byte_in_any_file_is_noticed(published: Path, known: dict[str, Any], every: int) -> None:
    """At sixteen places of a file, or at each one of so many of these."""
    release = json.loads((published / "release.json").read_bytes())
    named = [*release["files"], release["statement"], release["trusted_root"]]
    named += [anchor["bundle"] for anchor in release["anchors"]]
    for path in [published / "release.json", *(published / n["path"] for n in named)]:
        good = path.read_bytes()
        for at in range(0, len(good), max(1, every * len(good) // 16)):
            path.write_bytes(good[:at] + bytes([good[at] ^ 0x01]) + good[at + 1 :])
            assert refused(published / "release.json", known), f"{path.name} byte {at}"
        path.write_bytes(good)
    verify(published / "release.json", **known)


def test_every_shown_value_is_bound(published: Path, known: dict[str, Any]) -> None:
    path = published / "release.json"
    good = path.read_bytes()
    index = json.loads(good)["anchors"][0]["log"]["index"]
    for old, new in (
        (b'"index": %d' % index, b'"index": %d' % (index + 1)),
        (b'"number": 1', b'"number": 2'),
        (b'"size": 681', b'"size": 682'),
        (b'"version": "1.0.0"', b'"version": "1.0.1"'),
        (b'"url": "https://', b'"url": "https://x'),
    ):
        assert old in good
        path.write_bytes(good.replace(old, new, 1))
        assert refused(path, known)
    path.write_bytes(good)


def test_what_is_missing_or_cut_off_is_told_apart_by_both_verifiers(
    published: Path, known: dict[str, Any], tmp_path: Path
) -> None:
    """The second one by section 11 of the specification, Anchor by its class."""
    release = json.loads((published / "release.json").read_bytes())
    named = [
        *release["files"],
        release["statement"],
        release["trusted_root"],
        release["anchors"][0]["bundle"],
    ]
    root = tmp_path / "root.json"
    root.write_bytes(known["trusted_root"])
    words = ("--ledger", known["ledger"], "--identity", known["identity"], "--issuer", known["issuer"])
    for path in [published / "release.json", *(published / n["path"] for n in named)]:
        good = path.read_bytes()
        for data, torn in (
            (good[:-1], True),
            (b"", True),
            (good[: len(good) // 2], True),
            (good + b" ", False),
        ):
            path.write_bytes(data)
            with pytest.raises(Wrong) as found:
                verify(published / "release.json", **known)
            assert isinstance(found.value, Torn) is torn, path.name
            ran = anchor("verify", "-v", published / "release.json", *words, "--trusted-root", root)
            assert ran.code == (3 if torn else 8), (path.name, ran)
        path.write_bytes(good)
