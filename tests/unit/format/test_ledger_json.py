# SPDX-License-Identifier: Apache-2.0
"""`ledger-json-v1`: exactly the bytes of FORMAT.md section 5, or refused."""

import contextlib
import io

import pytest

from anchor.errors import Refused
from anchor.format.facts import MAX_LEAF
from anchor.format.leaves import seal
from anchor.format.readers.ledger_json import LedgerJson
from anchor.format.statement import LedgerName
from tests.support.releases.ledgers import openclassrooms, read, read_lines, refusal
from tests.support.releases.tables import open_table

READER = "ledger-json-v1"
GOOD = (
    '{"columns":["b","a"],"facts":[\n'
    '{"a":"1","b":"2"},\n'
    '{"a":"é\\n","b":""}\n'
    '],"format":"urn:ledger-anchor:ledger:v1","ledger":{"name":"n","number":1,"version":"1.0"}}\n'
)


def test_it_gives_columns_in_published_order_facts_and_the_ledger() -> None:
    table = LedgerJson(io.BytesIO(GOOD.encode()), where="ledger")
    assert table.columns == ("b", "a")
    assert list(table) == [(2, ("2", "1")), (3, ("", "é\n"))]
    assert table.ledger is not None
    assert (table.ledger.name, table.ledger.number, table.ledger.version) == ("n", 1, "1.0")


def test_what_seal_writes_reads_back_and_seals_to_the_same_bytes() -> None:
    name = LedgerName(name="n", number=3, version="v")
    first, second = io.BytesIO(), io.BytesIO()
    with openclassrooms().open("rb") as f:
        sealed = seal(open_table(f, "markdown-table-v1", where="l"), ledger=name, ledger_json=first)
    first.seek(0)
    assert seal(open_table(first, READER, where="l"), ledger=name, ledger_json=second) == sealed
    assert second.getvalue() == first.getvalue()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{"columns"', ' {"columns"'),
        ('["b","a"]', '["b", "a"]'),
        ('["b","a"]', '["b","\\u0061"]'),
        ('["b","a"]', '["b","b"]'),
        ('["b","a"]', '["b"]'),
        ('["b","a"]', '["b",""]'),
        ('["b","a"]', '["b",1]'),
        ('["b","a"]', '{"b":"a"}'),
        ('["b","a"]', "[]"),
        ('["b","a"]', '["b","a"'),
        ('"facts":[\n', '"facts":['),
        ('"facts":[\n', '"facts":[\r\n'),
        ('"facts":[\n', '"facts":[\n\n'),
        ("},\n", "}\n"),
        ("},\n", "} ,\n"),
        ("},\n", "},\r\n"),
        ("},\n", "},"),
        ('""}\n', '""},\n'),
        ('{"a":"1","b":"2"}', '{"b":"2","a":"1"}'),
        ('{"a":"1","b":"2"}', '{"a":"1", "b":"2"}'),
        ('{"a":"1","b":"2"}', '{"a":1,"b":"2"}'),
        ('{"a":"1","b":"2"}', '{"a":null,"b":"2"}'),
        ('{"a":"1","b":"2"}', '{"a":"1","b":"\\u0032"}'),
        ('{"a":"1","b":"2"}', '{"a":"1","b":"\\/"}'),
        ('{"a":"1","b":"2"}', '{"a":"1","b":"\\u000A"}'),
        ('{"a":"1","b":"2"}', '{"a":"1","b":"2","b":"2"}'),
        ('{"a":"1","b":"2"}', '{"a":"1"}'),
        ('{"a":"1","b":"2"}', '{"a":"1","b":"2","c":"3"}'),
        ('{"a":"1","b":"2"}', '{"a":"1","b":"\\ud800"}'),
        ('{"a":"1","b":"2"}', '{"a":"1","b":{}}'),
        ('{"a":"1","b":"2"}', '["1","2"]'),
        ('{"a":"1","b":"2"}', ""),
        ("é", "\\u00e9"),
        ('],"format"', '], "format"'),
        ("ledger:v1", "ledger:v2"),
        ('"format":"urn:ledger-anchor:ledger:v1",', ""),
        ('"name":"n"', '"name":""'),
        ('"name":"n"', '"name":1'),
        ('"number":1', '"number":0'),
        ('"number":1', '"number":-1'),
        ('"number":1', '"number":1.0'),
        ('"number":1', '"number":"1"'),
        ('"number":1', '"number":true'),
        ('"number":1', '"number":99999999999999999999999'),
        ('"number":1', '"number":99999999999999999999'),
        ('"version":"1.0"', '"version":""'),
        ('"version":"1.0"', '"version":"1.0","x":1'),
        (',"version":"1.0"', ""),
        ('{"name":"n","number":1,"version":"1.0"}', "null"),
        ('{"name":"n","number":1,"version":"1.0"}', '{"number":1,"name":"n","version":"1.0"}'),
        ("}}\n", "}}"),
        ("}}\n", "}}\r\n"),
        ("}}\n", "}}\n\n"),
        ("}}\n", "}}\n "),
        ("}}\n", "},}\n"),
        ("}}\n", '},"x":1}\n'),
    ],
)
def test_anything_but_the_one_form_is_refused(old: str, new: str) -> None:
    changed = GOOD.replace(old, new, 1)
    assert changed != GOOD
    refusal(changed, READER)


