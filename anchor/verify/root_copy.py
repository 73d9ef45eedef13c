# SPDX-License-Identifier: Apache-2.0
"""The copy of the trust material that lies beside a release: convenient, and believed by nobody who verifies.

Decides whether it is the file that release.json names, does what the verifier's own roots do, and says of
everything what they say. Somebody after this verifier may take it unseen.
"""

from collections import defaultdict
from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from cryptography import x509

from anchor import limits
from anchor.errors import AnchorError, Refused, Unavailable
from anchor.format.release import MAX_TRUSTED_ROOT, Release
from anchor.sigstore.trusted_root import Authority, LogKey, TrustedRoot
from anchor.sigstore.trusted_root import parse as parse_root
from anchor.verdict import Check
from anchor.verify import root_entries
from anchor.verify.bundle import verify_bundle
from anchor.verify.effort import Effort
from anchor.verify.files import Files, read_whole
from anchor.verify.release_steps import COPY, broken, held
from anchor.verify.report import BundleReport

_SHOWN = 3
_REFRESH = (
    "refresh your trusted root (anchor trust update, or pin a newer file); if it stays, the copy was "
    "replaced: do not rely on it"
)


@dataclass(frozen=True)
class Copy:
    """The copy: its JSON, and what that says."""

    raw: bytes
    root: TrustedRoot

    def verify(self, bundle: bytes, now: datetime, effort: Effort) -> BundleReport:
        """A bundle of any signer under the copy alone: consistent at best, as anybody can make a copy."""
        return verify_bundle(
            bundle, trusted_root=self.root, artifact=None, signers=None, now=now, effort=effort
        )

    def verifies_same(self, bundle: bytes, payload: bytes, now: datetime, effort: Effort) -> str:
        """What the verifier's own root verifies, the copy verifies; raises `Refused`, and `Unavailable` when
        that costs too much."""
        found = self.verify(bundle, now, effort)
        effort.poll()
        if not found.ok or found.payload != payload:
            raise Refused("the copy in the release does not verify what the policy's root verifies")
        return "the copy in the release verifies what the policy's trusted root verifies"

    def consistent_with(self, own: TrustedRoot, used: Set[root_entries.Name]) -> str:
        """It says of everything what the verifier's roots say, or said before they ended something.

        `used`: what the anchors rest on that count for nothing. Raises `Refused` for another story about one
        and the same key, and `Unavailable` for what the verifier's roots may not know yet.
        """
        known: dict[root_entries.Name, list[LogKey | Authority]] = defaultdict(list)
        for name, entry in root_entries.entries(own):
            known[name].append(entry)
        doubts, foreign = [], 0
        for name, entry in root_entries.entries(self.root):
            what = f"{name[0]} {_title(entry)}"
            if name not in known and name in used:
                foreign += 1
            elif name not in known:
                doubts.append(what)
            else:
                rank, line = min(_difference(entry, other) for other in known[name])
                if rank is _Rank.CONTRADICTS:
                    raise Refused(f"of the {what} it says {line}")
                if rank is _Rank.NEWER:
                    doubts.append(f"{what} ({line})")
        unusable = {u.id for u in (*own.unusable_tlogs, *own.unusable_ctlogs)}
        for log in (*self.root.unusable_tlogs, *self.root.unusable_ctlogs):
            if log.id not in unusable:
                doubts.append(f"a log that this program cannot use ({log.problem})")
        if doubts:
            shown = ", ".join(doubts[:_SHOWN]) + (", ..." if len(doubts) > _SHOWN else "")
            problem = f"it names what your trusted roots do not, and what no anchor here needs: {shown}"
            raise Unavailable(problem, remedy=_REFRESH)
        line = "of what it names, your trusted roots say the same"
        return line if not foreign else f"{line}, but for {foreign} of anchors that count for nothing"


