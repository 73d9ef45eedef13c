# SPDX-License-Identifier: Apache-2.0
"""Documents of other tools that contain bundles or trusted roots, or are used in their place.

Decides from bytes alone which kind such a document is, and says how to extract a bundle or a trusted root.
PEP 740; the npm registry's attestations; GitHub's attestations API and `gh attestation`; cosign before 2.0.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from anchor.encoding import parse_json
from anchor.errors import AnchorError

_SIGSTORE = "application/vnd.dev.sigstore."
_OURS = b'"format":"urn:ledger-anchor:'
_LINES = "sed -n 1p FILE > one.json writes the first; so each line into a file of its own"
_PYPI = (
    "pypi-attestations converts it: Attestation.model_validate_json(text).to_bundle().to_json(), "
    "of each attestation"
)


class Container(msgspec.Struct, frozen=True):
    """The kind of a document, and the way to extract a bundle or a trusted root from it."""

    kind: str
    remedy: str


def recognise(data: bytes) -> Container | None:
    """The container in these bytes. None for anything else, also for a bundle and for a trusted root."""
    try:
        value = parse_json(data, foreign=True)
    except AnchorError:
        return _lines(data)
    if not isinstance(value, dict):
        return None
    return next((describe(value) for fits, describe in _KINDS if fits(value)), None)


def _lines(data: bytes) -> Container | None:
    """JSON Lines: at least two, each of them a JSON object. A file of ours, which has bundles inside, is not
    one."""
    lines = [line for line in data.split(b"\n") if line.strip()]
    if len(lines) < 2 or _SIGSTORE.encode() not in lines[0] or _OURS in lines[0]:  # facts are JSON Lines too
        return None
    try:
        values = [parse_json(line, foreign=True) for line in lines]
    except AnchorError:
        return None
    if not all(isinstance(value, dict) for value in values):
        return None
    return Container(f"JSON Lines of {len(values)} {_kind_of(values)}", _LINES)


def _kind_of(values: list[Any]) -> str:
    """The common kind of several documents, by their media types."""
    kinds = [value.get("mediaType") for value in values]
    for name, what in (("bundle", "Sigstore bundles"), ("trustedroot", "Sigstore trusted roots")):
        if all(isinstance(kind, str) and kind.startswith(_SIGSTORE + name) for kind in kinds):
            return what
    return "documents"


def _attestations(value: dict[str, Any]) -> Container:
    count = len(value["attestations"])
    kind = f"a list of {count} attestation{'' if count == 1 else 's'}, as npm and GitHub give it"
    return Container(kind, "jq '.attestations[0].bundle' FILE > bundle.json writes the first bundle")


def _has(*members: tuple[str, type]) -> Callable[[dict[str, Any]], bool]:
    return lambda value: all(isinstance(value.get(name), kind) for name, kind in members)


_KINDS: tuple[tuple[Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], Container]], ...] = (
    (
        _has(("version", int), ("verification_material", dict), ("envelope", dict)),
        lambda _: Container("an attestation of PyPI (PEP 740), which is not a Sigstore bundle", _PYPI),
    ),
    (
        _has(("version", int), ("attestation_bundles", list)),
        lambda _: Container("a provenance object of PyPI (PEP 740), which holds attestations", _PYPI),
    ),
    (_has(("attestations", list)), _attestations),
    (
        _has(("base64Signature", str), ("rekorBundle", dict)),
        lambda _: Container(
            "a bundle of cosign's own older format", "make a new one with: cosign bundle create"
        ),
    ),
    (
        _has(("payload", str), ("payloadType", str), ("signatures", list)),
        lambda _: Container(
            "a DSSE envelope alone", "give the bundle that it is in, which says who signed and when"
        ),
    ),
)
