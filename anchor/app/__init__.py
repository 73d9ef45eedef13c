# SPDX-License-Identifier: Apache-2.0
"""Core and edge brought together, a module a purpose. Only these and the commands know both sides.

`publish` opens the instances that sign, `trust` loads a policy with its trusted roots, and `records` opens
the records of a home. `reverify` is the verifier that `anchor.monitor` asks for; `log_locations`, `readings`,
`earlier_releases` and `canary` are its parts.
"""
