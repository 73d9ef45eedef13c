# SPDX-License-Identifier: Apache-2.0
"""Builds the site: `python -m tests.support.generate.site build`.

The Markdown pages are the source, as they stand. They are staged beside a page for each command, and the
lists of docs/index.md become the table of contents. Sphinx follows every link between pages, also to a
heading. A link that leads nowhere ends the build.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from anchor.cli.commands import COMMANDS, module_of

ROOT = Path(__file__).resolve().parents[3]
_LINK = re.compile(r"^- \[[^\]]+\]\(([^)]+)\)", re.MULTILINE)
_FOLDER = re.compile(r"\]\(([^)#:]+/)\)")
"""A link to a folder: a forge shows the README there."""
COPIED = (
    "*.md",
    "LICENSE",
    "tasks.py",
    "docs",
    "evidence",
    "release",
    "release.json",
    "tests/support/README.md",
)
"""The pages, and the files that they link to."""
_REDIRECT = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=docs/index.html">\n'
)


def listed(index: str) -> dict[str, list[str]]:
    """The pages of docs/index.md, as it links them, by heading."""
    parts = re.split(r"^## (.+)$", index, flags=re.MULTILINE)[1:]
    return {title: _LINK.findall(body) for title, body in zip(parts[::2], parts[1::2], strict=True)}


def contents(index: str) -> str:
    """The table of contents, for Sphinx: a list for each heading, which the page itself does not repeat."""
    lists = [*listed(index).items()]
    lists.insert(3, ("Commands", [f"commands/{name}" for name, _ in command_pages()]))
    return "".join(_toctree(title, pages) for title, pages in lists)


def _toctree(title: str, pages: list[str]) -> str:
    names = "\n".join(f"/{_from_root(page)}" for page in pages)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{names}\n```\n"


def _from_root(page: str) -> str:
    """A page as Sphinx names it: from the root, without its suffix."""
    path = page.removeprefix("../") if page.startswith("../") else f"docs/{page}"
    return path.rpartition(".")[0]


def command_pages() -> Iterator[tuple[str, str]]:
    """File name and text of a page for each command, and of the list of all."""
    linked = "".join(f":doc:`anchor-{name}`\n    {line}\n\n" for name, line in COMMANDS.items())
    about = (
        "Every command has ``--json`` (:doc:`/docs/json`) and ends with one of the codes of\n"
        ":doc:`/docs/exit-codes`. :doc:`/docs/settings` says what sets an option.\n\n"
    )
    yield "anchor.rst", f"anchor\n======\n\n{about}{linked}"
    for name in COMMANDS:
        title = f"anchor {name}"
        line = "=" * len(title)
        body = f".. click:: {module_of(name)}:command\n   :prog: {title}\n   :nested: full\n"
        yield f"anchor-{name}.rst", f"{title}\n{line}\n\n{body}"


def stage(folder: Path) -> None:
    """The pages of the repository and those of commands, in a folder that is laid out as the repository is.

    Files are copied: Sphinx takes a link for what it points to.
    """
    for name in COPIED:
        for path in sorted(ROOT.glob(name)):
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if path.is_dir() else shutil.copy)(path, copy)
    for page in folder.rglob("*.md"):
        page.write_text(_FOLDER.sub(r"](\1README.md)", page.read_text(encoding="utf-8")), encoding="utf-8")
    index, decisions = folder / "docs" / "index.md", folder / "docs" / "decisions" / "README.md"
    _append(index, contents(index.read_text(encoding="utf-8")))
    _append(decisions, "\n```{toctree}\n:hidden:\n:glob:\n\n0*\n```\n")
    (folder / "docs" / "commands").mkdir()
    for name, text in command_pages():
        (folder / "docs" / "commands" / name).write_text(text, encoding="utf-8")


def _append(page: Path, text: str) -> None:
    with page.open("a", encoding="utf-8") as stream:
        stream.write(text)


def sphinx(builder: str, source: Path, target: Path) -> "subprocess.CompletedProcess[str]":
    """Run a builder over staged pages. Each warning is an error; all are in `stderr`."""
    words = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "--no-color", "-b", builder]
    where = ["-c", str(source / "docs"), "-d", f"{source}.doctrees", str(source), str(target)]
    return subprocess.run([*words, *where], check=False, stderr=subprocess.PIPE, text=True)


def build(target: Path) -> int:
    """Build `site` below a folder; the exit code of the builder."""
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary, "source")
        source.mkdir()
        stage(source)
        shutil.rmtree(target / "site", ignore_errors=True)
        done = sphinx("html", source, target / "site")
        sys.stderr.write(done.stderr.replace(f"{source}/", ""))
        if done.returncode:
            return done.returncode
    (target / "site" / "index.html").write_text(_REDIRECT, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1])))
