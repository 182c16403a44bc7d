"""A timer whose end Python's garbage collection cannot choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import qt


class Timer:
    """Calls ``call`` in the main thread, again and again, while it runs.

    Python destroys what is garbage in whichever thread allocates next, and a QTimer that another thread than its own destroys can
    end the process. So Qt's application owns it, it exists only while the timer runs, and what runs is never garbage.
    """

    _running: ClassVar[set[Timer]] = set()

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._timer: Any = None

    @property
    def isRunning(self) -> bool:
        return self._timer is not None

    def start(self, interval_ms: int) -> None:
        """Call after ``interval_ms``, and each time it has passed again; a timer that runs starts anew."""
        if self._timer is None:
            self._timer = qt.QTimer(qt.QCoreApplication.instance())
            self._timer.timeout.connect(self._onTimeout)
            self._running.add(self)
        self._timer.start(interval_ms)

    def stop(self) -> None:
        """Call no more; allowed within the call."""
        if self._timer is not None:
            timer, self._timer = self._timer, None
            timer.stop()
            timer.deleteLater()
            self._running.discard(self)

    def _onTimeout(self, *_args: Any) -> None:
        if self._timer is not None:
            self._call()
