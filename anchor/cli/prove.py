# SPDX-License-Identifier: Apache-2.0
"""`anchor prove`: make a receipt of a fact, a small file that proves itself."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anchor.cli import options
from anchor.cli.key_options import KeyColumns, key_of, key_options
from anchor.cli.options import Output
from anchor.cli.output import out, print_json, say, tell
from anchor.cli.progress import Counter
from anchor.cli.prove_key import KeyRequest, prove_key
from anchor.disk import user_files
from anchor.errors import Misuse, NotFound
from anchor.format.fact_search import ByAppearance, ByIndex, ByValue, FactSearch, wanted_value
from anchor.format.facts import brief
from anchor.format.names import RELEASE
from anchor.format.receipt import ProvenFact
from anchor.verdict import Class
from anchor.words import several

if TYPE_CHECKING:
    from anchor.app.prove import VerifiedRelease

FORMAT = "urn:ledger-anchor:proved:v1"
MAX_LISTED = 100
"""Facts that are listed if more than one is found."""
MAX_LINE = 200
"""Characters of such a line."""

_TRUST = ("policy", "ledger", "identity", "issuer", "trusted_root", "offline")
"""The options that say which signatures count."""


@click.command(
    epilog="Example: anchor prove release.json --where label='RNCP Code' --where period=2024 -o fact.json"
)
@click.argument("release", type=options.ReleaseName())
@click.option("--fact", "indexes", multiple=True, type=click.IntRange(0), help="The index of a fact, from 0.")
@click.option(
    "--where",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="The fact with exactly this value; may be repeated, and then all hold.",
)
@click.option("--all-matches", is_flag=True, help="One receipt of all facts that --where finds.")
@key_options
@click.option(
    "--all", "every", is_flag=True, help="A receipt of each fact, into the folder of -o or --split."
)
@click.option(
    "-o",
    "--output",
    type=options.OutputFile(),
    help="The receipt (default: standard output). With --all a folder: bundles.json and receipts.jsonl.",
)
@click.option(
    "--split", type=options.Folder(), help="With --all: a folder for one whole receipt for each fact."
)
@click.option(
    "--qr", type=options.OutputFile(), help="Draw a code that names the fact: .svg, .png, .txt or '-'."
)
@click.option("--url", metavar="BASE", help="With --qr: the address of the page that the code leads to.")
@click.option(
    "--staple", is_flag=True, help="Add the status of the ledger: what was not withdrawn as of its time."
)
@click.option(
    "--opened", type=options.InputFile(), help="The opening of a confidential ledger (publish --opened-out)."
)
@click.option(
    "--columns",
    type=KeyColumns(),
    help="With --opened: show these columns and hide the others ('a,b', or a JSON array of names).",
)
@options.policy_options
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@options.json_option
def command(
    *,
    release: str,
    as_json: bool,
    staple: bool,
    **given: Any,
) -> int:
    """Make a receipt of a fact of RELEASE, which 'anchor verify-receipt' checks without the release.

    RELEASE is verified first, as 'anchor verify' does; without a policy, as far as that needs none. If
    --where finds no fact, or more than one, they are listed with their indexes, and the exit code is 10.

    With --complete it is a receipt of all facts of a key, with --absent one that no fact has it: exact bytes,
    according to the publisher's index. A key of several columns is given by repeating the option, or as a
    JSON array, which can have null.

    A code holds a URL, whose fragment has index, leaf hash and statement. It names a fact, and proves
    nothing.
    """
    trust = {name: given.pop(name) for name in _TRUST}
    request = Request(**given, as_json=as_json)
    request.check()
    request.check_apart(Path(release), Path(release, RELEASE), trust["policy"], request.opened)
    from anchor.app.prove import local_files, open_verified

    counter = Counter("verifying")
    with open_verified(
        release, staple=staple, opened_file=request.opened, progress=counter, **trust
    ) as examined:
        counter.close()
        if examined.verified is None:
            say("no receipt is made: the release does not verify")
            return tell(examined.verdict, as_json=as_json, notes=examined.notes)
        for note in examined.remarks:
            say(f"note: {note}")
        request.check_apart(*local_files(release, examined.verified.release))
        request.check_kind(confidential=examined.verified.statement.confidential)
        if request.key is not None:
            return _of_key(examined.verified, request, request.key)
        return (_every if request.every else _one)(examined.verified, request)


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of the user about the receipts."""

    indexes: tuple[int, ...]
    where: tuple[str, ...]
    all_matches: bool
    complete: tuple[str, ...]
    absent: tuple[str, ...]
    index: tuple[str, ...] | None
    every: bool
    output: Output | None
    split: Path | None
    qr: Output | None
    url: str | None
    opened: Path | None
    columns: tuple[str, ...] | None
    as_json: bool

    def check_kind(self, *, confidential: bool) -> None:
        """Raise `Misuse` for options that do not fit a confidential ledger, or one whose facts are
        published."""
        if not confidential:
            for option, value in (("--opened", self.opened), ("--columns", self.columns)):
                if value is not None:
                    problem = "the facts of this release are published, and shown whole"
                    raise Misuse(problem, where=option, remedy=f"leave {option} out")
        elif self.every:
            problem = "this would open a confidential ledger, one fact after the other"
            raise Misuse(problem, where="--all", remedy="name facts with --fact or --where")
        elif self.opened is None and self.key is None:
            problem = "the facts of this release are not published: the ledger is confidential"
            raise Misuse(problem, where="prove", remedy="give its opening with --opened FILE")

    def check(self) -> None:
        """Raise `Misuse` for options that do not fit each other."""
        options = {
            "--fact": self.indexes,
            "--where": self.where,
            "--complete": self.complete,
            "--absent": self.absent,
            "--all": self.every,
        }
        asked = [name for name, value in options.items() if value]
        if len(asked) != 1:
            problem = f"{' and '.join(asked)} say different things" if asked else "no fact is named"
            raise Misuse(problem, where="prove", remedy=f"give one of {', '.join(options)}")
        key = self.key
        if self.index is not None and key is None:
            raise Misuse("is about a key", where="--index", remedy="give --complete or --absent")
        if self.all_matches and not self.where:
            raise Misuse("finds nothing by itself", where="--all-matches", remedy="give --where")
        if self.every and self.output is None and self.split is None:
            raise Misuse("writes several files", where="--all", remedy="name a folder with -o or --split")
        if self.split is not None and not self.every:
            raise Misuse(
                "is about many receipts", where="--split", remedy="give --all, or -o for one receipt"
            )
        if (self.qr is None) != (self.url is None):
            missing = "--url" if self.url is None else "--qr"
            raise Misuse("a code needs the address that it leads to, and a place", where=missing)
        if self.qr is not None and (self.every or self.all_matches or key or len(self.indexes) > 1):
            raise Misuse("names one fact", where="--qr", remedy="ask for one fact")
        if self.qr is not None and self.output is not None:
            self.output.check_differs(self.qr, "--qr")
        self._check_stdout()

    def check_apart(self, *read: Path | None) -> None:
        """Raise `Misuse` if a result would overwrite one of these files."""
        for written in filter(None, (self.output, self.qr)):
            written.check_apart(*read)

    def _check_stdout(self) -> None:
        taken = [
            self.as_json,
            not self.every and self._to_stdout,
            self.qr is not None and _is_stdout(self.qr),
        ]
        if sum(taken) > 1:
            raise Misuse("two documents on one stdout", where="-o", remedy="name files")
        if self.every and self.output is not None and _is_stdout(self.output):
            raise Misuse("several files do not go through one pipe", where="-o", remedy="name a folder")

    @property
    def key(self) -> KeyRequest | None:
        """The key that is asked for. Raises `Misuse` for one that is malformed."""
        words, option = self.absent or self.complete, "--absent" if self.absent else "--complete"
        if not words:
            return None
        return KeyRequest(
            key=key_of(words, option),
            absent=bool(self.absent),
            columns=self.index,
            output=self.output,
            as_json=self.as_json,
        )

    @property
    def _to_stdout(self) -> bool:
        return self.output is None or _is_stdout(self.output)

    def search(self, columns: tuple[str, ...], size: int) -> FactSearch:
        """The search that was asked for. Raises `NotFound` for an index beyond the ledger."""
        if self.where:
            return ByValue([wanted_value(text, columns) for text in self.where], columns)
        if (last := max(self.indexes)) >= size:
            raise NotFound(f"no fact {last}", where="--fact", remedy=f"the ledger has facts 0 to {size - 1}")
        return ByIndex(self.indexes, columns)


