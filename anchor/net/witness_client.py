# SPDX-License-Identifier: Apache-2.0
"""Witnesses over HTTP: asked all at once for their cosignatures of one checkpoint, within one time limit.

`anchor.tlog.witness_answer` decides what an answer is worth. Here is only how long we wait: a witness that is
down, slow or hostile costs the others nothing.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from anchor.errors import AnchorError, Misuse
from anchor.net import http
from anchor.net.budget import LOOK, Budget
from anchor.net.http import Patience
from anchor.net.urls import below
from anchor.tlog import add_checkpoint, witness_answer
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.keys import VerifierKey
from anchor.tlog.witness_answer import Answer, AskAgain, Asked, Asking, Cosignature, NoCosignature, Step
from anchor.tlog.witness_policy import Witness, shown
from anchor.words import several

SECONDS = 10.0
"""For all witnesses together, with every request that one of them needs."""
AFTER_QUORUM = 1.0
"""Seconds for which the others are waited for when there is a quorum."""
_PATIENCE = Patience(connect=5.0, read=SECONDS, whole=SECONDS, attempts=1)
_CONTENT_TYPE = "text/plain; charset=utf-8"

Proof = Callable[[int], tuple[bytes, ...]]
"""The consistency proof from a size to that of the checkpoint that is sent."""


def ask(
    witnesses: Sequence[Witness],
    head: Checkpoint,
    *,
    proof: Proof,
    sizes: Mapping[str, int],
    since: int,
    enough: Callable[[Sequence[Asked]], bool],
    budget: Budget,
) -> list[Asked]:
    """Each witness with its verified cosignature or its problem, in order, within `SECONDS` and the budget.

    `sizes`: the size that a witness cosigned last, by its vkey, if it is known. `enough`: true as soon as
    the others are waited for `AFTER_QUORUM` only. Raises none of our errors, except those of `budget.left`.
    """
    answers: queue.SimpleQueue[list[Asked]] = queue.SimpleQueue()
    own = budget.part(SECONDS)
    seconds = own.left()

    def one(at_one_url: list[Witness]) -> None:
        try:
            asked = _ask(at_one_url, head, proof, sizes, since, Budget(seconds))
        except Exception as e:  # noqa: BLE001  a thread has nobody above it, and the others go on
            asked = [_without(w, f"a defect of this program: {type(e).__name__}") for w in at_one_url]
        answers.put(asked)

    for at_one_url in _by_url(witnesses):  # daemons: one that hangs must not hold up the process
        threading.Thread(target=one, args=(at_one_url,), daemon=True).start()
    found: dict[VerifierKey, Asked] = {}
    end = time.monotonic() + seconds
    while len(found) < len(witnesses):
        budget.left()  # which raises where the whole command must end
        left = max(0.0, end - time.monotonic())
        try:
            found |= {asked.key: asked for asked in answers.get(timeout=min(left, LOOK))}
        except queue.Empty:
            if not left:  # what came in time was read, also where this thread looks late
                break
            continue
        if enough([*found.values()]):
            end = min(end, time.monotonic() + AFTER_QUORUM)
    silent = f"no answer within {own.spent():.0f} s"
    return [found.get(w.key) or _without(w, silent, later=True) for w in witnesses]


def _by_url(witnesses: Sequence[Witness]) -> list[list[Witness]]:
    """The keys of one witness are asked for by one request. Each that has no URL is by itself."""
    found: dict[object, list[Witness]] = {}
    for witness in witnesses:
        found.setdefault(witness.url.rstrip("/") or witness.key, []).append(witness)
    return [*found.values()]


def _without(witness: Witness, problem: str, *, later: bool = False, conflict: bool = False) -> Asked:
    name = shown(witness.name)
    return Asked(name=name, key=witness.key, problem=problem, later=later, conflict=conflict)


def _ask(
    listed: Sequence[Witness],
    head: Checkpoint,
    proof: Proof,
    sizes: Mapping[str, int],
    since: int,
    budget: Budget,
) -> list[Asked]:
    """The witnesses at one URL, which are one with several keys: the request, and again from the size that
    the answer names."""
    remembered = max((sizes[w.key.vkey] for w in listed if w.key.vkey in sizes), default=None)
    old, note = witness_answer.first_size(remembered, head), ""
    try:
        for _ in range(witness_answer.ROUNDS):
            asking = [Asking(w.key, head, old, since) for w in listed]
            answer = _send(listed[0], asking[0], proof(old), budget)
            now = int(time.time())
            steps = [witness_answer.next_step(answer, one, now=now) for one in asking]
            if not isinstance(step := steps[0], AskAgain):  # else it is one for each key
                return [_asked(w, s, note) for w, s in zip(listed, steps, strict=True)]
            note = note or _rolled_back(step, remembered)
            old = step.size
    except AnchorError as e:
        return [_without(w, str(e), later=not isinstance(e, Misuse)) for w in listed]
    return [_without(w, f"it names another size each time, the last one {old}", later=True) for w in listed]


def _asked(witness: Witness, step: Step, note: str) -> Asked:
    if isinstance(step, Cosignature):
        name = shown(witness.name)
        return Asked(name=name, key=witness.key, line=step.line, time=step.time, note=note)
    assert isinstance(step, NoCosignature)
    return _without(witness, step.problem, later=step.later, conflict=step.conflict)


def _rolled_back(step: AskAgain, remembered: int | None) -> str:
    if remembered is None or step.size >= remembered:
        return ""
    return (
        f"it knows {several(step.size, 'entry')} and had cosigned {remembered}: its store was rolled back, "
        "tell its operator"
    )


def _send(witness: Witness, asking: Asking, proof: tuple[bytes, ...], budget: Budget) -> Answer:
    if not witness.url:
        raise Misuse("its line in the policy has no URL, so that it is not asked")
    response = http.post(
        "witness",
        below(witness.url, add_checkpoint.PATH),
        witness_answer.request(asking, proof),
        content_type=_CONTENT_TYPE,
        budget=budget,
        limit=add_checkpoint.MAX_ANSWER,
        accept=range(200, 600),
        patience=_PATIENCE,
    )
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    return Answer(response.status, kind, response.body)
