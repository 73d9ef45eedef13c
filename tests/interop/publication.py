# SPDX-License-Identifier: Apache-2.0
"""A publication on the real servers, what it left in their logs, and a proxy that loses their answers."""

import base64
import hashlib
import http.client
import json
import os
import shutil
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from anchor.publish import interrupted
from tests.interop.stack.front import Front, Handler
from tests.interop.stack.logs import RekorV2
from tests.interop.stack.process import fetch
from tests.interop.stack.stack import Log, Stack
from tests.support.process.anchor_cli import anchor

TYPE = b"application/vnd.in-toto+json"


@dataclass(frozen=True)
class Attempt:
    """One publication, in a folder of its own, of a ledger of its own."""

    stack: Stack
    folder: Path
    instance: Path | str
    also: tuple[Path | str, ...] = ()

    def __post_init__(self) -> None:
        self.folder.mkdir()
        fact = f"| {self.folder.name} | {uuid.uuid4()} |"  # entries of one log are told apart by it
        (self.folder / "ledger.md").write_text(f"| Label | Value |\n|---|---|\n{fact}\n")
        (self.folder / "token").write_text(self.stack.oidc.token())

    @property
    def site(self) -> Path:
        return self.folder / "site"

    def publish(self, *more: str) -> tuple[int, str, str]:
        ran = anchor(
            "publish", self.folder / "ledger.md", "--name", "l", "--version", "1.0.0", "--root", self.site,
            "--home", self.folder / "home", "--instance", self.instance,
            *(w for path in self.also for w in ("--also", path)),
            "--identity-token-file", self.folder / "token", *more,
        )  # fmt: skip
        if ran.code in (0, 5):
            (self.folder / "policy.toml").write_text(ran.out)
        return ran.code, ran.out, ran.err

    def again(self) -> tuple[int, str, int]:
        """The same command after a crash, and what a stranger says of the result."""
        code, _, err = self.publish()
        return code, err, self.verify()

    def verify(self) -> int:
        return anchor("verify", self.site, "--policy", self.folder / "policy.toml").code

    def digests(self) -> set[str]:
        """The bytes whose digest an entry for this statement has: the payload (v1), or its PAE (v2)."""
        data = (self.site / "release" / "1.0.0" / "statement.json").read_bytes()
        pae = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE, len(data), data)
        return {hashlib.sha256(x).hexdigest() for x in (data, pae)}

    def check(self, log: Log) -> None:
        """One entry, and nothing left behind."""
        assert sum(d in self.digests() for d in entries(log)) == 1
        assert interrupted.interrupted(self.folder / "home") == []
        assert list((self.folder / "home" / "journal").iterdir()) == []
        assert [p for p in self.folder.rglob("*") if p.name.startswith(".") or p.name.endswith(".tmp")] == []
        assert {p.name for p in self.folder.iterdir()} == {
            "ledger.md",
            "token",
            "policy.toml",
            "home",
            "site",
        }


def entries(log: Log) -> list[str]:
    """The digest in every entry of a log, read without any code of ours."""
    specs = [json.loads(body)["spec"] for body in log.entries()]
    if isinstance(log, RekorV2):
        digests = [spec["hashedRekordV002"]["data"]["digest"] for spec in specs]
        return [base64.b64decode(digest).hex() for digest in digests]
    return [spec.get("payloadHash", {}).get("value", "") for spec in specs]


class AsTheyAre:
    """Folders as they are now. Each test that begins with them changes them, and they are put back."""

    def __init__(self, *places: Path) -> None:
        self._copies = {place: place.with_name(f"{place.name}.copy") for place in places}
        for place, copy in self._copies.items():
            shutil.copytree(place, copy)

    def put_back(self) -> None:
        for place, copy in self._copies.items():
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(copy, place)


class Between:
    """A proxy before a log: reads pass, and a write is passed on, swallowed, or its answer lost (`mode`)."""

    def __init__(self, url: str) -> None:
        between = self
        self.mode = "pass"
        self.taken = 0
        self.before: Callable[[], object] = lambda: None
        """Called when a write has come in, before it is passed on."""
        self.status = 0
        """The status that a write is answered with, unless it is 0. Nothing is passed on then."""
        self.victim = 0
        """Who is killed when the log has answered, in the mode "kill"."""

        class Routes(Handler):
            def do_GET(self) -> None:  # noqa: N802  the base's name
                if between.mode == "blind" and between.taken:
                    self.out(503, {})
                    return
                status, body = fetch(url + self.path)
                kind = "application/json" if body[:1] in b"{[" else "application/octet-stream"
                self.out(status, body, kind)

            def do_POST(self) -> None:  # noqa: N802  the base's name
                between._post(self, url)

        self.front = Front(Routes)

    def _post(self, h: Handler, url: str) -> None:
        body = h.body()
        self.before()
        if self.status:
            h.out(self.status, {"code": self.status})
            return
        if self.mode == "swallow":
            h.close_connection = True
            return
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=180)
        connection.request("POST", h.path, body, {"Content-Type": h.headers["Content-Type"]})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        self.taken += 1
        if self.mode == "blind":  # from now on nobody can ask the log anything
            h.close_connection = True
            return
        if self.mode == "kill":
            os.kill(self.victim, signal.SIGKILL)
        more = {k: answer.headers[k] for k in ("X-Log-Index", "Location") if k in answer.headers}
        if self.mode == "cut":
            h.close_connection = True
        elif self.mode == "half":
            h.send_response(answer.status)
            h.send_header("Content-Type", "application/json")
            h.send_header("Content-Length", str(len(data)))
            h.end_headers()
            h.wfile.write(data[: len(data) // 2])
            h.close_connection = True
        elif self.mode == "gateway":
            h.out(502, b"<h1>Bad Gateway</h1>", "text/html")
        else:
            kind = answer.headers["Content-Type"]
            h.out(answer.status, data, kind, **{k.replace("-", "_"): v for k, v in more.items()})