def read(
    release: Release, files: Files, known: Callable[[bytes], TrustedRoot | None] | None
) -> tuple[Copy | None, Check]:
    """The copy that a release names, and the check that it is that file. `known` gives the roots that the
    verifier has parsed already: most copies are one of them."""
    blob = release.trusted_root
    try:
        data = read_whole(files, blob.path, size=blob.size, sha256=blob.sha256, limit=MAX_TRUSTED_ROOT)
        root = known(data) if known else None
        root = root or _strange(data, blob.path)
    except AnchorError as e:
        return None, broken(COPY, e)
    line = f"{blob.path} has SHA-256 {blob.sha256}, which release.json names"
    return Copy(data, root), held(COPY, line)


def _strange(data: bytes, where: str) -> TrustedRoot:
    """A root that is none of the verifier's: anybody may have made it long, or ambiguous."""
    root = parse_root(data, where=where)
    listed = (root.tlogs, root.ctlogs, root.authorities, root.timestamp_authorities)
    chains = [a.certificates for a in (*root.authorities, *root.timestamp_authorities)]
    if max(map(len, (*listed, *(root.unusable_tlogs, root.unusable_ctlogs)))) > limits.COPY_ITEMS:
        raise Refused(f"more than {limits.COPY_ITEMS} logs or authorities of one kind", where=where)
    if max(map(len, chains), default=0) > limits.COPY_CHAIN:
        raise Refused(f"a chain of more than {limits.COPY_CHAIN} certificates", where=where)
    for authorities in (root.authorities, root.timestamp_authorities):
        seen: dict[tuple[x509.Name, int], bytes] = {}
        for authority in authorities:
            if authority.issuer_serial is None:  # no time stamp can name it
                continue
            first = authority.fingerprints[0]
            if seen.setdefault(authority.issuer_serial, first) != first:
                problem = f"two authorities have one issuer and serial number: {_title(authority)}"
                raise Refused(f"{problem} (RFC 5280 section 4.1.2.2)", where=where)
    return root


class _Rank(IntEnum):
    """What one root says of a thing, beside what another says: from what is fine to what is false."""

    SAME = 0
    NEWER = 1
    """It may have been written later."""
    CONTRADICTS = 2


def _difference(copy: LogKey | Authority, own: LogKey | Authority) -> tuple[_Rank, str]:
    """The worst difference. In what only `own` has, the copy is an older one: fine."""
    found = [(_Rank.SAME, "")]
    for name, theirs, ours in _fixed(copy, own):
        if theirs != ours:
            found.append((_Rank.CONTRADICTS, f"{name} {theirs}, your trusted roots say {ours}"))
    late = (
        ("end", copy.window.end, own.window.end),
        ("operator", copy.operator or None, own.operator or None),
    )
    for name, then, now in late:
        if then is not None and then != now:
            rank = _Rank.NEWER if now is None else _Rank.CONTRADICTS
            found.append((rank, f"{name} {then}, your trusted roots say {now or 'nothing'}"))
    if isinstance(copy, LogKey) and isinstance(own, LogKey) and copy.id != own.id:
        found.append((_Rank.NEWER, f"id {copy.id.hex()}, your trusted roots say {own.id.hex()}"))
    return max(found)


def _fixed(copy: LogKey | Authority, own: LogKey | Authority) -> list[tuple[str, object, object]]:
    """What no honest root ever says otherwise of one thing."""
    found: list[tuple[str, object, object]] = [("start", copy.window.start, own.window.start)]
    if isinstance(copy, LogKey) and isinstance(own, LogKey):
        found += [
            ("URL", copy.base_url, own.base_url),
            ("algorithm", copy.key.scheme.details, own.key.scheme.details),
        ]
    elif isinstance(copy, Authority) and isinstance(own, Authority):
        found += [
            ("URI", copy.uri, own.uri),
            ("subject", copy.subject, own.subject),
            ("chain", _digests(copy), _digests(own)),
        ]
    return found


def _digests(authority: Authority) -> str:
    return ", ".join(f.hex() for f in authority.fingerprints)


def _title(entry: LogKey | Authority) -> str:
    if isinstance(entry, LogKey):
        return entry.base_url or entry.id.hex()
    return entry.uri or entry.subject or _digests(entry) or "without certificates"
