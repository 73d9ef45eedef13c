# SPDX-License-Identifier: Apache-2.0
"""The network parts of the kinds of logs: one file for each, and its line in `NETWORKS`.

What the bytes of a log must be is in `anchor.log_kinds`. Nothing here decides whether they are true.
"""

from anchor.log_kinds.kind import LogKind
from anchor.net.logs.embedded import EmbeddedNetwork
from anchor.net.logs.network import LogNetwork
from anchor.net.logs.rekor_v1 import RekorV1Network
from anchor.net.logs.rekor_v2 import RekorV2Network

NETWORKS: tuple[LogNetwork, ...] = (RekorV1Network(), EmbeddedNetwork(), RekorV2Network())


def of(kind: LogKind) -> LogNetwork:
    """The network part of a kind."""
    return next(one for one in NETWORKS if one.kind.name == kind.name)
