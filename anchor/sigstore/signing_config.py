# SPDX-License-Identifier: Apache-2.0
"""Signing configs (v0.2) and ClientTrustConfigs: which services of an instance are used to sign.

Decides, from bytes and a time, which services a document lists and which of them are used. Opens nothing.
Form: sigstore_trustroot.proto, SigningConfig and ClientTrustConfig.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from anchor import limits
from anchor.encoding import parse_json
from anchor.errors import Misuse, Refused, Unavailable, Unsupported
from anchor.sigstore.protojson import Message, to_time
from anchor.sigstore.trusted_root import Window

MAX_SIZE = limits.SIGNING_CONFIG
MEDIA_TYPE = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
TRUST_CONFIG = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_CONFIG = (
    "mediaType", "caUrls", "oidcUrls", "rekorTlogUrls", "rekorTlogConfig", "tsaUrls", "tsaConfig",
)  # fmt: skip
_SERVICE = ("url", "majorApiVersion", "validFor", "operator")
_SELECTORS = ("ANY", "ALL", "EXACT")


class Service(msgspec.Struct, frozen=True):
    """One service: its URL, its API version, the time in which it may be used, its operator."""

    url: str
    version: int
    window: Window
    operator: str


class Selector(msgspec.Struct, frozen=True):
    """The number of services to use: ANY (one), ALL, or EXACT with a count."""

    kind: str = "ANY"
    count: int = 1


class SigningConfig(msgspec.Struct, frozen=True):
    """The services of an instance, as listed. The methods choose among them."""

    authorities: tuple[Service, ...]
    issuers: tuple[Service, ...]
    logs: tuple[Service, ...]
    log_selector: Selector
    timestamps: tuple[Service, ...]
    timestamp_selector: Selector

    def authority(self, now: datetime) -> Service:
        """The certificate authority to ask. Raises as `select` if none may be used now."""
        return select(self.authorities, {1}, Selector(), now, what="certificate authority")[0]

    def issuer(self, now: datetime) -> Service | None:
        """The OIDC issuer for the browser flow; None if the config names none that may be used now."""
        return next(iter(_usable(self.issuers, {1}, now)), None)

    def chosen_logs(self, now: datetime, *, versions: Collection[int]) -> tuple[Service, ...]:
        """The logs that the config asks for; `versions`: the APIs that may be used."""
        return select(self.logs, versions, self.log_selector, now, what="transparency log")

    def chosen_timestamps(self, now: datetime) -> tuple[Service, ...]:
        """The time-stamp authorities that the config asks for; empty if it lists none."""
        if not self.timestamps:
            return ()
        return select(self.timestamps, {1}, self.timestamp_selector, now, what="time-stamp authority")


def select(
    services: Iterable[Service], versions: Collection[int], selector: Selector, now: datetime, *, what: str
) -> tuple[Service, ...]:
    """As many services as the selector demands: valid now, of the highest supported version, and the newest
    one of each operator.

    If there are too few, raises `Unavailable` if others are valid at another time, since this machine's clock
    may be wrong. Raises `Misuse` otherwise.
    """
    services = tuple(services)
    usable = _usable(services, versions, now)
    wanted = {"ANY": 1, "ALL": max(1, len(usable)), "EXACT": selector.count}[selector.kind]
    if len(usable) >= wanted:
        return usable[:wanted]
    problem = f"{len(usable)} usable {what}, {wanted} wanted ({selector.kind})"
    remedy = "get the instance's current signing config"
    others = [s.window for s in services if s.version in versions and not s.window.covers(now)]
    if not others:
        raise Misuse(problem, where="signing config", remedy=remedy)
    problem += (
        f": {len(others)} {_out_of(others, now)}, and by this machine's clock it is {now:%Y-%m-%dT%H:%M:%SZ}"
    )
    raise Unavailable(problem, where="signing config", remedy=f"see that the clock is right, or {remedy}")


def _out_of(windows: Sequence[Window], now: datetime) -> str:
    """The window nearest to a time that none of them covers, in words."""
    starts = [w.start for w in windows if now < w.start]
    if starts:
        return f"from {min(starts):%Y-%m-%dT%H:%M:%SZ} on"
    ends = [w.end for w in windows if w.end is not None]
    return f"until {max(ends):%Y-%m-%dT%H:%M:%SZ}"


def _usable(services: Iterable[Service], versions: Collection[int], now: datetime) -> tuple[Service, ...]:
    listed = [s for s in services if s.version in versions and s.window.covers(now)]
    highest = max((s.version for s in listed), default=0)
    newest = sorted(
        (s for s in listed if s.version == highest), key=lambda s: s.window.start, reverse=True
    )  # fmt: skip
    by_operator: dict[str, Service] = {}
    for service in newest:
        by_operator.setdefault(service.operator, service)
    return tuple(by_operator.values())


def parse(data: bytes, *, where: str = "signing config") -> SigningConfig:
    """A signing config from its JSON bytes; raises Refused or Unsupported."""
    if len(data) > MAX_SIZE:
        raise Refused(f"{len(data)} bytes, more than {MAX_SIZE}", where=where)
    return _config(parse_json(data, where=where), where)


def parse_trust_config(data: bytes, *, where: str = "instance file") -> tuple[bytes, SigningConfig]:
    """Trusted root (JSON) and signing config of a ClientTrustConfig; raises Refused or Unsupported."""
    if len(data) > MAX_SIZE:
        raise Refused(f"{len(data)} bytes, more than {MAX_SIZE}", where=where)
    document = Message(parse_json(data, where=where), ("mediaType", "trustedRoot", "signingConfig"), where)
    if (media := document.text("mediaType")) != TRUST_CONFIG:
        raise Unsupported(
            f"a document of type {media[:80]!r}",
            where=where,
            remedy=f"give a ClientTrustConfig ({TRUST_CONFIG})",
        )
    root = json.dumps(document.required("trustedRoot"), ensure_ascii=False, indent=1).encode() + b"\n"
    return root, _config(document.required("signingConfig"), document.path("signingConfig"))


def _config(value: object, where: str) -> SigningConfig:
    config = Message(value, _CONFIG, where)
    if (media := config.text("mediaType")) != MEDIA_TYPE:
        raise Unsupported(
            f"a signing config of type {media[:80]!r}", where=where, remedy=f"only {MEDIA_TYPE}"
        )
    return SigningConfig(
        authorities=_services(config, "caUrls"),
        issuers=_services(config, "oidcUrls"),
        logs=_services(config, "rekorTlogUrls"),
        log_selector=_selector(config, "rekorTlogConfig"),
        timestamps=_services(config, "tsaUrls"),
        timestamp_selector=_selector(config, "tsaConfig"),
    )


def _services(config: Message, name: str) -> tuple[Service, ...]:
    return tuple(_service(m) for m in config.messages(name, _SERVICE))


def _service(service: Message) -> Service:
    if service.has("validFor"):
        window = service.message("validFor", ("start", "end"))
        start = to_time(window.required("start"), window.path("start"))
        end = to_time(window.required("end"), window.path("end")) if window.has("end") else None
    else:
        start, end = datetime.min.replace(tzinfo=UTC), None
    return Service(
        url=service.text("url").rstrip("/"),
        version=service.int64("majorApiVersion"),
        window=Window(start, end),
        operator=service.text("operator", ""),
    )


def _selector(config: Message, name: str) -> Selector:
    """ANY if the config does not say; EXACT must give a count."""
    if not config.has(name):
        return Selector()
    selector = config.message(name, ("selector", "count"))
    kind = selector.text("selector", "ANY")
    if kind not in _SELECTORS:
        raise Unsupported(f"a selector {kind[:40]!r}", where=selector.where)
    count = selector.int64("count")
    if kind == "EXACT" and count < 1:
        raise Refused("EXACT without a count", where=selector.where)
    return Selector(kind, count or 1)
