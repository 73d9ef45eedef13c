# SPDX-License-Identifier: Apache-2.0
"""Views of the records: status, history, metrics."""
