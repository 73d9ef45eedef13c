# SPDX-License-Identifier: Apache-2.0
"""A Sigstore instance over HTTP: its certificate authority, its time-stamp authorities, and its log.

Requests and answers are bytes as the public APIs define them. Other modules decide what they prove. Each call
has the time that is left in the command's budget. A request is repeated only if that has no further effect.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from anchor import limits, log_kinds
from anchor.errors import Misuse, Refused
from anchor.log_kinds.kind import LogKind
from anchor.net import http, logs
from anchor.net.budget import Budget
from anchor.net.http import Patience
from anchor.net.logs.remote_log import RemoteLog
from anchor.net.service_errors import HttpError, ServiceError
from anchor.net.urls import check_url
from anchor.sigstore.signing_config import Service, SigningConfig
from anchor.sigstore.trusted_root import LogKey, TrustedRoot
from anchor.tlog import checkpoint as checkpoints

CA = "certificate authority"
TSA = "time-stamp authority"
MAX_CHAIN = limits.ANSWER_CHAIN
MAX_TOKEN = limits.TIMESTAMP
"""A token is verified before it is used, so a larger answer than a verifier reads is refused."""
_PATIENCE = Patience(read=20.0)


@dataclass(frozen=True)
class RemoteAuthority:
    """Fulcio. A repeated request costs a certificate that nobody uses, and nothing else."""

    url: str
    budget: Budget

    def issue(self, request: bytes, token: str) -> bytes:
        """CreateSigningCertificateRequest JSON in, SigningCertificate JSON out.

        Raises `Misuse` for a token that is not accepted, `Unavailable` when no answer came.
        """
        url = f"{self.url}/api/v2/signingCert"
        headers = {"Authorization": f"Bearer {_one_line(token)}"}
        try:
            answer = http.post(
                CA, url, request, content_type="application/json", headers=headers, budget=self.budget,
                limit=MAX_CHAIN, expect=("application/json",), patience=_PATIENCE, safe=True,
            )  # fmt: skip
        except HttpError as e:
            if e.status in (400, 401, 403):
                # Fulcio answers every fault of a token with the same words
                remedy = (
                    "get a new token: right audience (sigstore), issuer known to it, not expired, an e-mail"
                )
                raise Misuse(
                    f"the identity token is not accepted: {e.problem}", where=e.where, remedy=remedy
                ) from None
            raise
        return answer.body


@dataclass(frozen=True)
class RemoteTimestamps:
    """RFC 3161 over HTTP. A repeated request has no effect at all."""

    url: str
    budget: Budget

    def stamp(self, request: bytes) -> bytes:
        """TimeStampReq DER in, TimeStampResp DER out. Raises `Unavailable`."""
        answer = http.post(
            TSA, self.url, request, content_type="application/timestamp-query", budget=self.budget,
            limit=MAX_TOKEN, expect=("application/timestamp-reply",), patience=_PATIENCE, safe=True,
        )  # fmt: skip
        return answer.body


@dataclass(frozen=True)
class Instance:
    """The services of an instance that a signing config chose for one log."""

    authority: RemoteAuthority
    timestamps: tuple[RemoteTimestamps, ...]
    """Each of them stamps each signature."""
    log: RemoteLog
    issuer: str
    """Base URL of the OIDC issuer for the browser flow; empty when the config names none."""

    @property
    def name(self) -> str:
        """The log's host name, as the trusted root has it."""
        return self.log.known.origin


def connect(
    config: SigningConfig,
    root: TrustedRoot,
    *,
    log: Service,
    budget: Budget,
    now: datetime,
) -> Instance:
    """One of the logs that the config chooses, with its key from the root, and what signing needs besides.

    Asks the log for its checkpoint only when the root has several it can be. Raises `Refused` when config
    and root do not fit together, `Misuse` for URLs that must not be used or a config that lists too few
    services, `Unavailable` also when none may be used at this time.
    """
    authority = config.authority(now)
    stamps = config.chosen_timestamps(now)
    issuer = config.issuer(now)
    for used in (authority, log, *stamps):
        check_url(used.url, where="signing config")
    return Instance(
        authority=RemoteAuthority(_host_root(authority.url), budget),
        timestamps=tuple(RemoteTimestamps(s.url, budget) for s in stamps),
        log=connect_log(log, root, budget=budget),
        issuer=issuer.url if issuer else "",
    )


def connect_log(service: Service, root: TrustedRoot, *, budget: Budget) -> RemoteLog:
    """A log by its URL and the key that the root has for it. Raises `Refused` when the root has none."""
    kind = log_kinds.of_api(service.version)
    key = _by_host(service, root) or _by_kind(kind, root) or _by_origin(service, kind, root, budget)
    return logs.of(kind).writer(service.url, kind.known_log(key), key.id, budget=budget)


def _by_host(service: Service, root: TrustedRoot) -> LogKey | None:
    found = [k for k in root.tlogs if k.host == urlsplit(service.url).hostname]
    return found[0] if len(found) == 1 else None


def _by_kind(kind: LogKind, root: TrustedRoot) -> LogKey | None:
    """The only log of the root that has a key of this kind. Nobody needs to be asked: its checkpoints must
    prove it."""
    found = [k for k in root.tlogs if kind.signs_with(k)]
    return found[0] if len(found) == 1 else None


def _by_origin(service: Service, kind: LogKind, root: TrustedRoot, budget: Budget) -> LogKey:
    """The root's log whose checkpoint this URL serves: a log keeps its origin behind any URL."""
    try:
        raw = logs.of(kind).checkpoint(service.url, budget)
        origin = kind.log_name(checkpoints.parse(raw).origin)
    except Refused as e:
        raise ServiceError(
            f"serves no checkpoint: {e}", where=f"log {service.url}", remedy="check the URL"
        ) from None
    found = [k for k in root.tlogs if origin in (k.host, k.netloc)]
    if len(found) != 1:
        raise Refused(
            f"the log calls itself {origin[:200]!r}, and the trusted root has {len(found)} logs of that name",
            where=service.url,
            remedy="use the signing config and the trusted root of one instance",
        )
    return found[0]


def _host_root(url: str) -> str:
    """Scheme and host: Fulcio's API is at the root of its host, as the client has it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _one_line(token: str) -> str:
    if not token or not token.isascii() or any(c.isspace() for c in token):
        raise Misuse("not a token", where="token", remedy="give the JWT alone, without spaces or line breaks")
    return token


__all__ = ["Instance", "RemoteAuthority", "RemoteTimestamps", "connect", "connect_log"]
