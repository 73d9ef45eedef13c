# SPDX-License-Identifier: Apache-2.0
"""The plain command lines of `verify` and `verify-bundle`, read without click.

Click and what it imports take a tenth of the time of a verification. So a command line is read here if it has
only words of the table below, and each option once with its value. No variable and no file may set an option.
Click reads all other lines, and says what is wrong with one. Its declarations are what people read; a test
compares them with this table.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from anchor.cli import configuration
from anchor.cli.output import tell
from anchor.cli.release_verdict import prepared


def verify(
    *,
    release: str,
    listed: str | None = None,
    evidence: str | None = None,
    opened: Path | None = None,
    as_json: bool = False,
    verbose: bool = False,
    quiet: bool = False,
    **given: Any,
) -> int:
    """Run `anchor verify` with the values of its options, and return the exit code."""
    from anchor.app.verify import with_documents, with_listed
    from anchor.verify.release import examine_release

    examination = prepared(release, **given)
    found, result = examination.found, examination.named(examine_release(**examination.arguments))
    if opened is not None:
        from anchor.app.opened_ledger import with_opened  # few ledgers are confidential

        result = with_opened(result, opened)
    if listed is not None:
        result = with_listed(result, found.files, listed)
    if evidence is not None:
        result = with_documents(result, evidence)
    return tell(result.verdict, as_json=as_json, verbose=verbose, quiet=quiet, notes=found.notes)


def verify_bundle(*, as_json: bool = False, verbose: bool = False, quiet: bool = False, **given: Any) -> int:
    """Run `anchor verify-bundle` with the values of its options, and return the exit code."""
    from anchor.app.verify_bundle import verify_bundle_file

    verdict, notes = verify_bundle_file(**given)
    return tell(verdict, as_json=as_json, verbose=verbose, quiet=quiet, notes=notes)


SHOWING = {"-v": "verbose", "--verbose": "verbose", "-q": "quiet", "--quiet": "quiet", "--json": "as_json"}
"""The options that say how a verdict is printed."""


class Line(NamedTuple):
    """The words of a command, by its parameters: options with a file, with a text, and without a value."""

    argument: str
    files: Mapping[str, str]
    texts: Mapping[str, str]
    flags: Mapping[str, str]
    required: frozenset[str] = frozenset()
    """Parameters without which click refuses the line."""
    variables: tuple[str, ...] = ()
    """Environment variables that set an option."""


LINES = {
    "verify": Line(
        argument="release",
        files={"--policy": "policy", "--opened": "opened"},
        texts={
            "--ledger": "ledger",
            "--identity": "identity",
            "--issuer": "issuer",
            "--trusted-root": "trusted_root",
            "--files": "listed",
            "--evidence": "evidence",
        },
        flags={"--offline": "offline", "--second-opinion": "second_opinion", **SHOWING},
        variables=("ANCHOR_POLICY",),
    ),
    "verify-bundle": Line(
        argument="file_or_digest",
        files={
            "--bundle": "bundle",
            "--key": "key",
            "--tlog-policy": "tlog_policy",
        },
        texts={
            "--certificate-identity": "identity",
            "--certificate-oidc-issuer": "issuer",
            "--trusted-root": "trusted_root",
        },
        flags={"--staging": "staging", **SHOWING},
        required=frozenset({"bundle"}),
    ),
}
COMPLETION = "_ANCHOR_COMPLETE"
"""With this variable click answers a shell that completes a word."""


def call(argv: Sequence[str]) -> int | None:
    """Run a plain command line, and return its exit code. None: click has to read it."""
    line = LINES.get(argv[0]) if argv else None
    if line is None or any(name in os.environ for name in (*line.variables, COMPLETION)):
        return None
    given = read(line, argv[1:])
    if given is None or os.path.lexists(configuration.path()):
        return None
    return verify(**given) if argv[0] == "verify" else verify_bundle(**given)


def read(line: Line, words: Sequence[str]) -> dict[str, Any] | None:
    """The values by parameter. None: it is no plain command line."""
    given: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        name, value = _one(line, word, rest)
        if name is None or name in given:
            return None
        given[name] = value
    return given if {line.argument, *line.required} <= given.keys() else None


def _one(line: Line, word: str, rest: Iterator[str]) -> tuple[str | None, Any]:
    """The parameter and the value of a word and of the one behind it. No parameter: the word is not plain."""
    if (flag := line.flags.get(word)) is not None:
        return flag, True
    if not word.startswith("-"):
        return line.argument if _is_plain(word) else None, word
    value = next(rest, "")
    if not _is_plain(value):
        return None, None
    if (file := line.files.get(word)) is not None:
        return file if os.access(value, os.R_OK) else None, Path(value)
    return line.texts.get(word), value


def _is_plain(value: str) -> bool:
    """False for what click treats in a way of its own: nothing, standard input, what looks like an option."""
    return bool(value) and not value.startswith(("-", "/dev/"))
