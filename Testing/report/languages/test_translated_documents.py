"""The documents in French, German and Spanish hold no English but what findings.json and run.json hold."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from engine_results import write_engine_result
from phantom_case import analysed_phantom
from PIL import Image
from pypdf import PdfReader
from rich_cases import CASES, findings_of
from word_mutations import LANGUAGES
from XAIReportLib import __main__ as command_line
from XAIReportLib.report import content, figures, narrative, tables
from XAIReportLib.report.languages import catalogue
from XAIReportLib.report.languages import language as language_of
from XAIReportLib.revision import revise, write_in_language

METADATA = Path(__file__).parents[3] / "Resources/Models/brain_tumor_mri/configs/metadata.json"
# Names and texts that are the same in every language: of a model, its data, its files and an atlas.
KEPT = re.compile(
    r"–|brain_tumor_mri 0\.1\.0|(?:ab){32}|Jun Cheng, brain tumor dataset \(Figshare 1512427\)|neck|"
    r"Harvard-Oxford atlas: FSL licence, non-commercial use only\.|.*: largest drop of area\."
)


def is_said(text: str) -> bool:
    """Whether the catalogue holds a text of a document, or every sentence of it."""
    if not text or KEPT.fullmatch(text) or catalogue._labels().said(text, "en", "fr"):
        return True
    sentences = re.split(r"(?<=[.!?]) +", text)
    return len(sentences) > 1 and all(is_said(sentence) for sentence in sentences)


@pytest.mark.parametrize("case", CASES)
def test_every_label_cell_and_note_exists_in_every_language(case):
    found = findings_of(case)
    metrics = json.loads(METADATA.read_text(encoding="utf-8"))["xaireport"]["metrics"]
    found = found.model_copy(update={"model": found.model.model_copy(update={"metrics": metrics})})
    texts = [text for fact in content._facts(found) for text in fact] + list(content.TITLES.values())
    for table in (*tables.case_tables(found), *tables.model_tables(found, {"seed": 0})):
        texts += [table.title, *table.header, table.note]
        texts += [cell for row in table.rows for column, cell in enumerate(row) if column not in table.kept]
    assert [text for text in texts if not is_said(text)] == [], "report/languages/labels/ lacks these"


def test_the_figures_of_the_model_are_words_and_begin_with_what_tells_most():
    metrics = json.loads(METADATA.read_text(encoding="utf-8"))["xaireport"]["metrics"]
    found = findings_of("left glioma")
    found = found.model_copy(update={"model": found.model.model_copy(update={"metrics": metrics})})
    (table,) = [t for t in tables.model_tables(found, {}) if t.title == "What was measured of the model"]
    names = [row[0] for row in table.rows]
    assert names[0] == "accuracy, mean over patients"
    assert names.index("sensitivity, glioma") < names.index("Dice of the lesion") < names.index("Brier score")
    assert not {"fold", "ece", "aurc", "macro f1", "n images"} & set(names)
    assert len(names) == len(set(names)) > 20


def test_the_rule_of_a_mask_as_the_engine_writes_it_exists_in_every_language():
    source = (Path(tables.__file__).parents[1] / "saliency" / "masks.py").read_text(encoding="utf-8")
    rule = re.search(r'rule = f"(.*)"', source)[1]
    assert is_said("Grad-CAM: " + re.sub(r"\{[^}]*\}", "0.35", rule) + ".")


def test_every_caption_and_every_text_in_a_picture_exists_in_every_language(tmp_path, monkeypatch):
    analysed = analysed_phantom()
    found = analysed.findings()
    shown: list[str] = []

    class Recorder(catalogue.Language):
        def label(self, english: str) -> str:
            shown.append(english)
            return super().label(english)

    monkeypatch.setattr(figures, "language_of", Recorder)
    drawn = figures.draw(
        tmp_path, analysed.case, analysed.prediction, analysed.heatmaps, analysed.masks, analysed.anatomy, found, language="de"
    )  # fmt: skip
    texts = [text for text in shown if len(text) > 1] + [
        text for path in drawn for text in content._caption(path.stem, found)
    ]
    texts += [text for caption in content._CAPTIONS.values() for text in caption]
    texts.append(content._FAILED_REGISTRATION)
    assert len(shown) > 30
    assert [text for text in texts if not is_said(text)] == [], "report/languages/labels/ lacks these"


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> Path:
    return write_engine_result(tmp_path_factory.mktemp("results") / "phantom-7f3a")


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_finished_result_is_written_in_another_language_and_stays_as_it_is(result, code, capsys):
    before = {path.name: path.read_bytes() for path in result.iterdir() if path.is_file()}
    assert command_line.main(["report", str(result), "--language", code]) == 0
    folder = result / f"report-{code}"
    assert str(folder) in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in result.iterdir() if path.is_file()} == before
    assert json.loads((folder / "narrative.json").read_text(encoding="utf-8"))["language"] == code
    assert (folder / "findings.json").read_bytes() == before["findings.json"]
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert f'<html lang="{code}">' in html
    words = {"fr": "Réservé à la recherche", "de": "Segmentierte Auffälligkeit", "es": "Anomalía segmentada"}[code]
    pdf = " ".join(page.extract_text() for page in PdfReader(io.BytesIO((folder / "report.pdf").read_bytes())).pages)
    for text in (html, (folder / "report.txt").read_text(encoding="utf-8"), " ".join(pdf.split())):
        assert words in text
        rests_on = language_of(code).label("What each sentence rests on")
        told = re.sub(r' title="[^"]*"', "", text).partition(rests_on)[0]  # beyond it is what findings.json holds
        assert len(told) > 3000
        for english in ("Research use only", "the patient", "Model's suggestion", "Heat map", "of the model"):
            assert english not in told


@pytest.mark.parametrize("code", ("en", *LANGUAGES))
def test_a_picture_that_keeps_the_language_of_the_analysis_says_so(tmp_path, code, capsys):
    folder = write_engine_result(tmp_path / "phantom-7f3a")
    found = narrative.Findings.model_validate_json((folder / "findings.json").read_text(encoding="utf-8"))
    (folder / "narrative.json").write_text(narrative.told(found, "de").to_json(), encoding="utf-8")
    (folder / "figures").mkdir(exist_ok=True)
    Image.new("RGB", (8, 8)).save(folder / "figures" / "curves.png")
    assert command_line.main(["report", str(folder), "--language", code]) == 0
    told = {"en": "Labels in German", "fr": "Légendes en allemand", "es": "Rótulos en alemán", "de": "Beschriftung auf"}
    page = (folder / f"report-{code}" / "report.html").read_text(encoding="utf-8")
    said = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    curves = language_of(code).label(content._CAPTIONS["curves"][1])
    assert [text.startswith(curves) for text in said if told[code] in text] == ([] if code == "de" else [True])
    line = "Pictures with labels in German, as drawn with the analysis: curves\n"
    assert (line in capsys.readouterr().out) == (code != "de")


@pytest.mark.parametrize("language", catalogue.LANGUAGES.values())
def test_the_language_of_a_picture_s_labels_is_told_in_every_language(language):
    assert is_said(f"Labels in {language}, as drawn with the analysis.")


def test_what_is_no_result_or_no_language_is_said_so(tmp_path, result):
    assert command_line.main(["report", str(tmp_path), "--language", "fr"]) == 2
    assert command_line.main(["report", str(result), "--language", "it"]) == 2
    with pytest.raises(catalogue.InputError, match="choose among en, fr, de, es"):
        write_in_language(result, "it")


def test_a_correction_is_told_in_the_language_of_the_result(tmp_path):
    folder = write_engine_result(tmp_path / "phantom-7f3a")
    found = narrative.Findings.model_validate_json((folder / "findings.json").read_text(encoding="utf-8"))
    (folder / "narrative.json").write_text(narrative.told(found, "es").to_json(), encoding="utf-8")
    analysed = analysed_phantom()
    labels = analysed.prediction.lesion_labels * (analysed.prediction.lesion_labels != 2)
    told = json.loads(
        (revise(folder, labels, analysed.case.affine, tmp_path / "new") / "narrative.json").read_text("utf-8")
    )
    assert told["language"] == "es"
    assert "La anomalía segmentada 2 fue suprimida por el lector." in [s["text"] for s in told["sentences"]]
    assert {s["outcome"] for s in told["sentences"]} == {"supported"}


# --- xaireport check ------------------------------------------------------------------------------------------------------


def _check(tmp_path: Path, text: str, *options: str) -> int:
    (tmp_path / "findings.json").write_text(findings_of("left glioma").to_json(), encoding="utf-8")
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    return command_line.main(["check", str(tmp_path), str(tmp_path / "text.txt"), *options])


@pytest.mark.parametrize("code", ("en", *LANGUAGES))
def test_a_text_is_checked_in_its_own_language(tmp_path, code, capsys):
    text = "\n".join(s.text for s in narrative.write(findings_of("left glioma"), code).sentences)
    assert _check(tmp_path, text) == 0
    said = capsys.readouterr().out
    assert "0 of" not in said
    assert _check(tmp_path, text.replace("0,89", "0,98").replace("0.89", "0.98"), "--language", code) == 1
    assert "contradicted" in capsys.readouterr().out


def test_a_text_in_a_language_that_is_not_read_is_refused(tmp_path, capsys):
    assert _check(tmp_path, "La lesione si trova nel lobo frontale di sinistra e non è grande.") == 2
    assert "seems to be in Italian, which the check does not read" in capsys.readouterr().err
    assert _check(tmp_path, "Die Auffälligkeit ist auf der linken Seite und nicht groß.", "--language", "en") == 2
    assert "seems to be in German, not in English; give --language de" in capsys.readouterr().err
    assert _check(tmp_path, "Xyzzy.") == 2
    assert "give --language" in capsys.readouterr().err
    assert _check(tmp_path, "Xyzzy.", "--language", "fr") == 1


def test_english_says_everything_as_it_is():
    english = language_of("en")
    assert english.said("Anything.") == "Anything."
    assert english.label("3.5") == "3.5"
    assert english.meant("a  b") == ["a b"]
