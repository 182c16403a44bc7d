"""The documents hold the same facts, open anywhere, escape everything, and name nobody."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from wild_findings import wild_findings
from XAIReportLib.report import documents, figures, narrative
from XAIReportLib.report.content import content_of
from XAIReportLib.report.findings import load
from XAIReportLib.report.pdf import report_pdf
from XAIReportLib.report.provenance import provenance_rows
from XAIReportLib.report.tables import model_tables

RUN = {
    "version": "0.1.0",
    "seed": 0,
    "device": "cpu",
    "options": {"saliency": ["gradcam++"], "force": False},
    "bundle": {"name": "brain_tumor_mri", "version": "0.1.0", "sha256": "ab" * 32},
    "timings_s": {"read": 0.4123},
}


class _Page(HTMLParser):
    """What a reader and a browser find in the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids, self.links, self.sources, self.tags, self.text = set(), [], [], [], []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        self.attributes.append((tag, attributes))
        self.ids.add(attributes.get("id"))
        self.links += [attributes["href"]] if "href" in attributes else []
        self.sources += [attributes["src"]] if "src" in attributes else []

    def handle_data(self, data):
        self.text.append(" ".join(data.split()))

    @property
    def words(self):
        return " ".join(part for part in self.text if part).replace("\u00a0", " ")


@pytest.fixture(scope="module")
def folder(analysed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("result")
    _write(analysed, folder)
    return folder


def _write(analysed, folder, run=RUN, **options):
    found = analysed.findings(**options)
    drawn = figures.draw(
        folder, analysed.case, analysed.prediction, analysed.heatmaps, analysed.masks, analysed.anatomy, found
    )
    documents.write(folder, found, narrative.write(found), drawn, run)
    return found


def _pdf_text(data: bytes) -> str:
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)
    return " ".join(text.replace("\u00a0", " ").split())


def test_the_folder_holds_all_documents_and_no_leftovers(folder):
    assert {path.name for path in folder.iterdir()} == {
        "findings.json", "narrative.json", "regions.csv", "report.html", "report.txt", "report.pdf", "figures"
    }  # fmt: skip


def test_the_narrative_is_tied_to_the_findings_by_hash(folder, analysed):
    found = load(folder / "findings.json")
    story = json.loads((folder / "narrative.json").read_text(encoding="utf-8"))
    assert story["findings_sha256"] == found.sha256()
    document = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    for sentence in story["sentences"]:
        assert [narrative.resolve(document, pointer) for pointer in sentence["evidence"]]
    other = analysed.findings(warnings=("Another.",))
    with pytest.raises(ValueError, match="written from other findings"):
        documents.write(folder, other, narrative.write(found), [], RUN)


def test_the_table_of_regions_holds_every_row(folder, analysed):
    rows = list(csv.DictReader(io.StringIO((folder / "regions.csv").read_text(encoding="utf-8"))))
    assert len(rows) == len(analysed.anatomy.overlaps)
    for mask in ("lesion-1", "lesion-2", "gradcam++", "scorecam"):
        shares = [float(row["percent_of_mask"]) for row in rows if row["mask"] == mask]
        assert sum(shares) == pytest.approx(100)
    thalamus = next(row for row in rows if row["region"] == "Thalamus")
    assert (thalamus["code_scheme"], thalamus["code_value"]) == ("SCT", "42695009")
    other = next(row for row in rows if row["lobe"] == "other")
    assert (other["nearest_region"], other["nearest_mm"]) == ("left Middle Frontal Gyrus", "3.2")


