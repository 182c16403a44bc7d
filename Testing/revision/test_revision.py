"""A reader's correction: what rests on the outline is measured anew and says so, all else stays as the model left it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from engine_results import write_engine_result
from phantom_case import Analysed, analysed_phantom, stored_as
from scipy import ndimage
from XAIReportLib.anatomy import locate
from XAIReportLib.anatomy.atlas import load_template
from XAIReportLib.case import InputError
from XAIReportLib.reading import case_from_array
from XAIReportLib.revision import CORRECTED, prepare, revise, write_corrected


@pytest.fixture
def a_case(tmp_path: Path) -> Path:
    return write_engine_result(tmp_path / "phantom-7f3a")


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / f"{name}.json").read_text("utf-8"))


def texts(folder: Path) -> str:
    return "\n".join(sentence["text"] for sentence in read(folder, "narrative")["sentences"])


def grown(labels: np.ndarray) -> np.ndarray:
    """The first lesion one voxel wider, the second as it was."""
    first = ndimage.binary_dilation(labels == 1)
    return np.where(labels == 2, 2, first).astype(np.uint8)


def test_getting_ready_leaves_the_result_as_it_is(a_case):
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in a_case.rglob("*") if path.is_file()}

    before = content()
    prepare(a_case)
    assert content() == before


@pytest.mark.parametrize("axes", ["RAS", "LPS", "AIR"])
def test_volume_place_and_overlap_are_those_of_the_edited_outline(tmp_path, axes):
    analysed = stored_as(analysed_phantom(), axes)
    folder = write_engine_result(tmp_path / "phantom-7f3a", analysed)
    labels = grown(analysed.prediction.lesion_labels)
    out = revise(folder, labels, analysed.case.affine, tmp_path / "out")
    first, second = read(out, "findings")["lesions"]
    assert first["edited_by_reader"]
    assert first["volume_ml"] == pytest.approx((labels == 1).sum() * analysed.case.voxel_ml, abs=0.006)
    centre = analysed.case.affine[:3, :3] @ np.argwhere(labels == 1).mean(axis=0) + analysed.case.affine[:3, 3]
    np.testing.assert_allclose(first["centroid_ras_mm"], centre, atol=0.06)
    assert first["side"] == "left"
    assert sum(region["percent_of_lesion"] for region in first["regions"]) == pytest.approx(100)
    assert not second["edited_by_reader"]
    before = read(folder, "findings")
    assert second == before["lesions"][1]
    mask = analysed.masks[0].values > 0
    dice = 2 * (mask & (labels > 0)).sum() / (mask.sum() + (labels > 0).sum())
    assert read(out, "findings")["saliency"][0]["dice_with_lesion"] == pytest.approx(dice, abs=1e-4)


def test_every_sentence_about_the_outline_says_that_it_was_edited(a_case, tmp_path):
    analysed = analysed_phantom()
    out = revise(a_case, grown(analysed.prediction.lesion_labels), analysed.case.affine, tmp_path / "out")
    before = {s["text"] for s in read(a_case, "narrative")["sentences"]}
    new = [s["text"] for s in read(out, "narrative")["sentences"] if s["text"] not in before]
    assert len(new) >= 5
    for text in new:
        assert "edit" in text or "in all" in text or "of the checklist" in text, text
    assert "Segmented abnormality 1 (edited by the reader): " in texts(out)
    assert "the model's own outlines, as they were before the reader's edit" in texts(out)


def test_what_the_model_said_stays_as_it_was(a_case, tmp_path):
    analysed = analysed_phantom()
    files = {path: path.read_bytes() for path in a_case.rglob("*") if path.is_file()}
    out = revise(a_case, grown(analysed.prediction.lesion_labels), analysed.case.affine, tmp_path / "out")
    assert {path: path.read_bytes() for path in a_case.rglob("*") if path.is_file()} == files
    before, after = read(a_case, "findings"), read(out, "findings")
    for part in ("prediction", "model", "image", "anatomy", "warnings", "disclaimers"):
        assert after[part] == before[part]
    assert after["reader_edit"]["model_total"] == before["lesion_total"]


def test_an_outline_that_was_put_back_is_no_edit(a_case, tmp_path):
    analysed = analysed_phantom()
    out = revise(a_case, analysed.prediction.lesion_labels, analysed.case.affine, tmp_path / "out")
    assert (out / "findings.json").read_bytes() == (a_case / "findings.json").read_bytes()
    assert (out / "narrative.json").read_bytes() == (a_case / "narrative.json").read_bytes()


def test_a_lesion_that_the_reader_removed_is_not_called_unseen_by_the_model(a_case, tmp_path):
    analysed = analysed_phantom()
    out = revise(a_case, np.zeros_like(analysed.prediction.lesion_labels), analysed.case.affine, tmp_path / "out")
    assert read(out, "findings")["lesions"] == []
    assert read(out, "findings")["reader_edit"]["removed"] == ["lesion-1", "lesion-2"]
    assert "were removed by the reader" in texts(out)
    assert "No lesion found by this model" not in texts(out)


def test_a_lesion_that_the_model_did_not_find_can_be_drawn(tmp_path):
    analysed = analysed_phantom()
    labels = (analysed.prediction.lesion_labels == 1).astype(np.uint8)
    nothing = replace(
        analysed.prediction, outcome="no_lesion_found", label=None, scores={}, class_set=(), lesion_labels=0 * labels
    )
    empty = replace(analysed, prediction=nothing, heatmaps=(), masks=(), geometry={})
    empty = replace(empty, anatomy=replace(empty.anatomy, overlaps=()))
    folder = write_engine_result(tmp_path / "phantom-7f3a", empty)
    out = revise(folder, labels, analysed.case.affine, tmp_path / "out")
    assert read(out, "findings")["prediction"]["outcome"] == "no_lesion_found"
    assert [lesion["name"] for lesion in read(out, "findings")["lesions"]] == ["lesion-1"]
    assert "Segmented abnormality 1 was edited by the reader." in texts(out)
    assert "No lesion found by this model on this series; this does not exclude one." in texts(out)


def with_added(labels: np.ndarray, number: int, size: int) -> np.ndarray:
    """One more outline, a cube beside the others."""
    added = np.zeros(labels.shape, bool)
    added[40 : 40 + size, 40 : 40 + size, 18 : 18 + size // 2] = True
    return np.where(added & (labels == 0), number, labels).astype(np.uint8)


@pytest.mark.parametrize("gone", [0, 1], ids=["all kept", "the first removed"])
@pytest.mark.parametrize("size", [4, 20])
def test_an_added_abnormality_has_sentences_of_its_own_number(a_case, tmp_path, gone, size):
    analysed = analysed_phantom()
    labels = with_added(analysed.prediction.lesion_labels, 3, size)
    labels[labels == gone] = 0
    out = revise(a_case, labels, analysed.case.affine, tmp_path / "out")
    found = read(out, "findings")
    sizes = {f"lesion-{n}": int((labels == n).sum()) for n in (1, 2, 3) if n != gone}
    assert {lesion["name"]: lesion["voxels"] for lesion in found["lesions"]} == sizes
    assert found["lesions"][0]["voxels"] == max(sizes.values())  # as what is called the largest is that
    assert found["reader_edit"]["changed"] == ["lesion-3"]
    assert found["reader_edit"]["removed"] == (["lesion-1"] if gone else [])
    for lesion in found["lesions"]:
        name = f"Segmented abnormality {lesion['name'].removeprefix('lesion-')}"
        edited = " (edited by the reader)" if lesion["edited_by_reader"] else ""
        assert f"{name}{edited}: {lesion['volume_ml']:.2f} ml" in texts(out)
        assert f"{name}{edited} projects onto" in texts(out) or f"egmented abnormality 3{edited}, 100.0 %" in texts(out)
    checks = {sentence["outcome"] for sentence in read(out, "narrative")["sentences"]}
    assert checks == {"supported"}
    assert not read(out, "narrative").get("left_out")


def test_numbers_need_not_follow_each_other(a_case):
    """With the first lesion gone and a larger one added, the report's pictures show that one."""
    analysed = analysed_phantom()
    labels = with_added(analysed.prediction.lesion_labels, 9, 20)
    labels[labels == 1] = 0
    folder = write_corrected(a_case, labels, analysed.case.affine)
    report = (folder / "report.html").read_text("utf-8")
    assert [lesion["name"] for lesion in read(folder, "findings")["lesions"]] == ["lesion-9", "lesion-2"]
    assert "Segmented abnormality 9 (edited by the reader): " in report
    assert "Segmented abnormality 2: " in report


