# SPDX-License-Identifier: Apache-2.0
"""The process that takes the text out of a PDF or an HTML page: it limits itself, before it reads anything.

`python -m anchor.disk.extraction_process KIND SECONDS`: the bytes come on standard input, the text goes to
standard output. Whatever goes wrong is told on standard error: the problem, and the remedy on a second line.
"""

import logging
import resource
import sys
from typing import Final

from anchor import limits
from anchor.errors import AnchorError
from anchor.sources import extraction

MEMORY: Final = 1 << 30
"""Bytes of address space."""
SECONDS: Final = 60
"""Of processor time."""
REFUSED: Final = 3
"""The exit code for a document that cannot be read."""


def _limit(seconds: int) -> None:
    written = 4 * limits.EVIDENCE_TEXT + (1 << 16)  # UTF-8, and the lines of an error
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def main(kind: str, seconds: int) -> int:
    """Read a document (`pdf` or `html`) from standard input, and write its text. Returns the exit code.

    `seconds`: the processor time that it may take.
    """
    _limit(seconds)
    logging.disable(logging.CRITICAL)  # pypdf tells each fault of a file
    try:
        data = sys.stdin.buffer.read()
        text = extraction.of_pdf(data) if kind == "pdf" else extraction.of_html(data)
        written = text.encode("utf-8", "replace")
    except AnchorError as e:
        sys.stderr.write(f"{e.problem}\n{e.remedy}")
        return REFUSED
    except MemoryError:
        sys.stderr.write(f"it takes more than {MEMORY} bytes of memory to read\n{extraction.OWN_TEXT}")
        return REFUSED
    except Exception as e:  # noqa: BLE001  a library met a stranger's bytes; the reason is told in one line
        line = " ".join(f"not a readable {kind.upper()}: {type(e).__name__}: {e}".split())
        sys.stderr.write(f"{line}\n{extraction.OWN_TEXT}")
        return REFUSED
    sys.stdout.buffer.write(written)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
