# SPDX-License-Identifier: Apache-2.0
"""The same values of hypothesis in each run, whatever was imported before.

With `derandomize` it draws the same values for the same test. But it also tries the constants of the modules
that the process has imported from this folder, and which process runs which files changes from run to run.
"""

from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants


def repeat() -> None:
    """Let hypothesis try no constants of our modules. There is no setting for that."""
    providers._get_local_constants = Constants
