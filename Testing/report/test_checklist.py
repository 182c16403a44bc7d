"""What of a report on an intracranial mass these findings hold: counted, never guessed."""

from __future__ import annotations

from phantom_case import Analysed
from XAIReportLib.report import checklist, narrative
from XAIReportLib.report.grounding import check_sentence
from XAIReportLib.report.pointers import resolve
from XAIReportLib.report.tables import case_tables


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
