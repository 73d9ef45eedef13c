# SPDX-License-Identifier: Apache-2.0
"""`anchor files`: a list of files as a ledger, so that files can be published as they are."""

import glob
import shlex
from pathlib import Path

import click

from anchor.cli import options
from anchor.cli.options import Output
from anchor.cli.output import print_json, say
from anchor.disk import user_files
from anchor.disk.file_tree import FileTree, rules_of
from anchor.errors import Misuse
from anchor.format import file_lists
from anchor.words import several

FORMAT = "urn:ledger-anchor:files:v1"
NEXT = "anchor publish {list} --reader files-v1 --name NAME --version VERSION"


@click.command(cls=options.ReadingCommand, epilog="Example: anchor files data/ -o files.csv")
@click.argument("paths", nargs=-1, required=True, type=options.FileName())
@click.option(
    "--base",
    type=options.Folder(),
    help="The folder that the paths in the list begin from (default: the one folder that is named, else the "
    "current one).",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="RULE",
    help="Leave out what this rule of .gitignore matches. The rules of .anchorignore in the folder hold too.",
)
@options.json_option
@click.option(
    "-o",
    "--output",
    default="-",
    type=options.OutputFile(),
    help="The list (default: standard output).",
)
def command(
    *, paths: tuple[str, ...], base: Path | None, ignore: tuple[str, ...], output: Output, as_json: bool
) -> int:
    """Write path, size and SHA-256 of each file below PATHS: folders, files, or patterns such as '*.csv'.

    The list is a ledger, in which each file is a fact. No byte of the files is changed or published. A link
    is refused. With --json and -o the counts are printed as one document.

    'anchor verify RELEASE --files FOLDER' says later which files are missing, changed or new.
    """
    named = [one for path in paths for one in _expanded(path)]
    folder = base or (named[0] if len(named) == 1 and named[0].is_dir() else Path())
    written = None if output.path == user_files.STDOUT else output.path
    tree = FileTree(folder, rules=(*rules_of(folder), *ignore), without=written)
    listed = tree.files([_below(path, folder) for path in named])
    if not listed:
        raise Misuse("no file is there", where=", ".join(paths), remedy="name a folder with files in it")
    output.write(b"".join(file_lists.to_csv(listed)))
    if as_json and written is not None:
        print_json({"format": FORMAT, "output": str(written), "files": len(listed), "ignored": tree.ignored})
        return 0
    left_out = f", {tree.ignored} left out by rules" if tree.ignored else ""
    name = shlex.quote(str(written or "FILE"))
    say(f"{several(len(listed), 'file')}{left_out}; next: {NEXT.format(list=name)}")
    return 0


def _expanded(path: str) -> list[Path]:
    """The path itself if it is there, else what it matches as a pattern."""
    if Path(path).exists() or Path(path).is_symlink() or not glob.has_magic(path):
        return [Path(path)]
    found = sorted(Path(p) for p in glob.glob(path, recursive=True))  # noqa: PTH207  a pattern may be absolute
    if not found:
        raise Misuse("matches no file", where=path, remedy="check the pattern; quote it for the shell")
    return found


def _below(path: Path, folder: Path) -> Path:
    """The path by way of the folder, links of the folder itself resolved."""
    try:
        return folder / (path.parent.resolve() / path.name).relative_to(folder.resolve())
    except ValueError:
        remedy = "name the folder above all of them with --base"
        raise Misuse(f"is not below {folder}", where=str(path), remedy=remedy) from None
