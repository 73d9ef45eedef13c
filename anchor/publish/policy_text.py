# SPDX-License-Identifier: Apache-2.0
"""The policy that accepts a release, as text for a stranger. Pure."""

from anchor.encoding import toml_string
from anchor.format.release import Release
from anchor.log_kinds import EMBEDDED


def pin_line(path: str, sha256: str) -> str:
    """The line of a policy that names a trusted root and pins it."""
    return f'trusted_root = [{{ path = {toml_string(path)}, sha256 = "{sha256}" }}]'


def policy_text(release: Release, trusted_root: str) -> str:
    """A `policy.toml`; `trusted_root` is the path of the copy that was published, its digest is the pin."""
    lines = [
        f"# Accepts {toml_string(release.ledger.name)} as its publisher signs it. Take the digest below from",
        "# somewhere else than the release: whoever can change both can be anyone.",
    ]
    if all(EMBEDDED.has_origin(a.log.origin) for a in release.anchors):
        lines += ["# The log is embedded: run by the publisher, so no independent evidence."]
    lines += [
        f"ledger = {toml_string(release.ledger.name)}",
        f"min_number = {release.ledger.number}",
        f"min_anchors = {len({a.log.id for a in release.anchors})}",
        pin_line(trusted_root, release.trusted_root.sha256),
    ]
    for identity, issuer in sorted({(a.identity, a.issuer) for a in release.anchors}):
        lines += ["", "[[signer]]", f"identity = {toml_string(identity)}", f"issuer = {toml_string(issuer)}"]
    return "\n".join(lines) + "\n"
