"""How a sentence may be read: by synonyms, by the concepts of a statement, piece by piece; and what it must not become."""

from __future__ import annotations

from pathlib import Path

import pytest
from measured import findings_of
from XAIReportLib.report.grounding import Checker, check_sentence, misread
from XAIReportLib.report.grounding.apart import apart
from XAIReportLib.report.grounding.frames import read
from XAIReportLib.report.grounding.meant import named
from XAIReportLib.report.grounding.rewording import one_of
from XAIReportLib.report.grounding.synonyms import plainest

CLASSES = ("glioma", "meningioma", "pituitary tumour")


@pytest.mark.parametrize(
    ("case", "right", "wrong"),
    [
        (
            "failed registration",
            "Neither the side nor a region can be given.",
            "Neither the side nor the volume can be given.",
        ),
        ("failed registration", "The laterality remained undetermined.", "The laterality was determined."),
        (
            "failed registration",
            "It was not possible to name any atlas region.",
            "It was possible to name the atlas regions.",
        ),
        (
            "left glioma",
            "The image was matched well to the standard brain.",
            "The image was not matched to the standard brain.",
        ),
        ("left glioma", "The function of these areas was not tested.", "The function of these areas was tested."),
        ("no lesion", "A lesion cannot be excluded on this basis.", "A lesion can be excluded on this basis."),
        ("measured meningioma", "The heat maps ought to be ignored.", "The heat maps ought not to be ignored."),
        ("right meningioma", "The views are not unanimous.", "The views are unanimous."),
    ],
)
def test_a_statement_about_the_analysis_is_read_by_its_concepts(case, right, wrong):
    found = findings_of(case)
    assert read(right, found)[1] is True
    assert (read(wrong, found) or ("", None))[1] is not True


@pytest.mark.parametrize(
    "statement",
    [
        "No lesion lies in a named region.",  # does not say that the regions are unknown
        "Neither the side nor the region is not given.",
        "The analysis cannot be forced.",
        "There is no midline shift.",
        "The volume is known, as the picture has no geometry.",
        "The side of the blorb is unknown.",
    ],
)
def test_what_is_more_than_a_frame_is_not_read_by_it(statement):
    for case in ("failed registration", "picture", "measured pair", "not applicable"):
        assert (read(statement, findings_of(case)) or ("", None))[1] is not True


def test_a_clause_gets_what_it_leaves_out_from_the_one_before():
    pieces = {way.pieces for way in apart("The first lesion lies on the left, the second on the right.", CLASSES)}
    assert ("The first lesion lies on the left", "the second lies on the right") in pieces
    assert not any(
        "only" in piece for way in apart("Nothing lies on the left, but B does.", CLASSES) for piece in way.pieces
    )


def test_figures_are_statements_of_what_they_stand_beside():
    said = "ScoreCAM (Dice 0.81) agrees better with the outline than Grad-CAM (0.62)."
    pieces = {way.pieces for way in apart(said, CLASSES)}
    whole = "ScoreCAM agrees better with the outline than Grad-CAM"
    assert (whole, "ScoreCAM has a Dice of 0.81", "Grad-CAM has a Dice of 0.62") in pieces


def test_one_and_the_other_are_tried_both_ways_round_and_the_former_is_the_first_named():
    found = findings_of("right meningioma")
    said = "The heat maps differ: one lies on the right, the other on the left."
    assert len(named(said, found, "lesion")) == 2
    said = "Grad-CAM and Grad-CAM++ differ: the former lies on the left, the latter on the right."
    assert named(said, found, "lesion") == [
        "Grad-CAM and Grad-CAM++ differ: Grad-CAM lies on the left, Grad-CAM++ on the right."
    ]


def test_words_are_left_out_only_where_they_claim_nothing():
    assert (
        plainest("In terms of its location, the lesion, as outlined by the model, lies there.", ())
        == "the lesion lies there."
    )
    assert plainest("On the left, the lesion lies there.", ()) == "On the left, the lesion lies there."
    assert "small" not in plainest("The small lesion measures 0.14 ml.", ())
    assert "small" in plainest("The small lesion measures 14 ml.", ())
    assert "small" in plainest("The small lesion lies there.", ())


@pytest.mark.parametrize(
    ("case", "right", "wrong"),
    [
        (
            "failed registration",
            "The lesion could not be assigned to a side because the registration failed.",
            "The registration failed because the lesion could not be assigned to a side.",
        ),
        (
            "left glioma",
            "Glioma is suggested because its score is the highest.",
            "Glioma is suggested because the lesion is on the left.",
        ),
        (
            "left glioma",
            "Glioma is suggested because it has the highest score.",
            "Glioma is suggested because the registration was good.",
        ),
    ],
)
def test_a_reason_is_one_that_the_program_gives(case, right, wrong):
    checker = Checker(findings_of(case))
    assert checker.sentence(right).verdict == "supported"
    assert checker.sentence(wrong).verdict != "supported"


