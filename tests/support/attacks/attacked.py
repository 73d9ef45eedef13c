# SPDX-License-Identifier: Apache-2.0
"""A published site whose log, CDN, records and clock a test attacks, seen only through the command line.

The log is the embedded one's, read from a folder that a `[[log]]` table of the policy names. The attacker has
its key: everything served is signed as a real log would sign.
"""

import hashlib
import json
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor.tlog import checkpoint, tiles
from anchor.verdict import Class
from tests.support.logs.simlog import SimLog
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.records import quick
from tests.support.releases.published import LEDGER, Site, published
from tests.support.servers.loopback import Handler, LoopbackServer, running

quick.install()


class Hook(LoopbackServer):
    """A webhook that takes messages and remembers them; what is fetched from it are heartbeats."""

    status = 200
    """The answer to a heartbeat."""
    taking = 200
    """The answer to a message."""
    most = 1 << 20
    """The bytes of a message that it takes."""

    def __init__(self) -> None:
        super().__init__(_Taker)
        self.messages: list[dict[str, Any]] = []
        self.beats = 0
        self.path = f"/{secrets.token_hex(8)}"
        """Its own: another test's client may call at a port that was somebody else's before."""

    @property
    def beat(self) -> str:
        """As --heartbeat takes it."""
        return f"{self.url}{self.path}"

    @property
    def notify_url(self) -> str:
        """As --notify takes it. A busy machine may take longer to answer than apprise waits by itself."""
        return f"json://127.0.0.1:{self.server_port}{self.path}?rto=90"

    def titles(self) -> list[str]:
        """The notifications since the last call, without the targets."""
        found = [str(m["title"]).removeprefix("[anchor] ").split(":")[0] for m in self.messages]
        self.messages.clear()
        return found


