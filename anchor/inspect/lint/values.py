# SPDX-License-Identifier: Apache-2.0
"""Rules for one value alone, and the screening that lets most values pass without them.

Values come in blocks of one column. A screening looks at the text of the whole block, by functions that run
in C. Only the values that it names are looked at one by one.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from anchor import regex
from anchor.format.facts import brief
from anchor.inspect.lint import characters
from anchor.inspect.lint.findings import Remark
from anchor.inspect.lint.value_blocks import Block, Shortened, Words, beginnings

_PLACEHOLDERS = Words(
    {
        *("tbd", "tba", "tbc", "#ref!", "#value!", "#name?", "#div/0!", "#num!", "#spill!", "#calc!"),
        *("to be defined", "to be determined", "to be confirmed", "to be announced", "placeholder"),
        *("change me", "changeme", "lorem ipsum", "fill in", "à définir", "à compléter", "à confirmer"),
        *("xx", "xxx", "xxxx", "undefined", "[object object]"),
    }
)
_TEMPLATES = regex.expression(
    r"\{\{.*\}\}|\$\{.*\}|\{[\w .-]+\}|<[\w .-]+>|\[\[.*\]\]|%[\w-]+%|__\w+__|\?{2,}|to-?do\b.*|#{3,}"
    r"|lorem ipsum.*"
)
_SIGNS_OF_TEMPLATES = regex.expression(rb"[{<]|\[\[|__|\?\?|###|%%")
"""Looked for in the signs of a block alone, where two signs may come from different values."""
_WORDS_OF_TEMPLATES = ("todo", "to-do", "lorem")
_VARIABLE = regex.expression(
    r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*_(?:name|url|value|title|text|label|id|date|here)"
)
_EXAMPLE_HOST = regex.expression(
    r"https?://(?:[\w-]+\.)*(?:example\.(?:com|org|net)|localhost)(?:[:/?#].*)?", re.IGNORECASE | re.DOTALL
)
_GENERIC = {"", "name", "text", "title", "document", "url", "link", "value", "label", "id", "here"}
_NAMES_OF_WORDS = {
    "name",
    "word",
    "text",
    "title",
    "term",
    "type",
    "key",
    "field",
    "column",
    "variable",
    "tag",
}
"""Names of columns that are ordinary values in a list of words or of columns."""
_ELEMENTS = frozenset(
    {
        *(
            "a",
            "b",
            "i",
            "p",
            "br",
            "hr",
            "em",
            "strong",
            "div",
            "span",
            "table",
            "tr",
            "td",
            "th",
            "ul",
            "ol",
        ),
        *(
            "li",
            "html",
            "head",
            "body",
            "img",
            "code",
            "pre",
            "sup",
            "sub",
            "script",
            "style",
            "meta",
            "form",
        ),
        *("h1", "h2", "h3", "h4", "h5", "h6", "input", "svg", "video", "audio", "canvas", "iframe"),
    }
)
"""Elements of HTML. A value such as `<html>` is about HTML, or is markup."""
_SEPARATORS = regex.expression(r"[\s_-]+")

_MISSING = frozenset({"NA", "N.A.", "None", "Null", "NIL", "\\N", "NaN", "<NA>", ".", "..", "...", ":"})
_MISSING_FOLDED = Words(
    {
        "n/a",
        "n.a.",
        "#n/a",
        "#na",
        "null",
        "nan",
        "n.d.",
        "n/d",
        "n.c.",
        "(null)",
        "(none)",
        "(blank)",
        "-nan",
    }
)
_DASHES = frozenset("-\u2010\u2011\u2012\u2013\u2014\u2212")
_ENTITY = regex.expression(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_TAG = regex.expression(r"<[A-Za-z/!?]|~~")
_FORMULA = regex.expression(r"[=@][A-Za-z(]|=[0-9+\"'-]|[+-][A-Za-z]+\(")
_FORMULA_SIGNS = frozenset("=@+-")
_MISSING_VALUE = Remark("missing-value", "is a word for a missing value, and is sealed as text")
_UNFILLED = Remark("placeholder", "looks as if it was never filled in")
_REMEMBERED = 1 << 14
"""Words without a look-alike that are remembered."""


Rule = Callable[[str], Iterable[Remark]] | Remark
"""The function from a value to the remarks about it, or a remark about all of the values."""

_EXACTLY_MISSING = _MISSING | _DASHES
_EXACTLY_MISSING_BEGIN = beginnings(_EXACTLY_MISSING)
_TEMPLATES_BEGIN = beginnings(_WORDS_OF_TEMPLATES)
_URLS_BEGIN = frozenset("h")


class ValueRules:
    """The rules for the values of one column."""

    def __init__(self, column: str, *, null: str | None = None, rendered: bool = False) -> None:
        self._name = _SEPARATORS.sub("_", column.casefold())
        self._name_begins = self._name.partition("_")[0]
        self._null = null
        self._rendered = rendered
        self._clean_words: set[str] = set()
        self._shortened = Shortened()

    def remarks(self, block: Block) -> dict[str, tuple[Remark, ...]]:
        """The remarks about each value of a block, if there are any."""
        found: dict[str, tuple[Remark, ...]] = {}
        for suspects, rule in self._suspects(self._shortened(block)):
            if isinstance(rule, Remark) and not found:
                found = dict.fromkeys(suspects, (rule,))
                continue
            for value in dict.fromkeys(suspects):
                for remark in (rule,) if isinstance(rule, Remark) else rule(value):
                    said = found.get(value, ())
                    if remark not in said:
                        found[value] = (*said, remark)
        return found

    def of_one(self, value: str) -> tuple[Remark, ...]:
        """The remarks about one value."""
        return self.remarks(Block([value])).get(value, ())

    def _suspects(self, block: Block) -> Iterator[tuple[Iterable[str], Rule]]:
        """The values that a rule may have something to say about, and the rule."""
        yield self._missing(block), _MISSING_VALUE
        if block.is_numeric:
            return
        yield from self._unfilled(block)
        if block.has_outer_blanks:
            yield block.distinct, _outer_blanks
        if not block.firsts.isdisjoint(_FORMULA_SIGNS):
            yield block.distinct, _formula
        if b"&" in block.signs:
            yield block.distinct, _entity
        if self._rendered and (b"<" in block.signs or b"~" in block.signs):
            yield block.distinct, _markup
        if not (block.is_plain and block.text.isascii()):
            yield from self._odd_characters(block)

    def _unfilled(self, block: Block) -> Iterator[tuple[Iterable[str], Rule]]:
        """The values that may be placeholders."""
        yield block.among(_PLACEHOLDERS), _UNFILLED
        if _SIGNS_OF_TEMPLATES.search(block.signs) or (
            block.may_begin(_TEMPLATES_BEGIN) and block.has_any(_WORDS_OF_TEMPLATES)
        ):
            yield block.distinct, _template
        if b"_" in block.signs:
            yield block.distinct, _variable
        if block.may_begin(_URLS_BEGIN) and block.has_any(("example.", "localhost")):
            yield _of_example_hosts(block), _UNFILLED
        begins = self._name_begins
        if begins and block.may_begin(beginnings((begins,))) and block.has_any((begins,)):
            yield (
                [v for v in block.distinct if v.strip().casefold().startswith(begins)],
                self._named_as_column,
            )

    def _named_as_column(self, value: str) -> Iterator[Remark]:
        words, name = _SEPARATORS.sub("_", value.strip().casefold()[:1100]), self._name
        is_word = words == name and name in _NAMES_OF_WORDS
        if words.startswith(name) and words[len(name) :].lstrip("_") in _GENERIC and not is_word:
            yield _UNFILLED

    def _missing(self, block: Block) -> list[str]:
        found = [] if block.is_numeric else block.among(_MISSING_FOLDED)
        if block.may_begin(_EXACTLY_MISSING_BEGIN) and not _EXACTLY_MISSING.isdisjoint(block.values):
            found += [v for v in block.distinct if v in _EXACTLY_MISSING]
        return [value for value in found if value != self._null]

    def _odd_characters(self, block: Block) -> Iterator[tuple[Iterable[str], Rule]]:
        """The values with words in which a character rule may find something. A word is looked at once."""
        if block.is_plain:
            if characters.may_be_mojibake(block.utf8):
                yield block.distinct, _mojibake
            return
        new = set(_words(block.text)) - self._clean_words
        words = {word for word in new if not (word.isascii() and word.isprintable())}
        suspects = set(filter(characters.is_suspect, words))
        if len(self._clean_words) > _REMEMBERED:
            self._clean_words.clear()
        self._clean_words |= words - suspects
        if suspects:
            values = [value for value in block.distinct if not suspects.isdisjoint(_words(value))]
            for rule in (_characters, _not_nfc, _mojibake, _look_alikes):
                yield values, rule


def _words(text: str) -> list[str]:
    """The parts of a text between spaces and line feeds. They have every other blank."""
    return text.replace("\n", " ").split(" ")


def _template(value: str) -> Iterator[Remark]:
    text = value.strip().casefold()
    if _TEMPLATES.fullmatch(text) and text.strip("<>") not in _ELEMENTS:
        yield _UNFILLED


def _variable(value: str) -> Iterator[Remark]:
    if _VARIABLE.fullmatch(value):
        yield _UNFILLED


def _of_example_hosts(block: Block) -> list[str]:
    """The values that are a URL of an example host. A host is looked at once.

    The first slash that can follow a host is at 8. What stands from there on does not matter.
    """
    values = list(block.distinct)
    urls = list(map(str.strip, values)) if block.has_outer_blanks else values
    hosts = [url[:end] if (end := url.find("/", 8)) > 0 else url for url in urls]
    different = set(hosts)
    examples = set(filter(_EXAMPLE_HOST.fullmatch, different))
    if len(examples) == len(different):
        return values
    return [value for value, host in zip(values, hosts, strict=True) if host in examples] if examples else []


def _outer_blanks(value: str) -> Iterator[Remark]:
    if value != value.strip():
        kind = "nothing but blanks" if not value.strip() else "blanks around it"
        yield Remark("outer-blanks", f"has {kind}", "note")


def _formula(value: str) -> Iterator[Remark]:
    if _FORMULA.match(value) and (value[0] != "@" or "(" in value):
        yield Remark("formula", "is run as a formula by a spreadsheet")


def _entity(value: str) -> Iterator[Remark]:
    for found in _ENTITY.finditer(value):
        text = found.group()
        if html.unescape(text) != text:
            yield Remark("markup", f"holds {text}, which a web page shows as {brief(html.unescape(text))}")
            return


def _markup(value: str) -> Iterator[Remark]:
    if found := _TAG.search(value):
        what = "struck through" if found.group() == "~~" else "as HTML, which may hide text"
        yield Remark("markup", f"has {brief(found.group())}, and a rendered page shows it {what}")


def _characters(value: str) -> Iterator[Remark]:
    soft, hard = characters.soft_and_hard(characters.hidden(value))
    for found, severity in ((hard, None), (soft, "note")):
        if found:
            shown = ", ".join(map(characters.named, found[:8]))
            yield Remark("invisible", f"holds {shown}", severity)  # type: ignore[arg-type]  # a literal
    if without := list(characters.meaningless(value))[:8]:
        shown = ", ".join(f"U+{ord(c):04X}" for c in without)
        yield Remark("unassigned", f"holds {shown}, without a meaning in Unicode {characters.UNICODE}")


def _not_nfc(value: str) -> Iterator[Remark]:
    if not unicodedata.is_normalized("NFC", value):
        yield Remark("not-nfc", "NFC would change it; it is sealed as it stands")


def _mojibake(value: str) -> Iterator[Remark]:
    if found := characters.mojibake(value):
        piece, meant = found
        yield Remark("mojibake", f"holds {brief(piece)}, which is {brief(meant)} in the wrong encoding")


def _look_alikes(value: str) -> Iterator[Remark]:
    for word in list(characters.look_alikes(value))[:8]:
        odd = ", ".join(characters.named(c) for c in list(dict.fromkeys(word))[:8] if not c.isascii())
        yield Remark("look-alike", f"{brief(word)} has {odd}")
