# SPDX-License-Identifier: Apache-2.0
"""What publishing needs, put together: instances, strict checks, the publisher's own policy.

Imported only by those who sign: it brings the sigstore client.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
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
from anchor.net.release_files import Folder
from anchor.publish import clock
from anchor.publish.instance import Site
from anchor.publish.plan import FOLDER as PUBLISHED
from anchor.publish.run import Tools
from anchor.publish.same_signer import SameSigner
from anchor.signing import reference_client, remote_instance, request_timestamp, signer
from anchor.signing.tokens import Consent, Signing, TokenSource
from anchor.sigstore import signing_config, trusted_root
from anchor.sigstore.services import Duplicate
from anchor.sigstore.signing_config import Service, SigningConfig
from anchor.tlog.witness_policy import WitnessPolicy
from anchor.verdict import Verdict
from anchor.verify.anchors import check_witnesses
from anchor.verify.bundle import verify_bundle
from anchor.verify.effort import Effort
from anchor.verify.policy import Policy, Signer
from anchor.verify.release import Trust, verify_release
from anchor.verify.report import BundleReport

EMBEDDED = "embedded"
SETTLE = 25.0
"""Seconds: a Rekor server gives up on a write after 20. What Rekor v1 has queued by then can come later."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How whoever publishes wants instances to be used. `rekor` 0: as the signing config says."""

    home: Path
    budget: Budget
    tokens: TokenSource
    rekor: int = 0
    consent: Consent | None = None
    """Before the first entry in a public log; None: it was given."""
    signer: SameSigner = field(default_factory=SameSigner)
    chosen: bool = True
    """False when nobody named an instance, so that it is the embedded one."""


def sites(
    names: Sequence[str], choice: Choice, existing: Release | None, say: Callable[[str], None]
) -> list[Site | Unavailable]:
    """The instances by name, each once, and for those that cannot be reached now why. Raises the rest.

    `existing`: the release of this version, where there is one; an embedded instance is not always added.
    """
    if len(set(names)) != len(names):
        raise Misuse("an instance is named twice", where="--also", remedy="name each once")
    if EMBEDDED in names and existing is not None and _has_no_place(existing, choice):
        where = ", ".join(a.log.origin for a in existing.anchors)
        say(f"no second log entry: this version is anchored in {where}; this home's instance is another one")
        names = tuple(n for n in names if n != EMBEDDED)
    found = [site for name in names for site in _of_instance(name, choice)]
    logs = [s.name for s in found if isinstance(s, Site)]
    twice = next((name for i, name in enumerate(logs) if name in logs[:i]), None)
    if twice:
        raise Misuse(f"two instances record in the log {twice}", where="--also", remedy="name each log once")
    return found


def _has_no_place(existing: Release, choice: Choice) -> bool:
    """Whether the embedded instance adds nothing to a release but another operator of the same kind.

    A folder that was moved or cloned has another home by default, and so another instance: the release that
    it made elsewhere is whole. No instance is made to find that out.
    """
    origins = {a.log.origin for a in existing.anchors if log_kinds.EMBEDDED.has_origin(a.log.origin)}
    if not origins:
        return not choice.chosen
    if not (choice.home / FOLDER).exists():
        return True
    instance = Instance.open(choice.home / FOLDER, create=False)
    try:
        return instance.origin not in origins
    finally:
        instance.close()


def _of_instance(name: str, choice: Choice) -> list[Site | Unavailable]:
    """One site for each log that the instance's signing config asks for: a bundle each."""
    try:
        if name == EMBEDDED:
            return [_embedded(choice)]
        root, config = _documents(name, choice)
        logs = config.chosen_logs(datetime.now(UTC), versions=_versions(choice))
    except Unavailable as e:
        return [e]
    return [_reached(name, root, config, log, choice) for log in logs]


def _versions(choice: Choice) -> tuple[int, ...]:
    return (choice.rekor,) if choice.rekor else log_kinds.api_versions()


def _config_name(choice: Choice) -> str:
    """The signing config of a TUF repository that lists the logs that are asked for."""
    name = log_kinds.of_api(choice.rekor).name if choice.rekor else ""
    return name if name in tuf_roots.CONFIGS else "default"


def _reached(
    name: str, root: bytes, config: SigningConfig, log: Service, choice: Choice
) -> Site | Unavailable:
    try:
        return _remote(name, root, config, log, choice)
    except Unavailable as e:
        return e


def _documents(name: str, choice: Choice) -> tuple[bytes, SigningConfig]:
    """Trusted root and signing config of an instance."""
    if name in PUBLIC_INSTANCES:
        now = datetime.now(UTC)
        material = tuf_roots.load(
            tuf_roots.REPOSITORIES[name], cache=tuf_cache(), budget=choice.budget, now=now
        )
        config = signing_config.parse(material.signing_config(_config_name(choice)))
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


def _remote(name: str, root: bytes, config: SigningConfig, log: Service, choice: Choice) -> Site:
    trusted = trusted_root.parse(root)
    found = remote_instance.connect(config, trusted, log=log, budget=choice.budget, now=datetime.now(UTC))
    keys = {k.key.spki for k in trusted.tlogs if k.id == found.log.key_id}
    early: list[str] = []

    def identify() -> None:
        if choice.signer.asks and not early:
            with contextlib.suppress(AnchorError):  # no token, or none that is good: told when it should sign
                got = choice.tokens.get(found.issuer, choice.budget)
                signer.claims(got)
                early.append(got)
        if early:
            choice.signer.check(signer.claims(early[0]), found.name)

    def token() -> str:
        got = early.pop() if early else choice.tokens.get(found.issuer, choice.budget)
        choice.signer.check(signer.claims(got), found.name)
        if choice.consent is not None and (name in PUBLIC_INSTANCES or _is_public(log.url, keys)):
            choice.consent.ask(got, found.name, choice.budget)
        return got

    return Site(
        kind=name,
        name=found.name,
        trusted_root=root,
        authority=found.authority,
        stamps=found.timestamps,
        log=found.log,
        log_kind=found.log.kind,
        token=token,
        identify=identify,
        settle=SETTLE,
    )


