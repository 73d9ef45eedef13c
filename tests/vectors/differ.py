# SPDX-License-Identifier: Apache-2.0
"""Our verifier beside the others, over all vectors and their mutations: `python -m tests.vectors.differ`.

Writes `only_we_refuse.toml`: the vectors that the reference client accepts and we refuse. The vectors that we
accept and it refuses are in `ours_only_accepts.toml`, written by hand, each with the sentence of a
specification that is on our side. The third column needs cosign; without it the column stays as it is.
"""

import dataclasses
import functools
import itertools
import json
import logging
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.forge.bundles import V2, make
from tests.support.forge.client_verdicts import NO_KEYS, cosign_opinion, cosign_path, sigstore_opinion
from tests.support.forge.mutations import mutations
from tests.support.forge.our_verdict import judge
from tests.vectors import make as vectors
from tests.vectors.case import CASES, Case

HERE = Path(__file__).parent
BASES = (
    "v2-message",
    "v2-dsse",
    "v1-bundle-0.1-both",
    "v1-bundle-0.3-both",
    "v1-dsse",
    "v1-promise-and-tsa",
    "v1-intoto-0.0.2",
    "managed-p256",
)
DONOR = V2.but(artifact=b"another artifact", after=9)
HEAD = """# What the reference client (sigstore-python) accepts and we refuse, and the check that refuses it.
# Written by: python -m tests.vectors.differ
# cosign: what cosign says of the same vector, where it was at hand.
"""


@dataclass(frozen=True)
class Row:
    """One bundle under all verifiers. `ours`: the check that refuses it first; None accepts."""

    name: str
    ours: str | None
    reference: str | None


def table(name: str) -> dict[str, Any]:
    """A checked-in list."""
    return tomllib.loads((HERE / name).read_text())


def row(name: str, case: Case) -> Row:
    """A case under our verifier and the reference client."""
    outcome = judge(case)
    return Row(name, None if outcome.accepted else next(iter(outcome.failed)), sigstore_opinion(case))


@functools.cache
def vector_rows() -> tuple[Row, ...]:
    """Every vector."""
    return tuple(row(name, case) for name, case in CASES.items())


def mutants(base: str) -> Iterator[tuple[str, Case]]:
    """Every mutation of a vector, under its label."""
    case, donor = CASES[base], make(DONOR)
    for label, data in mutations(json.loads(case.bundle), donor):
        yield label, dataclasses.replace(case, bundle=data)


@functools.cache
def mutant_rows(base: str, *, every: int = 1) -> tuple[Row, ...]:
    """Every mutation of a vector, or one of so many."""
    return tuple(row(label, case) for label, case in itertools.islice(mutants(base), 0, None, every))


def only_we(rows: Iterable[Row]) -> dict[str, str]:
    """The vectors that we refuse and the reference client accepts, with our check."""
    return {r.name: r.ours for r in rows if r.ours and r.reference is None}


def mutation_rows() -> dict[str, str]:
    """The same over mutations, by label; several bases may share one."""
    found: dict[str, set[str]] = {}
    for base in BASES:
        for label, check in only_we(mutant_rows(base)).items():
            found.setdefault(label, set()).add(check)
    return {label: ", ".join(sorted(checks)) for label, checks in sorted(found.items())}


def third_column(names: list[str], known: dict[str, Any]) -> dict[str, str]:
    """Cosign's word on vectors: asked anew when it is at hand, else as checked in."""
    program = cosign_path()
    if program is None:
        return {name: known.get(name, {}).get("cosign", "not asked") for name in names}
    said = {name: cosign_opinion(CASES[name], program) for name in names}
    return {name: "accepts" if word is None else "refuses" for name, word in said.items()}


def document() -> str:
    """`only_we_refuse.toml`."""
    file = HERE / "only_we_refuse.toml"
    known = tomllib.loads(file.read_text()).get("vectors", {}) if file.exists() else {}
    refused = only_we(vector_rows())
    cosign = third_column(list(refused), known)
    lines = [HEAD, "[vectors]"]
    lines += [f'"{n}" = {{ check = "{c}", cosign = "{cosign[n]}" }}' for n, c in sorted(refused.items())]
    lines += ["", "[mutations]", "# place in the bundle and change = our check"]
    lines += [f"{json.dumps(label)} = {json.dumps(check)}" for label, check in mutation_rows().items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the list."""
    assert vectors.GROUPS  # importing it registers the cases
    logging.disable(logging.CRITICAL)
    text = document()
    (HERE / "only_we_refuse.toml").write_text(text)
    sys.stdout.write(f"{len(text.splitlines())} lines\n")
    ours = [r for r in vector_rows() if r.ours is None and r.reference not in (None, NO_KEYS)]
    sys.stdout.write("".join(f"only we accept: {r.name}: {r.reference}\n" for r in ours))
    return 0


if __name__ == "__main__":
    sys.exit(main())
