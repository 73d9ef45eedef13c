# SPDX-License-Identifier: Apache-2.0
"""The logs that a witness accepts: a file of our own, and lists of the public witness network that it names.

`logs.toml` has a `[[log]]` for each log, with its keys, and the paths of lists in C2SP tlog-list. Everything
is read and checked before any of it counts, so a bad file changes nothing. What the operator wrote comes
before what a list says: a list cannot give another key to a log of the operator's own.

What the witness serves is kept beside it (`logs.accepted.toml`). A witness that starts with a bad file goes
on with that, as one that runs does: else a list of somebody else could stop it at its next start.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anchor import limits
from anchor.disk import files
from anchor.disk.lock import exclusive
from anchor.encoding import parse_toml, toml_string
from anchor.errors import AnchorError, Misuse, Refused
from anchor.tlog import log_list
from anchor.tlog.keys import parse_own_vkey
from anchor.tlog.log_list import ListedLog

FILE = "logs.toml"
ACCEPTED = "logs.accepted.toml"
MAX_LISTS = 64
DEFAULT_QPD = 86400
_LOG = {"origin", "vkeys", "qpd", "contact"}
_NOT_TAKEN = "the list of logs is not taken, the one before stays"
_HEAD = "# The logs of this witness, as 'anchor witness logs' writes them. See docs/witness.md.\n"


@dataclass(frozen=True)
class Listing:
    """The contents of `logs.toml`: logs by origin, and the paths of further lists."""

    logs: Mapping[str, ListedLog] = field(default_factory=dict)
    lists: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownLogs:
    """All logs of a witness by origin, and where each of them is from."""

    logs: Mapping[str, ListedLog]
    sources: Mapping[str, str]

    def get(self, origin: str) -> ListedLog | None:
        return self.logs.get(origin)

    def __len__(self) -> int:
        return len(self.logs)

    def __iter__(self) -> Iterator[ListedLog]:
        return iter(self.logs.values())


def load(folder: Path) -> KnownLogs:
    """All logs of the witness in a folder. Raises `Misuse` that names the file and the line or field."""
    return combined(folder, read(folder))


def combined(folder: Path, own: Listing) -> KnownLogs:
    """The same for a file that may not be written yet; relative paths in it are below the folder."""
    logs: dict[str, ListedLog] = dict(own.logs)
    sources = dict.fromkeys(logs, FILE)
    for name in own.lists:
        path = folder / name
        for log in log_list.parse(files.read(path, limit=log_list.MAX_LIST), where=str(path)):
            known = logs.get(log.origin)
            if known is None:
                logs[log.origin], sources[log.origin] = log, name
            elif sources[log.origin] != FILE and known.keys != log.keys:
                raise Misuse(
                    f"another key of {log.origin} than in {sources[log.origin]}",
                    where=str(path),
                    remedy=f"say which one is right in {FILE}",
                )
    return KnownLogs(logs, sources)


def to_serve(folder: Path, before: KnownLogs | None = None) -> tuple[KnownLogs, str]:
    """The logs that a witness serves from now on, and a line for its operator; "" for none.

    If the files are bad, that is the list `before`: the present one, or at a start the one that was served
    last. Raises the error of the files if there is none. What is served is kept for the next start.
    """
    try:
        found = load(folder)
    except AnchorError as e:
        kept = before if before is not None else _accepted(folder)
        if kept is None:
            raise
        return kept, f"{_NOT_TAKEN}: {e}"
    try:
        _keep(folder, _dump(Listing(found.logs)))
    except AnchorError as e:
        return found, f"the list of logs is not kept for the next start: {e}"
    return found, ""


def _keep(folder: Path, data: bytes) -> None:
    path = folder / ACCEPTED
    if len(data) > limits.LOG_LIST:
        raise Misuse(f"{len(data)} bytes, more than {limits.LOG_LIST}", where=str(path))
    with contextlib.suppress(AnchorError):
        if files.read(path, limit=limits.LOG_LIST) == data:
            return
    files.write(path, data, mode=0o600)


def _accepted(folder: Path) -> KnownLogs | None:
    """The logs that were served last; None if nobody can say."""
    try:
        logs = _read(folder / ACCEPTED).logs
    except AnchorError:
        return None
    return KnownLogs(logs, dict.fromkeys(logs, ACCEPTED))


def read(folder: Path) -> Listing:
    """The file of the operator. Raises `Misuse`."""
    return _read(folder / FILE)


def _read(path: Path) -> Listing:
    try:
        found = parse_toml(files.read(path, limit=limits.LOG_LIST), where=str(path))
    except Refused as e:
        raise Misuse(e.problem, where=e.where) from None
    if extra := set(found) - {"lists", "log"}:
        raise Misuse(f"unknown key {min(extra)!r}", where=str(path))
    lists = _strings(found.get("lists", []), f"{path}: lists")
    if len(lists) > MAX_LISTS or len(set(lists)) != len(lists):
        raise Misuse(f"at most {MAX_LISTS} lists, each once", where=f"{path}: lists")
    tables = found.get("log", [])
    if not isinstance(tables, list):
        raise Misuse("[[log]] is wanted", where=f"{path}: log")
    logs: dict[str, ListedLog] = {}
    for number, table in enumerate(tables, 1):
        log = _log(table, f"{path}: log {number}")
        if log.origin in logs:
            raise Misuse(f"a second log with the origin {log.origin!r}", where=f"{path}: log {number}")
        logs[log.origin] = log
    return Listing(logs, lists)


def _log(table: Any, where: str) -> ListedLog:
    if not isinstance(table, dict):
        raise Misuse("a table is wanted", where=where)
    if extra := set(table) - _LOG:
        raise Misuse(f"unknown key {min(extra)!r}", where=where)
    place = f"{where}: vkeys"
    keys = tuple(parse_own_vkey(text, where=place) for text in _strings(table.get("vkeys"), place))
    origin = table.get("origin", keys[0].name if keys else "")
    qpd, contact = table.get("qpd", DEFAULT_QPD), table.get("contact", "")
    if not isinstance(origin, str) or not isinstance(contact, str) or type(qpd) is not int:
        raise Misuse("origin and contact are strings, qpd is a number", where=where)
    return log_list.check(ListedLog(origin, keys, qpd, contact), where)


def _strings(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise Misuse("a list of strings is wanted", where=where)
    return tuple(value)


def change(folder: Path, made: Callable[[Listing], Listing]) -> KnownLogs:
    """Write the file as `made` gives it from the present one, and give all logs. One process at a time, also
    beside a witness that runs. Raises `Misuse`, or `Unavailable` beside another such process."""
    with exclusive(folder / "keys", doing="changing the list of logs"):
        return write(folder, made(read(folder)))


def write(folder: Path, listing: Listing) -> KnownLogs:
    """Write the file of the operator, whole, and give all logs of the witness.

    Comments that were in it are gone. Raises `Misuse`, and writes nothing, if its lists cannot be read.
    """
    known = combined(folder, listing)
    data = _dump(listing)
    if len(data) > limits.LOG_LIST:
        raise Misuse(f"{len(data)} bytes, more than {limits.LOG_LIST}", where=str(folder / FILE))
    files.write(folder / FILE, data, mode=0o600)
    return known


def _dump(listing: Listing) -> bytes:
    lines = [_HEAD]
    if listing.lists:
        lines.append(f"lists = [{', '.join(map(toml_string, listing.lists))}]\n")
    for log in listing.logs.values():
        lines += [
            "\n[[log]]\n",
            f"origin = {toml_string(log.origin)}\n",
            f"vkeys = [{', '.join(toml_string(key.vkey) for key in log.keys)}]\n",
            f"qpd = {log.qpd}\n",
        ]
        if log.contact:
            lines.append(f"contact = {toml_string(log.contact)}\n")
    return "".join(lines).encode()
