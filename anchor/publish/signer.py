# SPDX-License-Identifier: Apache-2.0
"""Whether a release is signed by who signed the one before: every policy that was handed out names that one.

A moved folder, another home, another token silently make another signer. So it is refused before anything is
signed, and goes on only for whoever says so.
"""

from dataclasses import dataclass, field

from anchor.errors import Misuse

Identity = tuple[str, str]
"""An identity, and the issuer of it."""


@dataclass
class SameSigner:
    """Asked before each new signature of a release. `before`: who signed the release before, empty for none.

    One signer of before is enough: those who trust him accept the release, whoever else signs it.
    """

    before: frozenset[Identity] = frozenset()
    home: str = ""
    """Where the keys and the journal of this publisher are."""
    elsewhere: str = ""
    """Another home on this machine that has the identity of before; empty where none is known."""
    accepted: bool = False
    """Whether whoever publishes said that the signer is another one."""
    _met: bool = field(default=False)

    def check(self, identity: Identity | None) -> None:
        """Raise `Misuse` unless this one signed before. None: a home without keys, which would make new."""
        if not self.before or self.accepted or self._met:
            return
        if identity in self.before:
            self._met = True
            return
        old = " and ".join(f"{i} (issuer {s})" for i, s in sorted(self.before))
        new = f"signs as {identity[0]} (issuer {identity[1]})" if identity else "has no keys yet"
        there = (
            f"give --home {self.elsewhere}" if self.elsewhere else "give --home with the folder of its keys"
        )
        raise Misuse(
            f"the release before was signed by {old}, and the home {self.home} {new}: policies that were "
            "handed out refuse what it signs",
            where="signer",
            remedy=f"{there}, or the token of that identity; --new-signer goes on as another one",
        )
