# SPDX-License-Identifier: Apache-2.0
"""A Sigstore instance inside this process: CA, time-stamps and a log. Its operator is the publisher.

It is for first use, air gaps and tests. It is evidence against everyone but its operator, and no independent
evidence, unless witnesses whom the verifier names have cosigned its log.

`instance` is the folder and opens the others: `ca`, `tsa`, and `log`, which adds entries and signs
checkpoints. `key_files` and `log_files` are what is on the disk. `server` offers all of it on loopback HTTP,
and `export` writes the public side as static files.
"""
