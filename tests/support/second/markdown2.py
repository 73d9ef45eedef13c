# SPDX-License-Identifier: Apache-2.0
"""markdown-table-v2, written only from section 17.5 of FORMAT.md, rule by rule."""

import re

from tests.support.second.readers import link, must

Table = tuple[list[str], list[dict[str, str | None]]]
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
SPACES = "[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
ANGLE = re.compile("<[A-Za-z/!?]")
AUTOLINK = re.compile(r"<[A-Za-z][0-9A-Za-z+.-]{1,31}:[^ \t<>]*>|<[0-9A-Za-z._+-]+@[0-9A-Za-z._+-]+>")
FENCE = re.compile(r"( {0,3})(`{3,}(?=[^`]*$)|~{3,})")
CELL = "[ \t]*:?-+:?[ \t]*"
DELIMITER = re.compile(rf"(?=.*[|:])[ \t>]*\|?{CELL}(\|{CELL})*\|?[ \t]*")
ENTITY = re.compile("&([0-9A-Za-z]+|#[0-9]+|#[xX][0-9A-Fa-f]+);")
FILLED = 500_000


def markdown(text: str, table: int | str | None) -> Table:
    lines = text.split("\n")
    last = lines.pop()
    lines = [line.removesuffix("\r") for line in lines] + ([last] if last else [])
    must(not re.search("[\x00-\x08\x0a-\x1f\x7f-\x9f]", "".join(lines)), "control character")
    kinds = sort_lines(lines)
    check_html(lines, kinds)
    tables = find_tables(lines, kinds)
    must(tables, "no table")
    must((table is None) == (len(tables) == 1), "which table")
    if isinstance(table, str):
        start, end = under(heading(lines, kinds), table, len(lines))
        tables = [t for t in tables if start < t[0] < end]
        must(len(tables) == 1, "one table under the heading")
        table = 1
    must((table or 1) <= len(tables), "number of the table")
    first, stop = tables[(table or 1) - 1]
    defined = any(
        "]:" in line for line, kind in zip(lines, kinds, strict=True) if kind not in ("fence", "comment")
    )
    return read_table([cells(line) for line in lines[first:stop]], defined=defined)


def empty(line: str) -> bool:
    return not line.strip(" \t")


def sort_lines(lines: list[str]) -> list[str]:
    """Rules 1 to 3: each line is `front`, `fence`, `comment`, `indented` (a fence) or `text`."""
    kinds: list[str] = []
    rule = [i for i, line in enumerate(lines) if re.fullmatch("---[ \t]*", line)]
    if rule[:1] == [0]:
        must(len(rule) > 1, "front matter without end")
        for line in lines[1 : rule[1]]:
            must(not re.fullmatch(r"\.\.\.[ \t]*", line) and not line.startswith("|"), "front matter")
            must("```" not in line and "~~~" not in line and not ANGLE.search(line), "front matter")
            must(not DELIMITER.fullmatch(line), "front matter")
        kinds = ["front"] * (rule[1] + 1)
    while (at := len(kinds)) < len(lines):
        opened = FENCE.match(lines[at])
        if lines[at].startswith("<!--"):
            kinds += ["comment"] * comment(lines[at:])
        elif opened:
            indent, run = opened[1], opened[2]
            close = f"{indent or ' {0,3}'}{run[0]}{{{len(run)},}}[ \t]*"
            ends = [i for i in range(at + 1, len(lines)) if re.fullmatch(close, lines[i])]
            must(ends, "open fence")
            for line in lines[at + 1 : ends[0]] if indent else []:
                inside = line.startswith(indent) and not line.lstrip(" \t").startswith(run[0] * 3)
                must(empty(line) or inside, "indented fence")
            kinds += ["indented" if indent else "fence"] * (ends[0] + 1 - at)
        else:
            kinds.append("text")
    return kinds


