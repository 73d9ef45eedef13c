# SPDX-License-Identifier: Apache-2.0
"""Every class of every check has its sentence, meaning and remedy, and no line says more than was bound."""

import io
import re
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.cli import refusal_text, terminal, verdict_text
from anchor.cli.terminal import Page, Row, wrapped
from anchor.errors import printable
from anchor.format.members import KnownStatus
from anchor.verdict import Check, Class, Step, Verdict, passed
from anchor.verify import no_status, steps
from tests.support.generate.check_names import RUN

LOG = "0123456789abcdef.anchor-embedded.invalid"
OTHER = "0123ffffffffffff.anchor-embedded.invalid"
WORDS = "run by the publisher, witnesses not counted: no policy of yours names any"
STEPS = {s.name: s for s in (*steps.BUNDLE_STEPS, *steps.RELEASE_STEPS, *steps.RECEIPT_STEPS)}
OF_STEPS = [(step, kind) for step in STEPS.values() for kind in step.classes if kind is not Class.OK]
OF_RUNS = [
    (name.replace("<tree>", LOG).replace("<name>", LOG).replace("<index>", "3"), kind)
    for name in RUN
    for kind in (Class.UNAVAILABLE, Class.EQUIVOCATION, Class.INVALID, Class.FINDINGS, Class.ERROR)
]


def a_verdict(check: Check, kind: str = "release", facts: dict[str, Any] | None = None) -> Verdict:
    assert check.demotes is not None
    return Verdict(kind=kind, target="site", verdict=check.demotes, checks=(check,), facts=facts or {})


def check_of(step: Step, kind: Class, detail: str = "this differs") -> Check:
    state: Any = (
        "refused" if kind in (Class.INVALID, Class.STALE, Class.PENDING, Class.WITHDRAWN) else "unknown"
    )
    return Check(name=step.name, state=state, detail=detail, meaning=step.meaning, demotes=kind)


def page(found: verdict_text.Report, columns: int = 80) -> list[str]:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return False

    laid = Page(Stream(), most=columns)
    return [*laid.headline(found.word, found.sentence, found.colour), *laid.rows(found.rows)]


@pytest.mark.parametrize(("step", "kind"), OF_STEPS, ids=lambda v: getattr(v, "name", str(v)))
def test_every_class_of_every_check_says_what_is_wrong_what_it_means_and_what_to_do(
    step: Step, kind: Class
) -> None:
    found = verdict_text.report(a_verdict(check_of(step, kind)))
    labels = [row.label for row in found.rows]
    assert found.word == kind
    assert found.sentence.startswith("site: ")
    assert {"found", "means", "do", "checks"} <= set(labels)
    assert all(row.text.strip() for row in found.rows)
    assert all(len(line) <= terminal.READABLE for line in page(found, terminal.READABLE))


@pytest.mark.parametrize(("step", "kind"), OF_STEPS, ids=lambda v: getattr(v, "name", str(v)))
def test_a_refusal_has_a_sentence_of_its_own(step: Step, kind: Class) -> None:
    """Only a class that leaves the answer open may say so in the words of the class."""
    sentence = refusal_text.sentence_of(a_verdict(check_of(step, kind)), check_of(step, kind))
    if kind in (Class.INVALID, Class.STALE, Class.PENDING):
        assert sentence not in refusal_text._SENTENCES.values(), (step.name, kind)


@pytest.mark.parametrize(("name", "kind"), OF_RUNS)
def test_every_check_of_a_run_has_one_too(name: str, kind: Class) -> None:
    check = Check(name=name, state="refused", detail="this differs", meaning="it is so", demotes=kind)
    found = verdict_text.report(a_verdict(check, "run"), export="anchor records export --evidence -o x")
    assert found.word == kind
    commands = [row.text for row in found.rows if row.command]
    assert bool(commands) == (kind is Class.EQUIVOCATION)


# Nothing that was not bound


def facts(**more: Any) -> dict[str, Any]:
    independence = {
        "operator": "publisher",
        "own_authority": False,
        "words": WORDS,
        "named": None,
        "quorum": None,
        "witnessed": False,
    }
    anchor = {
        "origin": LOG,
        "index": 4,
        "identity": f"publisher@{LOG}",
        "issuer": f"https://{LOG}/oauth",
        "time": "2026-01-31T12:00:00Z",
        "independent": False,
        "independence": independence,
    }
    return {
        "ledger": "small",
        "number": 2,
        "version": "1.1",
        "size": 3,
        "anchors": [anchor],
        **more,
    }


