# SPDX-License-Identifier: Apache-2.0
"""`anchor inspect`: 0 whatever it finds, 7 for what it does not know, 2 for what cannot be read."""

from pathlib import Path

import pytest

from tests.support.process.anchor_cli import anchor, process
from tests.vectors import make
from tests.vectors.case import CASES

assert make.GROUPS  # importing it registers the cases

ROOT = Path(__file__).resolve().parents[3]


def test_what_no_verifier_accepts_is_still_described(tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    for name in ("format-no-entries_fail", "note-flipped_fail", "proof-index_fail"):
        case = next((c for n, c in CASES.items() if n == name), CASES["artifact-other_fail"])
        path.write_bytes(case.bundle)
        assert anchor("inspect", path).code == 0
    path.write_bytes(b'{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}')
    ran = anchor("inspect", path)
    assert ran.code == 0
    assert "a verification refuses it as it stands: bundle: without 'verificationMaterial'" in ran.out


def test_every_field_has_its_mark_in_both_forms() -> None:
    path = ROOT / "release.json"
    text, document = anchor("inspect", path), anchor("inspect", path, "--json").document
    assert document["format"] == "urn:ledger-anchor:inspection:v1"
    assert document["kind"] == "release.json"
    for field in document["fields"]:
        assert set(field) == {"path", "value", "bound", "by"}
        mark = "bound" if field["bound"] else "not bound"
        assert f"{mark}  {field['path']} = " in text.out


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"{}", b"[]", b'{"a":', b"\x00\xff", b'{"a":1,"a":2}', b"ledger = 1\n", b"null"]
)
def test_what_it_does_not_know_is_unsupported(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    ran = anchor("inspect", path)
    assert (ran.code, ran.out) == (7, "")
    assert str(path) in ran.line
    as_json = anchor("inspect", path, "--json")
    assert (as_json.code, as_json.document["verdict"]) == (7, "UNSUPPORTED")


def test_what_cannot_be_read_is_usage(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        ran = anchor("inspect", path)
        assert ran.code == 2
        assert str(path) in ran.line


def test_it_does_not_import_the_client() -> None:
    """Half a second for a file of one line would be too long."""
    code = (
        "import sys; from anchor.cli.main import run; run(['inspect', 'release.json']); "
        "assert 'sigstore' not in sys.modules"
    )
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_help_has_an_example_and_says_what_bound_means() -> None:
    text = process("inspect", "--help").out
    assert "Example: anchor inspect" in text
    assert "`bound` means" in text
