# SPDX-License-Identifier: Apache-2.0
"""gzip files: one or more members, nothing after the last, and no more than a limit."""

import gzip
import io

import pytest

from anchor.errors import Refused, Unavailable
from anchor.format.compression import gunzip

TEXT = b"".join(b"line %d\n" % i for i in range(200_000))


def opened(data: bytes, **more: object) -> io.BufferedReader:
    return gunzip(io.BytesIO(data), where="ledger.csv.gz", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("cut", [0, 1, 5, 1000, len(TEXT)])
def test_members_follow_each_other(cut: int) -> None:
    data = gzip.compress(TEXT[:cut]) + gzip.compress(TEXT[cut:])
    assert opened(data).read() == TEXT
    assert list(opened(data)) == TEXT.splitlines(keepends=True)


@pytest.mark.parametrize("rest", [b"\0", b"\0" * 512, b"x", b"\x1f", b"\x1f\x8b\x08"])
def test_nothing_stands_after_the_last_member(rest: bytes) -> None:
    """Other programs take zeros there for padding, so two readers would not agree on the file."""
    with pytest.raises(Refused, match="gzip"):
        opened(gzip.compress(b"a\n1\n") + rest).read()


@pytest.mark.parametrize("size", [0, 1, 9, 10, 15, -9, -1])
def test_a_file_that_ends_early_is_refused(size: int) -> None:
    with pytest.raises(Refused, match="gzip data"):
        opened(gzip.compress(b"a\n1\n")[:size]).read()


@pytest.mark.parametrize("at", range(24))
def test_a_damaged_file_is_refused_or_says_the_same(at: int) -> None:
    good = gzip.compress(b"a\n1\n", mtime=0)
    data = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
    try:
        assert opened(data).read() == b"a\n1\n"
        assert at in (3, 4, 5, 6, 7, 8, 9)  # the head: flags, time, system
    except Refused:
        assert at not in (4, 5, 6, 7, 8, 9)


def test_no_more_than_the_limit_comes_out() -> None:
    data = gzip.compress(b"\0" * 10_000_000)
    assert len(data) < 20_000
    assert len(opened(data, limit=10_000_000).read()) == 10_000_000
    with pytest.raises(Refused, match="9999999 bytes"):
        opened(data, limit=9_999_999).read()
    with pytest.raises(Unavailable, match="nobody"):
        opened(data, limit=100, beyond=Unavailable("nobody")).read()