def good(checks: tuple[Check, ...], **more: Any) -> verdict_text.Report:
    return verdict_text.report(
        Verdict(kind="release", target="t", verdict=Class.OK, checks=checks, facts=facts(**more))
    )


def texts(found: verdict_text.Report) -> str:
    return " ".join(row.text for row in found.rows)


FACTS, HASHES = passed(steps.FACTS, "as signed"), passed(steps.LEAF_HASHES, "as signed")
OPENED = passed(steps.OPENED, "as signed")
STATUS = {"sequence": 3, "time": "2026-02-01T00:00:00Z", "withdrawn": [], "newest": 2}


def test_facts_are_as_published_only_if_they_were_read() -> None:
    assert good((FACTS,)).sentence == "small 1.1 (release 2): all 3 facts are as published"
    assert "hashes of its 3 confidential facts" in good((HASHES,)).sentence
    assert "that no fact was changed" not in texts(good((HASHES,)))
    assert "which facts they are" in texts(good((HASHES,)))
    assert "the 3 facts that you were given are as signed" in good((HASHES, OPENED)).sentence
    assert "which facts they are" not in texts(good((HASHES, OPENED)))
    one = verdict_text.report(
        Verdict(kind="release", target="t", verdict=Class.OK, checks=(FACTS,), facts=facts(size=1))
    )
    assert one.sentence.endswith("its one fact is as published")


def test_what_nobody_looked_at_is_not_proven() -> None:
    assert "no status is here." in texts(good((FACTS,)))
    left_out = no_status.missing(KnownStatus(sequence=2, statement="ab" * 32))
    assert "no status is here, and this release knew of one." in texts(good((FACTS, left_out)))
    with_status = texts(good((FACTS,), status=STATUS))
    assert "no status is here" not in with_status
    assert "that it was not withdrawn by 01 Feb 2026 00:00:00 UTC" in with_status
    documents = [{"name": "a.pdf"}]
    assert "--evidence compares them" in texts(good((FACTS,), source_documents=documents))
    compared = (FACTS, passed(steps.SOURCE_DOCUMENTS, "all"))
    assert "--evidence compares them" not in texts(good(compared, source_documents=documents))


def test_a_status_of_before_the_release_proves_nothing_about_it() -> None:
    """It stands beside a release that was published after it, and cannot withdraw it."""
    shown = texts(good((FACTS,), status={**STATUS, "newest": 1}))
    assert "not withdrawn by" not in shown
    assert "That nothing was withdrawn since: the status here does not know this release." in shown


@pytest.mark.parametrize("first", [0, 1])
def test_the_publishers_own_clock_never_speaks_for_another_authority(first: int) -> None:
    """A publisher in two logs sets the clock of his own one back. The other one has seen it years later."""
    (own,) = facts()["anchors"]
    public = {**own, "origin": "log2025-1.rekor.sigstore.dev", "time": "2026-03-01T12:00:00Z"}
    public |= {"independent": True, "independence": {**own["independence"], "operator": "public"}}
    own["time"] = "2019-01-01T00:00:00Z"
    found = good((FACTS,), anchors=[own, public] if first else [public, own])
    times = [row.text for row in found.rows if row.label == "time"]
    assert times == [
        "01 Mar 2026 12:00:00 UTC, at the latest",
        "01 Jan 2019 00:00:00 UTC, by the publisher's own clock alone",
    ]
    alone = good((FACTS,), anchors=[own])
    assert [r.text for r in alone.rows if r.label == "time"] == ["01 Jan 2019 00:00:00 UTC, at the latest"]
    assert "(by the publisher's own clock)" in texts(alone)


