# SPDX-License-Identifier: Apache-2.0
"""Entries in our name in real Rekor v2 logs: found by our watch, and by the libraries of rekor-monitor.

rekor-monitor is on no module proxy that we reach, so `bundle_search` does its search with its libraries.
"""

import hashlib
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.interop.stack import bundle_search, documents
from tests.interop.stack.logs import RekorV2
from tests.interop.stack.stack import NewLog, Stack
from tests.interop.test_reverify_real import detail, published, read, run
from tests.interop.test_stack_starts import post, signed
from tests.support.forge.embedded_signer import KEY
from tests.support.forge.named import DETAILS, self_made
from tests.support.process.anchor_cli import Ran

OURS = """
import json, sys, time
from anchor.net.budget import Budget
from anchor.net.log_sources import HttpSource
from anchor.monitor.name_scan import scan
from anchor.tlog import checkpoint
from anchor.tlog.checkpoint import log_of
from anchor.tlog.keys import parse_vkey
from anchor.tlog.tile_reader import TileReader
from anchor.verify.name_matcher import NameMatcher
from anchor.verify.policy import Signer

class NoLimits:
    def may_ask(self):
        return True

class NothingKnown:
    def explains(self, entry):
        return False

url, origin, vkey, subject, issuer = sys.argv[1:]
key = "identity_regex" if "*" in subject else "identity"
matcher = NameMatcher([Signer(issuer=issuer, **{key: subject})], [])
source = HttpSource(url, budget=Budget(600))
source.checkpoint()  # the libraries of the client are loaded, as those of the other program are
began, used = time.monotonic(), time.process_time()
head = checkpoint.verify(source.checkpoint(), log_of(origin, parse_vkey(vkey)))
reader = TileReader(source, head)
found = scan(reader, (), matcher, first=0, limits=NoLimits(), explanations=NothingKnown())
assert found.error is None and [(r.start, r.end) for r in found.ranges] == [(0, head.size)]
print(json.dumps({
    "entries": head.size, "found": [e.index for e in found.named], "claimed": found.ranges[0].claimed,
    "seconds": time.monotonic() - began, "cpu": time.process_time() - used,
}))
"""


