# SPDX-License-Identifier: Apache-2.0
"""Everything that a command prints: lines for people, documents for programs, and verdicts.

No other module prints, except `anchor.cli.progress`. A column name, an identity or a path comes from a
stranger. It may contain characters that steer a terminal, hide text or change the direction of text. In a
line for people they are escaped, even if the output is a file. A document is printed byte for byte, so a
pipe or a file gets exactly the document; only on a terminal are such characters escaped.
"""

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from anchor.cli import progress
from anchor.cli.stopping import check_interrupts
from anchor.cli.terminal import READABLE, Page, Row, is_terminal, width, wrapped
from anchor.errors import Pending, printable
from anchor.verdict import ACCEPTING, UNASKED, Check, Class, Verdict

if TYPE_CHECKING:
    from anchor.cli.verdict_text import Report

_FOLD = 14
"""Columns before the further lines of a check, so that these stand under its name."""
_FURTHER = 2
"""Columns before the further lines of a line without a label."""
_LABELS = 20
"""Columns of the longest label with the space behind it."""
_NOTE = "note: "
_MARKS = {"passed": "ok", "refused": "REFUSED", "unknown": "unknown", "skipped": "skipped"}


def _write(stream: TextIO, text: str) -> None:
    progress.end()
    stream.write(text)
    stream.flush()


def out(line: str = "") -> None:
    """Print one line for a person on stdout. A line end inside it is escaped: it could fake a second line."""
    _write(sys.stdout, f"{printable(line)}\n")


def say(line: str) -> None:
    """Print one line for a person on stderr."""
    _write(sys.stderr, f"{printable(line)}\n")


def relay(line: str) -> None:
    """Print one line on stdout that this program has laid out already, perhaps with colours."""
    _write(sys.stdout, f"{line}\n")


def document(text: str) -> None:
    """Print text for a program on stdout, with its own line ends only."""
    if sys.stdout.isatty():
        text = "\n".join(printable(line) for line in text.replace("\r\n", "\n").split("\n"))
    _write(sys.stdout, text)


def print_json(value: Any, form: str = "") -> None:
    """Print one JSON document on stdout. Characters that could steer a terminal are escaped.

    `form`: the name of a mapping's format, for its member `format`. A type of ours has one already.
    """
    text = msgspec.json.format(_json(complete(value, form)), indent=2).decode()
    document(f"{_harmless(text)}\n")


def print_json_line(value: Any, form: str = "") -> None:
    """The same document in one line, where there is one for each of several results."""
    document(f"{_harmless(_json(complete(value, form)).decode())}\n")


def complete(value: Any, form: str = "") -> Any:
    """A document with `format` as its first member, and with `exit_code` after a `verdict`."""
    if isinstance(value, msgspec.Struct) and "verdict" in value.__struct_fields__:
        value = msgspec.to_builtins(value)
    if not isinstance(value, dict):
        return value
    head = {"format": format_of(form)} if form else {}
    if "verdict" not in value or "exit_code" in value:
        return head | value
    before, after = head, dict[str, Any]()
    for name, one in value.items():
        (after if "verdict" in before else before)[name] = one
    return before | {"exit_code": Class(value["verdict"]).exit_code} | after


def format_of(form: str) -> str:
    """The member `format` of a document, by the name that docs/json.md lists."""
    return f"urn:ledger-anchor:{form}:v1"


def print_json_lines(head: dict[str, Any], name: str, items: Iterable[Any]) -> None:
    """Print one JSON document on stdout whose last member is a list, an item a line as they come.

    `head` has the members before it, one at least.
    """
    document(f"{_harmless(_json(complete(head)).decode())[:-1]},{_json(name).decode()}:[")
    separator = "\n"
    for item in items:
        document(f"{separator}{_harmless(_json(item).decode())}")
        separator = ",\n"
    document("\n]}\n")


