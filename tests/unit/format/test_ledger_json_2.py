# SPDX-License-Identifier: Apache-2.0
"""`ledger-json-v2`: the one form of a ledger.json with null or absent values, or refused."""

import io

import pytest

from anchor.errors import Refused
from anchor.format.facts import ABSENT
from anchor.format.leaves import seal
from anchor.format.readers.ledger_json import LedgerJson2
from anchor.format.statement import LedgerName
from tests.support.releases.samples import LEDGER_JSON_2
from tests.support.releases.tables import open_table

GOOD = LEDGER_JSON_2
NAME = LedgerName(name="n", number=1, version="1")


def test_it_gives_null_and_absent_values_and_is_written_again_with_the_same_bytes() -> None:
    table = LedgerJson2(io.BytesIO(GOOD), where="x")
    assert list(table) == [(2, (None, "1")), (3, ("2", ABSENT))]
    assert table.needs_version_2
    out = io.BytesIO()
    sealed = seal(open_table(io.BytesIO(GOOD), "ledger-json-v2", where="x"), ledger=NAME, ledger_json=out)
    assert out.getvalue() == GOOD
    assert sealed.encoding == "rfc8785-strings-or-null"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"a":"1","b":null}', b'{"b":null,"a":"1"}'),
        (b'"b":null', b'"b": null'),
        (b'"b":null', b'"b":1'),
        (b'"b":null', b'"b":true'),
        (b'"b":null', b'"b":[]'),
        (b'"b":null', b'"c":null'),
        (b'{"b":"2"}', b"{}"),
        (b'{"b":"2"}', b'{"b":"2","b":"2"}'),
        (b'{"b":"2"}', b'{"b":"\\u0032"}'),
        (b'{"b":"2"}', b'{"b":"\\ud800"}'),
        (b'{"b":"2"}', b'{"b":"\xff"}'),
        (b'{"b":"2"}', b"5"),
        (b'["b","a"]', b'["b","a","c"]'),
        (b'["b","a"]', b'["b"]'),
        (b"ledger:v2", b"ledger:v1"),
        (b"ledger:v2", b"ledger:v3"),
    ],
)
def test_any_other_bytes_are_refused(old: bytes, new: bytes) -> None:
    data = GOOD.replace(old, new)
    assert data != GOOD
    with pytest.raises(Refused):
        seal(open_table(io.BytesIO(data), "ledger-json-v2", where="x"), ledger=NAME)


def test_one_that_version_1_can_write_is_refused() -> None:
    data = GOOD.replace(b"null", b'"x"').replace(b'{"b":"2"}', b'{"a":"y","b":"2"}')
    with pytest.raises(Refused, match="nothing in it needs"):
        list(open_table(io.BytesIO(data), "ledger-json-v2", where="x"))
    plain = data.replace(b"ledger:v2", b"ledger:v1")
    assert len(list(open_table(io.BytesIO(plain), "ledger-json-v1", where="x"))) == 2


def test_many_columns_need_it_though_all_are_strings() -> None:
    text = "\n".join(['{"' + '","'.join(f'c{i}":"{i}' for i in range(300)) + '"}'] * 2)
    out = io.BytesIO()
    sealed = seal(open_table(io.BytesIO(text.encode()), "jsonl-v1", where="x"), ledger=NAME, ledger_json=out)
    assert sealed.encoding == "rfc8785-strings"
    assert sealed.needs_version_2
    again = seal(open_table(io.BytesIO(out.getvalue()), "ledger-json-v2", where="x"), ledger=NAME)
    assert again == sealed
    with pytest.raises(Refused):
        list(open_table(io.BytesIO(out.getvalue()), "ledger-json-v1", where="x"))
