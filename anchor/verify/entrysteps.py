# SPDX-License-Identifier: Apache-2.0
"""The steps about each log entry: its log's window, its checkpoint, its inclusion and its body."""

from anchor.log_kinds.kind import Signed
from anchor.tlog.checkpoint import Checkpoint
from anchor.verify import entry_body as entries
from anchor.verify import log_entry, steps
from anchor.verify.context import Context
from anchor.verify.log_entry import Placed


def check_entries(ctx: Context) -> None:
    """Run the steps for every entry; one whose steps all held becomes a fact."""
    for number, placed in enumerate(ctx.placed):
        window = ctx.run.run(steps.WINDOW, lambda n=number, p=placed: _window(ctx, n, p))  # type: ignore[misc]
        held, checkpoint = _in_tree(ctx, placed)
        bound = _bound(ctx, placed)
        if window and held and bound:
            ctx.facts.append(log_entry.fact(placed, checkpoint, promised=number in ctx.promised))


def _window(ctx: Context, number: int, placed: Placed) -> tuple[str, bool]:
    """The log's key must have been trusted at its own promised time and at every time-stamp.

    A managed key without any time is held to `now`: else a retired log could vouch for ever.
    """
    times = [t.time for t in ctx.times if t.source == "rfc3161"]
    if number in ctx.promised:
        times.append(ctx.promised[number])
    return log_entry.check_window(placed, times or [t.time for t in ctx.times] or [ctx.ask.now]), True


def _in_tree(ctx: Context, placed: Placed) -> tuple[bool, Checkpoint | None]:
    """Whether the entry's place holds as far as the bundle's version wants, and the verified checkpoint."""
    proof = placed.entry.proof
    if proof is None:
        ctx.run.skip(steps.CHECKPOINT, "a v0.1 bundle may do with the log's promise alone")
        ctx.run.skip(steps.INCLUSION, "a v0.1 bundle may do with the log's promise alone")
        return True, None
    if proof.checkpoint is None:
        ctx.run.skip(
            steps.CHECKPOINT, "the proof of this v0.1 bundle has none, so its tree counts for nothing"
        )
        size, root, whose = proof.tree_size, proof.root_hash, "the root that it claims"
    else:
        found = ctx.run.run(steps.CHECKPOINT, lambda: _checkpoint(placed), signed=True)
        if found is None:
            ctx.run.skip(steps.INCLUSION, "no checkpoint that can be believed")
            return False, None
        size, root, whose = found.size, found.root, "the signed root"
    inside = ctx.run.run(
        steps.INCLUSION, lambda: (log_entry.check_inclusion(placed, size, root, whose=whose), True)
    )
    return inside is not None, found if proof.checkpoint is not None else None


def _checkpoint(placed: Placed) -> tuple[str, Checkpoint]:
    found = log_entry.check_checkpoint(placed)
    return (
        f"{found.origin} signed a tree of {found.size} with the root and size of the bundle's proof",
        found,
    )


def _bound(ctx: Context, placed: Placed) -> bool:
    key, message = ctx.key, ctx.message()
    if key is None or message is None:
        ctx.run.skip(steps.ENTRY, "no key or file to rebuild it from")
        return False
    signed = Signed(ctx.bundle, key, ctx.bundle.certificate, message)
    work = ctx.run.run(steps.ENTRY, lambda: (entries.check(placed.entry, signed, where=placed.where), True))
    return work is not None
