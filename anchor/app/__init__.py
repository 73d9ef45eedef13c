# SPDX-License-Identifier: Apache-2.0
"""Core and edge brought together, one module for each purpose. Only these and the commands know both.

`publish` opens the instances that sign, `trust` loads a policy with its trusted roots, and `records` opens
the records of a home. `lint` reads a ledger once or twice. `reverify` is the verifier that `anchor.monitor`
asks for; `log_locations`, `readings`, `earlier_releases` and `canary` are its parts. `compare_heads` compares
the checkpoints that `given_heads` reads. `mirror` keeps what `mirror_releases`, `mirror_statuses` and
`mirror_logs` have verified.
"""
