# SPDX-License-Identifier: Apache-2.0
"""Witness policies (C2SP tlog-policy): which logs, which witnesses, and how many of them make a quorum.

Decides whether the cosignatures on a checkpoint satisfy a policy, and says who cosigned and when even where
nothing is demanded. A policy comes from the verifier, so a bad one is Misuse; a bad cosignature is Refused.
Names are octets: `str` fields hold them decoded as UTF-8 where that is possible, else escaped.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

import msgspec

from anchor import limits, regex
from anchor.encoding import decimal
from anchor.errors import AnchorError, Misuse, Refused
from anchor.tlog import checkpoint, note
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.keys import COSIGNATURES, LOG_KEYS, VerifierKey, parse_vkey
from anchor.words import several

MAX_POLICY = limits.WITNESS_POLICY
MAX_OF_EACH = 1024
"""Logs, witnesses and groups; at least 32 of each must be supported."""
FUTURE = 300
"""Seconds by which a witness's clock may be ahead of ours before its cosignature does not count."""

NONE = b"none"

_BLANKS = regex.expression(rb"[ \t]+")
_FORBIDDEN = regex.expression(rb"[^\t\n\x20-\x7e\x80-\xff]")


class LogLine(msgspec.Struct, frozen=True):
    """A log whose checkpoints are accepted; its key's name is its origin."""

    key: VerifierKey
    url: str


class Witness(msgspec.Struct, frozen=True):
    """A witness under its name in this file, which means nothing elsewhere."""

    name: bytes
    key: VerifierKey
    url: str


class Group(msgspec.Struct, frozen=True):
    """Witnesses a checkpoint when at least `threshold` of its members do."""

    name: bytes
    threshold: int
    members: tuple[bytes, ...]


class Cosigned(msgspec.Struct, frozen=True):
    """A cosignature that verified: the witness's name in the policy, its key's name, POSIX seconds.

    `counts` is False when the time lies in the future, by more than a clock may be off, and for the key of a
    log: whoever runs a log is no witness of it. `doubt` says which of the two.
    """

    witness: str
    key: VerifierKey
    time: int
    counts: bool
    doubt: str = ""


class Quorum(msgspec.Struct, frozen=True):
    """The result for a policy's quorum: met or not, by which witnesses. Also set for the quorum `none`."""

    met: bool
    wanted: str
    cosigned: tuple[Cosigned, ...]
    named: int = 0
    """The number of witnesses that the policy names: a witness with two keys, of one name, is one."""

    @property
    def demanded(self) -> bool:
        """False for the quorum `none`, which is met by nobody."""
        return self.wanted != shown(NONE)

    @property
    def counted(self) -> tuple[Cosigned, ...]:
        """The cosignatures that count."""
        return tuple(c for c in self.cosigned if c.counts)

    @property
    def witnesses(self) -> tuple[str, ...]:
        """The witnesses whose cosignatures count, each once, by the name of the first of its keys."""
        return tuple({c.key.name: c.witness for c in reversed(self.counted)}.values())[::-1]

    @property
    def sentence(self) -> str:
        """For a person: what was counted against what."""
        who = ", ".join(
            f"{c.witness} at {c.time}{'' if c.counts else f' ({c.doubt})'}" for c in self.cosigned
        )
        return f"quorum {self.wanted} {'met' if self.met else 'not met'}; cosigned by {who or 'nobody known'}"