def _is_public(url: str, keys: set[bytes]) -> bool:
    """Whether a log is one of a public instance, whatever file led to it: by its host, or its key (SPKI)."""
    host = urlsplit(url).hostname
    for repository in tuf_roots.REPOSITORIES.values():
        try:
            material = tuf_roots.load(
                repository, cache=tuf_cache(), budget=Budget(0), now=datetime.now(UTC), offline=True
            )
            public = trusted_root.parse(material.trusted_root).tlogs
        except AnchorError:  # no copy is here, so nothing was ever published there from here by its name
            continue
        if any(k.host == host or k.key.spki in keys for k in public):
            return True
    return False


def recorded(folder: Path) -> frozenset[Signing]:
    """Who the release in a folder names as its signers, in which logs; not verified. Empty without one."""
    try:
        release = release_file.load(files.read(folder / "release.json", limit=MAX_RELEASE))
    except AnchorError:
        return frozenset()
    return frozenset((a.identity, a.issuer, log_kinds.log_name(a.log.origin)) for a in release.anchors)


class EmbeddedLog:
    """The embedded log as a client of it: an entry that is there already is given, not refused."""

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


def _embedded(choice: Choice) -> Site:
    """The embedded instance in a home; a new one where there is none."""
    folder = choice.home / FOLDER
    if not (folder / "instance.json").exists():
        choice.signer.check(None, "", own=True)  # before new keys are made
    instance = Instance.open(folder, create=True)
    try:
        choice.signer.check((instance.identity, instance.issuer), instance.origin, own=True)
        clock.check_instance(datetime.now(UTC), instance)
    except AnchorError:
        instance.close()
        raise
    return Site(
        kind=EMBEDDED,
        name=instance.origin,
        trusted_root=instance.trusted_root(),
        authority=instance.authority,
        stamps=(instance.timestamps,),
        log=EmbeddedLog(instance.log),
        log_kind=log_kinds.EMBEDDED,
        token=instance.mint,
        check=partial(check_published, instance.log),
        export=instance.export,
        close=instance.close,
        independent=False,
    )


def signer_before(
    root: Path, home: Path, version: str, *, accepted: bool, own: Trust | None = None
) -> SameSigner:
    """Who signed the release before a version, by the release.json files of a folder, and which home here has
    the keys of that. To a version that is there, others are added: then its own signers count as well."""
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
    """The version that the release in a folder follows; a name that no version has where it is the first."""
    previous = release_file.load(files.read(folder / "release.json", limit=MAX_RELEASE)).previous
    return previous.version if previous else ".none"


def tools(say: Callable[[str], None], own: Trust | None) -> Tools:
    """The real checks; `own` is the publisher's policy, where there is one."""
    witnesses = own.witnesses if own else None
    return Tools(
        examine=examine,
        stamps=_stampers,
        verify=partial(verify_own, own),
        say=say,
        witnessed=None if witnesses is None else partial(_witnessed, witnesses),
        signers=own.policy.signers if own else (),
    )


def _witnessed(witnesses: WitnessPolicy, report: BundleReport) -> str:
    """Empty if the witness policy is met, else the reason."""
    try:
        check_witnesses(report, witnesses, datetime.now(UTC), Effort.unlimited())
    except AnchorError as e:
        return str(e)
    return ""


def examine(bundle: bytes, payload: bytes, root: bytes) -> BundleReport:
    """A bundle over these statement bytes, strictly; raises `Refused` with the first check that failed."""
    found = verify_bundle(bundle, trusted_root=trusted_root.parse(root), artifact=None, now=datetime.now(UTC))
    if not found.ok:
        bad = next((c for c in found.checks if c.demotes), None)
        raise Refused(f"{bad.name}: {bad.detail}" if bad else str(found.verdict), where="bundle")
    if found.payload != payload:
        raise Refused("the bundle is over another statement", where="bundle")
    return found


def _stampers(site: Site) -> tuple[Callable[[bytes], bytes], ...]:
    root = trusted_root.parse(site.trusted_root)
    return tuple(partial(request_timestamp.stamp, authority, root=root) for authority in site.stamps)


def verify_own(own: Trust | None, path: Path, release: Release, root: bytes) -> Verdict:
    """Verify a release on disk as a stranger with the publisher's policy would, from its bytes alone."""
    trust = own or _own_trust(release, root)
    data = files.read(path, limit=MAX_RELEASE)
    return verify_release(
        str(path),
        data,
        Folder(path.parent),
        trust=trust,
        now=datetime.now(UTC),
        reference_client=reference_client.second_opinion,
    )


def _own_trust(release: Release, root: bytes) -> Trust:
    """The policy that publish prints: this signer, these logs, this trusted root."""
    signers = {(a.identity, a.issuer) for a in release.anchors}
    policy = Policy(
        ledger=release.ledger.name,
        signers=tuple(Signer(identity=i, issuer=s) for i, s in sorted(signers)),
        min_anchors=len({a.log.id for a in release.anchors}),
        min_number=release.ledger.number,
    )
    return Trust(policy=policy, raw=[root], root=trusted_root.parse(root))
