# SPDX-License-Identifier: Apache-2.0
"""A child that has stopped, not one that was only asked to."""

import os
import signal


def pause(pid: int) -> None:
    """SIGSTOP to a child of this process. When this returns, it has stopped, or has ended.

    The signal alone only asks: on a busy machine the child's threads go on for a while.
    """
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
