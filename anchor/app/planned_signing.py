# SPDX-License-Identifier: Apache-2.0
"""The signer and the log of a publication, as far as they are known before anything is signed or sent.

A dry run makes no key, opens no browser and asks no server. So it does not import the sigstore client.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from anchor.app.own_root import PUBLIC_INSTANCES
from anchor.embedded.instance import FOLDER, Instance

EMBEDDED = "embedded"


class PlannedSigning(msgspec.Struct, frozen=True, kw_only=True):
    """One instance of the command line."""

    instance: str
    """The name or path on the command line."""
    identity: str = ""
    """The signer, if this home says who it is."""
    log: str = ""
    """The origin of the log, if this home has it."""

    @property
    def signed_by(self) -> str:
        """The signer in words."""
        if self.identity:
            return self.identity
        return (
            "a new key, which publishing makes" if self.instance == EMBEDDED else "who logs in, or the token"
        )

    @property
    def recorded_in(self) -> str:
        """The log in words."""
        if self.log:
            return f"{self.log}, run by you"
        if self.instance == EMBEDDED:
            return "a new embedded log, run by you"
        if self.instance in PUBLIC_INSTANCES:
            return f"the log of the {self.instance} instance"
        return f"the log that {self.instance} names"


def planned(names: Sequence[str], home: Path) -> list[PlannedSigning]:
    """Each instance of the command line once, in its order. `home`: the publisher's; it is not changed."""
    return [_of(name, home) for name in dict.fromkeys(names)]


def _of(name: str, home: Path) -> PlannedSigning:
    if name != EMBEDDED or not (home / FOLDER).exists():
        return PlannedSigning(instance=name)
    instance = Instance.open(home / FOLDER, create=False)
    try:
        return PlannedSigning(instance=name, identity=instance.identity, log=instance.origin)
    finally:
        instance.close()
