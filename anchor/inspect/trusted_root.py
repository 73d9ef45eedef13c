# SPDX-License-Identifier: Apache-2.0
"""Trusted roots, signing configs and ClientTrustConfigs in words. Verifies nothing.

None of them is signed: a policy's pin or TUF vouches for the file as a whole, or nobody does.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

from anchor.errors import AnchorError
from anchor.inspect.fields import Description, Field, Rule, Rules, bound, member, unbound, walk
from anchor.inspect.x509 import plain_certificate
from anchor.sigstore import signing_config, trusted_root
from anchor.sigstore.protojson import MAX_ITEMS
from anchor.words import several

WHOLE = unbound("nothing inside of the file: a policy's sha256 or TUF vouches for it as a whole")
TYPE = unbound("says how to read the file")
KEY_ID = unbound(
    "no more than its key is; recomputed from the key, and for Ed25519 the URL, when the file is read"
)
ANCHOR = unbound(
    "the last of its chain is believed because the file is: a policy's sha256 or TUF vouches for that"
)
LINKED = bound("the signature of the next certificate of its chain; the last one is believed as the file is")
CHOOSES = unbound("it only chooses services to sign with; what they answer is verified under a trusted root")

_PREFIX = "application/vnd.dev.sigstore."
KINDS = {
    f"{_PREFIX}trustedroot": "trusted root",
    f"{_PREFIX}signingconfig": "signing config",
    f"{_PREFIX}clienttrustconfig": "client trust config",
}


def kind_of(value: dict[str, Any]) -> str:
    """Which of the three a JSON object says that it is; "" if none."""
    media = member(value, "mediaType")
    if not isinstance(media, str):
        return ""
    return next((kind for prefix, kind in KINDS.items() if media.startswith(prefix)), "")


def read(data: bytes, value: dict[str, Any], kind: str) -> Description:
    """One of the three; `value` is its JSON."""
    problem, sentence, notes = "", f"a {kind} that cannot be used as it stands", []
    try:
        if kind == "trusted root":
            root = trusted_root.parse(data)
            sentence, notes = _trusts(root), list(root.unusable)
        elif kind == "signing config":
            sentence = _chooses(signing_config.parse(data))
        else:
            raw, config = signing_config.parse_trust_config(data)
            sentence = f"{_trusts(trusted_root.parse(raw))}; {_chooses(config)}"
    except AnchorError as e:
        problem = str(e)
    rules = _CONFIG if kind == "signing config" else _root_rules(value)
    if kind == "client trust config":
        inner = member(value, "trustedRoot")
        rules = {
            "mediaType": TYPE,
            **{f"trustedRoot.{path}": rule for path, rule in _root_rules(inner).items()},
            **{f"signingConfig.{path}": rule for path, rule in _CONFIG.items()},
        }
    unusable = tuple(f"not usable by this program: {n}" for n in notes)
    return Description(kind, sentence, walk(value, rules, proto=True), problem, unusable)


def _trusts(root: trusted_root.TrustedRoot) -> str:
    return (
        f"trusts {several(len(root.tlogs), 'transparency log')}, "
        f"{several(len(root.ctlogs), 'certificate log')}, "
        f"{several(len(root.authorities), 'certificate authority')} and "
        f"{several(len(root.timestamp_authorities), 'time-stamper')}"
    )


def _chooses(config: signing_config.SigningConfig) -> str:
    return (
        f"signs with {several(len(config.authorities), 'authority')}, {several(len(config.logs), 'log')} "
        f"({config.log_selector.kind}) and {several(len(config.timestamps), 'time-stamper')} "
        f"({config.timestamp_selector.kind})"
    )


_CONFIG: Rules = {
    "mediaType": TYPE,
    **{
        f"{services}[*].{name}": CHOOSES
        for services in ("caUrls", "oidcUrls", "rekorTlogUrls", "tsaUrls")
        for name in ("url", "majorApiVersion", "validFor.*", "operator")
    },
    **dict.fromkeys(("caUrls", "oidcUrls", "rekorTlogUrls", "tsaUrls"), CHOOSES),
    **{
        f"{config}.{name}": CHOOSES
        for config in ("rekorTlogConfig", "tsaConfig")
        for name in ("selector", "count")
    },
}


def _root_rules(value: Any) -> dict[str, Rule]:
    found: dict[str, Rule] = {"mediaType": TYPE}
    for logs in ("tlogs", "ctlogs"):
        found[logs] = WHOLE
        for name in ("baseUrl", "hashAlgorithm", "operator", "publicKey.rawBytes", "publicKey.keyDetails"):
            found[f"{logs}[*].{name}"] = WHOLE
        found[f"{logs}[*].publicKey.validFor.*"] = WHOLE
        found[f"{logs}[*].logId.keyId"] = found[f"{logs}[*].checkpointKeyId.keyId"] = KEY_ID
    for authorities in ("certificateAuthorities", "timestampAuthorities"):
        found[authorities] = WHOLE
        for name in ("subject.*", "uri", "validFor.*", "operator"):
            found[f"{authorities}[*].{name}"] = WHOLE
        path = f"{authorities}[*].certChain.certificates[*].rawBytes"
        found[path] = Rule(LINKED.bound, LINKED.by, partial(_certificate, rule=LINKED))
        found |= _lasts(value, authorities)
    return found


def _lasts(value: Any, authorities: str) -> dict[str, Rule]:
    """The last certificate of each chain, which nothing signs but itself."""
    found = {}
    listed = member(value, authorities)
    for i, authority in enumerate(listed[:MAX_ITEMS] if isinstance(listed, list) else ()):
        chain = member(authority, "certChain", "certificates")
        last = len(chain) - 1 if isinstance(chain, list) else 0
        path = f"{authorities}[{i}].certChain.certificates[{last}].rawBytes"
        found[path] = Rule(ANCHOR.bound, ANCHOR.by, partial(_certificate, rule=ANCHOR))
    return found


def _certificate(value: Any, at: str, *, rule: Rule) -> Iterable[Field]:
    return plain_certificate(value, at, rule)


def windows(root: trusted_root.TrustedRoot, now: datetime) -> dict[str, Any]:
    """The keys of a root with their validity, as plain values for JSON."""
    return {
        "transparency_logs": [_log(log, now) for log in root.tlogs],
        "certificate_logs": [_log(log, now) for log in root.ctlogs],
        "certificate_authorities": [_authority(a, now) for a in root.authorities],
        "timestamp_authorities": [_authority(a, now) for a in root.timestamp_authorities],
        "unusable": list(root.unusable),
    }


def window_lines(shown: dict[str, Any]) -> Iterable[str]:
    """The same for a person."""
    yield f"trusted root {shown['root']}"
    yield f"SHA-256 {shown['sha256']}"
    yield f"in groups {' '.join(shown['sha256'][at : at + 4] for at in range(0, 64, 4))}"
    if tuf := shown.get("tuf"):
        when = f"refreshed {tuf['refreshed']}" if tuf["refreshed"] else "never refreshed here"
        yield f"from {tuf['origin']}, {when}, valid until {tuf['expires'] or 'nobody knows when'}"
        if tuf["state"]:
            yield f"not to be relied on alone: {tuf['state']}"
    for title, part in (
        ("transparency logs (who has the entries)", "transparency_logs"),
        ("certificate logs", "certificate_logs"),
        ("certificate authorities (who says who signs)", "certificate_authorities"),
        ("time-stamp authorities (who says when)", "timestamp_authorities"),
    ):
        yield f"{title}:"
        for item in shown[part]:
            yield f"  {item.get('url') or item.get('subject')}  {item['key']}"
            yield f"    id {item['id']}"
            yield f"    trusted {item['trusted']}{'' if item['now'] else '  (not now)'}"
        if not shown[part]:
            yield "  none"
    for line in shown["unusable"]:
        yield f"not usable by this program: {line}"


def _log(log: trusted_root.LogKey, now: datetime) -> dict[str, Any]:
    return {
        "url": log.base_url,
        "id": log.id.hex(),
        "key": log.key.scheme.details,
        "operator": log.operator,
        **_window(log.window, now),
    }


def _authority(authority: trusted_root.Authority, now: datetime) -> dict[str, Any]:
    last = authority.fingerprints[-1].hex() if authority.fingerprints else ""
    return {
        "url": authority.uri,
        "subject": authority.subject,
        "key": f"chain of {len(authority.certificates)}",
        "id": last,
        "operator": authority.operator,
        **_window(authority.window, now),
    }


def _window(window: trusted_root.Window, now: datetime) -> dict[str, Any]:
    end = window.end.isoformat() if window.end else None
    return {
        "start": window.start.isoformat(),
        "end": end,
        "trusted": f"from {window.start.isoformat()} {'until ' + end if end else 'on'}",
        "now": window.covers(now),
    }
