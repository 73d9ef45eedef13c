# SPDX-License-Identifier: Apache-2.0
"""Log entry bodies: rebuilt from the bundle and the artifact, and compared byte by byte.

Decides whether the log recorded this signature, by this key, over this file. The kind of the log
(`anchor.log_kinds`) says what its entries are made of.
"""

from typing import Any

import msgspec

from anchor import log_kinds
from anchor.errors import Refused
from anchor.log_kinds.kind import Signed, parse_body
from anchor.sigstore.bundle import LogEntry

_canonical = msgspec.json.Encoder(order="sorted").encode
"""RFC 8785 for what is rebuilt here: strings and ASCII names, no numbers."""


def check(entry: LogEntry, signed: Signed, *, where: str) -> str:
    """What was compared, if the entry's body is the one that this signature gives; raises Refused."""
    specs = log_kinds.of_entry(entry).rebuild(entry, signed, where)
    wanted = [{"apiVersion": entry.version, "kind": entry.kind, "spec": spec} for spec in specs]
    if entry.body not in map(_canonical, wanted):
        difference = _difference(parse_body(entry, where), wanted[0])
        raise Refused(f"its body is not this bundle's: {difference}", where=where)
    kind = f"{entry.kind} {entry.version}"
    return f"the {kind} body is the one made again from file, signature and signer, byte for byte"


def stated_details(entry: LogEntry) -> str:
    """The key details that an entry states, "" if none; nothing is true of them before `check`."""
    return log_kinds.of_entry(entry).stated_details(entry)


def _difference(found: Any, wanted: Any, path: str = "body") -> str:
    """Where two JSON values differ first, in words."""
    if found == wanted:
        return "it is not written in canonical form"
    if isinstance(found, list) and isinstance(wanted, list):
        if len(found) != len(wanted):
            return f"{path} has {len(found)} items, not {len(wanted)}"
        found, wanted = dict(enumerate(found)), dict(enumerate(wanted))
    if not isinstance(found, dict) or not isinstance(wanted, dict):
        return f"{path} differs"
    absent = object()
    both = sorted(found.keys() | wanted.keys())
    name = next(n for n in both if found.get(n, absent) != wanted.get(n, absent))
    inner = f"{path}.{str(name)[:40]}"
    if name not in found or name not in wanted:
        return f"it {'adds' if name in found else 'lacks'} {inner}"
    return _difference(found[name], wanted[name], inner)
