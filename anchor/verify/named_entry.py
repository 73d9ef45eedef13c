# SPDX-License-Identifier: Apache-2.0
"""An entry of a log under a watched identity, as a value. `name_matcher` finds it."""

import msgspec


class NamedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry under a watched identity."""

    index: int
    digest: str
    """The digest that the entry records, hex; "" if its form is not known."""
    certified: bool
    identity: str = ""
    issuer: str = ""
    """As a trusted authority certified them; empty for a name that is only claimed."""
    body: bytes = b""
    """The bytes of the entry; empty if they are not kept."""
