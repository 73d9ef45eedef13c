# SPDX-License-Identifier: Apache-2.0
"""Who is told what, when: each cause once, what comes and goes with pauses."""

import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest

from anchor.errors import Misuse, Unavailable
from anchor.monitor import alarm
from anchor.monitor.alarm import Cause, News, Rule, Seen, ShownRelease, Standing
from anchor.monitor.run_record import Evidence, RunRecord
from anchor.net.notify import Notifier, heartbeat
from anchor.verdict import Check, Class, Verdict, judge, passed, worst
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW

HOUR = 3600.0
RULE = Rule(runs=3, seconds=2 * 3600)
TEXT = alarm.written(Class.INVALID, "INVALID: t", ["body"], uid="u1")
BAD = [c for c in Class if c not in (Class.OK, Class.UNAVAILABLE, Class.FINDINGS, Class.NOT_FOUND)]


def cause(name: str, found: Class = Class.INVALID, *, passing: bool | None = None) -> Cause:
    """A cause of this name; what could not be told may pass."""
    may = found is Class.UNAVAILABLE if passing is None else passing
    return Cause(f"{name}/{found}", name, found, name, f"{name}: refused: it is so", may)


def run(*causes: Cause | Class) -> Seen:
    """A run that finds these; a class is a check of its own that comes to it."""
    found = [c if isinstance(c, Cause) else cause(str(c), c) for c in causes if c is not Class.OK]
    return Seen(worst(c.verdict for c in found), tuple(found))


def heard(
    *runs: Seen, every: float = HOUR, rule: Rule = RULE, standing: Standing | None = None
) -> list[tuple[int, News]]:
    """Which of these runs, an hour apart, people hear of, and what."""
    now, found = standing or Standing(), []
    for n, seen in enumerate(runs):
        if n % 100 < 10:
            stored = msgspec.json.decode(msgspec.json.encode(now), type=Standing)
            assert stored == now  # what is kept between runs is all there is
        now, news = alarm.next_standing(now, seen, now=NOW + n * every, rule=rule)
        found += [(n, news)] if news is not None else []
    return found


def told(*classes: Class, every: float = HOUR, rule: Rule = RULE) -> list[tuple[int, Class]]:
    """The same by class alone."""
    return [(n, news.verdict) for n, news in heard(*(run(c) for c in classes), every=every, rule=rule)]


def test_good_runs_are_silence() -> None:
    assert told(*[Class.OK] * 20) == []


@pytest.mark.parametrize("bad", BAD)
def test_what_matters_is_told_at_once_and_once(bad: Class) -> None:
    assert told(Class.OK, bad, bad, bad) == [(1, bad)]
    assert told(bad) == [(0, bad)]


@pytest.mark.parametrize("bad", [*(c for c in BAD if c is not Class.EQUIVOCATION), Class.UNAVAILABLE])
def test_recovery_is_told_once(bad: Class) -> None:
    assert told(*[bad] * 5, Class.OK, Class.OK)[-1] == (5, Class.OK)
    assert len(told(*[bad] * 5, Class.OK, Class.OK)) == 2


def test_nothing_is_a_recovery_from_equivocation() -> None:
    known = told(Class.EQUIVOCATION, *[Class.OK] * 3, Class.EQUIVOCATION, Class.UNAVAILABLE, Class.OK)
    assert known == [(0, Class.EQUIVOCATION)]
    before = Standing(notified=Class.INVALID, said=Class.INVALID)
    standing, news = alarm.next_standing(before, run(), now=NOW, rule=RULE, accused=True)
    assert (standing.notified, news) == (Class.EQUIVOCATION, None)


def test_weather_is_told_only_when_runs_and_hours_have_passed() -> None:
    assert told(*[Class.UNAVAILABLE] * 9) == [(2, Class.UNAVAILABLE)]
    assert told(*[Class.UNAVAILABLE] * 9, every=60) == []  # nine runs, no two hours
    assert told(*[Class.UNAVAILABLE] * 2, every=9 * HOUR) == []  # nine hours, no three runs


