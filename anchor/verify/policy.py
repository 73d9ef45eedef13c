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

from anchor import limits
from anchor.encoding import parse_toml
from anchor.errors import AnchorError, Misuse, Refused

MAX_SIZE = limits.POLICY
MAX_IDENTITY = limits.TEXT
MAX_REGEX = 2048
"""Characters of an `identity_regex`."""
REGEX_MEMORY = 1 << 20
"""Bytes that a compiled `identity_regex` may take (RE2's `max_mem`): 0.2 s for the worst identity."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhdw])", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
KEYS = (
    "ledger",
    "min_number",
    "signer",
    "trusted_root",
    "min_anchors",
    "tlog_policy",
    "max_age",
    "max_root_age",
    "max_run_age",
    "log",
)


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
    """The source of a trusted root: `name` is `public` or `staging`; else `path`, pinned by its digest."""

    name: str = ""
    path: str = ""
    sha256: bytes | None = None

    @property
    def label(self) -> str:
        """Its label in a policy: `public`, `staging` or the path as written."""
        return self.name or self.path


class LogSource(msgspec.Struct, frozen=True, kw_only=True):
    """The location of a log: exactly one of `url` and `folder`. One origin may have several views."""

    origin: str
    url: str = ""
    folder: str = ""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A verifier's demands. Paths are as written; a relative path is relative to the policy file."""

    ledger: str
    signers: tuple[Signer, ...]
    trusted_roots: tuple[RootSource, ...] = (RootSource(name="public"),)
    min_number: int = 1
    min_anchors: int = 1
    tlog_policy: str = ""
    max_age: timedelta | None = None
    max_root_age: timedelta | None = None
    max_run_age: timedelta | None = None
    logs: tuple[LogSource, ...] = ()


def parse_policy(data: bytes, where: str = "policy") -> Policy:
    """A policy from the bytes of a TOML file; raises Misuse, naming the key that is wrong."""
    if len(data) > MAX_SIZE:
        raise Misuse(f"{len(data)} bytes, more than {MAX_SIZE}", where=where)
    try:
        document = parse_toml(data)
    except Refused as e:
        raise Misuse(e.problem, where=where) from None
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
    return Policy(
        ledger=_text(document, "ledger", "ledger"),
        signers=signers,
        trusted_roots=roots,
        min_number=_count(document, "min_number"),
        min_anchors=_count(document, "min_anchors"),
        tlog_policy=_text(document, "tlog_policy", "tlog_policy") if "tlog_policy" in document else "",
        max_age=_age(document, "max_age"),
        max_root_age=_age(document, "max_root_age"),
        max_run_age=_age(document, "max_run_age"),
        logs=tuple(_log(t, i) for i, t in enumerate(_tables(document, "log"), 1)),
    )


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
    value = table.get(key, 1)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 2**53:
        raise Misuse("must be a whole number from 1 on", where=key)
    return value


def _age(table: dict[str, Any], key: str) -> timedelta | None:
    return duration(table[key], key) if key in table else None


def _tables(table: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(t, dict) for t in value):
        raise Misuse(f"must be written as [[{key}]] tables", where=key)
    return value


def _signer(table: dict[str, Any], number: int, labels: list[str]) -> Signer:
    where = f"signer {number}"
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
        raise Misuse("must be a list of 'public', 'staging' or {path, sha256}", where="trusted_root")
    return tuple(_root(item, f"trusted_root {i}") for i, item in enumerate(value, 1))


def _root(item: Any, where: str) -> RootSource:
    if isinstance(item, str) and item in ("public", "staging"):
        return RootSource(name=item)
    if not isinstance(item, dict):
        raise Misuse("must be 'public', 'staging' or {path, sha256}", where=where)
    _known(item, ("path", "sha256"), where)
    path = _text(item, "path", f"{where}: path")
    digest = _text(item, "sha256", f"{where}: sha256") if "sha256" in item else None
    if digest is not None and not _HEX.fullmatch(digest):
        raise Misuse("must be 64 digits of lower-case hex", where=f"{where}: sha256")
    return RootSource(path=path, sha256=bytes.fromhex(digest) if digest else None)


def _log(table: dict[str, Any], number: int) -> LogSource:
    where = f"log {number}"
    _known(table, ("origin", "url", "folder"), where)
    texts = {key: _text(table, key, f"{where}: {key}") for key in table}
    if "origin" not in texts:
        raise Misuse("is missing", where=f"{where}: origin")
    if ("url" in texts) == ("folder" in texts):
        raise Misuse("has either url or folder", where=where)
    if "url" in texts and not texts["url"].startswith(("https://", "http://")):
        raise Misuse("must begin with https:// or http://", where=f"{where}: url")
    return LogSource(**texts)
