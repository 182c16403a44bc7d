"""The cells of the report's tables say what the findings hold, and nothing the other way round."""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from phantom_case import Analysed
from XAIReportLib.report import narrative
from XAIReportLib.report.content import content_of
from XAIReportLib.report.documents import regions_csv
from XAIReportLib.report.findings import Findings
from XAIReportLib.report.measures import distance_text
from XAIReportLib.report.schema import DistancePart
from XAIReportLib.report.tables import Table, case_tables
from XAIReportLib.report.wording import percent_text, series
from XAIReportLib.results import SaliencyCheck

sys.path.insert(0, str(Path(__file__).parent / "grounding"))
import measured


def table(findings: Findings, title: str) -> Table:
    (found,) = [t for t in case_tables(findings) if t.title.startswith(title)]
    return found


def test_a_class_of_the_class_set_cannot_be_set_aside_and_another_can(analysed: Analysed) -> None:
    rows = table(analysed.findings(), "Model scores").rows
    assert [row[2] for row in rows] == ["yes", "yes", "no"]
    assert rows[2][0].startswith("pituitary")


def test_the_share_beside_a_side_is_of_that_side(analysed: Analysed) -> None:
    found = analysed.findings()
    left, right = found.lesions
    assert [row[3] for row in table(found, "Segmented abnormalities").rows] == [
        f"left ({percent_text(left.left_percent)})",
        f"right ({percent_text(right.right_percent)})",
    ]


@pytest.mark.parametrize(("crosses", "said"), [(True, "yes"), (False, "no")])
def test_whether_the_midline_is_crossed_is_said_as_measured(crosses: bool, said: str) -> None:
    content = measured.findings_of("measured glioma").model_dump(mode="json")
    content["lesions"][0]["measures"]["crosses_midline"] = crosses
    shape = table(Findings.model_validate(content), "Size and shape")
    assert shape.rows[0][shape.header.index("Crosses midline")] == said


def test_the_checks_that_failed_are_called_failed(analysed: Analysed) -> None:
    check = SaliencyCheck(False, ("agreement",), {"agreement": 0.1, "stability": 0.97})
    rows = table(analysed.findings(check=check), "Checks of the heat maps").rows
    assert [row[2] for row in rows] == ["failed", "passed"]


def test_the_table_of_regions_holds_the_lowest_share_before_the_highest(analysed: Analysed) -> None:
    rows = tuple(
        replace(row, percent_low=row.percent_of_mask / 2, percent_high=(row.percent_of_mask + 100) / 2)
        for row in analysed.anatomy.overlaps
    )
    found = replace(analysed, anatomy=replace(analysed.anatomy, overlaps=rows)).findings()
    header, *cells = csv.reader(io.StringIO(regions_csv(found)))
    low, high = header.index("percent_low"), header.index("percent_high")
    regions = [region for part in (*found.lesions, *found.saliency) for region in part.regions]
    assert [(float(c[low]), float(c[high])) for c in cells] == [(r.percent_low, r.percent_high) for r in regions]


@pytest.mark.parametrize(
    ("verdict", "covers"),
    [("good", "regions may be named"), ("limited", "regions are approximate"), ("failed", "no region is named")],
)
def test_what_a_registration_allows_stands_beside_its_verdict(analysed: Analysed, verdict: str, covers: str) -> None:
    anatomy = replace(analysed.anatomy, registration=replace(analysed.anatomy.registration, verdict=verdict))
    if verdict == "failed":
        anatomy = replace(anatomy, labels=None, overlaps=(), template_edges=None)
    found = replace(analysed, anatomy=anatomy).findings()
    facts = content_of(found, narrative.write(found), [], {}).facts
    assert facts[-1] == ("Registration to the atlas", verdict, covers)


def test_the_series_is_named_only_where_it_is_known_to_be_that_one() -> None:
    assert series("") == " (T1 post-contrast)"
    assert series("", forced=True) == series("", modality="CT") == ""


@pytest.mark.parametrize(
    ("contact", "mm", "said"),
    [
        ("touches", 0.0, "in contact"),
        (None, 0.0, "in contact"),
        ("not told", 0.0, "contact cannot be told"),
        ("not told", 1.5, "1.5 mm, contact cannot be told"),
        ("apart", 4.0, "4.0 mm"),
    ],
)
def test_contact_is_said_only_where_it_is_known(contact: str | None, mm: float, said: str) -> None:
    way = DistancePart(position="brain surface", distance_mm=mm, low_mm=None, high_mm=None, contact=contact)
    assert distance_text(way) == said
