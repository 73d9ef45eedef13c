# SPDX-License-Identifier: Apache-2.0
"""A witness (C2SP tlog-witness): a service that cosigns the checkpoints of the logs in its list.

`anchor.tlog.witnessing` decides about a request, and this package holds what it decides on. `witness_home` is
the folder with the keys, and `known_logs` the list of logs in it. `held_store` has one tree for each log,
compared and stored in one step, and `store_mark` reveals a store that was rolled back. `cosigning` brings
these together, `rate_limits` bounds the requests, `witness_server` offers it over HTTP, and `witness_backup`
copies a home and puts it back.
"""
