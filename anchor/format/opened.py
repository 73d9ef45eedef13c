# SPDX-License-Identifier: Apache-2.0
"""The opening of a confidential ledger: its secret and its facts in clear, for an auditor.

FORMAT.md section 16.4. It proves nothing by itself: a verifier computes each leaf again, and compares the
root with the signed one. Whoever has it knows every fact.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from anchor import limits
from anchor.encoding import is_jcs, jcs, parse_json
from anchor.errors import Refused
from anchor.format import names
from anchor.format.facts import Chunk, Fact, Ledger, check_columns
from anchor.format.members import Hex32, LedgerName
from anchor.format.readers.reader import Stream
from anchor.format.strict_json import build

FORMAT: Final = "urn:ledger-anchor:opened:v1"
MAX_HEAD: Final = limits.STATEMENT
"""Bytes of the first line: as many columns as a statement can name."""
CHUNK: Final = 1024
"""Facts that are in memory at once."""


class _Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    columns: Annotated[tuple[str, ...], Meta(min_length=1)]
    format: Literal["urn:ledger-anchor:opened:v1"]
    ledger: LedgerName
    secret: Hex32


def head(*, ledger: Ledger, columns: tuple[str, ...], secret: bytes) -> bytes:
    """The first line of an opening. The facts follow, one a line in RFC 8785 form."""
    named = {"name": ledger.name, "number": ledger.number, "version": ledger.version}
    value = {"columns": list(columns), "format": FORMAT, "ledger": named, "secret": secret.hex()}
    return jcs(value, where="opening") + b"\n"


class Opening:
    """An opening as a table (`facts.ChunkedTable`): its facts are read once, in order.

    Raises `Refused` for bytes that are not an opening in its one form, `Unsupported` for another member.
    """

    def __init__(self, stream: Stream, *, where: str) -> None:
        self._stream = stream
        self._where = where
        line = stream.readline(MAX_HEAD + 2)
        data = line.removesuffix(b"\n")
        if not line.endswith(b"\n"):
            raise Refused(
                f"its first line does not end, or has more than {MAX_HEAD} bytes",
                where=where,
                remedy="name a file that --opened-out wrote",
            )
        value = parse_json(data, where=f"{where}: line 1")
        found = build(value, _Head, where=f"{where}: line 1")
        if not is_jcs(value, data, where=f"{where}: line 1"):
            raise Refused("the bytes are not their own canonical form (RFC 8785)", where=f"{where}: line 1")
        names.require(names.hex_problem(found.secret), "secret", where=f"{where}: line 1")
        self.ledger = found.ledger
        """The release that it opens."""
        self.columns = check_columns(found.columns, where=f"{where}: columns")
        self.secret = bytes.fromhex(found.secret)
        """The 32-byte secret of the release."""

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        for positions, facts in self.chunks():
            yield from zip(positions, map(tuple, facts), strict=True)

    def chunks(self) -> Iterator[Chunk]:
        """The facts, as `facts.ChunkedTable` says. A position is the number of a line."""
        first, lines = 2, self._lines()
        while chunk := list(islice(lines, CHUNK)):
            facts = [self._fact(data, at) for at, data in enumerate(chunk, first)]
            yield range(first, first + len(facts)), facts
            first += len(facts)

    def _lines(self) -> Iterator[bytes]:
        number = 1
        while line := self._stream.readline(limits.LEAF + 2):
            number += 1
            if not line.endswith(b"\n"):
                problem = f"the line does not end, or has more than {limits.LEAF} bytes"
                raise Refused(problem, where=f"{self._where}: line {number}")
            yield line[:-1]

    def _fact(self, data: bytes, number: int) -> Fact:
        where = f"{self._where}: line {number}"
        try:
            value: dict[str, Any] = _decode(data)
            written = _encode(value)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise Refused("no object of strings and nulls", where=where) from None
        if value.keys() != set(self.columns):
            raise Refused("its members are not the columns of the first line", where=where)
        if written != data:
            raise Refused("the bytes are not their own canonical form (RFC 8785)", where=where)
        return tuple([value[name] for name in self.columns])


_decode = msgspec.json.Decoder(dict[str, str | None]).decode
_encode = msgspec.json.Encoder(order="sorted").encode