def test_every_single_byte_matters() -> None:
    """A changed byte is refused or changes what is read: nothing in the file is ignored."""
    data, good = GOOD.encode(), everything(GOOD.encode())
    for at in range(len(data)):
        for value in (data[at] ^ 1, data[at] ^ 0x20, 0x20, 0xFF):
            changed = data[:at] + bytes([value]) + data[at + 1 :]
            if changed == data:
                continue
            with contextlib.suppress(Refused):
                assert everything(changed) != good


def everything(data: bytes) -> object:
    table = LedgerJson(io.BytesIO(data), where="ledger")
    return table.columns, list(table), table.ledger


def test_every_cut_is_refused() -> None:
    data = GOOD.encode()
    for end in range(len(data)):
        refusal(data[:end], READER)


def test_no_facts_are_refused() -> None:
    refusal(GOOD.replace('{"a":"1","b":"2"},\n{"a":"é\\n","b":""}\n', ""), READER)
    refusal(GOOD.replace('{"a":"1","b":"2"},\n{"a":"é\\n","b":""}\n', "\n"), READER)


def test_a_byte_order_mark_is_refused() -> None:
    assert "byte order mark" in refusal(b"\xef\xbb\xbf" + GOOD.encode(), READER)


def test_bytes_that_are_no_utf8_are_refused() -> None:
    for bad in (b"\xff", b"\xed\xa0\x80"):
        assert "UTF-8" in refusal(GOOD.encode().replace("é".encode(), bad), READER)
        assert "UTF-8" in refusal(GOOD.encode().replace(b'"n"', b'"' + bad + b'"'), READER)


def test_nesting_ten_thousand_deep_is_refused() -> None:
    for deep in ("[" * 10_000, '{"a":' * 10_000):
        refusal(GOOD.replace('["b","a"]', deep), READER)
        refusal(GOOD.replace('"2"', deep), READER)
        refusal(GOOD.replace('"n"', deep), READER)


def test_a_fact_beyond_the_limit_is_refused() -> None:
    long = '","'.join(f'c{i}":"' + "x" * (MAX_LEAF // 5) for i in range(6))
    columns = '","'.join(f"c{i}" for i in range(6))
    assert "more than" in refusal(f'{{"columns":["{columns}"],"facts":[\n{{"{long}"}}\n', READER)


def test_the_order_of_columns_is_carried_but_not_hashed() -> None:
    other = GOOD.replace('["b","a"]', '["a","b"]')
    assert read(other, READER)[1] == [("1", "2"), ("é\n", "")]
    assert read_lines(other, READER)[0] == ("a", "b")
