# SPDX-License-Identifier: Apache-2.0
"""The database: every run, checkpoint and piece of evidence, kept to be checked again years later.

`state` reads for a run what earlier runs left, and `store` saves the run. `tables` has the tables, and
`migrations` each change of them. `queue` gives due targets to workers, `intervals` has how often a target is
due, and `outbox` delivers messages. `history` reads past runs for reports. `check` verifies all that is
stored. `high_water_mark` is the file beside the database that reveals its loss.
"""
