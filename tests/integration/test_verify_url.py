# SPDX-License-Identifier: Apache-2.0
"""`anchor verify URL`: what a server gives is checked as a file is; what it does not give proves nothing."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import Ran, anchor, says
from tests.support.releases.published import Site, published
from tests.support.servers.bad_server import closed_port
from tests.support.servers.folder_server import FolderServer, certificate, serve_folder

LEDGER = "release/1.0.0/ledger.md"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("published"))


@pytest.fixture
def web(site: Site) -> Iterator[FolderServer]:
    with serve_folder(site.root) as server:
        yield server


def verify(server: FolderServer, site: Site, *more: object, path: str = "/release.json") -> Ran:
    return anchor("verify", "-v", server.url + path, "--policy", site.policy, *more)


@pytest.mark.parametrize("path", ["/release.json", "/release/1.0.0/release.json"])
def test_a_release_verifies_from_loopback_http(web: FolderServer, site: Site, path: str) -> None:
    ran = verify(web, site, path=path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1] == f"OK: {web.url}{path}"
    assert len(web.asked) == len(set(web.asked)) == 6, "the trusted root was kept when it was published"
    assert verify(web, site, "--json", path=path).document["verdict"] == "OK"


def test_a_release_verifies_from_https(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path / "tls.pem")
    with serve_folder(site.root, tls=pem) as server:
        says(verify(server, site), 3, "certificate")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
        assert verify(server, site).code == 0


@pytest.mark.parametrize("query", ["", "?v=1", "?path=a/b.json"])
def test_without_a_policy_the_command_that_accepts_works_once_the_root_is_saved(
    web: FolderServer, site: Site, tmp_path: Path, query: str
) -> None:
    web.answers = {"release.json" + query: (200, {}, site.release.read_bytes())}
    ran = anchor("verify", "-v", web.url + "/release.json" + query)
    says(ran, 2, "policy")
    (line,) = [x for x in ran.out.splitlines() if "to accept this signer: " in x]
    words = line.partition("signer: ")[2].partition(", once you know")[0]
    save, _, command = words.partition(", then ")
    assert save == f"save {web.url}/release/1.0.0/trusted_root.json as trusted_root.json"
    (tmp_path / "trusted_root.json").write_bytes(site.path("trusted_root").read_bytes())
    assert anchor(*shlex.split(command)[1:], cwd=tmp_path).code == 0


def test_what_is_not_there_is_unavailable_and_no_alarm(web: FolderServer, site: Site) -> None:
    says(verify(web, site, path="/elsewhere.json"), 3, "does not have it")
    for path in ("statement", "bundle", "trusted_root", "ledger.md", "ledger.json"):
        name = str(site.path(path).relative_to(site.root))
        web.answers = {name: (404, {}, b"gone")}
        says(verify(web, site), 3, "does not have it")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418])
def test_any_refusal_of_the_server_is_unavailable(web: FolderServer, site: Site, status: int) -> None:
    web.answers = {"release.json": (status, {}, b"no")}
    says(verify(web, site), 3, web.url)


def test_a_server_that_is_not_there_is_unavailable(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anchor.app.verify.BUDGET", 1.0)
    url = f"http://127.0.0.1:{closed_port()}/release.json"
    says(anchor("verify", url, "--policy", site.policy), 3, url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_host_is_followed(web: FolderServer, site: Site, status: int) -> None:
    web.answers = {"old.json": (status, {"Location": "/release.json"}, b"")}
    assert verify(web, site, path="/old.json").code == 0
    web.answers = {"new/of/release.json": (status, {"Location": "/release.json"}, b"")}
    assert verify(web, site, path="/new/of/release.json").code == 0  # and the files are beside it
    web.answers = {LEDGER: (status, {"Location": "/release/1.0.0/ledger.md?again"}, b"")}
    web.answers[LEDGER + "?again"] = (200, {}, site.path("ledger.md").read_bytes())
    assert verify(web, site).code == 0


def test_a_redirect_to_another_host_port_or_scheme_is_not_followed(web: FolderServer, site: Site) -> None:
    with serve_folder(site.root) as other:
        for target in (
            f"{other.url}/release.json",
            f"http://localhost:{web.server_port}/release.json",
            f"https://127.0.0.1:{web.server_port}/release.json",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            f"//127.0.0.1:{other.server_port}/release.json",
            "http://[::1",
        ):
            web.answers = {"release.json": (302, {"Location": target}, b"")}
            says(verify(web, site), 3, "302")
            web.answers = {LEDGER: (302, {"Location": target}, b"")}
            says(verify(web, site), 3, "302")
        assert other.asked == []


@pytest.mark.parametrize("path", ["", "/", "/release/1.0.0/"])
def test_a_url_of_a_folder_is_that_of_its_release(web: FolderServer, site: Site, path: str) -> None:
    assert verify(web, site, path=path).code == 0


def test_a_loop_of_redirects_ends(web: FolderServer, site: Site) -> None:
    web.answers = {"release.json": (302, {"Location": "/release.json"}, b"")}
    says(verify(web, site), 3, "redirects")
    assert len(web.asked) < 10


def test_other_bytes_from_the_server_are_invalid(web: FolderServer, site: Site) -> None:
    data = site.path("ledger.md").read_bytes()
    for other in (data.replace(b"1", b"2"), data + b"\n", b"<html>" + data):
        web.answers = {LEDGER: (200, {}, other)}
        says(verify(web, site), 8, "facts")
    good = site.release.read_bytes()
    for other in (good.replace(b'"1.0.0"', b'"1.0.1"'), good.replace(b"  ", b" "), good + b"\n", b"{}\n"):
        web.answers = {"release.json": (200, {}, other)}
        assert verify(web, site).code == 8, other


def test_what_is_missing_cut_off_or_a_web_page_contradicts_nothing(web: FolderServer, site: Site) -> None:
    """HTTP 200 with nothing, with half a body, or with the error page of a server."""
    for member in ("ledger.md", "ledger.json", "statement", "bundle", "trusted_root"):
        data = site.path(member).read_bytes()
        name = str(site.path(member).relative_to(site.root))
        for other in (b"", data[: len(data) // 2], data[:-1]):
            web.answers = {name: (200, {}, other)}
            says(verify(web, site), 3, "bytes where")
        page = b"<html>try later</html>" * 5000
        web.answers = {name: (200, {"Content-Type": "text/html; charset=utf-8"}, page)}
        says(verify(web, site), 3, "web page")
    good = site.release.read_bytes()
    for other in (b"", good[: len(good) // 2], good[:-1], good[:-2], b"<html>not found</html>", b"\0" * 99):
        web.answers = {"release.json": (200, {}, other)}
        says(verify(web, site), 3, "no whole release.json")


def test_a_file_larger_than_promised_is_not_downloaded(web: FolderServer, site: Site) -> None:
    web.answers = {LEDGER: (200, {}, b"x" * 50_000_000)}
    says(verify(web, site), 8, "has more than the")
    web.answers = {"release.json": (200, {}, b"[" * 50_000_000)}
    assert verify(web, site).code in (3, 8)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/release.json",
        "http://192.0.2.1/release.json",
        "ftp://example.org/release.json",
        "file:///etc/passwd",
        "https://user:secret@example.org/release.json",
        "https:///release.json",
        "https://[::1/release.json",
        "http://127.0.0.1:99999/release.json",
        "https://exa mple.org/",
        "https://example.org/\nx",
        "://",
    ],
)
def test_a_url_that_is_not_fetched_is_usage(site: Site, url: str) -> None:
    says(anchor("verify", url, "--policy", site.policy), 2, "")


def test_paths_in_a_fetched_release_stay_below_its_folder(web: FolderServer, site: Site) -> None:
    value = json.loads(site.release.read_bytes())
    for path in (
        "../secret",
        "/secret",
        "//example.org/x",
        "http://example.org/x",
        "a%2f..%2fb",
        "a?b",
        "a#b",
    ):
        value["files"][1]["path"] = path
        body = json.dumps(value, indent=2).encode() + b"\n"
        web.answers = {"release.json": (200, {}, body)}
        web.asked.clear()
        says(verify(web, site), 8, "release-json")
        assert web.asked == ["release.json"]
