# SPDX-License-Identifier: Apache-2.0
"""A file that a user names is read and written where the name leads. Devices and links stay."""

import contextlib
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from anchor.cli import options
from anchor.cli.commands import COMMANDS, cli
from anchor.disk import files, user_files
from anchor.errors import Misuse, Unavailable
from tests.support.forge import bundles
from tests.support.process.anchor_cli import ROOT, Ran, anchor, forked
from tests.support.process.need import need
from tests.support.releases.published import LEDGER, Site, published

OUTPUTS = {
    ("convert", "output"),
    ("files", "output"),
    ("prove", "output"),
    ("prove", "qr"),
    ("publish", "opened_out"),
    ("publish", "policy_out"),
    ("policy", "output"),
    ("seal", "opened_out"),
    ("trust pin", "output"),
    ("records export", "output"),
    ("records prove", "output"),
    ("reverify", "metrics_file"),
    ("watch", "metrics_file"),
    ("instance serve", "token_file"),
}
"""Every option that names a file to write. A new one is written by `Output`, and tried below."""
INPUTS = {
    *(("convert", "file"), ("files", "paths")),
    *(("lint", "ledger"), ("seal", "ledger"), ("seal", "previous"), ("inspect", "file")),
    *(("publish", "ledger"), ("publish", "identity_token_file"), ("publish", "policy")),
    *(("publish", "instance"), ("publish", "also")),
    *(("records anchor", "head_instances"), ("records anchor", "identity_token_file")),
    ("watch", "head_instances"),
    *((c, p) for c in ("withdraw", "renew") for p in ("policy", "identity_token_file", "instance", "also")),
    *((c, "witness_policy") for c in ("publish", "withdraw", "renew")),
    ("instance witness policy", "file"),
    *((c, "schema") for c in ("publish", "seal", "lint")),
    *((c, "evidence") for c in ("publish", "seal", "evidence check")),
    ("evidence check", "ledger"),
    *(("verify", "opened"), ("prove", "opened")),
    *(("verify-bundle", "bundle"), ("verify-bundle", "key"), ("verify-bundle", "trusted_root")),
    *(("verify-bundle", "file_or_digest"), ("verify-bundle", "tlog_policy"), ("verify-evidence", "file")),
    *(("verify-history", p) for p in ("files", "policy", "trusted_root")),
    *(("trust show", "root"), ("trust pin", "root")),
    *(
        (c, p)
        for c in ("verify", "diff", "chain", "find", "log", "prove", "verify-evidence", "reverify", "watch")
        for p in ("policy", "trusted_root")
    ),
    *(("compare", p) for p in ("checkpoints", "policy", "trusted_root")),
    *(("mirror", p) for p in ("policy", "trusted_root")),
    *((f"witness logs {c}", "lists") for c in ("add", "remove")),
    *(("witness catch-up", "checkpoints"), ("witness restore", "seen")),
    *(("records check", p) for p in ("policy", "trusted_root")),
    *(("verify-receipt", p) for p in ("receipts", "bundles", "policy", "trusted_root")),
}
WITNESS = (
    "backup", "catch-up", "init", "logs add", "logs list", "logs remove", "restore", "serve", "show",
)  # fmt: skip
INSTANCE = ("init", "serve", "export", "backup", "restore")
FOLDERS = {
    ("demo", "keep"),
    *((c, p) for c in ("publish", "reverify", "watch", "status", "history") for p in ("root", "home")),
    *(
        (f"records {c}", p)
        for c in ("export", "prune", "check", "forget-log", "accept", "prove", "anchor")
        for p in ("root", "home")
    ),
    *((f"instance {c}", p) for c in INSTANCE for p in ("root", "home")),
    *(
        (f"instance witness {c}", p)
        for c in ("add", "remove", "list", "quorum", "policy", "ask")
        for p in ("root", "home")
    ),
    *(("instance serve", "output"), ("instance export", "output"), ("seal", "output")),
    ("files", "base"),
    ("prove", "split"),
    ("chain", "home"),
    *(("compare", p) for p in ("home", "evidence")),
    *((f"witness {c}", "home") for c in WITNESS),
    *(
        (c, "folder")
        for c in ("mirror", "witness backup", "witness restore", "instance backup", "instance restore")
    ),
    ("mirror", "home"),
    *((c, p) for c in ("withdraw", "renew") for p in ("folder", "home")),
    ("log", "receipts"),
}
RELEASES = {
    *(
        ("policy", "release"),
        ("verify", "release"),
        ("diff", "old"),
        ("diff", "new"),
        ("chain", "release"),
        ("chain", "against"),
        ("compare", "places"),
        ("find", "release"),
        ("log", "release"),
        ("prove", "release"),
        ("publish", "online_copy"),
        ("instance restore", "online_copy"),
        ("renew", "online_copy"),
        ("withdraw", "online_copy"),
        ("reverify", "releases"),
        ("watch", "releases"),
        ("records forget-log", "target"),
        ("records accept", "target"),
    ),
    *(("mirror", p) for p in ("release", "documents")),
}
KINDS: dict[type, set[tuple[str, str]]] = {
    options.OutputFile: OUTPUTS,
    options.InputFile: INPUTS,
    options.FileName: INPUTS,
    options.Folder: FOLDERS,
    options.ReleaseName: RELEASES,
}


