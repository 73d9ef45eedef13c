# SPDX-License-Identifier: Apache-2.0
"""The entry point of the `anchor` script, and of `python -m anchor`."""

import gc
import os
import sys

gc.disable()  # until the modules of a command are imported: they make many objects, and free few


def main() -> None:
    """Run the command. Its imports are inside, so that Ctrl-C during them prints no traceback."""
    try:
        from anchor.cli.main import main as run

        run()
    except KeyboardInterrupt:
        _end("stopped", 130)  # anchor.cli.main.STOPPED, which may not have been imported
    except (ImportError, MemoryError) as e:
        if isinstance(e, ImportError) and "failed to map segment" not in str(e):
            raise
        _end("not enough memory; give it more memory and run it again", 3)


def _end(line: str, code: int) -> None:
    sys.stderr.write(f"anchor: {line}\n")
    sys.stderr.flush()
    # Python would end by the signal where the interrupt fell into an exec, as of a dataclass being made.
    os._exit(code)


if __name__ == "__main__":
    main()
