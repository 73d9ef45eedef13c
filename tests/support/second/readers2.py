# SPDX-License-Identifier: Apache-2.0
"""The readers of version 2, written only from sections 16 and 17 of FORMAT.md: short, plain and slow.

A fact is a map from column to string or None; an absent column is not in it.
"""

import codecs
import re
import zlib
from collections.abc import Callable
from typing import Any

from tests.support.second import readers
from tests.support.second.json2 import json_document, json_lines
from tests.support.second.markdown2 import markdown
from tests.support.second.readers import VALUE, Unsupported, must

Fact = dict[str, str | None]
Table = tuple[list[str], list[Fact]]
BOMS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")
ONE_BYTE = {
    "windows-1252": "cp1252",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "macintosh": "mac_roman",
}
LINE = ITEM = 1_048_576


def text_of(data: bytes, encoding: str = "utf-8", *, bom: bool = False) -> str:
    """17.1"""
    if encoding == "utf-16":
        must(data[:2] in BOMS, "no byte order mark")
        return codecs.decode(data[2:], "utf-16-be" if data[:2] == b"\xfe\xff" else "utf-16-le")
    if bom:
        must(data.startswith(BOMS[0]), "no byte order mark")
        data = data[3:]
    else:
        must(not data.startswith(BOMS), "byte order mark")
    return codecs.decode(data, ONE_BYTE.get(encoding, "utf-8"))


def short_lines(text: str, encoding: str = "utf-8", end: str = "\n") -> None:
    """The limit of a line, in bytes of the file."""
    name = ONE_BYTE.get(encoding, "utf-16-le" if encoding == "utf-16" else "utf-8")
    for i, line in enumerate(lines := text.split(end)):
        shown = line.removesuffix("\r") if end == "\n" and i + 1 < len(lines) else line
        must(len(shown.encode(name)) <= LINE, "line")


def control(text: str, allowed: str = "\t") -> bool:
    return any((c < " " or "\x7f" <= c <= "\x9f") and c not in allowed for c in text)


# 17.2

DELIMITED: dict[str, Callable[[Any], bool]] = {
    "delimiter": lambda v: is_code_point(v) and v != ",",
    "quote": lambda v: v is None or (is_code_point(v) and v != '"'),
    "encoding": lambda v: supported(v, {"utf-8", "utf-16", *ONE_BYTE}) and v != "utf-8",
    "bom": lambda v: v is True,
    "line_ends": lambda v: supported(v, {"cr"}),
    "skip": lambda v: type(v) is int and 1 <= v <= 1_000,
    "header": lambda v: v is False,
    "columns": lambda v: isinstance(v, list) and all(is_name(x) for x in v) and len(set(v)) == len(v) > 0,
    "empty_lines": lambda v: supported(v, {"end", "all"}),
    "null": lambda v: isinstance(v, str) and len(v) <= 64 and not re.search("[\r\n]", v),
    "rename": lambda v: v is True,
}


