"""Changed images in words and in a picture: what the model says, of which share, and no cause."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from phantom_case import CLASSES, Analysed
from PIL import Image
from XAIReportLib.report import changes, narrative
from XAIReportLib.report.change_figure import draw_changes
from XAIReportLib.report.languages import language
from XAIReportLib.results import Answer, Counterfactual

GLIOMA = Answer("class_suggested", "glioma", {"meningioma": 0.1, "glioma": 0.85, "pituitary": 0.05})
OTHER = Answer("class_suggested", "meningioma", {"meningioma": 0.7, "glioma": 0.25, "pituitary": 0.05})
UNDECIDED = Answer("abstained", None, {"meningioma": 0.5, "glioma": 0.45, "pituitary": 0.05})
NOTHING = Answer("no_lesion_found", None, {})


def changed(name: str, after: Answer, method: str | None = None, tried: tuple[float, ...] = ()) -> Counterfactual:
    return Counterfactual(name, method, 4.04, 9, 53, GLIOMA, after, tried, np.full((2, 224, 224), 0.5, np.float32))


ALL = (
    changed("lesion_removed", NOTHING),
    changed("lesion_only", OTHER),
    changed("background_noise", UNDECIDED),
    changed("saliency_removed", GLIOMA, "gradcam++"),
    changed("ranked_saliency_removed", OTHER, "gradcam++", (1.0, 2.0, 4.04)),
)


def said(analysed: Analysed, *items: Counterfactual) -> list[str]:
    findings = analysed.findings(counterfactuals=items)
    story = narrative.write(findings).of_section("changes")
    document = findings.model_dump(mode="json")
    for sentence in story:
        for pointer in sentence.evidence:
            narrative.resolve(document, pointer)
    assert not any("omitted" in sentence.text for sentence in story)
    return [sentence.text for sentence in story]


def test_each_change_is_told_with_its_share_and_both_scores(analysed: Analysed) -> None:
    first, removed, only, noise, mask, ranked, last = said(analysed, *ALL)
    assert "9 of the 53 slices" in first and "glioma, with a model score of 0.85" in first
    assert "no lesion is found" in removed and "4.0 % of the head in these slices" in removed
    assert "meningioma, with a model score of 0.70; unchanged it is 0.10" in only
    assert "no class is suggested" in noise and "4.0 % of these slices" in noise
    assert "the mask of Grad-CAM++" in mask
    assert ranked.startswith("The smallest tried removal that changes the outcome")
    assert last == changes.NOT_WHY


def test_of_one_slice_is_told_as_of_one(analysed: Analysed) -> None:
    first, removed, noise, _ = said(
        analysed,
        *(
            replace(c, slices=1, slices_of_lesion=1)
            for c in (changed("lesion_removed", NOTHING), changed("background_noise", GLIOMA))
        ),
    )
    assert first.startswith("The model looked again at the one slice that shows a segmented abnormality; unchanged: ")
    assert removed.endswith("(4.0 % of the head in this slice): no lesion is found by this model.")
    assert "(4.0 % of this slice)" in noise


def test_a_removal_that_changes_nothing_is_told_as_that(analysed: Analysed) -> None:
    _, ranked, _ = said(analysed, changed("ranked_saliency_removed", GLIOMA, "scorecam", (1.0, 4.04)))
    assert ranked.startswith("No tried removal changes the outcome")


def test_nothing_is_said_where_nothing_was_computed(analysed: Analysed) -> None:
    assert said(analysed) == []


@pytest.mark.parametrize("count", [1, 5])
def test_the_picture_shows_every_change(tmp_path: Path, count: int) -> None:
    path = draw_changes(ALL[:count], CLASSES, tmp_path / "changes.png", language("en"))
    with Image.open(path) as picture:
        width, height = picture.size
    assert width == 1600 and height > (400 if count == 1 else 800)
