# SPDX-License-Identifier: Apache-2.0
"""Views of the records: status, history, metrics.

Each is a value made from `anchor.records.history`, and its text. Only `metrics` can serve HTTP.
"""