def _is_stdout(output: Output) -> bool:
    return output.path == user_files.STDOUT


def _one(verified: "VerifiedRelease", request: Request) -> int:
    """Make one receipt, of one fact or of several."""
    from anchor.app import prove as app

    statement = verified.statement
    counter = Counter("searching", total=lambda: statement.tree.size)
    proof = app.search(verified, request.search(statement.columns, statement.tree.size), counter)
    counter.close()
    if request.where and len(proof.facts) != 1 and not (request.all_matches and proof.facts):
        return _not_found(verified, proof.facts, request)
    if verified.opened is not None:
        from anchor.app.opened_ledger import with_cells

        facts = with_cells(statement, verified.opened, proof.facts, request.columns)
        proof = proof._replace(facts=facts)
    data = app.receipt_of(verified, proof)
    if request.qr is not None:
        from anchor.app.fact_code import draw
        from anchor.format.fact_url import fact_url

        url = fact_url(
            str(request.url), index=proof.facts[0].index, leaf=proof.leaves[0], statement=verified.sha256
        )
        suffix = ".txt" if _is_stdout(request.qr) else request.qr.path.suffix.lower()
        request.qr.write(draw(url, suffix))
    (request.output or Output(user_files.STDOUT)).write(data)
    if request.as_json:
        print_json(
            {
                "format": FORMAT,
                "output": str(request.output.path) if request.output else "",
                "statement": verified.sha256,
                "facts": [
                    {"index": f.index, "leaf": leaf.hex(), "fact": f.fact}
                    for f, leaf in zip(proof.facts, proof.leaves, strict=True)
                ],
            }
        )
        return 0
    named = f"fact {proof.facts[0].index}" if len(proof.facts) == 1 else f"{len(proof.facts)} facts"
    _next(verified, request, f"{named} of {statement.tree.size} in {app.source(verified)}")
    return 0


