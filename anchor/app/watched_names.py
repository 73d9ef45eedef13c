# SPDX-License-Identifier: Apache-2.0
"""The watch for entries that nobody published, from a policy and its trusted roots: which logs and names."""

from datetime import datetime

from anchor import log_kinds
from anchor.monitor.interfaces import NameWatch
from anchor.sigstore.trusted_root import LogKey
from anchor.verify.anchors import Trust
from anchor.verify.policy import LogWatch


def of_policy(trust: Trust, *, now: datetime) -> NameWatch | None:
    """The watch that a policy asks for; None without [[watch]].

    The signers of the policy are always watched. A shard that follows a watched one, as the trusted root has
    it, is read from its first entry on.
    """
    policy = trust.policy
    if not policy.watches:
        return None
    from anchor.verify.name_matcher import NameMatcher  # only for a policy with [[watch]]

    labels = trust.labels or [""] * len(trust.raw)
    matcher = NameMatcher(
        (*policy.signers, *policy.watched_identities), list(zip(labels, trust.each, strict=True))
    )
    logs = {one.origin: one for one in policy.watches if one.origin}
    keys = trust.root.tlogs
    later = {
        key.host: [shard.host for shard in log_kinds.later_shards(key.host, keys, now=now)]
        for key in keys
        if key.host
    }
    for one in list(logs.values()):
        for host in later.get(log_kinds.log_name(one.origin), ()):
            logs.setdefault(host, LogWatch(origin=host, requests=one.requests))
    names = {log_kinds.log_name(origin) for origin in logs}
    return NameWatch(
        matcher=matcher,
        logs=logs,
        others=next((one for one in policy.watches if not one.origin), None),
        later=later,
        explained=policy.explained,
        unwatched=tuple(_name(key) for key in keys if key.names.isdisjoint(names)),
    )


def _name(key: LogKey) -> str:
    return key.host or key.id.hex()[:16]
