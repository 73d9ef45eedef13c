# SPDX-License-Identifier: Apache-2.0
"""The facts of a published file that was tampered with, named by an intact copy beside it.

A release has its facts twice: in the originals, and in ledger.json. One of the two may be changed, while the
other one has the digest and the root of a statement that a verified bundle signs. Then its facts are the
signed ones. A check that was refused then says which facts differ, in place of two digests.

A file with fewer bytes than are promised is perhaps in the middle of a copy: that is a doubt. If missing ends
of files do not explain what differs, the file is refused.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import BinaryIO

import msgspec

from anchor import limits
from anchor.compare import columns as column_names
from anchor.compare import cut_off, sentences
from anchor.compare.differences import Comparison, compare
from anchor.compare.stored import StoredFacts, store
from anchor.errors import AnchorError, Refused, printable
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.compression import gunzip
from anchor.format.concatenated import chunks_of
from anchor.format.encodings import UTF_16_BOMS
from anchor.format.facts import Chunk, Fact, Table
from anchor.format.readers import READERS, reader_named
from anchor.format.readers.reader import FileReader, Stream
from anchor.format.release import Release
from anchor.format.statement import SourceFile, Statement
from anchor.verdict import DIFFERS, Check, failed, judge
from anchor.verify import anchors, ledger_checks, steps
from anchor.verify.anchors import Trust
from anchor.verify.effort import Effort
from anchor.verify.release import ReleaseResult
from anchor.verify.release_files import SHORTER, Files

_STEPS = {step.name: step for step in (steps.FACTS, steps.LEDGER_JSON, steps.RELEASE_STATEMENT)}
_MORE = 1 << 20
"""Bytes that a file may have more than release.json names: a server could send any number."""
_ROOM = 600
"""Characters of a detail for the first fact: a line of an alarm has a thousand."""


class Altered(msgspec.Struct, frozen=True, kw_only=True):
    """The differences between a published file and the signed facts."""

    path: str
    """The file that is not as it was signed."""
    sha256: str
    """The SHA-256 (hex) that it has now."""
    copy: str
    """The intact file, or files, that the signed values come from."""
    lines: tuple[str, ...]
    """A sentence for each of the first facts that differ."""
    number: int
    """The facts and columns that differ, also those without a sentence."""
    shorter: bool = False
    """True if a file has fewer bytes than are promised, and its missing end does not explain what differs."""

    unreadable: str = ""
    """The problem of a file that its reader refuses."""

    @property
    def detail(self) -> str:
        """The line of the check."""
        more = f"; and {self.number - 1} more" if self.number > 1 else ""
        first = printable(f"{self.path}: {self.lines[0]}")[:_ROOM]
        rest = "; no missing end of a file explains it" if self.shorter else ""
        signed = f"signed values are those of {self.copy}"
        return f"{first}{more}; {signed}; the SHA-256 now is {self.sha256}{rest}"

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each fact, if there are several."""
        if self.number < 2:
            return ()
        more = self.number - len(self.lines)
        last = (f"{DIFFERS}{self.path}: and {more} more",) if more else ()
        return (*(printable(f"{DIFFERS}{self.path}: {line}") for line in self.lines), *last)


def named(
    result: ReleaseResult, data: bytes, files: Files, *, trust: Trust | None, now: datetime, effort: Effort
) -> ReleaseResult:
    """The result, in which a check that was refused names the facts that differ.

    The arguments are those of `examine_release`, which gave the result. It stays as it is unless a signature
    that the verifier accepts binds an intact copy; without a policy, one that only claims its signer will do.
    """
    checks = result.verdict.checks
    at = next((at for at, check in enumerate(checks) if _is_asked(check)), None)
    if at is None:
        return result
    try:
        found = _found(data, files, trust, now, effort, shorter=checks[at].state != "refused")
    except MemoryError:  # the check was made before, and stands
        return result
    except Exception:  # noqa: BLE001 - the check stands. A reader gets bytes here that no digest has passed.
        return result
    if found is None:
        return result
    before = checks[at].detail
    detail = found.detail
    if found.unreadable:
        detail = before if found.unreadable in before else f"{before}; {found.lines[0]}"
    check = msgspec.structs.replace(checks[at], detail=detail)
    if found.shorter:
        check = failed(_STEPS[check.name], Refused(detail))
    changed = (*checks[:at], check, *checks[at + 1 :])
    verdict = msgspec.structs.replace(
        result.verdict,
        verdict=judge(changed),
        checks=changed,
        notes=(*result.verdict.notes, *found.notes),
    )
    return msgspec.structs.replace(result, verdict=verdict)


