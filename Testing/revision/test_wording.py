"""A reader's own sentences: kept with the result, and never passed off as what the findings hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from engine_results import write_engine_result
from PIL import Image
from XAIReportLib.case import InputError
from XAIReportLib.reviews import Edit, read_review, remove_edit, write_edit, write_review
from XAIReportLib.revision import REVIEWED, write_in_language, write_reworded

FALSE = "Segmented abnormality 2 lies on the left of the patient."


@pytest.fixture
def a_case(tmp_path: Path) -> Path:
    return write_engine_result(tmp_path / "phantom-7f3a")


def text_of(folder: Path, name: str) -> str:
    return (folder / name).read_text("utf-8")


def an_edit(folder: Path, words: str, outcome: str) -> Edit:
    sentences = json.loads(text_of(folder, "narrative.json"))["sentences"]
    sentence = next(s for s in sentences if s["text"].startswith("Segmented abnormality 2:"))
    return Edit(sentence["section"], sentence["text"], words, outcome, "", "2026-01-01T00:00:00+00:00", "0" * 64)


def test_what_review_json_says_of_a_wording_is_not_believed(a_case):
    """The file may have been edited by hand: every wording is checked again before it is written."""
    edit = an_edit(a_case, FALSE, "supported")
    folder = write_reworded(a_case, text_of(a_case, "narrative.json"), [edit])
    sentences = {s["text"]: s["outcome"] for s in json.loads(text_of(folder, "narrative.json"))["sentences"]}
    assert sentences[f"Reader's wording, contradicted by the findings: “{FALSE}”"] == "contradicted"
    assert sentences[edit.original] == "supported"
    assert FALSE not in {text.removesuffix(" (edited by the reader)") for text in sentences}


def test_what_the_findings_do_not_hold_stands_behind_the_checked_sentence_as_a_quotation(a_case):
    edit = an_edit(a_case, "The weather was fine.", "supported")
    folder = write_reworded(a_case, text_of(a_case, "narrative.json"), [edit])
    sentences = json.loads(text_of(folder, "narrative.json"))["sentences"]
    texts = [s["text"] for s in sentences]
    at = texts.index(edit.original)
    assert texts[at + 1] == "Reader's wording, not in the findings: “The weather was fine.”"
    assert [s["outcome"] for s in sentences[at : at + 2]] == ["supported", "unsupported"]
    assert not any(text.startswith("The weather") for text in texts)


def test_a_narrative_of_other_findings_or_with_a_false_sentence_is_not_passed_on(a_case):
    story = json.loads(text_of(a_case, "narrative.json"))
    story["sentences"][3]["text"], story["sentences"][3]["outcome"] = FALSE, "supported"
    folder = write_reworded(a_case, json.dumps(story), [])
    assert FALSE not in text_of(folder, "report.txt")
    story["findings_sha256"] = "0" * 64
    with pytest.raises(ValueError, match="written from other findings"):
        write_reworded(a_case, json.dumps(story), [])


def test_a_link_among_the_pictures_is_not_followed(a_case, tmp_path):
    secret = tmp_path / "secret.png"
    Image.new("L", (8, 8)).save(secret)
    (a_case / "figures").mkdir(exist_ok=True)
    (a_case / "figures" / "zz.png").symlink_to(secret)
    for folder in (write_in_language(a_case, "fr"), write_reworded(a_case, text_of(a_case, "narrative.json"), [])):
        assert not list(folder.rglob("zz.png"))
        assert "zz" not in text_of(folder, "report.txt")


def test_the_result_stays_as_the_model_left_it(a_case):
    before = {path.name: path.read_bytes() for path in a_case.iterdir() if path.is_file()}
    folder = write_reworded(a_case, text_of(a_case, "narrative.json"), [an_edit(a_case, FALSE, "contradicted")])
    assert folder == a_case / REVIEWED
    assert {path.name: path.read_bytes() for path in a_case.iterdir() if path.is_file()} == before
    assert json.loads(text_of(folder, "run.json"))["sentences_edited_by_reader"] == 1
    assert (folder / "report.pdf").stat().st_size > 1000


def test_without_a_correction_there_is_no_corrected_report_to_reword(a_case):
    with pytest.raises(InputError, match=r"findings\.json cannot be read"):
        write_reworded(a_case, text_of(a_case, "narrative.json"), [], corrected=True)
    assert not (a_case / REVIEWED).exists()


def test_one_wording_for_a_sentence_is_kept_and_can_be_taken_back(a_case):
    edit = an_edit(a_case, FALSE, "contradicted")
    write_edit(a_case, edit)
    write_edit(a_case, replace(edit, text="Other words.", outcome="unsupported"))
    review = read_review(a_case)
    assert [e.text for e in review.edits] == ["Other words."]
    assert not review.is_signed
    assert review.edit_of({"section": edit.section, "text": edit.original}).text == "Other words."
    assert review.edit_of({"section": "limits", "text": edit.original}) is None
    assert remove_edit(a_case, edit.section, edit.original).edits == ()


def test_a_signature_covers_the_wording_that_it_was_given_for(a_case):
    findings = text_of(a_case, "findings.json")
    write_edit(a_case, an_edit(a_case, FALSE, "contradicted"))
    write_review(a_case, "Ada Reader", findings)
    assert read_review(a_case).is_of(findings)
    write_edit(a_case, an_edit(a_case, "Other words.", "unsupported"))
    assert read_review(a_case).is_signed
    assert not read_review(a_case).is_of(findings)


def test_a_signature_of_an_earlier_version_is_read_and_covers_no_later_wording(a_case):
    findings = text_of(a_case, "findings.json")
    write_review(a_case, "Ada Reader", findings)
    old = {k: v for k, v in json.loads(text_of(a_case, "review.json")).items() if not k.startswith("edits")}
    (a_case / "review.json").write_text(json.dumps(old | {"schema_version": "1.0.0"}), "utf-8")
    assert read_review(a_case).is_of(findings)
    write_edit(a_case, an_edit(a_case, FALSE, "contradicted"))
    assert not read_review(a_case).is_of(findings)


@pytest.mark.parametrize("content", ["{", "[]", '{"edits": [1]}', '{"edits": [{"text": "x"}]}'])
def test_a_file_that_is_no_review_is_an_error_in_a_sentence(a_case, content):
    (a_case / "review.json").write_text(content, "utf-8")
    with pytest.raises(InputError, match="cannot be read; move it away"):
        read_review(a_case)
