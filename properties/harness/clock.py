"""An alarm clock for code that may never end."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

from lawful.properties.subjects.failures import NoAnswer

_AGAIN = 0.5
"""Seconds after which it rings once more, where one ring may end one call of many."""


@contextlib.contextmanager
def alarm(seconds: float | None, *, again: bool = False) -> Iterator[None]:
    """Ends what takes longer with NoAnswer, where Python is in charge: a loop that never ends.

    In the main thread, and where the system has such a clock; else it does nothing. ``again``: it goes on
    ringing until all of it has ended.
    """
    here = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if seconds is None or not here:
        yield
        return

    def ring(number: int, frame: object) -> None:
        raise NoAnswer(f"no answer within {seconds:g} s")

    before, begun = signal.signal(signal.SIGALRM, ring), time.monotonic()
    # another's alarm, such as pytest-timeout's, is set again afterwards
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN if again else 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(1e-3, left - time.monotonic() + begun), interval)
