# SPDX-License-Identifier: Apache-2.0
"""Files on disk: capped reads, whole writes, locks, the ledger file of a publisher."""
