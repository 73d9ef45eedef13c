# SPDX-License-Identifier: Apache-2.0
"""Descriptors of source documents: what a publisher had at hand. FORMAT.md section 25.

A descriptor is an in-toto ResourceDescriptor. A release commits to a document by name and digest. The
document itself is not part of the release. Evidence of misbehaviour of a log or a publisher is another thing.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from anchor.errors import Refused
from anchor.format import names
from anchor.format.members import Digests

EXTRACTED_FROM: Final = "extracted_from"
"""The annotation with the URL of the document from which a text was taken."""
RETRIEVED_AT: Final = "retrieved_at"
"""The annotation with the time at which the publisher got the document."""
_MEDIA_TYPE: Final = rf"^{names.MEDIA_TYPE}$"
_SHOWN: Final = 3

Text = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": names.MAX_TEXT})]


class Descriptor(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"media_type": "mediaType"},
):
    """A source document: name and digest of its file, and perhaps its URL, media type and annotations."""

    name: Annotated[str, Meta(extra_json_schema={"minLength": 1})]
    digest: Digests
    uri: Text | UnsetType = UNSET
    media_type: Annotated[str, Meta(extra_json_schema={"pattern": _MEDIA_TYPE})] | UnsetType = UNSET
    annotations: Annotated[dict[str, Text], Meta(min_length=1)] | UnsetType = UNSET

    @property
    def notes(self) -> dict[str, str]:
        """The annotations; empty if there are none."""
        return self.annotations or {}

    def __str__(self) -> str:
        """The document in words."""
        about = []
        if extracted := self.notes.get(EXTRACTED_FROM):
            about.append(f"extracted from {extracted}")
        if self.uri:
            about.append(self.uri)
        if retrieved := self.notes.get(RETRIEVED_AT):
            about.append(f"retrieved at {retrieved}")
        return f"{self.name} ({', '.join(about)})" if about else self.name


def check(descriptors: Sequence[Descriptor], *, where: str) -> None:
    """Raise `Refused` unless each one is well-formed, they are sorted by name, and they fit together."""
    order = [one.name.encode("utf-8", "surrogatepass") for one in descriptors]
    if order != sorted(set(order)):
        raise Refused("the names are not sorted by their bytes, or one stands twice", where=where)
    for one in descriptors:
        place = f"{where}: {names.shown(one.name)}"
        names.require(names.listed_path_problem(one.name), one.name, where=place)
        names.require(names.hex_problem(one.digest.sha256), one.digest.sha256, where=f"{place}: digest")
        if one.uri is not UNSET:
            names.require(names.text_problem(one.uri), one.uri, where=f"{place}: uri")
        if one.media_type is not UNSET:
            names.require(
                names.media_type_problem(one.media_type), one.media_type, where=f"{place}: mediaType"
            )
        for key, value in one.notes.items():
            names.require(names.text_problem(key), key, where=f"{place}: annotations")
            names.require(names.text_problem(value), value, where=f"{place}: annotations.{key}")
        if RETRIEVED_AT in one.notes:
            time = one.notes[RETRIEVED_AT]
            names.require(names.time_problem(time), time, where=f"{place}: annotations.{RETRIEVED_AT}")
    _check_urls(descriptors, where=where)


def _check_urls(descriptors: Sequence[Descriptor], *, where: str) -> None:
    """The digest of an extracted text never stands under the URL of the document it was taken from."""
    named = {(one.digest.sha256, one.uri) for one in descriptors if one.uri is not UNSET}
    for one in descriptors:
        source = one.notes.get(EXTRACTED_FROM)
        if source is not None and (one.digest.sha256, source) in named:
            problem = f"the digest of this text stands under the URL of the document, {names.shown(source)}"
            raise Refused(problem, where=f"{where}: {names.shown(one.name)}")


def listed(texts: Sequence[str]) -> str:
    """The first of some texts, and the number of the rest, for a line."""
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more
