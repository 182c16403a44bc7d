"""The model scores of a case as Slicer's own table and bar chart."""

from __future__ import annotations

from typing import Any

from .cases import ATTRIBUTE_PREFIX


def chart(scene: Any, findings: dict[str, Any], name: str) -> Any:
    """A plot chart with one bar for each class, on its own table; None where no score was computed."""
    scores = (findings.get("prediction") or {}).get("scores") or {}
    if not scores:
        return None
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", f"{name} table")
    _fill(table, scores)
    series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", f"{name} series")
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetPlotType(series.PlotTypeBar)
    series.SetLabelColumnName("class")
    series.SetYColumnName("model score")
    series.SetColor(0.34, 0.71, 0.91)
    node = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", name)
    node.AddAndObservePlotSeriesNodeID(series.GetID())
    node.SetTitle("Model scores, a suggestion of a model. Research use only.")
    node.SetYAxisTitle("model score (0 to 1)")
    node.SetYAxisRangeAuto(False)
    node.SetYAxisRange(0.0, 1.0)
    node.SetLegendVisibility(False)
    for own in (table, series):
        own.SetAttribute(f"{ATTRIBUTE_PREFIX}Scores", name)
    return node


def _fill(table: Any, scores: dict[str, float]) -> None:
    from vtkmodules.vtkCommonCore import vtkDoubleArray, vtkStringArray

    names, values = vtkStringArray(), vtkDoubleArray()
    names.SetName("class")
    values.SetName("model score")
    for label, score in sorted(scores.items(), key=lambda item: -item[1]):
        names.InsertNextValue(label.replace("_", " "))
        values.InsertNextValue(float(score))
    table.AddColumn(names)
    table.AddColumn(values)
    table.SetLocked(True)