def comment(lines: list[str]) -> int:
    """How many lines the comment has that begins the first one."""
    must(not lines[0].startswith(("<!-->", "<!--->")), "comment")
    for n, line in enumerate(lines):
        inside, found, after = (line[4:] if n == 0 else line).partition("-->")
        must("--!>" not in inside, "comment")
        if found:
            must(empty(after), "text after a comment")
            return n + 1
    must(condition=False, why="open comment")
    raise AssertionError


def marks(text: str) -> tuple[str, bool, list[int]]:
    """Rule 5. For each character: `c` in a code span, `b` a backslash, `e` what it escapes, else `p`.

    Then: is a run open, and where the spans begin.
    """
    out, is_open, starts = "", False, []
    while (at := len(out)) < len(text):
        run = re.compile("`+").match(text, at)
        if text[at] == "\\" and text[at + 1 : at + 2] and text[at + 1] in PUNCTUATION:
            out += "be"
        elif run:
            size = len(run[0])
            end = re.compile(f"(?<!`)`{{{size}}}(?!`)").search(text, run.end())
            if end:
                starts.append(at)
                out += "c" * (end.end() - at)
            else:
                is_open = True
                out += "p" * size
        else:
            out += "p"
    return out, is_open, starts


def check_html(lines: list[str], kinds: list[str]) -> None:
    """Rules 4 and 5."""
    group: list[str] = []
    for line, kind in [*zip(lines, kinds, strict=True), ("", "text")]:
        if kind in ("text", "indented") and not empty(line):
            group.append(line)
            continue
        pieces = [(line, piece) for line in group for piece in line.split("|")]
        tame = not any("](" in line or "][" in line for line in group)
        for _, piece in pieces:
            _, is_open, starts = marks(piece)
            tame = tame and not is_open and all(at == 0 or piece[at - 1] in " \t" for at in starts)
        for whole, piece in pieces:
            shown = marks(piece)[0]
            for found in ANGLE.finditer(piece):
                at = found.start()
                in_code = tame and shown[at] == "c"
                tag = re.match("[A-Za-z|]", whole) and re.compile("<br ?/?>").match(piece, at)
                must(in_code or AUTOLINK.match(piece, at) or tag, "HTML")
        group = []


def find_tables(lines: list[str], kinds: list[str]) -> list[tuple[int, int]]:
    """Rule 6: where each table begins and ends."""
    tables: list[tuple[int, int]] = []
    for at, line in enumerate(lines):
        is_row = kinds[at] in ("text", "indented") and DELIMITER.fullmatch(line)
        if not is_row or (tables and at < tables[-1][1]):
            continue
        must(at > 0 and line.startswith("|") and lines[at - 1].startswith("|"), "delimiter row")
        must(kinds[at - 1] == "text", "delimiter row")
        before = at < 2 or empty(lines[at - 2]) or kinds[at - 2] in ("fence", "comment", "indented")
        must(before and (at < 2 or kinds[at - 2] != "front"), "text before the table")
        end = at
        while end < len(lines) and lines[end].startswith("|"):
            end += 1
        must(end == len(lines) or empty(lines[end]), "text after the table")
        must(len(cells(lines[at - 1])) == len(cells(line)), "cells of the delimiter row")
        tables.append((at - 1, end))
    return tables


def heading(lines: list[str], kinds: list[str]) -> list[tuple[int, str]]:
    """The headings, each with its line and its text; an empty text cannot be named."""
    found = []
    for at, (line, kind) in enumerate(zip(lines, kinds, strict=True)):
        if kind not in ("text", "indented"):
            continue
        if re.fullmatch(" {0,3}(=+|-+)[ \t]*", line):
            found.append((at, ""))
        elif hashes := re.match("( {0,3})#{1,6}(?=[ \t]|$)", line):
            text = re.sub("(^|[ \t])#+$", "", line[hashes.end() :].strip(" \t")).strip(" \t")
            found.append((at, "" if hashes[1] else text))
    return found


