# SPDX-License-Identifier: Apache-2.0
"""The witness policies (C2SP tlog-policy) that a trust policy names: one for all logs, and one for a log.

Each is compared with the verifier's trusted roots when it is read: a mistake in one is found before anything
is verified.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from anchor import log_kinds
from anchor.disk import files
from anchor.errors import AnchorError, Misuse
from anchor.sigstore.trusted_root import LogKey, TrustedRoot
from anchor.tlog import witness_policy
from anchor.tlog.keys import VerifierKey, key_from_spki
from anchor.tlog.witness_policy import LogLine, WitnessPolicy
from anchor.verify.policy import Policy


def general(policy: Policy, base: Path, root: TrustedRoot) -> WitnessPolicy | None:
    """The witness policy of all logs without one of their own; None if the trust policy names none."""
    return of_all(base / policy.tlog_policy, root) if policy.tlog_policy else None


def of_all(path: Path, root: TrustedRoot, *, read: Callable[..., bytes] = files.read) -> WitnessPolicy:
    """A witness policy that is about each log in it, or about each log of the trusted root if it has none.

    Each of its logs must be in the trusted root, under its name and with its key. `read` reads the file.
    """
    found = _read(path, root, read)
    for line in found.logs:
        _check_line(line, root, path)
    if found.logs:
        return found
    keys = dict.fromkeys(key for log in root.tlogs for key in _keys(log.host, root))
    return msgspec.structs.replace(found, logs=tuple(LogLine(key, "") for key in keys))


def of_logs(policy: Policy, base: Path, root: TrustedRoot) -> dict[str, WitnessPolicy]:
    """The witness policies of single logs, by the origins of their checkpoints.

    Such a file may name no log (C2SP tlog-policy: the log is known from elsewhere). It then gets the keys
    that the trusted root has for this origin.
    """
    return {
        one.origin: _of_log(one.origin, base / one.tlog_policy, root, f"log {one.origin}: tlog_policy")
        for one in policy.log_witnesses
    }


def _of_log(origin: str, path: Path, root: TrustedRoot, where: str) -> WitnessPolicy:
    keys = tuple(LogLine(key, "") for key in _keys(origin, root))
    if not keys:
        raise Misuse(
            "this log is not in the trusted root",
            where=where,
            remedy="write the origin of its checkpoints, or trust the root that has this log",
        )
    found = _read(path, root, files.read)
    lines = tuple(line for line in found.logs if line.key.name == origin)
    if found.logs and not lines:
        names = ", ".join(line.key.name for line in found.logs[:3])
        raise Misuse(
            f"names other logs than {origin}: {names}",
            where=str(path),
            remedy="add the log's own line, or leave the log lines out",
        )
    for line in lines:
        _check_line(line, root, path)
    return msgspec.structs.replace(found, logs=lines or keys)


def _read(path: Path, root: TrustedRoot, read: Callable[..., bytes]) -> WitnessPolicy:
    """A witness policy from its file. A log's key is no witness's: its operator would witness himself."""
    data = read(path, limit=witness_policy.MAX_POLICY)
    try:
        found = witness_policy.parse(data)
    except Misuse as e:
        raise e.at(str(path)) from None
    logs = {key.public_key: key.name for line in found.logs for key in (line.key,)}
    logs |= {public: log.host for log in root.tlogs for public in _public(log)}
    for witness in found.witnesses:
        if (log := logs.get(witness.key.public_key)) is not None:
            raise Misuse(
                f"the witness {witness_policy.shown(witness.name)} has the key of the log {log}",
                where=str(path),
                remedy="name a witness with a key of its own: nobody is a witness of himself",
            )
    if (both := witness_policy.counted_twice(found)) is not None:
        one, other = (witness_policy.shown(w.name) for w in both)
        raise Misuse(
            f"the witnesses {one} and {other} are keys of one operator, who would count twice",
            where=str(path),
            remedy="name one of them, or put both in a group of 'any'",
        )
    return found


def _check_line(line: LogLine, root: TrustedRoot, path: Path) -> None:
    """Refuse a log line that the trusted root does not have so."""
    named = [log for log in root.tlogs if line.key.name in log.names]
    if not named:
        raise Misuse(
            f"the log {line.key.name} is not in the trusted root",
            where=str(path),
            remedy="name the logs of the trusted root, or trust the root that has this log",
        )
    if not any(line.key.public_key in _public(log) for log in named):
        raise Misuse(
            f"the log {line.key.name} has another key in the trusted root",
            where=str(path),
            remedy="write the log's own key: an embedded log has it in release/log/<origin>/vkey",
        )


def _keys(origin: str, root: TrustedRoot) -> Iterator[VerifierKey]:
    """The keys of the trusted root under which checkpoints of this origin are signed."""
    kind = log_kinds.of_origin(origin)
    name = kind.log_name(origin)
    for log in root.tlogs:
        if name in log.names:
            with contextlib.suppress(AnchorError):  # a kind of key that signs no notes here
                yield kind.log(name, log.key.spki, hash_name=log.key.scheme.hash).key


def _public(log: LogKey) -> tuple[bytes, ...]:
    """A log's key as verifier keys have it: 32 raw bytes for Ed25519, SPKI DER for ECDSA; none for others."""
    with contextlib.suppress(AnchorError):
        return (key_from_spki(log.host or "log", log.key.spki).public_key,)
    return ()
