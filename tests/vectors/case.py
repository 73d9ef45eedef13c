# SPDX-License-Identifier: Apache-2.0
"""A vector: a bundle, the trust it is judged by, and the expected verdict with its reason."""

import datetime as dt
import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.forge.authorities import IDENTITY, ISSUER
from tests.support.forge.bundles import ARTIFACT, NOW, Edit, Json, Recipe, iso, make, trusted_root


class Checks:
    """The names of the checks, as verdicts carry them."""

    ROOT = "trusted-root"
    FORMAT = "bundle-format"
    MATERIAL = "signing-material"
    LOG = "log-key"
    PROMISE = "log-promise"
    STAMP = "timestamp"
    TIME = "signing-time"
    VALIDITY = "certificate-time"
    CHAIN = "certificate-chain"
    USAGE = "certificate-usage"
    SCT = "certificate-log"
    IDENTITY = "signer"
    WINDOW = "log-window"
    CHECKPOINT = "log-checkpoint"
    INCLUSION = "log-inclusion"
    BODY = "log-entry"
    ARTIFACT = "artifact-digest"
    SIGNATURE = "signature"
    STATEMENT = "statement"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One vector; `name` ends in `_fail` where `expect` is not OK."""

    name: str
    why: str
    clause: str
    expect: str
    check: str | None
    bundle: bytes
    root: bytes
    artifact: bytes = ARTIFACT
    by_digest: str = ""
    """The algorithm of the digest that the artifact is given as; empty for the file itself."""
    identity: str | None = IDENTITY
    issuer: str | None = ISSUER
    key: bytes | None = None
    now: dt.datetime = NOW

    def files(self) -> dict[str, bytes]:
        """The folder's content."""
        verdict = (
            "verifies" if self.check is None else f"is refused ({self.expect}) by the check `{self.check}`"
        )
        readme = f"{self.why}\n\nExpected: it {verdict}.\nClause: {self.clause}.\n"
        about: Json = {"expect": self.expect, "now": iso(self.now)}
        if self.check:
            about["check"] = self.check
        if self.by_digest:
            digest = hashlib.new(self.by_digest, self.artifact).hexdigest()
            about["digest"] = f"{self.by_digest}:{digest}"
        if self.key is None:
            about |= {"identity": self.identity, "issuer": self.issuer}
        found = {
            "README": readme.encode(),
            "bundle.sigstore.json": self.bundle,
            "case.json": (json.dumps(about, indent=1, sort_keys=True) + "\n").encode(),
        }
        own = {"key.pub": self.key, "trusted_root.json": self.root, "artifact": self.artifact}
        return found | {
            name: data for name, data in own.items() if data is not None and data != COMMON.get(name)
        }


class Cases(Mapping[str, Case]):
    """The cases by name. Each is made when it is asked for: a run of other tests needs only the names."""

    def __init__(self) -> None:
        self._makers: dict[str, Callable[[], Case]] = {}

    def add(self, name: str, maker: Callable[[], Case]) -> None:
        if name in self._makers:
            raise ValueError(name)
        self._makers[name] = functools.cache(maker)

    def __getitem__(self, name: str) -> Case:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


CASES = Cases()


def dump(value: Json) -> bytes:
    """JSON for files: one member a line, so that a change shows as one line."""
    return (json.dumps(value, indent=0, ensure_ascii=False) + "\n").encode()


COMMON = {"trusted_root.json": dump(trusted_root()), "artifact": ARTIFACT}
"""Beside the folders, for every case that has no such file of its own (as the field's own vectors do)."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The values that a group of cases shares."""

    clause: str
    recipe: Recipe = field(default_factory=Recipe)

    def accept(self, name: str, why: str, **knobs: Any) -> None:
        """A vector that must verify."""
        self._add(name, why, "OK", None, knobs)

    def refuse(self, name: str, check: str, why: str, *, expect: str = "INVALID", **knobs: Any) -> None:
        """A vector that must not; `check` is the one that must say so."""
        self._add(f"{name}_fail", why, expect, check, knobs)

    def _add(self, name: str, why: str, expect: str, check: str | None, knobs: Json) -> None:
        """`knobs`: fields of `Case`, `root` (an edit of the trusted root), `raw` (an edit of the bundle's
        bytes), and fields of `Recipe`."""
        own = {
            k: knobs.pop(k) for k in ("by_digest", "identity", "issuer", "key", "now", "clause") if k in knobs
        }
        root_edit: Edit | None = knobs.pop("root", None)
        raw: Callable[[bytes], bytes] = knobs.pop("raw", lambda data: data)
        raw_root: Callable[[bytes], bytes] = knobs.pop("raw_root", lambda data: data)
        given: bytes | None = knobs.pop("given", None)
        recipe = knobs.pop("recipe", self.recipe).but(**knobs)
        clause = own.pop("clause", self.clause)

        def made() -> Case:
            return Case(
                name=name,
                why=why,
                clause=clause,
                expect=expect,
                check=check,
                bundle=raw(dump(make(recipe))),
                root=raw_root(dump(trusted_root(root_edit)) if root_edit else COMMON["trusted_root.json"]),
                artifact=recipe.artifact if given is None else given,
                **own,
            )

        CASES.add(name, made)


def entry(bundle: Json) -> Json:
    """The only log entry of a bundle."""
    found: Json = bundle["verificationMaterial"]["tlogEntries"][0]
    return found


def both(*edits: Edit) -> Edit:
    """Several edits, one after the other."""

    def edit(document: Json) -> None:
        for one in edits:
            one(document)

    return edit


ENTRY = "verificationMaterial.tlogEntries.0"
PROOF = f"{ENTRY}.inclusionProof"
STAMP = "verificationMaterial.timestampVerificationData.rfc3161Timestamps.0.signedTimestamp"
