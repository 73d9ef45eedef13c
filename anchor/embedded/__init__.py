# SPDX-License-Identifier: Apache-2.0
"""A Sigstore instance inside this process: CA, time stamps and a log, run by whoever publishes with it.

For first use, air gaps and tests. What it says is evidence against its operator, and no independent evidence.
"""
