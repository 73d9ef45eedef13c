# SPDX-License-Identifier: Apache-2.0
"""`python -m anchor` is the `anchor` command."""

from anchor.cli.main import main

main()
