# SPDX-License-Identifier: Apache-2.0
"""Prometheus metrics over HTTP and as a textfile, read from the records at each request.

Counters include pruned runs, so they never run backwards.
"""

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.registry import Collector

from anchor.disk import files
from anchor.errors import AnchorError, Misuse
from anchor.records import history, name_scans, observed_statuses, outbox, retention
from anchor.records.database import Database
from anchor.report.status import status
from anchor.verdict import Class

Family = GaugeMetricFamily | CounterMetricFamily | SummaryMetricFamily


class Records(Collector):
    """The records as metrics. If the database fails, there is only `anchor_up` 0."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def collect(self) -> Iterator[Family]:
        up = GaugeMetricFamily("anchor_up", "1 when the records can be read")
        try:
            families = [*self._targets(), *self._runs(), *self._logs(), *self._names()]
            up.add_metric([], 1)
        except AnchorError:
            families = []
            up.add_metric([], 0)
        yield up
        yield from families

    def _targets(self) -> Iterator[Family]:
        now = status(self._database, now=self._clock())
        window = GaugeMetricFamily(
            "anchor_unverified_seconds", "Seconds since the last good run", labels=["target"]
        )
        classes = GaugeMetricFamily(
            "anchor_target_class", "1 for the class a target stands at", labels=["target", "class"]
        )
        compared = GaugeMetricFamily(
            "anchor_root_compared",
            "0 if nobody compared the digest of the trusted root of the policy",
            labels=["target"],
        )
        for line in now.targets:
            never = float("inf")
            window.add_metric(
                [line.target], never if line.unverified_seconds is None else line.unverified_seconds
            )
            compared.add_metric([line.target], float(line.compared))
            for verdict in Class:
                classes.add_metric([line.target, str(verdict)], float(verdict is line.verdict))
        sequence = GaugeMetricFamily(
            "anchor_status_sequence", "Sequence of the status beside the release", labels=["target"]
        )
        withdrawn = GaugeMetricFamily(
            "anchor_withdrawn", "Entries of the status against the release and its facts", labels=["target"]
        )
        for target, (number, entries) in observed_statuses.latest(self._database).items():
            sequence.add_metric([target], number)
            withdrawn.add_metric([target], entries)
        worst = GaugeMetricFamily("anchor_exit_code", "What anchor status would exit with")
        worst.add_metric([], now.verdict.exit_code)
        yield from (window, classes, compared, sequence, withdrawn, worst)

    def _runs(self) -> Iterator[Family]:
        with self._database.read() as connection:
            sums = retention.totals(connection).plus(retention.pruned(connection))
        runs = CounterMetricFamily("anchor_runs", "Runs by the class they came to", labels=["class"])
        for verdict in Class:
            runs.add_metric([str(verdict)], sums.classes.get(str(verdict), 0))
        runs.add_metric(["interrupted"], sums.interrupted)
        duration = SummaryMetricFamily("anchor_run_duration_seconds", "Time that runs took")
        duration.add_metric([], count_value=sum(sums.classes.values()), sum_value=sums.duration_ms / 1000)
        requests = CounterMetricFamily("anchor_log_requests", "Requests made to logs")
        requests.add_metric([], sums.requests)
        yield from (runs, duration, requests)

    def _logs(self) -> Iterator[Family]:
        sizes = GaugeMetricFamily("anchor_checkpoint_size", "Proven size of a log", labels=["origin"])
        held = GaugeMetricFamily("anchor_checkpoints", "Signed checkpoints held of a log", labels=["origin"])
        unproven = GaugeMetricFamily(
            "anchor_unproven_checkpoints",
            "Held ones that no proof leads from to a later one",
            labels=["origin"],
        )
        for log in history.logs(self._database):
            sizes.add_metric([log.origin], log.size)
            held.add_metric([log.origin], log.checkpoints)
            unproven.add_metric([log.origin], log.unproven)
        evidence = GaugeMetricFamily("anchor_evidence", "Documents of misbehaviour that are kept")
        evidence.add_metric([], len(history.accused(self._database)))
        messages = GaugeMetricFamily("anchor_messages_waiting", "Messages that no receiver has taken yet")
        messages.add_metric([], outbox.waiting(self._database))
        yield from (sizes, held, unproven, evidence, messages)

    def _names(self) -> Iterator[Family]:
        """The watch of identities, for each log that is read whole."""
        read = GaugeMetricFamily("anchor_names_read", "Entries of a log that were read", labels=["origin"])
        unread = GaugeMetricFamily(
            "anchor_names_unread", "Entries of a log that are not read yet, or are gone", labels=["origin"]
        )
        gaps = GaugeMetricFamily("anchor_names_gaps", "Ranges of unread entries", labels=["origin"])
        found = GaugeMetricFamily(
            "anchor_names_unexplained",
            "Entries under a watched identity that nothing explains",
            labels=["origin"],
        )
        claimed = GaugeMetricFamily(
            "anchor_names_claimed", "Entries that merely claim a watched name", labels=["origin"]
        )
        for one in name_scans.coverages(self._database).values():
            read.add_metric([one.origin], one.read)
            unread.add_metric([one.origin], max(0, one.size - one.first) - one.read)
            gaps.add_metric([one.origin], one.gaps)
            found.add_metric([one.origin], one.unexplained)
            claimed.add_metric([one.origin], one.claimed)
        yield from (read, unread, gaps, found, claimed)


def registry(database: Database, *, clock: Callable[[], float] = time.time) -> CollectorRegistry:
    """A registry with the metrics of these records only."""
    collectors = CollectorRegistry(auto_describe=False)
    collectors.register(Records(database, clock=clock))
    return collectors


def textfile(database: Database) -> bytes:
    """The metrics for the textfile collector of node_exporter."""
    return generate_latest(registry(database))


def serve(database: Database, listen: str) -> Callable[[], None]:
    """Serve /metrics on HOST:PORT in other threads. Returns a function that stops it."""
    host, _, port = listen.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise Misuse("not HOST:PORT", where="--metrics-listen", remedy="e.g. 127.0.0.1:9464")
    try:
        server, thread = start_http_server(int(port), host.strip("[]") or "127.0.0.1", registry(database))
    except OSError as e:
        raise files.os_error(e, listen, "listen on") from None

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
