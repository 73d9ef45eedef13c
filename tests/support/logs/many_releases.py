# SPDX-License-Identifier: Apache-2.0
"""Many releases of one ledger, signed by an embedded instance and recorded in a simulated log of any size."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor.disk.ledger_file import LedgerFile, SealedFile, seal_file
from anchor.embedded.hashedrekord import canonical_body
from anchor.embedded.instance import Instance
from anchor.format import release as releases
from anchor.format import statement as statements
from anchor.format.statement import LedgerName, Previous
from anchor.log_kinds import rekor_v2
from anchor.merkle import range_hash
from anchor.merkle.ranges import inclusion_ranges
from anchor.publish import release_json
from tests.support.forge.signed import described, sign
from tests.support.logs.simlog import SimLog

NAME = "many"


class Recorder:
    """A log writer of the instance's key that appends to a simulated log, after entries of others."""

    def __init__(self, log: SimLog, others: int) -> None:
        self.log = log
        self.others = others

    def append(self, request: bytes) -> bytes:
        """The TransparencyLogEntry of a request, proven under the head of that moment."""
        body, log = canonical_body(request), self.log
        log.grow(self.others, tag="other")
        index = log.size
        log.append(body)
        return rekor_v2.log_entry(
            body,
            index=index,
            size=log.size,
            root=log.tree.root(log.size),
            proof=[range_hash(part, log.tree.node) for part in inclusion_ranges(index, log.size)],
            checkpoint=log.sign(),
            log_id=log.key.full_id,
        )


@dataclass(frozen=True)
class Many:
    """The releases' own release.json files, the log that holds all of them, and who is trusted."""

    targets: Sequence[Path]
    log: SimLog
    instance: Instance
    folder: Path

    def policy(self, *places: str) -> Path:
        """A policy that reads the log from these places, the first one first."""
        root = self.folder / "trusted_root.json"
        root.write_bytes(self.instance.trusted_root())
        digest = hashlib.sha256(root.read_bytes()).hexdigest()
        logs = "".join(f'[[log]]\norigin = "{self.log.origin}"\nurl = "{place}"\n' for place in places)
        path = self.folder / "policy.toml"
        path.write_text(
            f'ledger = "{NAME}"\ntrusted_root = [{{ path = "{root}", sha256 = "{digest}" }}]\n'
            f'[[signer]]\nidentity = "{self.instance.identity}"\nissuer = "{self.instance.issuer}"\n{logs}'
        )
        return path


def instance_log(instance: Instance, folder: Path) -> SimLog:
    """An empty simulated log with the key and the name of an instance's own."""
    key = serialization.load_pem_private_key((folder / "keys" / "log.pem").read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    log = SimLog(origin=instance.origin)
    log.private = key
    return log


def publish_many(folder: Path, count: int, *, others: int = 0) -> Many:
    """Sign `count` releases of one ledger, `others` entries of other people before each."""
    instance = Instance.create(folder / "instance")
    log = instance_log(instance, folder / "instance")
    instance.__dict__["log"] = Recorder(log, others)
    return Many(list(_published(instance, folder, count)), log, instance, folder)


def _published(instance: Instance, folder: Path, count: int) -> Iterator[Path]:
    previous: Previous | None = None
    ledger = folder / "ledger.md"
    for number in range(1, count + 1):
        ledger.write_text(f"| Label | Value |\n|---|---|\n| A | {number} |\n| B | 2 |\n")
        name = LedgerName(name=NAME, number=number, version=str(number))
        site = folder / "release" / name.version
        site.mkdir(parents=True)
        sealed = seal_file([LedgerFile(path=ledger)], ledger=name, folder=site)
        data = statements.encode(sealed.commit(name, previous))
        yield finish(instance, site, data, sealed)
        previous = statements.link(data)


def finish(instance: Instance, site: Path, data: bytes, sealed: SealedFile) -> Path:
    """Sign a statement and write what belongs beside its files; the release.json."""
    bundle = sign(instance, data)
    path = release_json.bundle_path(instance.origin)
    root = instance.trusted_root()
    anchor = described(bundle, root, path)
    found = release_json.release(
        statements.decode(data), data, sealed, [anchor], [release_json.blob("trusted_root.json", root)]
    )
    files = {path: bundle, "statement.json": data, "trusted_root.json": root}
    for file, content in {**files, "release.json": releases.dump(found)}.items():
        (site / file).write_bytes(content)
    return site / "release.json"
