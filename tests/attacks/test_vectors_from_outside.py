# SPDX-License-Identifier: Apache-2.0
"""Every vector through `anchor verify-bundle`, as a script sees it: exit code, JSON, one line of words."""

import json
from pathlib import Path

import pytest

from anchor.cli.main import run
from anchor.verdict import Class
from tests.vectors import make
from tests.vectors.case import CASES, COMMON

HERE = Path(make.__file__).parent
FORMAT = "urn:ledger-anchor:verdict:v1"


def arguments(name: str) -> list[str]:
    """The command line for the vector's folder, as its README would have it."""
    folder = HERE / name
    about = json.loads((folder / "case.json").read_text())

    def own(file: str) -> str:
        found = folder / file
        return str(found if found.exists() or file not in COMMON else HERE / file)

    given = ["verify-bundle", "--json", "--bundle", own("bundle.sigstore.json")]
    given += ["--trusted-root", own("trusted_root.json")]
    if (folder / "key.pub").exists():
        given += ["--key", own("key.pub")]
    else:
        given += ["--certificate-identity", about["identity"], "--certificate-oidc-issuer", about["issuer"]]
    return [*given, about.get("digest") or own("artifact")]


SLIPS = {
    "format-bom_fail": "USAGE",
    "format-utf16_fail": "USAGE",
    "format-not-json_fail": "USAGE",
    "root-is-a-bundle_fail": "USAGE",
    "format-empty_fail": "UNAVAILABLE",
    "format-truncated_fail": "UNAVAILABLE",
}
"""Files that are no JSON, or of another kind: the command calls them a slip, or torn."""


@pytest.mark.parametrize("name", sorted(CASES))
def test_exit_code_and_json(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(HERE)
    about = json.loads((HERE / name / "case.json").read_text())
    check = about.get("check")
    code = run(arguments(name))
    said = capsys.readouterr()
    expected = SLIPS.get(name, about["expect"])
    assert code == Class(expected).exit_code, said
    verdict = json.loads(said.out)
    assert verdict["verdict"] == expected
    if name in SLIPS:
        assert "is wanted" in verdict["error"]
    elif check == "trusted-root":  # nothing was judged: an error, not a verdict
        assert verdict["error"]
    else:
        assert verdict["format"] == FORMAT
        assert not check or check in [c["name"] for c in verdict["checks"] if c.get("demotes")]
        assert bool(verdict.get("facts")) == (about["expect"] == "OK")
    assert "Traceback" not in said.err