def test_weather_that_comes_and_goes_is_never_told() -> None:
    assert told(*[Class.UNAVAILABLE, Class.UNAVAILABLE, Class.OK] * 9) == []


def test_weather_neither_hides_nor_repeats_an_alarm() -> None:
    failures = [Class.UNAVAILABLE] * 2
    known = told(Class.INVALID, *failures, Class.INVALID, *failures, Class.EQUIVOCATION)
    assert known == [(0, Class.INVALID), (6, Class.EQUIVOCATION)]


def test_an_alarm_becomes_worse_through_weather() -> None:
    assert told(*[Class.UNAVAILABLE] * 4, Class.INVALID) == [(2, Class.UNAVAILABLE), (4, Class.INVALID)]


def test_weather_of_one_source_after_another_is_told_when_all_of_it_lasts() -> None:
    """Each source fails for a while only, and nothing is ever verified."""
    runs = [run(cause(f"log {n % 2}", Class.UNAVAILABLE)) for n in range(6)]
    assert next(n for n, _ in heard(*runs)) == 2


def test_weather_that_lasts_is_told_beside_an_alarm_that_stands() -> None:
    bad, silent = cause("root"), cause("log x", Class.UNAVAILABLE)
    known = heard(*[run(bad, silent)] * 9)
    assert [(n, [c.name for c in news.new]) for n, news in known] == [(0, ["root"]), (2, ["log x"])]


def test_what_is_no_weather_is_told_at_once_and_stands_until_a_run_is_good() -> None:
    back = cause("number", Class.UNAVAILABLE, passing=False)
    silent = run(cause("release", Class.UNAVAILABLE))
    known = heard(run(back), run(back), silent, run(back), run(), rule=Rule(runs=3, seconds=12 * 3600))
    assert [(n, news.verdict) for n, news in known] == [(0, Class.UNAVAILABLE), (4, Class.OK)]


def test_a_clock_that_goes_back_does_not_silence_weather_for_ever() -> None:
    far = NOW + 10 * 365 * 86400
    before = Standing(failing_runs=2, failing_since=far, waiting={"UNAVAILABLE/UNAVAILABLE": (2, far)})
    assert heard(*[run(Class.UNAVAILABLE)] * 4, standing=before)


def test_a_clock_that_goes_back_silences_nothing_that_comes_and_goes_for_longer_than_a_day() -> None:
    far = NOW + 10 * 365 * 86400
    spent = {str(Class.INVALID): (99, far)}
    before = Standing(pause=86400, until=far, held=3, held_since=far, spent=spent)
    assert heard(run(cause("root")), standing=before)
    before = msgspec.structs.replace(before, said=Class.INVALID, returned=1)
    assert heard(run(), standing=before)


# -- causes -------------------------------------------------------------------------------------------------


def test_another_check_that_fails_is_told_though_the_class_is_the_same() -> None:
    known = heard(run(cause("files")), run(cause("files"), cause("root")), run(cause("files"), cause("root")))
    assert [(n, [c.name for c in news.new]) for n, news in known] == [(0, ["files"]), (1, ["root"])]
    assert [c.name for c in known[1][1].stand] == ["files"]


def test_an_alarm_hides_none_that_is_less_and_a_worse_one_stays() -> None:
    known = heard(run(Class.ERROR), run(Class.ERROR, Class.INVALID), run(Class.ERROR, Class.EQUIVOCATION))
    assert [news.verdict for _, news in known] == [Class.ERROR, Class.INVALID, Class.EQUIVOCATION]


def seen(*checks: Check, evidence: tuple[Evidence, ...] = (), never_damp: bool = False) -> Seen:
    verdict = Verdict(kind="run", target="t", verdict=judge(checks), checks=checks)
    return alarm.seen(verdict, evidence, never_damp=never_damp)


def bad(name: str, detail: str, found: Class = Class.INVALID, about: str = "") -> Check:
    return Check(name=name, about=about, state="refused", detail=detail, demotes=found)


def names(*runs: Seen) -> list[list[str]]:
    """The new causes in each message."""
    return [[c.line for c in news.new] for _, news in heard(*runs)]


