# SPDX-License-Identifier: Apache-2.0
"""The instances that a publication signs with, by their names on the command line.

Only commands that sign import this module: it brings the sigstore client.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from anchor import log_kinds
from anchor.app.public_roots import PUBLIC_INSTANCES, tuf_cache
from anchor.disk import files, user_files, user_folders
from anchor.embedded.export import check_published
from anchor.embedded.instance import FOLDER, Instance
from anchor.embedded.key_files import MAX_FILE
from anchor.embedded.log import Log
from anchor.encoding import parse_json
from anchor.errors import AnchorError, Misuse, Refused, Unavailable
from anchor.format import release as release_file
from anchor.format.release import MAX_RELEASE, Release
from anchor.net import tuf_roots
from anchor.net.budget import Budget
from anchor.publish import clock
from anchor.publish.instance import SigningInstance
from anchor.publish.plan import FOLDER as PUBLISHED
from anchor.publish.same_signer import SameSigner
from anchor.signing import remote_instance, signer
from anchor.signing.tokens import Consent, Signing, TokenSource
from anchor.sigstore import signing_config, trusted_root
from anchor.sigstore.services import Duplicate
from anchor.sigstore.signing_config import Service, SigningConfig
from anchor.verify.release import Trust

EMBEDDED = "embedded"
SETTLE = 25.0
"""Seconds: a Rekor server gives up on a write after 20. An entry that Rekor v1 has queued can come later."""


@dataclass(frozen=True, kw_only=True)
class SigningOptions:
    """The publisher's choices for all instances. `rekor` 0: as the signing config says."""

    home: Path
    budget: Budget
    tokens: TokenSource
    rekor: int = 0
    consent: Consent | None = None
    """It is asked before the first entry in a public log; None: consent was given."""
    signer: SameSigner = field(default_factory=SameSigner)
    chosen: bool = True
    """False when nobody named an instance, so that it is the embedded one."""


@dataclass(frozen=True)
class NamedInstances:
    """The instances of a command line (`publish.instance.Instances`)."""

    names: Sequence[str]
    options: SigningOptions
    say: Callable[[str], None]

    def open(self, existing: Release | None) -> list[SigningInstance | Unavailable]:
        """Each instance once; for one that cannot be reached, its error. Any other error is raised.

        If this version is published already, the embedded instance is not always added to it.
        """
        names = self.names
        if len(set(names)) != len(names):
            raise Misuse("an instance is named twice", where="--also", remedy="name each once")
        if EMBEDDED in names and existing is not None and _is_needless(existing, self.options):
            where = ", ".join(a.log.origin for a in existing.anchors)
            self.say(
                f"no second log entry: this version is anchored in {where}; "
                "this home's instance is another one"
            )
            names = tuple(n for n in names if n != EMBEDDED)
        opened = [instance for name in names for instance in _of_instance(name, self.options)]
        logs = [i.name for i in opened if isinstance(i, SigningInstance)]
        twice = next((name for i, name in enumerate(logs) if name in logs[:i]), None)
        if twice:
            raise Misuse(
                f"two instances record in the log {twice}", where="--also", remedy="name each log once"
            )
        return opened


def _is_needless(existing: Release, options: SigningOptions) -> bool:
    """True if the embedded instance would add to a release only another operator of the same kind.

    A folder that was moved or cloned has another home by default, and so another instance. The release that
    was made elsewhere is whole. This test makes no instance.
    """
    origins = {a.log.origin for a in existing.anchors if log_kinds.EMBEDDED.has_origin(a.log.origin)}
    if not origins:
        return not options.chosen
    if not (options.home / FOLDER).exists():
        return True
    instance = Instance.open(options.home / FOLDER, create=False)
    try:
        return instance.origin not in origins
    finally:
        instance.close()


def _of_instance(name: str, options: SigningOptions) -> list[SigningInstance | Unavailable]:
    """One instance for each log that the signing config asks for. Each makes one bundle."""
    try:
        if name == EMBEDDED:
            return [_embedded(options)]
        root, config = _documents(name, options)
        logs = config.chosen_logs(datetime.now(UTC), versions=_versions(options))
    except Unavailable as e:
        return [e]
    return [_reached(name, root, config, log, options) for log in logs]


