# SPDX-License-Identifier: Apache-2.0
"""An instance is whole or not there, private, never overwritten, and one with its origin."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor.disk import files
from anchor.embedded import key_files
from anchor.embedded.instance import Instance
from anchor.errors import Misuse, Unavailable
from anchor.tlog.keys import parse_vkey
from tests.support.forge.embedded_signer import Clock


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def use(folder: Path) -> None:
    instance = Instance.open(folder, create=False)
    _ = instance.authority, instance.timestamps


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "instance"


def test_no_key_can_be_read_by_others(folder: Path) -> None:
    old = os.umask(0)
    try:
        Instance.create(folder)
    finally:
        os.umask(old)
    keys = list((folder / "keys").iterdir())
    assert sorted(k.name for k in keys) == ["ca.pem", "ct.pem", "log.pem", "token.pem", "tsa.pem"]
    assert {k.stat().st_mode & 0o777 for k in keys} == {0o600}
    assert (folder.stat().st_mode & 0o777, (folder / "keys").stat().st_mode & 0o777) == (0o700, 0o700)
    assert folder.parent.stat().st_mode & 0o777 == 0o700


def test_the_root_keys_are_not_kept(folder: Path) -> None:
    instance = Instance.create(folder)
    kept = [instance.authority.key, instance.authority.ct_key, instance.tokens._key]
    roots = [instance.authority.chain[-1], instance.timestamps.chain[-1]]
    assert not {c.public_key().public_numbers() for c in roots} & {  # type: ignore[union-attr]
        k.public_key().public_numbers() for k in kept
    }


def test_a_second_init_does_not_overwrite(folder: Path) -> None:
    Instance.create(folder)
    before = tree(folder)
    with pytest.raises(Misuse, match="not overwritten"):
        Instance.create(folder)
    assert tree(folder) == before


@pytest.mark.parametrize("what", ["file", "folder"])
def test_something_else_in_its_place_is_left_alone(folder: Path, what: str) -> None:
    folder.parent.mkdir()
    if what == "file":
        folder.write_text("mine")
    else:
        folder.mkdir()
        (folder / "mine").write_text("mine")
    with pytest.raises(Misuse, match="not overwritten"):
        Instance.open(folder, create=True)
    assert folder.read_text() == "mine" if what == "file" else tree(folder) == {"mine": b"mine"}


def test_opening_makes_nothing_unless_asked(folder: Path) -> None:
    with pytest.raises(Misuse, match="no embedded instance is here"):
        Instance.open(folder, create=False)
    assert not folder.parent.exists()
    origin = Instance.open(folder, create=True).origin
    assert Instance.open(folder, create=True).origin == Instance.open(folder, create=False).origin == origin


def test_a_disk_that_fills_up_during_init_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = files.write
    for allowed in range(10):
        left = [allowed]

        def failing(path: Path, data: bytes, *, mode: int = 0o644, left: list[int] = left) -> None:
            if not left[0]:
                raise Unavailable("No space left on device", where=str(path))
            left[0] -= 1
            write(path, data, mode=mode)

        monkeypatch.setattr(files, "write", failing)
        with pytest.raises(Unavailable):
            Instance.create(folder)
        assert list(folder.parent.iterdir()) == []
    monkeypatch.setattr(files, "write", write)
    assert Instance.create(folder).log.size() == 0


KILLED = """
import os, signal, sys
from pathlib import Path
from anchor.disk import files
from anchor.embedded.instance import Instance
write, left = files.write, [int(sys.argv[2])]
def dying(path, data, *, mode=0o644):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    write(path, data, mode=mode)
files.write = dying
Instance.create(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("after", [0, 4, 9])
def test_kill_9_during_init_leaves_nothing_and_is_cleaned_up(folder: Path, after: int) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, folder, str(after)], check=False)
    assert done.returncode == -9
    assert not folder.exists()
    assert len(list(folder.parent.iterdir())) == 1
    instance = Instance.open(folder, create=True)
    assert instance.mint()
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("name", ["", "keys/ca.pem", "keys/log.pem"])
def test_keys_that_others_can_read_are_not_used(folder: Path, name: str) -> None:
    Instance.create(folder)
    (folder / name).chmod(0o640 if name else 0o750)
    with pytest.raises(Misuse, match=r"others can read it .*chmod"):
        _ = Instance.open(folder, create=False).authority


