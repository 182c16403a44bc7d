"""What the slice views show of a case: the image, the first heat map over it, and the largest lesion's slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .session import Session, slicer_package

FOREGROUND_OPACITY = 0.5
_VIEWS = (("Red", "Axial"), ("Yellow", "Sagittal"), ("Green", "Coronal"))


def show(scene: Any, background: Any, foreground: Any | None) -> None:
    """Set the layers of every slice view of ``scene``; in Slicer the views are fitted to the image."""
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        layers = scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        layers.SetBackgroundVolumeID(background.GetID())
        layers.SetForegroundVolumeID(foreground.GetID() if foreground else None)
        layers.SetLabelVolumeID(None)
        layers.SetForegroundOpacity(FOREGROUND_OPACITY)
    slicer = slicer_package()
    if scene is getattr(slicer, "mrmlScene", None) and slicer.app.layoutManager() is not None:
        slicer.util.resetSliceViews()


def go_to(scene: Any, position: Sequence[float] | None) -> None:
    """Bring the slice of every view to ``position`` (RAS millimetres)."""
    if position is None:
        return
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceNode")):
        scene.GetNthNodeByClass(index, "vtkMRMLSliceNode").JumpSliceByOffsetting(*position)


def add_slice_views(session: Session) -> list[Any]:
    """Give a headless scene Slicer's three slice views, so that a saved scene opens with its layers set.

    Returns their slice logics, which can also draw (``GetImageDataConnection``).
    """
    slicer = slicer_package()
    logics = []
    for name, orientation in _VIEWS:
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(session.application_logic)
        logic.SetMRMLScene(session.scene)
        node = logic.AddSliceNode(name)
        node.SetOrientation(orientation)
        node.SetDimensions(512, 512, 1)
        logics.append(logic)
        session.logics[f"slice view {name}"] = logic
    return logics


def fit(logics: Sequence[Any]) -> None:
    """Fit each view to its background."""
    for logic in logics:
        logic.FitSliceToBackground()
