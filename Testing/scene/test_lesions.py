"""Which segments are abnormalities: the module's own by their ids, a reader's by a number that stays with them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from result_folders import SHAPE, oblique, write_result
from strokes import draw
from XAIReportLib.case import InputError
from XAIReportLib.scene import corrected, lesions, load_result, reveal, session
from XAIReportLib.scene.cases import cases_in
from XAIReportLib.scene.live_mask import LiveMask
from XAIReportLib.scene.session import slicer_package


@pytest.fixture
def a_case(a_session, a_result):
    return load_result(a_result, a_session.scene)


def cube(i: int, j: int, k: int, size: int = 2) -> np.ndarray:
    voxels = np.zeros(SHAPE, bool)
    voxels[i : i + size, j : j + size, k : k + size] = True
    return voxels


def add(case, voxels: np.ndarray | None = None) -> str:
    """As Slicer adds a segment: nobody chooses its id."""
    identifier = case.segmentation.GetSegmentation().AddEmptySegment("")
    if voxels is not None:
        draw(case, identifier, voxels)
    return identifier


def labels_of(case) -> np.ndarray:
    return corrected.edited_outlines(case).labels


def segment(case, identifier: str):
    return case.segmentation.GetSegmentation().GetSegment(identifier)


def with_findings(case, **changed) -> None:
    findings = case.document("findings.json")
    case.texts["findings.json"].SetText(json.dumps(findings | changed))


def test_what_a_reader_draws_into_a_new_segment_is_the_next_abnormality(a_case):
    before = labels_of(a_case)
    new = add(a_case, cube(2, 2, 2))
    after = labels_of(a_case)
    assert (after[cube(2, 2, 2)] == 3).all()
    np.testing.assert_array_equal(np.where(cube(2, 2, 2), 0, after), before)
    assert lesions.numbered(a_case.segmentation) == {1: "lesion-1", 2: "lesion-2", 3: new}
    assert segment(a_case, new).GetName() == "Segmented abnormality 3 (T1 post-contrast)"
    assert segment(a_case, new).GetTerminology() == segment(a_case, "lesion-2").GetTerminology().replace(
        "SCT^24028007^Right", "^^"
    )


def test_a_new_segment_is_no_abnormality_before_it_holds_voxels(a_case):
    before, state = labels_of(a_case), corrected.state_of(a_case)
    new = add(a_case)
    np.testing.assert_array_equal(labels_of(a_case), before)
    assert corrected.state_of(a_case) == state
    assert lesions.numbered(a_case.segmentation) == {1: "lesion-1", 2: "lesion-2"}
    assert segment(a_case, new).GetName() == "Segment_1"
    draw(a_case, new, cube(2, 2, 2))
    assert corrected.state_of(a_case) != state


def test_its_number_is_no_edit_and_stays_whatever_it_is_called(a_case):
    new = add(a_case, cube(2, 2, 2))
    state = corrected.state_of(a_case)
    labels_of(a_case)
    segment(a_case, new).SetName("lesion-1")
    segment(a_case, "lesion-1").SetName("cyst")
    assert corrected.state_of(a_case) == state
    assert lesions.numbered(a_case.segmentation)[3] == new


def test_pieces_that_are_split_off_are_measured_too(a_case):
    """As the Islands effect does it: the first piece stays, each other one is a new segment on the same labelmap."""
    slicer, segmentation = slicer_package(), a_case.segmentation.GetSegmentation()
    before = labels_of(a_case)
    halves = [(before == 1) & (np.arange(SHAPE[0]) < 18)[:, None, None]]
    halves.append((before == 1) & ~halves[0])
    draw(a_case, "lesion-1", halves[0])
    whole = segment(a_case, "lesion-1")
    piece = slicer.vtkSegment()
    piece.SetName(whole.GetName() + "_2")
    piece.AddRepresentation("Binary labelmap", whole.GetRepresentation("Binary labelmap"))
    assert segmentation.AddSegment(piece)
    piece.SetLabelValue(segmentation.GetUniqueLabelValueForSharedLabelmap("lesion-1"))
    draw(a_case, segmentation.GetSegmentIdBySegment(piece), halves[1])
    after = labels_of(a_case)
    assert (after > 0).sum() == (before > 0).sum()
    assert [int((after == n).sum()) for n in (1, 3)] == [int(half.sum()) for half in halves]
    assert piece.GetName() == "Segmented abnormality 3 (T1 post-contrast)"


def test_the_masks_of_the_heat_maps_are_no_abnormalities(a_session, a_case):
    mask = LiveMask(a_case, "gradcam")
    mask.prepare()
    mask.cut(90.0)
    before = labels_of(a_case)
    a_session.scene.RemoveNode(a_case.heatmaps.pop("scorecam"))
    np.testing.assert_array_equal(labels_of(a_case), before)
    assert lesions.added(a_case) == []


def test_numbers_come_back_with_a_saved_scene(a_session, a_case, tmp_path):
    for place in (cube(2, 2, 2), cube(8, 2, 2)):
        add(a_case, place)
    labels_of(a_case)
    segment(a_case, lesions.segment_id(a_case.segmentation, "lesion-4")).SetName("another")
    expected = labels_of(a_case)
    path = tmp_path / "again.mrb"
    assert a_session.scene.WriteToMRB(str(path), None, slicer_package().vtkMRMLMessageCollection())
    with session.private_session() as other:
        assert other.scene.ReadFromMRB(str(path), True, None)
        (case,) = cases_in(other.scene)
        assert list(lesions.numbered(case.segmentation)) == [1, 2, 3, 4]
        np.testing.assert_array_equal(labels_of(case), expected)


def test_an_older_scene_has_numbers_by_its_ids_and_what_was_ignored_there_is_found(a_session, a_case, tmp_path):
    add(a_case, cube(2, 2, 2))
    path = tmp_path / "older.mrb"
    assert a_session.scene.WriteToMRB(str(path), None, slicer_package().vtkMRMLMessageCollection())
    with session.private_session() as other:
        assert other.scene.ReadFromMRB(str(path), True, None)
        (case,) = cases_in(other.scene)
        names = [
            {**lesion, "name": f"lesion-{n}"} for n, lesion in enumerate(case.document("findings.json")["lesions"], 1)
        ]
        with_findings(case, lesions=names)
        assert list(lesions.numbered(case.segmentation)) == [1, 2]
        assert corrected.unmeasured(case)
        assert (labels_of(case)[cube(2, 2, 2)] == 3).all()
        assert corrected.unmeasured(case)  # numbered, but not yet in the findings
        with_findings(case, lesions=[*names, {"name": "lesion-3"}])
        assert not corrected.unmeasured(case)


def test_a_copy_gets_a_number_of_its_own(a_case):
    segmentation = a_case.segmentation.GetSegmentation()
    first = add(a_case, cube(2, 2, 2))
    labels_of(a_case)
    store = slicer_package().vtkSegmentation()
    store.SetSourceRepresentationName("Binary labelmap")
    store.CopySegmentFromSegmentation(segmentation, first)
    store.CopySegmentFromSegmentation(segmentation, "lesion-1")
    segmentation.CopySegmentFromSegmentation(store, first)
    segmentation.CopySegmentFromSegmentation(store, "lesion-1")
    copies = [segmentation.GetNthSegmentID(segmentation.GetNumberOfSegments() - n) for n in (2, 1)]
    draw(a_case, copies[0], cube(8, 2, 2))
    draw(a_case, copies[1], cube(8, 2, 8))
    labels_of(a_case)
    assert lesions.numbered(a_case.segmentation) == {
        1: "lesion-1", 2: "lesion-2", 3: first, 4: copies[0], 5: copies[1],
    }  # fmt: skip


def test_what_is_deleted_and_drawn_again(a_case):
    """A number of the model's is not given to another outline; a reader's own is free again."""
    segmentation = a_case.segmentation.GetSegmentation()
    with_findings(a_case, lesions=[{"name": "lesion-1"}], reader_edit={"removed": ["lesion-2"]})
    segmentation.RemoveSegment("lesion-2")
    first, second = (add(a_case, place) for place in (cube(2, 2, 2), cube(8, 2, 2)))
    labels_of(a_case)
    assert lesions.numbered(a_case.segmentation) == {1: "lesion-1", 3: first, 4: second}
    segmentation.RemoveSegment(first)
    again = add(a_case, cube(2, 2, 2))
    labels_of(a_case)
    assert lesions.numbered(a_case.segmentation) == {1: "lesion-1", 3: again, 4: second}


def test_an_abnormality_that_is_drawn_again_after_undo_keeps_its_number(a_case):
    history = slicer_package().vtkSegmentationHistory()
    history.SetSegmentation(a_case.segmentation.GetSegmentation())
    new = add(a_case)
    history.SaveState()
    draw(a_case, new, cube(2, 2, 2))
    labels_of(a_case)
    state = corrected.state_of(a_case)
    history.RestorePreviousState()
    assert corrected.state_of(a_case) != state
    assert not (labels_of(a_case) == 3).any()
    history.RestoreNextState()
    assert (labels_of(a_case)[cube(2, 2, 2)] == 3).all()


def test_where_outlines_overlap_it_is_known_which_lost_voxels(a_case):
    first = labels_of(a_case) == 1
    inside, across = first.copy(), first | cube(2, 2, 2)
    inside[:18] = False
    for voxels in (inside, across):
        add(a_case, voxels)
        segmentation = a_case.segmentation.GetSegmentation()
        segmentation.SeparateSegmentLabelmap(segmentation.GetNthSegmentID(segmentation.GetNumberOfSegments() - 1))
    draw(a_case, "lesion-1", first)
    found = corrected.edited_outlines(a_case)
    assert (found.nothing, found.in_part) == ((3,), (4,))
    assert (found.labels == 4).sum() == cube(2, 2, 2).sum()
    assert ((found.labels == 1) == first).all()


def test_more_than_can_be_told_apart_are_refused_in_a_sentence(a_case):
    place = np.argwhere(labels_of(a_case) == 0)[:254]
    for voxel in place[:-1]:
        add(a_case, np.all(np.stack(np.indices(SHAPE), -1) == voxel, axis=-1))
    assert labels_of(a_case).max() == lesions.MOST
    one_more = add(a_case, np.all(np.stack(np.indices(SHAPE), -1) == place[-1], axis=-1))
    with pytest.raises(InputError, match="256 segments are abnormalities, and at most 255 can be measured"):
        corrected.edited_outlines(a_case)
    a_case.segmentation.GetSegmentation().RemoveSegment(one_more)
    assert len(np.unique(labels_of(a_case))) == 256


def test_a_number_beyond_all_labels_is_replaced(a_case):
    segmentation = a_case.segmentation.GetSegmentation()
    segmentation.AddEmptySegment("lesion-300")
    draw(a_case, "lesion-300", cube(2, 2, 2))
    assert (labels_of(a_case)[cube(2, 2, 2)] == 3).all()


def test_an_added_abnormality_is_shown_with_the_others_and_found_by_its_name(a_case):
    new, begun = add(a_case, cube(2, 2, 2)), add(a_case)
    labels_of(a_case)
    display = a_case.segmentation.GetDisplayNode()
    for wanted in (False, True):
        reveal.outlines(a_case, wanted, "gradcam")
        assert {display.GetSegmentVisibility(one) for one in ("lesion-1", new, begun)} == {wanted}
        assert display.GetSegmentVisibility("gradcam")
        assert not display.GetSegmentVisibility("scorecam")
    ijk = np.linalg.inv(reveal.ijk_to_ras(a_case.volume)) @ [*reveal.place_of(a_case, "lesion-3"), 1.0]
    assert cube(2, 2, 2)[tuple(np.rint(ijk[:3]).astype(int))]


def test_where_the_model_found_nothing_a_begun_segment_is_the_one_to_edit(a_session, tmp_path):
    folder = write_result(tmp_path / "case", oblique(), outcome="no_lesion_found")
    case = load_result(folder, a_session.scene)
    begun = add(case)
    assert corrected.ready_to_edit(case) == begun
    editor = a_session.scene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    # Or what is painted would be cut out of the heat maps' masks.
    assert editor.GetOverwriteMode() == editor.OverwriteNone
    draw(case, begun, cube(2, 2, 2))
    assert (labels_of(case)[cube(2, 2, 2)] == 1).all()
