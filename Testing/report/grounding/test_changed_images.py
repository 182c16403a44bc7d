"""Sentences on changed images: which change is meant, the steps of a removal, and what both answers must hold."""

from __future__ import annotations

import re
from functools import cache

import pytest
from measured import findings_of
from XAIReportLib.report.changes import changes
from XAIReportLib.report.grounding import Checker


@cache
def _checker(case: str) -> Checker:
    return Checker(findings_of(case))


def verdict(text: str, case: str = "measured glioma") -> str:
    return _checker(case).sentence(text).verdict


@pytest.mark.parametrize("case", ["measured glioma", "measured meningioma"])
def test_every_figure_of_a_removal_in_steps_is_compared(case):
    (told,) = (p.text for p in changes(findings_of(case)) if "in steps" in p.text)
    assert verdict(told, case) == "supported"
    for place in re.finditer(r"\d+\.\d+", told):
        wrong = (
            told[: place.start()]
            + f"{float(place[0]) * 1.4 + 0.2:.{len(place[0].partition('.')[2])}f}"
            + told[place.end() :]
        )
        assert verdict(wrong, case) == "contradicted", wrong


STEPS = "in steps (1.0 %, 2.0 %, 4.0 % and 8.0 % of the head in these slices)"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (
            f"With the hottest pixels of Grad-CAM++ removed {STEPS}, the outcome first changes at 8.0 %.",
            f"With the hottest pixels of Grad-CAM++ removed {STEPS}, the outcome first changes at 4.0 %.",
        ),
        (
            "When the hottest pixels of Grad-CAM++ are removed step by step, the suggestion does not change up to 4.0 %.",
            "When the hottest pixels of Grad-CAM++ are removed step by step, the suggestion does not change up to 8.0 %.",
        ),
        (
            "The smallest share of the hottest pixels of Grad-CAM++ whose removal changes the outcome is 8.0 %.",
            "The smallest share of the hottest pixels of Grad-CAM++ whose removal changes the outcome is 2.0 %.",
        ),
        (
            "Removing the hottest pixels of Grad-CAM++ in steps up to 8.0 % changes the outcome.",
            "Removing the hottest pixels of Grad-CAM++ in steps up to 8.0 % does not change the outcome.",
        ),
        (
            "With the segmented abnormality removed, the score of glioma falls from 0.87 to 0.31.",
            "With the segmented abnormality removed, the score of glioma falls from 0.87 to 0.55.",
        ),
        (
            "With the background set to zero, the score of glioma is unchanged at 0.87.",
            "With the mask of ScoreCAM removed, the score of glioma is unchanged at 0.87.",
        ),
        (
            "After removing the lesion, the model changes from glioma (0.87) to meningioma (0.55).",
            "After removing the lesion, the model changes from glioma (0.31) to meningioma (0.55).",
        ),
        (
            "Everything but the segmented abnormality zeroed: no class suggested, highest score 0.47 for glioma.",
            "Everything but the segmented abnormality zeroed: no class suggested, highest score 0.43 for meningioma.",
        ),
        (
            "Replacing the background by noise left the suggestion at glioma, with a score of 0.85 compared with 0.87 unchanged.",
            "Replacing the background by noise left the suggestion at glioma, with a score of 0.87 compared with 0.85 unchanged.",
        ),
        (
            "With the background set to zero, the suggestion is unchanged with a score of 0.87.",
            "With noise outside the head, the suggestion is unchanged with a score of 0.87.",
        ),
        (
            "With noise outside the head, the suggestion is unchanged, with a score of 0.85.",
            "With noise outside the head, the suggestion is unchanged, with a score of 0.87.",
        ),
    ],
)
def test_what_holds_is_told_from_what_does_not(right, wrong):
    assert (verdict(right), verdict(wrong)) == ("supported", "contradicted")


@pytest.mark.parametrize(
    "steps",
    [
        "in steps (1.0 %, 2.0 % and 8.0 % of the head in these slices)",  # not all of them
        "in steps (8.0 %, 4.0 %, 2.0 % and 1.0 % of the head in these slices)",
        "in steps (1.0 %, 2.0 %, 4.0 % and 8.0 % of the abnormality)",
        "in steps (1.0 mm, 2.0 mm, 4.0 mm and 8.0 mm)",
    ],
)
def test_the_steps_are_all_that_were_tried_of_the_head(steps):
    assert (
        verdict(f"With the hottest pixels of Grad-CAM++ removed {steps}, the outcome first changes at 8.0 %.")
        != "supported"
    )


@pytest.mark.parametrize(
    "unqualified",
    [
        "The smallest tried removal that changes the outcome is the hottest pixels of Grad-CAM++ replaced by what surrounds "
        "them (8.0 % of the head in these slices): the suggestion is meningioma, with a model score of 0.48; unchanged it is 0.09.",
        "The smallest removal that changes the outcome is 8.0 % of the head.",
        "Removing the hottest 8.0 % of Grad-CAM++ is the smallest removal that changes the outcome.",
        "Any removal changes the suggestion to meningioma.",
        "Removal changes the suggestion to meningioma.",
        "Removing 8.0 % of the head changes the suggestion to meningioma.",
    ],
)
def test_a_removal_is_of_something(unqualified):
    assert verdict(unqualified) != "supported"


@pytest.mark.parametrize("denied", ["No removal would change the outcome.", "No tried removal changes the outcome."])
def test_that_no_removal_changes_the_outcome_is_not_known_where_another_one_does(denied):
    assert verdict(denied, "measured meningioma") != "supported"
    of_the_pixels = denied.replace("removal", "removal of the hottest pixels of Grad-CAM++")
    assert verdict(of_the_pixels, "measured meningioma") == "supported"


@pytest.mark.parametrize("way", ["kept", "shown to the model", "left in place", "left in the image", "preserved"])
def test_a_lesion_that_is_kept_is_kept_alone_only_where_it_is_said(way):
    assert verdict(f"When only the lesion is {way}, no class is suggested.") == "supported"
    assert verdict(f"When the lesion is {way}, no class is suggested.") != "supported"
    assert verdict(f"When everything but the lesion is {way}, no class is suggested.") != "supported"


@pytest.mark.parametrize(
    "beside",
    [
        "the score is calibrated",
        "the image was registered",
        "function was not assessed",
        "one lesion is found",
        "an abnormality was segmented",
        "the image falls",
        "the quality falls",
        "the model suggests meningioma, which rests on its outlines",
        "the model suggests meningioma because it scores 0.55",
    ],
)
def test_of_changed_images_only_the_answer_is_known(beside):
    assert verdict("Without the segmented abnormality, the model suggests meningioma.") == "supported"
    assert verdict(f"Without the segmented abnormality, {beside}.") != "supported"
