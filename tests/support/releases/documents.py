# SPDX-License-Identifier: Apache-2.0
"""Source documents written byte by byte: PDF files with a text on each page, honest or hostile."""

import zlib
from collections.abc import Sequence


def pdf(pages: Sequence[bytes], *, extra: bytes = b"") -> bytes:
    """A PDF whose pages have these content streams, already compressed. `extra` goes into each stream's
    dictionary."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for n, data in enumerate(pages):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * n)
        )
        head = b"<< /Length %d /Filter /FlateDecode %b >>" % (len(data), extra)
        objects.append(head + b"\nstream\n" + data + b"\nendstream")
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + head + table + trailer


def page(*lines: str) -> bytes:
    """The content stream of a page with these lines, compressed."""
    shown = b"".join(b"(%b) Tj 0 -14 Td\n" % _escaped(line) for line in lines)
    return zlib.compress(b"BT /F1 12 Tf 72 720 Td\n" + shown + b"ET\n")


def _escaped(line: str) -> bytes:
    data = line.encode("cp1252")
    for special in (b"\\", b"(", b")"):
        data = data.replace(special, b"\\" + special)
    return data
