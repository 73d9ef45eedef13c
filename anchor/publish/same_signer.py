# SPDX-License-Identifier: Apache-2.0
"""Whether a release is signed by who signed the one before: every policy that was handed out names that one.

A moved folder, another home, another token silently make another signer. So it is refused before anything is
signed, and goes on only for whoever says so.
"""

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
    """Whether it signed before, or is one for those who were told to trust who did.

    `signers`: those of the publisher's own policy. Where one of them is met by both, it is one signer: a CI
    system writes the tag into the identity, and the policy has an expression for all of them.
    """
    if identity in before:
        return True
    return any(s.accepts(*identity) and any(s.accepts(*old) for old in before) for s in signers)


@dataclass
class SameSigner:
    """Asked before each new signature of a release. `before`: who signed the release before, empty for none.

    Whoever signs in the place of one of them is that one; beside one of them, others may sign in other logs.
    """

    before: frozenset[Signing] = frozenset()
    home: str = ""
    """Where the keys and the journal of this publisher are."""
    elsewhere: str = ""
    """Another home on this machine that has the identity of before; empty where none is known."""
    accepted: bool = False
    """Whether whoever publishes said that the signer is another one."""
    signers: tuple[Signer, ...] = ()
    """Those of the publisher's own policy; empty without one."""
    met: bool = field(default=False)
    """Whether one of them has signed already."""

    @property
    def asks(self) -> bool:
        """Whether an identity can be refused at all."""
        return bool(self.before) and not self.accepted

    def check(self, identity: Identity | None, log: str, *, own: bool = False) -> None:
        """Raise `Misuse` for one that signs for this log in the place of a signer of before, or where no
        signer of before has signed. None: a home without keys, which would make new ones. `own`: the log
        is the home's."""
        if not self.asks:
            return
        names = {(name, issuer) for name, issuer, _ in self.before}
        if identity and continues(identity, names, self.signers):
            self.met = True
            return
        if self.met and not any(_replaces(identity, log, one, own=own) for one in self.before):
            return
        old = " and ".join(f"{i} (issuer {s})" for i, s, _ in sorted(self.before))
        new = f"signs as {identity[0]} (issuer {identity[1]})" if identity else "has no keys yet"
        there = (
            f"give --home {self.elsewhere}" if self.elsewhere else "give --home with the folder of its keys"
        )
        raise Misuse(
            f"the release before was signed by {old}, and the home {self.home} {new}: policies that were "
            "handed out refuse what it signs",
            where="signer",
            remedy=f"{there}, or the token of that identity; --policy with an identity_regex that both meet "
            "says that they are one; --new-signer goes on as another one",
        )


def _replaces(identity: Identity | None, log: str, before: Signing, *, own: bool) -> bool:
    """Whether a signature of this identity in this log stands where one of before stood: in the same log, in
    the log of another home, or by the same issuer."""
    _, issuer, host = before
    return log == host or (own and EMBEDDED.has_origin(host)) or (identity or ("", ""))[1] == issuer
