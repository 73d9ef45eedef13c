# SPDX-License-Identifier: Apache-2.0
"""The encoding that is proposed for bytes, in several languages."""

import pytest

from anchor.intake.charset import CODECS, Encoding, decoded, encoding_of

TEXTS = {
    "German": "Gemeinde;Fläche\nZürich;87,88\nKüssnacht;36\nSüdstraße;1\n",
    "French": "Région;Année\nProvence-Alpes-Côte d’Azur;2019\nÎle-de-France;élèves créés\n",
    "Spanish": "Año;Población\n2019;Málaga\n2020;Logroño\n",
    "Portuguese": "Município;População\nSão Paulo;12\nJoão Pessoa;1\n",
    "Danish": "År;Indbyggere\nÅrhus;12\nTønder;5\n",
    "Finnish": "Kunta;Väkiluku\nJyväskylä;1\nHämeenlinna;2\nÄänekoski;3\n",
    "one word": "name\nMüller\n",
    "quotation marks": "text\n“It’s – so”\n",
}


def has_the_characters(codec: str, text: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("language", "name"),
    [
        (language, name)
        for name in CODECS
        for language in TEXTS
        if has_the_characters(CODECS[name], TEXTS[language])
    ],
)
def test_a_text_of_western_europe_is_recognised(language: str, name: str) -> None:
    data = TEXTS[language].encode(CODECS[name])
    found = encoding_of(data, whole=True)
    assert not found.stated
    assert decoded(data, found) == TEXTS[language]
    if name != "iso-8859-15":  # without the euro sign it is windows-1252 as well
        assert found.name == name


def test_the_euro_sign_tells_iso_8859_15_from_windows_1252() -> None:
    text = "Ort;Preis\nKöln;3 €\n"
    assert encoding_of(text.encode("iso8859_15"), whole=True).name == "iso-8859-15"
    assert encoding_of(text.encode("cp1252"), whole=True).name == "windows-1252"


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Год;Население\nМосква;12\nКазань;13\n", "cp1251"),
        ("Łódź;Kraków;Gdańsk\nŁęczyca;Żory;Piła\n", "cp1250"),
        ("Łódź;Kraków;Gdańsk\nŁęczyca;Żory;Piła\n", "iso8859_2"),
        ("Πόλη;Πληθυσμός\nΑθήνα;12\nΠάτρα;1\n", "cp1253"),
        ("年;人口\n東京;12\n大阪;13\n", "shift_jis"),
    ],
)
def test_another_encoding_is_named_and_is_none_of_ours(text: str, codec: str) -> None:
    found = encoding_of(text.encode(codec), whole=True)
    assert not found.is_ours
    assert found.name
    if "Ł" in text:
        assert decoded(text.encode(codec), found) == text
    assert not found.stated


def test_a_mark_states_the_encoding() -> None:
    text = "a;b\nä;1\n"
    assert encoding_of(text.encode("utf-8-sig"), whole=True) == Encoding("utf-8", stated=True, bom=True)
    for codec, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        data = mark + text.encode(codec)
        assert encoding_of(data, whole=True) == Encoding("utf-16", stated=True)
        assert decoded(data, encoding_of(data, whole=True)) == text
    assert decoded(text.encode("utf-8-sig"), encoding_of(text.encode("utf-8-sig"), whole=True)) == text
    assert not encoding_of(text.encode("utf-32"), whole=True).is_ours


def test_utf_16_without_a_mark_is_recognised_and_no_dialect_has_it() -> None:
    for codec in ("utf-16-le", "utf-16-be"):
        found = encoding_of("name;value\na;1\n".encode(codec), whole=True)
        assert (found.name, found.stated, found.is_ours) == (codec, False, False)


def test_utf_8_that_is_cut_inside_a_character_is_utf_8() -> None:
    data = "a\nä€🙂".encode()
    for end in range(len(data)):
        assert encoding_of(data[:end], whole=False) == Encoding("utf-8", stated=True)
    assert not encoding_of(data[:-1], whole=True).stated


def test_a_file_of_two_encodings_has_no_proposal() -> None:
    data = "Zürich\nGenève\nKüssnacht\n".encode() + "Bülach\n".encode("cp1252")
    found = encoding_of(data, whole=True)
    assert (found.name, found.line) == ("", 4)


def test_the_first_line_that_is_not_utf_8_is_shown_as_it_would_be_read() -> None:
    found = encoding_of("a\nb\nZürich\n".encode("cp1252"), whole=True)
    assert (found.line, found.shown) == (3, "Zürich")
