# SPDX-License-Identifier: Apache-2.0
"""Laws of the canonical forms: one value, one byte string; anything else is refused by our errors only."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.encoding import decimal, is_jcs, jcs, parse_json, parse_own_json, unbase64, unhex
from anchor.errors import AnchorError, Refused, Unsupported
from anchor.format import names
from anchor.format import release as releases
from anchor.format import statement as statements
from anchor.format.statement import LedgerName, Previous, SourceFile, Tree
from tests.support.releases import samples

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
plain_values: st.SearchStrategy[Any] = st.recursive(
    st.integers(-(10**15), 10**15) | st.text(st.characters(max_codepoint=0x7F)),
    lambda inner: st.dictionaries(st.text(st.characters(max_codepoint=0x7F)), inner, max_size=4),
    max_leaves=12,
)
ledger_names = st.text(min_size=1, max_size=128).filter(lambda n: not names.name_problem(n))
versions = st.from_regex(names.VERSION, fullmatch=True).filter(lambda v: not names.version_problem(v))
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
numbers = st.integers(1, names.MAX_NUMBER)
columns = st.lists(
    st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1, max_size=20),
    min_size=1,
    max_size=6,
    unique=True,
)


@st.composite
def made_statements(draw: st.DrawFn) -> statements.Statement:
    number, version = draw(numbers), draw(versions)
    before = draw(versions.filter(lambda v: v.lower() != version.lower()))
    previous = Previous(number=number - 1, version=before, statement=draw(digests)) if number > 1 else None
    original = draw(
        st.sampled_from(
            [("ledger.md", "markdown-table-v1"), ("ledger.csv", "csv-v1"), ("source.json", "json-v1")]
        )
    )
    return statements.commit(
        ledger=LedgerName(name=draw(ledger_names), number=number, version=version),
        tree=Tree.of(draw(st.binary(min_size=32, max_size=32)), draw(numbers)),
        columns=draw(columns),
        originals=[SourceFile(name=original[0], reader=original[1])],
        digests={"ledger.json": draw(digests), original[0]: draw(digests)},
        previous=previous,
    )


@given(made_statements())
def test_a_statement_has_one_form_and_comes_back_from_it(statement: statements.Statement) -> None:
    """FORMAT.md section 6: RFC 8785 bytes; bytes that are not their own canonical form are INVALID."""
    data = statements.encode(statement)
    assert statements.decode(data) == statement
    value = json.loads(data)
    for other in (
        json.dumps(value).encode(),
        json.dumps(value, indent=2).encode(),
        json.dumps(value, separators=(",", ":"), sort_keys=True).encode() + b"\n",
    ):
        assert _error(lambda o=other: statements.decode(o)) is Refused


@given(json_values)
def test_any_json_is_read_as_written_and_has_one_canonical_form(value: Any) -> None:
    """RFC 8785: the same data has the same bytes, however it was written."""
    data = jcs(value)
    assert parse_json(data) == value
    assert jcs(parse_json(json.dumps(value, indent=1).encode())) == data


@given(json_values | plain_values)
def test_the_quick_look_at_a_canonical_form_says_what_the_slow_one_says(value: Any) -> None:
    """RFC 8785: its own bytes and no others, whichever encoder was asked."""
    data = jcs(value)
    forms = [data, data + b" ", json.dumps(value).encode(), msgspec.json.encode(value)]
    forms += [msgspec.json.encode(value, order="sorted"), data.replace(b'"a', b'"\\u0061')]
    for form in forms:
        assert is_jcs(parse_json(form), form) == (jcs(parse_json(form)) == form)


@pytest.mark.parametrize(
    "text", ['{"a":9007199254740992}', '{"a":-9007199254740993}', '{"a":[99999999999999999999]}']
)
def test_a_number_beyond_2_to_the_53_has_no_canonical_form(text: str) -> None:
    """RFC 8785 section 3.2.2.3: also where the quick encoder would have written it."""
    with pytest.raises(Refused, match="no canonical form"):
        is_jcs(parse_json(text.encode()), text.encode())


def test_keys_are_ordered_as_utf_16() -> None:
    """RFC 8785 section 3.2.3: an astral key goes before one at the end of the first plane."""
    good, bad = '{"\U0001f600":1,"\ufb33":2}'.encode(), '{"\ufb33":2,"\U0001f600":1}'.encode()
    assert is_jcs(parse_json(good), good)
    assert not is_jcs(parse_json(bad), bad)


@given(json_values)
def test_a_file_for_people_is_written_as_json_writes_it(value: Any) -> None:
    """FORMAT.md section 8: two spaces, no needless escapes; release.json is written by msgspec."""
    assert msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n" == _people(value)


@given(json_values | st.binary(max_size=60), st.booleans())
def test_no_input_makes_another_error_than_ours(value: Any, wrap: bool) -> None:
    """docs/python.md: no other exception leaves the public functions."""
    data = value if isinstance(value, bytes) else jcs(value)
    if wrap:
        data = b'{"format":"urn:ledger-anchor:release:v1","x":' + data + b"}"
    for attack in (statements.decode, releases.load, parse_json):
        assert _error(lambda a=attack: a(data)) in (None, Refused, Unsupported)


@given(st.data(), json_values)
def test_any_value_anywhere_is_refused_or_means_another_release(data: st.DataObject, new: Any) -> None:
    """FORMAT.md section 8: a verifier writes what it has read and compares the bytes."""
    for good, read, write in (
        (json.loads(statements.encode(samples.statement())), statements.decode, jcs),
        (json.loads(releases.dump(samples.release())), releases.load, _people),
    ):
        path: list[str | int] = []
        value = good
        while isinstance(value, dict | list) and value and (not path or data.draw(st.booleans())):
            step = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
            path.append(step)
            value = value[step]
        spoilt = write(samples.spoil(good, tuple(path), new))
        if value == new and type(value) is type(new):
            continue
        found = _error(lambda r=read, s=spoilt: r(s))
        assert found in (Refused, Unsupported, None)
        if found is None:
            assert read(spoilt) != read(write(good))


@given(st.text(max_size=40), st.binary(max_size=40))
def test_what_decodes_encodes_to_the_same_text(text: str, data: bytes) -> None:
    """One value, one text: nothing can be said in two ways."""
    if _error(lambda: unhex(text)) is None:
        assert unhex(text).hex() == text
    if _error(lambda: decimal(text)) is None:
        assert str(decimal(text)) == text
    if _error(lambda: unbase64(data)) is None:
        assert len(data) % 4 == 0


@given(st.text(max_size=300))
def test_a_path_that_is_taken_stays_below_its_folder(text: str) -> None:
    """FORMAT.md section 8: every path is relative to the file that names it, without `..`."""
    if not names.path_problem(text):
        parts = text.split("/")
        assert all(p and p.isascii() and p not in (".", "..") and not p.startswith((".", "-")) for p in parts)
        assert not set(text) & set("\\:%?#~ \t\r\n\0")


@given(st.text(min_size=1, max_size=300))
def test_a_log_always_has_a_file_name(origin: str) -> None:
    """FORMAT.md section 7: named after its log."""
    assert not names.path_problem(names.log_file_stem(origin) + ".sigstore.json")


def _people(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def _error(attack: Any) -> type[AnchorError] | None:
    try:
        attack()
    except AnchorError as e:
        return type(e) if str(e).isprintable() else AnchorError
    return None


@given(json_values, st.data())
def test_json_in_our_own_form_is_read_as_any_other(value: Any, data: st.DataObject) -> None:
    """Also if a byte of it is another one: both readers refuse, or come to the same value."""
    text = bytearray(msgspec.json.encode(value) if data.draw(st.booleans()) else _dumped(value))
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + 1] = data.draw(
            st.binary(max_size=2) | st.sampled_from(b'"\\{}[]:,.e0-').map(lambda b: b"%c" % b)
        )
        if not text:
            break
    assert _read(parse_own_json, bytes(text)) == _read(parse_json, bytes(text))


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _read(reader: Any, text: bytes) -> Any:
    try:
        return repr(reader(text))
    except AnchorError as e:
        return type(e)
