# SPDX-License-Identifier: Apache-2.0
"""`files-v1`: lists of files, and what differs between a list and a folder. FORMAT.md section 17.7."""

import io

import pytest

from anchor.errors import Refused
from anchor.format.file_lists import Differences, ListedFile, compare, from_facts, to_csv
from anchor.format.readers.file_list import FileList, FilesDialect

ONE, TWO = "a" * 64, "b" * 64
SUMS = FilesDialect(form="sha256sum")


def read(text: str, dialect: FilesDialect = FilesDialect()) -> FileList:  # noqa: B008  it is frozen
    return FileList(io.BytesIO(text.encode()), where="list", dialect=dialect)


def refusal(text: str, dialect: FilesDialect = FilesDialect()) -> str:  # noqa: B008
    with pytest.raises(Refused) as found:
        list(read(text, dialect))
    return str(found.value)


def test_the_list_that_is_written_is_the_list_that_is_read() -> None:
    odd = ['a b, "c".txt', "dir/é", "z\u2028z"]
    listed = [ListedFile(path, n, ONE) for n, path in enumerate(sorted(odd, key=str.encode))]
    table = read(b"".join(to_csv(listed)).decode())
    assert list(from_facts(table.columns, table)) == listed
    assert table.needs_version_2


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/etc/passwd", "is not a path below the folder"),
        ("a//b", "is not a path below the folder"),
        ("a/../b", "is not a path below the folder"),
        ("./a", "is not a path below the folder"),
        ("a/", "is not a path below the folder"),
        ("a\\b", "a control character or a back-slash"),
        ("a\tb", "a control character or a back-slash"),
        ("x" * 4097, "4097 bytes"),
    ],
)
def test_a_path_that_could_mean_another_file_is_refused(path: str, problem: str) -> None:
    line = refusal(f"path,size,sha256\n{path},1,{ONE}\n")
    assert "list: line 2: path" in line
    assert problem in line


@pytest.mark.parametrize(
    ("fact", "column"),
    [
        (f"a,01,{ONE}", "size"),
        (f"a,-1,{ONE}", "size"),
        (f"a,{2**63},{ONE}", "size"),
        (f"a,,{ONE}", "size"),
        (f"a,1,{ONE.upper()}", "sha256"),
        (f"a,1,{ONE[1:]}", "sha256"),
    ],
)
def test_a_size_and_a_digest_have_one_form(fact: str, column: str) -> None:
    assert f"line 2: {column}" in refusal(f"path,size,sha256\n{fact}\n")


def test_a_list_is_sorted_and_names_a_file_once() -> None:
    head = "path,size,sha256\n"
    assert "order of bytes" in refusal(f"{head}b,1,{ONE}\na,1,{ONE}\n")
    assert "second time" in refusal(f"{head}b,1,{ONE}\nb,1,{ONE}\n")
    order = ["Z", "a", "é", "\uffff", "\U00010000"]
    list(read(head + "".join(f"{path},1,{ONE}\n" for path in order)))


def test_another_table_is_no_list_of_files() -> None:
    assert "anchor files" in refusal(f"path,sha256,size\na,{ONE},1\n")


def test_a_media_type_is_one_of_rfc_6838_or_empty() -> None:
    head = "path,size,sha256,media_type\n"
    list(read(f"{head}a,1,{ONE},\nb,1,{ONE},application/vnd.x+json\n"))
    assert "media_type" in refusal(f"{head}a,1,{ONE},text\n")


def test_what_sha256sum_wrote_is_a_list() -> None:
    table = read(f"{ONE}  ./b c\n{TWO} *a\n", SUMS)
    assert table.columns == ("path", "sha256")
    assert list(from_facts(table.columns, table)) == [
        ListedFile("b c", None, ONE),
        ListedFile("a", None, TWO),
    ]
    assert FileList.published_as(SUMS) == "ledger.sha256"
    assert SUMS.described() == ("output of sha256sum",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{ONE}  a\n{ONE}  a\n", "second time"),
        (f"{ONE}  a\n{ONE}  ./a\n", "second time"),
        (f"{ONE}  a", "cut off"),
        (f"{ONE} a\n", "no line of sha256sum"),
        (f"\\{ONE}  a\\nb\n", "rename the file"),
        (f"SHA256 (a) = {ONE}\n", "no line of sha256sum"),
        (f"{ONE}  ../a\n", "below the folder"),
        ("", "no files"),
    ],
)
def test_another_text_is_no_output_of_sha256sum(text: str, problem: str) -> None:
    assert problem in refusal(text, SUMS)


def test_what_is_missing_changed_and_new() -> None:
    listed = [ListedFile("same", 1, ONE), ListedFile("gone", 1, ONE), ListedFile("other", 1, ONE)]
    sums = [ListedFile("same", None, ONE), ListedFile("longer", 1, ONE)]
    found = [ListedFile("same", 1, ONE), ListedFile("other", 1, TWO), ListedFile("new", 1, ONE)]
    assert compare(listed, found) == Differences(1, ("gone",), ("other",), ("new",))
    assert compare(sums, [ListedFile("same", 9, ONE), ListedFile("longer", 2, ONE)]).changed == ("longer",)
