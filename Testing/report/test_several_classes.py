"""Heat maps of several classes: what is said of a map says of which class, is kept apart everywhere, and is checked as such."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from engine_results import write_engine_result
from phantom_case import analysed_phantom, phantom_of_two_classes
from XAIReportLib.folder import read_result
from XAIReportLib.report import documents, narrative
from XAIReportLib.report.findings import FindingsError
from XAIReportLib.report.grounding.check import check_sentence, check_text
from XAIReportLib.report.grounding.translated import checker_of
from XAIReportLib.results import SaliencyCheck, map_names

CHECK = SaliencyCheck(True, (), {"agreement": 0.9})
NAMES = ["gradcam++", "scorecam", "gradcam++-meningioma", "scorecam-meningioma"]
LANGUAGES = ("en", "fr", "de", "es")


@pytest.fixture(scope="module")
def found():
    return phantom_of_two_classes().findings(check=CHECK)


def test_the_first_class_keeps_the_methods_name_and_a_further_one_adds_its_own():
    pairs = [("gradcam++", "glioma"), ("gradcam++", "pituitary tumour/x"), ("scorecam", "glioma")]
    assert map_names([("../../secret", "a"), ("../../secret", "../b")]) == ["-secret", "-secret--b"]
    assert map_names(pairs) == ["gradcam++", "gradcam++-pituitary-tumour-x", "scorecam"]


def test_method_and_class_are_kept_apart_in_findings_files_and_table(found, tmp_path):
    analysed = phantom_of_two_classes()
    assert found.map_names == NAMES
    assert [mask.side for mask in found.saliency] == ["left", "left", "right", "right"]
    result = read_result(write_engine_result(tmp_path / "case", analysed))
    assert list(result.heatmaps) == list(result.masks) == NAMES
    import nibabel

    for heatmap, path in zip(analysed.heatmaps, result.heatmaps.values(), strict=True):
        np.testing.assert_array_equal(np.asarray(nibabel.load(path).dataobj), heatmap.values)
    rows = list(csv.DictReader(io.StringIO(documents.regions_csv(found))))
    assert {row["mask"] for row in rows} == {"lesion-1", "lesion-2", *NAMES}
    assert {row["side"] for row in rows if row["mask"] == "scorecam-meningioma"} <= {"right", ""}


def test_two_maps_of_one_method_and_class_are_refused():
    from dataclasses import replace

    analysed = analysed_phantom()
    twice = replace(analysed, heatmaps=analysed.heatmaps * 2, masks=analysed.masks * 2)
    with pytest.raises(FindingsError, match="one entry for each method and class"):
        twice.findings()


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_sentence_is_in_every_language_and_read_back_as_supported(found, code):
    story = narrative.told(found, code)
    checker = checker_of(found, code)
    assert {s.text: s.outcome for s in story.sentences if s.outcome != "supported"} == {}
    outcomes = {s.text: checker.sentence(s.text) for s in story.sentences}
    assert {text: (o.verdict, o.reason) for text, o in outcomes.items() if o.verdict != "supported"} == {}


def test_a_sentence_about_a_map_says_of_which_class(found):
    sentences = [
        s.text for s in narrative.write(found).sentences if any(e.startswith("/saliency/") for e in s.evidence)
    ]
    assert "Only the heat maps for glioma were checked." in sentences
    assert any("brightness cannot be compared between the maps of different classes" in text for text in sentences)
    about_one = [text for text in sentences if text.startswith(("The mask of", "Of the mask", "Grad-CAM", "ScoreCAM"))]
    assert len(about_one) >= 8
    assert all((" for glioma" in text) != (" for meningioma" in text) for text in about_one)


def test_what_is_true_of_one_class_is_contradicted_for_the_other(found):
    swap = {"glioma": "meningioma", "meningioma": "glioma"}
    for sentence in narrative.write(found).sentences:
        text = sentence.text
        if not text.startswith(("The mask of", "Of the mask", "Grad-CAM", "ScoreCAM")):
            continue
        now = next(name for name in ("meningioma", "glioma") if f" for {name}" in text)
        wrong = text.replace(f" for {now}", f" for {swap[now]}")
        assert check_sentence(wrong, found).verdict == "contradicted", wrong


def test_a_map_without_a_class_is_that_of_the_highest_score_and_it_is_the_one_named_before(found):
    left, right = (
        "The ScoreCAM mask lies on the left of the patient.",
        "The ScoreCAM mask lies on the right of the patient.",
    )
    assert check_sentence(left, found).verdict == "supported"
    assert check_sentence(right, found).verdict == "contradicted"
    for_other = "The ScoreCAM mask for meningioma lies on the right of the patient."
    assert [s.verdict for s in check_text(f"{for_other} {right}", found)] == ["supported", "supported"]
    assert check_sentence(for_other.replace("right", "left"), found).verdict == "contradicted"
    both = "The ScoreCAM mask for glioma lies on the left and the ScoreCAM mask for meningioma on the right of the patient."
    assert check_sentence(both, found).verdict == "unsupported"
    assert check_sentence(for_other.replace("meningioma", "pituitary tumour"), found).verdict != "supported"


@pytest.fixture(scope="module")
def apart(found):
    """The maps for meningioma do not overlap the segmentation, those for glioma do."""
    away = (mask.model_copy(update={"dice_with_lesion": 0.0}) for mask in found.saliency[2:])
    return found.model_copy(update={"saliency": (*found.saliency[:2], *away)})


@pytest.mark.parametrize(
    "sentence",
    [
        "The Grad-CAM++ maps for glioma and meningioma both overlap the lesion.",
        "The ScoreCAM masks for meningioma and glioma overlap with the segmented abnormality.",
        "The heat maps overlap the lesion.",
        "Every heat map overlaps the lesion.",
        "The Grad-CAM++ masks overlap the lesion.",
    ],
)
def test_what_is_said_of_the_maps_of_several_classes_must_be_so_for_each(found, apart, sentence):
    assert check_sentence(sentence, found).verdict == "supported"
    assert check_sentence(sentence, apart).verdict == "contradicted"


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(
    "maps", ["All heat maps", "The masks", "The ScoreCAM masks", "The ScoreCAM maps for glioma and meningioma both"]
)
def test_a_side_on_which_the_maps_of_one_class_alone_lie_is_not_that_of_all(found, maps, side):
    assert check_sentence(f"{maps} lie on the {side} of the patient.", found).verdict == "contradicted"


@pytest.mark.parametrize(
    "sentence",
    [
        "The Grad-CAM++ maps for glioma and meningioma overlap each other.",
        "The Grad-CAM++ maps for glioma and meningioma overlap.",
        "The Grad-CAM++ maps for glioma and meningioma agree.",
        "The Grad-CAM++ maps for glioma and meningioma do not overlap the lesion.",
        "The Grad-CAM++ maps for glioma and meningioma together overlap the lesion.",
        "The Grad-CAM++ maps for glioma and glioma both overlap the lesion.",
        "The Grad-CAM++ maps for glioma and pituitary tumour both overlap the lesion.",
        "The Grad-CAM++ maps for glioma or meningioma overlap the lesion.",
        "Not all heat maps overlap the lesion.",
        "The heat maps do not all overlap the lesion.",
        "Some heat maps overlap the lesion.",
        "Two heat maps were computed.",
    ],
)
def test_what_is_said_of_some_or_between_the_maps_of_several_classes_is_not_read(found, apart, sentence):
    assert {check_sentence(sentence, one).verdict for one in (found, apart)} == {"unsupported"}


def test_they_are_not_the_lesion_nor_one_map_after_the_maps_of_several_classes(found):
    one_lesion = found.model_copy(update={"lesions": found.lesions[:1]})
    left = "lie on the left of the patient."
    assert check_sentence(f"They {left}", one_lesion).verdict == "supported"
    for several in (
        "The Grad-CAM++ maps for glioma and meningioma both overlap the lesion.",
        "The heat maps overlap the lesion.",
    ):
        verdicts = [part.verdict for part in check_text(f"{several} They {left}", one_lesion)]
        assert verdicts == ["supported", "unsupported"]


def test_a_method_that_was_mapped_for_one_class_alone_needs_no_class(found):
    alone = found.model_copy(update={"saliency": (found.saliency[0], found.saliency[3])})  # one method for each class
    right = "The ScoreCAM mask lies on the right of the patient."
    assert check_sentence(right, alone).verdict == "supported"
    assert check_sentence(right.replace("right", "left"), alone).verdict == "contradicted"


def test_with_one_class_nothing_is_said_of_several():
    texts = [s.text for s in narrative.write(analysed_phantom().findings(check=CHECK)).sentences]
    assert not any("different classes" in text or text.startswith("Only the heat maps") for text in texts)


def test_the_report_shows_each_map_and_the_classes_side_by_side(found, tmp_path):
    from XAIReportLib.report import figures

    case = phantom_of_two_classes()
    drawn = figures.draw(
        tmp_path, case.case, case.prediction, case.heatmaps, case.masks, case.anatomy, found, check=CHECK, language="de"
    )
    documents.write(tmp_path, found, narrative.told(found, "de"), drawn, {})
    names = [path.stem for path in drawn]
    assert [f"saliency-{name}" for name in NAMES] == [name for name in names if name.startswith("saliency-")]
    assert {"methods", "classes"} <= set(names)
    text = (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert "Heatmaps jeder Klasse" in text
    assert "Atlasregionen der Maske von Grad-CAM++ für die Klasse Meningeom" in text
