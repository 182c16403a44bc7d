"""The line beside the device: what an analysis would run on and why, and what the shown result was made on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from XAIReportLib.panel.dependencies import MissingDependencies


class DeviceSection:
    """The worker that will analyze is asked once, when a volume was chosen: it loads PyTorch, which Slicer never does itself, and
    is warm by the time Analyze is pressed.

    :param ask: XAIReportLogic.askDevices.
    :param ready: whether the worker has all that it needs.
    """

    def __init__(self, ui: Any, ask: Callable[[Callable[[Any], None]], None], ready: Callable[[], bool]) -> None:
        self._ui, self._ask, self._ready = ui, ask, ready
        self._wish, self._used = "auto", ""
        self._reasons: dict[str, str] = {}
        self._asked = False

    def follow(self, parameters: Any) -> None:
        """Show what is known of the chosen device, and ask when a volume is there and nothing is known yet."""
        if not self._ready():  # or its packages were removed: what is installed next may answer otherwise
            self._asked, self._reasons = False, {}
        elif not self._asked and parameters is not None and parameters.inputVolume is not None:
            self._asked = True
            with contextlib.suppress(MissingDependencies):  # Analyze tells it
                self._ask(self._onAnswer)
        if parameters is not None:
            self._wish = parameters.device
        self._show()

    def showUsed(self, device: str | None) -> None:
        """``device``: what the shown result was made on, with the reason."""
        self._used = device or ""
        self._show()

    def _onAnswer(self, event: Any) -> None:
        if event.type == "result":
            self._reasons = event.data["devices"]
        self._show()

    def _show(self) -> None:
        known = self._reasons.get(self._wish, "")
        used = _("shown result: {device}").format(device=self._used) if self._used and self._used != known else ""
        self._ui.deviceReasonLabel.text = "\n".join(line for line in (known, used) if line)
