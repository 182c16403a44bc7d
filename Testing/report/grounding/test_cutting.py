"""A text is cut into its sentences wherever its lines end, and a report can be checked as it stands."""

from __future__ import annotations

import pytest
from cases import findings_of
from XAIReportLib import __main__ as command_line
from XAIReportLib.report import documents, narrative
from XAIReportLib.report.content import content_of
from XAIReportLib.report.grounding import check_text, sentences

RUN = {"version": "0.1.0", "options": {"saliency": ["gradcam++", "gradcam"]}}


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("", []),
        ("The suggestion is\nglioma. It lies\r\non the left.", ["The suggestion is glioma.", "It lies on the left."]),
        ("The lesion lies\n  on the left. [1, 2]\nNext.", ["The lesion lies on the left.", "Next."]),
        ("One slice was read. [67, 68,\n  69, 70]\n[71]\nMore.", ["One slice was read.", "More."]),
        ("It holds 4.5 ml [3, 6] there.", ["It holds 4.5 ml [3, 6] there."]),
        ("He said “it is on the left.”\nNext.", ["He said “it is on the left.”", "Next."]),
        ("- one\n- two is\n  long\n* three", ["one", "two is long", "three"]),
        ("1. one\n2. two", ["one", "two"]),
        ("The longest diameter is\n12. It lies left.", ["The longest diameter is 12.", "It lies left."]),
        ("Technique\n---------\nOne slice.\n\n# Findings\nNone.", ["One slice.", "None."]),
        ("Volume: 4.5 ml\nSide: left", ["Volume: 4.5 ml", "Side: left"]),
        ("It is false:\nthe lesion lies left.", ["It is false: the lesion lies left."]),
        ("What was found:\nThe lesion lies left.", ["What was found:", "The lesion lies left."]),
        ("The lesion of vol.\n4.5 ml", ["The lesion of vol. 4.5 ml"]),
        ("It lies on the left\n\nIt is big", ["It lies on the left", "It is big"]),
        ("!! Warning: thick\n  slices.\n!! More.", ["Warning: thick slices.", "More."]),
    ],
)
def test_a_line_that_ends_within_a_sentence_goes_on(text, cut):
    assert sentences(text) == cut


@pytest.mark.parametrize("between", ["\n", "\n  ", "\r\n", "  \n\t", "\x0c", "\u2028"])
def test_what_a_wrapped_sentence_denies_is_not_supported_in_part(between):
    text = f"It is not the case that{between}the suggestion is glioma, with a model score of 0.89.\n---\n"
    assert [found.verdict for found in check_text(text, findings_of("left glioma"))] == ["contradicted"]


def _written(folder, case: str, language: str) -> str:
    found = findings_of(case)
    (folder / "findings.json").write_text(found.to_json(), encoding="utf-8")
    text = documents.report_text(content_of(found, narrative.told(found, language), (), {}))
    (folder / "report.txt").write_text(text, encoding="utf-8")
    return text


@pytest.mark.parametrize(("case", "language"), [("left glioma", "en"), ("picture", "en"), ("left glioma", "de")])
def test_a_report_is_supported_as_it_stands(case, language, tmp_path, capsys):
    text = _written(tmp_path, case, language)
    assert any(line.startswith("  ") for line in text.splitlines())  # it is wrapped
    code = command_line.main(["check", str(tmp_path / "findings.json"), str(tmp_path / "report.txt")])
    said = capsys.readouterr().out
    assert "unsupported" not in said
    assert "contradicted" not in said
    assert code == 0
    assert "more lines (titles, tables, captions, sources) stand so in the report of these findings." in said


def test_a_row_that_says_otherwise_or_stands_under_another_head_is_read_as_any_text(tmp_path, capsys):
    text = _written(tmp_path, "left glioma", "en")
    row = next(line for line in text.splitlines() if line.startswith("glioma ") and line.endswith("yes"))
    forged = {
        "a value": text.replace(row, row.replace("0.89", "0.98")),
        "a head": text.replace("Cannot be set aside", "Can be set aside"),
        "a place": f"Excluded classes\n{row}\n",
    }
    for what, changed in forged.items():
        (tmp_path / "forged.txt").write_text(changed, encoding="utf-8")
        command = ["check", str(tmp_path), str(tmp_path / "forged.txt"), "--language", "en"]
        assert command_line.main(command) == 1, what
        assert "unsupported" in capsys.readouterr().out, what


@pytest.mark.parametrize("text", ["", " \n\n", "---"])
def test_an_empty_text_is_said_to_be_empty(text, tmp_path, capsys):
    (tmp_path / "findings.json").write_text(findings_of("left glioma").to_json(), encoding="utf-8")
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    assert command_line.main(["check", str(tmp_path), str(tmp_path / "text.txt")]) == 2
    assert "The text is empty" in capsys.readouterr().err
