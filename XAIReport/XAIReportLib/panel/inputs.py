"""The section "Input": which model, which heat maps of which classes, on which device, with which atlas."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from XAIReportLib.panel.choices import nameChoices
from XAIReportLib.panel.sentences import plainTip
from XAIReportLib.report.wording import class_name

# The parameter of each saliency method.
METHODS = {
    "gradcamPlusPlus": "gradcam++",
    "gradcam": "gradcam",
    "scorecam": "scorecam",
    "layercam": "layercam",
    "hirescam": "hirescam",
    "saliency": "saliency",
    "smoothgrad": "smoothgrad",
    "integratedGradients": "integrated_gradients",
    "occlusion": "occlusion",
}
COLUMNS = 2  # of the classes, whose names may be long


class InputSection:
    """Offers what is installed and what the chosen model knows, and gives the choices as options of an analysis.

    :param logic: XAIReportLogic, which names the bundles and their classes.
    """

    def __init__(self, ui: Any, logic: Any) -> None:
        self._ui, self._logic = ui, logic
        self._parameters: Any = None
        self._classes: dict[str, Any] = {}  # check boxes
        ui.bundleSelector.addItems(logic.bundleNames())
        ui.bundleSelector.currentIndexChanged.connect(self._onBundle)
        ui.classesWidget.layout().setColumnStretch(COLUMNS, 1)
        self._offerClasses()

    def setParameters(self, parameters: Any) -> None:
        """Show the parameter node's values; None while there is no scene."""
        self._parameters = parameters
        if parameters is None:
            return
        nameChoices(self._ui.deviceSelector, {"auto": _("auto"), "cpu": _("cpu"), "cuda": _("cuda")})
        nameChoices(self._ui.atlasSelector, _atlases())
        index = self._ui.bundleSelector.findText(parameters.bundle)
        if index >= 0:
            self._ui.bundleSelector.currentIndex = index
        self._onBundle()

    def follow(self) -> None:
        """Tick the classes that the parameters name."""
        for name, box in self._classes.items():
            box.checked = self._parameters is not None and name in self._parameters.furtherClasses

    def whyNot(self) -> str:
        """Why nothing can be analyzed; empty when it can."""
        if self._parameters is None or self._parameters.inputVolume is None:
            return _("Select a volume first.")
        if not self._ui.bundleSelector.currentText:
            return _("No model bundle is installed; install the extension again.")
        if not self._methods():
            return _("Choose at least one heat map.")
        return ""

    def options(self) -> dict[str, Any]:
        """Of XAIReportLogic.startAnalysis."""
        chosen = self._parameters
        return {
            "bundle": chosen.bundle,
            "saliency": self._methods(),
            "classes": [name for name in self._classes if name in chosen.furtherClasses],
            "device": chosen.device,
            "atlas": chosen.atlas,
            "language": chosen.language,
            "clinicalTable": chosen.clinicalTable,
            "contrast_agent": chosen.contrastAgent,
            "keep": chosen.keepEarlier,
        }

    def _methods(self) -> list[str]:
        return [method for name, method in METHODS.items() if getattr(self._parameters, name)]

    def _onBundle(self, *_args: Any) -> None:
        if self._parameters is not None and self._ui.bundleSelector.currentText:
            self._parameters.bundle = self._ui.bundleSelector.currentText
        self._offerClasses()

    def _offerClasses(self) -> None:
        """A check box for each class of the chosen bundle."""
        names = self._logic.bundleClasses(self._ui.bundleSelector.currentText)
        if names != list(self._classes):
            grid = self._ui.classesWidget.layout()
            for box in self._classes.values():
                grid.removeWidget(box)
                box.hide()
                box.deleteLater()
            self._classes = {name: self._box(name) for name in names}
            before = self._ui.occlusionCheckBox
            for index, box in enumerate(self._classes.values()):
                grid.addWidget(box, index // COLUMNS, index % COLUMNS)
                qt.QWidget.setTabOrder(before, box)
                before = box
        self._ui.classesLabel.visible = self._ui.classesWidget.visible = bool(names)
        self.follow()

    def _box(self, name: str) -> Any:
        box = qt.QCheckBox(class_name(name))
        tip = _(
            "Also map where the score of {name} came from, when another class has the highest. Takes as long again."
        )
        box.toolTip = plainTip(tip.format(name=class_name(name)))
        box.accessibleName = _("Heat maps of {name}, too").format(name=class_name(name))
        box.clicked.connect(lambda *_args: self._onClass(name, box.checked))
        return box

    def _onClass(self, name: str, wanted: bool) -> None:
        if self._parameters is not None:
            others = [other for other in self._parameters.furtherClasses if other != name]
            self._parameters.furtherClasses = [*others, name] if wanted else others


def _atlases() -> dict[str, str]:
    """What each atlas is called."""
    return {
        "harvard_oxford": _("Harvard-Oxford"),
        "desikan_killiany": _("Desikan-Killiany"),
        "destrieux": _("Destrieux"),
        "juelich": _("Juelich"),
        "talairach_gyrus": _("Talairach gyri"),
        "talairach_ba": _("Talairach Brodmann areas"),
        "aal": _("AAL2 (GPL)"),
        "neuromorphometrics": _("Neuromorphometrics (non-commercial)"),
        "marsatlas": _("MarsAtlas (terms not stated)"),
        "aicha": _("AICHA (terms not stated)"),
    }