def test_the_page_fetches_nothing_and_runs_nothing(folder):
    page = _Page((folder / "report.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert len(page.sources) == len(list((folder / "figures").iterdir()))
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert all(link.startswith("#") for link in page.links)
    assert "//" not in re.sub('data:image/png;base64,[^"]*', "", (folder / "report.html").read_text(encoding="utf-8"))


def test_each_sentence_links_to_its_evidence_in_the_page(folder):
    page = _Page((folder / "report.html").read_text(encoding="utf-8"))
    story = json.loads((folder / "narrative.json").read_text(encoding="utf-8"))
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    cited = [pointer for sentence in story["sentences"] for pointer in sentence["evidence"]]
    to_evidence = [link for link in page.links if link.startswith("#evidence-")]
    assert len(to_evidence) == len(cited)
    assert len(page.links) - len(to_evidence) == len(set(cited))  # each entry leads back
    for sentence in story["sentences"]:
        for pointer in sentence["evidence"]:
            assert pointer in page.words


def test_an_entry_of_the_evidence_leads_back_to_the_first_sentence_that_rests_on_it(analysed):
    found = analysed.findings()
    story = narrative.write(found)
    content = content_of(found, story, [], RUN)
    for item in content.evidence:
        first = next(s for s in story.sentences if item.pointer in s.evidence)
        assert story.sentences[item.sentence - 1] is first
    shown = [*content.banner, *content.warnings, *(s for _, statements in content.sections for s in statements)]
    assert sorted(s.place for s in shown) == list(range(1, len(story.sentences) + 1))


@pytest.mark.parametrize("code", ["en", "fr", "de", "es"])
def test_the_page_can_be_heard_and_reached_by_keyboard(analysed, folder, code):
    found = analysed.findings()
    drawn = sorted((folder / "figures").glob("*.png"))
    content = content_of(found, narrative.write(found, code), drawn, RUN)
    page = _Page(documents.report_html(content))
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    tables = page.tags.count("table")
    assert page.tags.count("caption") == tables
    assert sum(tag == "th" and a.get("scope") == "row" for tag, a in page.attributes) == len(content.evidence) + sum(
        len(table.rows) for table in (*content.tables, *content.model_tables)
    )
    scrolled = [a for _, a in page.attributes if a.get("class") == "scroll"]
    assert len(scrolled) >= tables
    assert all(a["tabindex"] == "0" and a["role"] == "region" and a["aria-label"] for a in scrolled)
    names = {(a["href"], a["aria-label"]) for tag, a in page.attributes if tag == "a"}
    assert len(names) == len({name for _, name in names}) == 2 * len(content.evidence)
    in_english = [a.get("lang") for tag, a in page.attributes if tag == "code"]
    assert set(in_english) == {None if code == "en" else "en"}
    pictures = (content.lead, *content.pictures)
    assert [a["alt"] for tag, a in page.attributes if tag == "img"] == [picture.shows for picture in pictures]
    assert content.words.label("left") in content.lead.shows or content.words.label("right") in content.lead.shows


@pytest.mark.parametrize("name", ["report.html", "report.txt", "report.pdf"])
def test_every_report_holds_every_sentence_and_the_notice(folder, name):
    data = (folder / name).read_bytes()
    if name.endswith(".pdf"):
        text = _pdf_text(data)
        pages = len(PdfReader(io.BytesIO(data)).pages)
        assert text.count("Research use only. Not for diagnosis.") >= 2 * pages
    else:
        text = data.decode()
        text = _Page(text).words if name.endswith(".html") else " ".join(text.replace("\u00a0", " ").split())
    story = json.loads((folder / "narrative.json").read_text(encoding="utf-8"))
    for sentence in story["sentences"]:
        assert sentence["text"].replace("- ", "-") in text.replace("- ", "-"), sentence["text"]
    assert "phantom-7f3a" in text
    assert "temperature scaling" in text


def test_the_notice_is_always_in_view(folder):
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert text.index("position: sticky") < text.index("Research use only. Not for diagnosis.</strong>")
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


@pytest.mark.parametrize("forced", [True, False])
def test_what_the_model_was_not_made_for_is_said_before_anything_else(analysed, tmp_path, forced):
    if not forced:
        nothing = np.zeros(analysed.case.image.shape, np.uint8)
        prediction = replace(
            analysed.prediction, outcome="not_applicable", label=None, scores={}, class_set=(), lesion_labels=nothing
        )
        analysed = replace(analysed, prediction=prediction, heatmaps=(), masks=(), anatomy=None, geometry={})
    _write(analysed, tmp_path, forced=forced)
    said = "analysed on the user's demand" if forced else "The model was not made for this case"
    page = _Page((tmp_path / "report.html").read_text(encoding="utf-8").partition("<main>")[2])
    assert page.words.index(said) < page.words.index("Model's suggestion")
    pdf = _pdf_text((tmp_path / "report.pdf").read_bytes())
    assert pdf.index(said) < pdf.index("Model's suggestion")
    text = (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert text.index("!!") < text.index("Model's suggestion")


@pytest.mark.parametrize("code", ["en", "fr", "de", "es"])
def test_what_the_model_does_not_know_stands_with_the_class_that_it_suggests(analysed, code):
    found = analysed.findings()
    story = narrative.write(found, code)
    content = content_of(found, story, [], RUN)
    (caution,) = content.cautions
    assert caution in [sentence.text for sentence in story.of_section("limits")]
    top = _Page(documents.report_html(content).partition("</h1>")[2].partition('<section class="narrative"')[0])
    assert caution.replace("\u00a0", " ") in top.words
    lines = documents.report_text(content).partition(content.words.label("Technique"))[0]
    assert caution in " ".join(lines.split())
    pdf = _pdf_text(report_pdf(content)).partition(content.words.label("Technique"))[0]
    assert caution.replace("- ", "-") in pdf.replace("- ", "-")
    none = found.model_copy(update={"prediction": found.prediction.model_copy(update={"label": None})})
    assert content_of(none, story, [], RUN).cautions == ()


def test_markup_in_names_and_reasons_is_shown_and_not_run(analysed, tmp_path):
    hostile = '<img src="https://example.org/x.png" onerror="alert(1)"> & <b>5 < 6</b>'
    prediction = replace(analysed.prediction, reason=hostile)
    overlaps = tuple(replace(row, name=f"<i>{row.name}</i>") for row in analysed.anatomy.overlaps)
    anatomy = replace(analysed.anatomy, overlaps=overlaps)
    _write(replace(analysed, prediction=prediction, anatomy=anatomy), tmp_path, warnings=(hostile,))
    page = _Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert all(source.startswith("data:") for source in page.sources)
    assert "i" not in page.tags
    assert "b" not in page.tags
    assert hostile in page.words
    assert "<i>Frontal Pole</i>" in page.words
    assert "onerror" in _pdf_text((tmp_path / "report.pdf").read_bytes())


def test_nothing_that_names_a_person_or_a_place_gets_into_a_document(analysed, tmp_path):
    planted = [
        "Doe^Jane",
        "DOE_JANE_T1.nii.gz",
        "/home/jane/scans",
        "C:\\scans\\jane",
        "19700101",
        "PID-4711",
        "radiology-pc-7",
    ]
    run = RUN | {
        "input": planted[1],
        "input_path": planted[2],
        "host": planted[6],
        "user": planted[0],
        "patient": {"id": planted[5], "birth": planted[4]},
        "options": {"output": planted[2], "source": planted[3], "saliency": ["gradcam++"], "case_file": planted[1]},
        "bundle": {"name": "brain_tumor_mri", "folder": planted[2]},
        "versions": {"torch": "2.6", "where": planted[3]},
    }
    _write(analysed, tmp_path, run=run)
    for name in ("report.html", "report.txt", "report.pdf", "findings.json", "narrative.json", "regions.csv"):
        data = (tmp_path / name).read_bytes()
        text = _pdf_text(data) if name.endswith(".pdf") else data.decode()
        assert not [secret for secret in planted if secret in text], name
    info = PdfReader(tmp_path / "report.pdf").metadata
    assert (info.title, info.author) == ("XAIReport phantom-7f3a", "XAIReport")
    assert ("options, saliency", "gradcam++") in provenance_rows(run)


def test_the_same_case_gives_the_same_bytes(analysed, folder, tmp_path):
    _write(analysed, tmp_path)
    for path in folder.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes(), path.name


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(wild_findings(), st.dictionaries(st.sampled_from(["version", "seed", "device"]), st.text(max_size=20)))
def test_any_findings_can_be_written_in_every_format(findings, run):
    content = content_of(findings, narrative.write(findings), [], run)
    assert documents.report_html(content).rstrip().endswith("</html>")
    assert findings.case_id in documents.report_text(content)
    assert report_pdf(content).startswith(b"%PDF")
    assert documents.regions_csv(findings).startswith("mask,region,lobe,side,overlap_ml")


def test_the_templates_are_packaged_beside_the_code():
    assert (documents._TEMPLATES / "report.html").is_file()
    assert (documents._TEMPLATES / "report.css").is_file()


def _pdf_with(analysed, section, text):
    """The report with ``text`` in place of the section's first sentence."""
    found = analysed.findings()
    story = narrative.write(found)
    first = story.of_section(section)[0]
    told = tuple(s.model_copy(update={"text": text}) if s is first else s for s in story.sentences)
    return report_pdf(content_of(found, story.model_copy(update={"sentences": told}), [], RUN))


@pytest.mark.parametrize("section", ["status", "impression"])
@pytest.mark.parametrize("words", [900, 1400, 2400])
def test_a_sentence_longer_than_a_page_flows_over_pages(analysed, section, words):
    said = [f"word-{number}" for number in range(words)]
    text = _pdf_text(_pdf_with(analysed, section, " ".join(said)))
    assert [word for word in text.replace("- ", "-").split() if word.startswith("word-")] == said


@pytest.mark.parametrize(
    "said", ["肿瘤在左侧，边界清楚。", "腫瘍は左側にあります。", "종양은 왼쪽에 있습니다.", "글리오마 神経膠腫"]
)
def test_chinese_japanese_and_korean_can_be_copied_from_the_pdf(analysed, said):
    text = _pdf_text(_pdf_with(analysed, "impression", f"“{said}” & <b>"))
    assert f"“{said}” & <b>" in text


def test_a_figure_of_the_model_without_an_interval_is_shown_without_one(analysed):
    """A bundle that was measured on one patient group has none (null)."""
    found = analysed.findings()
    measured = {
        "accuracy": {"value": 0.91, "low": None, "high": None},
        "ece": {"value": 0.02, "low": 0.01, "high": 0.03},
    }
    model = found.model.model_copy(update={"metrics": measured})
    shown = model_tables(found.model_copy(update={"model": model}), {})
    rows = {row[0]: row[1:] for table in shown for row in table.rows}
    assert rows["accuracy"] == ("0.91", "–") and rows["expected calibration error (ECE)"] == ("0.02", "0.01 to 0.03")
