# SPDX-License-Identifier: Apache-2.0
"""A Sigstore instance inside this process: certificate authority, time stamping, and a log
that is compatible with Rekor v2.

It is evidence against everyone but its own operator, and no independent evidence.
"""
