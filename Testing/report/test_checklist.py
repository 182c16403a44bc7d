"""What of a report on an intracranial mass these findings hold: counted, never guessed."""

from __future__ import annotations

import sys
from pathlib import Path

from phantom_case import Analysed
from XAIReportLib.report import checklist, narrative
from XAIReportLib.report.grounding import check_sentence
from XAIReportLib.report.pointers import resolve
from XAIReportLib.report.schema import Findings
from XAIReportLib.report.tables import case_tables

sys.path.insert(0, str(Path(__file__).parent / "grounding"))
import cases


def test_there_are_seventeen_items_each_from_a_named_source():
    assert len(checklist.ITEMS) == 17
    assert len({item.name for item in checklist.ITEMS}) == 17
    assert all(set(item.sources) <= {checklist.VASARI, checklist.SURVEY} and item.sources for item in checklist.ITEMS)


def test_an_item_is_assessed_exactly_where_the_findings_hold_a_value(analysed: Analysed):
    found = analysed.findings()
    document = found.model_dump(mode="json")
    rows = {item.name: place for item, place in checklist.assessed(found)}
    assert rows["Side"] == "/lesions/0/side"
    assert rows["Diffusion"] is None
    for place in filter(None, rows.values()):
        assert resolve(document, place) not in (None, [])
    content = dict(document)
    content["lesions"] = [{**lesion, "measures": None} for lesion in document["lesions"]]
    without = {item.name: place for item, place in checklist.assessed(type(found).model_validate(content))}
    assert without["Diameters"] is None
    assert without["Volume"] == rows["Volume"]


def test_the_sentence_counts_its_own_evidence_and_another_number_is_not_supported(analysed: Analysed):
    found = analysed.findings()
    (sentence,) = [s for s in narrative.told(found).of_section("limits") if "checklist" in s.text]
    number = len(sentence.evidence)
    assert sentence.text.startswith(f"{number} of the 17 items of the checklist")
    assert sentence.outcome == "supported"
    for wrong in (number + 1, 17, 0):
        text = sentence.text.replace(str(number), str(wrong), 1)
        assert check_sentence(text, found).verdict != "supported"


def test_the_report_shows_every_item_and_where_it_stands(analysed: Analysed):
    (table,) = [t for t in case_tables(analysed.findings()) if t.title == checklist.TITLE]
    assert [row[0] for row in table.rows] == [item.name for item in checklist.ITEMS]
    assert {row[1] for row in table.rows} == {"yes", "no"}
    assert all((row[2] == "–") == (row[1] == "no") for row in table.rows)


def _picture() -> Findings:
    content = cases.findings_of("picture").model_dump(mode="json")
    content["lesions"][0]["approximate_lobe"] = {"lobe": "temporal", "agreement": 0.76}
    return Findings.model_validate(content)


def test_what_a_picture_shows_in_part_is_told_so_and_not_counted():
    found = _picture()
    rows = {name: (answer, place) for name, answer, place in checklist.answers(found)}
    assert rows["Side"] == ("in the image only", "/lesions/0/image_side")
    assert rows["Region and lobe"] == ("lobe, approximately", "/lesions/0/approximate_lobe/lobe")
    counted = {item.name for item, place in checklist.assessed(found) if place}
    assert counted == {name for name, (answer, _) in rows.items() if answer == "yes"}


def test_the_tables_of_a_picture_count_pixels_and_have_no_empty_column():
    tables = case_tables(_picture())
    (lesions,) = [table for table in tables if table.title.startswith("Segmented abnormalities")]
    assert lesions.header == ("No.", "Pixels", "Side (share)")
    assert lesions.numeric == {0, 1}
    assert not any("voxel" in cell.lower() for table in tables for row in (table.header, *table.rows) for cell in row)
    for table in tables:
        assert all(any(row[column] != "–" for row in table.rows) for column in range(len(table.header)))
