# SPDX-License-Identifier: Apache-2.0
"""The entry point of the `anchor` script, and of `python -m anchor`."""

import os
import sys


def main() -> None:
    """Run the command. Its modules are imported here, so that Ctrl-C among the imports is no traceback."""
    try:
        from anchor.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("anchor: stopped\n")
        sys.stderr.flush()
        # Python would end by the signal where the interrupt fell into an exec, as of a dataclass being made.
        os._exit(130)  # anchor.cli.main.STOPPED, which may not have been imported


if __name__ == "__main__":
    main()
