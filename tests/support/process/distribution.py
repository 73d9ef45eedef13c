# SPDX-License-Identifier: Apache-2.0
"""Which process of pytest-xdist collects and runs which test files.

All tests of a file run in one process, so fixtures are made once. A slow test that tries all crash points
takes minutes, so each of these is given to any process. Two processes, the hosts, run the tests of
`tests/interop`. Each host has its own stack of servers, in its own network namespace.
"""

import marshal
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from tests.interop.stack import netns

HOSTS = 2
"""The processes that have real servers, at most. Without network namespaces it is one."""
SERVERS = "tests/interop/"
WAITING = ("tests/attacks/", "tests/integration/")
"""The folders whose tests wait for servers, other processes and disks."""
ALL = ("[all]", "-all]")
"""How the name of a slow test ends that tries all of what the default run tries a few of."""
LONG = (
    "tests/attacks/test_alarm_words.py",
    "tests/attacks/test_crash_heads.py",
    "tests/attacks/test_crash_matrix.py",
    "tests/attacks/test_crash_mirror.py",
    "tests/attacks/test_crash_status.py",
    "tests/attacks/test_crash_witnesses.py",
    "tests/attacks/test_four_acts.py",
    "tests/attacks/test_watch_attacks.py",
    "tests/bench/test_reverify_figures.py",
    "tests/integration/test_ci_steps.py",
    "tests/integration/remedies/test_remedies.py",
    "tests/integration/test_demo.py",
    "tests/integration/test_first_start.py",
    "tests/integration/test_json_documents.py",
    "tests/integration/test_network_misbehaves.py",
    "tests/integration/test_network_misleads.py",
    "tests/integration/test_publish_full_disk.py",
    "tests/integration/test_readme.py",
    "tests/integration/test_verdict_snapshots.py",
    "tests/interop/test_clients_agree.py",
    "tests/interop/test_crash_real.py",
    "tests/interop/test_heads_real.py",
    "tests/interop/test_several_logs.py",
    "tests/interop/test_witnesses_of_others.py",
    "tests/laws/test_differential.py",
    "tests/unit/records/test_check.py",
    "tests/unit/records/test_numbers.py",
    "tests/unit/records/test_older_records.py",
)
"""The files that take longest. None is begun near the end, when other processes have no work left."""


def in_order(files: Iterable[str]) -> dict[str, float]:
    """The place of each file, or of a test that stands for itself.

    Those of the servers are first. After them files that wait alternate with files that compute. The longest
    files of each group are first.
    """
    groups: dict[tuple[bool, bool], list[str]] = {}
    for path in sorted(set(files), key=lambda path: (path.partition("::")[0] not in LONG, path)):
        groups.setdefault((not path.startswith(SERVERS), path.startswith(WAITING)), []).append(path)
    return {
        path: later + number / len(group)
        for (later, _), group in groups.items()
        for number, path in enumerate(group)
    }