def _is_asked(check: Check) -> bool:
    """True for a check that a changed file fails, or one with fewer bytes: that may be a copy in progress."""
    if check.name not in _STEPS or check.about:
        return False
    return check.state == "refused" or (check.state == "unknown" and SHORTER in check.detail)


def _found(
    data: bytes, files: Files, trust: Trust | None, now: datetime, effort: Effort, *, shorter: bool
) -> Altered | None:
    release = release_file.load(data)
    payload = ledger_checks.read_statement(release, files)
    signed = statements.decode(payload)
    reports, _ = anchors.verify_all(
        release, payload, files, trust=trust, now=now, reference_client=None, effort=effort
    )
    if all((report.bundle if trust is None else report.verified) is None for report in reports):
        return None
    ledger = _Files(release, signed, files)
    originals = [original.name for original in signed.originals]
    ours = [signed.ours.name] if signed.ours is not None else []
    if ledger.intact(ours) == ledger.intact(originals):
        return None
    good, bad = (ours, originals) if ledger.intact(ours) else (originals, ours)
    if not ledger.has(bad):
        return None
    with ExitStack() as stack:
        spool = partial(_spool, stack, files)
        facts = ledger.facts(good, spool, effort)
        if (facts.root.hex(), len(facts)) != (signed.tree.root, signed.tree.size):
            return None
        try:
            there = ledger.facts(bad, spool, effort, whole_lines=shorter)
        except Refused as e:
            if shorter:
                return None
            place = e.where.removeprefix(ledger.path(bad)).removeprefix(": ")
            problem = printable(f"{place}: {e.problem}" if place else e.problem)[:_ROOM]
            broken = ledger.altered(good, bad, [f"it cannot be read any more: {problem}"], 1)
            return msgspec.structs.replace(broken, unreadable=problem)
        if shorter and cut_off.explains(facts, there, ledger.parts(bad)):
            return None
        comparison = _compared(facts, there, ledger.key())
        number = sentences.number_of_facts(comparison)
        lines = list(sentences.of_altered_copy(comparison, ledger.place(bad, there)))
        lines = lines or ["its facts are as signed, its other bytes are not"]
        return msgspec.structs.replace(ledger.altered(good, bad, lines, number), shorter=shorter)


def _spool(stack: ExitStack, files: Files) -> BinaryIO:
    return stack.enter_context(files.spool())


def _compared(signed: StoredFacts, there: StoredFacts, sealed: tuple[str, ...]) -> Comparison:
    columns = column_names.compared(signed, there)
    key = column_names.chosen_key(columns, sealed=[(sealed, "sealed")])
    return compare(signed, there, key=key, columns=columns, by_place=True)


