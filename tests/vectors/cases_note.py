# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that are malformed, or signed by the log's own key as something else."""

from tests.support.forge.bundles import V1, Json
from tests.support.forge.keys import ecdsa, ed
from tests.support.forge.logs import V1_ORIGIN, V2_ORIGIN, Checkpoint, note_id, note_line
from tests.vectors.case import Checks, Setting, entry

KEY_ID = note_id(V2_ORIGIN, ed("log v2"))
GOOD_SHAPE = note_line("someone.else", b"\1\2\3\4", b"whatever")


def text(old: str, new: str, count: int = 1):  # type: ignore[no-untyped-def]
    """An edit of the checkpoint's text after it was signed."""

    def edit(bundle: Json) -> None:
        checkpoint = entry(bundle)["inclusionProof"]["checkpoint"]
        assert old in checkpoint["envelope"]
        checkpoint["envelope"] = checkpoint["envelope"].replace(old, new, count)

    return edit


origin = Setting(clause="Rekor v2 CLIENTS.md: the checkpoint's origin and signature name are the log's")
origin.refuse(
    "note-origin",
    Checks.CHECKPOINT,
    "The log's key signed under another origin.",
    head=Checkpoint(origin="log2031-1.vectors.example"),
)
origin.refuse(
    "note-origin-v1-host-of-another",
    Checks.CHECKPOINT,
    "A v1 checkpoint of another host.",
    recipe=V1,
    head=Checkpoint(origin="rekor.mallory.example - 1193050959916656506"),
)
origin.refuse(
    "note-origin-v1-suffix",
    Checks.CHECKPOINT,
    "A v1 origin that only begins like the log's.",
    recipe=V1,
    head=Checkpoint(origin="rekor.vectors.example.mallory - 1"),
)
origin.refuse(
    "note-origin-prefix",
    Checks.CHECKPOINT,
    "The origin with a path behind it.",
    head=Checkpoint(origin=f"{V2_ORIGIN}/2"),
)
origin.refuse("note-origin-empty", Checks.CHECKPOINT, "No origin.", head=Checkpoint(origin=""))
origin.refuse(
    "note-name",
    Checks.CHECKPOINT,
    "The right key and id under another name.",
    head=Checkpoint(name="log.mallory.example"),
)
origin.refuse(
    "note-key-id",
    Checks.CHECKPOINT,
    "The right key and name under another id.",
    head=Checkpoint(key_id=bytes(4)),
)
origin.refuse(
    "note-key",
    Checks.CHECKPOINT,
    "Another key under the right name and id.",
    head=Checkpoint(key=ed("mallory")),
)
origin.refuse(
    "note-v1-key",
    Checks.CHECKPOINT,
    "Another key under the v1 log's name and id.",
    recipe=V1,
    head=Checkpoint(key=ecdsa("mallory")),
)
origin.refuse(
    "note-v1-name-is-origin",
    Checks.CHECKPOINT,
    "A v1 log signs under its bare host name.",
    recipe=V1,
    head=Checkpoint(name="rekor.mallory.example"),
)

body = Setting(clause="C2SP tlog-checkpoint, Note text")
for name, why, head in (
    ("size-leading-zero", "A size with a leading zero.", Checkpoint(size="012")),
    ("size-plus", "A size with a sign.", Checkpoint(size="+12")),
    ("size-underscore", "A size with an underscore.", Checkpoint(size="1_2")),
    ("size-negative", "A negative size.", Checkpoint(size="-12")),
    ("size-space", "A size with a space.", Checkpoint(size=" 12")),
    ("size-hex", "A size in hex.", Checkpoint(size="0xc")),
    ("size-arabic-digits", "A size in digits that are not ASCII.", Checkpoint(size="١٢")),
    ("size-2-to-the-64", "A size that no log has.", Checkpoint(size=str(2**64 + 12))),
    ("size-empty", "An empty size line.", Checkpoint(size="")),
    (
        "root-31-bytes",
        "A root of 31 bytes.",
        Checkpoint(root_text="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="[:42] + "=="),
    ),
    ("root-hex", "A root in hex.", Checkpoint(root_text="00" * 32)),
    ("root-url-base64", "A root in the URL alphabet.", Checkpoint(root_text="_-" * 21 + "A=")),
    (
        "root-not-canonical",
        "A root whose last base64 digit has stray bits.",
        Checkpoint(root_text="A" * 42 + "B="),
    ),
    ("extension-empty", "An empty extension line.", Checkpoint(extensions=("", "x"))),
    ("control-character", "A control character.", Checkpoint(extensions=("bell \a",))),
    ("carriage-return", "A carriage return.", Checkpoint(extensions=("x\r",))),
    ("tab", "A tab.", Checkpoint(extensions=("a\tb",))),
):
    body.refuse(f"note-{name}", Checks.CHECKPOINT, why, head=head)