def test_therefore_needs_a_ground_in_the_sentence_before():
    checker = Checker(findings_of("no lesion"))
    assert checker.text("No lesion was found. Therefore, no heat maps were generated.")[1].verdict == "supported"
    checker = Checker(findings_of("left glioma"))
    assert (
        checker.text("The lesion measures 4.45 ml. The class set therefore contains only glioma.")[1].verdict
        != "supported"
    )


def test_letters_by_which_patterns_are_passed_over_stand_wherever_one_fits():
    patterns, _ = misread._tables(**misread._words(findings_of("two lesions")))
    lines = (Path(__file__).parent / "falsehoods.txt").read_text(encoding="utf-8").splitlines()
    fits = 0
    for text in map(misread.plain, lines):
        letters = text.lower()
        for pattern in patterns:
            if pattern.found.search(text):
                fits += 1
                assert pattern.needs in letters, pattern
                assert not pattern.one_of or any(run in letters for run in pattern.one_of), pattern
    assert fits > 500


@pytest.mark.parametrize(
    ("pattern", "runs"),
    [
        ("x(?:ab(?:cd|ef)|gh)", ("ab", "gh")),
        ("is (?:larger|bigger)", ("larger", "bigger")),
        ("(?:large|big)? ml", (" ml",)),
        (r"\b(?!not)(of)\b", ("of",)),
        ("a|b", ("a", "b")),
        (r"a|\d", ()),
    ],
)
def test_of_the_choices_of_a_group_one_stands_in_the_text(pattern, runs):
    assert one_of(pattern) == runs


def test_a_share_of_a_region_that_is_not_known_is_neither_held_nor_contradicted():
    found, said = findings_of("left glioma"), "The lesion covers 13.9 % of the left frontal pole."
    assert check_sentence(said, found).verdict == "supported"
    content = found.model_dump(mode="json")
    for region in content["lesions"][0]["regions"]:
        region["percent_of_region"] = None
    assert check_sentence(said, type(found).model_validate(content)).verdict == "unsupported"


@pytest.mark.parametrize(
    ("case", "right", "wrong"),
    [
        (
            "measured pair",
            "52.3 mm separate the centres of both lesions.",
            "25.3 mm separate the centres of both lesions.",
        ),
        ("measured pair", "Between the centres lie 5.2 cm.", "Between the centres of the three lesions lie 5.2 cm."),
        (
            "three lesions",
            "Since the slices are 3 mm thick, small lesions might be overlooked.",
            "Since the slices are 3 mm thick, small lesions were overlooked.",
        ),
        (
            "failed registration",
            "If shifted by 12 millimetres, the template fits no better.",
            "If shifted by 12 millimetres, the template fits better.",
        ),
        (
            "left glioma",
            "On a scale from zero to one, entropy is 0.38.",
            "On a scale from zero to one, entropy was lowered to 0.38.",
        ),
    ],
)
def test_the_order_of_the_parts_of_a_statement_about_the_whole_case_does_not_matter(case, right, wrong):
    checker = Checker(findings_of(case))
    assert checker.sentence(right).verdict == "supported"
    assert checker.sentence(wrong).verdict != "supported"


def test_a_lesion_may_be_called_edited_where_it_is():
    checker = Checker(findings_of("edited pair"))
    for said in ("The edited lesion 1 measures 4.03 ml.", "As edited by the reader, lesion 1 measures 4.03 ml."):
        assert checker.sentence(said).verdict == "supported"
        assert checker.sentence(said.replace("lesion 1", "lesion 2").replace("4.03", "0.47")).verdict != "supported"


def test_changed_images_are_read_one_by_one_where_each_names_its_change():
    checker = Checker(findings_of("measured glioma"))
    zero, noise = "With everything outside the head set to zero", "with everything outside the head replaced by noise"
    score = "the model score of glioma is"
    assert checker.sentence(f"{zero}, {score} 0.87; {noise}, {score} 0.85.").verdict == "supported"
    assert checker.sentence(f"{zero}, {score} 0.85; {noise}, {score} 0.87.").verdict != "supported"


@pytest.mark.parametrize(("written", "holds"), [("0.3", True), ("0.2", False), ("0.26", True)])
def test_tenths_of_a_millilitre_may_be_said(written, holds):
    said = f"Segmented abnormality 2 measures {written} ml."
    assert (check_sentence(said, findings_of("three lesions")).verdict == "supported") is holds


def test_a_warning_of_the_findings_may_end_with_any_sign():
    content = findings_of("left glioma").model_dump(mode="json") | {"warnings": ["Voxels of 1 ×"]}
    found = type(findings_of("left glioma")).model_validate(content)
    assert check_sentence("Warning: Voxels of 1 ×.", found).verdict == "supported"
    assert check_sentence("Warning: Voxels of 2 ×.", found).verdict != "supported"
