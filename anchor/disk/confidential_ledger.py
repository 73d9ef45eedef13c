# SPDX-License-Identifier: Apache-2.0
"""The ledger file of a publisher whose facts stay with him: only leaf hashes are written for publication.

FORMAT.md section 16.3. No byte of the ledger enters the folder. Its opening (section 16.4) goes to a file
that the publisher named.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from anchor.disk import files, ledger_file, user_files
from anchor.disk.ledger_file import FileDigest, HashingWriter, LedgerFile, SchemaFile, SealedFile, as_misuse
from anchor.format import names, opened, salted_cells, table_schema
from anchor.format.facts import Ledger
from anchor.format.readers import check_effects
from anchor.intake.reading import Noted


def seal_confidential(
    given: Sequence[LedgerFile],
    *,
    ledger: Ledger,
    secret: bytes,
    schema: SchemaFile | None = None,
    folder: Path | None = None,
    opening: BinaryIO | None = None,
    progress: Callable[[int], object] | None = None,
) -> SealedFile:
    """Seal the files of a ledger with salted cells; with `folder`, write ledger.leaves there, durably.

    `secret`: 32 bytes, of this release alone. `opening` gets the opening of the release, in clear. Raises
    `Misuse` for a ledger that is malformed, lacks a column somewhere, or does not fit its schema.
    """
    with contextlib.ExitStack() as stack:

        def create(name: str) -> BinaryIO:
            assert folder is not None
            return stack.enter_context(ledger_file.create_file(folder / name))

        out = HashingWriter(create(names.LEAVES) if folder else None)
        with ledger_file.open_ledgers(given) as found, as_misuse():
            noted = Noted(found.table)
            if schema is not None:
                parsed = table_schema.parse(schema.data, where=schema.where)
                table_schema.check(parsed, noted.columns, where=schema.where)
            if opening is not None:
                opening.write(opened.head(ledger=ledger, columns=noted.columns, secret=secret))
            sealed = salted_cells.seal(
                noted, ledger=ledger, secret=secret, leaves=out, opened=opening, progress=progress
            )
        originals = found.originals()
        with as_misuse():
            check_effects([o.idle for o in originals], where=given[0].where)
        beside = None if schema is None else ledger_file.beside_of(schema, create if folder else None)
    reader = ledger_file.oldest_reader(originals)[0].reader
    reading = ledger_file.reading_of(given, reader, noted)
    return SealedFile(
        sealed=sealed,
        originals=(),
        reading=msgspec.structs.replace(reading, skipped=(), first={}, last={}),
        ledger_json=None,
        leaves=FileDigest(names.LEAVES, out.size, out.sha256.hexdigest()),
        schema=beside,
    )


def new_secret() -> bytes:
    """A secret for one release: 32 random bytes."""
    return os.urandom(salted_cells.SECRET_SIZE)


@contextlib.contextmanager
def opening_file(path: Path) -> Iterator[BinaryIO]:
    """The file of an opening: whole at the end of the block, or not there, and for its user alone.

    Raises `Misuse` if something else than a regular file is in its place.
    """
    path = user_files.regular(path)
    half = path.parent / f".{path.name}.{os.urandom(4).hex()}.tmp"
    try:
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as f:
                yield f
                f.flush()
                os.fsync(f.fileno())
            os.replace(half, path)
        except BaseException:
            with contextlib.suppress(OSError):
                half.unlink()
            raise
        files.sync_folder(path.parent)
    except OSError as e:
        raise files.os_error(e, path, "write") from None