def test_axes_that_run_the_other_way_are_turned_and_other_grids_refused(a_case, tmp_path):
    analysed = analysed_phantom()
    labels, affine = grown(analysed.prediction.lesion_labels), analysed.case.affine
    turned = affine.copy()
    turned[:3, 3] += turned[:3, 2] * (labels.shape[2] - 1)
    turned[:3, 2] *= -1
    one = revise(a_case, labels, affine, tmp_path / "one")
    other = revise(a_case, labels[:, :, ::-1], turned, tmp_path / "other")
    assert (one / "findings.json").read_bytes() == (other / "findings.json").read_bytes()
    moved = affine.copy()
    moved[0, 3] += 1.5
    for wrong_labels, wrong_affine in ((labels, moved), (labels[:-1], affine)):
        with pytest.raises(InputError, match="not on the grid"):
            revise(a_case, wrong_labels, wrong_affine, tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize("write", [revise, write_corrected])
def test_a_case_that_the_model_was_not_run_on_cannot_be_corrected(tmp_path, write):
    analysed = analysed_phantom()
    labels = analysed.prediction.lesion_labels
    refused = replace(
        analysed.prediction, outcome="not_applicable", label=None, scores={}, class_set=(), lesion_labels=0 * labels
    )
    refused = replace(analysed, prediction=refused, heatmaps=(), masks=(), geometry={})
    refused = replace(refused, anatomy=replace(refused.anatomy, overlaps=()))
    folder = write_engine_result(tmp_path / "phantom-7f3a", refused)
    output = (tmp_path / "out",) if write is revise else ()
    with pytest.raises(InputError, match=r"phantom-7f3a holds no outline.*; force an analysis"):
        write(folder, labels, analysed.case.affine, *output)
    assert [path.name for path in tmp_path.iterdir()] == ["phantom-7f3a"]
    assert not (folder / CORRECTED).exists()


def test_an_outline_is_not_measured_with_the_regions_of_an_atlas_that_is_unknown(tmp_path):
    analysed = analysed_phantom()
    analysed = replace(analysed, anatomy=replace(analysed.anatomy, atlas="Atlas of another version"))
    folder = write_engine_result(tmp_path / "phantom-7f3a", analysed)
    labels = grown(analysed.prediction.lesion_labels)
    with pytest.raises(InputError, match=r"names the atlas Atlas of another version, .* analyse the case again"):
        revise(folder, labels, analysed.case.affine, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_whole_corrected_report_is_beside_the_result(a_case):
    import nibabel

    analysed = analysed_phantom()
    labels = grown(analysed.prediction.lesion_labels)
    folder = write_corrected(a_case, labels, analysed.case.affine)
    assert folder == a_case / CORRECTED
    np.testing.assert_array_equal(np.asarray(nibabel.load(folder / "masks" / "lesion.nii.gz").dataobj), labels)
    report = (folder / "report.html").read_text("utf-8")
    assert "edited by the reader" in report
    assert (folder / "figures" / "lesion.png").is_file()
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    assert read(folder, "run")["corrected_by_reader"] is True
    assert not list(a_case.glob(".corrected*"))


def test_an_edited_outline_is_placed_by_the_whole_registration(tmp_path):
    """The deformable step of this result moves everything 60 mm to the right, and the edited lesion with it."""
    analysed = analysed_phantom()
    grid = np.diag([20.0, 20.0, 20.0, 1.0])
    grid[:3, 3] = -100
    field = np.zeros((3, 11, 11, 11), np.float32)
    field[0] = 60.0
    moved = replace(analysed, anatomy=replace(analysed.anatomy, displacement=field, displacement_affine=grid))
    folder = write_engine_result(tmp_path / "phantom-7f3a", moved)
    assert (folder / "displacement.nii.gz").is_file()
    out = revise(folder, grown(analysed.prediction.lesion_labels), analysed.case.affine, tmp_path / "out")
    assert read(out, "findings")["lesions"][0]["side"] == "right"


@lru_cache
def located_head(case_id: str, front_mm: float = np.inf) -> Analysed:
    """The template's brain with two balls, one bright, analysed by the anatomy's own functions; imaged up to ``front_mm``."""
    template, take = load_template(), (slice(None, None, 2),) * 3
    affine = template.affine.copy()
    affine[:3, :3] *= 2
    image = template.image[take] * 700
    index = np.stack(np.indices(image.shape), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    labels = np.zeros(image.shape, np.uint8)
    for number, (centre, radius, brightness) in enumerate((((-30, 30, 25), 14, 1000), ((34, -40, 20), 10, 500)), 1):
        ball = np.linalg.norm(index - centre, axis=-1) < radius
        labels[ball], image[ball] = number, brightness
    imaged = slice(int((index[0, :, 0, 1] < front_mm).sum()))
    image, labels = image[:, imaged], labels[:, imaged]
    case = replace(case_from_array(image.astype(np.float32), affine), case_id=case_id)
    anatomy, geometry = locate(case, {f"lesion-{n}": labels == n for n in (1, 2)}, labels > 0)
    prediction = replace(analysed_phantom().prediction, lesion_labels=labels, lesion_probability=labels / 2)
    return Analysed(case, prediction, geometry, (), (), anatomy)


def test_an_edited_lesion_has_all_that_an_analysed_one_has(tmp_path):
    """The reader exchanges the numbers of two lesions, so that each is measured anew as the other."""
    analysed = located_head("phantom-7f3a")
    folder = write_engine_result(tmp_path / "phantom-7f3a", analysed)
    run = {**read(folder, "run"), "levels": asdict(analysed.anatomy.levels)}
    (folder / "run.json").write_text(json.dumps(run))
    labels = analysed.prediction.lesion_labels
    exchanged = np.array([0, 2, 1], np.uint8)[labels]
    out = revise(folder, exchanged, analysed.case.affine, tmp_path / "out")
    before, after = read(folder, "findings")["lesions"], read(out, "findings")["lesions"]
    for one, other in zip(before, after[::-1], strict=True):
        assert len(one["measures"]["distances"]) == 5
        assert one["appearance"] is not None
        for part in ("appearance", "largest_regions"):
            assert other[part] == one[part], part
        for rows in (lambda lesion: lesion["measures"]["distances"], lambda lesion: lesion["regions"]):
            for first, second in zip(rows(one), rows(other), strict=True):
                numbers = {key for key, value in first.items() if isinstance(value, float)}
                assert {k: v for k, v in first.items() if k not in numbers} == {
                    k: v for k, v in second.items() if k not in numbers
                }
                # The result holds its displacement to hundredths of a millimetre, its reach to tenths.
                assert [second[key] for key in numbers] == pytest.approx([first[key] for key in numbers], abs=0.5)


def test_intervals_that_would_be_too_narrow_for_an_edited_lesion_are_not_stated(tmp_path):
    analysed = located_head("phantom-7f3a")
    folder = write_engine_result(tmp_path / "phantom-7f3a", analysed)
    labels = analysed.prediction.lesion_labels
    grown = np.where(ndimage.binary_dilation(labels == 1, iterations=8), 1, 0).astype(np.uint8)
    (lesion,) = read(revise(folder, grown, analysed.case.affine, tmp_path / "out"), "findings")["lesions"]
    assert all(region["percent_low"] is None for region in lesion["regions"])
    assert all(way["low_mm"] is None and way["contact"] for way in lesion["measures"]["distances"])
    assert lesion["appearance"] is None  # this result does not hold what it is compared with


def test_of_a_region_that_the_field_of_view_cuts_no_share_is_stated(tmp_path):
    analysed = located_head("phantom-7f3a", 48.0)
    folder = write_engine_result(tmp_path / "phantom-7f3a", analysed)
    run = {**read(folder, "run"), "cut_regions": list(analysed.anatomy.cut)}
    (folder / "run.json").write_text(json.dumps(run))
    exchanged = np.array([0, 2, 1], np.uint8)[analysed.prediction.lesion_labels]
    out = revise(folder, exchanged, analysed.case.affine, tmp_path / "out")
    for place, number in ((folder, 0), (out, 1)):
        shares = {
            region["name"]: (region["percent_of_region"], region["overlap_ml"])
            for region in read(place, "findings")["lesions"][number]["regions"]
        }
        assert shares["Frontal Pole"][0] is None and shares["Frontal Pole"][1] > 0
        assert shares["Middle Frontal Gyrus"][0] > 10
    told = " ".join((folder / "report.txt").read_text(encoding="utf-8").split())
    assert "Of a region that the field of view cuts, no share is given" in told
    whole = located_head("phantom-7f3a").findings()
    rows = [row for lesion in whole.lesions for row in lesion.regions if row.lobe != "other"]
    assert all(row.percent_of_region is not None for row in rows)
