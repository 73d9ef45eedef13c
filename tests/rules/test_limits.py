# SPDX-License-Identifier: Apache-2.0
"""One table of limits: FORMAT.md and the manual say what the program has, and what is written can be read."""

import re
from pathlib import Path

from anchor import limits

ROOT = Path(__file__).resolve().parents[2]
FORMAT = (ROOT / "anchor" / "FORMAT.md").read_text()


def table(text: str) -> dict[str, int]:
    rows = re.findall(r"^\| (.+) \| ([0-9,]+) \|$", text, re.MULTILINE)
    return {name: int(number.replace(",", "")) for name, number in rows}


def test_format_md_has_the_limits_of_the_program() -> None:
    section = FORMAT.split("## 13. Limits")[1].split("\n## ")[0]
    assert table(section) == limits.FORMAT
    section = FORMAT.split("## 27. Limits of version 2")[1].split("\n## ")[0]
    assert table(section) == limits.FORMAT_2


def test_the_manual_has_the_other_limits_of_the_program() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text()
    assert table(manual.split("## What is too large")[1].split("\n## ")[0]) == limits.PROGRAM


def test_no_number_in_format_md_is_beside_the_table() -> None:
    prose = FORMAT.split("## 12. ")[0]
    numbers = {int(n.replace(",", "")) for n in re.findall(r"(?<!\{)\b[0-9]{1,3}(?:,[0-9]{3})+\b", prose)}
    assert len(numbers) > 8
    assert numbers <= set(limits.FORMAT.values())


def base64_size(size: int) -> int:
    return 4 * ((size + 2) // 3)


def test_the_largest_statement_and_stamps_fit_into_a_bundle() -> None:
    """A body holds digests and a certificate; JSON's escapes double the checkpoint at most."""
    parts = base64_size(limits.STATEMENT) + limits.TIMESTAMPS * base64_size(limits.TIMESTAMP)
    parts += 2 * limits.CERTIFICATES * base64_size(base64_size(limits.CERTIFICATE)) + 2 * limits.NOTE
    assert parts + limits.HASHES * 50 + (64 << 10) <= limits.BUNDLE


def test_the_largest_evidence_of_two_statements_is_read() -> None:
    side = base64_size(limits.EVIDENCE_BUNDLES) + 3 * 32 * 4 + base64_size(limits.STATEMENT)
    name = 6 * limits.LEDGER_NAME
    assert 2 * side + name + 1024 <= limits.EVIDENCE
    assert limits.EVIDENCE_BUNDLES >= limits.BUNDLE, "one bundle always fits"


def test_the_largest_step_of_a_journal_is_read() -> None:
    prepared = base64_size(limits.STATEMENT) * 3 + base64_size(limits.ANSWER_CHAIN)
    prepared += limits.TIMESTAMPS * base64_size(limits.TIMESTAMP)
    assert max(prepared, limits.ANSWER_V1, limits.ANSWER_V2) <= limits.JOURNAL_STEP


def test_what_tuf_gives_and_what_is_copied_into_a_release_is_a_trusted_root_that_is_read() -> None:
    assert limits.TUF_FILE <= limits.TRUSTED_ROOT <= limits.SIGNING_CONFIG
