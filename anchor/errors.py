# SPDX-License-Identifier: Apache-2.0
"""The one error tree. No other exception leaves a public function of this package.

`Refused` means that the evidence is bad, and is an alarm. `Unavailable` means that nothing could be decided,
and is a temporary failure. The two must never be mixed up.
"""

import re

from anchor import regex

MAX_LINE = 1000
"""Characters of an error's line; what it quotes may be as long as an attacker likes."""
_MAX_PLACE = 300
"""Characters of a place, and of a remedy, in a line that is too long: what is wrong must stand in it too."""
_USER = regex.expression(r"://([^/?#\s'\"]*)@")
_PAIR = regex.expression(r"([?&;])([^=&?#;\s]*)=(?!\*\*\*[:;]?(?:[&#\s'\"]|$))[^&#\s'\"]+")
"""A name and its value, unless that is hidden already: a line is written twice, and keeps its colons."""
_SECRET = regex.expression("pass|pwd|secret|token|key|sig|auth|cred|session|jwt|options", re.IGNORECASE)
_DATABASE = regex.expression(r"postgres(?:ql)?(?:\+[a-z0-9]+)?$")


def without_secrets(text: str) -> str:
    """The text, with `***` for each possible secret in a URL.

    Secrets are the user and the password before the host (the user of a database stays), and in the query the
    values of names such as `password`, `sslpassword`, `token`, `X-Amz-Signature`.
    """
    return _PAIR.sub(_pair, _USER.sub(_user, text)) if "://" in text else text


def _user(found: "re.Match[str]") -> str:
    if not _DATABASE.search(found.string[max(0, found.start() - 30) : found.start()]):
        return "://***@"
    user, colon, _ = found[1].partition(":")
    return f"://{user}:***@" if colon else f"://{user}@"


def _pair(found: "re.Match[str]") -> str:
    return f"{found[1]}{found[2]}=***" if _SECRET.search(found[2]) else found[0]


def printable(text: str) -> str:
    """The text with every control, invisible and direction-changing character written out.

    The text of a stranger can then not steer a terminal.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _joined(where: str, problem: str, remedy: str) -> str:
    line = f"{where}: {problem}" if where else problem
    if not remedy:
        return line
    if line.endswith("?"):
        return f"{line} {remedy}"
    return f"{line if line.endswith('..') else line.removesuffix('.')}; {remedy}"


def _cut(text: str, room: int) -> str:
    """The text, or its beginning and end if it is longer than `room`: the end of a path says most."""
    if len(text) <= room:
        return text
    half = (room - 3) // 2
    return f"{text[: room - 3 - half]}...{text[-half:]}"


class AnchorError(Exception):
    """One line for a person: where it is, what is wrong, what to do."""

    def __init__(self, problem: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        where, problem, remedy = (
            printable(without_secrets(" ".join(t.split()))) for t in (self.where, self.problem, self.remedy)
        )
        line = _joined(where, problem, remedy)
        if len(line) <= MAX_LINE:
            return line
        where, remedy = _cut(where, _MAX_PLACE), _cut(remedy, _MAX_PLACE)
        room = MAX_LINE - len(_joined(where, "", remedy))
        return _joined(where, _cut(problem, room), remedy)

    def at(self, where: str) -> "AnchorError":
        """The same error, with an outer place (a file, a URL) put before the inner one (a line, a field)."""
        place = f"{where}: {self.where}" if self.where else where
        return type(self)(self.problem, where=place, remedy=self.remedy)


class Refused(AnchorError):
    """The evidence contradicts what it should prove."""


class Unavailable(AnchorError):
    """Nothing could be decided: no network, a time-out, a damaged source, or one that lags."""


class Stale(Unavailable):
    """The verified copy is older than it may be."""


class Pending(Unavailable):
    """Fewer logs or witnesses than demanded have recorded it so far."""


class Incomplete(Unavailable):
    """A part is missing or cut off, as in the middle of a copy. That contradicts nothing."""


class RootNotHere(Unavailable):
    """No bytes with the digest of a trusted root that a policy pins are at hand. That contradicts nothing."""


class Unsupported(AnchorError):
    """A format, reader or kind that this program does not know."""


class Misuse(AnchorError):
    """Wrong arguments, no policy, local input that cannot be read."""


class Malformed(Misuse):
    """A local file that its reader refuses."""


class Missing(Misuse):
    """Nothing has this path: it is mistyped, or its file was removed."""


class NotFound(Misuse):
    """No fact is the one that is asked for, or more than one is."""


class Stopped(BaseException):
    """This process must end, and leaves its work. Like KeyboardInterrupt, this is not an error."""
