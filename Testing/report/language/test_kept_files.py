"""No file of a result is written over, and what was paid for is not lost for want of a place to put it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cases import findings_of
from XAIReportLib import __main__ as command_line
from XAIReportLib.case import InputError
from XAIReportLib.report import answers, commands, dialogue, dialogue_model, language_models, narrative
from XAIReportLib.report import findings as findings_module
from XAIReportLib.report.language_models import Choice

FOUND = findings_of("left glioma")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "case"
    (path / "figures").mkdir(parents=True)
    (path / "findings.json").write_text(FOUND.to_json(), encoding="utf-8")
    (path / "narrative.json").write_text(narrative.told(FOUND).to_json(), encoding="utf-8")
    for name in ("run.json", "report.html", "scene.mrb", "figures/lesion.png"):
        (path / name).write_text("{}", encoding="utf-8")
    return path


def narrate(scripted, fault: str, findings: Path, output: Path, *more: str) -> int:
    to = ["--narrator", "openai", "--endpoint", scripted.url(fault), "--model", "m", "--output", str(output)]
    return command_line.main(["narrate", str(findings), *to, *more])


OWN = ("findings.json", "narrative.json", "run.json", "review.json", "report.html", "scene.mrb", "figures/lesion.png")


@pytest.mark.parametrize("name", OWN)
def test_no_file_of_a_result_is_written_over_and_nothing_is_asked(scripted, folder, capsys, name):
    path = folder / name
    before = path.read_bytes() if path.exists() else None
    for findings in (folder, folder / "findings.json"):
        assert narrate(scripted, "own", findings, folder / "figures" / ".." / name) == 2
    assert (path.read_bytes() if path.exists() else None) == before
    assert f"{path.name} is a file of the result" in capsys.readouterr().err
    assert not scripted.all_sent("own")


def test_another_narrative_beside_the_result_is_replaced(scripted, folder):
    output = folder / "by-model.json"
    assert narrate(scripted, "text", folder, output) == 1
    assert narrate(scripted, "good", folder, output) == 0
    assert narrative.Narrative.model_validate_json(output.read_bytes()).narrator == "openai"


def test_a_place_that_cannot_be_written_is_found_before_anything_is_asked(scripted, folder, tmp_path, capsys):
    kept = folder / "answers.jsonl"
    for output, more in (
        (tmp_path / "nowhere" / "o.json", ()),
        (tmp_path, ()),
        (Path(), ()),
        (tmp_path / ("o" * 300), ()),
        (kept, ("--store", str(kept))),
        (tmp_path / "o.json", ("--store", str(tmp_path / "nowhere" / "answers.jsonl"))),
        (tmp_path / "o.json", ("--store", str(folder / "findings.json"))),
        (tmp_path / "o.json", ("--model", "caf\udce9")),
    ):
        assert narrate(scripted, "unplaced", folder, output, *more) == 2
        said = capsys.readouterr().err
        assert said.startswith("Error: ") and ("give " in said)
    assert not scripted.all_sent("unplaced")
    assert [path.name for path in tmp_path.iterdir()] == ["case"]
    assert (folder / "findings.json").read_text(encoding="utf-8") == FOUND.to_json()
    assert not kept.exists()


def test_a_narrative_that_cannot_be_written_after_all_is_shown(scripted, folder, tmp_path, capsys, monkeypatch):
    output, write = tmp_path / "o.json", commands._write

    def full(path: Path, text: str | None) -> None:
        write(path, None)
        if text is not None:
            raise InputError("o.json cannot be written (No space left on device); give another --output.")

    monkeypatch.setattr(commands, "_write", full)
    assert narrate(scripted, "good", folder, output) == 2
    assert "The model suggests glioma with a score of 0.89." in capsys.readouterr().out
    assert not list(tmp_path.glob(".*"))


def test_a_question_is_not_asked_where_its_answer_cannot_be_kept(scripted, tmp_path):
    keeping = Choice("openai", "m", scripted.url("unkept"), store=tmp_path / "nowhere" / "answers.jsonl")
    with pytest.raises(InputError, match="--store"):
        dialogue_model.reply("How sure are you?", FOUND, keeping)
    assert not scripted.all_sent("unkept")


# --- kept answers -----------------------------------------------------------------------------------------------------


def test_an_answer_with_other_line_ends_is_kept_and_replayed(scripted, tmp_path):
    store = tmp_path / "answers.jsonl"
    first = language_models.narrate(FOUND, Choice("openai", "m", scripted.url("lines"), store=store))
    again = language_models.narrate(FOUND, Choice("replay", replay=store))
    assert again.sentences == first.sentences
    assert first.narrator == "openai"


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85"])
def test_a_line_of_a_file_that_others_wrote_ends_at_its_newline_only(tmp_path, end):
    row = {"findings_sha256": FOUND.sha256(), "answer": {"text": f"a{end}b", "requested": "m", "returned": "m"}}
    file = tmp_path / "answers.jsonl"
    file.write_text(2 * (json.dumps(row, ensure_ascii=False) + "\n"), encoding="utf-8")
    heard = answers.Items(lambda _: None, lambda: None)
    given = answers.replay(file, FOUND.sha256())
    assert [given(None, heard).text, given(None, heard).text] == [f"a{end}b"] * 2


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_the_hash_of_a_file_of_an_older_version_is_that_of_sha256sum(version, tmp_path):
    path = Path(__file__).parents[1] / f"findings-{version}.json"
    found = findings_module.load(path)
    text = json.dumps({"sentences": [{"text": dialogue.answer("Which side?", found).sentences[0].text, "section": "findings",
                                      "evidence": ["/lesions/0"]}]})  # fmt: skip
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    row = {"findings_sha256": digest, "task": "narrative", "answer": {"text": text, "requested": "m", "returned": "m"}}
    (tmp_path / "answers.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    story = language_models.narrate(found, Choice("replay", replay=tmp_path / "answers.jsonl"))
    assert story.narrator == "replay"


@pytest.mark.parametrize(
    "change",
    [{"text": None}, {"text": 5}, {"requested": None}, {"returned": 3}, {"seconds": "1"}, {"seconds": float("nan")}],
)
def test_a_file_that_holds_no_answers_is_said_to_hold_none(tmp_path, change):
    file = tmp_path / "answers.jsonl"
    row = {"text": "{}", "requested": "m", "returned": "m"} | change
    for text in (json.dumps({"findings_sha256": FOUND.sha256(), "answer": row}), "[" * 30_000, "[]", '{"answer": 1}'):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=r"answers\.jsonl holds no stored answers .*--store\.$"):
            language_models.narrate(FOUND, Choice("replay", replay=file))
        with pytest.raises(InputError, match=r"give another --store\.$"):
            answers.stored(file, FOUND.sha256(), lambda *_: None)
        assert file.read_text(encoding="utf-8") == text
