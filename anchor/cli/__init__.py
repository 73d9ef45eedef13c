# SPDX-License-Identifier: Apache-2.0
"""The command line: one module for each command. A command parses, calls and prints; it decides nothing.

`commands` has the table of commands, which click calls; `plain` reads the plain lines of two of them.
`options`, `homes`, `configuration` and `output` are shared by them. `reverification` has what `reverify` and
`watch` have in common.
"""
