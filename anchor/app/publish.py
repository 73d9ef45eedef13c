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
from anchor.app.own_root import PUBLIC_INSTANCES
from anchor.app.public_roots import tuf_cache
from anchor.disk import user_files
from anchor.embedded import witness_list
from anchor.embedded.export import check_head, check_published
from anchor.embedded.instance import FOLDER, Instance
from anchor.embedded.log import Log
from anchor.embedded.witnesses import Witnesses, policy_of
from anchor.errors import AnchorError, Misuse, Refused, Unavailable
from anchor.format.release import Release
from anchor.net import tuf_roots
from anchor.net.budget import Budget
from anchor.publish import clock, interrupted
from anchor.publish.instance import SigningInstance
from anchor.publish.same_signer import Identity, SameSigner
from anchor.signing import remote_instance, signer
from anchor.signing.tokens import Consent, TokenSource
from anchor.sigstore import signing_config, trusted_root
from anchor.sigstore.services import Duplicate
from anchor.sigstore.signing_config import Service, SigningConfig
from anchor.tlog.witness_answer import Asked
from anchor.verify.independence import Counted
from anchor.verify.report import BundleReport

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
    witness_policy: bytes | None = None
    """A C2SP tlog-policy for the embedded log in this publication; None: the one of the instance."""
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
        if self.options.witness_policy is not None and EMBEDDED not in names:
            raise Misuse(
                "only the embedded log asks witnesses, and it is not asked for",
                where="--witness-policy",
                remedy="for another log, tlog_policy in --policy demands a quorum",
            )
        if EMBEDDED in names and existing is not None and _is_needless(existing, self.options):
            where = ", ".join(a.log.origin for a in existing.anchors)
            self.say(
                f"no second log entry: this version is anchored in {where}; "
                "this home's instance is another one"
            )
            names = tuple(n for n in names if n != EMBEDDED)
        return opened(names, self.options)


def opened(names: Sequence[str], options: SigningOptions) -> list[SigningInstance | Unavailable]:
    """The instances with these names; for one that cannot be reached, its error. Each has its own log."""
    found = [instance for name in names for instance in _of_instance(name, options)]
    logs = [i.name for i in found if isinstance(i, SigningInstance)]
    twice = next((name for i, name in enumerate(logs) if name in logs[:i]), None)
    if twice:
        raise Misuse(f"two instances record in the log {twice}", where="--also", remedy="name each log once")
    return found


def _is_needless(existing: Release, options: SigningOptions) -> bool:
    """True if the embedded instance would add to a release only another operator of the same kind, and has
    not begun to do so.

    A folder that was moved or cloned has another home by default, and so another instance. The release that
    was made elsewhere is whole, unless it wants this signer too. This test makes no instance.
    """
    origins = {a.log.origin for a in existing.anchors if log_kinds.EMBEDDED.has_origin(a.log.origin)}
    if not origins:
        return not options.chosen
    if not (options.home / FOLDER).exists():
        return True
    instance = Instance.open(options.home / FOLDER, create=False)
    try:
        joint = options.signer.joins((instance.identity, instance.issuer))
        begun = interrupted.is_begun(options.home, existing.statement.sha256, instance.origin)
        return instance.origin not in origins and not joint and not begun
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
        who = self.signs_as() if same.asks or self._early else None
        if who is not None:
            same.check(who, self.name)

    def signs_as(self) -> Identity | None:
        if not self._early:
            with contextlib.suppress(AnchorError):  # no usable token: the error comes when it should sign
                token = self._get()
                signer.claims(token)
                self._early.append(token)
        return signer.claims(self._early[0]) if self._early else None

    def check_published(self, folder: Path) -> None:
        """Nothing of a remote log is published here."""

    def check_checkpoint(self, raw: bytes) -> None:
        """No other copy of a remote log can be taken for it here."""

    def counted(self, report: BundleReport) -> Counted:
        return Counted()

    @property
    def asks_witnesses(self) -> bool:
        return False

    def ask_witnesses(self, before: Sequence[Asked]) -> Sequence[Asked]:
        return ()

    def lacks(self, report: BundleReport) -> str:
        return ""

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
        witnesses = _witnesses(instance, options)
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
        witnesses=witnesses,
        budget=options.budget,
    )


def _witnesses(instance: Instance, options: SigningOptions) -> Witnesses | None:
    """The witnesses of this publication."""
    if options.witness_policy is None:
        policy = policy_of(instance)
    else:
        try:
            policy = witness_list.parse(options.witness_policy, instance.log.key)
        except AnchorError as e:
            raise e.at("--witness-policy") from None
    return Witnesses(instance, policy) if policy is not None and policy.witnesses else None


@dataclass(kw_only=True)
class EmbeddedSigning(SigningInstance):
    """The embedded instance of a home. Its signer was compared before it was opened."""

    instance: Instance
    witnesses: Witnesses | None
    budget: Budget

    def token(self) -> str:
        return self.instance.mint()

    def identify(self) -> None:
        pass

    def signs_as(self) -> Identity | None:
        return self.instance.identity, self.instance.issuer

    def check_published(self, folder: Path) -> None:
        check_published(self.instance.log, folder)

    def check_checkpoint(self, raw: bytes) -> None:
        if raw.partition(b"\n")[0].decode(errors="replace") == self.instance.origin:
            check_head(self.instance.log, raw, where="the log of the last anchored head")

    def counted(self, report: BundleReport) -> Counted:
        checkpoint = report.logs[0].checkpoint
        if self.witnesses is None or checkpoint is None:
            return Counted(doubt="this log has none")
        return Counted(quorum=self.witnesses.quorum(checkpoint.note))

    @property
    def asks_witnesses(self) -> bool:
        return self.witnesses is not None

    def ask_witnesses(self, before: Sequence[Asked]) -> Sequence[Asked]:
        return self.witnesses.ask(self.budget, before=before) if self.witnesses else ()

    def lacks(self, report: BundleReport) -> str:
        checkpoint = report.logs[0].checkpoint
        if self.witnesses is None or checkpoint is None:
            return ""
        quorum = self.witnesses.quorum(checkpoint.note)
        return "" if quorum.met else quorum.sentence

    def export(self, folder: Path) -> None:
        self.instance.export(folder)

    def close(self) -> None:
        self.instance.close()