class WitnessPolicy(msgspec.Struct, frozen=True, dict=True):
    """A parsed policy. `quorum` is the name of a witness or group, or None for `quorum none`."""

    logs: tuple[LogLine, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: bytes | None

    @cached_property
    def known_logs(self) -> tuple[Log, ...]:
        """The logs as `checkpoint.verify` wants them."""
        return tuple(Log(line.key.name, line.key) for line in self.logs)

    @property
    def demand(self) -> str:
        """For a person: the quorum and how many witnesses there are. It differs if any key or rule does."""
        rules = [f"{shown(w.name)} {w.key.vkey}" for w in self.witnesses]
        rules += [f"{shown(g.name)} {g.threshold} {' '.join(map(shown, g.members))}" for g in self.groups]
        rules += [line.key.vkey for line in self.logs]
        digest = hashlib.sha256("\n".join(rules).encode()).hexdigest()
        wanted = shown(self.quorum or NONE)
        return f"quorum {wanted} of {several(len(self.witnesses), 'witness')} (rules {digest[:16]})"

    @property
    def cosigners(self) -> tuple[VerifierKey, ...]:
        """The keys of the witnesses."""
        return tuple(w.key for w in self.witnesses)


def counted_twice(policy: WitnessPolicy) -> tuple[Witness, Witness] | None:
    """Two witnesses of one operator who both count towards the quorum; None if there are none.

    One name of keys, or one URL, is one operator (C2SP tlog-cosignature: a witness with two keys has one
    name). Two of his keys count once where the first group above both needs one member only.
    """
    above = {member: group for group in policy.groups for member in group.members}
    seen: dict[tuple[str, str], list[tuple[Witness, list[bytes]]]] = {}
    for witness in policy.witnesses:
        path = _path(above, witness.name)
        if policy.quorum not in path:
            continue
        for operator in (("key", witness.key.name), ("url", witness.url.rstrip("/"))):
            others = seen.setdefault(operator, []) if operator[1] else []
            for other, other_path in others:
                if next(above[n] for n in path if above[n].name in other_path).threshold > 1:
                    return other, witness
            others.append((witness, path))
    return None


def _path(above: Mapping[bytes, Group], name: bytes) -> list[bytes]:
    """The name, and those of the groups above it, the closest first."""
    path = [name]
    while path[-1] in above:
        path.append(above[path[-1]].name)
    return path


def evaluate(
    policy: WitnessPolicy, signed: note.Note, *, now: int, log_keys: Collection[bytes] = ()
) -> Quorum:
    """Count the cosignatures on a note against the policy at POSIX time `now`.

    A witness whose key is a log's key (`VerifierKey.public_key`) is not counted: neither one of `log_keys`
    nor one of the policy's own log lines. Raises Refused when a known witness's cosignature does not verify.
    The log's own signature is not looked at: `checkpoint.verify` or `verify` does that.
    """
    try:
        signers = note.verify(signed, policy.cosigners) if _any_known(policy, signed) else ()
    except AnchorError as e:
        raise e.at("cosignature") from None
    named = {w.key: w.name for w in policy.witnesses}
    logs = {line.key.public_key for line in policy.logs}.union(log_keys)
    cosigned = []
    for s in signers:
        time = s.time or 0
        doubt = "a log's own key" if s.key.public_key in logs else "future" if time > now + FUTURE else ""
        cosigned.append(Cosigned(shown(named[s.key]), s.key, time, not doubt, doubt))
    witnessed = {named[c.key] for c in cosigned if c.counts}
    for group in policy.groups:  # each after its members, as they are defined
        if sum(m in witnessed for m in group.members) >= group.threshold:
            witnessed.add(group.name)
    met = policy.quorum is None or policy.quorum in witnessed
    people = len({w.key.name for w in policy.witnesses})
    return Quorum(met, shown(policy.quorum or NONE), tuple(cosigned), people)


def verify(
    policy: WitnessPolicy, raw: bytes, *, now: int, logs: Sequence[Log] | None = None
) -> tuple[Checkpoint, Quorum]:
    """A checkpoint of one of `logs` (of the policy's, if None) whose quorum is met; raises Refused."""
    found = checkpoint.parse(raw)
    owners = [log for log in (policy.known_logs if logs is None else logs) if log.owns(found.origin)]
    signed = {(s.name, s.key_id) for s in found.note.signatures}
    fitting = [log for log in owners if (log.key.name, log.key.key_id) in signed]
    if not fitting:
        known = "signed by no key of that log" if owners else "not of a log that the policy names"
        raise Refused(f"a checkpoint of {found.origin!r}, {known}", where="checkpoint")
    verified = checkpoint.verify(raw, fitting[0], cosigners=policy.cosigners)
    quorum = evaluate(policy, verified.note, now=now, log_keys={fitting[0].key.public_key})
    if not quorum.met:
        raise Refused(quorum.sentence, where="cosignatures")
    return verified, quorum


def _any_known(policy: WitnessPolicy, signed: note.Note) -> bool:
    lines = {(s.name, s.key_id) for s in signed.signatures}
    return any((k.name, k.key_id) in lines for k in policy.cosigners)


def shown(octets: bytes) -> str:
    """A name for people: UTF-8, with every other byte escaped."""
    return octets.decode("utf-8", "backslashreplace")


def parse(data: bytes) -> WitnessPolicy:
    """A policy from its file; raises Misuse with the line, Unsupported for a key type that is not known."""
    if len(data) > MAX_POLICY:
        raise Misuse(f"{len(data)} bytes, more than {MAX_POLICY}", where="witness policy")
    if found := _FORBIDDEN.search(data):
        at = data.count(b"\n", 0, found.start()) + 1
        raise Misuse(f"control character 0x{found.group()[0]:02x}", where=f"witness policy line {at}")
    if data and not data.endswith(b"\n"):
        raise Misuse(
            "cut off: the last line has no newline", where="witness policy", remedy="end it with one"
        )
    reading = _Reading()
    for number, line in enumerate(data.split(b"\n"), 1):
        words = [w for w in _BLANKS.split(line) if w]
        if words and not words[0].startswith(b"#"):
            try:
                reading.line(words)
            except Refused as e:  # of a key or a number: here it is the user's own file that is wrong
                raise Misuse(e.problem, where=f"witness policy line {number}", remedy=e.remedy) from None
            except AnchorError as e:
                raise e.at(f"witness policy line {number}") from None
    return reading.result()


class _Reading:
    """The definitions of the lines so far."""

    def __init__(self) -> None:
        self.logs: list[LogLine] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.quorum: bytes | None = None
        self.has_quorum = False
        self.names: set[bytes] = set()
        self.members: set[bytes] = set()
        self.keys: dict[str, set[bytes]] = {"log": set(), "witness": set()}

    def line(self, words: list[bytes]) -> None:
        kind, rest = words[0], words[1:]
        if kind == b"log" and len(rest) in (1, 2):
            self.logs.append(LogLine(self._key(rest[0], "log"), shown(b"".join(rest[1:]))))
        elif kind == b"witness" and len(rest) in (2, 3):
            self._define(rest[0])
            self.witnesses.append(Witness(rest[0], self._key(rest[1], "witness"), shown(b"".join(rest[2:]))))
        elif kind == b"group" and len(rest) >= 3:
            self._group(rest[0], rest[1], rest[2:])
        elif kind == b"quorum" and len(rest) == 1:
            self._quorum(rest[0])
        else:
            raise Refused("not a log, witness, group or quorum line of the right length")
        if max(len(self.logs), len(self.witnesses), len(self.groups)) > MAX_OF_EACH:
            raise Refused(f"more than {MAX_OF_EACH} of one kind")

    def result(self) -> WitnessPolicy:
        if not self.has_quorum:
            raise Misuse("no quorum line", where="witness policy", remedy="write 'quorum none' for none")
        return WitnessPolicy(tuple(self.logs), tuple(self.witnesses), tuple(self.groups), self.quorum)

    def _define(self, name: bytes) -> None:
        if name == NONE:
            raise Refused("'none' cannot be defined")
        if name in self.names:
            raise Refused(f"{shown(name)} is defined twice")
        self.names.add(name)

    def _key(self, vkey: bytes, kind: str) -> VerifierKey:
        try:
            key = parse_vkey(vkey.decode("utf-8"))
        except UnicodeDecodeError:
            raise Refused("a key's name is not UTF-8") from None
        if (key.algorithm in COSIGNATURES) if kind == "witness" else (key.algorithm in LOG_KEYS):
            if key.public_key in self.keys[kind]:  # by the key itself: the Ed25519 form binds no name
                raise Refused(f"a second {kind} with the key of {key.name}")
        else:
            raise Refused(f"a key of type 0x{key.algorithm:02x} is no {kind}'s")
        self.keys[kind].add(key.public_key)
        return key

    def _group(self, name: bytes, rule: bytes, members: list[bytes]) -> None:
        words = {b"all": len(members), b"any": 1}
        threshold = words[rule] if rule in words else decimal(rule.decode("ascii", "replace"))
        if not 1 <= threshold <= len(members):
            raise Refused(f"a threshold of {threshold} of {len(members)} members")
        for member in members:
            if member not in self.names:
                raise Refused(f"{shown(member)} is not defined before this line")
            if member in self.members:
                raise Refused(f"{shown(member)} is a member twice")
            self.members.add(member)
        self._define(name)
        self.groups.append(Group(name, threshold, tuple(members)))

    def _quorum(self, name: bytes) -> None:
        if self.has_quorum:
            raise Refused("a second quorum line")
        if name != NONE and name not in self.names:
            raise Refused(f"{shown(name)} is not defined before this line")
        self.has_quorum = True
        self.quorum = None if name == NONE else name
