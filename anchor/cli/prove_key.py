# SPDX-License-Identifier: Apache-2.0
"""`anchor prove` with --complete or --absent: a receipt of all facts of a key, or of its absence."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from anchor.cli.options import Output
from anchor.cli.output import out, print_json, say
from anchor.cli.progress import Counter
from anchor.disk import user_files
from anchor.errors import Misuse, NotFound
from anchor.format.index import Key, shown
from anchor.format.key_search import in_words
from anchor.verdict import Class
from anchor.words import several

if TYPE_CHECKING:
    from anchor.app.prove import VerifiedRelease
    from anchor.app.prove_key import ProvenKey

FORMAT = "urn:ledger-anchor:proved:v1"


@dataclass(frozen=True, kw_only=True)
class KeyRequest:
    """The options of the user about a key."""

    key: Key
    absent: bool
    """True if the key should be absent, False if all its facts should be proven."""
    columns: tuple[str, ...] | None
    """Those of the index; None: the one that fits the key."""
    output: Output | None
    as_json: bool

    @property
    def option(self) -> str:
        return "--absent" if self.absent else "--complete"


def prove_key(verified: "VerifiedRelease", request: KeyRequest) -> str:
    """Write a receipt. Returns a line that says what it proves.

    Empty, if no fact has the key and all its facts were asked for. Raises `Misuse` if the key is there and
    should be absent.
    """
    from anchor.app import prove_key as app

    counter = Counter("reading")
    index = app.choose_index(verified, request.columns, request.key)
    proven = app.look_up(verified, index, request.key, counter)
    counter.close()
    count, named = len(proven.proof.facts), f"the key {shown(request.key)} in the index over {index.name}"
    if request.absent and count:
        problem = f"{count} fact{'' if count == 1 else 's'} with {named}: it is not absent"
        raise Misuse(problem, where="--absent", remedy="--complete proves that these are all")
    if not request.absent and not count:
        _say_not_found(proven, named, request)
        return ""
    data = app.receipt_of_key(verified, proven)
    (request.output or Output(user_files.STDOUT)).write(data)
    if request.as_json:
        print_json(_document(verified, proven, request))
    else:
        _caution(proven)
    what = f"no fact has {named}" if request.absent else f"all {several(count, 'fact')} with {named}"
    return f"{what} (exact bytes, according to the publisher's index)"


def _say_not_found(proven: "ProvenKey", named: str, request: KeyRequest) -> None:
    error = NotFound(
        f"no fact has {named}: keys are exact bytes",
        where="--complete",
        remedy="look for its exact value in the ledger, or prove with --absent that there is no such fact",
    )
    if request.as_json:
        similar = msgspec.to_builtins(proven.similar)
        print_json({"verdict": Class.NOT_FOUND, "error": str(error), "similar": similar}, "not-found")
    for line in () if request.as_json else in_words(proven.similar):
        out(f"similar: {line}")
    say(f"anchor: {error}")


def _caution(proven: "ProvenKey") -> None:
    """Say which keys a person may take for the same one."""
    if proven.similar:
        say("caution: keys are exact bytes, and other keys look like this one:")
    for line in in_words(proven.similar):
        say(f"     {line}")


def _document(verified: "VerifiedRelease", proven: "ProvenKey", request: KeyRequest) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "output": str(request.output.path) if request.output else "",
        "statement": verified.sha256,
        "key": dict(zip(proven.shown.columns, proven.shown.key, strict=True)),
        "facts": [
            {"index": f.index, "leaf": leaf.hex(), "fact": f.fact}
            for f, leaf in zip(proven.proof.facts, proven.proof.leaves, strict=True)
        ],
        "similar": msgspec.to_builtins(proven.similar),
    }
