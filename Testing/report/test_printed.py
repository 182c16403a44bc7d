"""A page printed by a browser holds every column: nothing can be scrolled on paper."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from pypdf import PdfReader
from XAIReportLib.report import documents, narrative
from XAIReportLib.report.content import content_of
from XAIReportLib.report.pdf import report_pdf
from XAIReportLib.report.schema import Findings

sys.path.insert(0, str(Path(__file__).parent / "grounding"))
import measured


def _letters(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())  # the ligature of "fi" is one letter


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_printed_page_holds_every_column_of_its_tables(tmp_path, language):
    findings = measured.findings_of("measured glioma")
    content = content_of(findings, narrative.write(findings, language), [], {})
    page, printed = tmp_path / "report.html", tmp_path / "printed.pdf"
    page.write_text(documents.report_html(content), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    subprocess.run(["chromium", *options, f"--print-to-pdf={printed}", page.as_uri()], check=True, capture_output=True)
    text = _letters(" ".join(sheet.extract_text() for sheet in PdfReader(printed).pages))
    for table in (*content.tables, *content.model_tables):
        for title in (table.title, *table.header):
            assert _letters(title) in text


@pytest.mark.parametrize("language", ["en", "fr", "de", "es"])
def test_no_word_and_no_figure_of_a_table_is_broken_in_the_pdf(language):
    document = measured.findings_of("measured glioma").model_dump(mode="json")
    document["anatomy"]["interval_mm"] = 11.9
    for part, share in (*((p, "lesion") for p in document["lesions"]), *((p, "mask") for p in document["saliency"])):
        for region in part["regions"]:
            region |= {"percent_low": region[f"percent_of_{share}"], "percent_high": 100.0}
    findings = Findings.model_validate(document)
    content = content_of(findings, narrative.write(findings, language), [], {})
    tables = (*content.tables, *content.model_tables)
    pages = PdfReader(io.BytesIO(report_pdf(content))).pages
    lines = [" ".join(line.split()) for page in pages for line in page.extract_text().splitlines()]
    words = {word for line in lines for word in re.findall(r"[^\s-]+", line)}
    assert {word for table in tables for cell in table.header for word in re.findall(r"[^\s-]+", cell)} <= words
    figures = {" ".join(row[column].split()) for table in tables for row in table.rows for column in table.numeric}
    assert any("(" in figure for figure in figures)
    assert [figure for figure in figures if not any(figure in line for line in lines)] == []
