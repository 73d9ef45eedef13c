# SPDX-License-Identifier: Apache-2.0
"""The home of a witness: a folder of its own with its name, its keys, its list of logs, and its store.

It is made whole or not at all, and never over another one. It is never the home of a publisher: a witness
that its publisher runs beside the log is no independent evidence.
"""

import json
import os
import pwd
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchor.disk import files, private_keys
from anchor.disk.described_folder import described
from anchor.disk.new_folder import new_folder
from anchor.encoding import parse_json, rfc3339
from anchor.errors import AnchorError, Misuse
from anchor.tlog.keys import VerifierKey, check_name
from anchor.tlog.witnessing import Signer
from anchor.witness import known_logs
from anchor.witness.held_store import Store

FORMAT = "urn:ledger-anchor:witness:v1"
ABOUT = "witness.json"
EVIDENCE = "evidence"
ED25519, ML_DSA_44, BOTH = "ed25519", "ml-dsa-44", "both"
MAX_NAME = 255
"""Bytes of UTF-8 (C2SP tlog-cosignature)."""


@dataclass(frozen=True)
class Home:
    """A witness that was opened: its folder, its name, and its keys, the Ed25519 one first."""

    folder: Path
    name: str
    signers: tuple[Signer, ...]

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The keys by which others know it."""
        return tuple(signer.key for signer in self.signers)

    @property
    def identity(self) -> str:
        """The text by which its store knows its keys."""
        return identity_of(self.keys)

    def store(self, *, rolled_back: bool = False) -> Store:
        """The store of this home. Raises `Misuse`; see `Store.open`."""
        return Store.open(self.folder, self.identity, rolled_back=rolled_back)

    def read_store(self) -> Store:
        """The same only for reading, while another process may serve."""
        return Store.read(self.folder, self.identity)


def identity_of(keys: tuple[VerifierKey, ...]) -> str:
    """The ids of these keys, in hex."""
    return " ".join(key.full_id.hex() for key in keys)


def create(folder: Path, name: str, *, algorithm: str, now: datetime) -> Home:
    """A new witness with new keys, in place by one rename. Raises `Misuse` if something is there."""
    check_name(name, "--name")
    if len(name.encode()) > MAX_NAME:
        raise Misuse(f"a name of more than {MAX_NAME} bytes", where="--name")
    with_publisher(folder)
    with new_folder(folder, doing="making a witness", remedy="name another --home") as made:
        _make(made, name, algorithm, now)
    return load(folder)


def _make(folder: Path, name: str, algorithm: str, now: datetime) -> None:
    keys = folder / "keys"
    files.make_folder(keys, mode=files.PRIVATE)
    if algorithm in (BOTH, ED25519):
        private_keys.write(keys / f"{ED25519}.pem", Ed25519PrivateKey.generate())
    if algorithm in (BOTH, ML_DSA_44):
        private_keys.write(keys / f"{ML_DSA_44}.pem", MLDSA44PrivateKey.generate())
    known_logs.write(folder, known_logs.Listing())
    Store.create(folder, identity_of(tuple(signer.key for signer in _signers(folder, name))))
    about = {"format": FORMAT, "name": name, "created": rfc3339(now)}
    files.write(folder / ABOUT, json.dumps(about, indent=2).encode() + b"\n", mode=0o600)


def load(folder: Path) -> Home:
    """The witness in a folder. Raises `Misuse` if there is none, or if others can read its keys."""
    name = described(
        folder / ABOUT,
        form=FORMAT,
        what="witness",
        make="make one with 'anchor witness init', or name --home",
        read=_name,
    )
    return Home(folder, name, _signers(folder, name))


def _name(found: Any) -> str:
    name: str = found["name"]
    check_name(name)
    return name


def load_own(folder: Path) -> Home:
    """The same for a command that writes there. Raises `Misuse` for the home of another user: root would
    leave files that the witness cannot read."""
    found = load(folder)
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        name = _user(owner)
        raise Misuse(
            f"is the home of the user {name}, and only he changes it",
            where=str(folder),
            remedy=f"run it as this user: runuser -u {name} -- anchor witness ...",
        )
    return found


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _signers(folder: Path, name: str) -> tuple[Signer, ...]:
    found = []
    for algorithm, kind in ((ED25519, Ed25519PrivateKey), (ML_DSA_44, MLDSA44PrivateKey)):
        path = folder / "keys" / f"{algorithm}.pem"
        if path.exists():
            key = private_keys.read(path)
            if not isinstance(key, kind):
                raise Misuse(f"is no {algorithm} key", where=str(path), remedy="restore a backup")
            found.append(Signer(name, key))
    if not found:
        raise Misuse("no key of this witness is here", where=str(folder / "keys"), remedy="restore a backup")
    return tuple(found)


def own_logs(state: Path) -> frozenset[str]:
    """The origins of the embedded logs that this user runs in the state folder."""
    found: set[str] = set()
    for path in state.glob("*/instance/instance.json"):
        try:
            origin = parse_json(files.read(path, limit=private_keys.MAX_FILE)).get("origin")
        except (AnchorError, AttributeError):
            continue
        if isinstance(origin, str):
            found.add(origin)
    return frozenset(found)


def with_publisher(folder: Path) -> None:
    """Raise `Misuse` for the home of a publisher, or a folder in it."""
    for place in (folder, *folder.parents):
        if (place / "instance" / "instance.json").exists() or (place / "instance.json").exists():
            raise Misuse(
                "an embedded log is in this home, and a witness that its publisher runs is no independent "
                "evidence",
                where=str(folder),
                remedy="run the witness as another user, on another machine, or name another --home",
            )
