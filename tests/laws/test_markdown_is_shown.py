# SPDX-License-Identifier: Apache-2.0
"""A document that markdown-table-v2 reads shows this table, with these cells, by GitHub's own parser.

Documents are put together from fragments that hide, move or change a table. Most are refused. What is
accepted is rendered by cmark-gfm, read as a browser reads it, and compared cell by cell.
"""

import io
import random
import re
from collections.abc import Callable
from urllib.parse import unquote

import pytest

from anchor.errors import Refused
from anchor.format.readers.markdown_v2 import MarkdownDialect, MarkdownTable2
from tests.support.second.readers import Wrong
from tests.support.second.readers2 import read
from tests.support.second.shown import Shown, tables

Read = Callable[[bytes, int | None], tuple[list[str], list[dict[str, str | None]]]]


def second(data: bytes, table: int | None) -> tuple[list[str], list[dict[str, str | None]]]:
    return read("markdown-table-v2", None if table is None else {"table": table}, [data])


def ours(data: bytes, table: int | None) -> tuple[list[str], list[dict[str, str | None]]]:
    """The reader of the program."""
    try:
        found = MarkdownTable2(io.BytesIO(data), where="d", dialect=MarkdownDialect(table=table))
        return list(found.columns), [dict(zip(found.columns, row, strict=True)) for _, row in found]
    except Refused as e:
        raise Wrong(str(e)) from None


READERS: dict[str, Read] = {"second": second, "ours": ours}
"""Every reader of `markdown-table-v2`: bytes and the number of the table, to columns and facts."""

CELLS = """a|b1|**x**|`c`|` c `|` `|**a b** |** a**|*****|***a***|**a\\***|**a*b**|~a|~a b~|~ ~|a~ ~b|~~a~~|
\\~30|*i*|_i_|**|`a` b|`a|``a`b|a\\`b|`a\\*b`|x `a\\*b`|\\*|\\\\|a\\|\\a|[t](u)|[t](u_(v))|
[t](u "v")|[a](b`c) \\* `|[`a](b`)|[t]|[t][r]|[^1]|![a](b)|!\\[a](b)|\\![a](b)|[a\\](b)|[**a](b)|
[t](http://u/?a=1&b=2)|http://a.b|www.a.b\\*c|http://x\\*y|http://x`y `a\\*b`|<b>|< b|<3|a<b|`<b>`|
&amp;|&x|&#35;|\\&amp;|a@b.c|<a@b.c>|<http://a>|:---:|---|-|# h|> q|- x|1. x|$x$|:a:|é |\u00a0|
\u2003x\u2003|**\u00a0a**|[ ](u)|[\u00a0](u)|[x^](u)|[^x](u)|[x](^u)|a  b|a\tb|\\_|_a\\_b_|
[a](javascript:x)|[a](u\\*)|**`a**`|**[a](b)**|`**a**`|*a**b*|<!-- x -->|</td>|<details>|[x]: y|
a ]( b|a:b|1:2|-1|=|{x}|"q"|'q'|--|...|(c)|a\\ b|\\""".replace("\n", "").split("|")
CELLS += ["a\\|b", "`a\\|b`", "\\\\|", "a\\\\|b", "\\|", "**a\\|b**", "`a \\| <b>`"]
LINES = [
    *(
        "text",
        "",
        "",
        "",
        "  ",
        "# H",
        "## H ##",
        "H",
        "===",
        "---",
        "--",
        "- item",
        "1. item",
        "> quote",
        "* * *",
    ),
    *(
        "```",
        "```",
        "````",
        "~~~",
        "~~~",
        "  ```",
        "  ```",
        "   ~~~",
        "    ```",
        "\t```",
        "- ```",
        "> ```",
        "``` x",
    ),
    *(
        "<!-- c -->",
        "<!--",
        "-->",
        " <!-- c -->",
        "<!-->",
        "<!--->",
        "--!>",
        "--> x",
        "a <!-- b -->",
        "- <!--",
    ),
    *(
        "<div>",
        "<details>",
        "</details>",
        "<br>",
        "a <br> b",
        "- <br>",
        "<http://a.b>",
        "<a@b.c>",
        "<pre",
        "<?x",
        "<!X",
    ),
    *(
        "`<div>`",
        "a `<template>` b",
        "`x",
        "`",
        "`` ` ``",
        "x` <template> `y",
        "[a](b`c) `<template>`",
        "[a]: `b",
    ),
    *(
        "[a][b`c] <svg>`",
        "[t]: /u",
        "[b`c]: /u",
        "[r]: /u 'title",
        "[^1]: note",
        "    | x |",
        "  - x",
        "  text",
    ),
    *(
        "http://a`b <template>`",
        "http://x`y `a ` <template> `c`",
        "<http://a`> `<template>`",
        '[a](b "',
        '`") <svg>`',
    ),
    *(
        "a | b",
        "-|-",
        "|---|---|",
        "| --- |",
        "> | a | b |",
        "> |---|---|",
        ":-:",
        "|",
        "||",
        "\\| a",
        "| a | b |",
    ),
    *(
        "  | a | b |",
        "  |---|---|",
        "| x",
        "...",
        "title: x",
        "+++",
        "$$",
        "    code",
        "\tcode",
        "| `a | <template>` |",
    ),
]


