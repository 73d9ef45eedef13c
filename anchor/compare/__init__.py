# SPDX-License-Identifier: Apache-2.0
"""Two sequences of facts compared: which facts are equal, changed, added, removed, moved.

Hashes and offsets of facts are in memory, 40 bytes a fact; their values stay in a file, and only those that
are shown are read back. Nothing here decides who signed the facts.

`stored` keeps facts, and `columns` finds columns that were added, removed and renamed. `pairing` decides
which fact of the one sequence is which of the other. `differences` lists what differs, and `side_by_side`
shows it. `cut_off` tells whether missing ends of files explain all of it.

`wanted` finds facts by values or by leaf hash, and `lives` tells what became of a fact over many releases.
"""
