# SPDX-License-Identifier: Apache-2.0
"""Files in words: what each field says, and which check binds it. Verifies nothing.

`document` finds out which kind of file it is, and calls the module of that kind. `lint` is about ledgers.
"""
