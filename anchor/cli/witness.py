# SPDX-License-Identifier: Apache-2.0
"""`anchor witness`: make a witness, serve it, show it, copy it, and put a copy back."""

import contextlib
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anchor import limits
from anchor.cli import options
from anchor.cli.output import out, print_json, say
from anchor.cli.witness_logs import folder_of, home_option
from anchor.cli.witness_logs import logs as logs_group
from anchor.disk import user_files, user_folders
from anchor.errors import Misuse
from anchor.words import several

if TYPE_CHECKING:
    from anchor.witness.known_logs import KnownLogs
    from anchor.witness.witness_backup import Raised
    from anchor.witness.witness_home import Home


@click.group()
def command() -> None:
    """A witness (C2SP tlog-witness): it cosigns the checkpoints of other people's logs, if these only grow.

    It is worth something to others if it is run by somebody who does not run the log.

    Example: anchor witness init --name example.com/w1
    """


@command.command(epilog="Example: anchor witness init --name example.com/w1")
@click.option("--name", required=True, help="Name in each cosignature: a URL without scheme that is yours.")
@home_option
@click.option(
    "--algorithm",
    type=click.Choice(["both", "ed25519", "ml-dsa-44"]),
    default="both",
    show_default=True,
    help="Keys: Ed25519 for every client of today, ML-DSA-44 as C2SP asks of new witnesses.",
)
@options.json_option
def init(*, name: str, home: Path | None, algorithm: str, as_json: bool) -> None:
    """Make a witness with new keys. A witness that exists is never overwritten."""
    from anchor.publish import clock
    from anchor.witness import witness_home

    now = datetime.now(UTC)
    clock.check(now, {})
    made = witness_home.create(folder_of(home), name, algorithm=algorithm, now=now)
    if as_json:
        print_json(_about(made), "witness-state")
        return
    out(f"made the witness {made.name}")
    out(f"folder  {made.folder}   keep it private, and keep a copy ('anchor witness backup')")
    for key in made.keys:
        out(f"key     {key.vkey}")
    out("next    name the logs that it accepts: anchor witness logs add VKEY")


@command.command(epilog="Example: anchor witness serve --listen 127.0.0.1:7380")
@home_option
@click.option(
    "--listen", default="127.0.0.1:7380", show_default=True, help="Address and port; port 0 is any free one."
)
@click.option("--prefix", default="", help="Path before /add-checkpoint, as a reverse proxy passes it on.")
@click.option(
    "--client-rate",
    default=100.0,
    show_default=True,
    type=click.FloatRange(0.01, 10**6),
    help="Requests a second that one client address may make.",
)
@click.option("--quiet", is_flag=True, help="No line for each request; only for what needs a person.")
@options.json_option
def serve(
    *, home: Path | None, listen: str, prefix: str, client_rate: float, quiet: bool, as_json: bool
) -> None:
    """Serve the witness over HTTP until interrupted. TLS is for a reverse proxy before it.

    SIGHUP reads the list of logs again. A list that is wrong is told, and the one before stays.
    """
    from anchor.disk.lock import exclusive
    from anchor.publish import clock
    from anchor.witness import known_logs, witness_home
    from anchor.witness.cosigning import Witness
    from anchor.witness.witness_server import Server

    host, port = _address(listen)
    if client_rate != client_rate:  # noqa: PLR0124  NaN is in every range of click
        raise Misuse("is not a number", where="--client-rate")
    if prefix and not (prefix.startswith("/") and not prefix.endswith("/") and prefix.isprintable()):
        raise Misuse("begins with a slash, and does not end in one", where="--prefix")
    clock.check(datetime.now(UTC), {})
    found = witness_home.load_own(folder_of(home))
    with exclusive(found.folder, doing="running this witness"):
        logs, problem = known_logs.to_serve(found.folder)
        with contextlib.closing(found.store()) as store:
            own = witness_home.own_logs(user_folders.state())
            witness = Witness(found, store, logs, own=own)
            with Server(
                witness, host=host, port=port, prefix=prefix, client_rate=client_rate, say=say, quiet=quiet
            ) as server:
                # Before anything is printed: whoever reads that may send a signal at once.
                signal.signal(signal.SIGTERM, server.ask_to_end)
                signal.signal(signal.SIGHUP, server.ask_to_reload)
                with contextlib.suppress(KeyboardInterrupt):
                    for line in (*([problem] if problem else []), *_warnings(found, logs, host, own)):
                        say(f"anchor: {line}")
                    about = _about(found) | {"url": server.url + prefix, "logs": len(logs)}
                    if as_json:
                        print_json(about, "witness-state")
                    else:
                        out(f"witness {found.name} at {server.url}{prefix}, {several(len(logs), 'log')}")
                        for key in found.keys:
                            out(f"key {key.name}+{key.key_id.hex()}   whole: anchor witness show")
                    sys.stdout.flush()
                    server.serve_forever()


