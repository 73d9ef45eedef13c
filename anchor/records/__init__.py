# SPDX-License-Identifier: Apache-2.0
"""The database: every run, checkpoint and piece of evidence, kept so that years later it can be checked again."""