def parameters(command: click.Command, name: str) -> Iterator[tuple[str, click.Parameter]]:
    if isinstance(command, click.Group):
        for inner, found in command.commands.items():
            yield from parameters(found, f"{name} {inner}")
        return
    yield from ((name, param) for param in command.params)


def test_every_option_that_names_a_file_has_the_one_reader_or_the_one_writer() -> None:
    """An option of plain text that is a path would be opened by whoever uses it, each in another way."""
    found: dict[type, set[tuple[str, str]]] = {}
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        for words, param in parameters(command, name):
            where = (words, str(param.name))
            kind = type(param.type)
            if kind in KINDS:
                found.setdefault(kind, set()).add(where)
                continue
            assert not isinstance(param.type, click.Path | click.File), where
            assert not {"file", "output", "folder", "path"} & set(str(param.name).split("_")), where
    assert found[options.OutputFile] == OUTPUTS
    assert found[options.InputFile] | found[options.FileName] == INPUTS
    assert found[options.Folder] == FOLDERS
    assert found[options.ReleaseName] == RELEASES


def test_every_output_option_gives_the_writer_and_never_a_path() -> None:
    for given in ("a", "-", Path("b")):
        assert isinstance(options.OutputFile().convert(given, None, None), options.Output)
    assert not isinstance(options.OutputFile().convert("a", None, None), os.PathLike)


# Writing: each kind of thing that a name may lead to


@dataclass
class Place:
    """The file that a name leads to, and the bytes that arrived there."""

    name: Path
    arrived: Callable[[], bytes]
    stays: Callable[[], bool]


def device(folder: Path, minor: int = 3) -> Path:
    """A character device in a folder of the test: 1:3 takes everything, 1:7 is full."""
    path = folder / f"nul{minor}"
    with contextlib.suppress(PermissionError):
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
    need(path.exists(), "root, to make a device")
    try:
        path.read_bytes() if minor == 3 else path.open("wb").close()
    except PermissionError:
        need(False, "a file system that allows devices")
    return path


def a_device(folder: Path) -> Place:
    path = device(folder)
    return Place(path, lambda: b"", path.is_char_device)


def a_link_to_a_device(folder: Path) -> Place:
    path, link = device(folder), folder / "lnk"
    link.symlink_to(path.name)
    return Place(link, lambda: b"", lambda: path.is_char_device() and link.is_symlink())


def a_fifo(folder: Path) -> Place:
    path = folder / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def arrived() -> bytes:
        data = os.read(reader, 1 << 16)
        os.close(reader)
        return data

    return Place(path, arrived, path.is_fifo)


