# SPDX-License-Identifier: Apache-2.0
"""One re-verification: logs followed from what is held, entries proven, releases and views compared.

`cycle` takes the steps in order, and its result is a `run_record`. `log`, `entries` and `split_view` ask a
log. `name_run`, `name_watch` and `name_scan` read it whole, for entries that nobody published; `explained`
has the statements that explain them. `ancestry`, `conflicting_statements` and `run_checks` compare releases.
`strangers` compares the checkpoints of others. `alarm` decides about messages. `interfaces` has what a
re-verification needs from outside: logs, records, and a verifier.
"""
