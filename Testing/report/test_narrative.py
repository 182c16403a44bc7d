"""Every sentence says only what stands at its pointers, and nothing of the never-list, whatever the findings are."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from wild_findings import REGIONS, wild_findings
from XAIReportLib.models.series import NOT_DETECTED
from XAIReportLib.report import checklist, narrative
from XAIReportLib.report.grounding import check_sentence
from XAIReportLib.report.narrative import resolve
from XAIReportLib.report.tables import case_tables
from XAIReportLib.report.wording import CHECK_NAMES, score_text
from XAIReportLib.results import Anatomy, AtlasDistance, Descriptors, MidlineShift, Registration, SaliencyCheck

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)*")
SIDES = re.compile(r"\b(left|right)\b", re.IGNORECASE)
CLASS_NAMES = {"pituitary": "pituitary tumour", "class_2": "class 2", "other_kind": "other kind"}
NEVER = re.compile(
    r"\b(benign|malignan\w*|grade|IDH|MGMT|because|the model sees|normal|healthy|tumou?rs?|oedema|edema|necrosis|"
    r"necrotic|involves?|infiltrates?|invades?|arises from|spares|eloquent|adenoma|PitNET|metasta\w+|prognosis|urgent|"
    r"urgency|surgery|surgical|treatment|clearly|consistent with|typical( for)?|likelihood|probability of|confirmed|"
    r"diagnos\w+)\b",
    re.IGNORECASE,
)
ALWAYS = (
    "Research use only. Not for diagnosis.",
    "The model knows glioma, meningioma and pituitary tumour only. Other lesions would be given one of these names, or "
    "none. Post-operative change is not recognised.",
)
NO_LESION = "No lesion found by this model on this series; this does not exclude one."
slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
many = settings(max_examples=200, deadline=None, suppress_health_check=slow)


def _leaves(value, key=""):
    """Every number and text at or under a value, and the keys on the way; a list stands for its length, too."""
    yield key
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, name)
    elif isinstance(value, list):
        yield len(value)
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _at_pointers(sentence, document):
    found = []
    for pointer in sentence.evidence:
        last = pointer.rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")
        found += _leaves(resolve(document, pointer), last)
    texts = [" ".join(item.replace("_", " ").split()).lower() for item in found if isinstance(item, str)]
    numbers = [item for item in found if isinstance(item, int | float) and not isinstance(item, bool)]
    return texts, numbers


def _number_is_there(token, texts, numbers):
    if any(token in NUMBER.findall(text) for text in texts):
        return True
    if token.count(".") > 1:
        return False
    decimals = len(token.partition(".")[2])
    return any(f"{abs(number):.{decimals}f}" == token for number in numbers)  # "28 mm behind": a word may be the sign


@many
@given(wild_findings())
def test_every_number_side_region_and_class_stands_at_a_pointer(findings):
    document = findings.model_dump(mode="json")
    for sentence in narrative.write(findings).sentences:
        texts, numbers = _at_pointers(sentence, document)
        everything = " ".join(texts)
        assert sentence.evidence, sentence.text
        if "items of the checklist" in sentence.text:  # counts its own evidence
            numbers += [len(sentence.evidence), len(checklist.ITEMS)]
        for token in NUMBER.findall(sentence.text.replace("_", " ")):
            assert _number_is_there(token, texts, numbers), (token, sentence)
        sides = set(re.findall(r"\w+", re.sub("(left|right) percent", "", everything)))
        if {"left percent", "right percent", "midline"} <= set(texts):
            sides |= {"left", "right"}
        for side in SIDES.findall(sentence.text):
            assert side.lower() in sides, (side, sentence)
        for name, _ in REGIONS:
            if name.replace("_", " ").lower() in sentence.text.lower():
                assert name.replace("_", " ").lower() in everything, (name, sentence)
        for label in document["model"]["classes"]:
            if re.search(rf"\b{CLASS_NAMES.get(label, label)}\b", sentence.text, re.IGNORECASE):
                assert label.replace("_", " ") in everything, (label, sentence)


@many
@given(wild_findings())
def test_the_never_list_never_appears(findings):
    for sentence in narrative.write(findings).sentences:
        text = sentence.text
        for allowed in (
            *findings.disclaimers,
            "No lesion found by this model on this series; this does not exclude one.",
        ):
            text = text.replace(allowed, "")
        text = text.replace("Cheng brain tumor dataset", "").replace("brain_tumor_mri", "")
        text = re.sub(r"(?i)pituitary tumour( \(as in the training data\))?", "", text)
        assert not NEVER.search(text), sentence
        assert "WHO" not in text, sentence


@many
@given(wild_findings())
def test_what_is_always_said_is_always_said(findings):
    story = narrative.write(findings)
    said = [sentence.text for sentence in story.sentences]
    for sentence in findings.disclaimers:
        assert sentence in said
    if findings.prediction.outcome == "not_applicable":
        assert "not made for this case" in said[0]
    elif findings.image.forced:
        assert "analysed on the user's demand" in said[0]
    if not findings.image.has_geometry:
        assert not any("of the patient (" in text for text in said)
    assert sum(text.startswith("Warning: ") for text in said) == len(findings.warnings)
    assert [s.section for s in story.sentences] == sorted(
        (s.section for s in story.sentences), key=list(narrative.SECTIONS).index
    )


@many
@given(wild_findings())
def test_the_same_findings_give_the_same_text_tied_by_hash(findings):
    story = narrative.write(findings)
    assert story.to_json() == narrative.write(findings).to_json()
    assert story.findings_sha256 == findings.sha256()


def test_the_usual_case_reads_as_a_report_without_a_replaced_sentence(analysed):
    story = narrative.write(analysed.findings())
    text = " ".join(sentence.text for sentence in story.sentences)
    assert "findings.json" not in text
    assert ALWAYS[0] in text
    assert ALWAYS[1] in text
    assert "Segmented abnormality 1: 7.78 ml, on the left of the patient (100.0 % of it)." in text
    assert "projects onto the atlas position of left Frontal Pole" in text
    assert "The model's suggestion is glioma, with a model score of 0.89." in text
    assert "The map shows where the score came from, not why." in text
    assert {sentence.section for sentence in story.sentences} == set(narrative.SECTIONS) - {"changes"}


def test_the_side_in_the_sentence_is_the_side_in_the_findings(analysed):
    found = analysed.findings()
    for lesion in found.lesions:
        start = f"Segmented abnormality {lesion.name.removeprefix('lesion-')}:"
        (sentence,) = (s.text for s in narrative.write(found).of_section("findings") if s.text.startswith(start))
        assert f"on the {lesion.side} of the patient" in sentence
        assert set(SIDES.findall(sentence)) == {lesion.side}


def measured(analysed):
    """The phantom with measures, distances and a midline shift."""
    ways = (AtlasDistance("motor cortex", 3.14, 1.0, 5.26), AtlasDistance("brain surface", 0.0, 0.0, 2.0),
            AtlasDistance("visual cortex", 66.2))  # fmt: skip
    d = Descriptors(24.6, 28.04, (27.5, 22.1), 12.0, 28.3, (1.0, 0.0, 0.0), 0.913, False, ways, ways[:1])
    geometry = analysed.geometry | {"lesion-1": replace(analysed.geometry["lesion-1"], descriptors=d)}
    shift = MidlineShift(-4.26, "Distance of the septum.")
    return replace(analysed, geometry=geometry, anatomy=replace(analysed.anatomy, midline_shift=shift, interval_mm=4.4))


def test_measures_distances_and_midline_shift_are_said_in_allowed_words(analysed):
    text = " ".join(s.text for s in narrative.write(measured(analysed).findings()).sentences)
    assert "Axial diameters of segmented abnormality 1: 27.5 mm and, perpendicular to it, 22.1 mm;" in text
    assert "largest extent in any direction is 28.0 mm" in text
    assert (
        "Midline shift at the septum pellucidum, as the registration places it: 4.3 mm to the left of the patient."
        in text
    )
    assert (
        "Segmented abnormality 1 is adjacent to the atlas position of the motor cortex (3.1 mm, 1.0 to 5.3 mm) and the "
        "brain's surface (in contact, 0.0 to 2.0 mm); function was not assessed." in text
    )
    assert "The largest distance between the centres of two of them is" in text
    assert "visual cortex" not in text  # far away: in the table only
    assert "findings.json" not in text


def test_a_shift_that_was_not_computed_says_why(analysed):
    shift = MidlineShift(None, "Not computed: the registration is of limited quality.")
    found = replace(analysed, anatomy=replace(analysed.anatomy, midline_shift=shift)).findings()
    texts = [s.text for s in narrative.write(found).sentences]
    assert "Midline shift not computed: the registration is of limited quality." in texts


def test_a_picture_has_image_sides_only(analysed):
    text = " ".join(s.text for s in narrative.write(analysed.without_geometry().findings()).sentences)
    assert "image right (the patient's side is unknown)" in text
    assert "No region is named: no registration was possible." in text
    assert "Sides are those of the picture, not of the patient." in text
    assert " ml" not in text


def _with_registration(analysed, verdict, reason):
    known = verdict == "limited"
    anatomy = replace(analysed.anatomy, registration=Registration(verdict, reason, None))
    return replace(analysed, anatomy=anatomy if known else Anatomy(anatomy.registration, "", "", None, (), ()))


def test_a_limited_registration_makes_regions_approximate(analysed):
    story = narrative.write(_with_registration(analysed, "limited", "The edges differ.").findings())
    projections = [s.text for s in story.sentences if "atlas position of" in s.text]
    assert projections
    assert all("projects approximately onto" in text for text in projections)
    assert "The edges differ." in [s.text for s in story.of_section("anatomy")]


def test_a_failed_registration_names_no_region_and_says_why(analysed):
    story = narrative.write(_with_registration(analysed, "failed", "The brain overlaps too little.").findings())
    assert [s.text for s in story.of_section("anatomy")] == [
        "No region is named: the registration to the atlas failed.",
        "The brain overlaps too little.",
    ]
    text = " ".join(s.text for s in story.sentences)
    assert not any(region.name in text for region in analysed.anatomy.regions)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("no_lesion_found", NO_LESION),
        ("abstained", "The model abstains: no class is suggested."),
        ("not_applicable", "No class is suggested: the model was not made for this case."),
    ],
)
def test_without_a_suggestion_no_class_is_the_suggestion(analysed, outcome, said):
    labels = np.zeros_like(analysed.prediction.lesion_labels)
    prediction = replace(
        analysed.prediction, outcome=outcome, label=None, scores={}, class_set=(), uncertainty={}, lesion_labels=labels
    )
    story = narrative.write(replace(analysed, prediction=prediction, heatmaps=(), masks=()).findings())
    assert any(said in s.text for s in story.of_section("impression"))
    assert "glioma" not in " ".join(s.text for s in story.of_section("impression"))


@pytest.mark.parametrize("language", ["en", "fr", "de", "es"])
def test_a_series_without_enhancement_is_not_called_post_contrast(analysed, language):
    def said(reason: str) -> tuple[str, set[str]]:
        prediction = replace(analysed.prediction, outcome="abstained", label=None, reason=reason)
        found = replace(analysed, prediction=prediction).findings()
        story = narrative.told(found, language)
        assert not [s.text for s in story.sentences if s.outcome != "supported"]
        return " ".join(s.text for s in story.of_section("findings")), {table.title for table in case_tables(found)}

    after_agent = {"en": "T1 post-contrast", "fr": "T1 après", "de": "T1 nach", "es": "T1 con contraste"}[language]
    usual, unseen = said("The model scores do not separate them."), said(NOT_DETECTED)
    assert after_agent in usual[0]
    assert after_agent not in unseen[0]
    assert "Segmented abnormalities (T1 post-contrast)" in usual[1]
    assert "Segmented abnormalities" in unseen[1]


def test_an_empty_mask_shows_no_place(analysed):
    masks = tuple(replace(mask, values=np.zeros_like(mask.values)) for mask in analysed.masks)
    story = narrative.write(replace(analysed, masks=masks, geometry={}).findings())
    texts = [s.text for s in story.of_section("evidence")]
    assert "Grad-CAM++ for glioma: nothing remains above the threshold, so the map shows no place." in texts


def test_a_score_is_never_rounded_to_certainty(analysed):
    prediction = replace(analysed.prediction, scores={"meningioma": 0.0003, "glioma": 0.9996, "pituitary": 0.0001})
    text = " ".join(s.text for s in narrative.write(replace(analysed, prediction=prediction).findings()).sentences)
    assert "a model score of 0.9996" in text
    assert "score of 1.00" not in text
    assert "glioma 1.00" not in text


@pytest.mark.parametrize("pointer", ["prediction", "/nothing", "/lesions/9", "/lesions/x", "/case_id/0"])
def test_a_pointer_at_nothing_is_an_error(analysed, pointer):
    with pytest.raises(KeyError):
        resolve(analysed.findings().model_dump(mode="json"), pointer)


def test_pointers_are_escaped():
    assert resolve({"a/b~c": [1, 2]}, "/a~1b~0c/1") == 2


def test_every_failed_check_is_said_in_a_sentence_that_the_check_of_sentences_supports(analysed) -> None:
    figures = {name: 0.07 + 0.1 * number for number, name in enumerate(CHECK_NAMES)}
    found = analysed.findings(check=SaliencyCheck(False, tuple(figures), figures))
    (said,) = (s for s in narrative.told(found).of_section("status") if "relied on" in s.text)
    assert said.outcome == "supported"
    assert "small changes of the image lower the score of the class (lowest 0.57)" in said.text
    for value in figures.values():
        wrong = said.text.replace(f"{value:.2f}", f"{value + 0.3:.2f}")
        assert check_sentence(wrong, found).verdict == "contradicted"


@pytest.mark.parametrize("language", ["en", "fr", "de", "es"])
def test_a_likeness_to_slices_with_a_wrong_class_is_said_with_what_it_rests_on(analysed, language) -> None:
    figures = {"agreement": 0.71, "doubt": 0.8642}
    failed = narrative.told(analysed.findings(check=SaliencyCheck(False, ("doubt",), figures)), language)
    about = [s for s in failed.sentences if "/saliency_check/figures/doubt" in s.evidence]
    assert [s.section for s in about] == ["status", "evidence", "evidence"]
    assert {s.outcome for s in about} == {"supported"}
    assert score_text(0.8642) in about[0].text.replace(",", ".")
    if language == "en":
        assert "like those of slices whose class was wrong (likeness 0.86)" in about[0].text
        assert "fitted on single slices of one data set, and does not say how often a class is wrong" in about[2].text
    passed = narrative.told(analysed.findings(check=SaliencyCheck(True, (), figures | {"doubt": 0.3})), language)
    assert not [s for s in passed.sentences if "/saliency_check/figures/doubt" in s.evidence]


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("The explanation is like that of slices whose class was wrong (likeness 0.86).", "supported"),
        ("The likeness to slices whose class was wrong is 0.86.", "supported"),
        ("The likeness to slices whose class was wrong is 0.31.", "contradicted"),
        ("The class is wrong.", "unsupported"),
        ("The class of this case is wrong (likeness 0.86).", "unsupported"),
        ("The probability that the class is wrong is 0.86.", "unsupported"),
    ],
)
def test_what_may_be_said_of_the_likeness_says_nothing_of_the_class_itself(analysed, sentence, verdict) -> None:
    found = analysed.findings(check=SaliencyCheck(False, ("doubt",), {"agreement": 0.71, "doubt": 0.8642}))
    assert check_sentence(sentence, found).verdict == verdict
    other = analysed.findings(check=SaliencyCheck(True, (), {"agreement": 0.71, "doubt": 0.3142}))
    if verdict == "supported":
        assert check_sentence(sentence, other).verdict == "contradicted"


@pytest.mark.parametrize("language", ["en", "fr", "de", "es"])
@pytest.mark.parametrize(("mode", "predicted", "said"), [("fast", 86.0, 1), ("fast", 0.0, 0), ("exact", 0.0, 0)])
def test_scorecam_says_where_it_is_an_approximation_and_only_there(analysed, language, mode, predicted, said) -> None:
    how = {"mode": mode, "channels_predicted": predicted}
    heatmaps = tuple(replace(h, parameters=how if h.method == "scorecam" else {}) for h in analysed.heatmaps)
    found = replace(analysed, heatmaps=heatmaps).findings()
    reserved = [s for s in narrative.told(found, language).sentences if "/saliency/1/parameters/mode" in s.evidence]
    assert [s.outcome for s in reserved] == ["supported"] * said
    if said and language == "en":
        assert reserved[0].text.startswith("ScoreCAM is a fast approximation here")


@pytest.mark.parametrize("language", ["en", "fr", "de", "es"])
@pytest.mark.parametrize("independent", [True, False, None])
def test_an_overlap_that_proves_little_is_said_to(analysed, language, independent) -> None:
    found = analysed.findings(independent=independent)
    reserved = [s for s in narrative.told(found, language).sentences if "/saliency/0/independent" in s.evidence]
    assert [s.outcome for s in reserved] == (["supported"] if independent is False else [])
    other = analysed.findings(independent=True)
    if reserved and language == "en":
        assert "no independent evidence" in reserved[0].text
        assert check_sentence(reserved[0].text, other).verdict != "supported"


def test_a_failed_check_of_the_heat_maps_is_said_first_with_its_figure(analysed) -> None:
    figures = {"agreement": 0.12345, "stability": 0.91, "score_drop": 0.4, "outside_lesion": 0.1, "outside_head": 0.0}
    bad = analysed.findings(check=SaliencyCheck(False, ("agreement",), figures), independent=False)
    good = analysed.findings(check=SaliencyCheck(True, (), figures))
    assert bad.saliency_check.figures["agreement"] == 0.1235
    assert {s.independent for s in bad.saliency} == {False}
    said = [s for s in narrative.write(bad).sentences if "relied on" in s.text]
    assert [s.section for s in said] == ["status", "evidence"], "before anything else, and beside the maps"
    assert said[1] == narrative.write(bad).of_section("evidence")[0]
    assert said[0].text == (
        "The heat maps of this case should not be relied on: the methods disagree (mean correlation 0.12)."
    )
    assert "/saliency_check/figures/agreement" in said[0].evidence
    assert "passed their checks" in narrative.write(good).of_section("evidence")[0].text
