"""The Slicer module: four thin classes. What they do is in XAIReportLib: panel/, scene/, worker/."""

import importlib
import sys
from pathlib import Path
from typing import Annotated

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class XAIReport(ScriptedLoadableModule):
    """What Slicer shows of the module in its menus and help."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("XAIReport")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Neuroimaging")]
        parent.dependencies = []
        parent.contributors = ["XAIReport contributors"]
        parent.helpText = _(
            "Makes an image classifier's decision on a brain MRI inspectable: heat maps of where its score came from, "
            "the atlas regions they project onto, and a report whose every sentence rests on a finding. "
            "Research use only. Not for diagnosis. "
            '<a href="https://github.com/XAIReport/SlicerXAIReport">Documentation</a>'
        )
        parent.acknowledgementText = _("The model was trained on the brain tumour data set of Jun Cheng (CC BY 4.0).")


@parameterNodeWrapper
class XAIReportParameterNode:
    """What the person has chosen; saved with the scene."""

    inputVolume: slicer.vtkMRMLScalarVolumeNode
    bundle: str = "brain_tumor_mri"
    gradcamPlusPlus: bool = True
    gradcam: bool = True
    scorecam: bool = True
    device: Annotated[str, Choice(["auto", "cpu", "cuda"])] = "auto"


class XAIReportWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Loads the .ui file, keeps the parameter node connected, and leaves the rest to panel.review.ReviewPanel.

    :param logic: another logic than a new XAIReportLogic, for tests.
    """

    def __init__(self, parent=None, logic=None):
        self.logic = logic
        self.panel = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        VTKObservationMixin.__init__(self)
        ScriptedLoadableModuleWidget.__init__(self, parent)

    def setup(self):
        from XAIReportLib.panel import dependencies
        from XAIReportLib.panel.review import ReviewPanel

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/XAIReport.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        self.ui.volumeSelector.setMRMLScene(slicer.mrmlScene)
        if self.logic is None:
            self.logic = XAIReportLogic()
        requirements = self.resourcePath("requirements.txt")
        self.panel = ReviewPanel(self.ui, self.logic, lambda: dependencies.ensure(requirements))
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.initializeParameterNode()

    def enter(self):
        self.initializeParameterNode()

    def exit(self):
        """The panel keeps following a running analysis while another module is shown."""

    def cleanup(self):
        self.removeObservers()
        self.setParameterNode(None)
        self.logic.close()

    def onReload(self):
        """Reload the library too; without it only this file would be new."""
        self.logic.close()
        for name in [name for name in sys.modules if name.split(".")[0] == "XAIReportLib"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, _caller, _event):
        self.logic.cancel()
        self.setParameterNode(None)

    def onSceneEndClose(self, _caller, _event):
        self.initializeParameterNode()

    def initializeParameterNode(self):
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode):
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObservers(self.onParametersChanged)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersChanged)
        self.panel.setParameters(parameterNode)

    def onParametersChanged(self, _caller=None, _event=None):
        self.panel.update()


class XAIReportLogic(ScriptedLoadableModuleLogic):
    """Analyzes volumes in the worker and opens results, with or without the panel.

    Example::

      logic = slicer.util.getModuleLogic("XAIReport")
      loaded = logic.analyze(getNode("MRBrainTumor1"))
      print(loaded.texts["report.txt"].GetText())

    :param makeClient: makes the client of the worker, for tests.
    """

    def __init__(self, makeClient=None):
        from XAIReportLib.panel.run import AnalysisRun, makeWorkerClient

        ScriptedLoadableModuleLogic.__init__(self)
        self._run = AnalysisRun(makeClient or makeWorkerClient)

    def getParameterNode(self):
        return XAIReportParameterNode(ScriptedLoadableModuleLogic.getParameterNode(self))

    @property
    def isRunning(self):
        return self._run.isRunning

    @property
    def elapsedSeconds(self):
        return self._run.elapsedSeconds

    def bundleNames(self):
        """Names of the installed model bundles."""
        from XAIReportLib.panel.bundles import bundleNames

        return bundleNames()

    def defaultOutput(self):
        """Folder of the results of this Slicer: XAIReport in the folder that Slicer saves scenes to."""
        return Path(slicer.app.defaultScenePath) / "XAIReport"

    def startAnalysis(self, volumeNode, listener, output=None, **options):
        """Hand a volume to the worker and return at once; ``listener`` (panel.run.Listener) hears how it goes.

        :param output: folder in which the result folder is made; ``defaultOutput()`` unless given.
        :param options: bundle, saliency, device, case_id, keep, force, as in XAIReportLib.analyze.
        :raises InputError: the volume cannot be analyzed.
        """
        from XAIReportLib.scene.export import export_volume

        parameters = {"output": str(output or self.defaultOutput()), **options}
        self._run.start(lambda path: export_volume(volumeNode, path), parameters, listener)

    def analyze(self, volumeNode, waitForCompletion=True, callback=None, **options):
        """Analyze a volume and load its result into the scene; options as in ``startAnalysis``.

        :param waitForCompletion: return the loaded result (scene.load.LoadedResult); False returns None at once.
        :param callback: called with the loaded result, or with the exception that ended the analysis.
        :raises RuntimeError: the analysis failed or was cancelled.
        """
        from XAIReportLib.panel.run import Outcome

        outcome = Outcome(self.loadResult, callback)
        self.startAnalysis(volumeNode, outcome, **options)
        return self._run.wait(outcome) if waitForCompletion else None

    def loadResult(self, folder):
        """Put a finished result folder into the scene; returns its nodes (scene.load.LoadedResult)."""
        from XAIReportLib.scene import load_result

        return load_result(folder, slicer.mrmlScene)

    def cancel(self):
        """Stop a running analysis; the worker stays warm."""
        self._run.cancel()

    def close(self):
        """End the worker."""
        self._run.close()


class XAIReportTest(ScriptedLoadableModuleTest):
    """The module's own test, for a real Slicer; the repository's Testing folder tests all that needs none."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        for test in (self.test_moduleLoads, self.test_parametersAreInTheScene):
            self.setUp()
            test()

    def test_moduleLoads(self):
        widget = slicer.util.getModuleWidget("XAIReport")
        self.assertIn("Research use only", widget.ui.researchUseLabel.text)
        self.assertFalse(widget.ui.analyzeButton.enabled)
        self.delayDisplay("The module loads and waits for a volume.")

    def test_parametersAreInTheScene(self):
        logic = XAIReportLogic()
        logic.getParameterNode().device = "cpu"
        self.assertEqual(XAIReportLogic().getParameterNode().device, "cpu")
