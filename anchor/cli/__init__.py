# SPDX-License-Identifier: Apache-2.0
"""The command line: one module for each command. A command parses, calls and prints; it decides nothing."""
