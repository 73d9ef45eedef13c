# SPDX-License-Identifier: Apache-2.0
"""The rule that a release has a signer of the release before, whom every policy in use names.

A moved folder, another home or another token gives another signer without notice. That is refused before
anything is signed, unless the publisher asks for it with `--new-signer`.
"""

import shlex
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from anchor.errors import Misuse
from anchor.log_kinds import EMBEDDED
from anchor.verify.policy import Signer

Identity = tuple[str, str]
"""An identity, and the issuer of it."""
Signing = tuple[str, str, str]
"""Identity, its issuer, and the host name of the log that records them."""


def continues(identity: Identity, before: AbstractSet[Identity], signers: Sequence[Signer]) -> bool:
    """True if this identity signed before, or is the same signer by the publisher's own policy.

    `signers`: those of that policy. If one of them accepts both identities, they are one signer: a CI system
    writes the tag into the identity, and the policy has an expression for all tags.
    """
    if identity in before:
        return True
    return any(s.accepts(*identity) and any(s.accepts(*old) for old in before) for s in signers)


def joins(identity: Identity, signers: Sequence[Signer], min_signers: int) -> bool:
    """True if the publisher's own policy wants several signers, and this identity is one of them."""
    return min_signers > 1 and any(s.accepts(*identity) for s in signers)


@dataclass
class SameSigner:
    """The check before each new signature of a release. `before`: the signers of the release before, if any.

    A signature in the place of one of them must be by the same signer. If one of them signs, others may sign
    beside it in other logs.
    """

    before: frozenset[Signing] = frozenset()
    home: str = ""
    """The folder with the keys and the journal of this publisher."""
    elsewhere: str = ""
    """Another home on this machine that has the identity of before; empty if none is known."""
    of_release: bool = True
    """False for a status, which no other signer continues."""
    accepted: bool = False
    """True if the publisher asked for another signer."""
    signers: tuple[Signer, ...] = ()
    """Those of the publisher's own policy; empty without one."""
    min_signers: int = 1
    """How many of them that policy wants."""
    met: bool = field(default=False)
    """True if one of `before` has signed this release already."""

    @property
    def asks(self) -> bool:
        """True if an identity can be refused."""
        return bool(self.before) and not self.accepted

    def joins(self, identity: Identity) -> bool:
        """True if the publisher's own policy wants several signers, and this identity is one of them."""
        return joins(identity, self.signers, self.min_signers)

    def check(self, identity: Identity | None, log: str, *, own: bool = False) -> None:
        """Raise `Misuse` for an identity that signs for this log in the place of an earlier signer.

        Raise it also for any new identity while no earlier signer has signed. A further signer of a release
        that wants several takes nobody's place. `identity` None: a home without keys, which would make new
        ones. `own`: the log is the home's.
        """
        if not self.asks:
            return
        names = {(name, issuer) for name, issuer, _ in self.before}
        if identity and continues(identity, names, self.signers):
            self.met = True
            return
        if self.met and identity and self.joins(identity):
            return
        if self.met and not any(_replaces(identity, log, one, own=own) for one in self.before):
            return
        old = " and ".join(f"{i} (issuer {s})" for i, s, _ in sorted(self.before))
        new = f"signs as {identity[0]} (issuer {identity[1]})" if identity else "has no keys yet"
        raise Misuse(
            f"the release before was signed by {old}, and the home {self.home} {new}: policies that were "
            "handed out refuse what it signs",
            where="signer",
            remedy=self._ways(identity, own=own),
        )

    def _ways(self, identity: Identity | None, *, own: bool) -> str:
        """The remedies that there are. A home has no token, and a signer in a policy has one issuer."""
        embedded = [EMBEDDED.has_origin(host) for _, _, host in self.before]
        by_token = identity is not None and not own
        ways = []
        if any(embedded) and not by_token:
            there = f"give --home {shlex.quote(self.elsewhere)}"
            lost = (
                "restore that home from a copy ('anchor instance restore'), and name its folder with --home"
            )
            ways.append(there if self.elsewhere else lost)
        if by_token or not all(embedded):
            ways.append("give the token of that identity")
        if identity is not None and identity[1] in {issuer for _, issuer, _ in self.before}:
            ways.append("give --policy with an identity_regex that both meet, which says that they are one")
        if self.of_release:
            ways.append("--new-signer goes on as another one")
        return "; or ".join(ways)


def _replaces(identity: Identity | None, log: str, before: Signing, *, own: bool) -> bool:
    """True if a signature of this identity in this log replaces one of the release before: in the same log,
    in the log of another home, or by the same issuer."""
    _, issuer, host = before
    return log == host or (own and EMBEDDED.has_origin(host)) or (identity or ("", ""))[1] == issuer
