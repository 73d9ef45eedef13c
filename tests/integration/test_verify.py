# SPDX-License-Identifier: Apache-2.0
"""`anchor verify` from the command line: policies, paths, links, forms; one line, the right exit code."""

import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from tests.support.process.anchor_cli import ROOT, Ran, anchor, process, says
from tests.support.process.need import need
from tests.support.releases.published import NAME, Site

# What verifies, and how it is asked


def test_every_step_is_a_numbered_line(site: Site) -> None:
    ran = site.verify()
    assert (ran.code, ran.err) == (0, "")
    numbers = [int(n) for n in re.findall(r"^ *(\d+)\. ", ran.out, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 20
    assert ran.out.splitlines()[-1] == f"OK: {site.release}"
    assert "no independent evidence" in ran.out


def test_the_reference_client_is_asked_on_demand_and_else_its_check_is_skipped(site: Site) -> None:
    for words, state in (((), "skipped"), (("--second-opinion",), "passed")):
        ran = site.verify(*words, "--json")
        (check,) = [c for c in ran.document["checks"] if c["name"] == "stock-client"]
        assert (ran.code, check["state"]) == (0, state)
        assert check["detail"].startswith("the sigstore client")
        assert ("--second-opinion" in check["detail"]) == (state == "skipped")


def test_the_verdict_is_one_json_document_of_its_schema(site: Site) -> None:
    schema = json.loads((ROOT / "release/schema/verdict.schema.json").read_bytes())
    validator = Draft202012Validator(schema)
    for words in (("--policy", site.policy), ()):
        ran = anchor("verify", site.release, *words, "--json")
        validator.validate(ran.document)
        assert ran.document["format"] == "urn:ledger-anchor:verdict:v1"
    broken = site.root / "release" / "1.0.0" / "ledger.md"
    broken.write_text("x" * broken.stat().st_size)
    ran = site.verify("--json")
    validator.validate(ran.document)
    assert (ran.code, ran.document["verdict"], ran.document["facts"]) == (8, "INVALID", {})


def test_release_and_statement_are_of_their_schemas(site: Site) -> None:
    for name, path in (
        ("release", site.release),
        ("release", site.root / "release/1.0.0/release.json"),
        ("statement", site.path("statement")),
        ("ledger", site.path("ledger.json")),
    ):
        schema = json.loads((ROOT / f"release/schema/{name}.schema.json").read_bytes())
        Draft202012Validator(schema).validate(json.loads(path.read_bytes()))


@pytest.mark.parametrize("target", ["release.json", ".", "release/1.0.0/release.json", "release/1.0.0"])
def test_a_file_and_its_folder_are_the_same_target(site: Site, target: str) -> None:
    assert anchor("verify", site.root / target, "--policy", site.policy).code == 0
    assert anchor("verify", target, "--policy", site.policy, cwd=site.root).code == 0


def test_the_policy_can_come_from_the_environment_and_from_the_users_folder(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert anchor("verify", site.release).code == 2
    monkeypatch.setenv("ANCHOR_POLICY", str(site.policy))
    assert anchor("verify", site.release).code == 0
    monkeypatch.delenv("ANCHOR_POLICY")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "ledger-anchor"
    folder.mkdir(parents=True)
    (folder / "policy.toml").write_text(site.policy.read_text())
    assert anchor("verify", site.release).code == 0


def test_a_policy_in_what_is_verified_is_never_found_by_itself(site: Site) -> None:
    for folder in (site.root, site.root / "release", site.root / "release" / "1.0.0"):
        (folder / "policy.toml").write_text(site.policy.read_text())
    assert anchor("verify", "release.json", cwd=site.root).code == 2


def test_a_policy_that_lies_in_what_is_verified_is_told(site: Site) -> None:
    inside = site.root / "release" / "policy.toml"
    inside.write_text(site.policy.read_text())
    ran = anchor("verify", "-v", site.release, "--policy", inside)
    assert ran.code == 0
    assert "lies in what is verified" in ran.out
    notes = anchor("verify", site.release, "--policy", inside, "--json").document["notes"]
    assert any("lies in what is verified" in note for note in notes)
    assert "lies in what" not in site.verify().out


def flags(site: Site) -> dict[str, str]:
    anchored = site.value["anchors"][0]
    return {
        "--ledger": NAME,
        "--identity": anchored["identity"],
        "--issuer": anchored["issuer"],
        "--trusted-root": str(site.path("trusted_root")),
    }


def test_four_flags_say_the_same_as_a_policy(site: Site) -> None:
    words = [word for pair in flags(site).items() for word in pair]
    assert anchor("verify", site.release, *words).code == 0


@pytest.mark.parametrize("name", ["--ledger", "--identity", "--issuer", "--trusted-root"])
def test_each_of_the_four_flags_is_needed_and_decides(site: Site, name: str) -> None:
    given = flags(site)
    rest = [word for key, value in given.items() if key != name for word in (key, value)]
    says(anchor("verify", site.release, *rest), 2, name)
    says(anchor("verify", site.release, *rest, name, ""), 2, name)
    if name == "--trusted-root":
        says(anchor("verify", site.release, *rest, name, site.root / "nothing"), 2, "nothing")
    else:
        says(anchor("verify", site.release, *rest, name, given[name] + "x"), 8, "")
    says(anchor("verify", site.release, "--policy", site.policy, name, given[name]), 2, name)


def test_without_a_policy_the_signer_is_claimed_and_the_command_that_accepts_it_works(site: Site) -> None:
    """From any folder, by any name of the target."""
    for target, cwd in (
        (str(site.release), None),
        (str(site.root), None),
        ("release.json", site.root),
        (".", site.root),
        ("1.0.0", site.root / "release"),
        ("1.0.0/release.json", site.root / "release"),
    ):
        ran = anchor("verify", "-v", target, cwd=cwd)
        says(ran, 2, "policy")
        assert "claimed, not verified" in ran.out
        (line,) = [x for x in ran.out.splitlines() if "to accept this signer: " in x]
        command = shlex.split(line.partition("signer: ")[2].partition(", once you know")[0])
        assert command[:2] == ["anchor", "verify"]
        assert anchor(*command[1:], cwd=cwd).code == 0, command
        assert site.value["trusted_root"]["sha256"] in line


# What a policy refuses


def with_policy(site: Site, change: Callable[[str], str]) -> Ran:
    site.policy.write_text(change(site.policy.read_text()))
    return site.verify()


@pytest.mark.parametrize(
    ("old", "new", "code", "word"),
    [
        (f'ledger = "{NAME}"', 'ledger = "another"', 8, "policy-ledger"),
        ("publisher@", "somebody@", 8, "signer"),
        ("/oauth", "/other", 8, "signer"),
        ("min_number = 1", "min_number = 2", 4, ""),
        ("min_anchors = 1", "min_anchors = 2", 5, "policy-anchors"),
        ('sha256 = "', 'sha256 = "0', 2, "sha256"),
        ('sha256 = "', 'path = "a\\u0000b", sha256 = "', 2, "NUL"),
        ('sha256 = "', 'path = "no/such", sha256 = "', 2, "no/such"),
        ("[{ sha256", "[{ sha512", 2, "sha512"),
        ("{ sha256 = ", "{ path = ", 2, "cannot read"),
        ("min_anchors", "compared = 0\nmin_anchors", 2, "compared"),
        ("ledger =", "ledgers =", 2, "ledgers"),
        ("[[signer]]", "[signer]", 2, "signer"),
        ("[[signer]]", "[[log]]", 2, ""),
    ],
)
def test_a_policy_decides(site: Site, old: str, new: str, code: int, word: str) -> None:
    ran = with_policy(site, lambda text: text.replace(old, new))
    assert ran.code == code
    if code == 4:
        assert (ran.err, ran.out.splitlines()[-1]) == ("", f"STALE: {site.release}")
    else:
        says(ran, code, word)


def test_the_pinned_trusted_root_is_the_one_that_is_believed(site: Site) -> None:
    path = site.path("trusted_root")
    path.write_bytes(path.read_bytes() + b"\n")
    says(site.verify(), 8, "trusted_root.json")


def test_max_age_is_counted_from_the_signed_time(site: Site) -> None:
    assert with_policy(site, lambda text: 'max_age = "1d"\n' + text).code == 0


@pytest.mark.parametrize(
    "text", ["", "\x00", "ledger = ", "x" * 2_000_000, "[" * 5000, "\ufeffledger = 'x'", 'ledger = "\\ud800"']
)
def test_a_policy_that_cannot_be_read_is_usage(site: Site, text: str) -> None:
    site.policy.write_text(text)
    says(site.verify(), 2, "policy.toml")


def test_a_policy_that_is_missing_a_folder_or_endless_is_usage(site: Site, tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path, Path("/dev/zero"), Path("/dev/null")):
        says(anchor("verify", site.release, "--policy", path), 2, str(path))


# Nothing but files


def test_it_verifies_with_the_network_cut(site: Site) -> None:
    """In a network namespace of its own, where there is not even loopback."""
    cut = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--net", "--map-root-user")
    need(os.system(f"{shlex.join(cut)} true 2>/dev/null") == 0, "allow network namespaces (unshare --net)")
    for more in ((), ("--offline",)):
        ran = process("verify", "-v", site.release, "--policy", site.policy, *more, prefix=cut)
        assert (ran.code, ran.err) == (0, "")


def test_a_url_is_not_read_offline(site: Site) -> None:
    says(
        anchor("verify", "-v", "https://example.org/release.json", "--offline", "--policy", site.policy),
        2,
        "offline",
    )


def test_it_writes_nothing_and_needs_no_writable_folder(site: Site, tmp_path: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in site.root.rglob("*")}
    env = {"HOME": "/nonexistent", **{f"XDG_{n}_HOME": "/nonexistent" for n in ("STATE", "CACHE", "CONFIG")}}
    ran = process("verify", "-v", site.release, "--policy", site.policy, env=env, cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert {p: p.stat().st_mtime_ns for p in site.root.rglob("*")} == before


def test_a_verdict_is_not_lost_when_it_cannot_be_printed(site: Site) -> None:
    import subprocess
    import sys

    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "anchor", "verify", site.release, "--policy", site.policy],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
    assert done.returncode not in (0, 1)
    assert done.stderr.count("\n") == 1


def test_msgspec_reads_the_verdict_back(site: Site) -> None:
    from anchor.verdict import Verdict

    assert msgspec.json.decode(site.verify("--json").out, type=Verdict).exit_code == 0