def _of_key(verified: "VerifiedRelease", request: Request, key: KeyRequest) -> int:
    """Make a receipt of all facts of a key, or of its absence."""
    from anchor.app import prove as app

    what = prove_key(verified, key)
    if not what:
        return Class.NOT_FOUND.exit_code
    if not request.as_json:
        _next(verified, request, f"{what}, in {app.source(verified)}")
    return 0


def _next(verified: "VerifiedRelease", request: Request, what: str) -> None:
    """Say what was proven, and how it is verified."""
    say(what)
    if verified.trust is None:
        say("note: no policy was given, so nobody said whose signature counts")
    if request.output is not None and not _is_stdout(request.output):
        name = shlex.quote(str(request.output.path))
        if request.every:
            name = f"{name}/receipts.jsonl --bundles {name}/bundles.json"
        say(f"next: anchor verify-receipt {name} --policy POLICY")


def _every(verified: "VerifiedRelease", request: Request) -> int:
    """Make a receipt of each fact."""
    from anchor.app import prove as app
    from anchor.app.prove_all import prove_all

    counter = Counter("proving", total=lambda: verified.statement.tree.size)
    together = request.output.path if request.output else None
    done = prove_all(verified, together=together, single=request.split, progress=counter)
    counter.close()
    if request.as_json:
        folders = {"output": together, "split": request.split}
        named = {name: str(path) for name, path in folders.items() if path}
        print_json({"format": FORMAT, **named, "statement": verified.sha256, "receipts": done})
        return 0
    _next(verified, request, f"a receipt of each of the {several(done, 'fact')} in {app.source(verified)}")
    return 0


def _not_found(verified: "VerifiedRelease", facts: Sequence[ProvenFact], request: Request) -> int:
    """List the facts that were found, or those that look like the one that was asked for."""
    from anchor.app import prove as app

    columns = verified.statement.columns
    pairs = [wanted_value(text, columns) for text in request.where]
    wanted = " and ".join(f"{name}={brief(value)}" for name, value in pairs)
    similar: Sequence[ProvenFact] = ()
    if facts:
        remedy = "give one of these indexes with --fact, another --where, or --all-matches"
        error = NotFound(f"{several(len(facts), 'fact')} have {wanted}", where="--where", remedy=remedy)
    else:
        similar = app.search(verified, ByAppearance(pairs, columns)).facts
        remedy = (
            "take the exact value of one of these" if similar else "look for its exact value in the ledger"
        )
        error = NotFound(f"no fact has {wanted}: values are exact", where="--where", remedy=remedy)
    if request.as_json:
        listed = {"matches": facts[:MAX_LISTED], "similar": similar[:MAX_LISTED]}
        print_json(
            {
                "verdict": Class.NOT_FOUND,
                "error": str(error),
                "facts": len(facts),
                **{
                    name: [{"index": f.index, "fact": f.fact} for f in found]
                    for name, found in listed.items()
                },
            },
            "not-found",
        )
    else:
        left_out = {name for name, _ in pairs} if facts else set[str]()
        for fact in (facts or similar)[:MAX_LISTED]:
            line = _line(fact, [name for name in columns if name not in left_out])
            out(line if facts else f"similar: {line}")
        if (more := len(facts or similar) - MAX_LISTED) > 0:
            out(f"and {more} more")
    say(f"anchor: {error}")
    return Class.NOT_FOUND.exit_code


def _line(proven: ProvenFact, columns: Sequence[str]) -> str:
    """A fact in one line, with these columns."""
    fact = proven.fact
    shown = {name: fact[name] for name in columns if name in fact} if isinstance(fact, Mapping) else {}
    text = f"fact {proven.index}: {json.dumps(shown, ensure_ascii=False)}"
    return text if len(text) <= MAX_LINE else text[: MAX_LINE - 3] + "..."
