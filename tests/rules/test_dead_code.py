# SPDX-License-Identifier: Apache-2.0
"""The program has no function, class or method that only tests use."""

import ast
import re
from pathlib import Path

from tests.support.process.anchor_cli import ROOT

CALLED_BY_OTHERS = {
    "LazyGroup.list_commands": "click",
    "LazyGroup.get_command": "click",
    "LazyGroup.format_commands": "click",
    "_Session.get_redirect_target": "requests",
    "Handler.do_POST": "http.server",
    "Handler.log_message": "http.server",
    "Handler.send_error": "http.server",
    "Server.handle_error": "socketserver",
    "_Refusal.emit": "logging",
    "_Flow.signing_cert": "the reference client",
    "_Flow._build_dsse_request": "the reference client",
    "_Flow.create_entry": "the reference client",
    "Every.get_next_fire_time": "apscheduler",
    "verify_receipt": "the users of docs/python.md",
    "all_inclusion_proofs": "nobody: docs/decisions/0026-receipts.md has its time beside `EveryProof`",
    "multiproof": "nobody: it is `MultiproofBuilder` in one call, and tests hold both to a second program",
}
"""Who calls what this program defines and does not call."""


def is_command(function: ast.FunctionDef) -> bool:
    """True for a command of click, which its name registers."""
    return any(".command(" in ast.unparse(d) for d in function.decorator_list)


def defined(module: ast.Module) -> set[str]:
    """The functions and classes of a module, and the methods of its classes."""
    found = set()
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and not is_command(node):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (n for n in node.body if isinstance(n, ast.FunctionDef))
            found |= {node.name, *(f"{node.name}.{n.name}" for n in methods)}
    return {name for name in found if not name.rpartition(".")[2].startswith("__")}


def used(module: ast.Module, *, exports: bool) -> set[str]:
    """The names that a module uses. An import alone is no use. A reader stands in its table as a text.

    `exports`: the module is an `__init__.py`, where a text without a dot only exports a name.
    """
    prose = {id(n.value) for n in ast.walk(module) if isinstance(n, ast.Expr)}
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.keyword) and node.arg:
            found.add(node.arg)
        elif isinstance(node, ast.Constant) and isinstance(text := node.value, str) and id(node) not in prose:
            found.update(re.findall(r"\w+", text) if "." in text or not exports else ())
    return found


def unused(program: Path) -> set[str]:
    modules = {path: ast.parse(path.read_text()) for path in program.rglob("*.py")}
    names = set[str]().union(*map(defined, modules.values()))
    calls = set[str]().union(*(used(m, exports=p.name == "__init__.py") for p, m in modules.items()))
    return {name for name in names if name.rpartition(".")[2] not in calls}


def test_each_function_is_used_by_the_program() -> None:
    assert unused(ROOT / "anchor") == CALLED_BY_OTHERS.keys()


def test_a_function_that_only_its_export_names_is_found(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("from one import dead, used\n__all__ = ['dead', 'used']\n")
    (tmp_path / "one.py").write_text("def dead():\n    'See dead.'\n\ndef used():\n    pass\n\nused()\n")
    assert unused(tmp_path) == {"dead"}
