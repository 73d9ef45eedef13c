# SPDX-License-Identifier: Apache-2.0
"""Vectors of the log layer that need witnesses: policies, cosigned checkpoints, offline proofs."""

import base64
import datetime as dt

from tests.support.forge.authorities import SIGNED
from tests.support.forge.keys import Key, ed
from tests.support.forge.logs import Checkpoint, cosign, leaf_hash, note_id, note_line, path_of, v2_log, vkey
from tests.vectors.c2sp import ENTRY, NOW, ORIGIN, VKEY, WITNESSES, Group, head, log


def witness_lines(count: int = 3) -> str:
    """Witness lines of a policy."""
    return "".join(
        f"witness w{i + 1} {vkey(name, key, 4)}\n" for i, (name, key) in enumerate(WITNESSES[:count])
    )


policies = Group(kind="policy", clause="C2SP tlog-policy")
LINES = f"log {VKEY} https://{ORIGIN}/\n{witness_lines()}"
TABBED = LINES.replace(" ", "\t ", 1)
policies.add("none", "No quorum is wanted.", f"log {VKEY}\nquorum none\n")
policies.add("one-witness", "One witness is the quorum.", f"{LINES}quorum w2\n")
policies.add("group", "Two of three.", f"{LINES}group g 2 w1 w2 w3\nquorum g\n")
policies.add("nested", "A group in a group.", f"{LINES}group a any w1 w2\ngroup b all a w3\nquorum b\n")
policies.add(
    "blanks",
    "Tabs, spaces, comments and empty lines.",
    f"# policy\n\n{TABBED}  quorum\tw1 \n",
)
for name, why, text in (
    ("no-quorum", "No quorum line.", LINES),
    ("two-quorums", "Two quorum lines.", f"{LINES}quorum w1\nquorum w2\n"),
    ("undefined", "A quorum that is not defined.", f"{LINES}quorum w9\n"),
    ("used-before", "A group before its members.", f"group g all w1\n{LINES}quorum g\n"),
    ("member-twice", "A member of two groups.", f"{LINES}group a any w1\ngroup b any w1\nquorum a\n"),
    ("member-twice-in-one", "A member twice in one group.", f"{LINES}group a 2 w1 w1\nquorum a\n"),
    ("threshold-0", "A threshold of none.", f"{LINES}group a 0 w1\nquorum a\n"),
    ("threshold-4-of-3", "A threshold that cannot be met.", f"{LINES}group a 4 w1 w2 w3\nquorum a\n"),
    ("threshold-leading-zero", "A threshold with a leading zero.", f"{LINES}group a 02 w1 w2 w3\nquorum a\n"),
    (
        "same-key-two-names",
        "One witness under two names would be two.",
        f"{LINES}witness w9 {vkey('w9.example', ed('w1'), 4)}\nquorum w9\n",
    ),
    ("name-twice", "A name defined twice.", f"{LINES}group w1 any w2\nquorum w1\n"),
    ("none-defined", "A group called none.", f"{LINES}group none any w1\nquorum none\n"),
    ("witness-with-log-key", "A log's key as a witness's.", f"witness w {VKEY}\nquorum w\n"),
    (
        "vkey-id",
        "A key whose id is not its own.",
        f"log {VKEY.replace(VKEY.split('+')[1], '00000000')}\nquorum none\n",
    ),
    ("unknown-word", "A line of an unknown kind.", f"{LINES}mirror m\nquorum none\n"),
    ("carriage-return", "A carriage return.", f"{LINES}quorum none\r\n"),
    ("cut-off", "The file ends inside a line.", f"{LINES}quorum w1"),
):
    policies.add(name, why, text, "USAGE")

cosigned = Group(
    kind="cosigned", clause="C2SP tlog-cosignature and tlog-policy: the quorum is counted by the verifier"
)
QUORUM = f"{LINES}group g 2 w1 w2 w3\nquorum g\n"
of = {"policy": QUORUM, "now": NOW}
cosigned.add("two-of-three", "Two of three witnesses cosigned.", head(witnesses=WITNESSES[:2]), about=of)
cosigned.add("all", "All did.", head(witnesses=WITNESSES), about=of)
cosigned.add(
    "extension-lines",
    "A cosignature covers the extension lines.",
    head(witnesses=WITNESSES, extensions=("x",)),
    about=of,
)
cosigned.add(
    "and-a-stranger",
    "A stranger's cosignature is ignored.",
    head(witnesses=(*WITNESSES[1:], ("m.example", ed("m")))),
    about=of,
)
body = head(own=False).split("\n\n")[0] + "\n"
other = body.replace("\n12\n", "\n13\n")
late = dt.timedelta(days=1)


