"""The section "Installation": what is missing and the room it takes, what XAIReport has brought, and a way to be rid of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from XAIReportLib.panel import dependencies


class InstallationSection:
    """``isComplete``: nothing is missing, as far as was looked.

    :param requirementsPath: of requirements.txt.
    :param closeWorker: ends the worker, which holds files of the packages open.
    :param onError: called with what went wrong.
    """

    def __init__(
        self,
        ui: Any,
        requirementsPath: str,
        closeWorker: Callable[[], None],
        onError: Callable[[BaseException], None],
    ) -> None:
        self._ui, self._requirementsPath = ui, requirementsPath
        self._closeWorker, self._onError = closeWorker, onError
        self.isComplete = False
        ui.removeDownloadsButton.clicked.connect(self._onRemove)
        self.update()

    def ensure(self) -> None:
        """Install what is missing, after asking; looked for once, for it takes a while.

        :raises MissingDependencies: with the reason, in one sentence.
        """
        if self.isComplete:
            return
        try:
            dependencies.ensure(self._requirementsPath)
        finally:
            self.update()

    def update(self) -> None:
        """Say what is missing and what can be removed."""
        try:
            needed, names = dependencies.need(self._requirementsPath), dependencies.removable()
        except dependencies.MissingDependencies as error:
            needed, names = str(error), []
        self.isComplete = not needed
        self._ui.needLabel.text, self._ui.needLabel.visible = needed, bool(needed)
        self._ui.removeDownloadsButton.enabled = bool(names)
        self._ui.downloadsLabel.text = (
            _("Python packages that XAIReport has installed in this Slicer: {count}.").format(count=len(names))
            if names
            else _("Python packages that XAIReport has installed in this Slicer: none.")
        )

    def _onRemove(self, *_args: Any) -> None:
        names = dependencies.removable()
        text = _(
            "Remove what XAIReport has installed (Python packages: {count}, {size:.0f} MB)? Another extension may use them too; "
            "XAIReport asks to install them again when they are needed. PyTorch is removed in the module PyTorch, results "
            "stay.\n\n{names}"
        )
        if not slicer.util.confirmOkCancelDisplay(
            text.format(count=len(names), size=dependencies.megabytes(names), names=", ".join(names)),
            _("Remove downloads"),
        ):
            return
        self._closeWorker()
        try:
            dependencies.remove(names)
        except Exception as error:  # said in the panel
            self._onError(error)
        self.update()
