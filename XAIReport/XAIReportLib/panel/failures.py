"""What went wrong, as the panel tells it: a sentence, and what it came from under "Details"."""

from __future__ import annotations

import traceback
from typing import Any

from XAIReportLib.case import InputError


class WorkerFailed(RuntimeError):
    """A request that the worker could not do, for a cause that is in ``details``: its own traceback or last words."""

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message)
        self.details = details


def failure(event: Any, otherwise: str) -> Exception:
    """What an event says that ended a request without a result; ``otherwise``: the sentence where it has none."""
    message = event.data.get("message") or otherwise
    if event.data.get("kind") == "input":
        return InputError(message)
    return WorkerFailed(message, event.data.get("details") or "")


def details_of(error: BaseException) -> str:
    """What an error came from; nothing for one that the person can mend by its sentence alone."""
    if isinstance(error, InputError):
        return ""
    if isinstance(error, WorkerFailed):
        return error.details
    return "".join(traceback.format_exception(error))
