# SPDX-License-Identifier: Apache-2.0
"""Trust policies: a verifier's demands on a ledger, written by the verifier (docs/policy.md).

Decides what a `policy.toml` says. It opens none of the files that a policy names. A policy never comes from
the release that is verified.
"""

import functools
import re
from datetime import timedelta
from typing import Any

import msgspec

from anchor import limits, regex
from anchor.encoding import parse_toml
from anchor.errors import AnchorError, Misuse, Refused
from anchor.words import are

MAX_SIZE = limits.POLICY
MAX_IDENTITY = limits.TEXT
MAX_REGEX = 2048
"""Characters of an `identity_regex`."""
REGEX_MEMORY = 1 << 20
"""Bytes that a compiled `identity_regex` may take (RE2's `max_mem`): 0.2 s for the worst identity."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = regex.expression(r"([1-9][0-9]{0,8})([smhdw])", re.ASCII)
_HEX = regex.expression(r"[0-9a-f]{64}", re.ASCII)
KEYS = (
    "ledger",
    "min_number",
    "signer",
    "trusted_root",
    "min_anchors",
    "min_signers",
    "tlog_policy",
    "max_age",
    "max_status_age",
    "max_root_age",
    "max_run_age",
    "log",
    "watch",
    "watched_identity",
    "explained",
    "compared",
)
UNCOMPARED = (
    "the trusted root of your policy was taken from the release itself, and compared with nothing: whoever "
    "made the release could have chosen whom you trust; 'anchor policy' says how to compare it"
)
"""The note of each verdict under a policy with `compared = false`."""
REQUESTS = 600
"""Requests an hour that reading a whole log may take, if the policy does not say it."""
MAX_REQUESTS = 1_000_000
MAX_EXPLAINED = 10_000
"""Digests that a policy explains."""


class Signer(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A signer whose signature counts: an issuer, and an identity or a regular expression for all of it.

    The expression is one of RE2 (https://github.com/google/re2/wiki/Syntax), whose time is linear in the
    identity. A stranger chooses the identity, and could make a backtracking expression run for ever.
    """

    issuer: str
    identity: str = ""
    identity_regex: str = ""
    trusted_roots: tuple[str, ...] = ()
    """The labels of the policy's trusted roots that may certify this signer; empty for all of them."""

    def __post_init__(self) -> None:
        if bool(self.identity) == bool(self.identity_regex):
            raise Misuse("a signer has either identity or identity_regex", where="signer")
        if not self.issuer:
            raise Misuse("a signer has an issuer", where="signer")
        if self.identity_regex:
            _ = self._regex

    @functools.cached_property
    def _regex(self) -> Any:
        """The compiled expression; raises Misuse if RE2 does not accept it."""
        if len(self.identity_regex) > MAX_REGEX:
            problem = f"a regular expression of {len(self.identity_regex)} characters, more than {MAX_REGEX}"
            raise Misuse(problem, where="signer", remedy="shorten it, or name several signers")
        import re2  # 15 ms, paid only if it is used

        options = re2.Options()
        options.log_errors = False  # else it writes errors to stderr by itself
        options.max_mem = REGEX_MEMORY
        try:
            return re2.compile(self.identity_regex, options)
        except (re2.error, UnicodeEncodeError) as e:
            said = e.args[0]
            reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(e)
            remedy = "write it as RE2 does, which has no look-ahead, no look-behind and no back-references"
            raise Misuse(
                f"not a regular expression of RE2: {reason}", where="signer", remedy=remedy
            ) from None

    def accepts(self, identity: str, issuer: str) -> bool:
        """True if a certificate's identity and issuer are this signer's."""
        if issuer != self.issuer or len(identity) > MAX_IDENTITY:
            return False
        if self.identity:
            return identity == self.identity
        try:
            return self._regex.fullmatch(identity.encode()) is not None
        except UnicodeEncodeError:  # a lone surrogate is not a character
            return False

    def under(self, root: str) -> bool:
        """True if the trusted root with this label may certify this signer."""
        return not self.trusted_roots or root in self.trusted_roots

    def __str__(self) -> str:
        who = self.identity or f"/{self.identity_regex}/"
        return f"{who} (issuer {self.issuer})"


