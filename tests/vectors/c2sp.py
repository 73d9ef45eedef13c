# SPDX-License-Identifier: Apache-2.0
"""Vectors of the log layer: notes, checkpoints, tile paths, witness policies and offline proofs."""

import base64
import hashlib
import json
from dataclasses import dataclass, field

from tests.support.forge.authorities import SIGNED
from tests.support.forge.keys import Key, ecdsa, ed
from tests.support.forge.logs import Checkpoint, Json, Log, note_id, note_line, v2_log, vkey

ORIGIN = "log2026-1.vectors.example"
KEY = ed("log v2")
VKEY = vkey(ORIGIN, KEY)
NOW = int(SIGNED.timestamp()) + 60
WITNESSES = tuple((f"w{n}.vectors.example", ed(f"w{n}")) for n in (1, 2, 3))
ENTRY = b"the entry of the proof"


@dataclass(frozen=True, kw_only=True)
class LogCase:
    """One vector of the log layer. `data`: the bytes that are judged; `about`: what they are judged by."""

    name: str
    kind: str
    why: str
    clause: str
    expect: str
    data: bytes
    about: Json = field(default_factory=dict)

    def files(self) -> dict[str, bytes]:
        """The folder's content."""
        verdict = "accepted" if self.expect == "OK" else f"not accepted ({self.expect})"
        readme = f"{self.why}\n\nExpected: a {self.kind} that is {verdict}.\nClause: {self.clause}.\n"
        about = {"kind": self.kind, "expect": self.expect} | self.about
        return {
            "README": readme.encode(),
            self.kind: self.data,
            "case.json": (json.dumps(about, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode(),
        }


LOG_CASES: dict[str, LogCase] = {}


@dataclass(frozen=True, kw_only=True)
class Group:
    """The values that some cases share."""

    kind: str
    clause: str

    def add(
        self, name: str, why: str, data: str | bytes, expect: str = "OK", about: Json | None = None
    ) -> None:
        """A vector; its folder's name says whether it fails."""
        full = f"c2sp-{self.kind}-{name}{'' if expect == 'OK' else '_fail'}"
        raw = data.encode() if isinstance(data, str) else data
        if full in LOG_CASES:
            raise ValueError(full)
        LOG_CASES[full] = LogCase(
            name=full, kind=self.kind, why=why, clause=self.clause, expect=expect, data=raw, about=about or {}
        )


def log() -> Log:
    """A log with our entry as number 7 of 12."""
    found = v2_log()
    found.append(ENTRY)
    found.fill(4)
    return found


def head(**knobs: object) -> str:
    """Its checkpoint."""
    return log().note(Checkpoint(**knobs))  # type: ignore[arg-type]


def signed(text: str, name: str = ORIGIN, key: Key = KEY) -> str:
    """A note of any text."""
    return f"{text}\n{note_line(name, note_id(name, key), key.sign(text.encode()))}"


notes = Group(kind="note", clause="C2SP signed-note")
keys = {"keys": [VKEY]}
notes.add("plain", "One text, one signature.", signed("text\n"), about=keys)
notes.add(
    "empty-lines",
    "The text has empty lines: the last one in the note separates.",
    signed("a\n\nb\n"),
    about=keys,
)
notes.add("unicode", "The text is not ASCII.", signed("ed è subito sera.\n"), about=keys)
notes.add(
    "sixteen",
    "Sixteen signatures must be accepted.",
    signed("text\n") + note_line("other.example", b"abcd", b"x") * 15,
    about=keys,
)
notes.add(
    "unknown-name",
    "The name is known, the id is not: ignored.",
    signed("text\n") + note_line(ORIGIN, b"abcd", b"x"),
    about=keys,
)
ec = ecdsa("note")
ec_line = note_line("ec.example", note_id("ec.example", ec), ec.sign(b"text\n"))
notes.add(
    "ecdsa",
    "An ECDSA key, whose id is the SHA-256 of its SPKI.",
    f"text\n\n{ec_line}",
    about={"keys": [{"name": "ec.example", "spki": base64.b64encode(ec.spki).decode()}]},
)
flipped = note_line(ORIGIN, note_id(ORIGIN, KEY), bytes(64))
for name, why, data in (
    ("no-known-key", "Signed, by a key that is not known.", signed("text\n", "m.example", ed("mallory"))),
    ("false", "A known key's signature that is false.", f"text\n\n{flipped}"),
    ("one-false", "One of a known key's two signatures is false.", signed("text\n") + flipped),
    (
        "text-without-newline",
        "The text does not end in a newline.",
        signed("text\n").replace("text\n\n", "text\n", 1),
    ),
    ("no-signature", "No signature line.", "text\n\n"),
    ("last-line-open", "The last line has no newline.", signed("text\n")[:-1]),
    ("control", "A control character in the text.", signed("a\x07b\n")),
    ("tab", "A tab in the text.", signed("a\tb\n")),
    ("delete-utf8", "Not UTF-8.", signed("text\n").encode().replace(b"text", b"te\xfft")),
    ("name-with-plus", "A name with a plus.", signed("text\n") + "— a+b YWJjZHg=\n"),
    ("name-with-space", "A name with a no-break space.", signed("text\n") + "— a\u00a0b YWJjZHg=\n"),
    ("four-bytes", "A signature of no bytes behind the id.", signed("text\n") + "— a YWJjZA==\n"),
    ("base64-spaces", "Base64 with a space.", signed("text\n") + "— a YWJj ZHg=\n"),
    ("hyphen", "A hyphen in place of the dash.", signed("text\n") + "- a YWJjZHg=\n"),
):
    notes.add(name, why, data, "INVALID", about=keys)

checkpoints = Group(kind="checkpoint", clause="C2SP tlog-checkpoint")
by = {"origin": ORIGIN, "key": VKEY}
EMPTY = base64.b64encode(hashlib.sha256(b"").digest()).decode()
checkpoints.add("plain", "An honest head.", head(), about=by)
checkpoints.add("extensions", "Extension lines are opaque.", head(extensions=("x", "— a b")), about=by)
checkpoints.add("empty-tree", "Size 0, root SHA-256 of nothing.", head(size="0", root_text=EMPTY), about=by)
checkpoints.add("largest", "Size 2^63-1.", head(size=str(2**63 - 1)), about=by)
for name, why, knobs in (
    ("origin", "Another origin.", {"origin": "other.example"}),
    ("signature-name", "The right key under another name.", {"name": "other.example"}),
    ("empty-tree-other-root", "Size 0 with another root.", {"size": "0"}),
    ("leading-zero", "A leading zero.", {"size": "012"}),
    ("plus", "A plus.", {"size": "+12"}),
    ("minus-zero", "Minus zero.", {"size": "-0", "root_text": EMPTY}),
    ("two-to-the-63", "A size of 2^63.", {"size": str(2**63)}),
    ("root-short", "A root of 16 bytes.", {"root": bytes(16)}),
    ("root-long", "A root of 64 bytes.", {"root": bytes(64)}),
    ("root-unpadded", "A root without padding.", {"root_text": "A" * 43}),
    ("extension-empty", "An empty extension line.", {"extensions": ("",)}),
    ("not-signed", "Not signed by the log.", {"own": False, "after": note_line("a.example", b"abcd", b"x")}),
):
    checkpoints.add(name, why, head(**knobs), "INVALID", about=by)
two = f"{ORIGIN}\n12\n"
checkpoints.add("two-lines", "No root.", signed(two), "INVALID", about=by)

paths = Group(kind="tile-path", clause="C2SP tlog-tiles: tile/<L>/<N>[.p/<W>]")
for name, path in (
    ("first", "tile/0/000"),
    ("partial", "tile/0/000.p/1"),
    ("thousands", "tile/3/x001/x234/067"),
    ("partial-thousands", "tile/0/x001/067.p/255"),
    ("entries", "tile/entries/x001/067"),
    ("level-63", "tile/63/000.p/1"),
):
    paths.add(name, "A path as the specification writes it.", f"{path}\n")
for name, why, path in (
    ("level-64", "Levels end at 63.", "tile/64/000"),
    ("level-zero-led", "A level with a leading zero.", "tile/00/000"),
    ("width-0", "A tile of no width.", "tile/0/000.p/0"),
    ("width-256", "A full tile is no partial one.", "tile/0/000.p/256"),
    ("width-zero-led", "A width with a leading zero.", "tile/0/000.p/01"),
    ("unpadded", "An index of two digits.", "tile/0/67"),
    ("needless-zeroes", "Groups that say nothing.", "tile/0/x000/067"),
    ("x-last", "An x in the last group.", "tile/0/x067"),
    ("no-x", "No x in the first group.", "tile/0/001/067"),
    ("dots", "A way out.", "tile/0/../000"),
    ("query", "A query behind it.", "tile/0/000?x"),
    ("leading-slash", "An absolute path.", "/tile/0/000"),
    ("double-slash", "An empty part.", "tile//0/000"),
    ("data", "The sumdb's form.", "tile/8/0/000"),
    ("arabic-digits", "Digits that are not ASCII.", "tile/0/٠٠٠"),
):
    paths.add(name, why, f"{path}\n", "INVALID")
