# SPDX-License-Identifier: Apache-2.0
"""Tables of a rendered page that `markdown-table-v1` does not read."""

import pytest

from anchor.inspect.lint.markdown_tables import RenderedTables

READ = "# Title\n\n| A | B |\n|---|---|\n| 1 | 2 |\n\n"


def others(text: str, step: int = 7) -> tuple[int, ...]:
    """The lines of the other tables, for a document that comes in small pieces."""
    page, data = RenderedTables(), text.encode()
    for at in range(0, len(data), step):
        page.write(data[at : at + step])
    return tuple(line for finding in page.findings() for line in finding.lines)


@pytest.mark.parametrize(
    "table",
    [
        "A | B\n--- | ---\n1 | 2\n",
        "  | A | B |\n  |---|---|\n  | 1 | 2 |\n",
        "A | B\r\n:-: | -:\r\n1 | 2\r\n",
        "<TABLE>\n<tr><td>1</td></tr></table>\n",
        "<p><table class='x'>",
    ],
)
def test_a_table_that_is_not_read_is_found(table: str) -> None:
    assert others(READ + table) == (7,)
    assert others(table + "\n" + READ) == (1,)


@pytest.mark.parametrize(
    "text",
    [
        "no table\n---\n",
        "a | b\n",
        "\n--- | ---\n",
        "a | b\n--- | --- | ---\n",
        "```\na | b\n--- | ---\n```\n",
        "~~~~ md\na | b\n--- | ---\n~~~\n<table>\n~~~~\n",
        "a \\| b\n--- | ---\n",
        "<tables>\n",
    ],
)
def test_other_text_is_no_table(text: str) -> None:
    assert others(READ + text) == ()


def test_only_the_first_table_with_borders_is_read() -> None:
    assert others(READ + "| A\n|---\n| 1\n") == (7,)


def test_a_table_below_a_fence_that_ends_is_found() -> None:
    assert others(READ + "```\nx\n```\n\na | b\n--- | ---\n") == (11,)
