# SPDX-License-Identifier: Apache-2.0
"""`anchor trust`: show a trusted root in words, pin it, update it through TUF."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from anchor.app import given_file
from anchor.app.own_root import PUBLIC_INSTANCES, own_root
from anchor.app.public_roots import PublicRoot, public_root, tuf_cache
from anchor.cli import options
from anchor.cli.output import out, print_json, say
from anchor.disk import root_store, user_files
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.inspect.trusted_root import window_lines, windows
from anchor.net import tuf_roots
from anchor.net.budget import Budget
from anchor.net.release_files import is_url
from anchor.net.tuf_roots import Material
from anchor.publish.policy_text import pin_line
from anchor.sigstore import trusted_root
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.verdict import Class, class_of

BUDGET = 60.0
SAVED = "trusted_root.json"
"""The name that a pin has for a root that went into a pipe."""
EXAMPLE = "anchor trust pin public -o trusted_root.json"


@click.group()
def command() -> None:
    """Show, pin or update a trusted root.

    Example: anchor trust show release/1.0.0/trusted_root.json
    """


@command.command(epilog="Example: anchor trust show release/1.0.0/trusted_root.json")
@click.argument("root", default="public", type=options.FileName())
@click.option("--offline", is_flag=True, help="Make no connection; show the copy that is here.")
@options.json_option
def show(root: str, offline: bool, as_json: bool) -> int:  # noqa: FBT001  click passes by keyword
    """Say in words what ROOT (a file, a URL, `public` or `staging`) trusts, and from when to when.

    Exits 3 when its repository did not answer or is not believed, though an older copy is shown; 4 when what
    it serves has expired.
    """
    data, found, parsed = _read(root, offline=offline)
    shown: dict[str, Any] = {"root": root, "sha256": hashlib.sha256(data).hexdigest()}
    shown |= windows(parsed, datetime.now(UTC))
    if found is not None:
        shown["tuf"] = _tuf(found.material) | {"state": _state(found)}
    verdict = Class.UNAVAILABLE if found is not None and found.refresh_error else Class.OK
    if as_json:
        print_json({"verdict": verdict, **shown}, "trusted-root")
    else:
        for line in window_lines(shown):
            out(line)
    return verdict.exit_code


@command.command(epilog=f"Example: {EXAMPLE}")
@click.argument("root", default="public", type=options.FileName())
@click.option("-o", "--output", type=options.OutputFile(), help="Write the root's bytes to this file.")
@click.option("--offline", is_flag=True, help="Make no connection; pin the copy that is here.")
@options.json_option
def pin(root: str, output: options.Output | None, offline: bool, as_json: bool) -> int:  # noqa: FBT001  by keyword
    """Print the line of a policy that pins ROOT (a file, a URL, `public` or `staging`) by its digest.

    The root is kept here too, so that a policy with its digest alone finds it on this machine.
    """
    data, found, _ = _read(root, offline=offline)
    if found is not None and found.refresh_error:
        remedy = "try later, or pin the copy that is here with --offline"
        raise Unavailable(f"could not be refreshed: {found.refresh_error}", where=root, remedy=remedy)
    if output is None and root in PUBLIC_INSTANCES:
        raise Misuse("a pin names a file", where="-o", remedy="say where to write the root with -o FILE")
    if as_json and output is not None and output.path == user_files.STDOUT:
        raise Misuse("two documents on one stdout", where="-o", remedy="give one of --json and -o -")
    fetched = output is None and is_url(root)
    path = str(output.path if output else root)
    if not path.isascii() and any("\ud800" <= c <= "\udfff" for c in path):
        raise Misuse("a policy cannot name a file whose name is not UTF-8", where=path, remedy="rename it")
    if output is not None:
        output.write(data)
    digest = hashlib.sha256(data).hexdigest()
    if problem := root_store.keep(data):
        say(f"note: not kept here for policies that pin it without a path: {problem}")
    kept = output.is_file if output else not (fetched or user_files.is_stream(Path(root)))
    if as_json:
        print_json({"path": path if kept else None, "sha256": digest}, "pin")
        return 0
    tell = say if output is not None and output.path == user_files.STDOUT else out
    if not kept and not fetched:  # a policy names a file
        tell(f"# save the root as {SAVED}")
    tell(pin_line(("" if fetched else path if kept else SAVED, digest)))
    return 0


@command.command(epilog="Example: anchor trust update public")
@click.argument("name", type=click.Choice(PUBLIC_INSTANCES), default="public")
@options.json_option
def update(name: str, as_json: bool) -> int:  # noqa: FBT001  click passes by keyword
    """Refresh the trusted root of a public instance through TUF now.

    Exits 3 when its repository does not answer or is not believed, 4 when what it serves has expired.
    """
    now = datetime.now(UTC)
    before = _digest(name, now)
    try:
        found = tuf_roots.load(
            tuf_roots.REPOSITORIES[name], cache=tuf_cache(), budget=Budget(BUDGET), now=now, force=True
        )
    except AnchorError as e:
        if before is not None:
            say(f"the copy with SHA-256 {before} stays in use")
        if as_json:
            print_json({"verdict": class_of(e), "error": str(e), "sha256": before}, "error")
            say(f"anchor: {e}")
            return class_of(e).exit_code
        raise
    if found.cache_error:
        raise Misuse(f"nothing was kept: {found.cache_error}", where=f"{name} trusted root")
    after = hashlib.sha256(found.trusted_root).hexdigest()
    shown = {
        "verdict": Class.OK,
        "sha256": after,
        "before": before,
        "changed": before != after,
        "tuf": _tuf(found),
    }
    if as_json:
        print_json(shown, "trust-update")
    else:
        state = f"changed from {before}" if before != after else "unchanged"
        out(f"{name}: SHA-256 {after}, {state}; valid until {found.expires}")
    return 0


def _digest(name: str, now: datetime) -> str | None:
    try:
        kept = tuf_roots.load(
            tuf_roots.REPOSITORIES[name], cache=tuf_cache(), budget=Budget(1), now=now, offline=True
        )
    except AnchorError:
        return None
    return hashlib.sha256(kept.trusted_root).hexdigest()


def _state(found: PublicRoot) -> str:
    """The reasons not to rely on a copy alone; "" if TUF vouches for it now."""
    lines = [f"could not be refreshed: {found.refresh_error}"] if found.refresh_error else []
    try:
        found.material.check_fresh(found.now)
    except AnchorError as e:
        lines.append(f"STALE: {e.problem}")
    return "; ".join(lines)


def _read(root: str, *, offline: bool) -> tuple[bytes, PublicRoot | None, TrustedRoot]:
    if root not in PUBLIC_INSTANCES:
        data = given_file.read(root, limit=trusted_root.MAX_SIZE, offline=offline)
        return data, None, own_root(data, where=root)
    found = public_root(root, budget=Budget(BUDGET), offline=offline)
    return found.material.trusted_root, found, trusted_root.parse(found.material.trusted_root, where=root)


def _tuf(material: Material) -> dict[str, Any]:
    return {
        "origin": material.origin,
        "versions": dict(material.versions),
        "refreshed": material.refreshed.isoformat() if material.refreshed else None,
        "expires": material.expires.isoformat() if material.expires else None,
    }
