# SPDX-License-Identifier: Apache-2.0
"""Only `anchor.log_kinds` knows the kind of a log: no other module has a switch between kinds."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor import log_kinds
from anchor.net import logs

ROOT = Path(__file__).resolve().parents[2] / "anchor"
OWN = [ROOT / "log_kinds", ROOT / "net" / "logs", ROOT / "embedded" / "hashedrekord.py"]
"""The files of the kinds: both parts, and how the embedded log writes an entry."""
OTHERS = sorted(p for p in ROOT.rglob("*.py") if not any(p.is_relative_to(own) for own in OWN))
FORM = re.compile(r"0\.0\.[0-9]|(?i:hashed_?rekord)(?:V00[0-9])?|V00[0-9]|intoto|.* - \[0-9\].*| - ")
NAME = re.compile(r"(?i:rekor_?v[0-9]\w*)|log_version|(?<=\.)v[12]")
SAID = re.compile(r"(?i)rekor|log_version|api_version|major\w*")


def docstrings(tree: ast.AST) -> set[int]:
    """Constants that are documentation: a statement of their own."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def switches(source: str) -> Iterator[str]:
    """The expressions that look like a question which kind of log it is."""
    tree = ast.parse(source)
    ignored = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in ignored:
            if FORM.fullmatch(node.value):
                yield f"line {node.lineno}: {node.value!r}"
        elif isinstance(node, ast.Name | ast.Attribute | ast.alias):
            # What stands before the last point is a node of its own.
            last = f".{node.attr}" if isinstance(node, ast.Attribute) else getattr(node, "id", "")
            if NAME.search(last or ast.unparse(node)):
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Compare) and any(
            isinstance(part, ast.Constant) and isinstance(part.value, int)
            for part in (node.left, *node.comparators)
        ):
            words = [ast.unparse(part).rpartition(".")[2] for part in (node.left, *node.comparators)]
            if any(SAID.fullmatch(w) for w in words) and any(w.isdecimal() for w in words):
                yield f"line {node.lineno}: {ast.unparse(node)}"


ALLOWED = {
    "embedded/log.py": "rekor_v2",  # writes Rekor v2's entries
    "publish/statement_guard.py": "rekor_v2",  # reads the entries of the home's own log
    "tlog/checkpoint.py": "' - '",  # `Log.shards`: docs/decisions/0017-log-kinds.md
    "signing/signer.py": "rekor.v1",  # a name of the sigstore client
    "signing/reference_client.py": "v1",
}


@pytest.mark.parametrize("path", OTHERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_module_asks_by_itself_which_kind_a_log_is(path: Path) -> None:
    allowed = ALLOWED.get(str(path.relative_to(ROOT)), "nothing")
    assert not [s for s in switches(path.read_text(encoding="utf-8")) if allowed not in s]


@pytest.mark.parametrize(
    "source",
    [
        "if log_version == 2: pass",
        "if choice.rekor == 2: pass",
        "if (e.kind, e.version) == ('hashedrekord', '0.0.2'): pass",
        "body['hashedRekordV002']",
        "origin.split(' - ')",
        "entry.v2",
        "from anchor.net.logs.rekor_v1 import RekorV1Reader",
    ],
)
def test_a_switch_is_found(source: str) -> None:
    assert list(switches(source))


def test_each_kind_has_both_parts_and_a_form_and_an_api_belong_to_one() -> None:
    names = [kind.name for kind in log_kinds.KINDS]
    assert [network.kind.name for network in logs.NETWORKS] == names
    forms = [form for kind in log_kinds.KINDS for form in kind.forms]
    apis = [kind.api_version for kind in log_kinds.KINDS if kind.api_version is not None]
    assert len(forms) == len(set(forms))
    assert len(apis) == len(set(apis))
    assert len(names) == len(set(names))
