# SPDX-License-Identifier: Apache-2.0
"""One worker process of a fleet: `python -m tests.support.records.fleet URL` works until nothing is due.

Its releases are simulated; its claims, runs and records are real. It is made to be killed.
"""

import sys
import time

from anchor.disk import worker_id
from anchor.records.database import open_database
from anchor.watch.worker import Setting, Worker
from tests.support.records import outcomes
from tests.support.records.reverified import WatchedRelease


def main(url: str) -> None:
    database = open_database(url)

    def parts() -> WatchedRelease:
        world = WatchedRelease(database)
        world.now = time.time()
        return world

    worker = Worker(
        Setting(database=database, name=worker_id.name(), parts=parts, clock=time.time, alive=worker_id.alive)
    )
    while outcomes.overdue(database, now=time.time()):
        if not worker.cycle(limit=40):
            time.sleep(0.05)
    database.close()


if __name__ == "__main__":
    main(sys.argv[1])
