# SPDX-License-Identifier: Apache-2.0
"""The text of a PDF and of an HTML page. docs/evidence.md, Where the text comes from.

A document is a stranger's. So these functions run in a process with limits (`disk.extraction_process`), and
may raise whatever the libraries raise.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from anchor import limits, regex
from anchor.errors import Misuse
from anchor.words import with_extra

PAGES: Final = 5_000
PAGE: Final = "\f"
EXTRA: Final = f"{with_extra('evidence')}, or give a text that you extracted (extracted_from)"
OWN_TEXT: Final = "extract its text yourself, and give that file with extracted_from"
_LEFT_OUT: Final = frozenset(
    {"script", "style", "template", "noscript", "iframe", "object", "svg", "textarea"}
)
_INLINE: Final = frozenset(
    [
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "cite",
        "code",
        "data",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "label",
        "mark",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "time",
        "u",
        "var",
        "del",
        "wbr",
        "nobr",
        "big",
        "tt",
        "strike",
    ]
)
"""Elements that do not end a line."""
_SUPER: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUB: Final = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_CHARSET = regex.expression(rb"charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]+)", re.IGNORECASE)
_WESTERN: Final = frozenset(
    {b"windows-1252", b"cp1252", b"iso-8859-1", b"latin1", b"iso_8859-1", b"us-ascii"}
)
_BLANKS = regex.expression("[ \t\n\r\f]+")


def of_pdf(data: bytes) -> str:
    """The text of a PDF, its pages separated by form feeds. Raises `Misuse`."""
    try:
        import pypdf
    except ImportError:
        raise Misuse("the text of a PDF is read by pypdf, which is not installed", remedy=EXTRA) from None
    reader = pypdf.PdfReader(BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise Misuse("the PDF is encrypted", remedy="give a copy without a password")
    if len(reader.pages) > PAGES:
        raise Misuse(f"{len(reader.pages)} pages, more than {PAGES}", remedy=OWN_TEXT)
    pages, size = [], 0
    for page in reader.pages:
        text = page.extract_text().replace(PAGE, " ")
        size += len(text)
        if size > limits.EVIDENCE_TEXT:
            raise _too_much()
        pages.append(text)
    if not any(page.strip() for page in pages):
        raise Misuse("no text in the PDF: it may be a scan", remedy=OWN_TEXT)
    return PAGE.join(pages)


def of_html(data: bytes) -> str:
    """The text of an HTML page, a line for each block and each cell of a table. Raises `Misuse`."""
    try:
        from selectolax.lexbor import LexborHTMLParser
    except ImportError:
        raise Misuse("the text of HTML is read by selectolax, which is not installed", remedy=EXTRA) from None
    root: Any = LexborHTMLParser(_decoded(data)).root
    lines = (" ".join(line.split(" ")).strip() for line in "".join(_parts(root)).split("\n"))
    text = "\n".join(line for line in lines if line)
    if len(text) > limits.EVIDENCE_TEXT:
        raise _too_much()
    return text


def _too_much() -> Misuse:
    return Misuse(f"more than {limits.EVIDENCE_TEXT} characters of text", remedy=OWN_TEXT)


def _decoded(data: bytes) -> str:
    """The characters of an HTML page: UTF-8, or what it says of itself if that is windows-1252."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        found = _CHARSET.search(data[:4096])
        if found and found[1].lower() in _WESTERN:
            return data.decode("cp1252", "replace")
        problem = "neither UTF-8, nor does it say that it is windows-1252"
        raise Misuse(problem, remedy="save it as UTF-8") from None


def _parts(root: Any) -> Iterator[str]:
    """The texts in the order of the page, with a line end where an element begins or ends a line."""
    waiting: list[tuple[Any, str]] = [(root, "")]  # no recursion: the depth is the page's
    while waiting:
        node, raised = waiting.pop()
        if isinstance(node, str):
            yield node
            continue
        tag = node.tag
        if tag == "-text":
            text = _BLANKS.sub(" ", node.text_content or "")
            yield text.translate(_SUPER) if raised == "sup" else text.translate(_SUB) if raised else text
            continue
        if tag.startswith("-") or tag in _LEFT_OUT or "hidden" in node.attributes:
            continue
        around = "" if tag in _INLINE else "\n"
        yield around
        if around:
            waiting.append((around, ""))
        children, child = [], node.child
        while child is not None:
            children.append((child, tag if tag in ("sup", "sub") else raised))
            child = child.next
        waiting += reversed(children)
