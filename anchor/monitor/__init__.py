# SPDX-License-Identifier: Apache-2.0
"""One re-verification: logs followed from what is held, entries proven, releases and views compared.

`cycle` takes the steps in order, and its result is a `run_record`. `log`, `entries` and `split_view` ask a
log; `ancestry`, `conflicting_statements` and `run_checks` compare releases. `alarm` decides about messages.
`interfaces` has what a re-verification needs from outside: logs, records, and a verifier.
"""