def is_code_point(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 1 and not control(value) and value != "\ufeff"


def is_name(value: Any) -> bool:
    return (
        isinstance(value, str)
        and 1 <= len(value) <= 1_024
        and not re.search("[\ud800-\udfff\U00010000-\U0010ffff]", value)
    )


def supported(value: Any, known: set[str]) -> bool:
    if isinstance(value, str) and value not in known:
        raise Unsupported(f"no value of this version: {value}")
    return isinstance(value, str)


def check_dialect(dialect: Any, members: dict[str, Callable[[Any], bool]]) -> dict[str, Any]:
    if dialect is None:
        return {}
    must(isinstance(dialect, dict) and dialect, "empty dialect")
    for name in dialect:
        if name not in members:
            raise Unsupported(f"member {name}")
    wrong = [name for name, value in dialect.items() if not members[name](value)]
    must(not wrong, f"value of {wrong}")
    return dict(dialect)


def delimited_dialect(dialect: Any) -> dict[str, Any]:
    d = {"delimiter": ",", "quote": '"'} | check_dialect(dialect, DELIMITED)
    must(d["delimiter"] != d["quote"], "delimiter is quote")
    must(("header" in d) == ("columns" in d), "header and columns")
    must(not ("bom" in d and "encoding" in d), "bom and encoding")
    must(not ("rename" in d and "header" in d), "rename without header")
    token = d.get("null", "")
    must(d["delimiter"] not in token and (d["quote"] is None or d["quote"] not in token), "token for null")
    return d


def delimited(d: dict[str, Any], data: bytes) -> tuple[list[str], list[list[str | None]], set[str]]:
    """Columns, rows, and which members had an effect in this file."""
    encoding, end = d.get("encoding", "utf-8"), "\r" if "line_ends" in d else "\n"
    text = text_of(data, encoding, bom="bom" in d)
    short_lines(text, encoding, end)
    start = 0
    for _ in range(d.get("skip", 0)):
        must(start < len(text), "fewer lines than skip")
        line, found, _ = text[start:].partition(end)
        start += len(line) + len(found)
        must(not control(line.removesuffix("\r") if found == "\n" else line), "control character")
    records, seen = split_records(text[start:], d, end)
    seen |= {"line_ends"} if end in text[:start] else set()
    if encoding == "utf-16" or any(byte > 0x7F for byte in data):
        seen.add("encoding")
    null = d.get("null")
    rows = [[None if not q and f == null else f for q, f in record] for record in records]
    if None in [f for row in rows[0 if "header" in d else 1 :] for f in row]:
        seen.add("null")
    if "header" in d:
        columns = d["columns"]
    else:
        must(records, "no header")
        given, rows = [f for _, f in records[0]], rows[1:]
        columns = renamed(given) if "rename" in d else given
        seen |= {"rename"} if columns != given else set()
    must(all(len(row) == len(columns) for row in rows), "ragged records")
    return columns, rows, seen


def split_records(text: str, d: dict[str, Any], end: str) -> tuple[list[list[tuple[bool, str]]], set[str]]:
    """The records, each field with whether it is quoted; and the members that had an effect."""
    delimiter, quote, records, seen, at = d["delimiter"], d["quote"], [], set(), 0
    seen |= {"quote null"} if '"' in text else set()
    empty = False
    line_end = re.compile("\r" if end == "\r" else "\r?\n")
    while at < len(text):
        if found := line_end.match(text, at):
            must("empty_lines" in d, "empty line")
            empty, at = True, found.end()
            seen |= {"line_ends", "end"}
            continue
        if empty:
            must(d["empty_lines"] == "all", "empty line before a record")
            seen.add("all")
        record, start, more = [], at, True
        while more:
            quoted = quote is not None and text.startswith(quote, at)
            if quoted:
                seen.add("quote")
                field = ""
                while True:
                    close = text.find(quote, at + 1)
                    must(close >= 0, "open quote")
                    field += text[at + 1 : close]
                    at = close + 1
                    if not text.startswith(quote, at):
                        break
                    field += quote
                must(not control(field, "\t\r\n"), "control character")
            else:
                stop = re.compile(f"[{re.escape(delimiter)}{end}]").search(text, at)
                close = stop.start() if stop else len(text)
                if end == "\n" and stop and stop[0] == "\n" and text[at:close].endswith("\r"):
                    close -= 1
                field, at = text[at:close], close
                must(not control(field) and (quote is None or quote not in field), "character in a field")
            must(len(field) <= VALUE, "value")
            record.append((quoted, field))
            more = text.startswith(delimiter, at)
            at += more
        found = line_end.match(text, at)
        must(at == len(text) or found, "text after a quote")
        must(at - start <= ITEM, "record")
        seen |= {"line_ends"} if found else set()
        at = found.end() if found else at
        records.append(record)
    return records, seen


def renamed(header: list[str]) -> list[str]:
    names: list[str] = []
    for n, given in enumerate(header, 1):
        own, number = given or f"column_{n}", 2
        name = own
        if own in names or (not given and own in header):
            while (name := f"{own}_{number}") in names or name in header:
                number += 1
        names.append(name)
    return names


def not_idle(d: dict[str, Any], seen: set[str]) -> None:
    """Rule 5: over all files together."""
    for member in ("encoding", "line_ends", "null", "rename"):
        must(member not in d or member in seen, f"{member} is idle")
    must("empty_lines" not in d or d["empty_lines"] in seen, "empty_lines is idle")
    must(d["quote"] == '"' or ("quote null" if d["quote"] is None else "quote") in seen, "quote is idle")


# 17.6, 17.7


def lines(data: bytes) -> list[Fact]:
    text = text_of(data)
    short_lines(text)
    found = text.split("\n")
    last = found.pop()
    found = [line.removesuffix("\r") for line in found] + ([last] if last else [])
    must(not any(control(line) for line in found), "control character")
    return [{"line": line} for line in found]


def file_list(data: bytes, form: Any) -> Table:
    if form == "sha256sum":
        text = text_of(data)
        must(text.endswith("\n"), "the last line has no end")
        columns, rows = ["path", "sha256"], []
        for line in text[:-1].split("\n"):
            found = re.fullmatch(r"([0-9a-f]{64}) [ *](.+)", line)
            must(found, "line of sha256sum")
            rows.append([found[2].removeprefix("./"), found[1]] if found else [])
        must(len(rows) <= 4_194_304, "too many files")
    else:
        columns, given, _ = delimited(delimited_dialect(None), data)
        must(columns in (["path", "size", "sha256"], ["path", "size", "sha256", "media_type"]), "header")
        rows = [[str(v) for v in row] for row in given]
    facts: list[Fact] = [dict(zip(columns, row, strict=True)) for row in rows]
    for fact in facts:
        check_path(str(fact["path"]))
        must(re.fullmatch("[0-9a-f]{64}", str(fact["sha256"])), "sha256")
        if "size" in fact:
            must(re.fullmatch("0|[1-9][0-9]{0,18}", str(fact["size"])), "size")
            must(int(str(fact["size"])) < 2**63, "size")
        name = "[0-9A-Za-z][0-9A-Za-z!#$&^_.+-]{0,126}"
        must(re.fullmatch(f"({name}/{name})?", str(fact.get("media_type", ""))), "media_type")
    return columns, facts


def check_path(path: str) -> None:
    must(1 <= len(path.encode()) <= 4_096 and not control(path, "") and "\\" not in path, "path")
    must(not {"", ".", ".."} & set(path.split("/")), "segment of a path")


# 17.8


def gunzip(data: bytes) -> bytes:
    out = b""
    must(data, "no member")
    while data:
        member = zlib.decompressobj(wbits=31)
        try:
            out += member.decompress(data)
        except zlib.error as e:
            raise readers.Wrong(f"gzip: {e}") from e
        must(member.eof, "cut off")
        data = member.unused_data
    return out


# 17.9


def read(reader: str, dialect: Any, files: list[bytes]) -> Table:
    """Columns and facts of all originals of a ledger, of readers of version 2 and the others."""
    try:
        tables = read_each(reader, dialect, files)
    except (UnicodeError, RecursionError, KeyError, TypeError, IndexError) as e:
        raise readers.Wrong(f"malformed: {e!r}") from e
    must(files and all(facts for _, facts in tables), "a file without facts")
    columns: list[str] = []
    for names, facts in tables:
        for name in names or [name for fact in facts for name in fact]:
            columns += [name] if name not in columns else []
    all_facts = [fact for _, facts in tables for fact in facts]
    must(all(is_name(name) for name in columns) and 1 <= len(columns) <= 16_384, "columns")
    must(all(len(value or "") <= VALUE for fact in all_facts for value in fact.values()), "value")
    if reader not in ("json-v2", "jsonl-v2"):
        same = (lambda names: names) if reader not in ("json-v1", "jsonl-v1") else sorted
        must(all(same(names) == same(tables[0][0]) for names, _ in tables), "other columns in another file")
    return columns, all_facts


def read_each(reader: str, dialect: Any, files: list[bytes]) -> list[Table]:
    if reader == "delimited-v2":
        must(dialect is not None, "delimited-v2 without a dialect")
        d = delimited_dialect(dialect)
        found = [delimited(d, data) for data in files]
        not_idle(d, {name for _, _, seen in found for name in seen})
        must(all(len(set(columns)) == len(columns) for columns, _, _ in found), "columns of one name")
        return [(columns, [dict(zip(columns, r, strict=True)) for r in rows]) for columns, rows, _ in found]
    if reader == "json-v2":
        return json_document(check_dialect(dialect, {"at": is_pointer, "key_column": is_name}), files)
    if reader == "jsonl-v2":
        for data in files:
            short_lines(text_of(data))
        return json_lines(check_dialect(dialect, {"at": is_pointer}), files)
    if reader == "markdown-table-v2":
        d = check_dialect(
            dialect, {"table": lambda v: (type(v) is int and v > 0) or (type(v) is str and v != "")}
        )
        for data in files:
            short_lines(text_of(data))
        return [markdown(text_of(data), d.get("table")) for data in files]
    if reader == "files-v1":
        d = check_dialect(dialect, {"form": lambda v: supported(v, {"sha256sum"})})
        lists = [file_list(data, d.get("form")) for data in files]
        paths = [str(fact["path"]) for _, facts in lists for fact in facts]
        must(len(set(paths)) == len(paths), "a path twice")
        must(d or paths == sorted(paths, key=str.encode), "order of paths")
        return lists
    if dialect is not None:
        raise Unsupported("a dialect")
    if reader == "lines-v1":
        return [(["line"], lines(data)) for data in files]
    tables = [readers.read(reader, data) for data in files]
    return [(columns, [dict(zip(columns, row, strict=True)) for row in rows]) for columns, rows in tables]


def is_pointer(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch("(/([^~/]|~[01])*)+", value))
