"""The Slicer module: four thin classes. What they do is in XAIReportLib: panel/, scene/, worker/."""

import importlib
import sys
from pathlib import Path
from typing import Annotated

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

SAMPLE_URL = "https://github.com/Slicer/SlicerTestingData/releases/download/SHA256/"
SAMPLES = {
    "MRBrainTumor1": "998cb522173839c78657f4bc0ea907cea09fd04e44601f17c82ea27927937b95",
    "MRBrainTumor2": "1a64f3f422eb3d1c9b093d1a18da354b13bcf307907c66317e2463ee530b7a97",
}
OLDEST_PYTHON = (3, 10)  # that the library can be read by; Slicer 5.8 has 3.9
DARK_BELOW = 128  # lightness of the window, 0 to 255


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
        if slicer.app.palette().color(qt.QPalette.Window).lightness() < DARK_BELOW:
            folder = Path(__file__).resolve().parent / "Resources" / "Icons"
            parent.icon = qt.QIcon(str(folder / "XAIReport-dark.png"))
        # The Sample Data module may come later than this one.
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """Offer, under XAIReport in the module Sample Data, two volumes that the model was made for."""
    import SampleData

    for name, sha256 in SAMPLES.items():
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category="XAIReport",
            sampleName=name,
            uris=f"{SAMPLE_URL}{sha256}",
            fileNames=f"{name}.nrrd",
            nodeNames=name,
            checksums=f"SHA256:{sha256}",
        )


@parameterNodeWrapper
class XAIReportParameterNode:
    """What the person has chosen; saved with the scene."""

    inputVolume: slicer.vtkMRMLScalarVolumeNode
    clinicalTable: slicer.vtkMRMLTableNode
    bundle: str = "brain_tumor_mri"
    gradcamPlusPlus: bool = True
    gradcam: bool = True
    scorecam: bool = True
    layercam: bool = False
    hirescam: bool = False
    saliency: bool = False
    smoothgrad: bool = False
    integratedGradients: bool = False
    occlusion: bool = False
    furtherClasses: list[str]
    device: Annotated[str, Choice(["auto", "cpu", "cuda"])] = "auto"
    atlas: Annotated[
        str,
        Choice(
            [
                "harvard_oxford",
                "desikan_killiany",
                "destrieux",
                "juelich",
                "talairach_gyrus",
                "talairach_ba",
                "aal",
                "neuromorphometrics",
                "marsatlas",
                "aicha",
            ]
        ),
    ] = "harvard_oxford"
    contrastAgent: bool = False
    keepEarlier: bool = False
    narrator: Annotated[str, Choice(["template", "ollama", "llama.cpp", "vllm", "xai", "mistral", "openai"])] = (
        "template"
    )
    language: Annotated[str, Choice(["en", "fr", "de", "es"])] = "en"
    narratorModel: str = ""
    narratorEndpoint: str = ""
    narratorPictures: bool = False
    resultVolume: slicer.vtkMRMLScalarVolumeNode
    heatMap: str = ""
    opacity: Annotated[float, WithinRange(0, 1)] = 0.5
    showLesion: bool = True
    showMask: bool = True
    showAtlas: bool = False
    showLegend: bool = True


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
        ScriptedLoadableModuleWidget.setup(self)
        if sys.version_info < OLDEST_PYTHON:
            self._sayTooOld()
            return
        from XAIReportLib.panel.review import ReviewPanel

        uiWidget = slicer.util.loadUI(self.resourcePath("UI/XAIReport.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.ui.volumeSelector.setMRMLScene(slicer.mrmlScene)
        self.ui.clinicalSelector.setMRMLScene(slicer.mrmlScene)
        self.ui.resultSelector.setMRMLScene(slicer.mrmlScene)
        if self.logic is None:
            self.logic = XAIReportLogic()
        self.panel = ReviewPanel(self.ui, self.logic, self.resourcePath("requirements.txt"))
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.initializeParameterNode()

    def _sayTooOld(self):
        notice = qt.QLabel(_("XAIReport needs 3D Slicer 5.12 or newer; install a newer Slicer."))
        notice.wordWrap = True
        self.layout.addWidget(notice)
        self.layout.addStretch(1)

    def enter(self):
        if self.panel is not None:
            self.initializeParameterNode()

    def exit(self):
        """The panel keeps following a running analysis while another module is shown."""

    def cleanup(self):
        self.removeObservers()
        if self.panel is None:  # it was never made
            return
        self.setParameterNode(None)
        self.panel.close()
        self.logic.close()

    def onReload(self):
        """Reload the library too; without it only this file would be new."""
        if self.logic is not None:
            self.logic.close()
        for name in [name for name in sys.modules if name.split(".")[0] == "XAIReportLib"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, _caller, _event):
        wasOpening = self.logic.isOpening  # an opening that is given up tells nobody
        self.logic.cancel()
        if wasOpening:
            self.panel.analysisCancelled()
        self.setParameterNode(None)

    def onSceneEndClose(self, _caller, _event):
        self.initializeParameterNode()

    def onSceneEndImport(self, _caller, _event):
        # The subject hierarchy finds its nodes in this same event, maybe later than this call.
        qt.QTimer.singleShot(0, self.onSceneImported)

    def onSceneImported(self):
        if self._parameterNode is not None:
            self.initializeParameterNode()
            # Its values were read when it came, before the nodes that it refers to.
            self._parameterNode.parameterNode.Modified()
            self.panel.sceneImported(slicer.mrmlScene)

    def initializeParameterNode(self):
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode):
        shown = self._parameterNode
        # Connecting fills the combo boxes anew, which a connection that is still there would take for choices of the person.
        if shown is None or parameterNode is None or parameterNode.parameterNode is not shown.parameterNode:
            self._connect(parameterNode)
        self.panel.setParameters(self._parameterNode)

    def _connect(self, parameterNode):
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObservers(self.onParametersChanged)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._parameterNodeGuiTag = parameterNode.connectParametersToGui(self._boundWidgets())
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersChanged)

    def _boundWidgets(self):
        """The widgets that show a parameter, by its name. connectGui finds them too, but does not give the tag that disconnectGui
        needs (https://github.com/Slicer/Slicer/issues/7547)."""
        named = ((widget.property("SlicerParameterName"), widget) for widget in vars(self.ui).values())
        return {name: widget for name, widget in named if name}

    def onParametersChanged(self, _caller=None, _event=None):
        self.panel.update()