class RootSource(msgspec.Struct, frozen=True, kw_only=True):
    """The source of a trusted root: `name` is `public` or `staging`; else `path`, `sha256` or both.

    A digest needs no path: whoever has the bytes with this digest may bring them.
    """

    name: str = ""
    path: str = ""
    sha256: bytes | None = None

    @property
    def label(self) -> str:
        """Its label in a policy: `public`, `staging`, the path as written, or else the digest (hex)."""
        return self.name or self.path or (self.sha256.hex() if self.sha256 else "")


class LogSource(msgspec.Struct, frozen=True, kw_only=True):
    """The location of a log: exactly one of `url` and `folder`. One origin may have several views."""

    origin: str
    url: str = ""
    folder: str = ""


class LogWitnesses(msgspec.Struct, frozen=True, kw_only=True):
    """The witness policy of one log, by the origin of its checkpoints. It replaces the general one there."""

    origin: str
    tlog_policy: str


class LogWatch(msgspec.Struct, frozen=True, kw_only=True):
    """A log that is read whole, from entry `first` on. Without `origin`: each followed log that has no table
    of its own."""

    origin: str = ""
    first: int = 0
    requests: int = REQUESTS
    """An hour."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A verifier's demands. Paths are as written; a relative path is relative to the policy file."""

    ledger: str
    signers: tuple[Signer, ...]
    trusted_roots: tuple[RootSource, ...] = (RootSource(name="public"),)
    min_number: int = 1
    min_anchors: int = 1
    min_signers: int = 1
    tlog_policy: str = ""
    """The witness policy of each log that has none of its own."""
    max_age: timedelta | None = None
    max_status_age: timedelta | None = None
    max_root_age: timedelta | None = None
    max_run_age: timedelta | None = None
    logs: tuple[LogSource, ...] = ()
    log_witnesses: tuple[LogWitnesses, ...] = ()
    watches: tuple[LogWatch, ...] = ()
    watched_identities: tuple[Signer, ...] = ()
    """Identities that are looked for beside those of the signers."""
    explained: frozenset[str] = frozenset()
    """Digests (hex) that entries record and of which the verifier knows what they are."""
    compared: bool = True
    """False: the trusted roots were taken from the release itself, and nobody compared their digests."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes that each verdict under this policy has."""
        return () if self.compared else (UNCOMPARED,)


def parse_policy(data: bytes, where: str = "policy") -> Policy:
    """A policy from the bytes of a TOML file; raises Misuse, naming the key that is wrong."""
    if len(data) > MAX_SIZE:
        raise Misuse(f"{len(data)} bytes, more than {MAX_SIZE}", where=where)
    try:
        document = parse_toml(data)
    except Refused as e:
        remedy = "correct the line, or give the file that 'anchor policy' wrote"
        raise Misuse(e.problem, where=where, remedy=remedy) from None
    try:
        return _policy(document)
    except AnchorError as e:
        raise e.at(where) from None


