# SPDX-License-Identifier: Apache-2.0
"""Several signed notes in one text, as people paste them: one below the other, with or without empty lines.

Decides where a note begins and ends. The text of a checkpoint has no empty line (C2SP tlog-checkpoint). So
the lines from the first one to the last signature line are one note. Nothing is verified here.
"""

from anchor import limits
from anchor.errors import Refused

MAX_NOTES = 64
"""Notes of one text."""
MAX_TEXT = limits.HEADS
_DASH = "— ".encode()


def split(data: bytes, *, where: str = "checkpoint") -> list[bytes]:
    """The raw notes in a text, in their order.

    Line ends of CR LF are read as LF, and a missing last one is added: the signature covers the lines above.
    Raises Refused with the line where no note can begin or end, and for more than `MAX_NOTES`.
    """
    if len(data) > MAX_TEXT:
        raise Refused(f"{len(data)} bytes, more than the {MAX_TEXT} that are read", where=where)
    found: list[bytes] = []
    lines: list[bytes] = []
    signed = began = 0
    for number, line in enumerate(data.replace(b"\r\n", b"\n").split(b"\n"), 1):
        if line.startswith(_DASH) and (signed or (len(lines) > 1 and lines[-1] == b"")):
            signed += 1
        elif signed:
            found.append(_note(lines))
            lines, signed = [], 0
        if line or lines:
            began = began if lines else number
            lines.append(line)
    if signed:
        found.append(_note(lines))
    elif any(lines):
        raise Refused("no signature line follows it", where=f"{where} line {began}", remedy=_REMEDY)
    if not found:
        raise Refused("no checkpoint in it", where=where, remedy=_REMEDY)
    if len(found) > MAX_NOTES:
        raise Refused(f"{len(found)} checkpoints, more than {MAX_NOTES}", where=where)
    return found


_REMEDY = "paste the whole note: origin, size, root, an empty line, and the lines that begin with a dash"


def _note(lines: list[bytes]) -> bytes:
    return b"\n".join(lines) + b"\n"
