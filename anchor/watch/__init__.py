# SPDX-License-Identifier: Apache-2.0
"""The worker that re-verifies what is due, and the scheduler that calls it.

`schedule` decides when the worker looks for due targets. The records decide which targets are due:
`anchor.records.intervals` has how often each one is verified again.
"""