def beside(line: str) -> str:
    """The head with the first witness's cosignature and one more line."""
    return head(witnesses=WITNESSES[:1], after=line)


def claimed(time: int, signed: int) -> str:
    """The second witness's cosignature of one time, told as another."""
    name, key = WITNESSES[1]
    signature = key.sign(f"cosignature/v1\ntime {signed}\n{body}".encode())
    return note_line(name, note_id(name, key, 4), time.to_bytes(8) + signature)


def plain(name: str, key: Key) -> str:
    """A witness's signature of the kind that a log makes."""
    return note_line(name, note_id(name, key, 4), key.sign(body.encode()))


SECOND = WITNESSES[1]
first, once_more = cosign(*SECOND, body, SIGNED), cosign(*SECOND, body, SIGNED + late)
for name, lines in (("earlier-first", first + once_more), ("later-first", once_more + first)):
    cosigned.add(
        f"twice-{name}",
        "One witness cosigned twice, once with a time a day ahead: the order of the lines says nothing.",
        beside(lines),
        about=of,
    )
for name, why, data in (
    ("one", "One of three is no quorum.", head(witnesses=WITNESSES[:1])),
    ("none", "No witness: a Rekor v2 log goes on without them, and no client notices.", head()),
    ("one-twice", "One witness twice is one.", head(witnesses=(WITNESSES[0], WITNESSES[0]))),
    (
        "one-at-two-times",
        "One witness at two times is one.",
        beside(cosign(*WITNESSES[0], body, SIGNED + dt.timedelta(seconds=9))),
    ),
    (
        "of-other-tree",
        "A known witness's cosignature of another tree.",
        beside(cosign(*SECOND, other, SIGNED)),
    ),
    ("time-changed", "The time beside a cosignature was changed.", beside(claimed(NOW, 1))),
    ("time-2-to-the-63", "A time that no clock shows.", beside(claimed(2**63, 2**63))),
    ("future", "A witness's time lies a day ahead.", beside(cosign(*SECOND, body, SIGNED + late))),
    (
        "witnesses-without-log",
        "Witnesses cosigned what the log did not sign.",
        head(own=False, witnesses=WITNESSES),
    ),
    ("as-plain-note", "A witness signed the note as a log would.", beside(plain(*SECOND))),
):
    cosigned.add(name, why, data, "INVALID", about=of)

proofs = Group(kind="proof", clause="C2SP tlog-proof")


def proof(
    *, index: str = "7", hashes: list[bytes] | None = None, extra: str = "", note: str | None = None
) -> str:
    """A proof of our entry, or of what the knobs say."""
    found = path_of(7, log().leaves) if hashes is None else hashes
    lines = "".join(f"{base64.b64encode(h).decode()}\n" for h in found)
    return f"c2sp.org/tlog-proof@v1\n{extra}index {index}\n{lines}\n{note or head(witnesses=WITNESSES[:2])}"


leaf = {"leaf": leaf_hash(ENTRY).hex()} | of
proofs.add("plain", "An entry, its path, a checkpoint with a quorum.", proof(), about=leaf)
proofs.add("extra", "Extra data is carried and believed by nobody.", proof(extra="extra AAEC\n"), about=leaf)
for name, why, text in (
    ("index", "The index of another entry.", proof(index="8")),
    ("index-beyond", "An index that is not in the tree.", proof(index="12")),
    ("index-leading-zero", "An index with a leading zero.", proof(index="07")),
    ("hash-missing", "A hash is missing.", proof(hashes=path_of(7, log().leaves)[1:])),
    ("hash-more", "A hash too many.", proof(hashes=[*path_of(7, log().leaves), bytes(32)])),
    ("hash-short", "A hash of 31 bytes.", proof(hashes=[bytes(31)])),
    ("sixty-four-hashes", "More hashes than a tree is high.", proof(hashes=[bytes(32)] * 64)),
    ("no-quorum", "No quorum of witnesses.", proof(note=head())),
    (
        "other-log",
        "A checkpoint of another log.",
        proof(note=v2_log("mallory", "m.example").note(Checkpoint())),
    ),
    ("version", "Another version.", proof().replace("@v1", "@v2", 1)),
    ("no-empty-line", "No empty line before the checkpoint.", proof().replace("\n\n", "\n", 1)),
    ("extra-twice", "Extra data twice.", proof(extra="extra AAEC\nextra AAEC\n")),
    ("extra-not-base64", "Extra data that is no base64.", proof(extra="extra @\n")),
    ("trailing", "Text behind the checkpoint.", proof() + "more\n"),
):
    proofs.add(name, why, text, "INVALID", about=leaf)
proofs.add(
    "other-leaf",
    "The proof of another entry.",
    proof(),
    "INVALID",
    about=(leaf | {"leaf": leaf_hash(b"x").hex()}),
)