def duration(text: Any, where: str = "duration") -> timedelta:
    """A duration as policies and options write it: a whole number and one of s, m, h, d, w ("30d", "12h")."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise Misuse("not a duration such as 30d or 12h", where=where, remedy="units are s, m, h, d and w")
    try:
        return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})
    except OverflowError:
        raise Misuse("a duration that no calendar holds", where=where) from None


def _policy(document: dict[str, Any]) -> Policy:
    _known(document, KEYS, "")
    roots = _roots(document.get("trusted_root", ["public"]))
    labels = [root.label for root in roots]
    signers = tuple(_signer(t, i, labels) for i, t in enumerate(_tables(document, "signer"), 1))
    if not signers:
        raise Misuse("names nobody whose signature counts", where="signer", remedy="add a [[signer]] table")
    tables = _tables(document, "log")
    return Policy(
        ledger=_text(document, "ledger", "ledger"),
        signers=signers,
        trusted_roots=roots,
        min_number=_count(document, "min_number"),
        min_anchors=_count(document, "min_anchors"),
        min_signers=_min_signers(document, signers, roots),
        tlog_policy=_text(document, "tlog_policy", "tlog_policy") if "tlog_policy" in document else "",
        max_age=_age(document, "max_age"),
        max_status_age=_age(document, "max_status_age"),
        max_root_age=_age(document, "max_root_age"),
        max_run_age=_age(document, "max_run_age"),
        logs=tuple(source for i, t in enumerate(tables, 1) if (source := _log(t, i)) is not None),
        log_witnesses=_log_witnesses(tables),
        watches=_watches(document),
        watched_identities=tuple(
            _signer(t, i, labels, "watched_identity")
            for i, t in enumerate(_tables(document, "watched_identity"), 1)
        ),
        explained=_explained(document.get("explained", [])),
        compared=_compared(document.get("compared", True)),
    )


def _compared(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Misuse("must be true or false", where="compared")
    return value


def _known(table: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in keys:
            raise Misuse(f"unknown key {key!r}", where=where, remedy="known are " + ", ".join(keys))


def _text(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise Misuse("must be a non-empty string" if key in table else "is missing", where=where)
    return value


def _count(table: dict[str, Any], key: str) -> int:
    return _whole(table.get(key, 1), 1, 2**53, key)


def _whole(value: Any, least: int, most: int, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        upto = "on" if most == 2**53 else f"to {most}"
        raise Misuse(f"must be a whole number from {least} {upto}", where=where)
    return value


def _min_signers(document: dict[str, Any], signers: tuple[Signer, ...], roots: tuple[RootSource, ...]) -> int:
    """`min_signers`. One [[signer]] counts once, so that there must be as many of them. With several trusted
    roots, an authority of one of them must not be able to sign for the signer of another."""
    wanted, named = _count(document, "min_signers"), len(signers)
    if wanted > named:
        problem = f"{are(wanted, 'signer')} demanded, and {named} [[signer]] named: one of them counts once"
        raise Misuse(problem, where="min_signers", remedy="name each signer in a [[signer]] table of his own")
    untied = next((n for n, s in enumerate(signers, 1) if not s.trusted_roots), 0)
    if wanted > 1 and len(roots) > 1 and untied:
        problem = "any authority of the trusted roots could sign for him, and so make two signatures alone"
        remedy = "say in each [[signer]] which of the roots certify him: trusted_root"
        raise Misuse(problem, where=f"signer {untied}: trusted_root", remedy=remedy)
    return wanted


def _age(table: dict[str, Any], key: str) -> timedelta | None:
    return duration(table[key], key) if key in table else None


def _tables(table: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(t, dict) for t in value):
        raise Misuse(f"must be written as [[{key}]] tables", where=key)
    return value


def _signer(table: dict[str, Any], number: int, labels: list[str], kind: str = "signer") -> Signer:
    where = f"{kind} {number}"
    _known(table, ("identity", "identity_regex", "issuer", "trusted_root"), where)
    texts = {key: _text(table, key, f"{where}: {key}") for key in table if key != "trusted_root"}
    if "issuer" not in texts:
        raise Misuse("is missing", where=f"{where}: issuer")
    roots = (
        _certified_by(table["trusted_root"], f"{where}: trusted_root", labels)
        if "trusted_root" in table
        else ()
    )
    try:
        return Signer(**texts, trusted_roots=roots)
    except Misuse as e:
        raise Misuse(e.problem, where=where, remedy=e.remedy) from None


def _certified_by(value: Any, where: str, labels: list[str]) -> tuple[str, ...]:
    """The labels of one or several of the policy's trusted roots."""
    listed = value if isinstance(value, list) else [value]
    known = ", ".join(repr(label) for label in labels)
    for item in listed:
        if item not in labels:
            problem = "names no trusted root of this policy"
            raise Misuse(problem, where=where, remedy=f"write one of {known}, or a list of some of them")
    if not listed:
        raise Misuse("is empty", where=where, remedy=f"write one of {known}, or leave it out for any of them")
    return tuple(listed)