@pytest.mark.parametrize(
    ("operator", "independent", "witnessed", "said", "unsaid"),
    [
        ("publisher", False, False, "no independent evidence", "no witness was counted"),
        ("public", False, False, "vouches for the signer or the time. It is no independent", "rewrite it"),
        ("publisher", True, True, "the witnesses saw the log", "no independent evidence"),
        ("public", True, False, "no witness was counted", "no independent evidence"),
        ("private", True, False, "Nobody here knows who runs a private log", "no independent evidence"),
        ("public", True, True, "the witnesses saw the log", "no witness was counted"),
    ],
)
def test_each_kind_of_log_has_its_own_words(
    operator: str, independent: bool, witnessed: bool, said: str, unsaid: str
) -> None:
    (anchor,) = facts()["anchors"]
    own = {**anchor["independence"], "operator": operator, "witnessed": witnessed}
    own["own_authority"] = operator == "public" and not independent
    if witnessed:
        own |= {"named": 3, "quorum": "2", "words": "public log, witnessed by 2 of 3 (a, b)"}
    shown = texts(good((FACTS,), anchors=[{**anchor, "independent": independent, "independence": own}]))
    assert said in shown
    assert unsaid not in shown
    assert ("witnessed by 2 of 3 (a, b)" in shown) == witnessed


@pytest.mark.parametrize("own", [True, False])
def test_a_log_of_somebody_else_does_not_make_the_time_his(own: bool) -> None:
    """The publisher's certificate authority and clock, and witnesses who saw a public log."""
    (anchor,) = facts()["anchors"]
    of = {**anchor["independence"], "operator": "public", "own_authority": own, "witnessed": True}
    shown = texts(good((FACTS,), anchors=[{**anchor, "independent": True, "independence": of}]))
    assert ("(by the publisher's own clock)" in shown) == own
    assert ("somebody else vouches for signer and time: the publisher runs that authority" in shown) == own


def test_a_claimed_signer_is_never_short() -> None:
    check = Check(name="policy", state="skipped", detail="no policy", demotes=Class.USAGE)
    note = f"signed by publisher@{LOG} (issuer https://{LOG}/oauth): claimed, not verified"
    verdict = Verdict(kind="release", target="t", verdict=Class.USAGE, checks=(check,), notes=(note,))
    assert f"publisher@{LOG} (issuer" in texts(verdict_text.report(verdict))


# The lines


@given(st.text(), st.integers(10, 200))
def test_no_line_is_wider_than_the_room_and_no_character_is_lost(text: str, room: int) -> None:
    lines = wrapped(text, room)
    assert lines
    for line in lines:
        assert line.isprintable()
        assert len(line) <= room or any(terminal.is_kept(word) for word in line.split(" "))
    shown = re.sub(r"\s", "", printable(text))
    assert re.sub(r"\s", "", "".join(lines)) == shown


@given(st.text(), st.text(), st.integers(40, 200))
def test_the_text_of_a_stranger_forges_no_line(sentence: str, text: str, columns: int) -> None:
    laid = Page(io.StringIO(), most=columns)
    lines = [*laid.headline("INVALID", sentence, "bad"), *laid.rows([Row("found", text)])]
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("OK") for line in lines)


def test_a_command_is_broken_so_that_a_shell_reads_one() -> None:
    command = f"anchor verify 'a b  c' --ledger small --identity publisher@{LOG} --issuer https://{LOG}/oauth"
    laid = Page(io.StringIO(), most=72)
    lines = list(laid.rows([Row("do", command, command=True)]))
    assert len(lines) > 1
    assert all(line.endswith(" \\") for line in lines[:-1])
    joined = "\n".join(lines).replace("\\\n", "").strip().removeprefix("do")
    assert joined.split() == command.split()
    assert "'a b  c'" in joined


@given(st.lists(st.text("ab-'\" ", max_size=12), min_size=1), st.integers(40, 72))
def test_no_line_of_a_command_ends_inside_a_word(words: list[str], columns: int) -> None:
    lines = list(Page(io.StringIO(), most=columns).rows([Row("do", shlex.join(words), command=True)]))
    found = [word for line in lines for word in shlex.split(line.removesuffix("\\"))]
    assert found == ["do", *words]


def test_a_command_is_broken_before_an_option_and_not_behind_it() -> None:
    command = "anchor records export --evidence --home /var/lib/watch/home --database DB -o evidence"
    lines = list(Page(io.StringIO(), most=60).rows([Row("do", command, command=True)]))
    assert [line.strip() for line in lines] == [
        "do           anchor records export --evidence \\",
        "--home /var/lib/watch/home --database DB \\",
        "-o evidence",
    ]
