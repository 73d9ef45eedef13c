# SPDX-License-Identifier: Apache-2.0
"""Files in words: what each field says, and which check binds it. Verifies nothing."""
