# SPDX-License-Identifier: Apache-2.0
"""The short form of an embedded log's origin, and the places where it must stand whole."""

import pytest

from anchor.log_kinds.short_names import ShortNames, short

LOG = "0123456789abcdef.anchor-embedded.invalid"
ALIKE = "0123ffffffffffff.anchor-embedded.invalid"
OTHER = "fedcba9876543210.anchor-embedded.invalid"


def test_an_origin_is_short_only_if_no_other_looks_like_it() -> None:
    assert short(LOG) == "0123...invalid"
    assert short(f"publisher@{LOG}") == "publisher@0123...invalid"
    assert short(LOG, [LOG, OTHER]) == "0123...invalid"
    assert short(LOG, [LOG, ALIKE]) == LOG
    assert short(f"publisher@{ALIKE}", [f"publisher@{LOG}"]) == f"publisher@{ALIKE}"


@pytest.mark.parametrize(
    "text", ["log.example", LOG.upper(), f"x{LOG[1:]}", f"a.{LOG}x", LOG.removeprefix("0"), f"{LOG}.example"]
)
def test_another_name_stays(text: str) -> None:
    assert short(text) == text


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"log {LOG}: size 1", "log 0123...invalid: size 1"),
        (
            f"signed by publisher@{LOG}, and {OTHER}.",
            "signed by publisher@0123...invalid, and fedc...invalid.",
        ),
        (f"({LOG})", "(0123...invalid)"),
        (f"'{LOG}'", "'0123...invalid'"),
    ],
)
def test_each_origin_in_a_line(line: str, shown: str) -> None:
    assert ShortNames()(line) == shown


@pytest.mark.parametrize(
    "line",
    [
        f"https://{LOG}/oauth",
        f"release/log/{LOG}/checkpoint",
        f"release/log/{LOG}",
        f"release/1.0.0/{LOG}.sigstore.json",
        f"{LOG}+beff3c8c+ARL/pcjMxXlGym",
        f"sub.{LOG}",
        f"a-{LOG}",
    ],
)
def test_what_somebody_copies_stays_whole(line: str) -> None:
    assert ShortNames()(line) == line


def test_two_that_look_alike_are_whole_from_the_second_one_on() -> None:
    """The lines of a command that is running are not known before."""
    shown = ShortNames()
    assert shown(f"{LOG}: signing") == "0123...invalid: signing"
    assert shown(f"{ALIKE}: signing") == f"{ALIKE}: signing"
    assert shown(f"{LOG}: recording") == f"{LOG}: recording"
    known = ShortNames([f"log {LOG}", f"log {ALIKE}", f"log {OTHER}"])
    assert [known(one) for one in (LOG, ALIKE, OTHER)] == [LOG, ALIKE, "fedc...invalid"]
