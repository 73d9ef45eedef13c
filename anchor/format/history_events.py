# SPDX-License-Identifier: Apache-2.0
"""The events of a history of verification: the leaves of its tree. FORMAT.md section 29.

Decides whether bytes are an event, and which bytes an event has. An event names what it is about by its own
names: a target by its text, a release or a status by the SHA-256 of its statement, a document by the SHA-256
of its bytes. It never names a row of a database. Digests and roots are hex.
"""

import functools
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import Meta

from anchor import limits, regex
from anchor.encoding import MAX_DEPTH, jcs
from anchor.errors import Refused, Unsupported
from anchor.merkle.hashing import leaf_hash as hashed

FORMAT: Final = "urn:ledger-anchor:history-event:v1"
MAX_EVENT: Final = limits.HISTORY_EVENT
NONCE_SIZE: Final = 16
MAX_SAFE: Final = 2**53
"""The largest number that is written as a JSON number; a larger one is a decimal string."""

LATEST: Final = 253_402_300_799_999
"""The last time that `time` writes: the end of the year 9999, in ms since 1970."""

_FLOATS = regex.expression(rb"[:,\[]-?[0-9][0-9.]*(?:[eE]|\.0[,}\]])")
"""Numbers that msgspec writes in another way than RFC 8785. Texts that look like them do no harm."""
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG = b"0" * 16
_TEXT = regex.expression(rb'"(?:[^"\\]|\\.)*"')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_sorted = msgspec.json.Encoder(order="sorted").encode

Number = Annotated[int, Meta(ge=0, le=MAX_SAFE)] | Annotated[str, Meta(pattern="^[1-9][0-9]{15,18}$")]
"""A number up to 2^63 - 1, as `number` writes it and `number_of` reads it."""
Time = Annotated[
    str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$", max_length=24)
]
"""RFC 3339 in UTC with milliseconds, as `time` writes it and `time_of` reads it."""
Nonce = Annotated[str, Meta(pattern="^[0-9a-f]{32}$", max_length=32)]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64)]
"""A SHA-256 or a root, in hex."""


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
    tag=lambda name: "".join(f"-{c.lower()}" if c.isupper() else c for c in name)[1:],
):
    """The members of all events. Members with their default are left out of the document."""

    at: Time
    """When it was written down, by the clock of the machine that did it."""
    nonce: Nonce
    """16 random bytes: nobody can guess the event from the hash of its leaf."""
    format: Literal["urn:ledger-anchor:history-event:v1"]


class RecordsBegan(Event, frozen=True, kw_only=True):
    """The first event, and only the first. `imported`: the ends of the hash chains of version 0.1 records."""

    origin: str
    imported: dict[str, list[tuple[int, str]]] = {}
    """By chain: number and chain value (hex) of its newest rows, oldest first."""


class TargetBefore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The state of a target in records of version 0.1, from which the history goes on."""

    last_class: str | None = None
    last_run: Time | None = None
    last_good: Time | None = None
    statement: Digest | None = None
    """Of the release that was last verified there."""
    trust: Digest | None = None
    max_run_age: Number | None = None
    failing_runs: Number = 0
    failing_since: Time | None = None
    notified: str = "OK"
    alarm: str | None = None
    policy: str | None = None
    policy_sha256: str | None = None


class TargetWatched(Event, frozen=True, kw_only=True):
    """A target is watched from now on, or with another interval of its own (seconds)."""

    target: str
    interval: Number | None = None
    before: TargetBefore | None = None


class TargetDropped(Event, frozen=True, kw_only=True):
    """A target is not watched any more. Its records stay."""

    target: str


class ReleaseSeen(Event, frozen=True, kw_only=True):
    """A release was verified for the first time."""

    ledger: str
    number: Number
    version: str
    root: Digest
    size: Number
    statement: Digest


class BundleSeen(Event, frozen=True, kw_only=True):
    """A bundle of a release was verified for the first time."""

    statement: Digest
    origin: str
    log_key: str
    log_index: Number
    bundle: Digest
    time: str


class ReleaseShown(Event, frozen=True, kw_only=True):
    """A release was verified at a target for the first time since a number was accepted there."""

    target: str
    statement: Digest


class NumberAccepted(Event, frozen=True, kw_only=True):
    """From now on the releases of a target are compared with this number. `who`: a person, or `the mark`."""

    target: str
    ledger: str
    number: Number
    who: str
    reason: str


class StatusSeen(Event, frozen=True, kw_only=True):
    """A status was verified for the first time, with the bundles that sign it."""

    ledger: str
    sequence: Number
    statement: Digest
    bundles: list[Digest]
    time: str


class StatusShown(Event, frozen=True, kw_only=True):
    """A status was verified at a target for the first time. Without `statement`: a sequence of the mark."""

    target: str
    ledger: str
    sequence: Number
    statement: Digest | None = None


class LogFollowed(Event, frozen=True, kw_only=True):
    """A log is followed for a target from now on. `who` and `reason` are empty where an anchor counted."""

    target: str
    origin: str
    log_key: str
    who: str = ""
    reason: str = ""


class LogDropped(Event, frozen=True, kw_only=True):
    """A person ended the following of a log for a target."""

    target: str
    origin: str
    log_key: str
    who: str
    reason: str


class CheckpointSeen(Event, frozen=True, kw_only=True):
    """A signed checkpoint of a log was seen for the first time."""

    origin: str
    log_key: str
    size: Number
    root: Digest
    note: Digest
    source: str = ""


class ConsistencyProven(Event, frozen=True, kw_only=True):
    """A consistency proof between two checkpoints of a log."""

    origin: str
    old_size: Number
    old_root: Digest
    new_size: Number
    new_root: Digest
    hashes: list[Digest]


class EvidenceFound(Event, frozen=True, kw_only=True):
    """A document of misbehaviour. `origin`: of the log, or the ledger's name."""

    evidence: str
    origin: str
    document: Digest