class _Taker(Handler):
    def post(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        assert isinstance(self.server, Hook)
        taking = self.server.taking if len(body) <= self.server.most else 413
        if self.path == self.server.path and taking == 200:
            self.server.messages.append(json.loads(body))
        self.answer(taking)

    def get(self) -> None:
        assert isinstance(self.server, Hook)
        self.server.beats += self.path == self.server.path
        self.answer(self.server.status)


@contextmanager
def hook() -> Iterator[Hook]:
    """A running webhook."""
    with running(Hook()) as server:
        yield server


def make_site(folder: Path) -> Site:
    """Three releases of a small ledger in one log."""
    site = published(folder, LEDGER, "1")
    for n in (2, 3):
        ran = site.publish(f"{LEDGER}| D | {n} |\n", str(n))
        assert ran.code == 0, ran.err
    return site


def log_of(site: Site) -> SimLog:
    """The site's own log as a simulated one, with its key."""
    (folder,) = site.root.glob("release/log/*")
    head = checkpoint.parse((folder / "checkpoint").read_bytes())
    pem = (site.home / "instance" / "keys" / "log.pem").read_bytes()
    private = serialization.load_pem_private_key(pem, None)
    assert isinstance(private, Ed25519PrivateKey)
    data = (folder / tiles.entries_path(0, head.size)).read_bytes()
    log = SimLog(tiles.parse_bundle(data, head.size), origin=head.origin)
    log.private = private
    return log


def dump(log: SimLog, folder: Path) -> None:
    """Serve a simulated log as static files, whatever it withholds or spoils included."""
    shutil.rmtree(folder, ignore_errors=True)
    gone, log.gone = log.gone, set()
    files = {"checkpoint": log.checkpoint()}
    level = 0
    while log.size >> (8 * level):
        nodes = log.size >> (8 * level)
        for index in range((nodes + 255) // 256):
            width = min(256, nodes - 256 * index)
            files[tiles.Tile(level, index, width).path] = log.tile(level, index, width)
            if level == 0:
                files[tiles.entries_path(index, width)] = log.entries(index, width)
        level += 1
    log.gone = gone
    for path, data in files.items():
        if path not in gone:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)


@dataclass
class Attacked:
    """A watcher with its records, over a site and a log that lie to it."""

    folder: Path
    site: Site
    hook: Hook
    target: str = ""
    more: list[object] = field(default_factory=list)
    tlog_policy: str = ""
    """The witnesses of the log, which the policy then names."""

    def __post_init__(self) -> None:
        self.log = log_of(self.site)
        self.served = self.folder / "log"
        self.home = self.folder / "watcher"
        self.target = self.target or str(self.site.release)
        self.views: list[Path] = []
        self.serve(self.log)

    def serve(self, log: SimLog) -> None:
        """The log as it is seen from now on."""
        dump(log, self.served)
        self.write_policy()

    def view(self, log: SimLog) -> None:
        """A second copy of the log, which the policy names too."""
        self.views.append(self.folder / f"view{len(self.views)}")
        dump(log, self.views[-1])
        self.write_policy()

    def write_policy(self, text: str = "") -> None:
        quorum = 'tlog_policy = "witnesses.policy"\n' if self.tlog_policy else ""
        (self.folder / "witnesses.policy").write_text(self.tlog_policy)
        places = "".join(
            f'\n[[log]]\norigin = "{self.log.origin}"\nfolder = "{p}"\n{quorum}'
            for p in (self.served, *self.views)
        )
        base = text or self.site.policy.read_text()
        (self.folder / "watched.toml").write_text(base + places)

    def run(self, *more: object) -> Ran:
        """One `anchor reverify`, told at once."""
        given = (
            "--policy",
            self.folder / "watched.toml",
            "--home",
            self.home,
            "--notify",
            self.hook.notify_url,
        )
        rule = () if "--alarm-after" in more else ("--alarm-after", "1/0")
        return anchor("reverify", self.target, *given, *rule, "--wait", "1s", "--json", *self.more, *more)

    def found(self, *more: object) -> Class:
        """The class of one run, which is also its exit code."""
        ran = self.run(*more)
        verdict = Class(ran.document["verdict"])
        assert ran.code == verdict.exit_code
        return verdict

    def told(self) -> list[str]:
        return self.hook.titles()

    def counts(self) -> tuple[int, int]:
        """How many signed checkpoints and pieces of evidence are stored."""
        db = sqlite3.connect(self.home / "records.db")
        try:
            one = "SELECT (SELECT COUNT(*) FROM checkpoints), (SELECT COUNT(*) FROM evidence)"
            checkpoints, evidence = db.execute(one).fetchone()
            return checkpoints, evidence
        finally:
            db.close()

    def check(self) -> Class:
        """The class of `anchor records check`."""
        return Class(anchor("records", "check", "--home", self.home, "--json").document["verdict"])

    def evidence(self) -> list[Path]:
        """The evidence that was exported by command."""
        out = self.folder / "exported"
        ran = anchor("records", "export", "--evidence", "-o", out, "--home", self.home)
        assert ran.code == 0, ran.err
        return [Path(line) for line in ran.out.splitlines()]


def retire(attacked: Attacked, days: int = 0) -> None:
    """The verifier's trusted root now says that the log ends so long after the release was made."""
    pinned = attacked.site.policy.read_text()
    root = json.loads(attacked.site.path("trusted_root").read_bytes())
    end = datetime.now(UTC) + timedelta(days=days)
    root["tlogs"][0]["publicKey"]["validFor"]["end"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    own = attacked.folder / "root.json"
    own.write_text(json.dumps(root))
    digest = hashlib.sha256(own.read_bytes()).hexdigest()
    line = f'trusted_root = [{{ path = "{own}", sha256 = "{digest}" }}]'
    text = "\n".join(line if t.startswith("trusted_root") else t for t in pinned.splitlines())
    attacked.site.policy.write_text(text + "\n")
    attacked.write_policy()
