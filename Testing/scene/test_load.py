"""What a radiologist finds in the scene: names, codes, colours, cells, text, all under one folder, or nothing."""

from __future__ import annotations

import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from result_folders import METHODS, REPORT, oblique, write_result
from XAIReportLib.case import InputError
from XAIReportLib.models.series import NOT_DETECTED
from XAIReportLib.report.terminology import lesion_terminology, saliency_terminology
from XAIReportLib.results import SALIENCY_METHODS
from XAIReportLib.scene import load_result
from XAIReportLib.scene.cases import cases_in, remove_case
from XAIReportLib.scene.colors import heat_map_colors
from XAIReportLib.scene.load import flat_provenance
from XAIReportLib.scene.nodes import image_array
from XAIReportLib.scene.terminology import lesion_entry, saliency_entry


def test_everything_is_under_one_folder_named_for_the_case(a_session, a_result):
    import slicer

    loaded = load_result(a_result, a_session.scene)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(a_session.scene)
    assert hierarchy.GetItemName(loaded.folder_item) == "XAIReport case-7"
    nodes = loaded.all_nodes()
    assert len(nodes) == hierarchy.GetNumberOfItemChildren(loaded.folder_item) == 13
    for node in nodes:
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == loaded.folder_item


def test_a_heat_map_is_shown_exactly_where_its_mask_is(a_session, a_result):
    loaded = load_result(a_result, a_session.scene)
    for method in METHODS:
        display = loaded.heatmaps[method].GetDisplayNode()
        values = image_array(loaded.heatmaps[method].GetImageData())
        shown = values >= display.GetLowerThreshold()
        mask = np.asarray(nib.load(a_result / "masks" / f"{method}.nii.gz").dataobj)
        assert display.GetApplyThreshold()
        assert shown.sum() == mask.sum()
        assert display.GetColorNode().GetName() == "XAIReport heat map"


@pytest.mark.parametrize("air", [0.0, -6.0])
def test_the_image_is_windowed_by_the_head_and_not_by_the_air(a_session, a_result, air):
    ijk = np.stack(np.meshgrid(*(np.arange(n) for n in (48, 48, 24)), indexing="ij"), axis=-1)
    head = np.linalg.norm((ijk - (24, 24, 12)) / (15, 15, 8), axis=-1) < 1
    image = np.where(head, 2 + 0.2 * np.random.default_rng(1).standard_normal(head.shape), air).astype(np.float32)
    folder = write_result(
        a_result.parent / "other", oblique(), (48, 48, 24), lesions=False, atlas=False, heatmaps=False
    )
    nib.save(nib.Nifti1Image(image, oblique()), folder / "image.nii.gz")
    display = load_result(folder, a_session.scene).volume.GetDisplayNode()
    assert not display.GetAutoWindowLevel()
    low, high = np.percentile(image[head], (1, 99.5))
    assert display.GetWindowLevelMin() == pytest.approx(low, abs=0.1)
    assert display.GetWindowLevelMax() == pytest.approx(high, abs=0.1)


def test_what_is_segmented_without_contrast_enhancement_is_not_called_post_contrast(a_session, a_result):
    findings = json.loads((a_result / "findings.json").read_text(encoding="utf-8"))
    findings["prediction"]["reason"] = NOT_DETECTED
    (a_result / "findings.json").write_text(json.dumps(findings), encoding="utf-8")
    segmentation = load_result(a_result, a_session.scene).segmentation.GetSegmentation()
    assert segmentation.GetSegment("lesion-1").GetName() == "Segmented abnormality 1"