def _json(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:  # a name of the file system that is not UTF-8
        return msgspec.json.encode(_encodable(msgspec.to_builtins(value)))


def _harmless(text: str) -> str:
    """JSON with an escape for each character that could steer a terminal."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c == "\n" or c.isprintable() else _escaped(c) for c in text)


def _encodable(value: Any) -> Any:
    """The same value, each surrogate escaped as in lines for people."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(k): _encodable(v) for k, v in value.items()}
    return [_encodable(v) for v in value] if isinstance(value, (list, tuple)) else value


def _escaped(character: str) -> str:
    """A character as a JSON escape (RFC 8259 section 7); above U+FFFF as a surrogate pair."""
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def tell(
    verdict: Verdict,
    *,
    as_json: bool,
    verbose: bool = False,
    quiet: bool = False,
    notes: Sequence[str] = (),
    shown: Sequence[Row] = (),
    export: str = "",
) -> int:
    """Print a verdict in a few sentences; with `verbose` its checks too. Returns its exit code.

    `quiet`: print nothing if it is OK. `shown`: rows about what its checks bound, such as the facts of a
    receipt. `export`: the command that writes evidence into files. Raises KeyboardInterrupt after a Ctrl-C.
    """
    check_interrupts()
    verdict = msgspec.structs.replace(verdict, notes=(*verdict.notes, *notes))
    if quiet and verdict.verdict is Class.OK:
        return verdict.exit_code
    if as_json:
        print_json(verdict)
        return verdict.exit_code
    from anchor.cli.verdict_text import report  # a program that reads JSON needs no sentences

    show(report(verdict, shown, verbose=verbose, export=export), _lines(verdict) if verbose else ())
    if not is_terminal():
        _say_reason(verdict)
    return verdict.exit_code


def show(found: "Report", details: Iterable[str] = ()) -> None:
    """Print a report for a person on stdout, and further lines below it."""
    page = Page(sys.stdout)
    for line in (*page.headline(found.word, found.sentence, found.colour), "", *page.rows(found.rows)):
        _write(sys.stdout, f"{line}\n")
    first = True
    for line in details:
        if first:
            out()
        first = False
        out_folded(line, _FOLD)


def say_note(text: str) -> None:
    """Print a remark for a person on stderr: in short lines on a terminal, else in one line for a script."""
    if not sys.stderr.isatty():
        say(f"{_NOTE}{text}")
        return
    for number, line in enumerate(wrapped(text, min(width(sys.stderr), READABLE) - len(_NOTE))):
        say(f"{' ' * len(_NOTE) if number else _NOTE}{line}")


def say_rows(title: str, rows: list[Row]) -> None:
    """Print a title and rows for a person on stderr."""
    for line in (*wrapped(title, width(sys.stderr)), "", *Page(sys.stderr).rows(rows), ""):
        _write(sys.stderr, f"{line}\n")


def out_folded(line: str, fold: int | None = None) -> None:
    """Print one line for a person on stdout; on a terminal folded at its width, else in one piece.

    `fold`: the columns before the further lines. By default these stand under the text behind a label.
    """
    _folded(sys.stdout, line, _text_column(line) if fold is None else fold)


def say_folded(line: str) -> None:
    """The same on stderr."""
    _folded(sys.stderr, line, _text_column(line))


def _folded(stream: TextIO, line: str, fold: int) -> None:
    line = printable(line)
    if not stream.isatty():
        _write(stream, f"{line}\n")
        return
    columns, body = width(stream), line.lstrip(" ")
    indent = " " * (len(line) - len(body))
    first = wrapped(body, columns - len(indent))[0]
    _write(stream, f"{indent}{first}".rstrip(" ") + "\n")
    if rest := body[len(first) :].lstrip(" "):
        for piece in wrapped(rest, columns - fold):
            _write(stream, f"{' ' * fold}{piece}\n")


def _text_column(line: str) -> int:
    """The column in which the text of a line begins: behind its label and two spaces, or its indent."""
    body = line.lstrip(" ")
    indent = len(line) - len(body)
    label, gap, text = body.partition("  ")
    column = indent + len(label) + len(gap) + len(text) - len(text.lstrip(" "))
    return column if gap and column <= _LABELS else indent or _FURTHER


def _say_reason(verdict: Verdict) -> None:
    """Print one line on stderr, for the log of a script: which check decided, if the verdict is bad."""
    if verdict.verdict in (Class.OK, Class.STALE):
        return
    if worst := verdict.decided:
        say(f"anchor: {worst.name}: {worst.detail}")


def _heading(about: str, kind: str) -> str:
    """The line above the checks of one anchor, or of the release or receipt as a whole."""
    if not about:
        return {"receipt": "receipt", "history": "proof of runs"}.get(kind, "release")
    own = about.startswith(("anchor ", "status ", "release ", "fact ", "head ", "proof "))
    return about if own else f"anchor in {about}"


def _mark(check: Check, kind: str) -> str:
    """The state of a check in a word. Evidence that holds is proven: it is the two histories that are bad."""
    if kind == "evidence" and check.demotes is Class.EQUIVOCATION:
        return "PROVEN"
    return _MARKS[check.state]


def _lines(verdict: Verdict) -> Iterator[str]:
    about = ""
    for number, check in enumerate(verdict.checks, 1):
        if check.about != about:
            about = check.about
            yield f"     {_heading(about, verdict.kind)}"
        yield f"{number:3}. {_mark(check, verdict.kind):8} {check.name}: {check.detail}"
        if check.meaning and check.state != "passed":
            yield f"     {'':8} {check.meaning}"
    for note in verdict.notes:
        yield f"note: {note}"
    yield f"{verdict.verdict}: {verdict.target}"
    if any(note.startswith(ACCEPTING) for note in verdict.notes):
        from anchor.cli.refusal_text import making_policy  # most have a policy

        yield f"next: {making_policy(verdict.target)}"
    elif is_unasked_receipt(verdict):
        yield after_receipt()


def is_unasked_receipt(verdict: Verdict) -> bool:
    """True for a receipt that holds as far as that can be said without a policy."""
    undecided = [check.detail for check in verdict.checks if check.demotes]
    return verdict.kind == "receipt" and undecided == [UNASKED]


def after_receipt() -> str:
    """The line about the next command for such a receipt. It does not say where its release is."""
    from anchor.cli.refusal_text import making_policy  # most have a policy

    return f"next: {making_policy('RELEASE')}, where RELEASE is the path or URL that its publisher tells you"


class Stages:
    """Lines about the stages of a command: at once on a terminal, else after success.

    A command that fails in a script then prints only one line, the reason.
    """

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._held_back: list[str] = []
        from anchor.log_kinds.short_names import ShortNames  # few commands have stages

        self._shown = ShortNames()

    def __call__(self, line: str) -> None:
        line = self._shown(line)
        if self._on:
            say(line)
        else:
            self._held_back.append(line)

    def close(self) -> None:
        """Print the lines that were held back."""
        for line in self._held_back:
            say(line)
        self._held_back.clear()

    @contextlib.contextmanager
    def kept_if_pending(self) -> Iterator[None]:
        """Print the lines also if the block ends PENDING: they say what there is, and who did not answer."""
        try:
            yield
        except Pending:
            self.close()
            raise
