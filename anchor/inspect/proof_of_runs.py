# SPDX-License-Identifier: Apache-2.0
"""A proof of past runs in words. FORMAT.md section 29.4.

Only what the first line says is shown: the events are for `anchor verify-history`, which counts them.
"""

from collections.abc import Iterator

from msgspec import UNSET

from anchor.errors import AnchorError
from anchor.format import history_proof
from anchor.format.history_head import Head
from anchor.format.history_proof import Header
from anchor.inspect.fields import Description, Field, Rule, field
from anchor.words import several

KIND = "proof of runs"
_NAMES = history_proof.FORMAT.rpartition(":")[0].encode()
_SIGNED = Rule(bound=True, by="it is in a signed statement")
_PROVEN = Rule(bound=True, by="the nodes and the events give the signed roots")
_WHICH = Rule(bound=True, by="the proof of the event leads to the signed root")
_EVENTS = Rule(bound=True, by="each line is hashed into the signed root")


def is_proof(data: bytes) -> bool:
    """True if the first line names the format, in whatever version."""
    return data[:1] == b"{" and _NAMES in data[: history_proof.MAX_LINE].partition(b"\n")[0]


def read(data: bytes, *, cut: bool) -> Description:
    """A proof of runs; `cut`: only its beginning was read."""
    first, _, rest = data.partition(b"\n")
    notes = ("anchor verify-history checks it, and counts its runs",)
    try:
        header = history_proof.parse(first)
        head, before = history_proof.check_heads(header)
    except AnchorError as e:
        return Description(KIND, "a proof that no verification accepts as it stands", (), str(e), notes)
    what = "every event" if header.complete else several(len(header.events or ()), "single event")
    sentence = f"{what} under a head of {several(head.size, 'event')} of {head.origin}"
    fields = list(_fields(header, head, before))
    if not cut:
        fields.append(field("events", several(rest.count(b"\n"), "line"), _EVENTS))
    return Description(KIND, sentence, fields, "", notes)


def _fields(header: Header, head: Head, before: Head | None) -> Iterator[Field]:
    for name, one in (("head", head), ("before", before)):
        if one is not None:
            yield field(f"{name}.origin", one.origin, _SIGNED)
            yield field(f"{name}.size", one.size, _SIGNED)
            yield field(f"{name}.root", one.root, _SIGNED)
    if header.start is not UNSET:
        yield field("start", header.start, _PROVEN)
    if header.events is not UNSET:
        for number, event in enumerate(header.events):
            yield field(f"events[{number}].index", event.index, _WHICH)
