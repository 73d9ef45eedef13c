# SPDX-License-Identifier: Apache-2.0
"""A history of verification whose heads are signed by the forged Sigstore, and proofs of it.

Events, heads and proofs are those of the second implementation: nothing of `anchor` is used.
"""

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.forge.authorities import IDENTITY, ISSUER
from tests.support.forge.bundles import V1_DSSE, V2_DSSE, Recipe, make, trusted_root
from tests.support.second import history2
from tests.support.second.history2 import Json

ORIGIN = "history.example/5eed"
LEDGER = "prices"
TARGET = "https://prices.example/release.json"
STATEMENT = "ab" * 32
BEGAN = datetime(2025, 1, 1, 6, tzinfo=UTC)
ROOT = json.dumps(trusted_root()).encode()


@functools.cache
def bundle(statement: bytes, recipe: Recipe = V2_DSSE) -> str:
    """A bundle that signs a statement, as JSON: always the same one."""
    return json.dumps(make(replace(recipe, payload=statement)))


@dataclass
class History:
    """Events in their order. Each `head` is signed, and names the one before."""

    origin: str = ORIGIN
    seed: str = ""
    events: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    """Their statements."""
    day: int = 0

    def __post_init__(self) -> None:
        if not self.events:
            self.add("records-began", origin=self.origin)

    @property
    def at(self) -> str:
        """The time of the next event."""
        return f"{BEGAN + timedelta(days=self.day):%Y-%m-%dT%H:%M:%S}.000Z"

    def add(self, kind: str, **its: Any) -> int:
        """Append an event; returns its index."""
        nonce = hashlib.sha256(f"{self.seed} {len(self.events)}".encode()).hexdigest()[:32]
        self.events.append(history2.event(kind, self.at, nonce, **its))
        return len(self.events) - 1

    def seen(self, number: int = 3, statement: str = STATEMENT, ledger: str = LEDGER) -> int:
        """A release is verified for the first time."""
        return self.add(
            "release-seen",
            ledger=ledger,
            number=number,
            version=f"{number}.0",
            root="cd" * 32,
            size=9,
            statement=statement,
        )

    def run(
        self, verdict: str = "OK", *, statement: str | None = STATEMENT, target: str = TARGET, days: int = 1
    ) -> int:
        """A run, and then days pass. A run that is not OK verified no release."""
        known = {"statement": statement} if statement and verdict == "OK" else {}
        its = {"target": target, "worker": "w", "state": "finished", "slot": self.at, "started": self.at}
        index = self.add("run-ended", **its, **known, verdict=verdict)
        self.day += days
        return index

    def head(self) -> int:
        """Sign a head over all events so far; returns its number."""
        before = self.heads[-1] if self.heads else None
        root = history2.root(self.events)
        self.heads.append(history2.statement(self.origin, len(self.events), root, before))
        self.add("head-anchored", size=self.size(-1), root=root.hex(), statement="ef" * 32, bundles=[])
        return len(self.heads) - 1

    def size(self, head: int) -> int:
        """The number of events of a head."""
        return int(json.loads(self.heads[head])["predicate"]["size"])

    def signed(self, head: int, *recipes: Recipe) -> Json:
        """A head with its bundles."""
        statement = self.heads[head]
        return history2.signed(statement, [json.loads(bundle(statement, r)) for r in recipes or (V2_DSSE,)])

    def complete(self, head: int = -1, before: int | None = None, *recipes: Recipe) -> list[bytes]:
        """The lines of a complete proof between two heads, or from the first event on."""
        start = 0 if before is None else self.size(before)
        old = None if before is None else self.signed(before, *recipes)
        return history2.complete(self.events[: self.size(head)], self.signed(head, *recipes), old, start)

    def single(self, *indexes: int, head: int = -1) -> list[bytes]:
        """The lines of a proof of single events."""
        return history2.single(self.events[: self.size(head)], self.signed(head), indexes)

    def fork(self) -> "History":
        """A copy that goes on by itself."""
        return History(self.origin, f"{self.seed}'", [*self.events], [*self.heads], self.day)


def a_year(verdicts: Sequence[str] = ("OK",) * 5) -> History:
    """A history with a release, a head, runs of it, and a second head."""
    history = History()
    history.seen()
    history.head()
    for verdict in verdicts:
        history.run(verdict)
    history.head()
    return history


def policy(folder: Path, *, ledger: str = LEDGER, identity: str = IDENTITY, more: str = "") -> Path:
    """The policy of a verifier who accepts the signer of these heads, and its trusted root beside it."""
    (folder / "trusted_root.json").write_bytes(ROOT)
    path = folder / "policy.toml"
    digest = hashlib.sha256(ROOT).hexdigest()
    path.write_text(
        f'ledger = "{ledger}"\n{more}trusted_root = [{{path = "trusted_root.json", sha256 = "{digest}"}}]\n'
        f'[[signer]]\nidentity = "{identity}"\nissuer = "{ISSUER}"\n'
    )
    return path


BOTH = (V2_DSSE, V1_DSSE)
"""Two logs."""
