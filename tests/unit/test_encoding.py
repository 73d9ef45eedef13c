# SPDX-License-Identifier: Apache-2.0
"""Strict decoding: what is accepted encodes to the same bytes, what is not is refused soon, in one line."""

import json
import time
from typing import Any

import pytest

from anchor.encoding import (
    MAX_DEPTH,
    Number,
    decimal,
    is_json,
    jcs,
    parse_json,
    parse_own_json,
    parse_toml,
    to_base64,
    unbase64,
    unhex,
)
from anchor.errors import Refused, Unsupported


@pytest.mark.parametrize(
    "text", ["0", "abc", "AB", "0x00", " 00", "00 ", "00\n", "g0", "٠٠", "0\u0660", "é0", "00:11", "\ud800"]
)
def test_what_is_not_lower_case_hex_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        unhex(text)


def test_hex_of_another_size_is_refused() -> None:
    assert unhex("00ff", size=2) == b"\x00\xff"
    assert unhex("") == b""
    for size in (0, 1, 3):
        with pytest.raises(Refused, match="2 bytes"):
            unhex("00ff", size=size)


@pytest.mark.parametrize(
    "text",
    [
        "YQ",
        "YQ=",
        "YQ===",
        "YQ==\n",
        "Y Q==",
        "YR==",
        "YWJ=",
        "-_-_",
        "YQ==YQ==",
        "=",
        "====",
        "é===",
        "\ud800===",
        "\0",
    ],
)
def test_base64_that_is_not_its_own_canonical_form_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        unbase64(text)
    with pytest.raises(Refused):
        unbase64(text.encode("utf-8", "replace"))


def test_base64_both_ways() -> None:
    for data in (b"", b"a", b"ab", b"abc", bytes(range(256))):
        assert unbase64(to_base64(data)) == data
        assert unbase64(to_base64(data).encode(), size=len(data)) == data
    with pytest.raises(Refused, match="1 bytes"):
        unbase64("YQ==", size=2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+5",
        "5_0",
        "01",
        "00",
        " 1",
        "1 ",
        "1\n",
        "1.0",
        "1e3",
        "٣",
        "²",
        "0x1",
        "9" * 20,
        "9" * 10**6,
    ],
)
def test_what_is_not_a_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        decimal(text)


def test_a_decimal_has_a_limit() -> None:
    assert decimal("0") == 0
    assert decimal(str(2**63 - 1)) == 2**63 - 1
    with pytest.raises(Refused):
        decimal(str(2**63))
    with pytest.raises(Refused):
        decimal("11", limit=10)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b"{'a':1}",
        b"{}{}",
        b"{} x",
        b"nul",
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"1.5",
        b"1e5",
        b"[01]",
        b"[+1]",
        b"[0x1]",
        b'"\n"',
        b'"\\x41"',
        b'"\xff"',
        b"\xff\xfe[\x00]\x00",
        b"\xef\xbb\xbf{}",
        b'{"a":1,"a":1}',
        b'[{"b":{"a":1,"\\u0061":2}}]',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'{"\\ud800":1}',
        b"1" * 21,
        b"-" + b"1" * 21,
        b"1" * 100_000,
        b"[" * 65 + b"]" * 65,
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
        b"]" * 10 + b"[" * 100,
        b'"',
        b'"\\',
        b'"abc\\"',
    ],
    ids=lambda d: repr(d[:16]),
)
def test_what_is_not_strict_json_is_refused(data: bytes) -> None:
    for read in (parse_json, parse_own_json):
        if read is parse_own_json and data.strip(b"-") in (b"1" * 21,):
            continue  # more digits than a format of ours has, and no document of ours is a number alone
        with pytest.raises(Refused, match=r"^here: ") as caught:
            read(data, where="here")
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "data",
    [
        b'"' + b'\\"' * 1_000_000,
        b'"' + b"\\\\" * 1_000_000,
        b'["' + b'","' * 500_000,
        b'"' * 1_000_001,
        pytest.param(b"{" + b'"a":{},' * 300_000, marks=pytest.mark.slow),
        b'{"' + b"a" * 2_000_000 + b'":1,"' + b"a" * 2_000_000 + b'":1}',
    ],
    ids=lambda d: repr(d[:8]),
)
def test_hostile_json_costs_one_pass(data: bytes) -> None:
    begin = time.process_time()
    for read in (parse_json, parse_own_json):
        with pytest.raises(Refused):
            read(data)
    assert time.process_time() - begin < 5  # a quadratic scan of these would take hours


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"null", None),
        (b'{"a":[1,-2,true,"\\u00e9\\ud83d\\ude00"]}', {"a": [1, -2, True, "é😀"]}),
        (b"9223372036854775807", 2**63 - 1),
        (b'"[[[[\\"{{{{"', '[[[["{{{{'),
        (b"[" * 64 + b"]" * 64, None),
    ],
)
def test_strict_json_is_read(data: bytes, value: Any) -> None:
    assert parse_json(data) == value or value is None
    assert parse_own_json(data) == parse_json(data)


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), float("nan"), float("inf"), "\ud800", {1: 2}, b"x", {"\udc00": 1}]
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(Refused, match="canonical"):
        jcs(value)


