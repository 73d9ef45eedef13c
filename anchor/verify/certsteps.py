# SPDX-License-Identifier: Apache-2.0
"""The steps about the certificate: its time, its chain, its use, its log and its owner."""

from anchor.errors import Refused
from anchor.verify import certificate as certificates
from anchor.verify import identity, sct, steps
from anchor.verify.certificate import Leaf
from anchor.verify.context import Context
from anchor.verify.report import VerifiedTime


def check_certificate(ctx: Context) -> None:
    """Run the steps; each that cannot run says why."""
    leaf, run = ctx.leaf, ctx.run
    if leaf is None:
        for step in (steps.VALIDITY, steps.CHAIN, steps.SCT, steps.USAGE, steps.SIGNER):
            run.skip(step, "no certificate that can be used")
        return
    if not certificates.known(leaf, ctx.ask.root.authorities):
        ctx.foreign = True  # also without a time: its stamp is then of a stranger as well
    if not ctx.times:
        for step in (steps.VALIDITY, steps.CHAIN, steps.SCT):
            run.skip(step, "no trusted time")
    else:
        run.run(steps.VALIDITY, lambda: _valid_at(leaf, ctx.times))
        issuer = run.run(steps.CHAIN, lambda: _chain(ctx, leaf))
        if issuer is None:
            run.skip(steps.SCT, "the certificate's issuer is not known")
        else:
            run.run(steps.SCT, lambda: (sct.check(leaf, issuer, ctx.ask.root, ctx.ask.effort), True))
    run.run(steps.USAGE, lambda: (certificates.check_usage(leaf), True))
    asked = ctx.ask.signers
    if asked is None:
        run.skip(steps.SIGNER, f"claimed, not verified: {leaf.identity} (issuer {leaf.issuer})")
    else:
        run.run(steps.SIGNER, lambda: (identity.check_signer(leaf, asked, ctx.ask.root_label), True))


def _valid_at(leaf: Leaf, times: list[VerifiedTime]) -> tuple[str, bool]:
    span = f"{leaf.not_before.isoformat()} to {leaf.not_after.isoformat()}"
    for t in times:
        if not leaf.not_before <= t.time <= leaf.not_after:
            raise Refused(f"valid from {span}, but signed at {t.time.isoformat()}", where="certificate")
    when = ", ".join(sorted({t.time.isoformat() for t in times}))
    return f"valid from {span}, and verifiably signed inside of it: {when}", True


def _chain(ctx: Context, leaf: Leaf) -> tuple[str, bytes]:
    """The SPKI of the leaf's issuer, the same at every verified time."""
    root, effort = ctx.ask.root, ctx.ask.effort
    found = [certificates.issued_by(leaf, root, t, effort) for t in {t.time: t for t in ctx.times}]
    if len({f.issuer_spki for f in found}) != 1:
        raise Refused("issued by different keys at different times", where="certificate")
    ctx.authority = found[0].authority.uri or found[0].authority.subject
    line = f"issued by {ctx.authority}, which the trusted root names for the time of signing"
    return line, found[0].issuer_spki