def theirs(stack: Stack, log: RekorV2, subject: str, issuer: str) -> Any:
    """The search by the libraries of rekor-monitor."""
    pem = stack.folder / f"{log.origin}.pem"
    pem.write_bytes(log.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    program = stack.bin / bundle_search.NAME
    done = subprocess.run(
        [program, f"{log.url}/api/v2", log.origin, pem, subject, f"^{re.escape(issuer)}$"],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ours(log: RekorV2, subject: str, issuer: str) -> Any:
    """The reading of the whole log by our watch, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", OURS, f"{log.url}/api/v2", log.origin, log.vkey, subject, issuer],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def request(certificate: bytes, seed: bytes) -> bytes:
    """A Rekor v2 request with a certificate, which anybody may make."""
    digest = hashlib.sha256(seed).digest()
    signature = {
        "content": documents.b64(KEY.sign(digest, ec.ECDSA(Prehashed(SHA256())))),
        "verifier": {"x509Certificate": {"rawBytes": documents.b64(certificate)}, "keyDetails": DETAILS},
    }
    asked = {"digest": documents.b64(digest), "signature": signature}
    return json.dumps({"hashedRekordRequestV002": asked}).encode()


def filled(log: RekorV2, count: int, *, email: str, issuer: str, each: int) -> list[int]:
    """Post entries by many signers, every `each`-th of them in this name. The indices of those."""
    someone = [self_made(f"signer{n}@stack.internal", issuer) for n in range(50)]
    named = self_made(email, issuer)
    bodies = [request(named if n % each == 0 else someone[n % 50], b"%d" % n) for n in range(count)]

    server = str(log.server.probe).removesuffix("/healthz")  # its own port: the front would pass each on

    def send(n: int) -> int:
        status, _, answer = post(server, bodies[n])
        assert status == 201, answer
        return int(json.loads(answer)["logIndex"])

    with ThreadPoolExecutor(100) as threads:
        indices = list(threads.map(send, range(count)))
    return sorted(index for n, index in enumerate(indices) if n % each == 0)


def watched(folder: Path, *, root: dict[str, Any] | None = None, more: str = "") -> None:
    """The policy of the watcher reads the log whole. `root`: another trusted root than the release's."""
    policy = folder / "policy.toml"
    text = policy.read_text().split("\n[[watch]]")[0]
    if root is not None:
        path = folder / "root.json"
        path.write_text(json.dumps(root))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        line = f'trusted_root = [{{ path = "{path}", sha256 = "{digest}" }}]'
        text = "\n".join(line if t.startswith("trusted_root") else t for t in text.splitlines())
    origin = text.split('origin = "')[1].split('"')[0]
    policy.write_text(f'{text}\n{more}\n[[watch]]\nlog = "{origin}"\n')


def state(ran: Ran, name: str) -> str:
    document: Any = ran.document
    (check,) = [c for c in document["checks"] if c["name"].startswith(name)]
    return str(check["state"])


def test_a_signature_that_nobody_published_is_found_in_a_real_log(
    stack: Stack, new_log: NewLog, tmp_path: Path
) -> None:
    log = new_log("log1.names.internal")
    filled(log, 300, email="x@stack.internal", issuer="https://other.internal", each=7)
    published(stack, log, tmp_path)
    watched(tmp_path)
    good = run(tmp_path)
    assert good.code == 0, good.out
    assert detail(good, "coverage") == "entries 0 to 300 of 301 read, without a gap"
    assert detail(good, "own entry").startswith("entry 300 is found, certified")
    signed(stack, stack.instance(log), tmp_path)  # the stock client, under the publisher's identity
    ran = run(tmp_path)
    assert (ran.code, ran.document["verdict"]) == (9, "FINDINGS")
    assert f"entry 301 by {stack.oidc.email} (issuer {stack.oidc.url})" in detail(ran, "names in")
    assert theirs(stack, log, re.escape(stack.oidc.email), stack.oidc.url)["found"] == [300, 301]


def test_a_shard_that_the_trusted_root_adds_is_read_too(
    stack: Stack, new_log: NewLog, tmp_path: Path
) -> None:
    old, new = new_log("log2.names.internal"), new_log("log3.names.internal")
    published(stack, old, tmp_path)
    later = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # after the start of the first one
    root = stack.trusted_root(old, new)
    signed(stack, stack.instance(new), tmp_path)  # in our name, in the new shard
    place = f'\n[[log]]\norigin = "{new.origin}"\nurl = "{read(new)}"\n'
    watched(tmp_path, more=place)
    before = run(tmp_path)
    assert before.code == 0, before.out  # the trusted root does not list the shard: no verifier accepts it
    root["tlogs"][1]["publicKey"]["validFor"]["start"] = later
    watched(tmp_path, root=root)
    ran = run(tmp_path)
    assert (ran.code, ran.document["verdict"]) == (9, "FINDINGS"), ran.out
    assert state(ran, f"names in {old.origin}") == "passed"
    assert f"entry 0 by {stack.oidc.email}" in detail(ran, f"names in {new.origin}")
    assert detail(ran, f"coverage of {new.origin}") == "entries 0 to 0 of 1 read, without a gap"
    # The search of rekor-monitor is of one shard.
    assert theirs(stack, old, re.escape(stack.oidc.email), stack.oidc.url)["found"] == [0]


def test_a_rekor_v1_log_is_not_followed_whole_and_the_run_says_so(stack: Stack, tmp_path: Path) -> None:
    published(stack, stack.rekor_v1(), tmp_path)
    watched(tmp_path)
    ran = run(tmp_path)
    assert ran.code == 0, ran.out
    assert state(ran, "names in") == "skipped"
    assert "not followed whole: it has no tiles" in detail(ran, "names in")
    assert "names" not in ran.document["facts"]


@pytest.mark.slow
def test_our_watch_reads_a_log_with_less_work_than_the_libraries_of_rekor_monitor(
    stack: Stack, new_log: NewLog
) -> None:
    issuer, email = "https://accounts.stack.internal", "watched.person@stack.internal"
    log = new_log("log4.names.internal")
    wanted = filled(log, 6000, email=email, issuer=issuer, each=1000)
    for subject in (email, r"watched\..*@stack\.internal"):
        runs = [(ours(log, subject, issuer), theirs(stack, log, f"^{subject}$", issuer)) for _ in range(3)]
        mine, other = (min((r[i] for r in runs), key=lambda r: r["cpu"]) for i in (0, 1))
        for who, one in (("ours", mine), ("rekor-monitor's libraries", other)):
            speed = one["entries"] / one["cpu"]
            print(f"{who}: {one['entries']} entries, {speed:.0f} a CPU second, {one['seconds']:.2f} s")
        assert mine["found"] == other["found"] == wanted
        assert mine["claimed"] == len(wanted)  # certified by no authority; only we look at that
        assert mine["cpu"] <= other["cpu"]
