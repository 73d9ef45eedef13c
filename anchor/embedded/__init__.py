# SPDX-License-Identifier: Apache-2.0
"""A Sigstore instance inside this process: certificate authority, time stamping and a Rekor v2 compatible log.

It is evidence against everyone but its own operator, and no independent evidence.
"""
