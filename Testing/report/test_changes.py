"""Changed images in words and in a picture: what the model says, of which share, and no cause."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text
from phantom_case import CLASSES, Analysed
from PIL import Image
from XAIReportLib.report import change_figure, changes, drawing, narrative
from XAIReportLib.report.change_figure import draw_changes
from XAIReportLib.report.grounding.translated import checker_of
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
    assert ranked.startswith(
        "With the hottest pixels of Grad-CAM++ replaced by what surrounds them in steps (1.0 %, 2.0 % and 4.0 % of the head in "
        "these slices), the outcome first changes at 4.0 %: the suggestion is meningioma"
    )
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


def test_a_removal_in_steps_that_changes_nothing_speaks_of_no_other_removal(analysed: Analysed) -> None:
    """The abnormality removed takes the class away, so that it would be false to say that no removal does."""
    items = (
        changed("lesion_removed", NOTHING),
        changed("ranked_saliency_removed", GLIOMA, "scorecam", (1.0, 4.04)),
    )
    _, removed, ranked, _ = said(analysed, *items)
    assert "no lesion is found" in removed
    assert ranked.startswith(
        "With the hottest pixels of ScoreCAM replaced by what surrounds them in steps (1.0 % and 4.0 % of the head in these slices)"
        ", the outcome does not change up to 4.0 %: the suggestion is glioma"
    )


def test_all_tried_shares_are_told_once_and_rising(analysed: Analysed) -> None:
    """Those between two doubled steps, too; also of files that hold only the doubled ones, or none."""
    found = (
        said(analysed, changed("ranked_saliency_removed", OTHER, "gradcam++", tried))[1]
        for tried in ((2.0, 3.98, 4.04, 4.5, 8.0), (1.0, 2.0, 4.04), ())
    )
    steps = ("2.0 %, 4.0 %, 4.5 % and 8.0 %", "1.0 %, 2.0 % and 4.0 %", "4.0 %")
    for text, told in zip(found, steps, strict=True):
        assert f"in steps ({told} of the head" in text and "first changes at 4.0 %" in text


def test_where_another_class_is_ahead_the_fall_of_the_first_is_told(analysed: Analysed) -> None:
    _, other, undecided, same, _ = said(
        analysed,
        changed("lesion_removed", OTHER),
        changed("lesion_only", UNDECIDED),
        changed("background_noise", GLIOMA),
    )
    assert other.endswith(
        "the suggestion is meningioma, with a model score of 0.70; unchanged it is 0.10, "
        "and the score of glioma falls from 0.85 to 0.25."
    )
    assert undecided.endswith(
        "0.50 (meningioma); unchanged it is 0.10, and the score of glioma falls from 0.85 to 0.45."
    )
    assert same.endswith("with a model score of 0.85; unchanged it is 0.85.")


@pytest.mark.parametrize(("after", "moved"), [(0.43, "rises from 0.40 to 0.43"), (0.402, "stays at 0.40")])
def test_a_class_that_is_overtaken_need_not_fall(analysed: Analysed, after: float, moved: str) -> None:
    before = Answer("abstained", None, {"meningioma": 0.35, "glioma": 0.4, "pituitary": 0.25})
    then = Answer("class_suggested", "meningioma", {"meningioma": 0.5, "glioma": after, "pituitary": 0.5 - after})
    _, text, _ = said(analysed, replace(changed("lesion_removed", then), before=before))
    assert text.endswith(f"and the score of glioma {moved}.")


@pytest.mark.parametrize("code", ["fr", "de", "es"])
def test_what_is_told_of_changed_images_is_read_back_in_every_language(analysed: Analysed, code: str) -> None:
    items = (*ALL, changed("ranked_saliency_removed", GLIOMA, "gradcam++", (1.0, 4.04)))
    for kept in (items[:5], (*items[:4], items[5])):
        findings = analysed.findings(counterfactuals=kept)
        checker = checker_of(findings, code)
        for text in said(analysed, *kept):
            translated = language(code).said(text)
            assert translated is not None and checker.sentence(translated).verdict == "supported", text
            for figure in re.findall(r"\d,\d+", translated):
                wrong = translated.replace(figure, f"{figure[:-1]}{(int(figure[-1]) + 7) % 10}", 1)
                assert checker.sentence(wrong).verdict == "contradicted", wrong


@pytest.mark.parametrize(
    ("code", "unqualified"),
    [
        (
            "en",
            "No tried removal changes the outcome; the largest is {}: the suggestion is glioma, with a model score of 0.85.",
        ),
        ("en", "The smallest tried removal that changes the outcome is {}: no lesion is found by this model."),
        ("fr", "Aucun retrait essayé ne modifie le résultat."),
        ("de", "Keine geprüfte Entfernung ändert das Ergebnis."),
        ("es", "Ninguna supresión probada cambia el resultado."),
    ],
)
def test_what_is_said_of_every_removal_is_never_supported(analysed: Analysed, code: str, unqualified: str) -> None:
    pixels = "the hottest pixels of Grad-CAM++ replaced by what surrounds them (4.0 % of the head in these slices)"
    for after in (GLIOMA, NOTHING):
        items = (
            changed("lesion_removed", NOTHING),
            changed("ranked_saliency_removed", after, "gradcam++", (1.0, 4.04)),
        )
        checker = checker_of(analysed.findings(counterfactuals=items), code)
        assert checker.sentence(unqualified.format(pixels)).verdict != "supported"


def test_nothing_is_said_where_nothing_was_computed(analysed: Analysed) -> None:
    assert said(analysed) == []


@pytest.mark.parametrize("count", [1, 5])
def test_the_picture_shows_every_change(tmp_path: Path, count: int) -> None:
    path = draw_changes(ALL[:count], CLASSES, tmp_path / "changes.png", language("en"))
    with Image.open(path) as picture:
        width, height = picture.size
    assert width == 1600 and height > (400 if count == 1 else 800)


@pytest.mark.parametrize("code", ("en", "fr", "de", "es"))
def test_what_was_filled_is_not_called_removed_and_every_text_fits_its_cell(
    code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    caught = []
    monkeypatch.setattr(
        change_figure, "written", lambda figure, *rest: (caught.append(figure), drawing.written(figure, *rest))[1]
    )
    pituitary = replace(GLIOMA, label="pituitary", scores={"meningioma": 0.0039, "glioma": 0.001, "pituitary": 0.9951})
    items = (
        changed("lesion_removed", NOTHING),
        changed("lesion_only", pituitary),
        changed("background_zero", UNDECIDED),
        changed("background_noise", GLIOMA),
        changed("saliency_removed", NOTHING, "gradcam++"),
        changed("ranked_saliency_removed", NOTHING, "gradcam++", (1.0, 2.0, 4.04)),
        changed("saliency_removed", NOTHING, "integrated_gradients"),
    )
    draw_changes(items, CLASSES, tmp_path / "changes.png", language(code))
    (figure,) = caught
    seen = [text for text in figure.findobj(Text) if text.get_text() and (text.axes is None or text.axes.axison)]
    texts = [(text.get_text(), text.get_window_extent()) for text in seen if text.get_window_extent().width > 1]
    assert "Hypophyse" not in [text for text, _ in texts], "an organ, and no class"
    assert not [text for text, _ in texts if re.search("removed|retiré|entfernt|quitad", text)]
    width, height = figure.canvas.get_width_height()
    for text, box in texts:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text
    for (one, a), (other, b) in combinations(texts, 2):
        assert not a.overlaps(b), f"{one!r} and {other!r}"
    lowest = min(axes.get_window_extent().y0 for axes in figure.axes)
    assert lowest < 0.85 * drawing.DPI, "no blank strip below a row without scores"
