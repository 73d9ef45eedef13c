# SPDX-License-Identifier: Apache-2.0
"""The witnesses of a log that other processes write to: asked for each new entry, and again if one is down.

Several entries that come at once share one round of questions. The entry is in the log already: a witness
that does not answer delays the answer, and never takes it back.
"""

import threading
from collections.abc import Callable

from anchor.embedded.instance import Instance
from anchor.embedded.witnesses import Witnesses, policy_of
from anchor.encoding import decimal, parse_json
from anchor.errors import AnchorError
from anchor.net.budget import Budget
from anchor.tlog.witness_answer import Asked

SECONDS = 5.0
"""For one round: a client waits for its own round and for the one before, and has a time-out itself."""
AGAIN = 60.0
"""Seconds between two questions to those who have not cosigned the newest checkpoint."""


class ServedWitnesses:
    """Reads the policy of the instance at each use, so that a change of it counts at once.

    `say` gets a line when a witness begins to cosign, or stops.
    """

    def __init__(self, instance: Instance, say: Callable[[str], object]) -> None:
        self._instance = instance
        self._say = say
        self._mutex = threading.Lock()
        self._asking: Witnesses | None = None
        self._told: dict[str, str] = {}

    def entry(self, entry: bytes) -> bytes:
        """A TransparencyLogEntry (protobuf JSON) that was just written, under a checkpoint that the witnesses
        were asked to cosign. Without witnesses, or if that fails, the entry as it is."""
        try:
            witnesses = self._witnesses()
            if witnesses is None:
                return entry
            index = decimal(parse_json(entry)["logIndex"])
            self._tell(witnesses.ask(Budget(SECONDS), covering=index + 1))
            head = witnesses.head
            return self._instance.log.entry(index, head) if head and head.size > index else entry
        except AnchorError as e:
            self._change("", str(e))
            return entry

    def ask_again(self) -> None:
        """Ask those who have not cosigned the newest checkpoint."""
        try:
            witnesses = self._witnesses()
            if witnesses is not None:
                self._tell(witnesses.ask(Budget(SECONDS)))
        except AnchorError as e:
            self._change("", str(e))

    def keep_asking(self, stop: threading.Event) -> None:
        """Ask again every `AGAIN` seconds until the event is set."""
        while True:
            self.ask_again()
            if stop.wait(AGAIN):
                return

    def _witnesses(self) -> Witnesses | None:
        policy = policy_of(self._instance)
        with self._mutex:
            if policy is None or not policy.witnesses:
                self._asking = None
            elif self._asking is None or self._asking.policy != policy:
                self._asking = Witnesses(self._instance, policy)
            return self._asking

    def _tell(self, asked: tuple[Asked, ...]) -> None:
        for one in asked:
            line = f"witness {one.name}: cosigns; {one.note}" if one.line else one.says
            self._change(one.key.vkey, line.removesuffix("; "))

    def _change(self, about: str, line: str) -> None:
        with self._mutex:
            if self._told.get(about) == line:
                return
            self._told[about] = line
        self._say(line)