def _versions(options: SigningOptions) -> tuple[int, ...]:
    return (options.rekor,) if options.rekor else log_kinds.api_versions()


def _config_name(options: SigningOptions) -> str:
    """The signing config of a TUF repository that lists the logs that are asked for."""
    name = log_kinds.of_api(options.rekor).name if options.rekor else ""
    return name if name in tuf_roots.CONFIGS else "default"


def _reached(
    name: str, root: bytes, config: SigningConfig, log: Service, options: SigningOptions
) -> SigningInstance | Unavailable:
    try:
        return _remote(name, root, config, log, options)
    except Unavailable as e:
        return e


def _documents(name: str, options: SigningOptions) -> tuple[bytes, SigningConfig]:
    """Trusted root and signing config of an instance."""
    if name in PUBLIC_INSTANCES:
        now = datetime.now(UTC)
        material = tuf_roots.load(
            tuf_roots.REPOSITORIES[name], cache=tuf_cache(), budget=options.budget, now=now
        )
        config = signing_config.parse(material.signing_config(_config_name(options)))
        return material.trusted_root, config
    path = Path(name)
    if path != user_files.STDIN and not path.exists():
        raise Misuse(
            "is neither embedded, public nor staging, nor a file",
            where=f"--instance {name}",
            remedy="name one of these, or a ClientTrustConfig file",
        )
    data = user_files.read(path, limit=signing_config.MAX_SIZE)
    try:
        return signing_config.parse_trust_config(data, where=name)
    except Refused as e:
        raise Misuse(e.problem, where=e.where, remedy=e.remedy) from None


def _remote(
    name: str, root: bytes, config: SigningConfig, log: Service, options: SigningOptions
) -> SigningInstance:
    trusted = trusted_root.parse(root)
    found = remote_instance.connect(config, trusted, log=log, budget=options.budget, now=datetime.now(UTC))
    return RemoteSigning(
        name=found.name,
        trusted_root=root,
        authority=found.authority,
        timestamps=found.timestamps,
        log=found.log,
        log_kind=found.log.kind,
        settle=SETTLE,
        options=options,
        oidc_issuer=found.issuer,
        is_public=name in PUBLIC_INSTANCES,
        url=log.url,
        keys=frozenset(k.key.spki for k in trusted.tlogs if k.id == found.log.key_id),
    )


@dataclass(kw_only=True)
class RemoteSigning(SigningInstance):
    """An instance over HTTP. Its token comes from a file, the environment, the CI system or a person."""

    options: SigningOptions
    oidc_issuer: str
    """Base URL for the browser flow; empty when the signing config names none."""
    is_public: bool
    """True if it was named as a public instance. Else `url` and `keys` (SPKI) of its log decide it."""
    url: str
    keys: frozenset[bytes]
    _early: list[str] = field(default_factory=list)
    """A token that `identify` got and `token` has not used."""

    def identify(self) -> None:
        same = self.options.signer
        if same.asks and not self._early:
            with contextlib.suppress(AnchorError):  # no usable token: the error comes when it should sign
                token = self._get()
                signer.claims(token)
                self._early.append(token)
        if self._early:
            same.check(signer.claims(self._early[0]), self.name)

    def check_published(self, folder: Path) -> None:
        """Nothing of a remote log is published here."""

    def export(self, folder: Path) -> None:
        """Others serve its public side."""

    def close(self) -> None:
        """It holds nothing."""

    def token(self) -> str:
        token = self._early.pop() if self._early else self._get()
        self.options.signer.check(signer.claims(token), self.name)
        consent = self.options.consent
        if consent is not None and (self.is_public or _is_public(self.url, self.keys)):
            consent.ask(token, self.name, self.options.budget)
        return token

    def _get(self) -> str:
        return self.options.tokens.get(self.oidc_issuer, self.options.budget)


