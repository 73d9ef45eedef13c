# SPDX-License-Identifier: Apache-2.0
"""Transparency logs, exact to C2SP: notes, checkpoints, cosignatures, tiles, proofs, policies, following.

All of it decides on bytes and on a time that is passed in; a `Source` is the one seam for bytes.
"""
