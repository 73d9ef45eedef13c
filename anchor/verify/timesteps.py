# SPDX-License-Identifier: Apache-2.0
"""The steps that find logs and establish times: log-key, log-promise, timestamp, signing-time.

Every time that is offered and can be checked must hold: a wrong one is not outvoted by a right one.
"""

from datetime import datetime

from anchor.errors import Refused, Unsupported
from anchor.sigstore.bundle import LogEntry
from anchor.verdict import Class
from anchor.verify import log_entry, steps, timestamp
from anchor.verify.context import Context
from anchor.verify.log_entry import Placed
from anchor.verify.report import VerifiedTime


def find_logs(ctx: Context) -> None:
    """Find each entry's log, and the time that its promise gives."""
    listed = ctx.bundle.entries
    if not listed:
        _without_log(ctx)
    for number, entry in enumerate(listed, 1):
        where = f"entry {number}" if len(listed) > 1 else "entry"
        placed = ctx.run.run(steps.LOG_KEY, lambda e=entry, w=where: _place(ctx, e, w))  # type: ignore[misc]
        if placed is None:
            ctx.run.skip(steps.PROMISE, "its log is not known")
            continue
        ctx.placed.append(placed)
        _promise(ctx, placed)


def _without_log(ctx: Context) -> None:
    """A certificate always needs a log; a managed key only when the trusted root names one to ask."""
    if not ctx.keyless and not ctx.ask.root.tlogs and not ctx.ask.root.unusable_tlogs:
        ctx.run.skip(steps.LOG_KEY, "the trusted root names no log, so none is asked for a managed key")
    else:
        ctx.run.run(steps.LOG_KEY, _no_entry)


def _no_entry() -> tuple[str, bool]:
    raise Refused("the bundle has no log entry", where="bundle")


def _place(ctx: Context, entry: LogEntry, where: str) -> tuple[str, Placed]:
    if not log_entry.named(entry.log_id, ctx.ask.root):
        ctx.foreign = ctx.unnamed = True
    found = log_entry.place(entry, ctx.ask.root, where)
    # By the key: one log may go by several ids.
    if any(found.key.key.spki == p.key.key.spki and entry.body == p.entry.body for p in ctx.placed):
        raise Refused("the same entry of one log twice", where=where)
    return f"the entry names the log {found.key.base_url} by its id, and so does the trusted root", found


def _promise(ctx: Context, placed: Placed) -> None:
    if placed.entry.promise is None:
        ctx.run.skip(steps.PROMISE, "the entry has none: its integrated time is not believed")
        return
    time = ctx.run.run(steps.PROMISE, lambda: _promised(placed), signed=True)
    if time is not None:
        ctx.promised[len(ctx.placed) - 1] = time
        ctx.times.append(VerifiedTime("log", placed.key.base_url, time))


def _promised(placed: Placed) -> tuple[str, datetime]:
    time = log_entry.promised_time(placed)
    line = f"{placed.key.base_url} signed body, log id, index {placed.entry.log_index} and {time.isoformat()}"
    return line, time


def establish_time(ctx: Context) -> None:
    """Check every time-stamp; a certificate needs at least one verified time."""
    _timestamps(ctx)
    if not ctx.times and not ctx.keyless:
        ctx.run.skip(steps.TIME, "no trusted time; a managed key has no validity to compare it with")
        return
    ctx.run.run(steps.TIME, lambda: _enough(ctx))


def _timestamps(ctx: Context) -> None:
    tokens, authorities = ctx.bundle.timestamps, ctx.ask.root.timestamp_authorities
    if not tokens:
        ctx.run.skip(steps.TIMESTAMP, "the bundle has no RFC 3161 time-stamp")
    elif not authorities:
        ctx.run.skip(steps.TIMESTAMP, "the trusted root names no time-stamping authority: none counts")
    for number, token in enumerate(tokens if authorities else (), 1):
        where = f"time-stamp {number}" if len(tokens) > 1 else "time-stamp"
        found = ctx.run.run(
            steps.TIMESTAMP,
            lambda t=token, n=number, w=where: _timestamp(ctx, t, n, w),  # type: ignore[misc]
        )
        ctx.times.extend(t for t in found or [] if t not in ctx.times)


def _timestamp(ctx: Context, token: bytes, number: int, where: str) -> tuple[str, list[VerifiedTime]]:
    if token in ctx.bundle.timestamps[: number - 1]:
        raise Refused("the same time-stamp twice", where=where)
    stampers, effort = ctx.ask.root.timestamp_authorities, ctx.ask.effort
    found = timestamp.check(token, ctx.bundle.signature, stampers, where=where, effort=effort)
    if found is None:
        ctx.unnamed = True
        return f"{where} is of an authority that the trusted root does not name: it counts for nothing", []
    line = f"{found.authority} signed that it saw this signature at {found.time.isoformat()}"
    return line, [found]


def _enough(ctx: Context) -> tuple[str, bool]:
    if not ctx.times:
        problem = "no time that anybody trusted vouches for"
        if any(c.name == steps.TIMESTAMP.name and c.demotes is Class.UNSUPPORTED for c in ctx.run.checks):
            raise Unsupported("a time stamp is there that this program cannot verify", where="bundle")
        raise ctx.ask.root.unnamed(problem, "bundle") if ctx.unnamed else Refused(problem, where="bundle")
    said = ", ".join(f"at {t.time.isoformat()} by {t.authority}" for t in ctx.times)
    return f"the signature was seen {said}", True
