# SPDX-License-Identifier: Apache-2.0
"""The figures of JSON readers as ratios in one run, with slack: nothing here is judged by the clock alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.bench_json_lines import KINDS, READERS, Figures, measure, peak_memory

pytestmark = [pytest.mark.bench, pytest.mark.slow]
FACTS = 5_000
MOST = {"strings": 0.42, "typed": 0.55}
"""At most this ratio of the loop. The targets are 0.3 and 0.5. Measured for the readers of versions 1 and
2: 0.29 and 0.35, then 0.38 and 0.40. The rest is for other processors and busy machines."""


@pytest.mark.parametrize(("kind", "most"), MOST.items())
def test_json_lines_are_read_in_a_part_of_the_time_of_a_plain_loop(
    kind: str, most: float, tmp_path: Path
) -> None:
    path = tmp_path / "facts.jsonl"
    KINDS[kind](path, FACTS)

    def slow(found: Figures) -> dict[str, float]:
        return {reader: found.ratio(reader) for reader in READERS if found.ratio(reader) > most}

    assert slow(measure(path, FACTS, rounds=100, enough=lambda found: not slow(found))) == {}


@pytest.mark.parametrize("fact", [{"a": "x" * 100}, {"a": [1, {"b": "x" * 100}]}])
def test_a_document_of_72_mib_is_read_in_bounded_memory(fact: dict[str, Any], tmp_path: Path) -> None:
    """Its facts stand between two arrays of the same size, which are no facts."""
    small, large = tmp_path / "small.json", tmp_path / "large.json"
    for path, count in ((small, 10), (large, 24 * 2**20 // len(json.dumps(fact)))):
        array = json.dumps([fact] * count)
        path.write_text(f'{{"before":{array},"facts":{array},"after":{array}}}')
    dialect = json.dumps({"at": "/facts"})
    assert peak_memory(large, "json-v2", dialect) - peak_memory(small, "json-v2", dialect) < 32 * 2**20
