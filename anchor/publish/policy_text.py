# SPDX-License-Identifier: Apache-2.0
"""The policy that accepts a release, as text for a stranger. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from anchor.encoding import toml_string
from anchor.format.release import Release
from anchor.log_kinds import EMBEDDED
from anchor.log_kinds.embedded import ALONE, own_signer


class AcceptedSigner(NamedTuple):
    """A signer of a release, and the SHA-256 (hex) of each copy of a trusted root that certified him."""

    identity: str
    issuer: str
    roots: tuple[str, ...]


def signers_of(release: Release) -> list[AcceptedSigner]:
    """The signers that a policy for a release accepts, each under the roots of his own instances alone."""
    found: dict[tuple[str, str], set[str]] = {}
    for anchor in release.anchors:
        found.setdefault((anchor.identity, anchor.issuer), set()).add(anchor.trusted_root)
    return [AcceptedSigner(*signer, tuple(sorted(roots))) for signer, roots in sorted(found.items())]


def is_own(signer: AcceptedSigner, release: Release) -> bool:
    """True if the trusted root itself says who this signer is: the publisher, by his embedded instance.

    Any other authority certifies many people, and each of them can add an anchor to a release of somebody
    else. So the digest of a root says nothing about him.
    """
    who = (signer.identity, signer.issuer)
    origins = {a.log.origin for a in release.anchors if (a.identity, a.issuer) == who}
    return all(EMBEDDED.has_origin(origin) and who == own_signer(origin) for origin in origins)


def pin_line(*pins: tuple[str, str]) -> str:
    """The line of a policy that pins trusted roots by their SHA-256 (hex), each at its path. Without a path
    the bytes may come from anywhere."""
    named = (f'{f"path = {toml_string(path)}, " if path else ""}sha256 = "{sha256}"' for path, sha256 in pins)
    return f"trusted_root = [{', '.join(f'{{ {one} }}' for one in named)}]"


def groups(sha256: str) -> list[str]:
    """A digest (hex) in groups of four, as people compare it."""
    return [sha256[at : at + 4] for at in range(0, len(sha256), 4)]


def compare_lines(digests: Iterable[str]) -> list[str]:
    """Comments with each digest (hex) in groups of four, as people compare it."""
    return [
        line
        for digest in digests
        for line in (
            f"# In groups: {' '.join(groups(digest)[:8])}",
            f"#            {' '.join(groups(digest)[8:])}",
        )
    ]


def policy_text(release: Release) -> str:
    """A `policy.toml`. It pins the trusted roots by their digests alone, so that it works on any machine."""
    head = [
        f"# Accepts {toml_string(release.ledger.name)} as its publisher signs it. Take the digest below from",
        "# somewhere else than the release: whoever can change both can be anyone.",
        *compare_lines(dict.fromkeys(blob.sha256 for blob in release.trusted_roots)),
    ]
    return written(release, head)


def written(
    release: Release, head: Sequence[str], *, names: Mapping[str, str] | None = None, compared: bool = True
) -> str:
    """A `policy.toml` with these first lines.

    `names`: the public instances, by the SHA-256 (hex) of the copies whose place they take.
    """
    names = names or {}
    roots = list(dict.fromkeys(blob.sha256 for blob in release.trusted_roots))
    lines = [*head]
    if all(EMBEDDED.has_origin(a.log.origin) for a in release.anchors):
        lines += [
            f"# The log is embedded: run by the publisher, so {ALONE}.",
            "# Witnesses of your own choice change that: name them in tlog_policy.",
        ]
    lines += [
        "# A [[watch]] table finds what is signed in this name and published nowhere: see docs/policy.md.",
        f"ledger = {toml_string(release.ledger.name)}",
        f"min_number = {release.ledger.number}",
        f"min_anchors = {len({a.log.id for a in release.anchors})}",
        _roots_line(roots, names),
    ]
    lines += [] if compared else ["compared = false  # taken from the release itself, compared with nothing"]
    for identity, issuer, certified in signers_of(release):
        lines += ["", "[[signer]]", f"identity = {toml_string(identity)}", f"issuer = {toml_string(issuer)}"]
        if len(roots) > 1:
            labels = dict.fromkeys(names.get(root, root) for root in certified)
            lines += [f"trusted_root = [{', '.join(map(toml_string, labels))}]"]
    return "\n".join(lines) + "\n"


def _roots_line(roots: Sequence[str], names: Mapping[str, str]) -> str:
    if not names:
        return pin_line(*(("", root) for root in roots))
    items = dict.fromkeys(
        toml_string(names[root]) if root in names else f'{{ sha256 = "{root}" }}' for root in roots
    )
    return f"trusted_root = [{', '.join(items)}]"
