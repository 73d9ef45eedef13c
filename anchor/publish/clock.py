# SPDX-License-Identifier: Apache-2.0
"""A check of this machine's clock before an act that cannot be undone.

Two things give a lower bound: the program's own date, and the times that were signed before. Nothing gives an
upper bound. A clock that is ahead is noticed only after it was set right, and the error then names a remedy.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from anchor import RELEASED
from anchor.encoding import rfc3339
from anchor.errors import Misuse

if TYPE_CHECKING:
    from anchor.embedded.instance import Instance

SKEW = timedelta(minutes=5)
"""The clocks of two machines that publish in turn may differ by this much."""
WAY_OUT = (
    "set the clock where it is wrong; where it is right, that time was signed by a clock that was ahead: "
    "wait until then, or publish as another signer with a home that is new (--home FOLDER --new-signer)"
)


def check(now: datetime, known: Mapping[str, datetime]) -> None:
    """Raise `Misuse` for a clock that is before this program's date, or before a time that was signed.

    `known`: the newest signed times, aware, by what they are times of.
    """
    made = datetime.fromisoformat(RELEASED).replace(tzinfo=UTC) - timedelta(days=1)  # in the first time zone
    if now < made:
        raise Misuse(
            f"the clock says {rfc3339(now)}, and this program is of {RELEASED}",
            where="clock",
            remedy="set the clock: nothing was signed",
        )
    for what, when in known.items():
        if now < when - SKEW:
            problem = f"{what} has the time {rfc3339(when)}, and the clock says {rfc3339(now)}"
            raise Misuse(problem, where="clock", remedy=WAY_OUT)


def check_instance(now: datetime, instance: "Instance") -> None:
    """Raise `Misuse` if this time is outside of the validity of an instance's keys, or before the newest
    signature in its log. A signature made now would not verify, or would be dated before an older one."""
    newest = max(filter(None, (instance.created + SKEW, instance.newest())))
    check(now, {f"the instance in {instance.folder}": newest})
    if now >= instance.ends:
        raise Misuse(
            f"the keys of this home were good until {rfc3339(instance.ends)}, and the clock says "
            f"{rfc3339(now)}",
            where=str(instance.folder),
            remedy="set the clock where it is wrong; where it is right, publish as another signer with a "
            "home that is new (--home FOLDER --new-signer)",
        )
