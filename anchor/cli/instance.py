# SPDX-License-Identifier: Apache-2.0
"""`anchor instance`: make the embedded Sigstore, serve it on loopback, export its public files."""

import contextlib
import hashlib
import os
import secrets
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from anchor.cli import homes, options
from anchor.cli.instance_backup import backup, restore
from anchor.cli.instance_witness import witness
from anchor.cli.output import out, print_json, say
from anchor.disk import files, user_files
from anchor.format.names import TRUSTED_ROOT
from anchor.log_kinds.embedded import ALONE
from anchor.log_kinds.short_names import short
from anchor.words import several

TOKEN_LIFETIME = 3600
HONEST = f"run by whoever publishes with it: {ALONE}"


@click.group()
def command() -> None:
    """The embedded Sigstore instance: a CA, a time-stamp authority and a log, for first use and air gaps.

    Its operator is the publisher. So it is evidence against everyone but its own operator, and no independent
    evidence. Witnesses that a verifier names in his own policy can change that.

    Example: anchor instance serve
    """


@command.command()
@options.ledger_name_option
@options.root_option
@options.home_option
@options.json_option
def init(ledger: str | None, root: Path, home: Path | None, *, as_json: bool) -> None:
    """Make an instance in the home. An instance that exists is never overwritten.

    Publishing makes one by itself if there is none.

    Example: anchor instance init --home ~/.anchor-home
    """
    from anchor.embedded.instance import Instance
    from anchor.publish import clock

    clock.check(datetime.now(UTC), {})
    instance = Instance.create(_folder(root, home, ledger))
    about = _about(instance)
    if as_json:
        print_json(about, "instance")
        return
    out(f"made the embedded Sigstore {instance.origin}")
    out(f"({HONEST})")
    out(f"folder        {instance.folder}   keep it private and keep a copy")
    out(f"identity      {instance.identity}")
    out(f"issuer        {instance.issuer}")
    out(f"log key       {instance.vkey}")
    out(f"trusted root  sha256 {about['trusted_root_sha256']}")


@command.command()
@options.ledger_name_option
@options.root_option
@options.home_option
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option("--identity", help="The identity in the token of the token file (default: publisher@<origin>).")
@click.option(
    "--token-file",
    type=options.OutputFile(),
    help="File for that token, mode 0600 (default: beside the trust config).",
)
@click.option(
    "-o",
    "--output",
    type=options.Folder(),
    help="Folder for the trust config of this run (default: in the home).",
)
@options.json_option
def serve(
    ledger: str | None,
    root: Path,
    home: Path | None,
    host: str,
    port: int,
    identity: str | None,
    token_file: options.Output | None,
    output: Path | None,
    *,
    as_json: bool,
) -> None:
    """Serve the instance on loopback HTTP until interrupted; the stock sigstore command can use it.

    Fulcio, time-stamp authority and Rekor v2 are at one address. An instance is made if there is none. A
    certificate needs an identity token: a valid one is always in the token file. POST /mint issues others to
    whoever sends the secret, which is in a file beside it.

    Example: anchor instance serve --port 8080
    """
    from anchor.embedded.instance import Instance
    from anchor.embedded.server import Server
    from anchor.publish import clock

    clock.check(datetime.now(UTC), {})
    instance = Instance.open(_folder(root, home, ledger), create=True)
    clock.check_instance(datetime.now(UTC), instance)
    secret = secrets.token_urlsafe(32)
    with (
        contextlib.closing(instance),
        Server(instance, host=host, port=port, secret=secret, say=say) as server,
        _asked_again(server.services.witnesses),
    ):
        folder = output or instance.folder / "run"
        # It is renewed while this runs, and taken away at the end: no pipe or device is either.
        token_path = user_files.regular(token_file.path) if token_file else folder / "identity-token"
        paths = _write_config(instance, folder, server.url)
        secret_path = folder / "mint-secret"
        identity = identity or instance.identity
        # Before anything is written or printed: whoever reads that may end this at once.
        signal.signal(signal.SIGTERM, server.ask_to_end)
        with (
            contextlib.suppress(KeyboardInterrupt),
            _secret(secret_path, secret.encode()),
            _fresh_token(instance, identity, token_path),
        ):
            about = _about(instance) | {
                "url": server.url,
                "identity": identity,
                "identity_token_file": str(token_path),
                "mint_secret_file": str(secret_path),
                **{name: str(path) for name, path in paths.items()},
            }
            if as_json:
                print_json(about, "instance")
            else:
                _print_usage(about)
            sys.stdout.flush()
            server.serve_forever()


