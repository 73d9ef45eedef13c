# SPDX-License-Identifier: Apache-2.0
"""A command imports what it uses, and nothing else."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.records.signed_history import a_year, policy
from tests.support.second import history2

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "release" / "1.0.0"
(BUNDLE,) = RELEASE.glob("*.sigstore.json")
VECTOR = "tests/receipt_vectors/fact-0-of-7"
CLAIM = ("--certificate-identity", "a@example.org", "--certificate-oidc-issuer", "https://example.org")

NETWORK = {"requests", "urllib3", "http", "ssl", "socketserver", "tuf", "id", "jwt", "apprise"}
SIGNING = {"sigstore", "sigstore_models", "pydantic"}
RECORDS = {"sqlalchemy", "alembic", "sqlite3", "apscheduler", "prometheus_client"}
RUNTIME = {"asyncio", "concurrent", "logging", "multiprocessing"}
EVIDENCE = {"cryptography", "rfc3161_client", "re2"}

READING = NETWORK | SIGNING | RECORDS | RUNTIME | EVIDENCE
INSPECTING = READING - EVIDENCE | {"re2"}
VERIFYING = INSPECTING | {"click", "gettext", "shlex", "tempfile", "shutil", "subprocess", "csv"}
BUNDLES = VERIFYING | {"tomllib", "rfc8785", "anchor.format.readers", "anchor.format.statement"}
WATCHED = SIGNING | {"apscheduler", "apprise", "prometheus_client", "alembic", "sqlalchemy.orm"}

COMMANDS = {
    "--help": READING,
    "--version": READING,
    "lint release/1.0.0/ledger.md": READING,
    "seal release/1.0.0/ledger.md --name a --version 1": READING,
    "inspect release.json": INSPECTING,
    f"inspect {BUNDLE.relative_to(ROOT)}": INSPECTING,
    "verify release.json --policy release/policy.toml": VERIFYING,
    "verify release.json --policy release/policy.toml --offline --json": VERIFYING,
    f"verify-bundle --bundle {BUNDLE.relative_to(ROOT)} --trusted-root release/1.0.0/trusted_root.json "
    f"{' '.join(CLAIM)} release/1.0.0/ledger.md": BUNDLES,
    f"verify-receipt {VECTOR}/receipt.json --policy {VECTOR}/policy.toml": INSPECTING,
    "verify-bundle --help": READING,
    "verify-evidence --help": WATCHED,
    "verify-receipt --help": SIGNING | RECORDS,
    "verify-history --help": SIGNING | RECORDS,
    "prove --help": SIGNING | RECORDS,
    "trust --help": SIGNING | RECORDS,
    "status --help": WATCHED,
    "history --help": WATCHED,
    "records --help": WATCHED,
    "reverify --help": WATCHED - {"prometheus_client"},
    "watch --help": SIGNING,
    "instance --help": SIGNING | RECORDS - {"sqlite3"},
    "publish --help": SIGNING | RECORDS - {"sqlite3"},
    "witness --help": READING,
    "witness serve --help": READING,
}
"""Arguments, and the packages and modules that the command has no use for."""


CHAINS = (
    (BUNDLES, VERIFYING, INSPECTING),
    (READING, SIGNING | RECORDS, SIGNING | RECORDS - {"sqlite3"}),
    (WATCHED, WATCHED - {"prometheus_client"}, SIGNING),
)
"""The commands of each chain run in one process, one after the other: most of their time is imports.

Each has a use for all that the ones before it may import, so what it imports without use is seen.
"""
IN_TURN = """
import contextlib, io, json, sys
import anchor.__main__
from anchor.cli.main import run
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = run(words.split())
    print(json.dumps([words, code, sorted(sys.modules)]))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    """The names of all modules that are imported after a command, for each."""
    found = {}
    for chain in CHAINS:
        commands = [words for useless in chain for words, its in COMMANDS.items() if its == useless]
        done = subprocess.run(
            [sys.executable, "-c", IN_TURN, json.dumps(commands)], cwd=ROOT, capture_output=True, text=True
        )
        for line in done.stdout.splitlines():
            words, code, modules = json.loads(line)
            assert code in (0, 8), words
            found[words] = set(modules)
    return found


def test_a_chain_goes_from_commands_without_much_use_to_those_with_more() -> None:
    assert all(before > after for chain in CHAINS for before, after in itertools.pairwise(chain))


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_command_imports_only_what_it_uses(imported: dict[str, set[str]], arguments: str) -> None:
    modules = imported[arguments]
    packages = {name.partition(".")[0] for name in modules}
    assert "anchor" in packages
    assert not (modules | packages) & COMMANDS[arguments]


def test_a_proof_of_runs_is_verified_without_database_network_and_client(tmp_path: Path) -> None:
    own, file = policy(tmp_path), tmp_path / "runs.jsonl"
    file.write_bytes(history2.written(a_year().complete()))
    words = json.dumps([f"verify-history {file} --policy {own}"])
    done = subprocess.run([sys.executable, "-c", IN_TURN, words], cwd=ROOT, capture_output=True, text=True)
    _, code, modules = json.loads(done.stdout)
    assert code == 0, done.stderr
    assert not {name.partition(".")[0] for name in modules} & (NETWORK | SIGNING | RECORDS)
    assert not [name for name in modules if name.startswith("anchor.records")]


def test_the_reference_client_is_imported_where_it_is_asked() -> None:
    """In a process of its own, where Python lists what is imported."""
    words = ("verify", "release.json", "--policy", "release/policy.toml", "--second-opinion")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "anchor", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode in (0, 8), done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert "sigstore.verify" in {line.rpartition("|")[2].strip() for line in lines}
