# SPDX-License-Identifier: Apache-2.0
"""`anchor records prove`: a file that proves past runs under a head that was anchored.

What is written is verified as a stranger would verify it, all but the signatures. So damaged records make no
proof.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from anchor.disk import user_files
from anchor.errors import Refused
from anchor.format import history_events, history_proof
from anchor.format.history_events import RunEnded
from anchor.records import run_proofs
from anchor.records.database import Database
from anchor.records.run_proofs import Prepared
from anchor.words import several


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a proof. `later_events` and `later_runs` came after the newest anchored head."""

    complete: bool
    start: int | None
    events: int
    runs: int
    pruned: int
    head: int
    """The number of events of the head that it stands on."""
    anchored: str
    """When that head was anchored, by the clock of the machine: RFC 3339."""
    later_events: int
    later_runs: int

    @property
    def sentence(self) -> str:
        """The things that were proven, for a person."""
        gone = f" and {several(self.pruned, 'pruned event')}" if self.pruned else ""
        what = f"{several(self.runs, 'run')}{gone}"
        if self.complete:
            since = f"from event {self.start} on" if self.start else "from the first event on"
            what = f"{what} among all {several(self.events, 'event')} {since}"
        return f"{what}, under the head of {several(self.head, 'event')} that was anchored at {self.anchored}"

    @property
    def lacking(self) -> str:
        """The runs that no proof can show yet; empty if there are none."""
        if not self.later_runs:
            return ""
        return (
            f"{several(self.later_runs, 'run')} ended after the newest anchored head, and cannot be proven "
            "yet: run 'anchor records anchor'"
        )


def write(
    database: Database,
    path: Path,
    *,
    runs: Sequence[int] = (),
    since: float | None = None,
    until: float | None = None,
) -> Written:
    """Write a proof of single runs, or with `since` (seconds since 1970) of all events from a head on.

    Raises `Misuse` if no head was anchored, or a run cannot be proven; `Refused` for damaged records.
    """
    with database.read() as connection:
        if since is None:
            proof = run_proofs.of_runs(connection, runs)
        else:
            end = None if until is None else round(until * 1000)
            proof = run_proofs.since(connection, round(since * 1000), end)
        with user_files.writing(path) as stream:
            counted = _written(proof, stream)
    header = proof.header
    return Written(
        complete=header.complete,
        start=int(header.start) if header.start is not msgspec.UNSET else None,
        head=proof.head.size,
        anchored=history_events.time(proof.anchored_ms),
        later_events=proof.later_events,
        later_runs=proof.later_runs,
        **counted,
    )


def _written(proof: Prepared, stream: BinaryIO) -> dict[str, Any]:
    """Write all lines, and verify them; how many events, runs and pruned events there are."""
    first = history_proof.encode(proof.header)
    stream.write(first + b"\n")
    events = runs = pruned = 0
    try:
        for line in history_proof.events(history_proof.parse(first), _kept(proof.lines, stream)):
            events += 1
            runs += isinstance(line.event, RunEnded)
            pruned += line.event is None
    except Refused as e:
        remedy = "'anchor records check' says what was changed"
        raise Refused(e.problem, where=f"records: {e.where}", remedy=remedy) from None
    return {"events": events, "runs": runs, "pruned": pruned}


def _kept(lines: Iterator[bytes], stream: BinaryIO) -> Iterator[bytes]:
    for line in lines:
        stream.write(line + b"\n")
        yield line
