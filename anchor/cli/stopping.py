# SPDX-License-Identifier: Apache-2.0
"""SIGTERM and Ctrl-C: no verdict is told after them, and a command gives back what it must before it ends."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from anchor.errors import Stopped

PATIENCE = 5.0
"""Seconds in which the work is expected to ask whether it is to end."""


_interrupted = False


def note_interrupts() -> None:
    """Raise KeyboardInterrupt at Ctrl-C, as Python does, and remember it for `check_interrupts`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def check_interrupts() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed and the exception was lost.

    The library for certification paths takes each exception in it for a bad path: the release would be
    INVALID.
    """
    if _interrupted:
        raise KeyboardInterrupt


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    global _interrupted  # noqa: PLW0603 - a signal is the process's
    _interrupted = True
    raise KeyboardInterrupt


class Stopping:
    """The request to end this process. The work asks for it in between, and then raises Stopped.

    A signal handler that raises is not enough: Python drops an exception that is raised in a destructor or in
    the callback of a weak reference, and the work would go on as if nobody had asked. The exception may also
    come between two statements that belong together. So only a second signal raises at once. If the work has
    not ended in time, the first one raises too, again and again.
    """

    def __init__(self) -> None:
        self._asked = False

    def asked(self) -> bool:
        """True if the work must be left."""
        return self._asked

    @contextlib.contextmanager
    def by_signals(self) -> Iterator[None]:
        """Note the signals that come during this block. Raises KeyboardInterrupt at its end if one came."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        wanted = [s for s in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(s) is not signal.SIG_IGN]
        before = {s: signal.signal(s, self._ask) for s in wanted}
        alarm = signal.getsignal(signal.SIGALRM)
        try:
            with contextlib.suppress(Stopped):
                yield
        finally:
            if self._asked:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, alarm)
            for number, handler in before.items():
                signal.signal(number, handler)
        if self._asked:
            raise KeyboardInterrupt

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE, PATIENCE)
