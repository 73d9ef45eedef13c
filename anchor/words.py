# SPDX-License-Identifier: Apache-2.0
"""Numbers and durations in the words of a line for people."""

from datetime import timedelta

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def several(number: int, noun: str) -> str:
    """A number with its noun: "1 log", "2 logs", "0 entries"."""
    return f"{number} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a noun that we count; the last word of several is what is counted."""
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy", "uy")):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "sh", "ch")) else f"{noun}s"


def with_extra(name: str) -> str:
    """The way to install an extra of pyproject.toml. No package index has Anchor, so it names a clone."""
    return f"install Anchor from its clone with '.[{name}]' instead of '.'"


def span(length: timedelta | float) -> str:
    """A duration (or seconds) as people write it: its two largest units, such as "1 day 3 hours".

    What is less than a second is "0 seconds". Two units, so that a limit and what is just above it differ.
    """
    left = round(length.total_seconds() if isinstance(length, timedelta) else length)
    parts = list[str]()
    for noun, seconds in _UNITS:
        number, left = divmod(left, seconds)
        if number:
            parts.append(several(number, noun))
    return " ".join(parts[:2]) or "0 seconds"


def of_at_least(number: int, wanted: int, noun: str) -> str:
    """A number beside the number that is demanded: "1 of at least 2 logs"; "1 log" if one is enough."""
    return several(number, noun) if wanted == 1 else f"{number} of at least {several(wanted, noun)}"


def are(number: int, noun: str) -> str:
    """A number with its noun and the verb: "1 file is", "2 files are"."""
    return f"{several(number, noun)} {'is' if number == 1 else 'are'}"