def under(headings: list[tuple[int, str]], name: str, end: int) -> tuple[int, int]:
    (at,) = [at for at, text in headings if text == name] or [-1]
    must(at >= 0, "heading")
    return at, next((other for other, _ in headings if other > at), end)


def cells(line: str) -> list[str]:
    """Rule 7."""
    line = line.rstrip(" \t")
    must("\\\\|" not in line, "a border after two backslashes")
    must(len(line) > 1 and line.startswith("|") and line.endswith("|") and line[-2] != "\\", "borders")
    return [part.strip(" \t").replace("\\|", "|") for part in re.split(r"(?<!\\)\|", line)[1:-1]]


def read_table(rows: list[list[str]], *, defined: bool) -> Table:
    width = len(rows[0])
    must(len(rows) > 2, "no row")
    must(all(len(row) <= width for row in rows), "a row with more cells")
    must(sum(width - len(row) for row in rows) <= FILLED, "too many cells are filled up")
    rows = [row + [""] * (width - len(row)) for row in rows]
    for row in [rows[0], *rows[2:]]:
        for cell in row:
            check_cell(cell, defined=defined)
    links = [bool(linked(cell)) for cell in rows[2]]
    columns: list[str] = []
    for cell, is_link in zip(rows[0], links, strict=True):
        name = re.sub("[A-Z ]", lambda m: m[0].lower().replace(" ", "_"), plain(cell)[0])
        columns += [name, name + "_url"] if is_link else [name]
    must(len(set(columns)) == len(columns), "columns of one name")
    return columns, [
        dict(
            zip(
                columns,
                [v for cell, is_link in zip(row, links, strict=True) for v in values(cell, is_link=is_link)],
                strict=True,
            )
        )
        for row in rows[2:]
    ]


def check_cell(cell: str, *, defined: bool) -> None:
    """Rule 8."""
    shown, _, _ = marks(cell)
    outside = "".join(
        c if mark == "p" else "x" if mark != "c" else "c" for c, mark in zip(cell, shown, strict=True)
    )
    must(not ANGLE.search(cell) and not ENTITY.search(cell), "HTML or an entity in a cell")
    must("![" not in outside, "an image in a cell")
    must(not re.search("~.*(?<![ \t])~", outside), "a second ~")
    escapes = "b" in shown
    must(not (escapes and re.search("://|www\\.", cell, re.IGNORECASE)), "an escape beside an address")
    must(not (escapes and "c" in shown), "an escape beside a code span")
    must(not defined or "[" not in outside or linked(cell), "a link by reference")


def linked(cell: str) -> list[str] | None:
    found = link(cell)
    if not found or re.search(r"[`\\]", cell):
        return None
    depth = deepest = 0
    for c in found[1]:
        depth += {"(": 1, ")": -1}.get(c, 0)
        deepest = max(deepest, depth)
    return found if deepest <= 32 else None


def plain(cell: str) -> tuple[str, bool]:
    """Rule 9 of a cell that is no link: its text, and whether something was taken off."""
    if code := re.fullmatch("`([^`]+)`", cell):
        inner = code[1]
        padded = inner.startswith(" ") and inner.endswith(" ") and inner.strip(" ")
        return (inner[1:-1] if padded else inner), True
    strong = re.fullmatch(r"\*\*([^*]+)(?<!\\)\*\*", cell)
    if strong and not re.search(f"^{SPACES}|{SPACES}$", strong[1]):
        return unescaped(strong[1]), True
    return unescaped(cell), False


def unescaped(text: str) -> str:
    return "".join(c for c, mark in zip(text, marks(text)[0], strict=True) if mark != "b")


def values(cell: str, *, is_link: bool) -> list[str]:
    """Rules 9 and 10: one value, or two in a link column."""
    if not is_link:
        return [plain(cell)[0]]
    text, taken = plain(cell)
    must(linked(cell) or taken or "](" not in cell, "malformed link")
    return linked(cell) or [text, ""]
