# SPDX-License-Identifier: Apache-2.0
"""A message as a receiver takes it: in parts that are short enough, with nothing that the medium obeys.

Pure text. The lines of a message that begin with "- " hold what strangers wrote (`anchor.monitor.alarm`).
"""

from anchor.monitor.alarm import QUOTE, Message

MOST = 4
"""Parts of one message; what is left over is counted."""
LEAST = 120
"""Characters that any receiver takes."""
_LIVE = str.maketrans("<>&@#`*_~|[]\\$", "‹›＆＠＃ˋ∗＿∼¦［］＼＄")
"""What chats make a link, a mention, a heading or hidden text of, and what looks like it and does nothing."""


def inert(text: str) -> str:
    """The text for a medium that renders markup: in the lines of strangers none is left."""
    return "\n".join(_inert(line) if line.startswith(QUOTE) else line for line in text.split("\n"))


def _inert(line: str) -> str:
    return line.translate(_LIVE).replace("://", ":∕∕")


def parts(message: Message, limit: int, *, most: int = MOST) -> list[str]:
    """The body in at most so many parts of at most `limit` characters, each with the id of the message."""
    limit = max(limit, LEAST)
    if len(message.body) <= limit:
        return [message.body]
    room = limit - len(_ending(message, most, most, left=10**6)) - 1
    pieces = _pieces(message.body, room)
    kept = pieces[:most]
    left = sum(len(p) for p in pieces[most:])
    return [f"{piece}\n{_ending(message, n, len(kept), left)}" for n, piece in enumerate(kept, 1)]


def _ending(message: Message, number: int, of: int, left: int) -> str:
    """The last line of a part."""
    more = f"; {left} characters more in anchor history" if left and number == of else ""
    return f"part {number}/{of} of message {message.uid}{more}"


def _pieces(body: str, room: int) -> list[str]:
    """The lines, together as far as they fit; the rest of a longer one is still marked as its writer's."""
    pieces, held = [], ""
    for line in body.split("\n"):
        rest = line
        while rest:
            piece, rest = rest[:room], rest[room:]
            rest = f"{QUOTE}{rest}" if rest and line.startswith(QUOTE) else rest
            if held and len(held) + 1 + len(piece) > room:
                pieces.append(held)
                held = piece
            else:
                held = f"{held}\n{piece}" if held else piece
    return [*pieces, held] if held else pieces
