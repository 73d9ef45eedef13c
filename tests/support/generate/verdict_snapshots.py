# SPDX-License-Identifier: Apache-2.0
"""The verdicts of all commands that print one, on terminals of 40 and 80 columns, as a person sees them.

`python -m tests.support.generate.verdict_snapshots` writes a file for each case of
`tests/support/releases/verdict_cases.py`, `audit_cases.py` and `history_cases.py`.
"""

import tempfile
from pathlib import Path

from tests.support.process import surroundings
from tests.support.process.pseudo_terminal import on_terminal
from tests.support.releases import audit_cases, history_cases, verdict_cases
from tests.support.releases.verdict_cases import Case, steady

FOLDER = Path(__file__).resolve().parents[2] / "integration" / "verdicts"
WIDTHS = (40, 80)


def snapshot(case: Case) -> str:
    """The command, and what it shows at each width. Without colour, so that a person can read the file."""
    words = " ".join(Path(str(word)).name if str(word).startswith("/") else str(word) for word in case.words)
    parts = [f"$ anchor {words}\n"]
    for columns in WIDTHS:
        with case.ready():
            seen = on_terminal(*case.words, columns=columns, cwd=case.cwd, env={"NO_COLOR": "1"})
        assert seen.code == case.verdict.exit_code, (case.name, seen)
        parts.append(
            f"\n--- {columns} columns, exit code {seen.code} {'-' * 20}\n\n{steady(seen.text, case.cwd)}"
        )
    return "".join(parts)


def main() -> None:
    """Write every file again."""
    base = surroundings.cut_off()
    try:
        FOLDER.mkdir(exist_ok=True)
        for old in FOLDER.glob("*.txt"):
            old.unlink()
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "snapshots-of-verdicts"
            cases = (
                *verdict_cases.all_cases(place),
                *audit_cases.all_cases(place / "audits"),
                *history_cases.of_histories(place / "histories"),
            )
            for case in cases:
                (FOLDER / f"{case.name}.txt").write_text(snapshot(case), encoding="utf-8")
    finally:
        surroundings.remove(base)


if __name__ == "__main__":
    main()
