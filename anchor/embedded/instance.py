# SPDX-License-Identifier: Apache-2.0
"""An embedded Sigstore instance: a folder of keys, certificates and a log, and the services they make.

It is made whole or not at all, and never over another one. The owner of the folder can sign as anyone, stamp
any time and rewrite the log. So the instance is evidence against everyone but its operator, and no
independent evidence.
"""

import functools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor import limits
from anchor.disk import files, private_keys
from anchor.disk.described_folder import described
from anchor.disk.new_folder import new_folder
from anchor.embedded import export, key_files, trust_config
from anchor.embedded.ca import Authority
from anchor.embedded.hashedrekord import signed_at
from anchor.embedded.identity_tokens import LIFETIME, Tokens
from anchor.embedded.key_files import Chain
from anchor.embedded.log import Log
from anchor.embedded.tsa import Timestamps
from anchor.encoding import to_base64
from anchor.errors import Misuse
from anchor.format.names import TRUSTED_ROOT
from anchor.log_kinds.embedded import own_signer

FORMAT = "urn:ledger-anchor:embedded:v1"
FOLDER = "instance"
"""The instance's folder in a home."""

MAX_ROOT = limits.TRUSTED_ROOT
Clock = Callable[[], datetime]

_BACKUP = "restore the folder from a backup"


def system_clock() -> datetime:
    """The machine's time, UTC."""
    return datetime.now(UTC)


class Instance:
    """One instance, open. Keys are read when a service that needs them is first used."""

    def __init__(self, folder: Path, *, origin: str, created: datetime, clock: Clock) -> None:
        self.folder = folder
        self.origin = origin
        """Host name of the log, derived from its key."""
        self.created = created
        self.clock = clock

    # Making and opening

    @classmethod
    def open(cls, folder: Path, *, create: bool, clock: Clock = system_clock) -> "Instance":
        """The instance in `folder`; if there is no instance, a new one if `create`, else `Misuse`.

        Raises `Misuse` when others can read the keys or the folder holds something else.
        """
        try:
            if create and not (folder / "instance.json").exists():
                try:
                    return cls.create(folder, clock=clock)
                except Misuse:
                    if not (folder / "instance.json").exists():  # else: another process was faster
                        raise
            return cls._load(folder, clock)
        except OSError as e:
            raise files.os_error(e, folder, "open the instance") from None

    @classmethod
    def create(cls, folder: Path, *, clock: Clock = system_clock) -> "Instance":
        """A new instance, in place by one rename. Raises `Misuse` when the folder exists."""
        with new_folder(folder, doing="making an instance", remedy="name another --home") as made:
            _make(made, clock().astimezone(UTC))
        return cls._load(folder, clock)

    @classmethod
    def _load(cls, folder: Path, clock: Clock) -> "Instance":
        origin, created = described(
            folder / "instance.json",
            form=FORMAT,
            what="embedded instance",
            make="make one with 'anchor instance init', or name another --home",
            read=lambda found: (str(found["origin"]), datetime.fromisoformat(found["created"])),
        )
        instance = cls(folder, origin=origin, created=created, clock=clock)
        instance._check()
        return instance

    def _check(self) -> None:
        """The log key, the origin and the trusted root belong together."""
        if key_files.origin_of(self._log_key.public_key()) != self.origin:
            raise Misuse("is not the log key of this instance", where=str(self._key("log")), remedy=_BACKUP)
        log_id = to_base64(self.log.key.full_id)
        if f'"{log_id}"'.encode() not in self.trusted_root():
            raise Misuse(
                "is not the trusted root of this instance",
                where=str(self.folder / TRUSTED_ROOT),
                remedy=_BACKUP,
            )

    def close(self) -> None:
        """Give back the lock of the log, if it was taken."""
        if "log" in self.__dict__:
            self.log.close()

    # Names

    @property
    def issuer(self) -> str:
        """The issuer of identities in certificates."""
        return own_signer(self.origin)[1]

    @property
    def identity(self) -> str:
        """The default identity of the signer."""
        return own_signer(self.origin)[0]

    @property
    def base_url(self) -> str:
        """The log's URL in the trusted root; it never resolves."""
        return f"https://{self.origin}"

    @property
    def vkey(self) -> str:
        """The log's verifier key, C2SP signed-note."""
        return self.log.key.vkey

    # Times

    @property
    def ends(self) -> datetime:
        """The end of the first certificate to end; a signature from then on does not verify."""
        return min(c.not_valid_after_utc for c in (*self.authority.chain, *self.timestamps.chain))

    def newest(self) -> datetime | None:
        """The time of the newest signature in the log, by its certificate; None in an empty log."""
        size = self.log.size()
        return signed_at(next(self.log.bodies(size - 1))) if size else None

    # Services

    @functools.cached_property
    def authority(self) -> Authority:
        """The `CertificateAuthority`."""
        chain = self._chain("ca")
        return Authority(
            key=chain.key,
            chain=chain.certificates,
            ct_key=self._p256("ct"),
            tokens=self.tokens,
            clock=self.clock,
        )

    @functools.cached_property
    def timestamps(self) -> Timestamps:
        """The `TimestampAuthority`."""
        chain = self._chain("tsa")
        return Timestamps(key=chain.key, chain=chain.certificates, clock=self.clock)

    @functools.cached_property
    def log(self) -> Log:
        """The log: it takes entries, and is a `Source`."""
        return Log(self.folder / "log", origin=self.origin, key=self._log_key)

    @functools.cached_property
    def tokens(self) -> Tokens:
        return Tokens(key=self._p256("token"), issuer=self.issuer, clock=self.clock)

    def mint(self, identity: str | None = None, *, lifetime: int = LIFETIME) -> str:
        """An identity token that this instance's CA accepts; valid for `lifetime` seconds."""
        return self.tokens.mint(identity or self.identity, lifetime=lifetime)

    # Trust

    def trusted_root(self) -> bytes:
        """TrustedRoot JSON; the same bytes for ever."""
        return files.read(self.folder / TRUSTED_ROOT, limit=MAX_ROOT)

    def signing_config(self, base_url: str) -> bytes:
        """SigningConfig JSON for services at `base_url`, `http://127.0.0.1:<port>`."""
        return trust_config.signing_config(origin=self.origin, start=self.created, base_url=base_url)

    def client_trust_config(self, base_url: str) -> bytes:
        """ClientTrustConfig JSON: the trusted root and the signing config of one run."""
        return trust_config.client_trust_config(self.trusted_root(), self.signing_config(base_url))

    def export(self, folder: Path) -> None:
        """The log's public side as static files in `folder`, its checkpoint last. See `export`."""
        export.export(self.log, folder)

    # Keys

    def _key(self, name: str) -> Path:
        return self.folder / "keys" / f"{name}.pem"

    @functools.cached_property
    def _log_key(self) -> Ed25519PrivateKey:
        key = key_files.read_key(self._key("log"))
        if not isinstance(key, Ed25519PrivateKey):
            raise Misuse("is no Ed25519 key", where=str(self._key("log")), remedy=_BACKUP)
        return key

    def _p256(self, name: str) -> ec.EllipticCurvePrivateKey:
        key = key_files.read_key(self._key(name))
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Misuse("is no P-256 key", where=str(self._key(name)), remedy=_BACKUP)
        return key

    def _chain(self, name: str) -> Chain:
        return key_files.read_chain(self._key(name), self.folder / f"{name}-chain.pem")


