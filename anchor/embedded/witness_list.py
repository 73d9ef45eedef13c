# SPDX-License-Identifier: Apache-2.0
"""The witnesses of an embedded log and their quorum, as a C2SP tlog-policy file. Pure.

`add`, `remove` and `quorum` write a policy of one group. A policy that a person wrote may have any groups; it
is used as it is, and not edited here.
"""

import msgspec

from anchor import regex
from anchor.encoding import decimal
from anchor.errors import AnchorError, Misuse, Refused
from anchor.limits import WITNESSES
from anchor.net.urls import below
from anchor.tlog import witness_policy
from anchor.tlog.add_checkpoint import PATH
from anchor.tlog.keys import COSIGNATURES, VerifierKey, parse_vkey
from anchor.tlog.witness_policy import NONE, Witness, WitnessPolicy, shown
from anchor.words import several

WORDS = ("all", "any", "none")
_RESERVED = regex.expression(r"all|any|none|[0-9]+(?:-of-[0-9]+)?|-.*")
"""Words of a policy, names of groups, and what a command would read as an option."""


class WitnessList(msgspec.Struct, frozen=True):
    """Witnesses in one group. `rule`: how many of them must cosign: a number, `all`, `any` or `none`."""

    log: VerifierKey
    witnesses: tuple[Witness, ...] = ()
    rule: str = "none"

    def text(self) -> bytes:
        """The policy file. Raises `Misuse` for a quorum that so many witnesses cannot reach."""
        count = len(self.witnesses)
        words = {"none": 0, "any": 1, "all": count}
        wanted = words[self.rule] if self.rule in words else decimal(self.rule)
        if self.rule != "none" and not 1 <= wanted <= count:
            raise Misuse(
                f"a quorum of {self.rule} of {several(count, 'witness')} cannot be reached",
                where="quorum",
                remedy="change it with 'anchor instance witness quorum' first",
            )
        lines = [f"log {self.log.vkey}"]
        lines += [f"witness {shown(w.name)} {w.key.vkey} {w.url}".rstrip() for w in self.witnesses]
        if self.rule == "none":
            lines += ["quorum none"]
        else:
            names = " ".join(shown(w.name) for w in self.witnesses)
            lines += [f"group {wanted}-of-{count} {self.rule} {names}", f"quorum {wanted}-of-{count}"]
        return "".join(f"{line}\n" for line in lines).encode()

    def added(self, url: str, vkey: str, name: str) -> "WitnessList":
        """With one more witness; its name is that of its key, if none is given. Raises `Misuse`."""
        try:
            key = parse_vkey(vkey)
        except AnchorError as e:
            raise Misuse(f"not a verifier key: {e.problem}", where="VKEY", remedy=e.remedy) from None
        below(url, PATH)
        name = name or key.name
        if not name.isprintable() or any(c.isspace() for c in name) or _RESERVED.fullmatch(name):
            raise Misuse(f"{name!r} cannot name a witness", where="--name", remedy="use letters and digits")
        _check_key(key, self.log)
        for other in self.witnesses:
            if other.key.public_key == key.public_key:
                raise Misuse(
                    f"its key is that of the witness {shown(other.name)} already: one key is one witness",
                    where=key.name,
                )
            if shown(other.name) == name:
                raise Misuse(
                    f"a witness is called {name} already", where="--name", remedy="give it another one"
                )
        made = Witness(name.encode(), key, url)
        found = msgspec.structs.replace(self, witnesses=(*self.witnesses, made))
        check(witness_policy.parse(found.text()), self.log)
        return found

    def removed(self, name: str) -> "WitnessList":
        """Without the witness of that name, in this file or of its key. Raises `Misuse`."""
        named = [w for w in self.witnesses if shown(w.name) == name]
        named = named or [w for w in self.witnesses if w.key.name == name]
        if len(named) != 1:
            known = ", ".join(shown(w.name) for w in self.witnesses) or "nobody"
            raise Misuse("is not a witness here", where=name, remedy=f"there are: {known}")
        left = tuple(w for w in self.witnesses if w != named[0])
        return msgspec.structs.replace(self, witnesses=left)

    def with_rule(self, rule: str) -> "WitnessList":
        """With another quorum. Raises `Misuse`."""
        if rule not in WORDS:
            try:
                decimal(rule)
            except Refused:
                problem = f"{rule!r} is neither a number nor all, any or none"
                raise Misuse(problem, where="quorum") from None
        return msgspec.structs.replace(self, rule=rule)


def read(data: bytes, log: VerifierKey) -> WitnessList:
    """The list in a file that was written here. Raises `Misuse` for a policy that a person wrote."""
    policy = parse(data, log)
    found = WitnessList(log, policy.witnesses, _rule(data))
    try:
        ours = found.text() == data
    except AnchorError:
        ours = False
    if not ours:
        raise Misuse(
            "this witness policy was written by a person, and is not edited here",
            where="witnesses.policy",
            remedy="change your file, and give it again with 'anchor instance witness policy FILE'",
        )
    return found


def parse(data: bytes, log: VerifierKey) -> WitnessPolicy:
    """A policy for this log, by whomever it was written. Raises `Misuse`, `Unsupported`."""
    policy = witness_policy.parse(data)
    check(policy, log)
    return policy


def check(policy: WitnessPolicy, log: VerifierKey) -> None:
    """Raise `Misuse` if the policy is not about this log, or has a witness that is not one."""
    if policy.logs and all(line.key != log for line in policy.logs):
        raise Misuse(
            f"it names other logs, and not {log.name}",
            where="witness policy",
            remedy=f"add the line 'log {log.vkey}'",
        )
    if len(policy.witnesses) > WITNESSES:
        raise Misuse(f"more than {WITNESSES} witnesses", where="witness policy")
    ids = {(log.name, log.key_id)}
    for witness in policy.witnesses:
        _check_key(witness.key, log)
        if (signs_as := (witness.key.name, witness.key.key_id)) in ids:
            raise Misuse("its signatures look like those of another key", where=witness.key.name)
        ids.add(signs_as)
        if witness.url:
            below(witness.url, PATH)
    if (both := witness_policy.counted_twice(policy)) is not None:
        one, other = (shown(w.name) for w in both)
        raise Misuse(
            f"has the URL of another witness, {one}, or its key name: one operator would count twice",
            where=f"witness {other}",
            remedy="name one key of each operator, or write a policy with both in a group of 'any'",
        )


def _check_key(key: VerifierKey, log: VerifierKey) -> None:
    if key.public_key == log.public_key:
        raise Misuse("is the key of the log itself, which cannot be its witness", where=key.name)
    if key.algorithm not in COSIGNATURES:
        raise Misuse(
            f"a key of type {key.algorithm:#04x} signs no cosignatures",
            where=key.name,
            remedy="ask the operator of the witness for its verifier key (type 0x04 or 0x06)",
        )


def _rule(data: bytes) -> str:
    for line in data.decode("utf-8", "replace").splitlines():
        words = line.split(" ")
        if words[0] == "group" and len(words) > 2:
            return words[2]
    return NONE.decode()
