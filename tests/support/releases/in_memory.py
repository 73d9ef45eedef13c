# SPDX-License-Identifier: Apache-2.0
"""A published release in memory: verified ten thousand times over, with a byte changed here and there."""

import contextlib
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from anchor.errors import Incomplete, Refused
from anchor.sigstore import trusted_root
from anchor.verdict import Verdict
from anchor.verify.anchors import ReferenceClient
from anchor.verify.effort import Effort
from anchor.verify.policy import Policy, Signer
from anchor.verify.release import ReleaseResult, Trust, examine_release
from anchor.verify.release_files import check_size


@dataclass(frozen=True)
class Memory:
    """Files by path."""

    held: Mapping[str, bytes]

    def spool(self) -> AbstractContextManager[BinaryIO]:
        return io.BytesIO()

    @contextlib.contextmanager
    def open(self, path: str, *, size: int) -> Iterator[BinaryIO]:
        if path not in self.held:
            raise Incomplete("missing", where=path)
        check_size(len(self.held[path]), size, where=path)
        if len(self.held[path]) != size:
            raise Refused("another size", where=path)
        yield io.BytesIO(self.held[path])

    def read_up_to(self, path: str, *, limit: int) -> bytes:
        if path not in self.held:
            raise Incomplete("missing", where=path)
        if len(self.held[path]) > limit:
            raise Refused("too large", where=path)
        return self.held[path]


@dataclass(frozen=True)
class Held:
    """A release.json, the files that it names, and what its verifier trusts, which no attack changes."""

    release: bytes
    files: Mapping[str, bytes]
    trust: Trust
    now: datetime

    @property
    def value(self) -> Any:
        return json.loads(self.release)

    def path(self, member: str) -> str:
        """The path of `statement`, `trusted_root`, `bundle`, or of a ledger file by its name."""
        if member == "bundle":
            return str(self.value["anchors"][0]["bundle"]["path"])
        if member == "trusted_root" and "trusted_roots" in self.value:
            return str(self.value["trusted_roots"][0]["path"])
        if member in ("statement", "trusted_root"):
            return str(self.value[member]["path"])
        return str(next(f["path"] for f in self.value["files"] if f["name"] == member))

    def verify(
        self, *, reference_client: ReferenceClient | None = None, trust: Trust | None = None
    ) -> Verdict:
        return self.examine(reference_client=reference_client, trust=trust).verdict

    def examine(
        self,
        *,
        reference_client: ReferenceClient | None = None,
        trust: Trust | None = None,
        effort: Effort | None = None,
    ) -> ReleaseResult:
        return examine_release(
            "release.json",
            self.release,
            Memory(self.files),
            trust=trust or self.trust,
            now=self.now,
            reference_client=reference_client,
            effort=effort,
        )

    def with_file(self, path: str, data: bytes, *, repaired: bool) -> "Held":
        """With another file; `repaired`: release.json promises its size and digest."""
        changed = replace(self, files={**self.files, path: data})
        if not repaired:
            return changed
        named = {path: data}
        return changed.with_value(_renamed(self.value, named))

    def with_value(self, value: Any) -> "Held":
        """With another release.json, in the one form."""
        return replace(self, release=json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n")


def _renamed(value: Any, named: Mapping[str, bytes]) -> Any:
    """The same with sizes and digests of these paths put right."""
    if isinstance(value, list):
        return [_renamed(v, named) for v in value]
    if not isinstance(value, dict):
        return value
    found = {k: _renamed(v, named) for k, v in value.items()}
    data = named.get(found.get("path", ""))
    if data is None:
        return found
    return {**found, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def hold(root: Path, *, ledger: str | None = None) -> Held:
    """A published folder read into memory, with a policy for who signed it and the root that it pins."""
    data = (root / "release.json").read_bytes()
    value = json.loads(data)
    paths = [f["path"] for f in value["files"]] + [a["bundle"]["path"] for a in value["anchors"]]
    copies = value.get("trusted_roots") or [value["trusted_root"]]
    paths += [value["statement"]["path"], *(copy["path"] for copy in copies)]
    files = {path: (root / path).read_bytes() for path in paths}
    signers = {(a["identity"], a["issuer"]) for a in value["anchors"]}
    raw = [files[copy["path"]] for copy in copies]
    policy = Policy(
        ledger=ledger or value["ledger"]["name"],
        signers=tuple(Signer(identity=i, issuer=s) for i, s in sorted(signers)),
    )
    trust = Trust(policy=policy, raw=raw, root=trusted_root.union(map(trusted_root.parse, raw)))
    return Held(data, files, trust, datetime.now(UTC))
