# SPDX-License-Identifier: Apache-2.0
"""A TUF repository on loopback that gives out trusted roots and signing configs, and can grow old."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from tests.interop.stack.front import Front, file_front

YEAR = timedelta(days=365)


@dataclass
class TufRepository:
    """One key for all roles; `publish` signs a new version of everything below the root."""

    folder: Path
    targets: dict[str, bytes] = field(default_factory=dict)
    version: int = 0
    root_version: int = 0
    front: Front | None = None
    signer: CryptoSigner = field(default_factory=CryptoSigner.generate_ecdsa)

    def publish(self, *, expires: timedelta = YEAR, root_expires: timedelta = YEAR) -> "TufRepository":
        """Sign the targets as they are now; negative times make metadata that is expired."""
        (self.folder / "targets").mkdir(parents=True, exist_ok=True)
        if self.root_version == 0:
            self.new_root(root_expires)
        self.version += 1
        end = _end(expires)
        listed = Targets(version=self.version, expires=end)
        for name, data in self.targets.items():
            target = TargetFile.from_data(name, data, ["sha256"])
            listed.targets[name] = target
            for file in (name, f"{target.hashes['sha256']}.{name}"):
                (self.folder / "targets" / file).write_bytes(data)
        snapshot = Snapshot(version=self.version, expires=end)
        snapshot.meta["targets.json"] = MetaFile(self.version)
        timestamp = Timestamp(version=self.version, expires=end, snapshot_meta=MetaFile(self.version))
        self._write(listed, f"{self.version}.targets.json")
        self._write(snapshot, f"{self.version}.snapshot.json")
        self._write(timestamp, "timestamp.json")
        return self

    def new_root(self, expires: timedelta = YEAR) -> None:
        """The next version of the root, with the same key."""
        self.root_version += 1
        root = Root(version=self.root_version, expires=_end(expires), consistent_snapshot=True)
        for role in ("root", "targets", "snapshot", "timestamp"):
            root.add_key(self.signer.public_key, role)
        self._write(root, f"{self.root_version}.root.json", "root.json")

    @property
    def root(self) -> bytes:
        """The first root: what a client is given beforehand."""
        return (self.folder / "1.root.json").read_bytes()

    def serve(self) -> str:
        """Its URL on loopback."""
        self.front = self.front or file_front(self.folder)
        return self.front.url

    def stop(self) -> None:
        if self.front:
            self.front.stop()
            self.front = None

    def _write(self, role: Any, *names: str) -> None:
        metadata: Metadata[Any] = Metadata(role)
        metadata.sign(self.signer)
        data = metadata.to_bytes(JSONSerializer(compact=False))
        for name in names:
            (self.folder / name).write_bytes(data)


def _end(after: timedelta) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + after


def targets(documents: Mapping[str, Any]) -> dict[str, bytes]:
    """JSON documents as target files."""
    return {name: json.dumps(document).encode() for name, document in documents.items()}
