# SPDX-License-Identifier: Apache-2.0
"""`anchor inspect`: show the contents of a file in words, and what binds each field."""

import click

from anchor.app import given_file
from anchor.cli import options
from anchor.cli.output import out_folded, print_json
from anchor.errors import AnchorError
from anchor.inspect import document as report

MAX_FILE = 1 << 36


@click.command(
    cls=options.ReadingCommand, epilog="Example: anchor inspect release/1.0.0/log.example.sigstore.json"
)
@click.argument("file", type=options.FileName())
@options.json_option
def command(file: str, *, as_json: bool) -> int:
    """Say in words what FILE holds, and for each field whether something binds it, and what.

    FILE (a path, a URL, or -) is a Sigstore bundle, log entry, trusted root, signing or trust config; a
    checkpoint, signed note, tlog-proof, verifier key or witness policy (C2SP); a release.json,
    statement.json, ledger.json, trust policy, verdict or evidence. Nothing is verified: `bound` means that
    verify or verify-bundle refuses another value there. Exit 0 whatever it finds, 7 for a file of no known
    kind.
    """
    data = given_file.read(file, limit=report.MAX_SIZE + 1, most=MAX_FILE)
    try:
        found = report.inspect(data, file=file)
    except AnchorError as e:
        raise (e if e.where else e.at(file)) from None
    if as_json:
        print_json(found)
    else:
        for line in report.lines(found):
            out_folded(line)
    return 0
