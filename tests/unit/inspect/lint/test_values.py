# SPDX-License-Identifier: Apache-2.0
"""The screening of a block lets no value pass that a rule would find alone."""

from hypothesis import given
from hypothesis import strategies as st

from anchor.inspect.lint import characters
from anchor.inspect.lint.value_blocks import Block
from anchor.inspect.lint.values import ValueRules

PIECES = (
    *("a", "B", "1", " ", "\n", "\t", "\r", "-", "=", "@", "(", "<", ">", "b", "&amp;", "~~", "_", "{", "}"),
    *("name", "value", "TBD", "n/a", "NA", "example.org", "https://", "todo", "é", "e\u0301", "Ã©", "â€™"),
    *(
        "\u00a0",
        "\u200b",
        "\ufe0f",
        "\u2764",
        "\u0430",
        "\u041f",
        "\ufb01",
        "\uff11",
        "\u0662",
        "\ufffd",
        "\ue000",
    ),
    *("\x07", "\u202e", "\u0378", "²", "œ", "’", "%", "?", "#", "[", "\u05d0", "\u200f", "\u3000"),
    *(
        "\u4eac",
        "\u0e19\u0e49\u0e33",
        "\u0645",
        "\ud55c",
        "\u304b\u3099",
        "\u0915\u093c",
        "\u0661",
        "\ufefb",
        "\u309b",
    ),
)
VALUES = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)


@given(
    st.lists(VALUES, min_size=1, max_size=12), st.booleans(), st.sampled_from(["value", "source name", "a"])
)
def test_a_block_has_the_remarks_of_its_values(values: list[str], rendered: bool, column: str) -> None:
    alone = {value: ValueRules(column, rendered=rendered).of_one(value) for value in values}
    rules = ValueRules(column, rendered=rendered)
    for block in (values, values * 3, values):  # what is remembered of a block changes nothing
        found = rules.remarks(Block(block))
        assert {value: set(found.get(value, ())) for value in values} == {v: set(r) for v, r in alone.items()}


def test_text_of_scripts_without_look_alikes_is_plain() -> None:
    for text in (
        "北京市人口",
        "ประชากร",
        "السكان",
        "אוכלוסייה",
        "인구 수",
        "カタカナ、ひらがな",
        "მოსახლეობა",
    ):
        assert characters.is_plain(text)
        for odd in (
            "\u200b",
            "\u3000",
            "\uff11",
            "\ufffd",
            "\u0378",
            "\u0435",
            "\ufb01",
            "\u202e",
            "e\u0301",
        ):
            assert not characters.is_plain(text + odd)
