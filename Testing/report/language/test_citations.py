"""A model's sentence leads to what it rests on, whatever it cites; and what it leaves out of a section is still said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from measured import findings_of
from XAIReportLib.report import language_models, narrative
from XAIReportLib.report.chat import Answer
from XAIReportLib.report.citations import Citations, related
from XAIReportLib.report.grounding import Checker

PARAPHRASES = Path(__file__).parents[1] / "grounding" / "paraphrases.txt"
Row = tuple[str, str, list[str]]


def written(case: str, *rows: Row) -> narrative.Narrative:
    """The narrative of a model that answers with these texts, sections and citations."""
    text = json.dumps({"sentences": [{"text": t, "section": s, "evidence": e} for t, s, e in rows]})
    return language_models.write(findings_of(case), "openai", lambda *_: Answer(text, "m", "m"))


def evidence(case: str, text: str, *cited: str) -> tuple[str, ...]:
    story = written(case, (text, "findings", list(cited)))
    (own,) = [s for s in story.sentences if s.narrator != "template"]
    return own.evidence


@pytest.mark.parametrize(
    ("case", "text", "cited", "rests_on"),
    [
        ("left glioma", "The lesion measures 4.45 ml.", "/image/forced", "/lesions/0/volume_ml"),
        ("left glioma", "The lesion measures 4.45 ml.", "/lesions/0", "/lesions/0"),  # contains it
        ("left glioma", "The lesion measures 4.45 ml.", "#/lesions/0/volume_ml", "/lesions/0/volume_ml"),
        ("two lesions", "The second lesion measures 0.47 ml.", "/lesions/0/volume_ml", "/lesions/1/volume_ml"),
        ("two lesions", "Lesion 2 lies on the right.", "/lesions/0/side", "/lesions/1/side"),
        ("two lesions", "There are two lesions.", "/lesions/0/side", "/lesion_total/count"),
        ("left glioma", "The Dice of ScoreCAM is 0.81.", "/saliency/0/dice_with_lesion", "/saliency/1/dice_with_lesion"),
        ("left glioma", "28.3 % of the lesion projects onto the left middle frontal gyrus.", "/lesions/0/regions/0",
         "/lesions/0/regions/1"),
        ("left glioma", "Meningioma scored 0.08.", "/prediction/scores/glioma", "/prediction/scores/meningioma"),
        ("left glioma", "Only glioma cannot be set aside.", "/prediction/label", "/prediction/class_set"),
        ("measured glioma", "The midline shift is 3.4 mm to the right.", "/lesions/0/side", "/anatomy/midline_shift/distance_mm"),
        ("measured glioma", "The lesion has a sphericity of 0.74.", "/lesions/0/volume_ml", "/lesions/0/measures/sphericity"),
        ("failed registration", "No region is named, as the registration failed.", "/lesions/0/volume_ml",
         "/anatomy/registration/verdict"),
    ],
)  # fmt: skip
def test_what_a_sentence_claims_is_its_evidence_and_not_what_it_cites_besides(case, text, cited, rests_on):
    assert evidence(case, text, cited)[0] == rests_on
    assert cited.removeprefix("#") == rests_on or cited not in evidence(case, text, cited)


def test_every_claim_of_a_sentence_has_its_place():
    text = "The lesion lies on the left and measures 4.45 ml."
    both = {"/lesions/0/side", "/lesions/0/volume_ml"}
    assert set(evidence("left glioma", text, "/lesions/0/side")) == both
    assert set(evidence("left glioma", text, "/lesions/0/side", "/image/modality")) == both
    two = "Glioma scored higher than meningioma."
    assert set(evidence("left glioma", two, "/image/modality")) == {
        f"/prediction/scores/{c}" for c in ("glioma", "meningioma")
    }


def test_a_sentence_on_a_changed_image_rests_on_it_and_not_on_the_scores_of_the_case():
    text = "The score of glioma is 0.62 when the area highlighted by ScoreCAM is removed."
    assert evidence("measured glioma", text, "/counterfactuals/4") == ("/counterfactuals/4",)
    assert evidence("measured glioma", text, "/image/forced")[0].startswith("/counterfactuals")


@pytest.mark.parametrize("case", ["left glioma", "two lesions", "limited registration", "picture", "measured glioma"])
def test_what_the_template_says_is_led_to_what_the_template_cites(case):
    """Its pointers were written by hand: nothing that is found for its sentences may lie elsewhere."""
    found = findings_of(case)
    citations, checker = Citations(found), Checker(found)
    for sentence in narrative.write(found).sentences:
        for checked in checker.text(sentence.text):
            for need in citations.needs(checked):
                places = need.places or ("nowhere",)
                assert any(related(e, place) for e in sentence.evidence for place in places), (sentence.text, places)


def test_of_true_sentences_in_many_words_the_places_are_known():
    """What is not led anywhere keeps what its writer cites; that should be rare."""
    case, lines = "", PARAPHRASES.read_text(encoding="utf-8").splitlines()
    known = claims = 0
    for number, line in enumerate(line for line in lines if line and not line.startswith("#")):
        if line.startswith("["):
            case = line[1:-1]
            citations, checker = Citations(findings_of(case)), Checker(findings_of(case))
        elif number % 5 == 0:
            for checked in checker.text(line):
                needs = citations.needs(checked) if checked.verdict == "supported" else ()
                claims, known = claims + len(needs), known + sum(bool(need.places) for need in needs)
    assert claims > 100
    assert known >= 0.98 * claims


# --- what a model leaves out --------------------------------------------------------------------------------------------


def said(story: narrative.Narrative, section: str) -> list[tuple[str, str]]:
    return [(s.text, s.narrator) for s in story.of_section(section)]


def test_what_a_model_leaves_out_is_said_by_the_template_and_marked():
    story = written(
        "two lesions", ("The second lesion measures 0.47 ml and lies on the right.", "findings", ["/lesions/1"])
    )
    assert said(story, "findings") == [
        ("2 segmented abnormalities (T1 post-contrast), 4.50 ml in all.", "template"),
        ("Segmented abnormality 1: 4.03 ml, on the left of the patient (100.0 % of it).", "template"),
        ("The second lesion measures 0.47 ml and lies on the right.", ""),
        ("The largest distance between the centres of two of them is 34.1 mm.", "template"),
    ]
    assert {s.narrator for s in story.sentences if s.section != "findings"} == {"template"}
    assert {s.narrator for s in narrative.told(findings_of("two lesions")).sentences} == {""}  # all are the template's


def test_what_is_said_of_a_heat_map_takes_no_caution_away():
    text = "The overlap of Grad-CAM++ with the segmentation is Dice 0.62."
    story = written("left glioma", (text, "evidence", ["/saliency/0"]))
    template = [s.text for s in narrative.write(findings_of("left glioma")).of_section("evidence")]
    assert [t for t, by in said(story, "evidence") if by] == template
    assert said(story, "evidence")[-1] == ("The map shows where the score came from, not why.", "template")


@pytest.mark.parametrize(
    ("case", "text", "section", "stays"),
    [
        ("left glioma", "The map shows where the score came from, not why.", "evidence", 1),
        ("limited registration", "The right superior parietal lobule holds 52.9 % of the lesion.", "anatomy", 1),
        ("measured glioma", "3.10 ml of the abnormality is brighter than the patient's white matter.", "findings", 1),
    ],
)
def test_what_must_be_said_is_said_once(case, text, section, stays):
    must = {
        "evidence": "The map shows where the score came from, not why.",
        "anatomy": "The registration is of limited quality, so the regions are approximate.",
        "findings": "No series without contrast agent was given: what is bright is not known to have taken up contrast agent.",
    }[section]
    story = written(case, (text, section, ["/lesions"]))
    assert [t for t, _ in said(story, section)].count(must) == stays


def test_a_bound_or_another_abnormality_of_it_does_not_take_the_figures_place():
    for text in ("The lesion measures more than 4 ml.", "The lesion measures less than 5 ml and lies on the left."):
        story = written("left glioma", (text, "findings", ["/lesions/0"]))
        assert any("4.45 ml" in t for t, _ in said(story, "findings"))
    told = written("left glioma", ("One lesion of 4.45 ml lies on the left.", "findings", ["/lesions/0"]))
    assert said(told, "findings") == [("One lesion of 4.45 ml lies on the left.", "")]


def test_the_evidence_of_what_is_joined_can_be_shown():
    story = written("two lesions", ("The second lesion measures 0.47 ml.", "findings", ["/image/forced"]))
    document = findings_of("two lesions").model_dump(mode="json")
    for sentence in story.sentences:
        for pointer in sentence.evidence:
            narrative.resolve(document, pointer)
