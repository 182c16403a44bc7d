"""A page printed by a browser holds every column: nothing can be scrolled on paper."""

from __future__ import annotations

import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from pypdf import PdfReader
from XAIReportLib.report import documents, narrative
from XAIReportLib.report.content import content_of

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
