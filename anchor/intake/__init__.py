# SPDX-License-Identifier: Apache-2.0
"""A publisher's file before anything of it is sealed: what it is, and how it is read. Opens no file.

A reader guesses nothing. Here a reader and a dialect are proposed for a file, and a
reading that is probably not meant is refused.

- `choice`: the reader and the dialect that the user gave.
- `charset`: the encoding that bytes call for.
- `layout`: delimiter, header and skipped lines of a delimited file.
- `json_places`: the places in a JSON document that hold facts.
- `foreign`: files that are no ledger at all, such as a spreadsheet or an HTML page.
- `recognise`: reader and dialect for a file, from all of these.
- `implausible`: the refusal of a reading that is probably not meant, with the option that resolves it.
- `reading`: how a ledger was read, as a value and as text.
"""