def test_canonical_form_orders_by_utf16_and_escapes_little() -> None:
    assert jcs({"\ufb33": 1, "\U0001f600": 2, "a": "\x0f\n\u2028é/"}) == (
        b'{"a":"\\u000f\\n\xe2\x80\xa8\xc3\xa9/","\xf0\x9f\x98\x80":2,"\xef\xac\xb3":1}'
    )


@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"[":', b"}]")])
def test_nesting_is_counted_whatever_it_is_made_of(pair: tuple[bytes, bytes]) -> None:
    many = MAX_DEPTH // 2 if pair[0].startswith(b"[{") else MAX_DEPTH
    parse_json(pair[0] * many + b"1" + pair[1] * many)
    with pytest.raises(Refused, match="nested deeper"):
        parse_json(b"[" + pair[0] * many + b"1" + pair[1] * many + b"]")


@pytest.mark.parametrize(
    "text",
    [
        "a." * 200_000 + "b = 1",
        'x = "\\"' + "a." * 200_000,
        '"\\' * 200_000,
        "a = " + "[" * 200_000,
        "a = {" * 200_000,
        "a = 1" + "_1" * 200_000,
        'a = ["""a"""", {' + "a." * 200_000 + "b = 1}]",
        'a = ["""a""""", {' + "a." * 200_000 + "b = 1}]",
        'a = ["""\\"""", {' + "a." * 200_000 + "b = 1}]",
        "a = ['''a'''', {" + "a." * 200_000 + "b = 1}]",
        'a = """\n' * 100_000,
        "a = '''\n" * 100_000,
        'a = """' + '""a' * 200_000,
    ],
    ids=lambda text: repr(text[:16]),
)
def test_hostile_toml_costs_no_more_than_its_size(text: str) -> None:
    begin = time.process_time()
    with pytest.raises(Refused, match="not TOML"):
        parse_toml(text.encode())
    assert time.process_time() - begin < 2


def test_dots_in_toml_strings_are_no_keys() -> None:
    dots = "a." * 50
    text = f'a."b.c".d = "{dots}\\" {dots}"\nu = \'{dots}\'  # {dots}\nm = """{dots}\n{dots}"""\n'
    text += f'n = """{dots}""{dots}"""""\no = """{dots}\\"""""\np = \'\'\'{dots}\'\'{dots}\'\'\'\'\n'
    assert parse_toml(text.encode())["u"] == dots


def test_numbers_of_other_peoples_documents_are_kept_as_they_are_written() -> None:
    texts = ("1.50", "-2e400", "1" * 21, "-" + "9" * 100_000)
    found = parse_json(f"[{','.join(texts)},7]".encode(), foreign=True)
    assert found == [*texts, 7]
    assert all(isinstance(n, Number) for n in found[:-1])
    assert parse_json(b"-" + b"1" * 20) == -int("1" * 20)
    with pytest.raises(Refused, match="of 21 digits"):
        parse_json(b"-" + b"1" * 21)


@pytest.mark.parametrize(
    "item",
    [b"[]", b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1), b'{"[":"\\"{"}', b'"[",[{}]'],
    ids=["empty", "deep", "strings", "mixed"],
)
def test_nesting_is_counted_as_fast_as_json_is_read(item: bytes) -> None:
    """To look at each bracket took several times as long as to read them all."""
    data = b"[" + b",".join([item] * (400_000 // len(item))) + b"]"
    begin = time.process_time()
    json.loads(data)
    read = time.process_time()
    assert is_json(data)
    assert time.process_time() - read < 3 * (read - begin) + 0.5


@pytest.mark.parametrize("data", [b"[" * 10**6, b"]" * 10**6, b'{"a":' * 10**6, b"[" * 100 + b"]" * 99])
def test_brackets_without_a_pair_are_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        parse_json(data)


def test_deep_nesting_of_other_peoples_documents_is_only_not_known_here() -> None:
    deep = b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)
    with pytest.raises(Unsupported, match="nested deeper"):
        parse_json(deep, foreign=True)
    with pytest.raises(Refused, match="nested deeper"):
        parse_json(deep)