lines = Setting(
    clause="C2SP signed-note, Signatures: a line is an em dash, a name and base64 of at least 5 bytes"
)
for name, why, head in (
    ("line-no-base64", "A stranger's line that is not base64.", Checkpoint(before="— someone.else @@@@\n")),
    ("line-four-bytes", "A stranger's line of four bytes.", Checkpoint(after="— someone.else AQIDBA==\n")),
    ("line-no-name", "A line without a name.", Checkpoint(after="—  AQIDBAUG\n")),
    ("line-hyphen", "A hyphen for the em dash.", Checkpoint(after="- someone.else AQIDBAUG\n")),
    ("line-three-words", "A line with a third word.", Checkpoint(after="— someone else AQIDBAUG\n")),
    ("line-name-plus", "A name with a plus.", Checkpoint(after="— some+one AQIDBAUG\n")),
    ("line-no-newline", "The last line does not end.", Checkpoint(after=GOOD_SHAPE[:-1])),
    ("line-empty-between", "An empty line among the signatures.", Checkpoint(before=f"{GOOD_SHAPE}\n")),
    ("line-trailing-text", "Text behind the signatures.", Checkpoint(after="and more\n")),
    (
        "line-base64-not-canonical",
        "Stray bits in a stranger's base64.",
        Checkpoint(after="— someone.else AQIDBAUGB9==\n"),
    ),
    ("line-thousand", "A thousand signature lines.", Checkpoint(before=GOOD_SHAPE * 1000)),
    ("not-signed", "No signature of the log.", Checkpoint(own=False, after=GOOD_SHAPE)),
    ("no-signatures", "No signature at all.", Checkpoint(own=False)),
    ("signature-flipped", "A bit of the signature is wrong.", Checkpoint(flip=True)),
    (
        "known-pair-fails-once",
        "The log's own (name, id) signs twice, and once it is false.",
        Checkpoint(before=note_line(V2_ORIGIN, KEY_ID, bytes(64))),
    ),
    (
        "known-pair-fails-after",
        "The same, behind the true one.",
        Checkpoint(after=note_line(V2_ORIGIN, KEY_ID, bytes(64))),
    ),
):
    lines.refuse(f"note-{name}", Checks.CHECKPOINT, why, head=head)

later = Setting(clause="C2SP signed-note: the signature covers every byte of the text")
later.refuse(
    "note-size-edited",
    Checks.CHECKPOINT,
    "The size was changed after signing.",
    edit=text("\n12\n", "\n13\n"),
)
later.refuse(
    "note-extension-added",
    Checks.CHECKPOINT,
    "An extension line was added after signing.",
    edit=text("\n\n—", "\nTimestamp: 1\n\n—"),
)
later.refuse("note-crlf", Checks.CHECKPOINT, "Line ends were changed.", edit=text("\n", "\r\n", -1))
later.refuse(
    "note-v1-tree-number",
    Checks.CHECKPOINT,
    "The tree number was changed after signing.",
    recipe=V1,
    edit=text(V1_ORIGIN, V1_ORIGIN + "7"),
)
