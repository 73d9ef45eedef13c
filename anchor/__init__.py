# SPDX-License-Identifier: Apache-2.0
"""Anchor publishes a ledger of facts so that anyone can later prove what was published, by whom and when."""

__version__ = "0.1.0"
RELEASED = "2026-11-28"
"""The day on which this version was made. A clock that shows an earlier day is wrong."""