def test_segments_carry_codes_and_the_reference_volume(a_session, a_result):
    loaded = load_result(a_result, a_session.scene)
    segmentation = loaded.segmentation.GetSegmentation()
    lesion = segmentation.GetSegment("lesion-1")
    assert lesion.GetName() == "Segmented abnormality 1 (T1 post-contrast)"
    assert "~SCT^49755003^Morphologically Abnormal Structure~SCT^52988006^Lesion~" in lesion.GetTerminology()
    assert "SCT^12738006^Brain~SCT^7771000^Left" in lesion.GetTerminology()
    assert "SCT^24028007^Right" in segmentation.GetSegment("lesion-2").GetTerminology()
    assert "DCM^130403^Gradient-weighted class activation" in segmentation.GetSegment("gradcam++").GetTerminology()
    assert "DCM^130402^Class activation" in segmentation.GetSegment("scorecam").GetTerminology()
    assert loaded.segmentation.GetNodeReference("referenceImageGeometryRef").GetID() == loaded.volume.GetID()
    assert loaded.segmentation.GetSegmentation().GetConversionParameter("Reference image geometry")


@pytest.mark.usefixtures("a_session")
@pytest.mark.parametrize("method", SALIENCY_METHODS)
def test_a_saliency_mask_has_the_same_codes_in_the_scene_as_in_dicom(method):
    told = saliency_terminology(method)
    fields = saliency_entry(f"{method}-meningioma").split("~")
    assert fields[1:4] == [_triple(told.category), _triple(told.type), "^^"]
    assert fields[5:] == ["^^", "^^"]


@pytest.mark.usefixtures("a_session")
@pytest.mark.parametrize("side", ["left", "right", "midline", "bilateral", None])
def test_an_abnormality_has_the_same_codes_in_the_scene_as_in_dicom(side):
    told = lesion_terminology(side)
    fields = lesion_entry(side).split("~")
    assert fields[1:4] == [_triple(told.category), _triple(told.type), "^^"]
    assert fields[6] == (_triple(told.modifier) if told.modifier else "^^")


def _triple(code):
    return f"{code.scheme}^{code.value}^{code.meaning}"


def test_terminology_is_what_slicer_reads_back(a_session, a_result):
    import slicer

    entry = slicer.vtkSlicerTerminologyEntry()
    text = load_result(a_result, a_session.scene).segmentation.GetSegmentation().GetSegment("lesion-1").GetTerminology()
    logic = slicer.vtkSlicerTerminologiesModuleLogic
    assert logic.SerializeTerminologyEntry(entry) != text
    fields = text.split("~")
    assert len(fields) == 7
    assert all(len(field.split("^")) == 3 for index, field in enumerate(fields) if index not in (0, 4))


def test_the_region_table_has_typed_columns(a_session, a_result):
    table = load_result(a_result, a_session.scene).regions.GetTable()
    assert table.GetColumnByName("name").GetValue(0) == "Frontal Pole"
    assert table.GetColumnByName("voxels").GetDataTypeAsString() == "int"
    assert table.GetColumnByName("percent_of_mask").GetValue(1) == 37.5
    assert np.isnan(table.GetColumnByName("percent_of_region").GetValue(1))


def test_the_atlas_names_its_regions(a_session, a_result):
    colors = load_result(a_result, a_session.scene).atlas.GetDisplayNode().GetColorNode()
    assert colors.GetColorName(1) == "Frontal Pole"
    assert colors.GetColorName(5) == "Left Thalamus"


def test_peaks_mark_where_each_heat_map_is_highest(a_session, a_result):
    loaded = load_result(a_result, a_session.scene)
    found = {}
    for index in range(loaded.peaks.GetNumberOfControlPoints()):
        position = [0.0, 0.0, 0.0]
        loaded.peaks.GetNthControlPointPosition(index, position)
        found[loaded.peaks.GetNthControlPointLabel(index)] = position
    assert set(found) == {f"Peak {method}" for method in METHODS}
    for method in METHODS:
        image = nib.load(a_result / "heatmaps" / f"{method}.nii.gz")
        i, j, k = np.round(np.linalg.inv(image.affine) @ [*found[f"Peak {method}"], 1.0])[:3].astype(int)
        values = np.asarray(image.dataobj)
        assert values[i, j, k] == values.max()