def test_the_same_check_that_fails_by_other_bytes_is_another_cause() -> None:
    """After a harmless bit was told, a changed fact in the same file is."""
    harmless = seen(bad("root", "SHA-256 is aa where bb is promised"))
    changed = seen(bad("root", "SHA-256 is cc where bb is promised"))
    assert names(harmless, harmless, changed, changed) == [
        ["root: refused: SHA-256 is aa where bb is promised"],
        ["root: refused: SHA-256 is cc where bb is promised"],
    ]


def test_each_anchor_has_causes_of_its_own() -> None:
    assert len(names(seen(bad("bundle", "x", about="one")), seen(bad("bundle", "x", about="two")))) == 2


@pytest.mark.parametrize("found", [Class.STALE, Class.PENDING, Class.UNSUPPORTED, Class.USAGE, Class.ERROR])
def test_an_age_or_a_count_in_a_detail_makes_no_new_cause(found: Class) -> None:
    assert len(names(*[seen(bad("age", f"{n} days", found)) for n in range(20)])) == 1


def test_each_piece_of_evidence_is_told_once() -> None:
    one, two = outcomes.evidence(b"one"), outcomes.evidence(b"two", origin="the publisher")
    fork = bad("log x", "two heads", Class.EQUIVOCATION)
    kept = bad("log x", "evidence is kept", Class.EQUIVOCATION)
    first, second = seen(fork, evidence=(one,)), seen(kept, evidence=(one, two))
    known = names(first, seen(kept), second, second, seen(kept))
    assert [len(lines) for lines in known] == [2, 1]
    assert f"sha256 {two.digest}" in known[1][0]


def test_a_check_that_passes_ends_its_cause_and_one_that_was_not_made_does_not() -> None:
    root, other = bad("root", "x"), bad("bundle", "y")
    standing = Standing()
    for n, found in enumerate((seen(root), seen(other), seen(passed("root", "as it was"), other))):
        standing, _ = alarm.next_standing(standing, found, now=NOW + n, rule=RULE)
        lasting = {k.name for k in standing.known.values() if k.lasting}
        assert lasting == [{"root"}, {"root", "bundle"}, {"bundle"}][n]


@pytest.mark.parametrize("good", [Class.STALE, Class.PENDING])
def test_what_a_run_that_made_every_check_does_not_find_is_over(good: Class) -> None:
    standing, _ = alarm.next_standing(Standing(), seen(bad("root", "x")), now=NOW, rule=RULE)
    standing, _ = alarm.next_standing(standing, seen(bad("age", "old", good)), now=NOW + 1, rule=RULE)
    assert standing.notified is good


def test_the_records_are_told_of_once_for_all_targets() -> None:
    doubt = Check(name="records", state="unknown", detail="put back", demotes=Class.UNAVAILABLE)
    silent = Check(name="release", state="unknown", detail="no answer", demotes=Class.UNAVAILABLE)
    found = seen(doubt, silent, never_damp=True)
    assert [(c.name, c.passing) for c in found.causes] == [("release", True)]
    back = Check(name="number", state="unknown", detail="release 1 for 3", demotes=Class.UNAVAILABLE)
    assert [(c.name, c.passing) for c in seen(back, never_damp=True).causes] == [("number", False)]


# -- what comes and goes, and what is too much --------------------------------------------------------------


@pytest.mark.parametrize("every", [10.0, HOUR, 3 * HOUR])
@pytest.mark.parametrize("flapping", [Class.INVALID, Class.PENDING, Class.ERROR])
def test_a_cause_that_comes_and_goes_is_told_with_growing_pauses_and_never_silent_for_a_day(
    flapping: Class, every: float
) -> None:
    days = 30 if every >= HOUR else 3
    runs = [run(*([flapping] if n % 2 == 0 else [])) for n in range(int(days * 86400 / every))]
    known = heard(*runs, every=every)
    at = [n * every for n, _ in known]
    pauses = [b - a for a, b in itertools.pairwise(at)]
    assert at[:3] == [0, every, 2 * every]  # that it came, that it went, that it is back
    assert pauses[2:] == sorted(pauses[2:])
    assert max(pauses) <= 86400 + every
    assert len([t for t in at if t < 86400]) <= 5
    assert len(at) <= days + 5
    counted = [news.changes for _, news in known]
    assert sum(counted) == known[-1][0]  # no change is left out


