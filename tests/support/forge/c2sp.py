# SPDX-License-Identifier: Apache-2.0
"""The result of our log layer for a vector."""

import base64
from typing import Any

from anchor.errors import AnchorError
from anchor.tlog import checkpoint, note, tiles, tlog_proof, witness_policy
from anchor.tlog.keys import VerifierKey, key_from_spki, parse_vkey
from anchor.verdict import Class, class_of
from tests.vectors.c2sp import LogCase


def judge(case: LogCase) -> Class:
    """Our verdict; anything but an `AnchorError` goes through."""
    try:
        _JUDGES[case.kind](case.data, case.about)
    except AnchorError as e:
        return class_of(e)
    return Class.OK


def _key(said: Any) -> VerifierKey:
    if isinstance(said, str):
        return parse_vkey(said)
    return key_from_spki(said["name"], base64.b64decode(said["spki"]))


def _note(data: bytes, about: Any) -> None:
    note.verify(note.parse(data), [_key(k) for k in about["keys"]])


def _checkpoint(data: bytes, about: Any) -> None:
    found = checkpoint.verify(data, checkpoint.Log(about["origin"], parse_vkey(about["key"])))
    assert found.raw == data


def _path(data: bytes, _about: Any) -> None:
    text = data.decode().removesuffix("\n")
    level, index, width = tiles.parse_path(text)
    found = tiles.entries_path(index, width) if level is None else tiles.Tile(level, index, width).path
    assert found == text


def _policy(data: bytes, _about: Any) -> None:
    witness_policy.parse(data)


def _cosigned(data: bytes, about: Any) -> None:
    witness_policy.verify(witness_policy.parse(about["policy"].encode()), data, now=about["now"])


def _proof(data: bytes, about: Any) -> None:
    parsed = tlog_proof.parse(data)
    assert tlog_proof.serialise(parsed) == data
    wanted = witness_policy.parse(about["policy"].encode())
    tlog_proof.verify(parsed, bytes.fromhex(about["leaf"]), policy=wanted, now=about["now"])


_JUDGES = {
    "note": _note,
    "checkpoint": _checkpoint,
    "tile-path": _path,
    "policy": _policy,
    "cosigned": _cosigned,
    "proof": _proof,
}
