# SPDX-License-Identifier: Apache-2.0
"""Publishing: seal, anchor in each log, verify from disk, put in place. One file a stage."""