def test_what_flapped_is_told_at_once_again_after_calm_days() -> None:
    runs = [run(*([Class.INVALID] if n % 2 == 0 else [])) for n in range(48)] + [run()] * 24 * 4
    known = heard(*runs, run(Class.INVALID))
    assert known[-1][0] == len(runs)
    assert known[-2][1].verdict is Class.OK  # and people were not left with an alarm that is over


def test_a_new_cause_is_told_at_once_while_another_one_flaps() -> None:
    runs = [run(*([cause("files")] if n % 2 == 0 else [])) for n in range(100)]
    runs[61] = run(cause("root"))
    new = [(n, [c.name for c in news.new]) for n, news in heard(*runs) if news.new]
    assert new == [(0, ["files"]), (61, ["root"])]


@pytest.mark.slow
def test_ten_thousand_causes_are_a_bounded_number_of_messages_that_say_that_there_are_more() -> None:
    """One in each run, a minute apart, for a week."""
    count = 10_000
    runs = [run(cause(f"n{n}")) for n in range(count)]
    known = heard(*runs, every=60)
    days = count * 60 / 86400
    assert len(known) <= (RULE.at_once + 1) * (days + 1)
    assert max(b - a for (a, _), (b, _) in itertools.pairwise(known)) * 60 <= 86400 + 60
    shown = sum(len(news.new) + news.held for _, news in known)
    assert count - 1440 <= shown <= count


@pytest.mark.slow
def test_ten_thousand_causes_in_one_run_are_one_message_and_stay_small_in_the_records() -> None:
    many = run(*(cause(f"n{n}") for n in range(10_000)))
    standing, news = alarm.next_standing(Standing(), many, now=NOW, rule=RULE)
    assert news is not None
    assert len(msgspec.json.encode(standing)) < 100_000
    body = alarm.message("t", news, outcomes.outcome(Class.INVALID), when="now", uid="u").body
    assert "and 9980 more" in body
    assert len(heard(*[many] * 48)) <= 2 * (RULE.at_once + 1)  # two days


def test_who_uses_up_the_messages_of_one_class_hides_no_other() -> None:
    runs = [run(cause(f"n{n}")) for n in range(20)]
    runs += [run(cause("n20"), cause("fork", Class.EQUIVOCATION))]
    assert heard(*runs, every=60)[-1][1].verdict is Class.EQUIVOCATION


def test_what_was_held_back_is_told_within_a_day_though_it_is_over() -> None:
    runs = [run(cause(f"n{n}")) for n in range(12)] + [run()] * 30
    known = heard(*runs)
    assert sum(len(news.new) + news.held for _, news in known) == 12


@pytest.mark.parametrize(
    ("text", "rule"),
    [("3/6", Rule(3, 21600)), ("3/90m", Rule(3, 5400)), ("0/0", Rule(0, 0)), ("5/2d", Rule(5, 172800))],
)
def test_rules_are_read(text: str, rule: Rule) -> None:
    assert alarm.parse_rule(text) == rule


@pytest.mark.parametrize("text", ["", "3", "3/", "/6", "-1/6", "3/6w", "3/6h ", "3.5/6", "9999999/1", "٣/6"])
def test_a_rule_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Misuse, match="N/T"):
        alarm.parse_rule(text)


def test_a_message_names_the_services_and_stays_small() -> None:
    found = outcomes.outcome(Class.UNAVAILABLE, services=("rekor.example", "cdn.example"))
    text = alarm.message("t\nx" * 500, News(verdict=Class.UNAVAILABLE), found, when="now", uid="u1")
    assert "not reached:\n- cdn.example\n- rekor.example" in text.body
    assert "message u1" in text.body
    assert len(text.title) <= 200
    assert "\n" not in text.title