def test_the_chart_draws_the_scores_and_says_what_they_are(a_session, a_result):
    loaded = load_result(a_result, a_session.scene)
    scores = json.loads((a_result / "findings.json").read_text("utf-8"))["prediction"]["scores"]
    series = loaded.scores.GetNthPlotSeriesNode(0)
    table = series.GetTableNode()
    rows = range(table.GetNumberOfRows())
    column = table.GetTable().GetColumnByName(series.GetYColumnName())
    assert {table.GetCellText(row, 0): column.GetValue(row) for row in rows} == scores
    assert "Research use only" in loaded.scores.GetTitle()
    assert loaded.scores.GetYAxisRange() == (0.0, 1.0)


def test_a_heat_map_has_its_legend(a_session, a_result):
    import slicer

    loaded = load_result(a_result, a_session.scene)
    legends = [slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(node) for node in loaded.heatmaps.values()]
    assert {legend.GetTitleText() for legend in legends} == {"share of the map's maximum"}
    assert [bool(legend.GetVisibility()) for legend in legends] == [True, *(False for _ in legends[1:])]


def test_texts_and_provenance_come_with_it(a_session, a_result):
    loaded = load_result(a_result, a_session.scene)
    assert loaded.texts["report.txt"].GetText() == REPORT
    assert loaded.texts["findings.json"].GetText() == (a_result / "findings.json").read_text("utf-8")
    assert loaded.volume.GetAttribute("XAIReport.model.sha256") == "ab" * 32
    assert loaded.volume.GetAttribute("XAIReport.options.input") is None


def test_provenance_leaves_out_paths_of_any_machine():
    run = {"a": "/home/x/y.nii", "b": "C:\\data\\y.nii", "c": ["ok", "/x"], "d": {"e": 3, "f": None}, "g": ["p", "q"]}
    assert flat_provenance(run) == {"d.e": "3", "g": "p, q"}


@pytest.mark.parametrize("missing", ["lesions", "atlas", "heatmaps"])
def test_a_result_without_a_part_loads(a_session, tmp_path, missing):
    folder = write_result(tmp_path / "case", oblique(), **{missing: False})
    loaded = load_result(folder, a_session.scene)
    parts = {"lesions": loaded.points, "atlas": loaded.atlas, "heatmaps": loaded.heatmaps}
    assert not parts[missing]
    assert all(part for name, part in parts.items() if name != missing)


def test_two_cases_lie_side_by_side_and_share_the_heat_map_colours(a_session, tmp_path):
    for name in ("a", "b"):
        load_result(write_result(tmp_path / name, oblique(), case_id=name), a_session.scene)
    assert a_session.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2
    assert a_session.scene.GetNodesByName("XAIReport heat map").GetNumberOfItems() == 1


def test_a_folder_that_is_no_result_changes_nothing(a_session, tmp_path):
    before = a_session.scene.GetNumberOfNodes()
    with pytest.raises(InputError, match="no result folder"):
        load_result(tmp_path, a_session.scene)
    assert a_session.scene.GetNumberOfNodes() == before


@pytest.mark.parametrize("file_name", ["heatmaps/gradcam.nii.gz", "findings.json"])
def test_a_truncated_file_is_named_and_changes_nothing(a_session, a_result, file_name):
    before = a_session.scene.GetNumberOfNodes()
    path = a_result / file_name
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match=path.name.replace(".", r"\.")):
        load_result(a_result, a_session.scene)
    assert a_session.scene.GetNumberOfNodes() == before


def test_a_map_of_another_case_is_refused(a_session, a_result, tmp_path):
    other = write_result(tmp_path / "other", oblique((1.0, 1.0, 2.0)))
    shutil.copy(other / "heatmaps" / "gradcam.nii.gz", a_result / "heatmaps" / "gradcam.nii.gz")
    with pytest.raises(InputError, match="not on the grid"):
        load_result(a_result, a_session.scene)


