# SPDX-License-Identifier: Apache-2.0
"""A status: the signed statement that says what was withdrawn, and which release is the newest.

Decides whether bytes are a status in its one canonical form, what it says about a release or a fact, and
whether two statuses of one ledger can both be true. Who signed it and when is decided elsewhere.
FORMAT.md section 23.
"""

import functools
import hashlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from anchor import limits
from anchor.encoding import is_jcs, jcs, parse_json
from anchor.errors import Refused, Unsupported
from anchor.format import names
from anchor.format.members import Count, Digests, Hex32, Name, Previous
from anchor.format.strict_json import build

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:ledger-anchor:status:v1"
MAX_STATUS = limits.STATEMENT
"""Bytes of a status."""
FILE: Final = "statement.json"
"""The name of its one subject, and of its own file."""
FOLDER: Final = "release/status"
"""Where statuses lie, one folder each, from the folder of the root release.json."""

Kind = Literal["withdrawn", "corrected", "replaced", "reinstated"]
Reason = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": names.MAX_TEXT})]


class Fact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fact of a release: its index from 0, and its leaf hash in hex."""

    index: Annotated[int, Meta(ge=0, le=names.MAX_NUMBER)]
    leaf: Hex32


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A release (its number, and the SHA-256 of its statement in hex), or one fact of it."""

    number: Count
    statement: Hex32
    fact: Fact | UnsetType = UNSET


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The words of the publisher about a release or a fact, why, and what replaces it."""

    number: Count
    statement: Hex32
    fact: Fact | UnsetType = UNSET
    kind: Kind
    reason: Reason
    replaced_by: About | UnsetType = UNSET

    @property
    def about(self) -> About:
        """The release or fact that it is about."""
        return About(number=self.number, statement=self.statement, fact=self.fact)

    @property
    def name(self) -> str:
        """The release or fact that it is about, for a person."""
        return _name(self.about)


class Predicate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content that is signed."""

    ledger: Name
    sequence: Count
    previous: Hex32 | UnsetType = UNSET
    newest: Previous
    withdrawn: Annotated[tuple[Entry, ...], Meta(min_length=1)] | UnsetType = UNSET


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The statement of the newest release, so that ordinary Sigstore tools can verify a status."""

    name: Literal["statement.json"]
    digest: Digests


class Statement(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"type": "_type", "predicate_type": "predicateType"},
):
    """An in-toto Statement v1 with a status as its predicate."""

    type: Literal["https://in-toto.io/Statement/v1"]
    subject: Annotated[tuple[Subject, ...], Meta(min_length=1, max_length=1)]
    predicate_type: Literal["urn:ledger-anchor:status:v1"]
    predicate: Predicate


class Status(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The content of a status."""

    ledger: str
    sequence: int
    previous: str | None
    """SHA-256 (hex) of the status before; None for the first."""
    newest: Previous
    withdrawn: tuple[Entry, ...] = ()
    """The whole list, oldest first."""

    @functools.cached_property
    def _last(self) -> dict[About, Entry]:
        """The entry that counts about each release or fact. A receipt may ask for very many facts."""
        return {entry.about: entry for entry in self.withdrawn}

    def counts(self, number: int, statement: str, fact: Fact | None = None) -> Entry | None:
        """The entry that counts about a release, or about one fact of it: the last one. None without one.

        For a fact, an entry about its release is another one: see `against`.
        """
        return self._last.get(About(number=number, statement=statement, fact=fact or UNSET))

    def against(self, number: int, statement: str, fact: Fact | None = None) -> Entry | None:
        """The entry by which a release, or a fact of it, is withdrawn; None if it is not withdrawn.

        A fact is withdrawn by an entry about itself, or about its release.
        """
        found = [self.counts(number, statement, fact)] if fact is not None else []
        found.append(self.counts(number, statement))
        return next((e for e in found if e is not None and e.kind != "reinstated"), None)

    def facts_against(self, number: int, statement: str) -> tuple[Entry, ...]:
        """The entries by which single facts of a release are withdrawn, by the index of the fact."""
        last = {
            (e.fact.index, e.fact.leaf): e
            for e in self.withdrawn
            if (e.number, e.statement) == (number, statement) and isinstance(e.fact, Fact)
        }
        return tuple(e for _, e in sorted(last.items()) if e.kind != "reinstated")

    def named(self) -> Iterator[tuple[int, str]]:
        """Number and statement (SHA-256, hex) of each release that is named."""
        yield self.newest.number, self.newest.statement
        for entry in self.withdrawn:
            yield entry.number, entry.statement
            if isinstance(entry.replaced_by, About):
                yield entry.replaced_by.number, entry.replaced_by.statement


