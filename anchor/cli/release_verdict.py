# SPDX-License-Identifier: Apache-2.0
"""The verdict of a release that `anchor verify` names, with the progress that a person sees meanwhile.

Imported for each plain command line too, so it has no click (see `anchor.cli.plain`).
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from anchor.cli.progress import Counter

if TYPE_CHECKING:
    from anchor.app.verify import Opened
    from anchor.verify.release import ReleaseResult


class Examination(NamedTuple):
    """A release that was opened, and the arguments with which `examine_release` verifies it.

    The caller calls it: the way from the command to the checks stays short.
    """

    found: "Opened"
    counter: Counter
    arguments: dict[str, Any]

    def named(self, result: "ReleaseResult") -> "ReleaseResult":
        """The result with the facts that were changed; the progress ends."""
        from anchor.app.verify import with_named_facts

        self.counter.close()
        found = self.found
        return with_named_facts(result, found.data, found.files, trust=found.trust, effort=found.effort)


def prepared(release: str, **given: Any) -> Examination:
    """A release, opened to be verified.

    `given`: the arguments of `open_release`. Raises the errors of reading the release or the trust.
    """
    from anchor.app.verify import open_release

    found = open_release(release, **given)
    counter = Counter("verifying", total=lambda: _said_size(found.data))
    arguments = {
        "target": release,
        "data": found.data,
        "files": found.files,
        "trust": found.trust,
        "now": datetime.now(UTC),
        "reference_client": found.reference_client,
        "progress": counter,
        "effort": found.effort,
    }
    return Examination(found, counter, arguments)


def _said_size(data: bytes) -> int | None:
    """The number of facts as release.json says it, for the progress alone: nothing of it is verified here."""
    import msgspec  # long imported where there is a progress

    try:
        return int(msgspec.json.decode(data)["tree"]["size"])
    except (ValueError, LookupError, TypeError):  # the checks say what is wrong with it
        return None