INLINE = [
    "`",
    "`",
    "``",
    " ",
    " ",
    "a",
    "b",
    "<svg>",
    "](",
    "[",
    "]",
    "(",
    ")",
    "\\",
    "http://x",
    "www.x",
    "<http://y>",
]
INLINE += [
    '"',
    "'",
    "*",
    "**",
    "_",
    "~",
    "<b@c.d>",
    "!",
    "^",
    ":",
    "&",
    ";",
    "`<b>`",
    " `x` ",
    "\\`",
    "<",
    ">",
    "\u00a0",
    "|",
]


def soup(rng: random.Random) -> str:
    """Signs of inline markup in any order."""
    return "".join(rng.choice(INLINE) for _ in range(rng.randint(1, 12)))


def a_document(rng: random.Random) -> str:
    some = rng.random() < 0.3
    lines = [soup(rng) if some else rng.choice(LINES) for _ in range(rng.choice((0, 0, 1, 2, 3, 5, 8)))]
    if rng.random() < 0.15:
        lines = ["---", "title: x", *lines[:2], "---", *lines[2:]]
    for _ in range(rng.choice((1, 1, 1, 2))):
        lines += rng.choice(([""], [""], [""], ["```"], ["<!-- c -->"], [])) if lines else []
        lines += a_table(rng)
        lines += rng.choice(([], [""], ["", rng.choice(LINES)], ["", rng.choice(LINES), rng.choice(LINES)]))
    return rng.choice(("\n", "\n", "\r\n")).join(lines) + rng.choice(("", "\n"))


def a_table(rng: random.Random) -> list[str]:
    width = rng.choice((1, 2, 2, 3))
    plain, soups = rng.random() < 0.5, rng.random() < 0.3

    def row(cells: list[str]) -> str:
        return "| " + " | ".join(cells) + rng.choice((" |", " |", " |", "|", " |  "))

    def cell() -> str:
        if soups and rng.random() < 0.3:
            return soup(rng).replace("|", "\\|")
        return rng.choice(("a", "b", "1", "")) if plain or rng.random() < 0.6 else rng.choice(CELLS)

    header = [f"c{i}" if rng.random() < 0.9 else rng.choice(CELLS) for i in range(width)]
    marks = [rng.choice(("---", ":-", "-", ":-:")) for _ in range(width + (rng.random() < 0.03))]
    body = [
        [cell() for _ in range(max(1, width - (rng.random() < 0.1)))] for _ in range(rng.choice((1, 1, 2, 3)))
    ]
    return [row(header), row(marks), *map(row, body)]


def markup(text: str) -> str:
    return re.sub("[*_`\\s]", "", text)


def same(value: str, shown: Shown) -> bool:
    """The value is what is shown, and has beside it no more than the signs of markup."""
    if not re.search(r"[*_`\[\]]", value) or shown.elements in ((), ("code",), ("strong",)):
        return value == shown.text or (bool(shown.elements) and markup(value) == markup(shown.text))
    if "](" not in value:
        return markup(value) == markup(shown.text)
    rest = iter(value)
    return all(c in rest for c in shown.text)


def compare(
    document: str, number: int | None, columns: list[str], facts: list[dict[str, str | None]]
) -> None:
    found = tables(document)
    table = found[(number or 1) - 1]
    assert table is not None, "the table is inside something"
    assert number is not None or len(found) == 1
    assert len(table) == len(facts) + 1
    linked = [name for name in columns if f"{name}_url" in columns]
    names = [c for c in columns if c.removesuffix("_url") not in linked or not c.endswith("_url")]
    for name, shown in zip(names, table[0], strict=True):
        assert same(
            name,
            Shown(re.sub("[A-Z ]", lambda m: m[0].lower().replace(" ", "_"), shown.text), "", shown.elements),
        )
    for fact, row in zip(facts, table[1:], strict=True):
        for name, shown in zip(names, row, strict=True):
            value, url = str(fact[name]), fact.get(f"{name}_url") if name in linked else None
            assert "img" not in shown.elements
            if url:
                assert (shown.elements or ("",))[0] == "a"
                assert unquote(shown.link) == unquote(url)
            assert same(value, shown), (name, value, shown)


def check(reader: Read, document: str) -> bool:
    """True if the document, or a table of it, was accepted; what was accepted is compared."""
    accepted = False
    for number in (None, 1, 2, 3):
        try:
            columns, facts = reader(document.encode(), number)
        except Wrong:
            continue
        accepted = True
        compare(document, number, columns, facts)
    return accepted


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize(
    "documents", [pytest.param(600, id="some"), pytest.param(60_000, marks=pytest.mark.slow, id="many")]
)
def test_what_is_read_is_what_is_shown(reader: Read, documents: int) -> None:
    accepted = sum(check(reader, a_document(random.Random(seed))) for seed in range(documents))
    assert documents // 20 < accepted < documents, "the fragments have to reach both answers"


