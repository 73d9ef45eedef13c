# SPDX-License-Identifier: Apache-2.0
"""Any file that this program knows, in words: its kind, its contents, and what binds each field.

The kind is decided from the bytes alone. No signature is verified. A field is `bound` if a verification with
this program refuses another value in it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from anchor import limits
from anchor.encoding import parse_json
from anchor.errors import AnchorError, Unsupported, printable
from anchor.inspect import bundle, log_entry, note, our_documents, policy, proof_of_runs, trusted_root
from anchor.inspect.fields import FORMAT, MAX_FIELDS, Description, Field, Inspection, walk
from anchor.sigstore import containers

__all__ = ["FORMAT", "MAX_SIZE", "Field", "Inspection", "inspect", "lines"]

MAX_SIZE = limits.EVIDENCE
"""Bytes that are read; of a longer ledger.json only so many, and any other longer file is not recognised."""

MAX_SHOWN = 200
"""Characters of a value on a line."""

KINDS = (
    "a Sigstore bundle or log entry, checkpoint, signed note, tlog-proof, verifier key, trusted root, "
    "signing config, client trust config, release.json, statement, ledger.json, trust policy, "
    "witness policy, verdict, evidence, receipt, proof of runs"
)


def inspect(data: bytes, *, file: str) -> Inspection:
    """A file in words; `data`: all of it, or its first MAX_SIZE + 1 bytes. Raises Unsupported."""
    cut = len(data) > MAX_SIZE
    found = _recognise(data[:MAX_SIZE], cut=cut)
    if found is None:
        problem = f"larger than {MAX_SIZE} bytes" if cut else "not a file that this program knows"
        raise Unsupported(problem, where=file, remedy=f"it knows {KINDS}")
    fields = tuple(islice(found.fields, MAX_FIELDS))
    notes = found.notes
    if len(fields) >= MAX_FIELDS:
        notes = (*notes, f"only the first {MAX_FIELDS} fields are shown")
    return Inspection(
        file=file,
        kind=found.kind,
        sentence=found.sentence,
        size=len(data),
        sha256="" if cut else hashlib.sha256(data).hexdigest(),
        problem=found.problem,
        fields=fields,
        notes=notes,
    )


def _recognise(data: bytes, *, cut: bool) -> Description | None:
    if our_documents.is_opening(data):
        return our_documents.read_opening(data, cut=cut)
    if data.startswith(our_documents.LEDGER_HEAD):
        return our_documents.read_ledger(data, cut=cut)
    if proof_of_runs.is_proof(data):
        return proof_of_runs.read(data, cut=cut)
    if cut:
        return None
    if data.lstrip(b" \t\r\n")[:1] in (b"{", b"["):
        return _json(data)
    if note.is_vkey(data):
        return note.read_vkey(data.decode("utf-8", "backslashreplace"))
    return _text(data)


def _text(data: bytes) -> Description | None:
    text = data.decode("utf-8", "backslashreplace")
    if note.is_proof(data):
        return note.read_proof(text)
    if note.is_note(text):
        return note.read_note(text)
    if (table := policy.toml(data)) is not None:
        return policy.read_policy(data, table)
    return policy.read_witnesses(data) if policy.is_witness_policy(data) else None


def _json(data: bytes) -> Description | None:
    held = containers.recognise(data)
    try:
        value = parse_json(data, foreign=True, structure=limits.RECEIPT_STRUCTURE)
    except AnchorError as e:
        if held is not None:
            return _container(held, ())
        raise Unsupported(f"not a JSON document that can be read: {e}") from None
    if held is not None:
        return _container(held, walk(value, {}))
    if not isinstance(value, dict):
        return None
    by_format = value.get("format")
    if isinstance(by_format, str) and by_format in our_documents.READ_BY_FORMAT:
        return our_documents.READ_BY_FORMAT[by_format](data, value)
    if bundle.is_bundle(value):
        return bundle.read(data, value)
    if kind := trusted_root.kind_of(value):
        return trusted_root.read(data, value, kind)
    if isinstance(value.get("_type"), str) and "subject" in value:
        return our_documents.read_statement(data, value)
    return _entry(value) if log_entry.is_entry(value) else None


def _container(held: containers.Container, fields: Iterable[Field]) -> Description:
    """A file that contains bundles or roots. verify-bundle accepts what is inside it, not the file."""
    return Description(
        held.kind, "verify-bundle reads what is in it, not the whole", fields, notes=(held.remedy,)
    )


def _entry(value: dict[str, Any]) -> Description:
    sentence = "what a transparency log answers: an entry, and why it is in the log"
    return Description("log entry", sentence, walk(value, log_entry.rules(value, ""), proto=True))


def _short(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}... ({len(text)} characters)"


def lines(found: Inspection) -> Iterator[str]:
    """The same as lines for a person. No text of the file can steer the terminal."""
    for line in _lines(found):
        yield printable(line)


def _lines(found: Inspection) -> Iterator[str]:
    yield f"{found.kind}: {found.sentence}"
    yield f"SHA-256 {found.sha256}, {found.size} bytes" if found.sha256 else f"more than {MAX_SIZE} bytes"
    if found.problem:
        yield f"a verification refuses it as it stands: {found.problem}"
    yield "Nothing was verified. bound: verification refuses another value there, for the reason given."
    for item in found.fields:
        value = "null" if item.value is None else _short(str(item.value))
        yield f"{'bound' if item.bound else 'not bound':>9}  {item.path} = {value}"
        yield f"{'':>9}    {item.by}"
    for line in found.notes:
        yield f"note: {line}"
