# SPDX-License-Identifier: Apache-2.0
"""The witnesses of an instance: whom it asks, what they cosigned, and the quorum that it waits for.

Cosignatures are kept in the log's checkpoint. The size that each witness cosigned last is kept beside it, as
a cache: without it a witness is asked once more.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from anchor import limits
from anchor.disk import files
from anchor.disk.lock import exclusive
from anchor.embedded import witness_list
from anchor.embedded.instance import Instance
from anchor.embedded.witness_list import WitnessList
from anchor.errors import AnchorError, Unavailable
from anchor.net.budget import Budget
from anchor.net.witness_client import ask
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import note, witness_answer, witness_policy
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.note import Note
from anchor.tlog.witness_answer import Asked
from anchor.tlog.witness_policy import Quorum, WitnessPolicy, shown

POLICY = "witnesses.policy"
_SIZES = "witnessed-sizes.json"
_MAX_SIZES = 1 << 20


def policy_of(instance: Instance) -> WitnessPolicy | None:
    """The witness policy of an instance; None if it has no witnesses. Raises `Misuse`, `Unavailable`."""
    path = instance.folder / POLICY
    if not path.exists():
        return None
    try:
        return witness_list.parse(files.read(path, limit=limits.WITNESS_POLICY), instance.log.key)
    except AnchorError as e:
        raise e.at(str(path)) from None


def text_of(instance: Instance) -> bytes:
    """The policy file; that of nobody if there are no witnesses."""
    path = instance.folder / POLICY
    empty = WitnessList(instance.log.key).text()
    return files.read(path, limit=limits.WITNESS_POLICY) if path.exists() else empty


def edit(instance: Instance, change: Callable[[WitnessList], WitnessList]) -> WitnessPolicy:
    """Change the list of witnesses; the file is written whole. Raises `Misuse`, `Unavailable`."""
    with exclusive(instance.folder, doing="changing the witnesses"):
        changed = change(witness_list.read(text_of(instance), instance.log.key)).text()
        policy = witness_list.parse(changed, instance.log.key)
        files.write(instance.folder / POLICY, changed, mode=0o600)
    return policy


def put(instance: Instance, data: bytes) -> WitnessPolicy:
    """Take a policy that a person wrote, byte for byte. Raises `Misuse`, `Unsupported`, `Unavailable`."""
    policy = witness_list.parse(data, instance.log.key)
    with exclusive(instance.folder, doing="changing the witnesses"):
        files.write(instance.folder / POLICY, data, mode=0o600)
    return policy


class Witnesses:
    """The witnesses of a policy for one instance's log. Safe to use from several threads: one asks at a time.

    `head` is the newest checkpoint that was sent to them, with the cosignatures that it got.
    """

    def __init__(self, instance: Instance, policy: WitnessPolicy) -> None:
        self.policy = policy
        self.head: Checkpoint | None = None
        self._log = instance.log
        self._path = instance.folder / _SIZES
        self._since = int(instance.created.timestamp())
        self._mutex = threading.Lock()

    def quorum(self, checkpoint: Note) -> Quorum:
        """The cosignatures on a verified checkpoint, counted now."""
        return witness_policy.evaluate(self.policy, checkpoint, now=int(time.time()))

    def current(self) -> Quorum:
        """The cosignatures on the log's head that verify, counted now."""
        head = self._log.head()
        lines = [asked.line for asked in self._had(head).values()]
        return self.quorum(note.parse(note.add(self._plain(head).raw, *lines)))

    def ask(self, budget: Budget, *, covering: int = 0, before: Sequence[Asked] = ()) -> tuple[Asked, ...]:
        """Ask each witness that has not cosigned the log's head; what they cosign is kept in the checkpoint.

        `before`: answers about the same head. Whoever gave one that does not change is not asked again.
        One answer for each witness of the policy, in its order. Empty for a log without entries, and if a
        checkpoint of at least `covering` entries has been sent while this call waited for another one.
        """
        with self._mutex:
            if covering and self.head is not None and self.head.size >= covering:
                return ()
            head = self._log.head()
            if head.size == 0:
                return ()
            had = self._had(head)
            final = {a.key.vkey: a for a in before if not a.line and not a.later}
            missing = [w for w in self.policy.witnesses if w.key.vkey not in final | had]
            known = [asked.line for asked in had.values()]
            plain = self._plain(head)

            def enough(found: Sequence[Asked]) -> bool:
                lines = [*known, *(a.line for a in found if a.line)]
                return (
                    self.policy.quorum is not None
                    and self.quorum(note.parse(note.add(plain.raw, *lines))).met
                )

            sizes = self._sizes()
            found = ask(
                missing,
                plain,
                proof=lambda size: self._log.consistency(size, plain),
                sizes=sizes,
                since=self._since,
                enough=enough,
                budget=budget,
            )
            had = final | had | {a.key.vkey: a for a in found}
            asked = tuple(had[w.key.vkey] for w in self.policy.witnesses)
            lines = [a.line for a in asked if a.line]
            self.head = self._log.cosigned(head, lines, self.policy.cosigners)
            self._keep_sizes(sizes, {a.key.vkey: head.size for a in asked if a.line})
            return asked

    def _plain(self, head: Checkpoint) -> Checkpoint:
        """The head with the signature of the log alone: a witness needs no other."""
        key = self._log.key
        own = next(s for s in head.note.signatures if (s.name, s.key_id) == (key.name, key.key_id))
        return checkpoints.parse(head.note.text + b"\n" + note.line(own.name, own.key_id, own.payload))

    def _had(self, head: Checkpoint) -> dict[str, Asked]:
        """The witnesses that have cosigned the head already, by vkey; their lines are verified again."""
        found = {}
        body = head.raw[len(head.note.text) + 1 :]
        for witness in self.policy.witnesses:
            asking = witness_answer.Asking(witness.key, head, head.size, self._since)
            step = witness_answer.next_step(
                witness_answer.Answer(200, "", body), asking, now=int(time.time())
            )
            if isinstance(step, witness_answer.Cosignature):
                name = shown(witness.name)
                found[witness.key.vkey] = Asked(name=name, key=witness.key, line=step.line, time=step.time)
        return found

    def _sizes(self) -> dict[str, int]:
        """The size that each witness cosigned last, by vkey; what cannot be read is forgotten."""
        try:
            return msgspec.json.decode(files.read(self._path, limit=_MAX_SIZES), type=dict[str, int])
        except (AnchorError, msgspec.DecodeError):
            return {}

    def _keep_sizes(self, old: dict[str, int], new: dict[str, int]) -> None:
        sizes = {
            w.key.vkey: (old | new)[w.key.vkey] for w in self.policy.witnesses if w.key.vkey in old | new
        }
        if sizes != old:
            with contextlib.suppress(Unavailable):  # what is forgotten is asked for
                files.write(self._path, msgspec.json.encode(sizes), mode=0o600)
