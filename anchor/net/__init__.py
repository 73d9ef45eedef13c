# SPDX-License-Identifier: Apache-2.0
"""The network: HTTP within budgets, TUF, logs and releases over HTTP, notifications.

`http` makes every request, within a `budget`. `log_sources` and `logs` read and write logs, `release_files`
reads a published release, `tuf_roots` gets the roots of the public instances, and `notify` sends messages.
`http_server` is the base of what we serve ourselves.
"""
