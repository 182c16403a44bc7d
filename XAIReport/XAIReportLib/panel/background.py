"""Work that touches no node and no widget, done in a thread while the window stays alive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from XAIReportLib.panel.timer import Timer

CHECK_INTERVAL_MS = 15
# Slicer's event loop keeps Python's lock while no Python runs: a thread moves on only while the main thread sleeps.
YIELD_S = 0.008


class Background:
    """Runs ``work`` in a thread; then ``done(result, error)`` in the main thread, one of the two None.

    ``abandon`` makes sure that ``done`` is never called; the thread ends by itself.
    """

    def __init__(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        self._done: Callable[[Any, BaseException | None], None] | None = done
        self._result: Any = None
        self._error: BaseException | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True, name="xaireport-background")
        self._timer = Timer(self._check)
        self._thread.start()
        self._timer.start(CHECK_INTERVAL_MS)

    def abandon(self) -> None:
        self._done = None

    def join(self) -> None:
        """Wait for the end of the work."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # handed to the main thread
            self._error = error

    def _check(self) -> None:
        time.sleep(YIELD_S)
        if self._thread.is_alive():
            return
        self._timer.stop()
        done, self._done = self._done, None
        result, self._result = self._result, None  # it may be large
        if done is not None:
            done(result, self._error)
