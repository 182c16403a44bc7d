# ruff: noqa: ARG001, ARG002, ARG004 - signatures are the originals'
"""The modules ``slicer.ScriptedLoadableModule``, ``slicer.i18n`` and ``slicer.packaging``."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Any, ClassVar

import slicer
from PySide6 import QtWidgets


class ScriptedLoadableModule:
    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.moduleName = self.__class__.__name__
        parent.title, parent.categories, parent.dependencies, parent.contributors = "", [], [], []
        parent.helpText = parent.acknowledgementText = ""


class ScriptedLoadableModuleWidget:
    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.moduleName = self.__class__.__name__.removesuffix("Widget")
        self.developerMode = False
        if parent is None:
            self.parent = slicer.qMRMLWidget()
            self.parent.setLayout(QtWidgets.QVBoxLayout())
            self.parent.setMRMLScene(slicer.mrmlScene)
        else:
            self.parent = parent
        self.layout = self.parent.layout()
        if parent is None:
            self.setup()
            self.parent.show()

    def resourcePath(self, filename: str) -> str:
        return str(Path(slicer.util.modulePath(self.moduleName)).parent / "Resources" / filename)

    def setup(self) -> None:
        pass

    def cleanup(self) -> None:
        pass

    def onReload(self) -> None:
        slicer.util.reloadScriptedModule(self.moduleName)


class ScriptedLoadableModuleLogic:
    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.moduleName = self.__class__.__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> Any:
        scene = slicer.mrmlScene
        node = scene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        return node or scene.AddNode(self.createParameterNode())

    def createParameterNode(self) -> Any:
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)
        node.SetSingletonTag(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    def delayDisplay(self, message: str, requestedDelay: int | None = None, msec: int | None = None) -> None:
        pass


def tr(text: str, context: str | None = None) -> str:
    """slicer.i18n.tr; the context is found out by the original."""
    return text


def translate(context: str, text: str) -> str:
    return text


class SampleDataLogic:
    """SampleData.SampleDataLogic, remembering what was registered."""

    registered: ClassVar[list[dict[str, Any]]] = []

    @staticmethod
    def registerCustomSampleDataSource(
        category: str = "Custom",
        sampleName: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: str | None = None,
        loadFileTypes: Any = None,
        loadFileProperties: Any = None,
        checksums: Any = None,
    ) -> None:
        SampleDataLogic.registered.append(
            {"category": category, "name": sampleName, "uri": uris, "checksum": checksums}
        )


class Packaging:
    """slicer.packaging, remembering what it was asked for; ``unsatisfied`` names what pip_check denies."""

    def __init__(self) -> None:
        self.unsatisfied: set[str] = set()
        self.installed: list[dict[str, Any]] = []
        self.removed: list[str] = []
        self.declines = False

    def load_requirements(self, path: Any) -> list[Any]:
        from packaging.requirements import Requirement

        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
        return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]

    def pip_check(self, req: Any) -> bool:
        return req.name not in self.unsatisfied

    def pip_ensure(
        self,
        requirements: list[Any],
        constraints: str | None = None,
        skip_packages: list[str] | None = None,
        prompt_install: bool = True,
        prompt_restart: bool = True,
        requester: str | None = None,
        skip_in_testing: bool = True,
        show_progress: bool = True,
    ) -> None:
        if self.declines:
            raise RuntimeError("User declined package installation.")
        kept = Path(constraints).read_text(encoding="utf-8") if constraints else ""
        missing = [r.name for r in requirements if not self.pip_check(r)]
        self.installed.append({"packages": missing, "constraints": kept, "requester": requester})
        self.unsatisfied.clear()

    def pip_uninstall(
        self, requirements: Any, blocking: bool = True, logCallback: Any = None, completedCallback: Any = None
    ) -> None:
        self.removed += list(requirements)