@command.command(epilog="Example: anchor witness show --json")
@home_option
@options.json_option
def show(*, home: Path | None, as_json: bool) -> None:
    """Show the keys, each log with the tree that is held of it, and what speaks against a log."""
    from anchor.witness import known_logs, witness_home
    from anchor.witness.cosigning import Evidence, described
    from anchor.witness.witness_home import EVIDENCE

    found = witness_home.load(folder_of(home))
    listed = known_logs.load(found.folder)
    own = witness_home.own_logs(user_folders.state())
    evidence = [str(found.folder / EVIDENCE / name) for name in Evidence(found.folder / EVIDENCE).names()]
    with contextlib.closing(found.read_store()) as store:
        held = dict(store.all())
        origins = sorted({*listed.logs, *held})
        logs = [
            {
                "origin": origin,
                "listed": origin in listed.logs,
                "own": origin in own,
                "contact": listed.logs[origin].contact if origin in listed.logs else "",
                "size": held[origin].size if origin in held else None,
                "root": held[origin].root.hex() if origin in held else None,
                "time": held[origin].time if origin in held else None,
                "refused": len(store.refused(origin)),
                "returned": [note.decode() for note in store.returned(origin)],
            }
            for origin in origins
        ]
    if as_json:
        print_json(_about(found) | {"logs": logs, "evidence": evidence}, "witness-state")
        return
    out(f"witness {found.name}")
    for key in found.keys:
        out(f"key     {key.vkey}")
    for log in logs:
        origin = str(log["origin"])
        said = [described(held.get(origin), own=bool(log["own"]))]
        said += [] if log["listed"] else ["not in the list any more"]
        said += [f"did not fit: {log['refused']} of its checkpoints"] if log["refused"] else []
        out(f"log     {origin}: {', '.join(said)}")
        if log["returned"]:
            out(f"ROLLED BACK, or keys used elsewhere  {origin}   (anchor witness show --json)")
    for path in evidence:
        out(f"TWO HISTORIES  {path}   (anchor verify-evidence)")


@command.command(epilog="Example: anchor witness backup /media/safe/w1")
@click.argument("folder", type=options.Folder())
@home_option
@options.json_option
def backup(*, folder: Path, home: Path | None, as_json: bool) -> None:
    """Copy keys, list and store to FOLDER, which must not exist. The witness may be running.

    The copy holds the private keys. It is out of date as soon as the witness cosigns again.
    """
    from anchor.witness import witness_backup, witness_home

    witness_backup.back_up(witness_home.load(folder_of(home)), folder.absolute())
    if as_json:
        print_json({"folder": str(folder)}, "copied")
    else:
        out(f"copied to {folder}")
        out("keep it as private as the witness itself")