class ByFile:
    """The scheduler of pytest-xdist for `--dist loadfile`. A process begins when it has collected.

    A process is given the first file of the queue that it has collected. It may have collected a part of
    the suite; those of xdist's own schedulers must have collected the same, and all wait for the slowest.
    """

    def __init__(self, config: pytest.Config, processes: int) -> None:
        self.config = config
        self.processes = processes
        self._separate = _allowed()
        self._queue: dict[str, list[str]] = {}  # a unit of work, and its tests
        self._seen: dict[str, list[str]] = {}  # the same, of all units that were ever in the queue
        self._tests: dict[Any, list[str]] = {}
        self._numbers: dict[Any, dict[str, int]] = {}
        self._units: dict[Any, set[str]] = {}
        self._pending: dict[Any, dict[str, None]] = {}
        self._hosts: set[Any] = set()
        self._finished = 0

    # what xdist asks

    @property
    def nodes(self) -> list[Any]:
        return list(self._pending)

    @property
    def collection_is_completed(self) -> bool:
        return len(self._numbers) >= self.processes

    @property
    def has_pending(self) -> bool:
        return bool(self._queue) or any(self._pending.values())

    @property
    def tests_finished(self) -> bool:
        few = all(len(pending) < 2 for pending in self._pending.values())
        return self.collection_is_completed and not self._queue and few

    def add_node(self, node: Any) -> None:
        self._pending[node] = {}

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """The tests that a process has collected. It begins to run them."""
        self._tests[node] = list(collection)
        self._numbers[node] = {test: number for number, test in enumerate(collection)}
        units: dict[str, list[str]] = {}
        for test in collection:
            units.setdefault(self._unit(test), []).append(test)
        self._units[node] = set(units)
        for unit, tests in units.items():
            if unit not in self._seen:
                self._queue[unit] = tests
            elif sorted(self._seen[unit]) != sorted(tests):
                # The order may differ: a table of cases has the order in which its modules were imported.
                raise RuntimeError(f"{unit}: two processes have collected different tests")
        self._seen |= units
        place = in_order(self._seen)
        self._queue = dict(sorted(self._queue.items(), key=lambda item: (place[item[0]], item[0])))
        self._count()  # pytest-xdist has just told pytest the number of these tests
        self._give(node)

    def schedule(self) -> None:
        """All processes have collected."""

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        del self._pending[node][self._tests[node][item_index]]
        self._finished += 1
        self._count()
        self._give(node)

    def _count(self) -> None:
        """Tell pytest how many tests there are: an estimate until the last file is read."""
        session, terminal = map(self.config.pluginmanager.get_plugin, ("session", "terminalreporter"))
        assert session is not None
        assert terminal is not None
        total = sum(map(len, self._seen.values()))
        seen = terminal.reported_progress / self._finished if self._finished else 1
        session.testscollected = round(seen * total)

    def remove_node(self, node: Any) -> str | None:
        """A process has ended. If it crashed: the test that did it. The tests behind it are begun again, but
        not those behind it in a file that is imported on demand."""
        pending = list(self._pending.pop(node))
        self._hosts.discard(node)
        if not pending:
            return None
        for test in pending[1:]:
            self._queue.setdefault(self._unit(test), []).append(test)
        for other in self._pending:
            self._give(other)
        first = pending[0]
        begun: str = getattr(node, "begun", first)  # it stays when the test has ended
        return begun if begun.partition("::")[0] == first.partition("::")[0] else first

    def mark_test_pending(self, item: str) -> None:
        raise NotImplementedError("xdist wants the method; only plugins that repeat a test call it")

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        raise NotImplementedError("xdist wants the method; only plugins that take a test back call it")

    # how it decides

    def _unit(self, test: str) -> str:
        path = test.partition("::")[0]
        if path.startswith(SERVERS):
            return path if self._separate else SERVERS
        return test if test.endswith(ALL) else path

    def _give(self, node: Any) -> None:
        """More work for a process, or its end. It begins a test when it knows the next one."""
        while len(self._pending[node]) < 2 and not node.shutting_down:
            known = self._units.get(node, set())
            unit = next((u for u in self._queue if u in known and self._may(node, u)), None)
            if unit is None:
                node.shutdown()
                return
            tests = self._queue.pop(unit)
            self._pending[node] |= dict.fromkeys(tests)
            node.send_runtest_some([self._numbers[node][test] for test in tests])

    def _may(self, node: Any, unit: str) -> bool:
        """A few processes start the real servers, and run all tests of these."""
        if not unit.startswith(SERVERS):
            return True
        if len(self._hosts) < HOSTS:
            self._hosts.add(node)
        return node in self._hosts


def send_at_once(config: pytest.Config) -> None:
    """Let this process send what it says of one test in one message, if it is one of xdist's.

    Six messages cost more than a short test. The message is sent when the next test begins, or with any other
    event, so the order stays. A process that crashes loses what it said of the test that it ran alone, which
    then counts as failed.
    """
    if not hasattr(config, "workerinput"):
        return
    plugins: Iterable[Any] = config.pluginmanager.get_plugins()
    (interactor,) = (p for p in plugins if type(p).__name__ == "WorkerInteractor")
    waiting: list[tuple[str, dict[str, object]]] = []

    def send(name: str, **more: object) -> None:
        waiting.append((name, more))
        if name not in _OF_A_TEST:
            interactor.channel.send((_SEVERAL, marshal.dumps(waiting)))
            waiting.clear()

    interactor.sendevent = send


def receive_at_once(node: Any) -> None:
    """Let the first process read such messages of a process, and know which test it has begun."""
    receive = node.process_from_remote

    def each(message: Any) -> None:
        several = isinstance(message, tuple) and message[0] == _SEVERAL
        for event in marshal.loads(message[1]) if several else [message]:
            if isinstance(event, tuple) and event[0] == "logstart":
                node.begun = event[1]["nodeid"]
            receive(event)

    node.process_from_remote = each


_OF_A_TEST = ("testreport", "logfinish")
"""The events of a test after its first one. They wait for the next test, or for any other event."""
_SEVERAL = "several"


def _allowed() -> bool:
    """True if each host can have its own network namespace."""
    found = netns.namespace()
    if found:
        found.close()
    return found is not None
