# SPDX-License-Identifier: Apache-2.0
"""Our documents, in the order of FORMAT.md: facts, leaves, statement, release.json, as values and bytes.

`readers` has a file for each format of ledgers, and `facts` has their common limits. `leaves` makes leaf
bytes, root and ledger.json of the facts. `statement` and `release` are documents to and from bytes. `names`
and `strict_json` have their common rules, and `schemas` has their JSON Schemas.
"""
