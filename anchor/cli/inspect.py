# SPDX-License-Identifier: Apache-2.0
"""`anchor inspect`: show the contents of a file in words, and what binds each field."""

from pathlib import Path

import click

from anchor.cli import options
from anchor.cli.output import out, print_json
from anchor.disk import user_files
from anchor.errors import AnchorError
from anchor.inspect import document as report

MAX_FILE = 1 << 36


@click.command(epilog="Example: anchor inspect release/1.0.0/log.example.sigstore.json")
@click.argument("file", type=options.InputFile())
@options.json_option
def command(file: Path, *, as_json: bool) -> int:
    """Say in words what FILE holds, and for each field whether something binds it, and what.

    FILE is a Sigstore bundle, log entry, trusted root, signing or trust config; a checkpoint, signed note,
    tlog-proof, verifier key or witness policy (C2SP); a release.json, statement.json, ledger.json, trust
    policy, verdict or evidence. Nothing is verified: `bound` means that verify or
    verify-bundle refuses another value there. Exit 0 whatever it finds, 7 for a file of no known kind.
    """
    with user_files.opened(file, limit=MAX_FILE) as stream:
        data = stream.read(report.MAX_SIZE + 1)
    try:
        found = report.inspect(data, file=str(file))
    except AnchorError as e:
        raise (e if e.where else e.at(str(file))) from None
    if as_json:
        print_json(found)
    else:
        for line in report.lines(found):
            out(line)
    return 0
