# SPDX-License-Identifier: Apache-2.0
"""No line says "1 logs": a number that is computed stands before its noun through `anchor.words`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "anchor"
NOUNS = (
    "alarms|anchors|authorities|checkpoints|checks|columns|cosignatures|days|entries|facts|files|findings|groups|hashes|hours|"
    "heads|logs|minutes|receipts|releases|rows|runs|seconds|signers|statements|targets|witnesses"
)
_PLURAL = re.compile(rf" (?:(?!of )[a-z]+ )?({NOUNS})\b")
_LIMIT = re.compile(r"(?:more than|fewer than|up to|the first|at most|a table of|row that) (?:the )?$")


def plurals(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each plural behind a computed number. A line that asks for 1 may have both forms."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        before = ""
        for part, after in zip(node.values, node.values[1:], strict=False):
            if isinstance(part, ast.Constant):
                before = str(part.value)
                continue
            asks = any(
                re.search(r"== 1|!= 1|> 1|>= 2|> MAX_|> MOST|> limits", line)
                for line in lines[max(0, node.lineno - 4) : node.end_lineno]
            )
            said = str(after.value) if isinstance(after, ast.Constant) else ""
            if (found := _PLURAL.match(said)) and _is_number(part) and not _LIMIT.search(before) and not asks:
                yield node.lineno, found[0].strip()
            before = ""


def _is_number(part: ast.expr) -> bool:
    """False for a constant, such as a limit: it has one number."""
    value = part.value if isinstance(part, ast.FormattedValue) else part
    name = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
    return not name.isupper()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_number_has_a_noun_of_another_number(path: Path) -> None:
    found = [f"{path}:{line}: {{...}} {text}" for line, text in plurals(path.read_text())]
    assert not found, f"write it with anchor.words.several: {found}"


def test_the_rule_finds_a_plural_and_lets_limits_and_choices_pass() -> None:
    assert list(plurals('x = f"{len(logs)} logs are here"')) == [(1, "logs")]
    assert list(plurals('x = f"{size} signed checkpoints"')) == [(1, "signed checkpoints")]
    assert list(plurals('x = f"{kind} of facts"')) == []
    assert list(plurals('x = f"more than {limit} facts"')) == []
    assert list(plurals('x = f"{MOST} facts"')) == []
    assert list(plurals('x = "1 log" if n == 1 else f"{n} logs"')) == []
