# SPDX-License-Identifier: Apache-2.0
"""Accepted forms of files that no reader accepts: what `anchor convert` writes. Opens no file.

Nothing is changed silently: each function reports every kind of change that it made, to `Changes`.

- `changes`: the kinds of change that were made, with counts and examples.
- `table`: rows of texts to columns and facts: header, empty rows, notes, names.
- `delimited`: delimited text of any encoding and delimiter to rows.
- `spreadsheet`: a sheet of a workbook to rows; needs the extra `spreadsheets`.
- `markdown_text`: a table of a Markdown document to rows.
- `json_items`: JSON to one object a line.
- `write`: rows as CSV or JSON Lines.
"""