def _make(folder: Path, now: datetime) -> None:
    """Write all files of an instance into a folder that no other process knows yet."""
    start = (now - key_files.BACKDATE).replace(microsecond=0)
    keys = folder / "keys"
    files.make_folder(keys, mode=files.PRIVATE)
    log_key = Ed25519PrivateKey.generate()
    origin = key_files.origin_of(log_key.public_key())
    ct_key, token_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = key_files.make_authority(origin, start)
    timestamps = key_files.make_timestamps(origin, start)
    for name, key in (
        ("log", log_key),
        ("ca", authority.key),
        ("tsa", timestamps.key),
        ("ct", ct_key),
        ("token", token_key),
    ):
        private_keys.write(keys / f"{name}.pem", key)
    key_files.write_chain(folder / "ca-chain.pem", authority)
    key_files.write_chain(folder / "tsa-chain.pem", timestamps)
    root = trust_config.trusted_root(
        origin=origin,
        start=start,
        authority=authority.certificates,
        ct_key=ct_key.public_key(),
        timestamps=timestamps.certificates,
        log_key=log_key.public_key(),
    )
    files.write(folder / TRUSTED_ROOT, root)
    Log.create(folder / "log", origin=origin, key=log_key)
    about = {"format": FORMAT, "origin": origin, "created": start.isoformat()}
    files.write(folder / "instance.json", json.dumps(about, indent=2).encode() + b"\n")
