# SPDX-License-Identifier: Apache-2.0
"""Errors: one line for a person, whatever a stranger put into it."""

import time

import pytest

from anchor.errors import AnchorError, Misuse, Refused, Unavailable, Unsupported, without_secrets
from anchor.verdict import Class, class_of

KINDS = (Refused, Unavailable, Unsupported, Misuse)


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_says_where_what_and_what_to_do(kind: type[AnchorError]) -> None:
    error = kind("is wrong", where="file.json: line 3", remedy="mend it")
    assert str(error) == "file.json: line 3: is wrong; mend it"
    assert str(kind("is wrong")) == "is wrong"
    assert (error.problem, error.where, error.remedy) == ("is wrong", "file.json: line 3", "mend it")


@pytest.mark.parametrize("kind", KINDS)
def test_an_outer_place_comes_before_the_inner_one_and_the_kind_stays(kind: type[AnchorError]) -> None:
    outer = kind("is wrong", where="line 3", remedy="mend it").at("file.json")
    assert type(outer) is kind
    assert str(outer) == "file.json: line 3: is wrong; mend it"
    assert str(kind("is wrong").at("file.json")) == "file.json: is wrong"


@pytest.mark.parametrize(
    "text",
    ["a\nb", "a\r\nb", "a\x1b[2Jb", "a\x00b", "a\x9bb", "a\u202eb", "a\u2028b", "a\ud800b", "a\tb", "a\x85b"],
)
def test_no_text_breaks_the_line_or_steers_the_terminal(text: str) -> None:
    for error in (Refused(text), Refused("x", where=text), Refused("x", remedy=text)):
        line = str(error)
        assert line.isprintable()
        assert line.encode("utf-8")


def test_a_long_quotation_is_cut() -> None:
    assert len(str(Refused("x" * 10_000_000))) < 1100


@pytest.mark.parametrize("length", [100, 900, 1000, 4000, 100_000])
def test_a_long_path_leaves_the_reason_and_the_remedy_in_the_line(length: int) -> None:
    """A home may lie at the end of a path of 4,000 characters, and the reason stood behind it."""
    path = "/" + "d" * length + "/home"
    for where, remedy in ((path, "make room"), ("home", f"write to {path}")):
        line = str(Unavailable("cannot write: No space left on device", where=where, remedy=remedy))
        assert "cannot write: No space left on device" in line
        assert line.startswith(where[:50])
        assert line.endswith(remedy[-9:])
        assert len(line) <= 1000
    outer = str(Refused("x" * 5000, where="field").at(path))
    assert "xxx" in outer
    assert len(outer) <= 1000


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:s3cret@host/db",
        "postgresql+psycopg://user@host/db?sslmode=require&password=s3cret",
        "postgresql://user@host/db?sslpassword=s3cret&connect_timeout=3",
        "postgresql://host/db?PASSWORD=s3cret;x=1",
        "postgresql://host/db?options=-c%20x%3Ds3cret",
        "postgresql://user:s3c@s3cret@host/db",
        "https://s3cret@host/x",
        "https://user:s3cret@host:1/x",
        "https://host/x?X-Amz-Signature=s3cret&y=1",
        "https://host/x?a=1&access_token=s3cret#f",
        "http://user:s3cret@[::1",
        "ftp://user:s3cret@host",
    ],
)
def test_no_secret_of_a_url_is_in_a_line(url: str) -> None:
    for error in (
        Refused(f"cannot open {url}"),
        Misuse("x", where=url),
        Unavailable("x", remedy=f"try '{url}'"),
    ):
        assert "s3c" not in str(error)
        assert "***" in str(error)
    assert without_secrets(without_secrets(url)) == without_secrets(url)


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/org/repo/.github/workflows/a.yml@refs/tags/v1",
        "https://host:8080/x?logIndex=5&treeID=7",
        "someone@example.org (issuer https://accounts.example.org)",
        "postgresql+psycopg://user@host/db?sslmode=require",
        "sqlite:////var/lib/a.db",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_a_long_text_of_a_stranger_takes_linear_time() -> None:
    began = time.process_time()
    for text in (
        "://" * 300_000,
        "?pass" * 200_000,
        "a." * 400_000,
        "&" * 900_000,
        "://" + "@" * 900_000,
        "?" + "key" * 300_000,
    ):
        without_secrets(f"x://{text}")
    assert time.process_time() - began < 5


def test_the_four_kinds_never_mix() -> None:
    classes = [class_of(kind("x")) for kind in KINDS]
    assert classes == [Class.INVALID, Class.UNAVAILABLE, Class.UNSUPPORTED, Class.USAGE]
    for kind in KINDS:
        assert kind.__mro__[1] is AnchorError


def test_a_stray_error_is_a_defect_of_ours() -> None:
    assert class_of(AnchorError("x")) is Class.ERROR


def test_exit_codes_are_those_of_the_design_and_1_is_none() -> None:
    codes = {c.value: c.exit_code for c in Class}
    assert codes == {
        "OK": 0,
        "USAGE": 2,
        "UNAVAILABLE": 3,
        "STALE": 4,
        "PENDING": 5,
        "EQUIVOCATION": 6,
        "UNSUPPORTED": 7,
        "INVALID": 8,
        "FINDINGS": 9,
        "NOT-FOUND": 10,
        "WITHDRAWN": 11,
        "ERROR": 70,
    }


@pytest.mark.parametrize(
    "text",
    [
        "https://h/?token=***: it is down",
        "https://h/?token=***; try",
        "https://h/?token=***&a=b",
        "https://h/?a=b&key=***",
    ],
)
def test_what_is_hidden_already_keeps_the_words_after_it(text: str) -> None:
    assert without_secrets(text) == text
    for value in ("***x", "***:x", "***;x", "***::"):
        assert value not in without_secrets(f"https://h/?token={value} y")
