# SPDX-License-Identifier: Apache-2.0
"""The cost of looking for the values of facts in a document.

It stands beside that of cutting the text into words by an expression, and of a plain search for each value.

Run: python -m tests.bench.bench_evidence [--facts 20000] [--copies 20]. Times are CPU of this process.
"""

import argparse
import re
import time
import tracemalloc
from collections.abc import Callable

from anchor.sources.checking import SourceText, check
from anchor.sources.citations import columns
from anchor.sources.matching import Document
from tests.support.process.anchor_cli import ROOT

REPORT = ROOT / "evidence" / "rapportdemission-23-en.txt"
COLUMNS = columns(("label", "value", "unit", "source"), {}, where="bench")


def facts(number: int) -> list[tuple[int, tuple[str, ...]]]:
    """Facts that cite the report; most of their values are different, and most are not in it."""
    return [(i, ("Graduation rate of students", str(i), "%", "report")) for i in range(number)]


def cost(run: Callable[[], object], rounds: int = 3) -> float:
    found = []
    for _ in range(rounds):
        began = time.process_time()
        run()
        found.append(time.process_time() - began)
    return min(found)


def measure(number: int, copies: int) -> dict[str, float]:
    """The figures; `copies` of the report, one behind the other, are the text."""
    text = REPORT.read_text() * copies
    document = Document(text)
    texts = (SourceText(file="report", urls=frozenset(), document=document),)
    given, twice = facts(number), facts(2 * number)
    check(given[:1], COLUMNS, texts)  # the index of the text is made at the first search
    words = cost(lambda: re.findall(r"\w+|\S", text))
    made = cost(lambda: Document(text))
    plain = cost(lambda: [value in text for _, (_, value, *_) in given])
    checked = cost(lambda: check(given, COLUMNS, texts))
    double = cost(lambda: check(twice, COLUMNS, texts))
    tracemalloc.start()
    kept = Document(text)
    check(given[:1], COLUMNS, (SourceText(file="report", urls=frozenset(), document=kept),))
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "tokens of a text / its words by an expression": made / words,
        "check of the facts / plain search for each value": checked / plain,
        "check of twice the facts / check of the facts": double / checked,
        "bytes of memory / characters of the text": memory / len(text),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=int, default=20_000)
    parser.add_argument("--copies", type=int, default=20)
    given = parser.parse_args()
    for name, value in measure(given.facts, given.copies).items():
        print(f"{value:10.2f}  {name}")


if __name__ == "__main__":
    main()
