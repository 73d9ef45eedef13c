# SPDX-License-Identifier: Apache-2.0
"""Our documents, in the order of FORMAT.md: facts, leaves, statement, release.json, as values and bytes."""