def a_link_to_a_file(folder: Path) -> Place:
    (folder / "elsewhere").mkdir()
    path, link, second = folder / "elsewhere" / "real", folder / "lnk", folder / "lnk2"
    path.write_bytes(b"old")
    second.symlink_to(path)
    link.symlink_to("lnk2")
    return Place(link, path.read_bytes, lambda: link.is_symlink() and second.is_symlink())


def a_dangling_link(folder: Path) -> Place:
    path, link = folder / "not-yet", folder / "lnk"
    link.symlink_to(path.name)
    return Place(link, path.read_bytes, link.is_symlink)


def a_file_with_a_mode(folder: Path) -> Place:
    path = folder / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    if os.getuid() == 0:
        os.chown(path, 12345, 54321)
    before = path.stat()

    def stays() -> bool:
        now = path.stat()
        same = (now.st_mode, now.st_uid, now.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
        return same and now.st_ino != before.st_ino  # replaced whole: nobody reads half of it

    return Place(path, path.read_bytes, stays)


def nothing_yet(folder: Path) -> Place:
    path = folder / "new"
    return Place(path, path.read_bytes, lambda: stat.S_IMODE(path.stat().st_mode) & 0o133 == 0)


PLACES = (
    *(a_device, a_link_to_a_device, a_fifo, a_link_to_a_file, a_dangling_link),
    *(a_file_with_a_mode, nothing_yet),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A release that was re-verified once, so that there are records."""
    found = published(tmp_path_factory.mktemp("site"))
    assert reverify(found).code == 0
    return found


def reverify(site: Site, *more: object) -> Ran:
    return anchor("reverify", "-v", site.release, "--home", site.home, "--policy", site.policy, *more)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root.json"
    path.write_text(json.dumps(bundles.trusted_root()))
    return path


@pytest.mark.parametrize("make", PLACES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("command", ["trust pin", "records export", "prove", "reverify", "policy"])
def test_an_output_goes_where_its_name_leads_and_what_is_there_stays_what_it_is(
    command: str, make: Callable[[Path], Place], site: Site, root: Path, tmp_path: Path
) -> None:
    place = make(tmp_path)
    if command == "trust pin":
        ran = anchor("trust", "pin", root, "-o", place.name)
        wanted = root.read_bytes()[:20]
    elif command == "records export":
        ran = anchor("records", "export", "--home", site.home, "-o", place.name)
        wanted = b'{"'
    elif command == "policy":
        ran = anchor("policy", site.release, "--not-compared", "--force", "-o", place.name)
        wanted = b"# Accepts"
    elif command == "prove":
        ran = anchor("prove", site.release, "--fact", 0, "-o", place.name)
        wanted = b'{"format":"urn:ledger-anchor:receipt:v1"'
    else:
        ran = reverify(site, "--metrics-file", place.name)
        wanted = b"# HELP"
    assert ran.code == 0, ran
    assert place.stays()
    if "device" not in make.__name__:
        assert place.arrived().startswith(wanted)
    assert not [p for p in tmp_path.rglob("*") if p.name.endswith(".tmp")]


def test_a_dash_is_standard_output(site: Site, root: Path, tmp_path: Path) -> None:
    ran = anchor("trust", "pin", root, "-o", "-", cwd=tmp_path)
    assert ran.out.encode() == root.read_bytes()
    assert "sha256 = " in ran.err
    exported = anchor("records", "export", "--home", site.home, "-o", "-", cwd=tmp_path)
    assert exported.out == anchor("records", "export", "--home", site.home).out != ""
    ran = reverify(site, "--metrics-file", "-", "--quiet")
    assert ran.code == 0
    assert "anchor_exit_code 0.0" in ran.out
    assert not (tmp_path / "-").exists()
    assert anchor("trust", "pin", root, "-o", "-", "--json", cwd=tmp_path).code == 2
    assert anchor("records", "export", "--evidence", "-o", "-", cwd=tmp_path).code == 2
    for words in (("seal", "l", "--name", "n", "--version", "1"), ("instance", "export")):
        assert "folder" in anchor(*words, "-o", "-", cwd=tmp_path).line
    assert [p.name for p in tmp_path.iterdir()] == ["root.json"]


def test_a_file_that_is_called_dash_is_named_with_its_folder(root: Path, tmp_path: Path) -> None:
    assert anchor("trust", "pin", root, "-o", "./-", cwd=tmp_path).code == 0
    assert (tmp_path / "-").read_bytes() == root.read_bytes()
    assert "OK" not in anchor("trust", "show", "./-", cwd=tmp_path).err
    assert anchor("trust", "show", "./-", cwd=tmp_path).code == 0


def test_a_link_to_an_open_descriptor_is_written_into_it(root: Path, tmp_path: Path) -> None:
    """As /dev/stdout is, also where a shell has redirected it to a file: that file is open, so one put in its
    place would hold what nobody sees."""
    link, redirected = tmp_path / "lnk", tmp_path / "redirected"
    link.symlink_to("/proc/self/fd/1")
    with redirected.open("wb") as out:
        words = [sys.executable, "-m", "anchor", "trust", "pin", str(root), "-o", str(link), "--json"]
        subprocess.run(words, cwd=ROOT, stdout=out, check=True, timeout=60)
    assert redirected.read_bytes().startswith(root.read_bytes())
    assert link.is_symlink()


def test_a_pipe_whose_reader_went_away_and_one_without_a_reader(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(Unavailable, match="nobody reads"):
        user_files.write(Path(f"/proc/self/fd/{write}"), b"x")
    os.close(write)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Misuse):
        user_files.write(tmp_path / "fifo", b"x", wait=False)


def test_a_full_device_is_told_and_a_disk_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No space"):
        user_files.write(device(tmp_path, minor=7), b"x")
    os.mknod(tmp_path / "disk", 0o600 | stat.S_IFBLK, os.makedev(7, 99))
    with pytest.raises(Misuse, match="disk"):
        user_files.write(tmp_path / "disk", b"x")


def test_a_loop_of_links_a_folder_and_a_missing_descriptor_are_usage(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for path in (tmp_path / "a", tmp_path, Path("/proc/self/fd/987")):
        with pytest.raises(Misuse):
            user_files.write(path, b"x")


def test_the_token_of_the_embedded_instance_is_renewed_so_it_is_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    words = ("instance", "serve", "--home", tmp_path / "home", "--token-file")
    for name in ("fifo", "-"):
        ran = anchor(*words, tmp_path / name if name != "-" else "-", cwd=tmp_path)
        assert ran.code == 2
        assert "regular file" in ran.line
    assert (tmp_path / "fifo").is_fifo()


def test_a_file_of_our_own_is_not_put_in_the_place_of_a_device(tmp_path: Path) -> None:
    path = device(tmp_path)
    with pytest.raises(Misuse):
        files.write(path, b"x")
    assert path.is_char_device()


# Reading


@contextlib.contextmanager
def fed(path: Path, data: bytes) -> Iterator[Path]:
    """A FIFO that somebody writes into, once."""
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(data,), daemon=True)
    writer.start()
    yield path
    writer.join(60)
    assert not writer.is_alive()


def piped(data: bytes, *words: object, cwd: Path = ROOT) -> Ran:
    """A command with a pipe as its standard input."""

    def pipe() -> None:
        read, write = os.pipe()
        if os.fork() == 0:  # the program before the pipe
            os.close(read)
            with contextlib.suppress(BrokenPipeError), os.fdopen(write, "wb") as f:
                f.write(data)
            os._exit(0)
        os.close(write)
        os.dup2(read, 0)
        sys.stdin = os.fdopen(0, closefd=False)
        os.chdir(cwd)

    return forked(*words, before=pipe)


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_what_is_piped_in_is_read_as_a_file_is(name: str, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "l.md"
    file.write_text(LEDGER)
    words = ("--name", "n", "--version", "1")
    whole = anchor("seal", file, *words)
    reader = ("--reader", "markdown-table-v1")
    assert piped(LEDGER.encode(), "seal", name, *words, *reader).out == whole.out
    assert "--reader" in piped(LEDGER.encode(), "seal", name, *words).line
    assert piped(LEDGER.encode(), "lint", name, *reader, "--json").code == 0
    root = site.path("trusted_root")
    assert json.loads(piped(root.read_bytes(), "trust", "show", name, "--json").out)["sha256"]
    assert piped(root.read_bytes(), "inspect", name).code == 0
    statement = site.path("statement").read_bytes()
    again = ("seal", file, "--name", "small-ledger", "--version", "2", "--previous", name)
    assert piped(statement, *again).code == 0
    assert piped(b"{}", "verify-evidence", name, "--policy", site.policy).code == 7


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_a_bundle_is_verified_over_what_is_piped_in(name: str, site: Site) -> None:
    value = site.value["anchors"][0]
    words = (
        *("verify-bundle", "--trusted-root", site.path("trusted_root"), "--certificate-identity"),
        *(value["identity"], "--certificate-oidc-issuer", value["issuer"]),
    )
    bundle, ledger = site.path("bundle"), site.path("ledger.md")
    assert piped(ledger.read_bytes(), *words, "--bundle", bundle, name).code == 0
    assert piped(ledger.read_bytes() + b"x", *words, "--bundle", bundle, name).code == 8
    assert piped(bundle.read_bytes(), *words, "--bundle", name, ledger).code == 0
    twice = piped(bundle.read_bytes(), *words, "--bundle", name, name)
    assert twice.code == 2
    assert "read already" in twice.line


def test_a_policy_from_a_pipe_is_read_once_and_holds_for_the_whole_command(
    site: Site, tmp_path: Path
) -> None:
    """Re-verification asks for it several times. Its relative names are those of the current folder."""
    text = site.policy.read_text()
    (tmp_path / "root.json").write_bytes(site.path("trusted_root").read_bytes())
    relative = text.replace("{ sha256", '{ path = "root.json", sha256').encode()
    assert b'"root.json"' in relative
    for command in ("verify", "reverify"):
        home = () if command == "verify" else ("--home", tmp_path / "watcher")
        ran = piped(relative, command, site.release, "--policy", "-", *home, cwd=tmp_path)
        assert ran.code == 0, ran
        with fed(tmp_path / f"{command}.fifo", relative) as fifo:
            assert anchor(command, site.release, "--policy", fifo, *home, cwd=tmp_path).code == 0


def test_a_piped_policy_says_where_its_relative_names_are_looked_for(site: Site, tmp_path: Path) -> None:
    text = site.policy.read_text().replace("{ sha256", '{ path = "root.json", sha256').encode()
    for name in ("-", "/dev/stdin"):
        ran = piped(text, "verify", site.release, "--policy", name, cwd=tmp_path)
        assert ran.code == 2
        assert "root.json: cannot read: No such file" in ran.line
        assert "its relative paths are those of the current folder" in ran.line


def test_a_pipe_that_never_ends_is_read_to_the_limit_and_no_further(tmp_path: Path) -> None:
    zero = device(tmp_path, minor=5) if os.getuid() == 0 else Path("/dev/zero")
    with pytest.raises(Misuse, match="more than the 1000 bytes"):
        user_files.read(zero, limit=1000)
    assert anchor("trust", "show", zero).code == 2
    assert anchor("verify", "release.json", "--policy", zero, cwd=ROOT).code == 2


def test_a_pipe_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    with fed(tmp_path / "fits", b"x" * 1000) as fifo:
        assert user_files.read(fifo, limit=1000) == b"x" * 1000
        assert user_files.read(fifo, limit=1000) == b"x" * 1000  # nobody writes now
    user_files.forget_pipes()
    with fed(tmp_path / "large", b"x" * 1001) as fifo, pytest.raises(Misuse, match="more than"):
        user_files.read(fifo, limit=1000)


def test_a_release_is_read_with_the_files_beside_it_so_not_from_a_pipe(site: Site) -> None:
    for command in ("verify", "reverify", "watch"):
        ran = anchor(command, "-", "--policy", site.policy)
        assert ran.code == 2
        assert "beside it" in ran.line
