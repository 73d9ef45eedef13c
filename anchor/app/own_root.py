# SPDX-License-Identifier: Apache-2.0
"""A trusted root of the verifier's own, by a file or a digest. Those of public instances are in
`public_roots`, which brings TUF: most verifications do without it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from anchor.disk import user_files
from anchor.errors import Misuse, Refused, Unsupported
from anchor.format.names import shown
from anchor.log_kinds import EMBEDDED
from anchor.sigstore import containers
from anchor.sigstore import trusted_root as roots
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.verify.policy import RootSource

PUBLIC_INSTANCES = ("public", "staging")
"""The names that stand for a public instance in the place of a file."""


class NamedRoot(NamedTuple):
    """The verifier's own trusted root, which an option names."""

    root: TrustedRoot
    notes: tuple[str, ...] = ()


def named(text: str) -> RootSource:
    """The trusted root that an option names: an instance, a digest, or a file.

    Text that begins as a digest is never the name of a file: whoever can leave a file in the working folder
    would decide the meaning of a mistyped digest.
    """
    if text in PUBLIC_INSTANCES:
        return RootSource(name=text)
    kind, colon, digest = text.partition(":")
    if not colon or kind.lower() != "sha256":
        return RootSource(path=text)
    if kind == "sha256" and len(digest) == 64 and not set(digest) - set("0123456789abcdef"):
        return RootSource(sha256=bytes.fromhex(digest))
    remedy = "give sha256: and 64 digits of lower-case hex; name a file ./sha256:... if it is one"
    raise Misuse(f"{shown(text, 20)} is no SHA-256", where="--trusted-root", remedy=remedy)


def named_root(text: str, *, beside: Sequence[Path]) -> NamedRoot:
    """The trusted root that `--trusted-root` names: a file, or `sha256:` and 64 hex digits.

    `beside`: the files whose folders may have a root with this digest. Raises `RootNotHere` if none has, and
    `Misuse` for what is no trusted root.
    """
    source = named(text)
    if source.sha256 is None:
        return NamedRoot(own_root(user_files.read(Path(text), limit=roots.MAX_SIZE), where=text))
    from anchor.app import pinned_roots  # only for a digest without a path

    found = pinned_roots.find(source.sha256, pinned_roots.Beside(beside))
    return NamedRoot(found.root, found.notes)


def own_root(data: bytes, *, where: str) -> TrustedRoot:
    """A trusted root from a file of the verifier's own.

    Misuse, not Refused, for one that is malformed, and for a document of another tool that is known.
    """
    try:
        return roots.parse(data, where=where)
    except (Refused, Unsupported) as e:
        held = containers.recognise(data)
        if held is None:
            from anchor.app import wrong_kind  # only for what is no trusted root

            if wrong_kind.kind_of(data, where) or data.lstrip()[:1] not in (b"", b"{", b"["):
                wrong_kind.check(data, where, wrong_kind.ROOT)
        if held is None and isinstance(e, Unsupported):
            raise
        problem = f"{held.kind}, where one trusted root is wanted" if held else e.problem
        remedy = held.remedy if held else "give the file of a Sigstore trusted root"
        raise Misuse(problem, where=where if held else e.where, remedy=remedy) from None


def public_logs(root: TrustedRoot) -> frozenset[bytes]:
    """The keys (SPKI DER) of the logs of a verifier's own root that a public instance runs."""
    if all(EMBEDDED.has_origin(log.host) for log in root.tlogs):
        return frozenset()
    from anchor.app import public_roots  # brings TUF

    return public_roots.public_logs(root)
