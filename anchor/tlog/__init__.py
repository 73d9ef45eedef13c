# SPDX-License-Identifier: Apache-2.0
"""Transparency logs, exact to C2SP: notes, checkpoints, cosignatures, tiles, proofs, policies, following.

All of it decides on bytes and on a time that is passed in; a `Source` is the one seam for bytes.
A `note` is a signed text, and a `checkpoint` is a note about a tree. `tile_reader` proves entries and growth
from tiles, `follow` compares a head with those that we hold, and `evidence` is the file about a fork.
"""
