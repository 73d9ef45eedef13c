# SPDX-License-Identifier: Apache-2.0
"""The database: every run, checkpoint and piece of evidence, kept to be checked again years later."""
