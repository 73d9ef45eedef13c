# SPDX-License-Identifier: Apache-2.0
"""The policy that accepts a release, as text for a stranger. Pure."""

import json

from anchor.release import Release


def policy_text(release: Release, trusted_root: str, *, independent: bool) -> str:
    """A `policy.toml`; `trusted_root` is the path of the copy that was published, its digest is the pin."""
    lines = [
        f"# Accepts {_quoted(release.ledger.name)} as its publisher signs it. Take the digest below from",
        "# somewhere else than the release: whoever can change both can be anyone.",
    ]
    if not independent:
        lines += [
            "# The log is embedded: run by the publisher, so no independent evidence.",
        ]
    lines += [
        f"ledger = {_quoted(release.ledger.name)}",
        f"min_number = {release.ledger.number}",
        f"min_anchors = {len({a.log.id for a in release.anchors})}",
        f'trusted_root = [{{ path = {_quoted(trusted_root)}, sha256 = "{release.trusted_root.sha256}" }}]',
    ]
    for identity, issuer in sorted({(a.identity, a.issuer) for a in release.anchors}):
        lines += ["", "[[signer]]", f"identity = {_quoted(identity)}", f"issuer = {_quoted(issuer)}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, and nothing else needs one."""
    return json.dumps(text, ensure_ascii=False)