def _is_public(url: str, keys: frozenset[bytes]) -> bool:
    """True if a log is one of a public instance, by its host or its key (SPKI)."""
    host = urlsplit(url).hostname
    for repository in tuf_roots.REPOSITORIES.values():
        try:
            material = tuf_roots.load(
                repository, cache=tuf_cache(), budget=Budget(0), now=datetime.now(UTC), offline=True
            )
            public = trusted_root.parse(material.trusted_root).tlogs
        except AnchorError:  # there is no copy here, so nothing was published there from here by its name
            continue
        if any(k.host == host or k.key.spki in keys for k in public):
            return True
    return False


def recorded(folder: Path) -> frozenset[Signing]:
    """The signers that the release in a folder names, with their logs; not verified. Empty if there is no
    release."""
    try:
        release = release_file.load(files.read(folder / "release.json", limit=MAX_RELEASE))
    except AnchorError:
        return frozenset()
    return frozenset((a.identity, a.issuer, log_kinds.log_name(a.log.origin)) for a in release.anchors)


class EmbeddedLog:
    """A client of the embedded log: a second request for an entry gives the entry, not an error."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def size(self) -> int:
        return self._log.size()

    def append(self, request: bytes) -> bytes:
        try:
            return self._log.append(request)
        except Duplicate as there:
            return self._log.entry(there.index)

    def find(self, request: bytes, since: int) -> bytes | None:
        return self._log.find(request, since)


def _embedded(options: SigningOptions) -> SigningInstance:
    """The embedded instance in a home; a new one if there is no instance."""
    folder = options.home / FOLDER
    if not (folder / "instance.json").exists():
        options.signer.check(None, "", own=True)  # before new keys are made
    instance = Instance.open(folder, create=True)
    try:
        options.signer.check((instance.identity, instance.issuer), instance.origin, own=True)
        clock.check_instance(datetime.now(UTC), instance)
    except AnchorError:
        instance.close()
        raise
    return EmbeddedSigning(
        name=instance.origin,
        trusted_root=instance.trusted_root(),
        authority=instance.authority,
        timestamps=(instance.timestamps,),
        log=EmbeddedLog(instance.log),
        log_kind=log_kinds.EMBEDDED,
        instance=instance,
    )


@dataclass(kw_only=True)
class EmbeddedSigning(SigningInstance):
    """The embedded instance of a home. Its signer was compared before it was opened."""

    instance: Instance

    def token(self) -> str:
        return self.instance.mint()

    def identify(self) -> None:
        pass

    def check_published(self, folder: Path) -> None:
        check_published(self.instance.log, folder)

    def export(self, folder: Path) -> None:
        self.instance.export(folder)

    def close(self) -> None:
        self.instance.close()


def signer_before(
    root: Path, home: Path, version: str, *, accepted: bool, own: Trust | None = None
) -> SameSigner:
    """The signers of the release before a version, by the release.json files of a folder, and the home on
    this machine with their keys. If the version is in place, its own signers count as well."""
    there, before = recorded(root / PUBLISHED / version), recorded(root)
    if there:
        before = there | recorded(root / PUBLISHED / _before(root / PUBLISHED / version))
    elsewhere = ""
    for folder in sorted(user_folders.state().glob(f"*/{FOLDER}/instance.json")):
        name = folder.parent.parent
        with contextlib.suppress(AnchorError, KeyError, TypeError):
            about = parse_json(files.read(folder, limit=MAX_FILE), where=str(folder))
            if any(about["origin"] in issuer for _, issuer, _ in before) and name != home:
                elsewhere = str(name)
    return SameSigner(
        before=before,
        home=str(home),
        elsewhere=elsewhere,
        accepted=accepted,
        signers=own.policy.signers if own else (),
        met=bool(there),
    )


def _before(folder: Path) -> str:
    """The version that the release in a folder follows; for the first one a name that no version has."""
    previous = release_file.load(files.read(folder / "release.json", limit=MAX_RELEASE)).previous
    return previous.version if previous else ".none"
