"""Lets Qt's events run until something has happened."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Raises TimeoutError when the condition does not come true."""
    from PySide6 import QtCore

    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("It did not happen in time.")
        QtCore.QCoreApplication.processEvents()
        time.sleep(0.005)
