# SPDX-License-Identifier: Apache-2.0
"""A Sigstore instance inside this process: CA, time-stamps and a log. Its operator is the publisher.

It is for first use, air gaps and tests. It gives evidence against its operator, and no independent evidence.
"""