class _Files:
    """The ledger files of a release, as they are now, in memory: each is read once."""

    def __init__(self, release: Release, signed: Statement, files: Files) -> None:
        self._release = release
        self._signed = signed
        self._files = files
        self._paths = {file.name: file.path for file in release.files}
        self._sizes = {file.name: file.size for file in release.files}
        self._held = dict(self._read())
        self._texts = dict(self._held)
        """The bytes that the readers get."""
        self._starts: list[int] = []
        """The index of the first fact of each file that was read last."""

    def _read(self) -> Iterator[tuple[str, bytes]]:
        left = limits.NAMED_FACTS
        for name in (file.name for file in self._sources()):
            try:
                most = min(left, self._sizes[name] + _MORE)
                data = self._files.read_up_to(self._paths[name], limit=most)
            except (AnchorError, KeyError):
                continue
            left -= len(data)
            yield name, data

    def _sources(self) -> Sequence[SourceFile]:
        return (*self._signed.originals, *([self._signed.ours] if self._signed.ours else []))

    def has(self, names: Sequence[str]) -> bool:
        """True if each of these files is there, and not too large to be compared."""
        return bool(names) and all(name in self._held for name in names)

    def intact(self, names: Sequence[str]) -> bool:
        """True if each of these files is the signed one."""
        return bool(names) and all(self._sha256(name) == self._signed.digests[name] for name in names)

    def _sha256(self, name: str) -> str:
        return hashlib.sha256(self._held[name]).hexdigest() if name in self._held else ""

    def _is_shorter(self, name: str) -> bool:
        """True if this file has fewer bytes than release.json names."""
        return len(self._held[name]) < self._sizes[name]

    def parts(self, names: Sequence[str]) -> list[cut_off.Part]:
        """The files that were read last, to find out whether missing ends explain what differs."""
        facts = (end - start for start, end in pairwise(self._starts))
        return [
            cut_off.Part(number, self._is_shorter(name), self._has_whole_lines(name))
            for name, number in zip(names, facts, strict=True)
        ]

    def _has_whole_lines(self, name: str) -> bool:
        """True if the last line that was read of this file is not cut; False if that cannot be said."""
        text, compressed = self._texts[name], {source.name for source in self._sources() if source.compressed}
        return name not in compressed and not text.startswith(UTF_16_BOMS) and text.endswith(b"\n")

    def facts(
        self,
        names: Sequence[str],
        spool: Callable[[], BinaryIO],
        effort: Effort,
        *,
        whole_lines: bool = False,
    ) -> StoredFacts:
        """The facts of these files. Raises `Refused` for a file that its reader refuses.

        `whole_lines`: if one is refused, shorter ones are read without their last line, unless it ends.
        """
        try:
            return self._facts(names, spool, effort)
        except Refused:
            if not whole_lines:
                raise
        for name in filter(self._is_shorter, names):
            self._texts[name] = self._held[name][: self._held[name].rfind(b"\n") + 1]
        return self._facts(names, spool, effort)

    def _facts(self, names: Sequence[str], spool: Callable[[], BinaryIO], effort: Effort) -> StoredFacts:
        self._starts = [0]
        where = self._paths[names[0]]
        tables = self._tables(names, spool)
        table = ledger_checks.one_table(tables, self._signed, number=len(names), where=where)
        found, _ = store(
            ledger_checks.Bounded(table, limits.UNSIGNED), spool(), progress=lambda _: effort.obey()
        )
        next(tables, None)
        return found

    def _tables(self, names: Sequence[str], spool: Callable[[], BinaryIO]) -> Iterator[Table]:
        for source in self._sources():
            if source.name not in names:
                continue
            where, kind = self._paths[source.name], reader_named(source.reader, where=source.name)
            raw, dialect = spool(), source.read_with(where=where)
            raw.write(self._texts[source.name])
            raw.seek(0)
            stream: Stream = raw
            if source.compressed:
                stream = gunzip(raw, where=where, limit=limits.NAMED_FACTS)
            if not issubclass(kind, FileReader):
                table = _Counted(kind(stream, where=where, dialect=dialect))
            elif not source.compressed:
                table = _Counted(kind(raw, where=where, dialect=dialect))
            else:
                whole = spool()
                whole.write(stream.read())
                whole.seek(0)
                table = _Counted(kind(whole, where=where, dialect=dialect))
            yield table
            self._starts.append(self._starts[-1] + table.number)

    def key(self) -> tuple[str, ...]:
        """The sealed key columns; empty if they cannot be read."""
        try:
            return ledger_checks.sealed_key(self._release, self._signed, self._files)
        except AnchorError:
            return ()

    def place(self, names: Sequence[str], facts: StoredFacts) -> sentences.Place:
        """The words for the place of a fact of the files that were read last."""
        by_name = {source.name: READERS[source.reader].unit for source in self._sources()}
        positions, starts = facts.positions, self._starts[: len(names)]
        assert positions is not None

        def words(index: int) -> str:
            name = names[bisect_right(starts, index) - 1]
            file = f"{name}: " if len(names) > 1 else ""
            # several facts may stand on one line
            shared = positions[index] in (
                *positions[max(0, index - 1) : index],
                *positions[index + 1 : index + 2],
            )
            which = f", fact {index - starts[names.index(name)] + 1} of the file" if shared else ""
            return f"{file}{by_name[name]} {positions[index]}{which}"

        return words

    def _wrong(self, names: Sequence[str]) -> str:
        return next(name for name in names if not self.intact([name]))

    def path(self, names: Sequence[str]) -> str:
        """The path of the first of these files that is not intact."""
        return self._paths[self._wrong(names)]

    def altered(self, good: Sequence[str], bad: Sequence[str], lines: Sequence[str], number: int) -> Altered:
        """The result about these files."""
        wrong = self._wrong(bad)
        copy = self._paths[good[0]] if len(good) == 1 else f"{len(good)} files beside it"
        return Altered(
            path=self._paths[wrong],
            sha256=self._sha256(wrong),
            copy=copy,
            lines=tuple(lines),
            number=number,
        )


class _Counted:
    """A table whose facts are counted while they are read."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.columns = table.columns
        self.number = 0

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        for positions, facts in self.chunks():
            yield from zip(positions, map(tuple, facts), strict=True)

    def chunks(self) -> Iterator[Chunk]:
        """As `facts.ChunkedTable`."""
        for positions, facts in chunks_of(self._table):
            self.number += len(positions)
            yield positions, facts