def first(ledger: str, newest: Previous, entries: Sequence[Entry] = ()) -> Status:
    """The first status of a ledger."""
    return Status(ledger=ledger, sequence=1, previous=None, newest=newest, withdrawn=tuple(entries))


def following(before: bytes, newest: Previous, entries: Sequence[Entry] = ()) -> Status:
    """The status after the one with these bytes, with more entries. Raises `Refused` for other rules than
    those of FORMAT.md section 23, rule 1."""
    last = decode(before)
    status = Status(
        ledger=last.ledger,
        sequence=last.sequence + 1,
        previous=hashlib.sha256(before).hexdigest(),
        newest=newest,
        withdrawn=(*last.withdrawn, *entries),
    )
    check_following(before, encode(status))
    return status


def encode(status: Status) -> bytes:
    """The one form of a status: its RFC 8785 (JCS) bytes. These are what is signed."""
    written = Statement(
        type=STATEMENT_TYPE,
        subject=(Subject(name=FILE, digest=Digests(sha256=status.newest.statement)),),
        predicate_type=PREDICATE_TYPE,
        predicate=Predicate(
            ledger=status.ledger,
            sequence=status.sequence,
            previous=status.previous or UNSET,
            newest=status.newest,
            withdrawn=status.withdrawn or UNSET,
        ),
    )
    data = jcs(msgspec.to_builtins(written), where="status")
    decode(data)
    return data


def sentence(entry: Entry) -> str:
    """An entry for a person: what happened, why, and what replaces it. Its reason has no hidden character."""
    text = f"{entry.name} is {entry.kind}: {entry.reason!r}"  # no quote in it ends it
    return f"{text} (replaced by {_name(entry.replaced_by)})" if entry.replaced_by else text


def _name(about: About) -> str:
    release = f"release {about.number}"
    return f"fact {about.fact.index} of {release}" if about.fact else release


def is_status(data: bytes) -> bool:
    """True if JSON bytes name our predicate type. Nothing else of them is checked."""
    value = parse_json(data, where="statement")
    return isinstance(value, dict) and value.get("predicateType") == PREDICATE_TYPE


def decode(data: bytes) -> Status:
    """The status that these bytes are.

    Raises `Refused` for what is malformed, contradicts itself or is not its own canonical form, `Unsupported`
    for a type, member or kind of entry that this program does not know.
    """
    if type(data) is not bytes or len(data) > MAX_STATUS:
        raise Refused(f"no bytes, or more than {MAX_STATUS}", where="status")
    value = parse_json(data, where="status")
    if not is_jcs(value, data, where="status"):
        raise Refused("the bytes are not their own canonical form (RFC 8785)", where="status")
    if not isinstance(value, dict):
        raise Refused("no JSON object", where="status")
    for member, known in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        if isinstance(value.get(member), str) and value[member] != known:
            raise Unsupported(f"{names.shown(value[member])} is not known", where=f"status: {member}")
    _check_used(value.get("predicate"))
    found = build(value, Statement, where="status")
    _check(found)
    said = found.predicate
    return Status(
        ledger=said.ledger,
        sequence=said.sequence,
        previous=said.previous or None,
        newest=said.newest,
        withdrawn=said.withdrawn or (),
    )


