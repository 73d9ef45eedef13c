# SPDX-License-Identifier: Apache-2.0
"""Descriptors of source documents in a statement: accepted and refused as by the second program."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from anchor.encoding import jcs
from anchor.errors import Refused, Unsupported
from anchor.format.statement import decode, encode
from tests.support.process.sampled import examples
from tests.support.releases import samples
from tests.support.second import readers, statement2

HONEST = json.loads(encode(samples.statement_2()))
HEX = ["0" * 64, "1" * 64]
URLS = ["https://a.org/b.pdf", "https://a.org/c", "a text", "é"]
TEXTS = st.sampled_from([*URLS, *URLS, "", " a", "a\u200b", "a\n", "x" * 2049])
NAMES = st.sampled_from(["a.txt", "b/é.txt", "b.txt", "Z", "\U00010000", "\uffff"])
BAD_NAMES = st.sampled_from(["/a", "a//b", "..", "a/./b", "a\\b", "a\x7f", "é" * 2049])
NOTES = st.fixed_dictionaries(
    {},
    optional={
        "extracted_from": TEXTS,
        "retrieved_at": st.sampled_from(["2026-01-31T23:59:59Z", "2026-01-31", "2026-01-31T23:59:59+00:00"]),
        "more": TEXTS,
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "name": NAMES,
        "digest": st.fixed_dictionaries({"sha256": st.sampled_from([*HEX, *HEX, "0", "G" * 64])}),
    },
    optional={
        "uri": TEXTS,
        "mediaType": st.sampled_from(["text/plain", "a/b+c", "text", "a/b;c"]),
        "annotations": NOTES,
    },
)


def verdict(check: Any, data: bytes) -> str:
    try:
        check(data)
    except (Refused, readers.Wrong):
        return "refused"
    except (Unsupported, readers.Unsupported):
        return "unsupported"
    return "accepted"


def agree(documents: list[Any]) -> str:
    value = {**HONEST, "predicate": {**HONEST["predicate"], "evidence": documents}}
    data = jcs(value)
    ours = verdict(decode, data)
    assert ours == verdict(statement2.statement, data), documents
    return ours


@examples(300, given(st.lists(DOCUMENTS, max_size=3), st.booleans()))
def test_both_programs_accept_the_same_descriptors(documents: list[Any], ordered: bool) -> None:
    if ordered:
        documents = sorted(documents, key=lambda one: str(one["name"]).encode())
    agree(documents)


@given(DOCUMENTS, BAD_NAMES)
def test_no_program_accepts_a_name_that_is_no_path_below_a_folder(document: Any, name: str) -> None:
    assert agree([{**document, "name": name}]) == "refused"


def test_there_are_good_ones_among_them() -> None:
    good = {"name": "a.txt", "digest": {"sha256": HEX[0]}, "annotations": {"extracted_from": URLS[0]}}
    assert agree([good]) == "accepted"
    assert agree([good, {**good, "name": "b.txt"}]) == "accepted"
    assert agree([good, {"name": "b.pdf", "digest": {"sha256": HEX[1]}, "uri": URLS[0]}]) == "accepted"
    assert agree([good, {"name": "b.pdf", "digest": {"sha256": HEX[0]}, "uri": URLS[0]}]) == "refused"
    assert agree([{**good, "content": "x"}]) == "unsupported"
    assert agree([]) == "refused"