def _roots(value: Any) -> tuple[RootSource, ...]:
    if not isinstance(value, list) or not value:
        raise Misuse("must be a list of 'public', 'staging' or {sha256, path}", where="trusted_root")
    return tuple(_root(item, f"trusted_root {i}") for i, item in enumerate(value, 1))


def _root(item: Any, where: str) -> RootSource:
    if isinstance(item, str) and item in ("public", "staging"):
        return RootSource(name=item)
    if not isinstance(item, dict):
        raise Misuse("must be 'public', 'staging' or {sha256, path}", where=where)
    _known(item, ("path", "sha256"), where)
    path = _text(item, "path", f"{where}: path") if "path" in item or "sha256" not in item else ""
    digest = _text(item, "sha256", f"{where}: sha256") if "sha256" in item else None
    if digest is not None and not _HEX.fullmatch(digest):
        raise Misuse("must be 64 digits of lower-case hex", where=f"{where}: sha256")
    return RootSource(path=path, sha256=bytes.fromhex(digest) if digest else None)


def _log(table: dict[str, Any], number: int) -> LogSource | None:
    """The location that a [[log]] table gives; None if it gives a witness policy alone."""
    where = f"log {number}"
    _known(table, ("origin", "url", "folder", "tlog_policy"), where)
    texts = {key: _text(table, key, f"{where}: {key}") for key in table}
    witnessed = texts.pop("tlog_policy", "")
    if "origin" not in texts:
        raise Misuse("is missing", where=f"{where}: origin")
    if "url" not in texts and "folder" not in texts and witnessed:
        return None
    if ("url" in texts) == ("folder" in texts):
        raise Misuse("has either url or folder", where=where)
    if "url" in texts and not texts["url"].startswith(("https://", "http://")):
        raise Misuse("must begin with https:// or http://", where=f"{where}: url")
    return LogSource(**texts)


def _log_witnesses(tables: list[dict[str, Any]]) -> tuple[LogWitnesses, ...]:
    """The witness policy of each log that has one of its own."""
    found: dict[str, str] = {}
    for number, table in enumerate(tables, 1):
        if "tlog_policy" not in table:
            continue
        origin = table["origin"]
        if origin in found:
            problem = f"a second witness policy of {origin}"
            raise Misuse(problem, where=f"log {number}: tlog_policy", remedy="leave one of them")
        found[origin] = table["tlog_policy"]
    return tuple(LogWitnesses(origin=origin, tlog_policy=path) for origin, path in found.items())


def _watches(document: dict[str, Any]) -> tuple[LogWatch, ...]:
    watches = tuple(_watch(t, i) for i, t in enumerate(_tables(document, "watch"), 1))
    origins = [one.origin for one in watches]
    if twice := next((o for o in origins if origins.count(o) > 1), None):
        raise Misuse(f"two tables for {twice!r}", where="watch", remedy="write one for each log")
    if origins.count("") > 1:
        raise Misuse("two tables without log", where="watch", remedy="write one for all other logs")
    for key in ("watched_identity", "explained"):
        if key in document and not watches:
            raise Misuse("is used only with [[watch]]", where=key, remedy="add a [[watch]] table")
    return watches


def _watch(table: dict[str, Any], number: int) -> LogWatch:
    where = f"watch {number}"
    _known(table, ("log", "from", "requests"), where)
    return LogWatch(
        origin=_text(table, "log", f"{where}: log") if "log" in table else "",
        first=_whole(table.get("from", 0), 0, 2**53, f"{where}: from"),
        requests=_whole(table.get("requests", REQUESTS), 1, MAX_REQUESTS, f"{where}: requests"),
    )


def _explained(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or len(value) > MAX_EXPLAINED:
        raise Misuse(f"must be a list of at most {MAX_EXPLAINED} digests", where="explained")
    for digest in value:
        if not isinstance(digest, str) or not _HEX.fullmatch(digest):
            raise Misuse("must be 64 digits of lower-case hex each", where="explained")
    return frozenset(value)