@command.command()
@options.ledger_name_option
@options.root_option
@options.home_option
@click.option(
    "-o",
    "--output",
    type=options.Folder(),
    help="Folder to write to (default: <root>/release/log/<origin>).",
)
@options.json_option
def export(ledger: str | None, root: Path, home: Path | None, output: Path | None, *, as_json: bool) -> None:
    """Write the public files: the log as static files, its key, the trusted root, a trust config.

    The trust config is for verification; its URLs do not resolve. Publishing exports the log by itself.

    Example: anchor instance export -o public/
    """
    from anchor.embedded.instance import FOLDER, Instance

    folder_of_keys = homes.existing_home(root, home, ledger) / FOLDER
    with contextlib.closing(Instance.open(folder_of_keys, create=False)) as instance:
        folder = output or root / "release" / "log" / instance.origin
        instance.export(folder)
        files.write(folder / TRUSTED_ROOT, instance.trusted_root())
        files.write(folder / "client_trust_config.json", instance.client_trust_config(instance.base_url))
        about = _about(instance) | {"folder": str(folder), "size": instance.log.size()}
    if as_json:
        print_json(about, "instance")
        return
    out(f"wrote {several(about['size'], 'log entry')}, trusted root and trust config to {folder}")
    out(f"log {short(about['origin'])} ({HONEST})")


for _part in (witness, backup, restore):
    command.add_command(_part)


def _folder(root: Path, home: Path | None, ledger: str | None) -> Path:
    from anchor.embedded.instance import FOLDER

    return homes.publisher_home(root, home, ledger) / FOLDER


def _write_config(instance: Any, folder: Path, url: str) -> dict[str, Path]:
    """The files that clients of this run need."""
    paths = {
        "trust_config": folder / "client_trust_config.json",
        "signing_config": folder / "signing_config.json",
        "trusted_root": folder / TRUSTED_ROOT,
    }
    files.write(paths["trust_config"], instance.client_trust_config(url))
    files.write(paths["signing_config"], instance.signing_config(url))
    files.write(paths["trusted_root"], instance.trusted_root())
    return paths


def _about(instance: Any) -> dict[str, Any]:
    return {
        "origin": instance.origin,
        "identity": instance.identity,
        "issuer": instance.issuer,
        "vkey": instance.vkey,
        "trusted_root_sha256": hashlib.sha256(instance.trusted_root()).hexdigest(),
        "independent": False,
        "note": HONEST,
    }


@contextlib.contextmanager
def _asked_again(witnesses: Any) -> Iterator[None]:
    """Ask witnesses that did not answer again and again, while the block runs."""
    stop = threading.Event()
    threading.Thread(target=witnesses.keep_asking, args=(stop,), daemon=True).start()
    try:
        yield
    finally:
        stop.set()


@contextlib.contextmanager
def _secret(path: Path, secret: bytes) -> Iterator[None]:
    """Keep a secret in a file that only the user can read, while the block runs."""
    try:
        files.write(path, secret, mode=0o600)
        yield
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _fresh_token(instance: Any, identity: str, path: Path) -> Iterator[None]:
    """Keep a valid token in a file that only the user can read, while the block runs."""
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(TOKEN_LIFETIME / 2):
            put()

    def put() -> None:
        token = instance.mint(identity, lifetime=TOKEN_LIFETIME)
        files.write(path, token.encode(), mode=0o600)

    put()
    renewing = threading.Thread(target=renew, daemon=True)
    renewing.start()
    try:
        yield
    finally:
        stop.set()
        renewing.join()  # or it may write the token once more after this
        path.unlink(missing_ok=True)


def _print_usage(about: dict[str, Any]) -> None:
    q = {name: shlex.quote(str(value)) for name, value in about.items()}
    python = f"--cert-identity {q['identity']} --cert-oidc-issuer {q['issuer']}"
    cosign = f"--certificate-identity {q['identity']} --certificate-oidc-issuer {q['issuer']}"
    out(f"embedded Sigstore {about['origin']} at {about['url']}")
    out(f"({HONEST})")
    out(f"trust config    {about['trust_config']}")
    out(f"identity token  {about['identity_token_file']}   kept fresh until this ends")
    out()
    token = f'SIGSTORE_IDENTITY_TOKEN="$(cat {q["identity_token_file"]})"'
    out("# sign FILE, then verify it, with the stock sigstore client")
    out(f"{token} sigstore --trust-config {q['trust_config']} sign FILE")
    out(f"sigstore --trust-config {q['trust_config']} verify identity {python} FILE")
    out()
    out("# the same with cosign")
    configs = f"--signing-config {q['signing_config']} --trusted-root {q['trusted_root']}"
    out(
        f"cosign sign-blob --yes {configs} --identity-token {q['identity_token_file']} "
        "--bundle FILE.sigstore.json FILE"
    )
    out(f"cosign verify-blob --trusted-root {q['trusted_root']} --bundle FILE.sigstore.json {cosign} FILE")
    proxied = [n for n in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy") if os.environ.get(n)]
    if proxied and "127.0.0.1" not in os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")):
        say(f"anchor: {proxied[0]} is set; clients also need NO_PROXY=127.0.0.1")