class TrustChanged(Event, frozen=True, kw_only=True):
    """Other trust material is used from now on; the document is a JSON object of names and versions."""

    document: Digest


class LogRead(Event, frozen=True, kw_only=True):
    """Entries `start` up to, not including, `end` of a log were read for a watch, and what was counted."""

    origin: str
    log_key: str
    watch: str
    start: Number
    end: Number
    size: Number
    claimed: Number = 0
    surplus: Number = 0
    unreadable: Number = 0


class EntryFound(Event, frozen=True, kw_only=True):
    """An entry under a watched identity that nothing explained. `body`: its bytes, of none if too large."""

    origin: str
    log_key: str
    watch: str
    log_index: Number
    digest: str
    certified: bool
    identity: str
    issuer: str
    body: Digest


class CheckResult(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """One named check of a run."""

    name: str
    state: str
    detail: str = ""
    meaning: str = ""
    clause: str = ""
    demotes: str | None = None


class RunEnded(Event, frozen=True, kw_only=True):
    """A re-verification ended at `at`: finished with a class, or interrupted."""

    target: str
    worker: str
    state: Literal["finished", "interrupted"]
    slot: Time
    """The due time of this run. At most one finished run of a target has it."""
    started: Time
    verdict: str | None = None
    statement: Digest | None = None
    """Of the release that was verified."""
    trust: Digest | None = None
    """The document of the trust material that was used."""
    duration_ms: Number = 0
    requests: Number = 0
    facts: dict[str, Any] = {}
    notes: list[str] = []
    checks: list[CheckResult] = []
    max_run_age: Number | None = None
    decided: dict[str, Any] | None = None
    """The decision of this run, and the rule for it. None in runs that are older than both."""
    alarm: str | None = None
    """The causes that people were notified of, after this run: a JSON document."""
    policy: str | None = None
    """The path of the policy that the target is bound to."""
    policy_sha256: str | None = None


class MessageOwed(Event, frozen=True, kw_only=True):
    """A message to people."""

    uid: str
    target: str | None = None
    verdict: str
    title: str
    body: str
    details: dict[str, Any] | None = None


class MessageAddressed(Event, frozen=True, kw_only=True):
    """A message is for this receiver: the digest of its URL, or empty while none is configured."""

    uid: str
    receiver: str


class MessageTold(Event, frozen=True, kw_only=True):
    """A receiver accepted a message."""

    uid: str
    receiver: str


class MessageGivenUp(Event, frozen=True, kw_only=True):
    """A message was dropped for a receiver, because nobody tried to send it for a week. For the empty one: it
    was addressed to the receivers that are configured now, or was too old for them."""

    uid: str
    receiver: str


class RecordsPruned(Event, frozen=True, kw_only=True):
    """The bodies of these events of ended runs were removed: each first and last index, ascending."""

    runs: list[tuple[Number, Number]]
    counts: dict[str, Any]
    """The sums over the removed runs."""


class HeadAnchored(Event, frozen=True, kw_only=True):
    """A head of this history was signed and recorded in a log."""

    size: Number
    root: Digest
    statement: Digest
    bundles: list[Digest]


AnyEvent = (
    RecordsBegan
    | TargetWatched
    | TargetDropped
    | ReleaseSeen
    | BundleSeen
    | ReleaseShown
    | NumberAccepted
    | StatusSeen
    | StatusShown
    | LogFollowed
    | LogDropped
    | CheckpointSeen
    | ConsistencyProven
    | EvidenceFound
    | TrustChanged
    | LogRead
    | EntryFound
    | RunEnded
    | MessageOwed
    | MessageAddressed
    | MessageTold
    | MessageGivenUp
    | RecordsPruned
    | HeadAnchored
)
PRUNED_KIND: Final = "run-ended"
"""The only kind whose body may be removed."""

_decoder = msgspec.json.Decoder(AnyEvent)
_BY_KIND: Final = {str(one.__struct_config__.tag): one for one in get_args(AnyEvent)}


def kind(event: Event) -> str:
    """The text of the member `kind`."""
    tag = event.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def common(at_ms: int, nonce: bytes) -> dict[str, Any]:
    """The members that all events have, for an event at a time (ms since 1970). The nonce has `NONCE_SIZE`
    random bytes.

    Raises Unsupported for a time that RFC 3339 cannot write.
    """
    return {"at": time(at_ms), "nonce": nonce.hex(), "format": FORMAT}


def encode(event: Event) -> bytes:
    """The bytes of an event: RFC 8785, at most `MAX_EVENT`. Raises Unsupported for a larger one.

    For ASCII with short whole numbers msgspec gives the bytes of the slow encoder.
    """
    data: bytes = _sorted(event)
    if not data.isascii() or (_odd(data) and _odd(_TEXT.sub(b'""', data))):
        data = jcs(plain(msgspec.to_builtins(event)), where="event")
    if len(data) > MAX_EVENT:
        problem = f"{len(data)} bytes, at most {MAX_EVENT} are recorded"
        raise Unsupported(problem, where=f"event {kind(event)}")
    return data


def _odd(data: bytes) -> bool:
    """True if JSON may have a number that msgspec writes in another way than RFC 8785."""
    return _LONG in data.translate(_ZEROS) or _FLOATS.search(data) is not None


def decode(data: bytes, *, where: str = "event", likely: str = "") -> AnyEvent:
    """The event of these bytes. Raises Refused for other bytes. `likely`: its kind, which saves a fifth
    of the time if it is right.

    Whoever has the root knows the bytes by their leaf hash, so their canonical form is not checked again.
    """
    if len(data) > MAX_EVENT:
        raise Refused(f"{len(data)} bytes, at most {MAX_EVENT} are allowed", where=where)
    try:
        return _decoder_for(data, likely).decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as e:
        raise Refused(f"is no event of a history: {e}", where=where) from None


def _decoder_for(data: bytes, kind: str) -> "msgspec.json.Decoder[AnyEvent]":
    """The decoder of this kind if the event certainly has it, else the one that looks for the kind first.

    One brace behind the member closes the event, so the member is not that of an object within it.
    """
    member, decoder = _of_kind(kind)
    at = data.rfind(member)
    return decoder if at > 0 and data.count(b"}", at) == 1 else _decoder


@functools.lru_cache(maxsize=64)
def _of_kind(kind: str) -> "tuple[bytes, msgspec.json.Decoder[AnyEvent]]":
    """The member of an event of this kind, and its decoder, which accepts an event without the member."""
    return f',"kind":"{kind}",'.encode(), msgspec.json.Decoder(_BY_KIND.get(kind, AnyEvent))


def leaf_hash(data: bytes) -> bytes:
    """The leaf hash of an event's bytes, 32 bytes. RFC 9162 section 2.1.1."""
    return hashed(data)


def number(value: int) -> int | str:
    """A number of an event: a decimal string beyond 2^53."""
    return value if value <= MAX_SAFE else str(value)


def number_of(value: int | str) -> int:
    """The number that `number` wrote."""
    return int(value)


def plain(value: Any, depth: int = MAX_DEPTH) -> Any:
    """A JSON value whose whole numbers beyond 2^53 are decimal strings. Raises Refused for deep nesting."""
    if depth < 0:
        raise Refused(f"nested deeper than {MAX_DEPTH}", where="event")
    if isinstance(value, dict):
        return {str(k): plain(v, depth - 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, depth - 1) for v in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_SAFE:
        return str(value)
    return value


def time(ms: int) -> str:
    """Milliseconds since 1970 as RFC 3339 in UTC with milliseconds.

    Raises Unsupported beyond the year 9999.
    """
    try:
        when = _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        problem = f"{ms} ms since 1970 is no date"
        raise Unsupported(problem, where="event", remedy="set the clock") from None
    return f"{when.isoformat(timespec='milliseconds')[:23]}Z"


def time_of(text: str) -> int:
    """The milliseconds since 1970 that `time` wrote. Raises Refused for no date."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise Refused(f"{text[:40]} is no date", where="event")
    return round(when.timestamp() * 1000)  # exact up to the year 9999
