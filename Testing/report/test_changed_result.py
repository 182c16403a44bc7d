"""A result whose findings were changed after its text had been written is refused, and what is exported names its findings."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from exported import write_result
from phantom_case import Analysed
from XAIReportLib import revision
from XAIReportLib.__main__ import main
from XAIReportLib.case import InputError
from XAIReportLib.report import dicom


def _with_other_findings(folder: Path) -> None:
    """One that the schema allows: another class, with the highest score."""
    path = folder / "findings.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    prediction = content["prediction"]
    scores = prediction["scores"]
    scores["glioma"], scores["meningioma"] = scores["meningioma"], scores["glioma"]
    prediction |= {"label": "meningioma", "class_set": ["meningioma"]}
    path.write_text(json.dumps(content, sort_keys=True, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@pytest.mark.parametrize("command", [["fhir"], ["dicom"], ["report", "--language", "fr"], ["scene"]])
def test_nothing_is_made_of_changed_findings(command: list[str], tmp_path: Path, analysed: Analysed, capsys) -> None:
    write_result(tmp_path / "r", analysed)
    _with_other_findings(tmp_path / "r")
    before = sorted(path.name for path in (tmp_path / "r").iterdir())
    assert main([command[0], str(tmp_path / "r"), *command[1:]]) == 2
    said = capsys.readouterr().err.strip()
    assert "findings.json of the result folder r is not the one that its text was written from" in said
    assert said.endswith("put the original file back, or analyse the case again.")
    assert "\n" not in said
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == before


def test_nor_is_a_correction_or_another_wording(tmp_path: Path, analysed: Analysed) -> None:
    write_result(tmp_path / "r", analysed)
    story = (tmp_path / "r" / "narrative.json").read_text(encoding="utf-8")
    labels, affine = analysed.prediction.lesion_labels.copy(), analysed.case.affine
    labels[tuple(part[0] for part in labels.nonzero())] = 0
    revision.write_corrected(tmp_path / "r", labels, affine)
    _with_other_findings(tmp_path / "r" / "corrected")
    with pytest.raises(InputError, match="result folder corrected is not the one"):
        revision.write_reworded(tmp_path / "r", story, (), corrected=True)
    revision.write_reworded(tmp_path / "r", story, ())  # the model's own is as it was
    _with_other_findings(tmp_path / "r")
    with pytest.raises(InputError, match="result folder r is not the one"):
        revision.write_corrected(tmp_path / "r", labels, affine)


def test_findings_that_are_only_laid_out_otherwise_are_the_same(tmp_path: Path, analysed: Analysed) -> None:
    write_result(tmp_path / "r", analysed)
    path = tmp_path / "r" / "findings.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    assert main(["fhir", str(tmp_path / "r")]) == 0


def test_a_result_of_an_older_version_is_exported(tmp_path: Path, analysed: Analysed) -> None:
    folder = tmp_path / "r"
    write_result(folder, analysed)
    content = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    text = json.dumps({**content, "schema_version": "1.1.0"}, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
    (folder / "findings.json").write_text(text, encoding="utf-8", newline="\n")
    story = json.loads((folder / "narrative.json").read_text(encoding="utf-8"))
    told = {**story, "findings_sha256": hashlib.sha256(text.encode()).hexdigest()}
    (folder / "narrative.json").write_text(json.dumps(told), encoding="utf-8")
    index = json.loads((dicom.write(folder) / "index.json").read_text(encoding="utf-8"))
    assert index["findings_sha256"] == hashlib.sha256((folder / "findings.json").read_bytes()).hexdigest()
    revision.write_in_language(folder, "fr")
    written = folder / "report-fr"
    told = json.loads((written / "narrative.json").read_text(encoding="utf-8"))
    assert told["findings_sha256"] == hashlib.sha256((written / "findings.json").read_bytes()).hexdigest()


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_text_that_does_not_name_its_findings_is_none_of_theirs(
    text: str, tmp_path: Path, analysed: Analysed
) -> None:
    write_result(tmp_path / "r", analysed)
    (tmp_path / "r" / "narrative.json").write_text(text, encoding="utf-8")
    assert main(["fhir", str(tmp_path / "r")]) == 2


def test_findings_that_cannot_be_read_are_bad_input_and_named(tmp_path: Path, analysed: Analysed, capsys) -> None:
    write_result(tmp_path / "r", analysed)
    path = tmp_path / "r" / "findings.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "disclaimers": []}), encoding="utf-8")
    for command in ("fhir", "dicom"):
        assert main([command, str(tmp_path / "r")]) == 2
        assert "disclaimers" in capsys.readouterr().err
