# SPDX-License-Identifier: Apache-2.0
"""Identity tokens: from a file, the environment, the CI system this runs in, or a person in a browser.

A token is never an argument of the command: arguments are in the process list and in the shell's history. The
claims of a token are not believed here; the certificate authority checks them.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from anchor import limits
from anchor.disk import user_files
from anchor.errors import Misuse
from anchor.net.budget import Budget
from anchor.signing import ambient, signer

VARIABLE = "ANCHOR_IDENTITY_TOKEN"
MAX_TOKEN = limits.IDENTITY_TOKEN


@dataclass(frozen=True, kw_only=True)
class TokenSource:
    """The sources of a token. `browser` False: the URL is printed, and the code is asked for."""

    file: Path | None = None
    browser: bool = True
    interactive: bool = True

    def get(self, issuer: str, budget: Budget) -> str:
        """A token; `issuer` is the OIDC issuer of the instance, empty when it names none.

        A person's time is not taken from `budget`.

        Raises `Misuse` if no source has one, `Unavailable` if a source did not answer.
        """
        for source in (self._from_file, _from_environment, lambda: ambient.token(budget)):
            token = source()
            if token is not None:
                return token.strip()
        if not issuer or not self.interactive:
            raise Misuse(
                "no identity token",
                where="token",
                remedy=f"name a file with --identity-token-file, set {VARIABLE}, or run it in a CI with OIDC",
            )
        with budget.paused():
            return signer.interactive_token(issuer, browser=self.browser)

    def _from_file(self) -> str | None:
        if self.file is None:
            return None
        try:
            return user_files.read(self.file, limit=MAX_TOKEN).decode("ascii")
        except UnicodeDecodeError:
            raise Misuse("is not a token", where=str(self.file), remedy="put the JWT alone into it") from None


def _from_environment() -> str | None:
    return os.environ.get(VARIABLE) or None


Signing = tuple[str, str, str]
"""Identity, its issuer, and the log that records them."""


@dataclass(frozen=True, kw_only=True)
class Consent:
    """Asks the publisher before the first entry of a signer in a public log; `known` have one."""

    confirm: Callable[[str], bool]
    known: frozenset[Signing] = frozenset()

    def ask(self, token: str, log: str, budget: Budget) -> None:
        """Raise `Misuse` unless the answer is yes. A log publishes an identity for ever."""
        identity, issuer = signer.claims(token)
        if (identity, issuer, log) in self.known:
            return
        with budget.paused():
            agreed = self.confirm(
                f"Record {identity} (issuer {issuer}) as the signer in the public log {log}, for ever?"
            )
        if not agreed:
            raise Misuse("not published: the answer was no", where=log)