def test_the_origin_is_a_bare_host_made_from_the_log_key(folder: Path) -> None:
    instance = Instance.create(folder)
    assert instance.origin == key_files.origin_of(
        Ed25519PrivateKey.from_private_bytes(instance._log_key.private_bytes_raw()).public_key()
    )
    assert instance.origin.endswith(".anchor-embedded.invalid")
    assert not set(instance.origin) & set(":/ @+")
    key = parse_vkey(instance.vkey)
    assert (key.name, key) == (instance.origin, instance.log.key)
    assert instance.base_url == f"https://{instance.origin}"


@pytest.mark.parametrize("name", ["log.pem", "ca.pem", "tsa.pem"])
def test_keys_of_another_instance_are_not_used(folder: Path, tmp_path: Path, name: str) -> None:
    Instance.create(folder)
    Instance.create(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "keys" / name, folder / "keys" / name)
    with pytest.raises(Misuse, match="is not"):
        use(folder)


def test_the_trusted_root_of_another_instance_is_not_used(folder: Path, tmp_path: Path) -> None:
    Instance.create(folder)
    Instance.create(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "trusted_root.json", folder)
    with pytest.raises(Misuse, match="not the trusted root"):
        Instance.open(folder, create=False)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("instance.json", b"{"),
        ("instance.json", b"[]"),
        ("instance.json", b'{"format":"urn:ledger-anchor:embedded:v9"}'),
        ("instance.json", b'{"format":"urn:ledger-anchor:embedded:v1","origin":"x"}'),
        ("instance.json", b'{"format":"urn:ledger-anchor:embedded:v1","origin":"x","created":"soon"}'),
        ("keys/log.pem", b""),
        ("keys/log.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        ("keys/ca.pem", b"junk"),
        ("ca-chain.pem", b"junk"),
        ("tsa-chain.pem", b""),
        ("trusted_root.json", b"{}"),
    ],
)
def test_damage_gives_one_clear_line(folder: Path, name: str, data: bytes) -> None:
    Instance.create(folder)
    (folder / name).write_bytes(data)
    with pytest.raises(Misuse) as caught:
        use(folder)
    assert str(folder / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["keys/ca.pem", "ca-chain.pem", "trusted_root.json", "keys/log.pem"])
def test_a_missing_file_gives_one_clear_line(folder: Path, name: str) -> None:
    Instance.create(folder)
    (folder / name).unlink()
    with pytest.raises(Misuse, match=name):
        _ = Instance.open(folder, create=False).authority


def test_the_trusted_root_is_the_same_bytes_for_ever(folder: Path) -> None:
    first = Instance.create(folder)
    config = first.client_trust_config("http://127.0.0.1:1")
    again = Instance.open(folder, create=False, clock=Clock(datetime.now(UTC) + timedelta(days=900)))
    assert again.trusted_root() == first.trusted_root()
    assert again.client_trust_config("http://127.0.0.1:1") == config


def test_the_trusted_root_says_what_clients_insist_on(folder: Path) -> None:
    clock = Clock()
    instance = Instance.create(folder, clock=clock)
    document = json.loads(instance.trusted_root())
    assert document["mediaType"] == "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
    (log,) = document["tlogs"]
    assert log["baseUrl"] == f"https://{instance.origin}"
    assert log["logId"] == log["checkpointKeyId"]
    assert log["publicKey"]["keyDetails"] == "PKIX_ED25519"
    (tsa,) = document["timestampAuthorities"]
    assert len(tsa["certChain"]["certificates"]) == 2
    starts = [
        x["validFor"]["start"] for x in (tsa, document["certificateAuthorities"][0], log["publicKey"])
    ] + [document["ctlogs"][0]["publicKey"]["validFor"]["start"]]
    assert all(datetime.fromisoformat(s) < clock.now for s in starts)


def test_certificates_outlive_the_decade_and_name_no_independence(folder: Path) -> None:
    clock = Clock()
    instance = Instance.create(folder, clock=clock)
    for certificate in (*instance.authority.chain, *instance.timestamps.chain):
        assert certificate.not_valid_before_utc < clock.now
        assert certificate.not_valid_after_utc > clock.now + timedelta(days=3660)
        assert "no independent evidence" in certificate.subject.rfc4514_string()


@pytest.mark.parametrize("url", ["127.0.0.1:80", "http://127.0.0.1:80/", "http://127.0.0.1/x", ""])
def test_a_signing_config_takes_no_path(folder: Path, url: str) -> None:
    with pytest.raises(Misuse, match="base URL"):
        Instance.create(folder).signing_config(url)


def test_warm_opening_reads_no_log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Instance.create(folder)
    monkeypatch.setattr("anchor.embedded.log_files.Store.tile", None)
    monkeypatch.setattr("anchor.embedded.log_files.Store.entries", None)
    assert Instance.open(folder, create=False).log.size() == 0
