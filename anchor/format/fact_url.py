# SPDX-License-Identifier: Apache-2.0
"""The URL that a code for a camera holds: it names a fact to look up. FORMAT.md section 22, rule 7.

Nothing in a URL is what its reader expects: whoever made the code chose all of it.
"""

from anchor.errors import Misuse
from anchor.format import names

MAX_CODE = 2953
"""Bytes that the largest code holds."""


def fact_url(base: str, *, index: int, leaf: bytes, statement: str) -> str:
    """The URL of a fact: its index, its leaf hash (32 bytes) and the statement's SHA-256 (hex) are behind
    `#`.

    `base`: an http or https URL without a fragment. Raises `Misuse` for another one, or one that is too long.
    """
    problem = names.url_problem(base)
    if problem or "#" in base:
        problem = problem or "has a fragment of its own"
        raise Misuse(f"{names.shown(base)} {problem}", where="--url", remedy="give the address of a page")
    url = f"{base}#fact={index}&leaf={leaf.hex()}&statement={statement}"
    if len(url) > MAX_CODE:
        raise Misuse(
            f"a URL of {len(url)} characters, and a code holds {MAX_CODE}", where="--url", remedy="shorten it"
        )
    return url
