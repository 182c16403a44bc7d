"""The only maker of a headless MRML scene and its logics, and the only place that finds Slicer's own live one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Each class registers the node classes or the scene behaviour that a complete MRB needs: without the markups logic
# WriteToMRB returns True and drops control points, without the colours logic the colour legend's class is unknown.
# The terminologies logic is left out on purpose: its default terminologies are files of the application, and segments
# carry their codes as text.
LOGIC_CLASSES = (
    "vtkSlicerColorLogic",
    "vtkSlicerVolumesLogic",
    "vtkSlicerSegmentationsModuleLogic",
    "vtkSlicerMarkupsLogic",
    "vtkSlicerTablesLogic",
    "vtkSlicerTextsLogic",
    "vtkSlicerSubjectHierarchyModuleLogic",
)

# Slicer's own package ``slicer`` has the classes of Slicer's modules in the application only.
_IN_PYTHONSLICER = (
    "In 3D Slicer the application makes the scene: save the opened result there, or use scripts/slicer_batch.py."
)


class SceneUnavailable(RuntimeError):
    """No MRML scene can be made here; the message says why and what to do."""


@dataclass
class Session:
    """A scene that this package made for itself, with the logics that keep it complete."""

    scene: Any
    application_logic: Any
    logics: dict[str, Any]


def slicer_package() -> Any:
    """The ``slicer`` package with real MRML classes.

    Raises:
        SceneUnavailable: slicer-core is missing, cannot be loaded, or another package of that name took its place.
    """
    try:
        import slicer
    except ImportError as error:
        if "SLICER_HOME" in os.environ:
            raise SceneUnavailable(_IN_PYTHONSLICER) from error
        raise SceneUnavailable(
            "The scene needs slicer-core, which is not installed or cannot be loaded here "
            f"({error}); install it with: pip install slicer-core"
        ) from error
    missing = [name for name in ("vtkMRMLScene", "vtkMRMLRemoteIOLogic", *LOGIC_CLASSES) if not hasattr(slicer, name)]
    if missing and "SLICER_HOME" in os.environ:
        raise SceneUnavailable(_IN_PYTHONSLICER)
    if missing:
        raise SceneUnavailable(
            f"The installed package 'slicer' has no {missing[0]}; install slicer-core last: "
            "pip install --force-reinstall --no-deps slicer-core"
        )
    return slicer


def live_scene() -> Any:
    """The scene of the running Slicer application.

    Raises:
        SceneUnavailable: this is not a running Slicer.
    """
    slicer = slicer_package()
    scene = getattr(slicer, "mrmlScene", None)
    if scene is None:
        raise SceneUnavailable("There is no open Slicer scene here; give a scene, or use write_mrb to make scene.mrb.")
    return scene


@contextmanager
def private_session() -> Iterator[Session]:
    """A scene of our own, needing no display and, inside Slicer, leaving the user's scene alone."""
    slicer = slicer_package()
    scene = slicer.vtkMRMLScene()
    cache = Path(tempfile.mkdtemp(prefix="xaireport-scene-"))
    application_logic = slicer.vtkSlicerApplicationLogic()
    # The colours logic looks for the application's colour files here; there are none, and it should not complain.
    (cache / "share" / "ColorFiles").mkdir(parents=True)
    application_logic.SetHomeDirectory(str(cache))
    application_logic.SetShareDirectory("share")
    application_logic.SetMRMLScene(scene)
    remote_io = _reading_of_bundles(slicer, scene, cache / "cache")
    logics: dict[str, Any] = {"vtkMRMLRemoteIOLogic": remote_io}
    for name in LOGIC_CLASSES:
        logic = getattr(slicer, name)()
        logic.SetMRMLApplicationLogic(application_logic)
        logic.SetMRMLScene(scene)
        logics[name] = logic
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene)
    try:
        yield Session(scene, application_logic, logics)
    finally:
        # Logics first: they would otherwise answer every node's removal. The segmentations' looks for the
        # subject hierarchy of the scene that it has just lost, and complains.
        for name, logic in reversed(logics.items()):
            if name != "vtkSlicerSegmentationsModuleLogic":
                logic.SetMRMLScene(None)
        application_logic.SetMRMLScene(None)
        scene.Clear(True)
        shutil.rmtree(cache, ignore_errors=True)


def _reading_of_bundles(slicer: Any, scene: Any, cache: Path) -> Any:
    """Give the scene a data input with a cache folder: without both, ReadFromMRB returns False and says nothing."""
    logic = slicer.vtkMRMLRemoteIOLogic()
    cache.mkdir()
    logic.GetCacheManager().SetRemoteCacheDirectory(str(cache))
    logic.SetMRMLScene(scene)
    logic.AddDataIOToScene()
    return logic