@command.command(epilog="Example: anchor witness restore /media/safe/w1 --seen newest-checkpoint.txt")
@click.argument("folder", type=options.Folder())
@home_option
@click.option(
    "--seen",
    type=options.InputFile(),
    multiple=True,
    help="A newer checkpoint with a cosignature of this witness, from a log or monitor. May be repeated.",
)
@click.option("--newest", is_flag=True, help="Nothing was cosigned after the copy was made. You know this.")
@options.json_option
def restore(*, folder: Path, home: Path | None, seen: tuple[Path, ...], newest: bool, as_json: bool) -> None:
    """Make a home from the copy in FOLDER.

    With a store that is older than what its keys have cosigned, a witness can cosign two histories, and
    nothing in the copy shows its age. So say --newest, or give the newest checkpoint of each log with --seen.
    Who can do neither makes a witness with new keys: anchor witness init.
    """
    from anchor.witness import witness_backup

    if not seen and not newest:
        raise Misuse(
            "the store in this copy may be older than what the witness has cosigned since",
            where=str(folder),
            remedy="see 'anchor witness restore --help', or make a witness with new keys",
        )
    made, raised = witness_backup.restore(
        folder.absolute(), folder_of(home), _notes(seen), rolled_back=not newest
    )
    _print_raised(made, raised, as_json=as_json)


@command.command("catch-up", epilog="Example: anchor witness catch-up newest-checkpoint.txt --accept-store")
@click.argument("checkpoints", type=options.InputFile(), nargs=-1)
@home_option
@click.option("--accept-store", is_flag=True, help="Go on with a store that is older than its mark.")
@options.json_option
def catch_up(*, checkpoints: tuple[Path, ...], home: Path | None, accept_store: bool, as_json: bool) -> None:
    """Raise the store to CHECKPOINTS that bear a cosignature of this witness, after it was rolled back.

    The witness must not be running. Each log that is not raised stays as old as the store is: the witness can
    then cosign another history of it. A witness with new keys cannot: anchor witness init.
    """
    from anchor.disk.lock import exclusive
    from anchor.witness import witness_backup, witness_home

    found = witness_home.load_own(folder_of(home))
    with exclusive(found.folder, doing="running this witness"):
        raised = witness_backup.catch_up(found, _notes(checkpoints), rolled_back=accept_store)
    _print_raised(found, raised, as_json=as_json)


command.add_command(logs_group)


def _notes(paths: tuple[Path, ...]) -> list[tuple[str, bytes]]:
    return [(str(path), user_files.read(path, limit=limits.NOTE)) for path in paths]


def _print_raised(home: "Home", raised: "list[Raised]", *, as_json: bool) -> None:
    if as_json:
        logs = [{"origin": r.origin, "before": r.before, "after": r.after} for r in raised]
        print_json(_about(home) | {"raised": logs}, "witness-state")
        return
    for log in raised:
        out(f"{log.origin}: from size {log.before} to {log.after}")
    out(f"the witness {home.name} is in {home.folder}; raised: {several(len(raised), 'log')}")


def _about(home: "Home") -> dict[str, Any]:
    return {"name": home.name, "home": str(home.folder), "keys": [key.vkey for key in home.keys]}


def _warnings(home: "Home", logs: "KnownLogs", host: str, own: frozenset[str]) -> list[str]:
    """Lines for whoever starts the witness, which others should know too."""
    from anchor.net.urls import is_loopback
    from anchor.witness import witness_home

    lines = []
    if not is_loopback(host):
        lines.append(
            f"{host} is not loopback, and this server has no TLS: a reverse proxy should be before it"
        )
    try:
        witness_home.with_publisher(home.folder)
    except Misuse as e:
        lines.append(e.problem)
    lines += [
        f"this user runs the log {log.origin} too: here this witness gives no independent evidence"
        for log in logs
        if log.origin in own
    ]
    return lines


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 1 << 16
    if not colon or not host or number > 65535:
        raise Misuse(
            f"{text!r} is not an address and a port", where="--listen", remedy="as in 127.0.0.1:7380"
        )
    return host, number