def test_a_failure_half_way_leaves_no_half_made_case(a_session, a_result, monkeypatch):
    from XAIReportLib.scene import tables

    def fail(*_: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(tables, "table", fail)
    before = a_session.scene.GetNumberOfNodes()
    with pytest.raises(RuntimeError, match="no room"):
        load_result(a_result, a_session.scene)
    assert a_session.scene.GetNumberOfNodes() == before


def test_heat_map_colours_grow_lighter_all_the_way():
    luminance = heat_map_colors() @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()


def test_heat_maps_come_in_the_order_of_the_findings(a_session, a_result):
    path = a_result / "findings.json"
    findings = json.loads(path.read_text("utf-8"))
    findings["saliency"] = [{"method": method} for method in reversed(METHODS)]
    path.write_text(json.dumps(findings), "utf-8")
    assert list(load_result(a_result, a_session.scene).heatmaps) == list(reversed(METHODS))


def _under(scene, node, name):
    """The node in a folder of the person's own, with another node beside it."""
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    other = scene.AddNewNodeByClass("vtkMRMLTextNode", "the person's own")
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), name)
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), study)
    hierarchy.CreateItem(study, other)
    return other


def test_a_result_whose_image_was_moved_in_the_data_tree_is_replaced_and_nothing_else(a_session, a_result):
    first = load_result(a_result, a_session.scene)
    other = _under(a_session.scene, first.volume, "Study 1")
    (found,) = cases_in(a_session.scene)
    assert [node.GetID() for node in found.all_nodes()] == [node.GetID() for node in first.all_nodes()]
    own = found.all_nodes()
    second = load_result(a_result, a_session.scene, replace=True)
    assert a_session.scene.IsNodePresent(other)
    assert not any(a_session.scene.IsNodePresent(node) for node in own)
    assert [case.volume for case in cases_in(a_session.scene)] == [second.volume]


def test_results_of_one_case_beside_each_other_are_told_apart_by_their_names(a_session, a_result):
    import slicer

    cases = [load_result(a_result, a_session.scene) for _ in range(3)]
    assert [case.volume.GetName() for case in cases] == ["case-7 image", "case-7 (2) image", "case-7 (3) image"]
    names = [node.GetName() for case in cases for node in case.all_nodes()]
    assert len(set(names)) == len(names)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(a_session.scene)
    assert [hierarchy.GetItemName(case.folder_item) for case in cases][:2] == [
        "XAIReport case-7",
        "XAIReport case-7 (2)",
    ]
    assert [case.folder_item for case in cases_in(a_session.scene)] == [case.folder_item for case in cases]
    assert load_result(a_result, a_session.scene, replace=True).volume.GetName() == "case-7 image"


@pytest.mark.parametrize("beside", [False, True])
def test_a_copy_of_a_results_image_is_no_result_and_stays(a_session, a_result, beside):
    import slicer

    loaded = load_result(a_result, a_session.scene)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(a_session.scene)
    copy = a_session.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "image masked")
    copy.Copy(loaded.volume)  # with its attributes and references, as Mask Volume and Clone do
    hierarchy.CreateItem(loaded.folder_item if beside else hierarchy.GetSceneItemID(), copy)
    assert [case.volume for case in cases_in(a_session.scene)] == [loaded.volume]
    load_result(a_result, a_session.scene, replace=True)
    assert a_session.scene.IsNodePresent(copy)
    assert len(cases_in(a_session.scene)) == 1


def test_a_scene_from_before_the_references_shows_its_case(a_session, a_result):
    import slicer
    from XAIReportLib.scene.cases import CASE_ID, ITSELF, PARTS

    loaded = load_result(a_result, a_session.scene)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(a_session.scene)
    for role in (ITSELF, PARTS):
        loaded.volume.RemoveNodeReferenceIDs(role)
    hierarchy.RemoveItemAttribute(loaded.folder_item, CASE_ID)
    (found,) = cases_in(a_session.scene)
    assert len(found.all_nodes()) == len(loaded.all_nodes())
    remove_case(a_session.scene, found)
    assert not cases_in(a_session.scene)
    assert not hierarchy.GetNumberOfItemChildren(hierarchy.GetSceneItemID())