def check_following(before: bytes, after: bytes) -> None:
    """Raise `Refused` unless the second of two statuses may directly follow the first (rule 1)."""
    old, new = decode(before), decode(after)
    if new.ledger != old.ledger:
        raise Refused(
            f"is of {names.shown(new.ledger)}, not {names.shown(old.ledger)}", where="status: ledger"
        )
    if new.sequence != old.sequence + 1:
        raise Refused(f"{new.sequence} does not follow {old.sequence}", where="status: sequence")
    if problem := contradiction(before, after):
        raise Refused(problem, where="status")


def contradiction(one: bytes, two: bytes) -> str:
    """The sentence by which two signed statuses of one ledger contradict each other; "" if they do not.

    Both are bytes that `decode` takes. FORMAT.md section 23, rules 1 and 3. A lower sequence alone is no
    contradiction: it may be an old copy.
    """
    if one == two:
        return ""
    one, two = sorted((one, two), key=lambda data: decode(data).sequence)
    old, new = decode(one), decode(two)
    if old.ledger != new.ledger:
        return ""
    if old.sequence == new.sequence:
        return f"two statuses have the sequence {old.sequence}, and other content"
    if new.sequence == old.sequence + 1 and new.previous != hashlib.sha256(one).hexdigest():
        return f"status {new.sequence} names another status before it than the signed {old.sequence}"
    if new.withdrawn[: len(old.withdrawn)] != old.withdrawn:
        return f"status {new.sequence} lacks, or changes, an entry that status {old.sequence} has"
    if new.newest.number < old.newest.number:
        return (
            f"status {new.sequence} says that release {new.newest.number} is the newest, and status "
            f"{old.sequence} before it knew of {old.newest.number}"
        )
    if new.newest.number == old.newest.number and new.newest != old.newest:
        return (
            f"status {new.sequence} names another statement as that of release {new.newest.number} than "
            f"status {old.sequence} does"
        )
    return ""


def names_two(known: dict[int, str], status: Status) -> str:
    """The sentence if a status names a release by another statement than the one that is known for its
    number (SHA-256, hex); "" if it does not. Two statements of one number are an equivocation (section 14).
    """
    for number, statement in status.named():
        if known.get(number, statement) != statement:
            return (
                f"status {status.sequence} names the statement {statement} for release {number}, whose "
                f"statement is {known[number]}"
            )
    return ""


def _check_used(predicate: Any) -> None:
    """A member that is not used is absent (FORMAT.md section 15, rule 2)."""
    for member in ("previous", "withdrawn"):
        if isinstance(predicate, dict) and member in predicate and not predicate[member]:
            raise Refused(
                "null or empty, where a member that is not used is absent",
                where=f"status: predicate.{member}",
            )


def _check(written: Statement) -> None:
    """Check the rules that the types cannot express."""
    said, where = written.predicate, "status: predicate"
    names.require(names.name_problem(said.ledger), said.ledger, where=f"{where}.ledger")
    if (said.sequence > 1) != (said.previous is not UNSET):
        problem = f"status {said.sequence} names no status before it, or one too many"
        raise Refused(problem, where=f"{where}.previous")
    if said.previous:
        names.require(names.hex_problem(said.previous), said.previous, where=f"{where}.previous")
    newest = said.newest
    names.require(names.hex_problem(newest.statement), newest.statement, where=f"{where}.newest.statement")
    names.require(names.version_problem(newest.version), newest.version, where=f"{where}.newest.version")
    if written.subject[0].digest.sha256 != newest.statement:
        raise Refused("is not the statement of the newest release", where="status: subject")
    for number, entry in enumerate(said.withdrawn or ()):
        place = f"{where}.withdrawn[{number}]"
        _check_about(entry.about, newest.number, place)
        names.require(names.text_problem(entry.reason), entry.reason, where=f"{place}.reason")
        if entry.replaced_by:
            _check_about(entry.replaced_by, newest.number, f"{place}.replaced_by")


def _check_about(about: About, newest: int, where: str) -> None:
    names.require(names.hex_problem(about.statement), about.statement, where=f"{where}.statement")
    if about.fact:
        names.require(names.hex_problem(about.fact.leaf), about.fact.leaf, where=f"{where}.fact.leaf")
    if about.number > newest:
        raise Refused(f"release {about.number}, and the newest is {newest}", where=f"{where}.number")
