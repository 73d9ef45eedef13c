# SPDX-License-Identifier: Apache-2.0
"""A command imports what it uses: each starts in a process of its own, and Python lists what was imported."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "release" / "1.0.0"
(BUNDLE,) = RELEASE.glob("*.sigstore.json")
CLAIM = ("--certificate-identity", "a@example.org", "--certificate-oidc-issuer", "https://example.org")

NETWORK = {"requests", "urllib3", "http", "ssl", "socketserver", "tuf", "id", "jwt", "apprise"}
SIGNING = {"sigstore", "sigstore_models", "pydantic"}
RECORDS = {"sqlalchemy", "alembic", "sqlite3", "apscheduler", "prometheus_client"}
RUNTIME = {"asyncio", "concurrent", "logging", "multiprocessing"}
EVIDENCE = {"cryptography", "rfc3161_client", "re2"}

VERIFYING = NETWORK | SIGNING | RECORDS | RUNTIME | {"re2"}
READING = VERIFYING | EVIDENCE

COMMANDS = {
    "--help": READING,
    "--version": READING,
    "lint release/1.0.0/ledger.md": READING,
    "seal release/1.0.0/ledger.md --name a --version 1": READING,
    "inspect release.json": VERIFYING,
    f"inspect {BUNDLE.relative_to(ROOT)}": VERIFYING,
    "verify release.json --policy release/policy.toml": VERIFYING,
    "verify release.json --policy release/policy.toml --offline --json": VERIFYING,
    f"verify-bundle --bundle {BUNDLE.relative_to(ROOT)} --trusted-root release/1.0.0/trusted_root.json "
    f"{' '.join(CLAIM)} release/1.0.0/ledger.md": VERIFYING,
    "verify-bundle --help": VERIFYING,
    "verify-evidence --help": SIGNING | {"apscheduler", "apprise", "prometheus_client"},
    "trust --help": SIGNING | RECORDS,
    "status --help": SIGNING | {"apscheduler", "apprise", "prometheus_client"},
    "history --help": SIGNING | {"apscheduler", "apprise", "prometheus_client"},
    "records --help": SIGNING | {"apscheduler", "apprise", "prometheus_client"},
    "reverify --help": SIGNING | {"apscheduler", "apprise"},
    "watch --help": SIGNING,
    "instance --help": SIGNING | RECORDS - {"sqlite3"},
    "publish --help": SIGNING | RECORDS - {"sqlite3"},
}
"""Arguments, and the packages that the command has no use for."""


def imported(*words: str) -> set[str]:
    """The names of all modules that a command imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "anchor", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode in (0, 8), done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_command_imports_only_what_it_uses(arguments: str) -> None:
    packages = {name.partition(".")[0] for name in imported(*arguments.split())}
    assert "anchor" in packages
    assert not packages & COMMANDS[arguments]


def test_the_reference_client_is_imported_where_it_is_asked() -> None:
    words = ("verify", "release.json", "--policy", "release/policy.toml", "--second-opinion")
    assert "sigstore.verify" in imported(*words)
