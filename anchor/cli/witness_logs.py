# SPDX-License-Identifier: Apache-2.0
"""`anchor witness logs`: the logs that a witness accepts."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from anchor.cli import options
from anchor.cli.output import out, print_json, say
from anchor.disk import files, user_folders
from anchor.errors import Misuse
from anchor.words import are

if TYPE_CHECKING:
    from anchor.witness.known_logs import KnownLogs, Listing

RELOAD = "a running witness reads it at SIGHUP (systemctl reload anchor-witness)"


@click.group()
def logs() -> None:
    """The logs that the witness accepts, each with its keys, and lists of the public witness network.

    Example: anchor witness logs add example.org/log+abcd1234+AXYZ...
    """


def home_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--home`: the folder of a witness, which is never that of a publisher."""
    return click.option(
        "--home",
        type=options.Folder(),
        envvar="ANCHOR_WITNESS_HOME",
        help="Folder for keys, list of logs and store (default: in your state folder).",
    )(function)


def folder_of(home: Path | None) -> Path:
    """The folder of the witness."""
    return files.check_utf8((home or user_folders.state() / "witness").absolute(), "--home")


_list_option = click.option(
    "--list",
    "lists",
    type=options.InputFile(),
    multiple=True,
    help="A list in C2SP tlog-list. May be repeated.",
)


@logs.command(epilog="Example: anchor witness logs add example.org/log+abcd1234+AXYZ... --qpd 1440")
@click.argument("vkeys", nargs=-1)
@click.option("--origin", help="Origin of the log, if it is not the name of its key (Rekor v1).")
@click.option("--qpd", type=click.IntRange(1, 2**31 - 1), help="Requests a day (default: 86400).")
@click.option("--contact", help="How to reach the operator of the log.")
@_list_option
@home_option
@options.json_option
def add(
    *,
    vkeys: tuple[str, ...],
    origin: str | None,
    qpd: int | None,
    contact: str | None,
    lists: tuple[Path, ...],
    home: Path | None,
    as_json: bool,
) -> None:
    """Accept a log by its VKEYS (several if several keys sign for it), or all logs of a list.

    A log that is there already gets these keys in addition.
    """
    from anchor.tlog import log_list
    from anchor.tlog.keys import parse_own_vkey
    from anchor.tlog.log_list import ListedLog
    from anchor.witness import known_logs

    if not vkeys and not lists:
        raise Misuse("name a key of the log, or --list", where="logs add")
    keys = tuple(parse_own_vkey(text, where="VKEY") for text in vkeys)
    more = [str(files.check_utf8(path.absolute(), "--list")) for path in lists]

    def change(listing: "Listing") -> "Listing":
        found = dict(listing.logs)
        if keys:
            name = origin or keys[0].name
            before = found.get(name, ListedLog(name, (), known_logs.DEFAULT_QPD))
            found[name] = log_list.check(
                ListedLog(
                    name,
                    tuple(dict.fromkeys((*before.keys, *keys))),
                    qpd or before.qpd,
                    before.contact if contact is None else contact,
                ),
                "logs add",
            )
        return known_logs.Listing(found, tuple(dict.fromkeys((*listing.lists, *more))))

    _print(known_logs.change(_own_folder(home), change), as_json=as_json)


@logs.command(epilog="Example: anchor witness logs remove example.org/log")
@click.argument("origins", nargs=-1)
@_list_option
@home_option
@options.json_option
def remove(*, origins: tuple[str, ...], lists: tuple[Path, ...], home: Path | None, as_json: bool) -> None:
    """Accept the logs with these ORIGINS no more, or those of a list.

    What the witness has cosigned of them stays in its store: nothing is forgotten if they come back.
    """
    from anchor.witness import known_logs

    def change(listing: "Listing") -> "Listing":
        found, paths = dict(listing.logs), list(listing.lists)
        for origin in origins:
            if found.pop(origin, None) is None:
                raise Misuse(f"{origin!r} is not in {known_logs.FILE}", where="logs remove")
        for path in lists:
            name = next((p for p in (str(path), str(path.absolute())) if p in paths), None)
            if name is None:
                raise Misuse("is not one of the lists", where=str(path))
            paths.remove(name)
        return known_logs.Listing(found, tuple(paths))

    _print(known_logs.change(_own_folder(home), change), as_json=as_json)


@logs.command("list", epilog="Example: anchor witness logs list --json")
@home_option
@options.json_option
def show_list(*, home: Path | None, as_json: bool) -> None:
    """List the logs that the witness accepts, with the file that each is from."""
    from anchor.witness import known_logs

    _print(known_logs.load(_folder(home)), as_json=as_json, changed=False)


def _print(known: "KnownLogs", *, as_json: bool, changed: bool = True) -> None:
    if as_json:
        print_json({"logs": [_document(known, origin) for origin in known.logs]}, "witness-logs")
        return
    if changed:
        out(f"{are(len(known), 'log')} in the list")
        say(f"anchor: {RELOAD}")
        return
    for log in known:
        keys = " ".join(key.vkey for key in log.keys)
        out(f"{log.origin}: {keys}, {log.qpd} a day, {known.sources[log.origin]}")


def _document(known: "KnownLogs", origin: str) -> dict[str, Any]:
    log = known.logs[origin]
    fields = msgspec.structs.asdict(log) | {"keys": [key.vkey for key in log.keys]}
    return fields | {"source": known.sources[origin]}


def _folder(home: Path | None) -> Path:
    """The folder of a witness that is there."""
    from anchor.witness import witness_home

    return witness_home.load(folder_of(home)).folder


def _own_folder(home: Path | None) -> Path:
    """The same, of the user who runs this."""
    from anchor.witness import witness_home

    return witness_home.load_own(folder_of(home)).folder
