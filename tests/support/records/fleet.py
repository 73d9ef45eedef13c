# SPDX-License-Identifier: Apache-2.0
"""One worker of a fleet, in a process of its own: it works until nothing is due.

Its releases are simulated; its claims, runs and records are real. It is made to be killed.
"""

import time

from anchor.disk import worker_id
from anchor.records.database import open_database
from anchor.watch.worker import Worker, WorkerConfig
from tests.support.records import outcomes
from tests.support.records.reverified import WatchedRelease, WatchHost


class FleetHost(WatchHost):
    """Each cycle has a world of its own. The time is real."""

    def verifier(self) -> WatchedRelease:
        world = WatchedRelease(self.world.database)
        world.now = self.clock()
        return world

    def clock(self) -> float:
        return time.time()


def main(url: str) -> None:
    database = open_database(url)
    worker = Worker(database, FleetHost(WatchedRelease(database)), WorkerConfig(name=worker_id.name()))
    while outcomes.overdue(database, now=time.time()):
        if not [*worker.cycle(limit=40)]:
            time.sleep(0.05)
    database.close()
