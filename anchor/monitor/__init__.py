# SPDX-License-Identifier: Apache-2.0
"""Logs as a clock sees them: followed from what is held, compared with other views, asked for entries."""
