# SPDX-License-Identifier: Apache-2.0
"""The text of a source document on the disk. A PDF and an HTML page are read by a process with limits."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

from anchor import limits
from anchor.disk import document_files, extraction_process, files
from anchor.errors import Misuse, Unavailable
from anchor.sources import extraction
from anchor.sources.manifest import SourceDocument

SECONDS: Final = 120
"""Of wall-clock time for one document."""
_BY_TYPE: Final = {"text/html": "html", "application/xhtml+xml": "html", "application/pdf": "pdf"}
_TEXTS: Final = frozenset({"application/json", "application/xml"})
_BY_SUFFIX: Final = {
    **dict.fromkeys((".txt", ".md", ".csv", ".tsv", ".json", ".xml"), "text"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    ".pdf": "pdf",
}
_LINE: Final = 500
"""Characters of a line of the process that are told."""


class DocumentText(NamedTuple):
    """The text of a document, and the SHA-256 (hex) of the file that it comes from."""

    text: str
    sha256: str


def text_of(folder: Path, document: SourceDocument) -> DocumentText:
    """The text of a document, its pages separated by form feeds.

    Raises `Misuse` for a document that cannot be read, and `Unavailable` if no process can be started.
    """
    where = f"{document.where}: {folder / document.file}"
    kind = _kind(document, where)
    limit = limits.EVIDENCE_TEXT if kind == "text" else limits.EVIDENCE_DOCUMENT
    with document_files.opened(folder, document, limit=limits.FILE_2) as f:
        size = os.fstat(f.fileno()).st_size
        if size > limit:
            raise _unreadable(f"{size} bytes, more than the {limit} that are read", where)
        data = f.read(limit)
    digest = hashlib.sha256(data).hexdigest()
    document_files.check_digest(folder, document, digest)
    text = _decoded(data, where) if kind == "text" else _extracted(kind, data, where)
    return DocumentText(text, digest)


def _kind(document: SourceDocument, where: str) -> str:
    media_type = document.media_type.lower()
    if media_type in _BY_TYPE:
        return _BY_TYPE[media_type]
    if media_type.startswith("text/") or media_type in _TEXTS:
        return "text"
    suffix = Path(document.file).suffix.lower()
    if not media_type and suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    problem = f"its media type is {media_type}" if media_type else f"the suffix {suffix!r} says nothing"
    remedy = "extract its text, or give it the media_type text/plain, text/html or application/pdf"
    raise Misuse(f"no text, HTML or PDF: {problem}", where=where, remedy=remedy)


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise Misuse(f"byte {e.start} is not UTF-8", where=where, remedy="save the text as UTF-8") from None


def _extracted(kind: str, data: bytes, where: str) -> str:
    """The text that the process gives. The bytes go to it by a file, so that no pipe can block."""
    words = [
        sys.executable,
        "-P",
        "-m",
        extraction_process.__name__,
        kind,
        str(extraction_process.SECONDS),
    ]  # -P: not from here
    with files.temporary() as given, files.temporary() as out, files.temporary() as said:
        given.write(data)
        given.seek(0)
        try:
            done = subprocess.run(  # noqa: S603  our own module, in our own interpreter
                words, stdin=given, stdout=out, stderr=said, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise _unreadable(f"it takes more than {SECONDS} seconds to read", where) from None
        except OSError as e:
            raise Unavailable(f"cannot start a process: {e.strerror}", where=where) from None
        said.seek(0)
        problem, _, remedy = said.read(4 * _LINE).decode("utf-8", "replace").partition("\n")
        if done.returncode == extraction_process.REFUSED and problem:
            raise Misuse(problem[:_LINE], where=where, remedy=remedy)
        if done.returncode:
            raise _unreadable(_stopped(done.returncode), where)
        out.seek(0)
        text = out.read(4 * limits.EVIDENCE_TEXT + 1)
    if len(text) > 4 * limits.EVIDENCE_TEXT:
        raise _unreadable(f"more than {limits.EVIDENCE_TEXT} characters of text", where)
    return text.decode("utf-8", "replace")


def _unreadable(problem: str, where: str) -> Misuse:
    return Misuse(problem, where=where, remedy=extraction.OWN_TEXT)


def _stopped(code: int) -> str:
    """The problem of a process that ended by itself with this code, or by a signal."""
    if -code in (signal.SIGXCPU, signal.SIGKILL):
        seconds = extraction_process.SECONDS
        return f"it takes more than {seconds} seconds of processor time, or too much memory, to read"
    if -code == signal.SIGXFSZ:
        return f"more than {limits.EVIDENCE_TEXT} characters of text"
    return f"the process that read it ended with {f'signal {-code}' if code < 0 else f'code {code}'}"