class XAIReportLogic(ScriptedLoadableModuleLogic):
    """Analyzes volumes in the worker and opens results, with or without the panel.

    Example::

      logic = slicer.util.getModuleLogic("XAIReport")
      loaded = logic.analyze(getNode("MRBrainTumor1"), device="cpu")
      print(loaded.texts["report.txt"].GetText())
      logic.analyzeAsync(getNode("MRBrainTumor2"), callback=print)

    :param makeClient: makes the client of the worker, for tests.
    """

    def __init__(self, makeClient=None):
        from XAIReportLib.panel.narration import Narration
        from XAIReportLib.panel.run import AnalysisRun, makeWorkerClient

        ScriptedLoadableModuleLogic.__init__(self)
        self._run = AnalysisRun(makeClient or makeWorkerClient)
        # Corrections and checks of a shown case never wait for the analysis of another one.
        self._desk = AnalysisRun(makeClient or makeWorkerClient)
        # Nor does a report that is being written, or a question that is being answered.
        self.narration = Narration(makeClient or makeWorkerClient, "narrate")
        self.answering = Narration(makeClient or makeWorkerClient, "ask")
        self._opening = None

    def getParameterNode(self):
        return XAIReportParameterNode(ScriptedLoadableModuleLogic.getParameterNode(self))

    @property
    def isRunning(self):
        return self._run.isRunning

    @property
    def isOpening(self):
        return self._opening is not None and self._opening.isRunning

    @property
    def elapsedSeconds(self):
        return self._run.elapsedSeconds

    @property
    def lastSeconds(self):
        return self._run.lastSeconds

    def bundleNames(self):
        """Names of the installed model bundles."""
        from XAIReportLib.panel.bundles import bundleNames

        return bundleNames()

    def bundleClasses(self, name):
        """Names of the classes that an installed bundle knows."""
        from XAIReportLib.panel.bundles import bundleClasses

        return bundleClasses(name)

    def defaultOutput(self):
        """Folder of the results of this Slicer: XAIReport in the folder that Slicer saves scenes to."""
        return Path(slicer.app.defaultScenePath) / "XAIReport"

    def startAnalysis(self, volumeNode, listener, output=None, clinicalTable=None, **options):
        """Hand a volume to the worker and return at once; ``listener`` (panel.run.Listener) hears how it goes.

        :param output: folder in which the result folder is made; ``defaultOutput()`` unless given.
        :param clinicalTable: table node with the clinical record, kept with the result; no model uses it.
        :param options: bundle, saliency, classes, device, atlas, deformable, language, case_id, keep, force, contrast_agent, as in
            XAIReportLib.analyze. A volume that is analyzed again keeps its case id, so that the result takes the place of the
            earlier one or, with keep, stands beside it.
        :raises InputError: the volume cannot be analyzed.
        """
        from XAIReportLib.scene.export import case_id_of, export_inputs

        output = str(output or self.defaultOutput())
        # The worker has no MRML here; the open scene is the result's, and Slicer saves it.
        parameters = {"output": output, "case_id": case_id_of(volumeNode), **options, "scene": False}
        self._run.start(lambda folder: export_inputs(volumeNode, clinicalTable, folder), parameters, listener)

    def analyze(self, volumeNode, **options):
        """Analyze a volume and return its result, loaded into the scene (scene.cases.LoadedResult). Slicer's window
        stays alive meanwhile; options as in ``startAnalysis``.

        :raises RuntimeError: the analysis failed or was cancelled.
        """
        from XAIReportLib.panel.run import Outcome

        outcome = Outcome(self._loader(options))
        self.startAnalysis(volumeNode, outcome, **options)
        return self._run.wait(outcome)

    def analyzeAsync(self, volumeNode, callback, **options):
        """The same, returning at once.

        :param callback: called with the loaded result, or with the exception that ended the analysis.
        """
        from XAIReportLib.panel.run import Outcome

        self.startAnalysis(volumeNode, Outcome(self._loader(options), callback), **options)

    def _loader(self, options):
        return lambda folder: self.loadResult(folder, replace=not options.get("keep", False))

    def ask(self, type, parameters, answer):
        """Ask a worker for something short; ``answer`` is called with the last event (worker.protocol.Event)."""
        self._desk.ask(type, parameters, answer)

    def askDevices(self, answer):
        """Ask the worker that analyzes what each choice of device would run on and why, as ``ask``."""
        self._run.ask("devices", {}, answer)

    def loadResult(self, folder, replace=False):
        """Put a finished result folder into the scene; returns its nodes (scene.cases.LoadedResult).

        :param replace: take earlier results of the same case out of the scene.
        """
        from XAIReportLib.panel.opening import keep_folder
        from XAIReportLib.scene import load_result

        loaded = load_result(folder, slicer.mrmlScene, replace)
        keep_folder(loaded, folder)
        return loaded

    def openResult(self, folder, listener, replace=False):
        """The same in small steps, returning at once; ``listener`` (panel.opening.OpeningListener) hears the end."""
        from XAIReportLib.panel.opening import Opening

        self._opening = Opening(folder, slicer.mrmlScene, replace, listener)

    def cancel(self):
        """Stop a running analysis, or the opening of its result; the worker stays warm."""
        if self.isOpening:
            self._opening.abandon()
        self._run.cancel()

    def close(self):
        """End the workers."""
        if self.isOpening:
            self._opening.abandon()
        self._run.close()
        self._desk.close()
        self.narration.close()
        self.answering.close()


