# SPDX-License-Identifier: Apache-2.0
"""Files on disk: capped reads, whole writes, locks, the ledger file of a publisher.

`files` reads and writes one file. `staged_folder` writes several at once, `spooled_files` stores the files of
a release, `ledger_file` reads a ledger, and `user_files` reads the files that the command line names.
"""
