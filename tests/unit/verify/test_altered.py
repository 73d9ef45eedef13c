# SPDX-License-Identifier: Apache-2.0
"""A published file that was changed beside an intact one: the check names the facts, in every format."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchor import limits
from anchor.verdict import DIFFERS, MAX_DETAIL, Check, Class
from anchor.verify import altered
from anchor.verify.effort import Effort
from anchor.verify.policy import Signer
from anchor.verify.release import ReleaseResult
from tests.support.releases.in_memory import Held, Memory, hold
from tests.support.releases.published import published
from tests.support.releases.version_2 import KINDS, held_of_kind

UNREADABLE = "it cannot be read any more"
NAME = "Next B Corp Recertification Due Year"


def named(held: Held, *, policy: bool = True) -> ReleaseResult:
    trust = held.trust if policy else None
    result = held.examine()
    return altered.named(
        result, held.release, Memory(held.files), trust=trust, now=held.now, effort=Effort.unlimited()
    )


def detail(result: ReleaseResult, name: str = "facts") -> str:
    return found(result, name).detail


def found(result: ReleaseResult, name: str) -> Check:
    return next(c for c in result.verdict.checks if c.name == name and not c.about)


def edited(held: Held, name: str, edit: Callable[[bytes], bytes], *, repaired: bool = False) -> Held:
    path = held.path(name)
    data = edit(held.files[path])
    assert data != held.files[path]
    return held.with_file(path, data, repaired=repaired)


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(old, new, 1)


PLACES = {
    "semicolons": ("ledger.csv", swap(b";1", b";2"), "line 3: Wert is '2', signed was '1' (Köln)"),
    "two files": (
        "ledger-2.csv",
        swap(b"C,3", b"C,4"),
        "ledger-2.csv: line 2: value is '4', signed was '3' (C)",
    ),
    "other members": ("ledger-2.jsonl", swap(b"[3]", b"[4]"), "b is '[4]', signed was '[3]'"),
    "ledger.json with null": ("ledger.json", swap(b"null", b'"no"'), "is 'no', signed was null"),
    "JSON in an object": ("source.json", swap(b'"v":1', b'"v":9'), "v is '9', signed was '1'"),
    "the second table": ("ledger.md", swap(b"| 2 |", b"| 7 |"), "line 11: b is '7', signed was '2' (2)"),
    "lines": ("ledger.txt", swap(b"three", b"eerht"), "line 3: line is 'eerht', signed was 'three'"),
    "sha256sum": ("ledger.sha256", swap(b"b.csv", b"c.csv"), "path is 'c.csv', signed was 'b.csv'"),
}


@pytest.mark.parametrize("kind", PLACES)
def test_each_format_names_the_fact_where_its_reader_counts_it(kind: str) -> None:
    name, edit, words = PLACES[kind]
    result = named(edited(held_of_kind(kind), name, edit))
    check = next(c for c in result.verdict.checks if c.state == "refused")
    assert words in check.detail
    assert "signed values are those of ledger.json" in check.detail or name == "ledger.json"
    assert result.verdict.verdict is Class.INVALID


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_byte_of_any_ledger_file_is_explained_by_the_other_files(kind: str) -> None:
    held = held_of_kind(kind)
    for file in held.value["files"]:
        if file["name"] == "schema.json":
            continue
        at = file["size"] // 2
        data = held.files[file["path"]]
        bad = held.with_file(file["path"], data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], repaired=False)
        before, after = bad.examine(), named(bad)
        if kind == "confidential":  # there is no copy of the facts
            assert after.verdict == before.verdict
            continue
        assert after.verdict.verdict is before.verdict.verdict is Class.INVALID
        (check,) = [c for c in after.verdict.checks if c.state == "refused"]
        refused = check.detail in {c.detail for c in before.verdict.checks}  # its reader says it already
        assert refused or "signed values are those of" in check.detail or UNREADABLE in check.detail
        assert refused or f"{file['path']}: " in check.detail
        assert not refused or "SHA-256 is" not in check.detail
        assert [c.name for c in after.verdict.checks] == [c.name for c in before.verdict.checks]


def several(held: Held) -> Held:
    return edited(held, "source.json", lambda data: data.replace(b'"v":', b'"v":1'))


def test_several_facts_are_notes_and_the_rest_is_counted() -> None:
    result = named(several(held_of_kind("JSON in an object")))
    assert "v is '11', signed was '1' (x); and 1 more; signed values" in detail(result)
    assert [note for note in result.verdict.notes if note.startswith(DIFFERS)] == [
        f"{DIFFERS}source.json: line 1, fact 1 of the file: v is '11', signed was '1' (x)",
        f"{DIFFERS}source.json: line 1, fact 2 of the file: v is '12', signed was '2' (y)",
    ]


ROWS = "".join(f"| Fact number {at} | 20{at:02} | 2026 |\n" for at in range(14))
LEDGER = f"# Facts\n\n| Label | Value | Period |\n|---|---|---|\n| {NAME} | 2028 |  |\n{ROWS}"


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return hold(published(tmp_path_factory.mktemp("altered"), LEDGER).root)


MD, JSON = "ledger.md", "ledger.json"


@pytest.mark.parametrize(
    ("name", "edit", "check", "words"),
    [
        (MD, swap(b"2028", b"2029"), "facts", f"line 5: value is '2029', signed was '2028' ({NAME});"),
        (MD, swap(b"2028", b"12345678"), "facts", f"value is '12345678', signed was '2028' ({NAME});"),
        (
            JSON,
            swap(b"2028", b"2029"),
            "ledger-json",
            f"line 2: value is '2029', signed was '2028' ({NAME});",
        ),
        (
            MD,
            swap(b"Next B", b"Last B"),
            "facts",
            "line 5: label is 'Last B Corp Recertification Due Year', signed",
        ),
        (
            MD,
            swap(b"| 2003 | 2026", b"| 2003 | 2027"),
            "facts",
            "period is '2027', signed was '2026' (Fact number 3",
        ),
        (
            MD,
            lambda d: d + b"| New | 1 |  |\n",
            "facts",
            "line 20: this fact was not signed: value '1' (New);",
        ),
        (MD, swap(b"| Period |", b"| Perion |"), "facts", "the column period is called perion;"),
        (MD, swap(b"# Facts", b"# Facts!"), "facts", "its facts are as signed, its other bytes are not;"),
        (
            JSON,
            swap(b'"1.0.0"', b'"1.0.1"'),
            "ledger-json",
            "its facts are as signed, its other bytes are not;",
        ),
        (
            MD,
            lambda d: (
                d.replace(b"| Fact number 2 | 2002 | 2026 |\n", b"") + b"| Fact number 2 | 2002 | 2026 |\n"
            ),
            "facts",
            "line 19: signed at index 3 (Fact number 2, 2026);",
        ),
    ],
)
def test_the_detail_names_the_fact_and_both_values(
    held: Held, name: str, edit: Callable[[bytes], bytes], check: str, words: str
) -> None:
    bad = edited(held, name, edit)
    result = named(bad)
    line = detail(result, check)
    assert line.startswith(f"release/1.0.0/{name}: ")
    assert words in line
    assert f"signed values are those of release/1.0.0/{MD if name == JSON else JSON}" in line
    assert found(result, check).demotes is Class.INVALID


def test_a_file_that_cannot_be_read_any_more_keeps_its_problem(held: Held) -> None:
    """Its reader says where, or the digests are followed by it."""
    small = edited(held, MD, swap(b"| Fact number 3 |", b"Fact number 3.  |"))
    assert named(small).verdict == small.verify()
    assert "line 9: text directly after the table" in detail(named(small))
    longer = named(edited(held, MD, swap(b"| Fact number 3 |", b"Fact number three. |")))
    assert "another size; " in detail(longer)
    assert f"{UNREADABLE}: line 9: text directly after the table" in detail(longer)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            swap(b"| Fact number 3 | 2003 | 2026 |\n", b""),
            "the signed fact at index 4 is missing: value '2003' (Fact number 3, 2026); ",
        ),
        (swap(b"2028", b"9"), f"line 5: value is '9', signed was '2028' ({NAME}); "),
        (swap(b"| 2013 |", b"| 3 |"), "line 19: value is '3', signed was '2013' (Fact number 13, 2026); "),
        (lambda d: swap(b"2028", b"2029")(d)[:-60], f"line 5: value is '2029', signed was '2028' ({NAME}); "),
        (lambda d: swap(b"2028", b"2029")(d)[:-2], f"line 5: value is '2029', signed was '2028' ({NAME}); "),
    ],
)
def test_a_shorter_file_whose_missing_end_explains_nothing_is_refused(
    held: Held, edit: Callable[[bytes], bytes], words: str
) -> None:
    """Fewer bytes alone contradict nothing. But a copy in progress has the signed facts up to its end."""
    bad = edited(held, MD, edit)
    assert bad.verify().verdict is Class.UNAVAILABLE
    result = named(bad)
    check = found(result, "facts")
    assert (check.state, result.verdict.verdict) == ("refused", Class.INVALID)
    assert words in check.detail
    assert check.detail.endswith("no missing end of a file explains it")
    assert check.meaning.startswith("a fact was changed, added, dropped or moved")
    digest = hashlib.sha256(bad.files[bad.path(MD)]).hexdigest()
    assert f"the SHA-256 now is {digest};" in check.detail


def test_a_larger_size_in_release_json_turns_no_change_into_a_doubt(held: Held) -> None:
    """Nobody signs release.json: the size that it names may be a lie."""
    bad = edited(held, MD, swap(b"2028", b"2029"))
    value = json.loads(bad.release)
    (entry,) = [file for file in value["files"] if file["name"] == MD]
    entry["size"] += 100
    bad = replace(bad, release=(json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())
    assert bad.verify().verdict is Class.UNAVAILABLE
    assert named(bad).verdict.verdict is Class.INVALID


CUT = ("two gzip files", "two files", "semicolons", "JSON with null", "the second table", "lines")


@pytest.mark.parametrize(
    "kind",
    [pytest.param(k, marks=[] if k in CUT else pytest.mark.slow) for k in KINDS if k != "confidential"],
)
def test_a_copy_in_progress_of_any_ledger_file_accuses_nobody(kind: str) -> None:
    """A file ends at any byte, and those after it may be there, or end as well."""
    held = held_of_kind(kind)
    paths = [file["path"] for file in held.value["files"] if file["name"] != "schema.json"]
    for path in paths:
        whole = held.files[path]
        for end in range(0, len(whole), 1 + len(whole) // 12):
            bad = held.with_file(path, whole[:end], repaired=False)
            assert named(bad).verdict == bad.verify(), (path, end)
    for end in range(3, 23, 5):
        files = {path: held.files[path][:-end] for path in paths[1:]}
        bad = replace(held, files={**held.files, **files})
        assert named(bad).verdict == bad.verify(), end


@pytest.mark.parametrize("left", [300, 41, -1])
def test_a_file_that_ends_too_early_accuses_nobody(held: Held, left: int) -> None:
    bad = edited(held, MD, lambda data: data[:left])
    assert named(bad).verdict == bad.verify()


def test_ten_facts_are_named_and_the_rest_is_counted(held: Held) -> None:
    result = named(edited(held, MD, lambda data: data.replace(b" | 20", b" | 30").replace(b"3026", b"2026")))
    assert "; and 14 more; " in detail(result)
    notes = [note for note in result.verdict.notes if note.startswith(DIFFERS)]
    assert len(notes) == 11
    assert notes[-1] == f"{DIFFERS}release/1.0.0/{MD}: and 5 more"
    assert "line 14: value is '3008', signed was '2008' (Fact number 8, 2026)" in notes[9]


def test_the_digests_in_release_json_may_be_changed_as_well(held: Held) -> None:
    """Nobody signs release.json: the copy is held against the statement."""
    result = named(edited(held, MD, swap(b"2028", b"2029"), repaired=True))
    assert "line 5: value is '2029', signed was '2028'" in detail(result, "statement")
    both = edited(
        edited(held, MD, swap(b"2028", b"2029"), repaired=True), JSON, swap(b"2028", b"2027"), repaired=True
    )
    assert named(both).verdict == both.verify()


def test_nothing_is_said_from_a_copy_that_no_accepted_signature_binds(held: Held) -> None:
    bad = edited(held, MD, swap(b"2028", b"2029"))
    for changed in (
        edited(bad, JSON, swap(b"2028", b"2030")),
        edited(bad, "bundle", swap(b'"signatures"', b'"signatureZ"')),
        edited(bad, "statement", swap(b'"number":1', b'"number":2')),
        replace(bad, files={p: d for p, d in bad.files.items() if p != bad.path(JSON)}),
    ):
        assert named(changed).verdict == changed.verify()
    other = msgspec.structs.replace(bad.trust.policy, signers=(Signer(identity="a", issuer="b"),))
    strange = replace(bad, trust=msgspec.structs.replace(bad.trust, policy=other))
    assert named(strange).verdict == strange.verify()


def test_without_a_policy_the_signer_is_claimed_and_the_facts_are_named(held: Held) -> None:
    bad = edited(held, MD, swap(b"2028", b"2029"))
    assert f"signed was '2028' ({NAME})" in detail(named(bad, policy=False))


@pytest.mark.parametrize("text", ["\u202e\u200b", "\ufeff" * 9, "\u2028" * 9, "x" * 5000])
def test_a_hostile_value_stays_short_and_in_its_line(held: Held, text: str) -> None:
    bad = edited(
        held,
        MD,
        lambda data: data.replace(b"2028", text.encode()).replace(b"| Value", b"| " + text[:900].encode()),
    )
    result = named(bad)
    for line in (detail(result), *result.verdict.notes):
        assert line.isprintable()
        assert len(line) <= 2000
    assert "signed was '2028'" in " ".join((detail(result), *result.verdict.notes))


def test_a_file_that_is_too_large_is_not_read(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NAMED_FACTS", 1000)
    bad = edited(held, MD, lambda data: data + b"| x | y | z |\n" * 100)
    assert named(bad).verdict == bad.verify()


def test_a_file_of_a_megabyte_more_than_is_named_is_not_read(held: Held) -> None:
    bad = edited(held, MD, lambda data: data + b"| x | y | z |\n" * 100_000)
    assert named(bad).verdict == bad.verify()


def test_a_good_release_and_a_missing_file_stay_as_they_are(held: Held) -> None:
    assert named(held).verdict == held.verify()
    gone = replace(held, files={p: d for p, d in held.files.items() if p != held.path(MD)})
    assert named(gone).verdict == gone.verify()


BYTES = st.binary(max_size=6) | st.sampled_from(
    (b"|", b"\n", b" | ", b"\xe2\x80\xae", b"\x1b[2J", b'"', b"\\u0000", b"}\n{", b"| a | b | c |\n")
)


@given(
    st.sampled_from((MD, JSON)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), BYTES), min_size=1)
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_written_into_a_file_only_a_doubt_is_refused_and_each_line_is_harmless(
    held: Held, name: str, splices: list[tuple[float, int, bytes]]
) -> None:
    data = held.files[held.path(name)]
    for place, length, other in splices:
        at = int(place * len(data))
        data = data[:at] + other + data[at + length :]
    bad = held.with_file(held.path(name), data, repaired=False)
    before, after = bad.verify(), named(bad).verdict
    assert after.facts == before.facts
    assert [c.name for c in after.checks] == [c.name for c in before.checks]
    if (after.verdict, before.verdict) == (Class.INVALID, Class.UNAVAILABLE):
        assert not held.files[held.path(name)].startswith(data)
    else:
        assert after.verdict is before.verdict
        assert [(c.state, c.demotes) for c in after.checks] == [(c.state, c.demotes) for c in before.checks]
    for line in (*(c.detail for c in after.checks), *after.notes):
        assert line.isprintable()
        assert len(line) <= MAX_DETAIL