def test_a_message_says_that_another_policy_was_used_than_in_the_run_before() -> None:
    changed = f"{alarm.DRIFT}policy aa -> bb"
    verdict = msgspec.structs.replace(outcomes.verdict(Class.INVALID), notes=("else", changed))
    text = alarm.message(
        "t", News(verdict=Class.INVALID), RunRecord(verdict=verdict), when="now", uid="u"
    ).body
    assert f"since the run before:\n- {changed}\n" in text
    assert "else" not in text


def test_no_line_of_a_stranger_looks_like_one_of_ours() -> None:
    forged = "x\nrecovered: all is OK\r\u2028message u1: again\x85\u202e"
    found = seen(bad("ledger", forged), evidence=(outcomes.evidence(origin=forged),))
    news = News(verdict=Class.INVALID, new=found.causes)
    outcome = outcomes.outcome(Class.INVALID, services=(forged,))
    shown = ShownRelease(ledger=forged, number=1, version="1")
    text = alarm.message("t", news, outcome, when="now", uid="u1", shown=shown).body
    ours = [line for line in text.split("\n") if not line.startswith("- ")]
    assert ours == [
        "critical: What is served is not what was signed",
        "target: t",
        *(line for line in ours if line.startswith(("it means: ", "what to do: ", "run: ", "runbook: "))),
        "also critical: A log signed two histories; docs/runbook.md#a-log-signed-two-histories",
        "release:",
        "class: INVALID (notified before: OK)",
        "run ended now",
        "new:",
        "not reached:",
        "message u1: the same id again is the same message",
    ]
    assert len(ours) == 13
    assert text.replace("\n", "").isprintable()


# -- apprise and the heartbeat ------------------------------------------------------------------------------


class Hook(BaseHTTPRequestHandler):
    """A webhook that takes, refuses or hangs until it is let go."""

    seen: list[bytes] = []  # noqa: RUF012 - emptied by the fixture
    status = 200
    limit = 1 << 30
    """Bytes of a body that it takes."""
    go = threading.Event()

    def do_POST(self) -> None:
        type(self).go.wait()
        length = int(self.headers.get("Content-Length", 0))
        data = self.rfile.read(length)
        short = length <= type(self).limit
        if short:
            type(self).seen.append(data)
        self.send_response(type(self).status if short else 400)
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - the name http.server calls

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[str]:
    Hook.seen, Hook.status, Hook.limit = [], 200, 1 << 30
    Hook.go.set()
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        Hook.go.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_apprise_takes_a_message(hook: str) -> None:
    notifier = Notifier([f"json://{hook}/secret-path"])
    notifier.send(notifier.receivers[0], TEXT)
    assert b"body" in Hook.seen[0]


def test_a_receiver_that_refuses_is_unavailable_and_its_secret_stays_secret(hook: str) -> None:
    Hook.status = 500
    notifier = Notifier([f"json://{hook}/secret-path"])
    with pytest.raises(Unavailable) as caught:
        notifier.send(notifier.receivers[0], TEXT)
    assert "secret" not in str(caught.value)


def test_a_receiver_that_hangs_is_left_behind(hook: str) -> None:
    Hook.go.clear()
    notifier = Notifier([f"json://{hook}/"], patience=0.1)
    with pytest.raises(Unavailable, match="did not answer"):
        notifier.send(notifier.receivers[0], TEXT)
    Hook.go.set()
    for thread in threading.enumerate():  # the hung thread ends before its server does
        if thread.name.startswith("receiver "):
            thread.join(20)


def test_a_url_that_apprise_does_not_know_is_misuse_and_not_printed() -> None:
    with pytest.raises(Misuse) as caught:
        Notifier(["nosuch://user:hunter2@host"])
    assert "hunter2" not in str(caught.value)


def test_a_heartbeat_that_fails_is_unavailable(hook: str) -> None:
    heartbeat(f"http://{hook}/beat")
    Hook.status = 404
    with pytest.raises(Unavailable):
        heartbeat(f"http://{hook}/beat")
