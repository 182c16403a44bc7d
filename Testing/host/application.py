"""Puts the stand-in together: slicer.mrmlScene, slicer.app and the modules that Slicer's Python finds."""

from __future__ import annotations

import ctypes
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

MODULE_FOLDER = Path(__file__).resolve().parents[2] / "XAIReport"
PANEL = MODULE_FOLDER / "XAIReportLib" / "panel"
STYLED = ("XAIReport", *(f"XAIReportLib.panel.{path.stem}" for path in sorted(PANEL.glob("*.py"))))


class _Application:
    """slicer.app, as far as the module uses it."""

    def __init__(self, folder: Path) -> None:
        self.temporaryPath = str(folder / "temporary")
        self.defaultScenePath = str(folder / "documents")

        self.connected: dict[str, Any] = {}

    def connect(self, signal: str, slot: Any) -> None:
        """PythonQt's connection by name; a test calls the slot itself."""
        self.connected[signal] = slot

    def palette(self) -> Any:
        from PySide6 import QtGui

        return QtGui.QGuiApplication.palette()

    def layoutManager(self) -> None:
        """None, as with --no-main-window."""

    def processEvents(self) -> None:
        from PySide6 import QtCore

        QtCore.QCoreApplication.processEvents()

    def testingEnabled(self) -> bool:
        return True

    def revisionUserSettings(self) -> Any:
        """The settings of this Slicer and no other; here a file of the test's own."""
        from PySide6 import QtCore

        return QtCore.QSettings(str(Path(self.temporaryPath) / "Slicer.ini"), QtCore.QSettings.IniFormat)

    def startupEnvironment(self) -> Any:
        from PySide6 import QtCore

        return QtCore.QProcessEnvironment.systemEnvironment()


@dataclass
class Host:
    """The running stand-in: the real scene, Slicer's packaging, the folder that stands for the user's, the modules
    that were switched to, the logics of the three slice views, which can draw, and what the person was asked to confirm
    and answers."""

    scene: Any
    packaging: Any
    folder: Path
    selected: list[str] = field(default_factory=list)
    views: list[Any] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    consents: bool = True


@contextmanager
def install(folder: Path) -> Iterator[Host]:
    """Slicer's names for the time of the block. The scene is a real one, with its logics."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    _keep_none_alive()
    import slicer
    from PySide6 import QtWidgets
    from XAIReportLib.scene.session import private_session
    from XAIReportLib.scene.views import add_slice_views

    from . import parameter_nodes, qt_names, scripted_modules, widgets

    QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    # PySide parses its signatures for a tenth of a second when a first one is wanted, which no widget of Slicer's does.
    _ = QtWidgets.QScrollBar.setValue.__doc__
    packaging = scripted_modules.Packaging()
    modules = {
        "qt": qt_names.QtNames(widgets.UiLoader),
        "ctk": _module("ctk", ctkCollapsibleButton=widgets.ctkCollapsibleButton),
        "slicer.i18n": _module("slicer.i18n", tr=scripted_modules.tr, translate=scripted_modules.translate),
        "slicer.packaging": packaging,
        "SampleData": _module("SampleData", SampleDataLogic=scripted_modules.SampleDataLogic),
        "slicer.parameterNodeWrapper": _module(
            "slicer.parameterNodeWrapper",
            parameterNodeWrapper=parameter_nodes.parameterNodeWrapper,
            Choice=parameter_nodes.Choice,
            WithinRange=parameter_nodes.WithinRange,
        ),
        "slicer.ScriptedLoadableModule": _module(
            "slicer.ScriptedLoadableModule",
            **{n: v for n, v in vars(scripted_modules).items() if n.startswith("ScriptedLoadable")},
        ),
    }
    for name in STYLED:
        qt_names.use_properties_in(name)
    with private_session() as session:
        names = {
            "mrmlScene": session.scene,
            "app": _Application(folder),
            "qMRMLWidget": widgets.qMRMLWidget,
            "qMRMLNodeComboBox": widgets.qMRMLNodeComboBox,
        }
        host = Host(session.scene, packaging, folder, views=add_slice_views(session))
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        session.scene.AddNode(crosshair)
        with _changed(sys.modules, modules), _changed(vars(slicer), names), _changed(vars(slicer.util), _util(host)):
            sys.path.insert(0, str(MODULE_FOLDER))
            try:
                yield host
            finally:
                _end_observations(session.scene)
                sys.path.remove(str(MODULE_FOLDER))
                forget_module()


def _end_observations(scene: Any) -> None:
    """Nothing is told any more of what happens to the scene and its nodes. Python's garbage collection takes functions apart
    before what calls them: a scene that goes together with its observers would call what is left of them, and the process ends."""
    nodes = scene.GetNodes()
    for observed in (scene, *(nodes.GetItemAsObject(i) for i in range(nodes.GetNumberOfItems()))):
        observed.RemoveAllObservers()


def _keep_none_alive() -> None:
    """PySide6's wheels drop a reference to None with each call that returns nothing, as Python 3.12 allows (PEP 683).
    Before it, None itself would be freed at last, and the process aborted; here it gets references enough."""
    if sys.version_info < (3, 12):
        count = ctypes.c_ssize_t.from_address(id(None))
        count.value = max(count.value, 1 << 40)


def forget_module() -> None:
    """The next import of the module is a fresh one, as after Slicer's start."""
    for name in [n for n in sys.modules if n == "XAIReport" or n.startswith("XAIReportLib.panel")]:
        del sys.modules[name]


def _util(host: Host) -> dict[str, Any]:
    return {
        "modulePath": _module_path,
        "childWidgetVariables": _child_widget_variables,
        "reloadScriptedModule": _reload,
        "selectModule": host.selected.append,
        "confirmOkCancelDisplay": partial(_confirm, host),
    }


def _confirm(
    host: Host,
    text: str,
    windowTitle: str | None = None,  # noqa: ARG001 - the original's signature
    parent: Any = None,  # noqa: ARG001
    **kwargs: Any,  # noqa: ARG001
) -> bool:
    host.questions.append(text)
    return host.consents


def _module_path(moduleName: str) -> str:
    path = MODULE_FOLDER / f"{moduleName}.py"
    if not path.is_file():
        raise RuntimeError(f"Could not find module with name '{moduleName}'")
    return str(path)


def _child_widget_variables(widget: Any) -> Any:
    """As slicer.util's, whose children tell their name by PythonQt's ``name``."""
    from PySide6 import QtCore, QtWidgets

    ui = types.SimpleNamespace()
    for child in widget.findChildren(QtWidgets.QWidget):
        name = QtCore.QObject.objectName(child)
        if name:
            setattr(ui, name, child)
    return ui


def _reload(moduleName: str) -> None:
    import importlib

    importlib.reload(sys.modules[moduleName])


def _module(name: str, **content: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(content)
    return module


@contextmanager
def _changed(names: dict[str, Any], values: dict[str, Any]) -> Iterator[None]:
    before = {name: names[name] for name in values if name in names}
    names.update(values)
    try:
        yield
    finally:
        for name in values:
            names.pop(name, None)
        names.update(before)