TABLE = "| a | b |\n|---|---|\n| 1 | 2 |\n"
ATTACKS = {
    "front matter opens a fence": f"---\n```\n---\n\n{TABLE}\n```\n",
    "front matter ends in two ways": f"---\nx: y\n...\n\n{TABLE}\n---\n",
    "front matter is a table": f"---\ntitle: x\n:-:\n---\n\n{TABLE}",
    "a list ends an indented fence": f"- x\n  ```\n  y\n```\n\n{TABLE}\n```\n",
    "a list ends an indented fence, and another opens": f"- x\n  ```\ny\n~~~~\n  ```\n\n{TABLE}",
    "a delimiter row of another width": f"| a | b |\n|---|\n\n{TABLE}",
    "a fence around the table is indented": f"   ```\n\n{TABLE}\n   ```\n",
    "an indented fence closes earlier": f"- x\n\n  ```\n    ```\n  <div hidden>\n  ```\n\n{TABLE}",
    "a comment ends at once": f"<!-->\n\n{TABLE}\n-->\n",
    "a browser ends the comment": f"<!--\n--!>\n<div hidden>\n-->\n\n{TABLE}",
    "an element after a comment": f"<!-- x --><div hidden>\n\n{TABLE}",
    "a list ends the comment": f"- x\n  <!--\nfoo\n-->\n\n{TABLE}",
    "a line begins with a tag": f"<br>\n{TABLE}",
    "the title of a link takes a back-tick": f'[a](b " `c") <template>`\n\n{TABLE}',
    "a label takes a back-tick": f"[a][b `c] <template>`\n\n[b `c]: /u\n\n{TABLE}",
    "an address takes a back-tick": f"http://a`b <template>`\n\n{TABLE}",
    "an address shifts the spans": f"http://x`y `a ` <template> `c`\n\n{TABLE}",
    "a code span goes over two lines": f"`a\nb` <template> `c`\n\n{TABLE}",
    "a cell ends the code span": f"| `a | <template>` |\n|---|---|\n| x | y |\n\n{TABLE}",
    "a table without an empty line before it": f"text\n{TABLE}",
    "a table after a heading in a table": f"{TABLE}# h\n{TABLE}",
    "a table in a quotation": f"> | a | b |\n> |---|---|\n\n{TABLE}",
    "a table of one column without borders": f"a\n:-:\n\n{TABLE}",
    "a row without a border": f"{TABLE}3 | 4\n",
    "a longer row": f"{TABLE}| 3 | 4 | 5 |\n",
    "a border that is two": f"{TABLE}|\n",
    "a border after two backslashes": f"{TABLE}| x\\\\| y | z |\n",
    "an escape beside a code span": f"{TABLE}| \\* `a` | 4 |\n",
    "an escape inside an address": f"{TABLE}| http://x\\*y | 4 |\n",
    "a single ~": f"{TABLE}| ~3~ | 4 |\n",
    "an image": f"{TABLE}| ![3](u) | 4 |\n",
    "an entity": f"{TABLE}| &#51; | 4 |\n",
    "an element in a cell": f"{TABLE}| <b>3 | 4 |\n",
    "a link that is defined elsewhere": f"{TABLE}| [3][x] | 4 |\n\n[x]: /u\n",
    "a carriage return": f"text\r\n\r{TABLE}",
}
"""Documents that show something else than their lines say."""


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("document", ATTACKS.values(), ids=ATTACKS)
def test_a_document_that_shows_something_else_is_refused(reader: Read, document: str) -> None:
    for number in (None, 1, 2):
        with pytest.raises(Wrong):
            reader(document.encode(), number)
    assert check(reader, f"# H\n\n{TABLE}\n```\n{document.splitlines()[0]}\n```\n") or "```" in document


VALUES = {
    "**x**": "x",
    "**a\\**": "**a**",
    "** a**": "** a**",
    "***a***": "***a***",
    "*****": "*****",
    "` a `": "a",
    "` `": " ",
    "`a\\*b`": "a\\*b",
    "x `a\\*b`": "x `a\\*b`",
    "\\*": "*",
    "a\\|b": "a|b",
    "`a\\|b`": "a|b",
    "~5 - ~6": "~5 - ~6",
    "\\a": "\\a",
    "3 < 4": "3 < 4",
}
"""The text that a cell gives."""


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize(("cell", "value"), VALUES.items(), ids=VALUES)
def test_a_cell_gives_its_text_and_is_shown_so(reader: Read, cell: str, value: str) -> None:
    document = f"{TABLE}| {cell} | z |\n"
    _, facts = reader(document.encode(), None)
    assert facts[1] == {"a": value, "b": "z"}
    assert check(reader, document)