class XAIReportTest(ScriptedLoadableModuleTest):
    """The module's own test, for a real Slicer; the repository's Testing folder tests all that needs none."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        for test in (
            self.test_moduleLoads,
            self.test_parametersAreInTheScene,
            self.test_choicesReachTheWidgets,
            self.test_aBadInputIsRefusedInASentence,
            self.test_closingTheSceneEmptiesThePanel,
        ):
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

    def test_choicesReachTheWidgets(self):
        ui = slicer.util.getModuleWidget("XAIReport").ui
        XAIReportLogic().getParameterNode().opacity = 0.25
        self.assertAlmostEqual(ui.opacitySlider.value, 0.25, places=3)
        self.assertEqual(ui.outcomeLabel.text, "No result is shown yet.")
        self.assertEqual(ui.regionsTable.rowCount, 0)
        self.assertFalse(ui.exportButton.enabled)
        self.assertFalse(ui.askButton.enabled)

    def test_aBadInputIsRefusedInASentence(self):
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
        with self.assertRaisesRegex(ValueError, "'Empty' holds no image"):
            XAIReportLogic().analyzeAsync(volume, print)

    def test_closingTheSceneEmptiesThePanel(self):
        ui = slicer.util.getModuleWidget("XAIReport").ui
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Volume")
        ui.volumeSelector.setCurrentNode(volume)
        self.assertTrue(ui.analyzeButton.enabled)
        slicer.mrmlScene.Clear()
        self.assertFalse(ui.analyzeButton.enabled)
        self.assertEqual(ui.narrativeText.plainText, "")
