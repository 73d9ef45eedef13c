# SPDX-License-Identifier: Apache-2.0
"""The network: HTTP within budgets, TUF, logs and releases over HTTP, notifications."""
