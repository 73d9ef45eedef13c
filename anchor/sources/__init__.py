# SPDX-License-Identifier: Apache-2.0
"""Source documents: which one a fact cites, and whether its value occurs in the text. Opens no file.

The claim is about text and nothing more: the characters of a value are there. Nothing here is evidence of
misbehaviour, which `anchor verify-evidence` checks.

- `numbers`: digit groups and decimal marks.
- `text_tokens`: the numbers and words of a text.
- `matching`: the occurrences of a value in a text, and what stands beside them.
- `citations`: the columns of a ledger that matter, and the document that a cell cites.
- `checking`: the facts of a ledger against the documents at hand.
- `manifest`: the publisher's list of documents (evidence.toml).
- `extraction`: the text of a PDF, and of an HTML page.
"""
