"""The section "Evidence": which heat map, how strong, cut where, with which outlines and regions over the image."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from XAIReportLib.panel.background import Background
from XAIReportLib.panel.statements import about
from XAIReportLib.report.wording import class_name, method_name
from XAIReportLib.results import map_names, method_of
from XAIReportLib.scene import live_mask, reveal
from XAIReportLib.scene.cases import LoadedResult


class EvidenceSection:
    """Shows the parameter node's choices in the scene, and offers what the case has.

    :param ui: the named widgets.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._case: LoadedResult | None = None
        self._parameters: Any = None
        self._findings: dict[str, Any] = {}
        self._sentences: list[dict[str, Any]] = []
        self._highlighted: int | None = None
        self._shown: tuple[Any, ...] = ()
        self._numbers: dict[str, int] = {}  # of the findings' entries, by the heat map's name
        self._masks: dict[str, live_mask.LiveMask] = {}
        self._head: Any = None
        self._preparing: Background | None = None
        self._filling = False
        self._cursor: tuple[Any, int] | None = None
        ui.heatMapSelector.currentIndexChanged.connect(self._onHeatMap)
        ui.percentileSlider.valueChanged.connect(self._onPercentile)
        ui.percentileResetButton.clicked.connect(self._onReset)

    def setParameters(self, parameters: Any) -> None:
        self._parameters = parameters
        self._shown = ()

    def show(self, case: LoadedResult | None, findings: dict[str, Any], narrative: dict[str, Any]) -> None:
        """Offer the maps of a case, or of none."""
        if self._case is None or case is None or case.volume is not self._case.volume:
            self._highlighted = None
            self._forget()
        elif case.segmentation is not self._case.segmentation or len(case.heatmaps) < len(self._case.heatmaps):
            self._forget()  # what was deleted
        self._case, self._findings = case, findings
        self._sentences = narrative.get("sentences") or []
        names = list(case.heatmaps) if case is not None else []
        entries = findings.get("saliency") or []
        self._numbers = {
            name: n for n, name in enumerate(map_names((e["method"], e.get("target", "")) for e in entries))
        }
        self._filling = True
        self._ui.heatMapSelector.clear()
        for name in names:
            self._ui.heatMapSelector.addItem(self._called(name), name)
        self._ui.heatMapSelector.addItem(_("none"), "")
        self._filling = False
        for widget in ("heatMapSelector", "opacitySlider", "showMaskCheckBox", "showLegendCheckBox"):
            getattr(self._ui, widget).enabled = bool(names)
        self._ui.showLesionCheckBox.enabled = bool(findings.get("lesions"))
        self._ui.showAtlasCheckBox.enabled = case is not None and case.atlas is not None
        self._followCursor()
        if case is not None and self._parameters is not None:
            if self._parameters.heatMap not in (*names, "none"):
                self._parameters.heatMap = names[0] if names else "none"
            self._shown = ()
            self.apply()
        else:
            self._showMap(None)

    def apply(self) -> None:
        """Bring the parameters to the scene, as far as they have changed since the last time."""
        if self._case is None or self._parameters is None:
            return
        chosen, case, scene = self._parameters, self._case, self._case.volume.GetScene()
        name = chosen.heatMap if chosen.heatMap in case.heatmaps else None
        state = (name, chosen.showLegend, chosen.showLesion, chosen.showMask, chosen.showAtlas, self._highlighted)
        if (state, chosen.opacity) == self._shown:
            return
        same = self._shown and self._shown[0] == state
        self._shown = (state, chosen.opacity)
        if same:
            reveal.opacity(scene, chosen.opacity)
            return
        reveal.heat_map(scene, case, name, chosen.opacity, chosen.showLegend)
        reveal.outlines(case, chosen.showLesion, name if chosen.showMask else None)
        reveal.atlas(scene, case, chosen.showAtlas, self._highlighted)
        self._showMap(name)

    def choose(self, name: str) -> None:
        """Show another heat map."""
        if self._parameters is not None and self._case is not None and name in self._case.heatmaps:
            self._parameters.heatMap = name

    def highlight(self, label: int | None) -> None:
        """Mark one region of the atlas, or none."""
        self._highlighted = label
        self.apply()

    def close(self) -> None:
        """Follow nothing any more."""
        self._case = None
        self._forget()
        self._followCursor()

    def _forget(self) -> None:
        if self._preparing is not None:
            self._preparing.abandon()
        self._preparing, self._masks, self._head = None, {}, None

    def _showMap(self, name: str | None) -> None:
        index = self._ui.heatMapSelector.findData(name or "")
        self._filling = True
        self._ui.heatMapSelector.currentIndex = index
        self._filling = False
        number = self._number(name)
        self._ui.evidenceLabel.text = "\n".join(about(self._sentences, f"/saliency/{number}/")) if name else ""
        self._ui.evidenceLabel.visible = bool(self._ui.evidenceLabel.text)
        self._prepare(name)
        self._showPercentile(name)

    def _called(self, name: str) -> str:
        """Method and class, with the class's score where there are maps of several."""
        target = self._entry(name).get("target", "")
        if not target:
            return method_name(name)
        text = _("{method} for {name}").format(method=method_name(method_of(name)), name=class_name(target))
        score = ((self._findings.get("prediction") or {}).get("scores") or {}).get(target)
        several = len({self._entry(other).get("target") for other in self._numbers}) > 1
        if several and score is not None:
            text = _("{map} (score {score:.2f})").format(map=text, score=score)
        return text

    def _number(self, name: str | None) -> int | None:
        return self._numbers.get(name or "")

    # The percentile, cut anew while the slider moves.

    def _prepare(self, name: str | None) -> None:
        if self._preparing is not None:
            self._preparing.abandon()
            self._preparing = None
        if name is None or name in self._masks or self._case is None or self._case.segmentation is None:
            return
        mask = live_mask.LiveMask(self._case, name, self._head)

        def ready(_result: Any, error: BaseException | None) -> None:
            self._preparing = None
            if error is None:
                self._masks[name], self._head = mask, mask.head
                self._showPercentile(name)

        self._preparing = Background(mask.prepare, ready)

    def _showPercentile(self, name: str | None) -> None:
        entry = self._entry(name)
        stated = entry.get("percentile")
        reader = live_mask.reader_percentile(self._case, name) if name and self._case is not None else None
        self._ui.percentileSlider.enabled = name in self._masks and stated is not None
        self._ui.percentileResetButton.enabled = reader is not None
        self._filling = True
        if stated is not None:
            self._ui.percentileSlider.value = reader if reader is not None else stated
        self._filling = False
        if stated is None:
            self._ui.percentileStateLabel.text = ""
        elif reader is None:
            self._ui.percentileStateLabel.text = _("Mask of the report: percentile {percentile:.1f}{size}.").format(
                percentile=stated, size=self._size(entry.get("mask_voxels"))
            )
        self._ui.percentileStateLabel.visible = stated is not None

    def _entry(self, name: str | None) -> dict[str, Any]:
        number = self._number(name)
        return self._findings["saliency"][number] if number is not None else {}

    def _size(self, voxels: int | None) -> str:
        if voxels is None or self._case is None:
            return ""
        if not (self._findings.get("image") or {}).get("has_geometry", True):
            return _(", {count} pixels").format(count=voxels)
        return _(", {volume:.2f} ml").format(volume=voxels * reveal.voxel_ml(self._case.volume))

    def _onPercentile(self, *_args: Any) -> None:
        name = self._parameters.heatMap if self._parameters is not None else ""
        if self._filling or self._case is None or name not in self._masks:
            return
        percentile = round(self._ui.percentileSlider.value, 1)
        if abs(percentile - self._entry(name).get("percentile", -1.0)) < 0.05:
            self._onReset()
            return
        voxels = self._masks[name].cut(percentile)
        reveal.outlines(self._case, self._parameters.showLesion, name if self._parameters.showMask else None)
        self._ui.percentileResetButton.enabled = True
        self._ui.percentileStateLabel.text = _(
            "Set by the reader: percentile {percentile:.1f}{size}. The report describes percentile {stated:.1f}."
        ).format(percentile=percentile, size=self._size(voxels), stated=self._entry(name).get("percentile", 0.0))

    def _onReset(self, *_args: Any) -> None:
        name = self._parameters.heatMap
        if self._case is not None and name in self._case.heatmaps:
            live_mask.remove_reader_mask(self._case, name)
            reveal.outlines(self._case, self._parameters.showLesion, name if self._parameters.showMask else None)
            self._showPercentile(name)

    def _onHeatMap(self, *_args: Any) -> None:
        if not self._filling and self._parameters is not None:
            self._parameters.heatMap = self._chosenMap() or "none"

    def _chosenMap(self) -> str:
        return self._ui.heatMapSelector.itemData(self._ui.heatMapSelector.currentIndex)

    # The region under the cursor.

    def _followCursor(self) -> None:
        if self._cursor is not None:
            node, tag = self._cursor
            node.RemoveObserver(tag)
            self._cursor = None
        self._ui.cursorLabel.text = "–"
        scene = self._case.volume.GetScene() if self._case is not None else None
        cursor = scene.GetFirstNodeByClass("vtkMRMLCrosshairNode") if scene is not None else None
        if cursor is not None:
            self._cursor = (cursor, cursor.AddObserver(cursor.CursorPositionModifiedEvent, self._onCursor))

    def _onCursor(self, cursor: Any, _event: Any) -> None:
        position = [0.0, 0.0, 0.0]
        known = cursor.GetCursorPositionRAS(position)
        name = reveal.region_at(self._case, tuple(position)) if known and self._case is not None else None
        self._ui.cursorLabel.text = name or "–"
