"""The module on a stage of its own, for scripts that press its buttons: the tests' stand-in for Slicer, the real worker."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / path) for path in ("XAIReport", "Testing", "Testing/scene", "Testing/panel", "scripts")]


@dataclass
class Stage:
    """``pids``: process ids of the workers, in the order in which they came up."""

    host: Any
    folder: Path
    widget: Any = None
    pids: list[int] = field(default_factory=list)

    def volume(self, image: Any, affine: Any, name: str) -> Any:
        """A volume node of an array with axes (i, j, k), chosen as input and in the slice views, as Slicer loads one."""
        import numpy as np
        import slicer
        from XAIReportLib.scene import views

        voxels = np.ascontiguousarray(np.transpose(image))
        node = slicer.util.addVolumeFromArray(voxels, ijkToRAS=affine, name=name)
        display = node.GetDisplayNode()
        display.SetAutoWindowLevel(False)
        display.SetWindowLevelMinMax(*(float(v) for v in np.percentile(voxels[voxels > voxels.mean()], (1, 99.5))))
        views.show(self.host.scene, node, None)
        views.go_to(self.host.scene, (affine @ [*(n / 2 for n in image.shape), 1.0])[:3].tolist())
        self.widget.ui.volumeSelector.setCurrentNode(node)
        return node


@contextmanager
def module_stage(command: Callable[[Path], list[str]] | None = None) -> Iterator[Stage]:
    """The module's widget; ``command`` gives the worker's command line, the usual one unless given, from an empty folder."""
    from host import install
    from killed_worker import watched_client

    with tempfile.TemporaryDirectory() as folder, install(Path(folder)) as host:
        import XAIReport

        stage = Stage(host, Path(folder))
        line = command(Path(folder)) if command is not None else None
        stage.widget = XAIReport.XAIReportWidget(
            logic=XAIReport.XAIReportLogic(lambda: watched_client(stage.pids, line))
        )
        try:
            yield stage
        finally:
            stage.widget.cleanup()
            _delete(stage)


def _delete(stage: Stage) -> None:
    """Widgets go before the application does."""
    from PySide6 import QtCore

    parent, stage.widget = stage.widget.parent, None
    parent.deleteLater()
    del parent
    QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.DeferredDelete)
    QtCore.QCoreApplication.processEvents()
