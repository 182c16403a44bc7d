"""Reports in a language model's words: beside the template's, after the last analysis, and never at its cost."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from XAIReportLib import __main__ as command_line
from XAIReportLib import batch
from XAIReportLib.batch import run_batch
from XAIReportLib.case import InputError
from XAIReportLib.folder import read_result
from XAIReportLib.report import narrated
from XAIReportLib.worker.client import WorkerClient

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "report" / "language"), str(HERE.parent / "report" / "grounding")]
from narrating_worker import write_result  # noqa: E402
from running_server import Scripted, running  # noqa: E402

SUGGESTION = "The model suggests glioma with a score of 0.89."


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def client() -> Iterator[WorkerClient]:
    with WorkerClient(command=[sys.executable, str(HERE / "narrating_worker.py")], silence_timeout_s=120) as client:
        yield client


@pytest.fixture
def wish(tmp_path: Path) -> Path:
    """Two cases; only of the first are the scripted answers true."""
    for name, of in (("a", "left glioma"), ("b", "right meningioma")):
        (tmp_path / f"{name}.nii.gz").write_text(of, encoding="utf-8")
    table = tmp_path / "cases.csv"
    table.write_text("input,case_id\na.nii.gz,a\nb.nii.gz,b\n")
    return table


def by(scripted: Scripted, fault: str, **more: object) -> dict:
    return {"narrator": "openai", "endpoint": scripted.url(fault), "model": "m", **more}


def warnings(folder: Path) -> list[str]:
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))["warnings"]


def template_of(folder: Path) -> bytes:
    return b"".join(
        (folder / name).read_bytes() for name in ("narrative.json", "report.html", "report.txt", "findings.json")
    )


def test_a_model_that_fails_costs_its_report_and_not_the_case(wish, tmp_path, client, scripted, capsys):
    summary = run_batch(wish, tmp_path / "out", client, 120, narrator=by(scripted, "good"))
    assert [(row["state"], row["narrated"]) for row in summary["cases"]] == [("ok", True), ("ok", False)]
    first, second = tmp_path / "out" / "a", tmp_path / "out" / "b"
    assert SUGGESTION in (first / "narrated" / "report.txt").read_text(encoding="utf-8")
    assert SUGGESTION in " ".join((first / "narrated" / "report.html").read_text(encoding="utf-8").split())
    assert (first / "narrated" / "report.pdf").stat().st_size > 1000
    assert SUGGESTION not in (first / "report.txt").read_text(encoding="utf-8")
    assert json.loads((first / "narrative.json").read_text(encoding="utf-8"))["narrator"] == "template"
    assert warnings(first) == []
    (warning,) = warnings(second)
    assert warning.startswith("There is no report in the words of a language model: ")
    assert "No sentence of the answer is held by the findings." in warning
    assert summary["cases"][1]["message"] == warning
    assert not (second / "narrated").exists()
    assert read_result(second).narrative["narrator"] == "template"
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary
    assert summary["failed"] == 0
    assert "tokens read and 2 written." in capsys.readouterr().err


def test_a_batch_that_goes_on_asks_only_for_what_is_missing(wish, tmp_path, client, scripted):
    out = tmp_path / "out"
    run_batch(wish, out, client, 120)  # without a model: nothing is asked
    template = template_of(out / "a")
    first = run_batch(wish, out, client, 120, narrator=by(scripted, "again"))
    assert [row["state"] for row in first["cases"]] == ["skipped", "skipped"]
    assert first["cases"][0]["narrated"] is True
    asked = len(scripted.all_sent("again"))
    second = run_batch(wish, out, client, 120, narrator=by(scripted, "again"))
    assert "narrated" not in second["cases"][0]  # it was there
    assert len(scripted.all_sent("again")) == asked + 2  # the failed one was tried again, twice
    assert len(warnings(out / "b")) == 1  # and says so once
    other = run_batch(wish, out, client, 120, narrator=by(scripted, "again", model="another"))
    assert other["cases"][0]["narrated"] is True
    assert template_of(out / "a") == template


def test_the_answers_come_after_the_last_analysis(wish, tmp_path, client, scripted, capsys):
    run_batch(wish, tmp_path / "out", client, 120, narrator=by(scripted, "good"))
    said = [line.split("] ")[1] for line in capsys.readouterr().err.splitlines() if line.startswith("[")]
    assert [line.split(":")[0].split(",")[0] for line in said][:3] == ["a ok", "b ok", "a narrated"]


def test_a_warning_is_taken_back_when_the_report_is_there(tmp_path, scripted):
    folder = write_result(tmp_path / "a", "left glioma", "x")
    choice = narrated.Choice("openai", "m", scripted.url("text"))
    assert narrated.add(folder, choice)[0] is None
    assert len(warnings(folder)) == 1
    assert narrated.add(folder, narrated.Choice("openai", "m", scripted.url("good")))[1] == ""
    assert warnings(folder) == []


def test_a_model_that_takes_too_long_is_given_up_and_the_case_stays(wish, tmp_path, client, scripted):
    summary = run_batch(wish, tmp_path / "out", client, 120)
    for _ in range(2):
        summary = run_batch(wish, tmp_path / "out", client, 3, narrator=by(scripted, "silence"))
    assert [row["state"] for row in summary["cases"]] == ["skipped", "skipped"]
    assert all("took longer than 3 s" in row["message"] for row in summary["cases"])
    for name in ("a", "b"):
        (warning,) = warnings(tmp_path / "out" / name)  # once, however often it was tried
        assert "took longer than 3 s" in warning


@pytest.mark.parametrize(
    ("narrator", "said"),
    [
        ({"narrator": "mistral", "model": "m"}, r"--allow-remote api\.mistral\.ai"),
        ({"narrator": "ollama"}, "no model"),
        ({"narrator": "nobody", "model": "m"}, "unknown"),
        ({"narrator": "replay"}, "--replay"),
        ({"narrator": "ollama", "model": "m", "prices": "/nowhere.json"}, "price table"),
        ({"narrator": "ollama", "model": "m", "store": "/nowhere/answers.jsonl"}, "--store"),
    ],
)
def test_what_cannot_be_asked_stops_the_batch_before_the_first_case(wish, tmp_path, client, narrator, said):
    with pytest.raises(InputError, match=said):
        run_batch(wish, tmp_path / "out", client, 120, narrator=narrator)
    assert not (tmp_path / "out").exists()


# --- on the command line -------------------------------------------------------------------------------------------------


def test_the_command_line_of_a_batch_names_the_model_and_the_host(wish, tmp_path, monkeypatch):
    asked: dict = {}
    monkeypatch.setattr(batch, "run_batch", lambda *a, **more: asked.update(a=a, **more))
    parser = argparse.ArgumentParser()
    batch.add_options(parser)
    where = ["--input", str(wish), "--output", str(tmp_path / "out")]
    batch.run(parser.parse_args(where))
    assert asked["a"][-1] is None
    batch.run(parser.parse_args([*where, "--narrator", "template"]))
    assert asked["a"][-1] is None
    to = ["--narrator", "mistral", "--model", "m", "--allow-remote", "api.mistral.ai", "--store", "kept.jsonl"]
    batch.run(parser.parse_args([*where, *to]))
    assert asked["a"][-1] == {
        "narrator": "mistral", "model": "m", "allow_remote": ["api.mistral.ai"], "store": "kept.jsonl",
    }  # fmt: skip
    with pytest.raises(InputError, match="give --narrator as well"):
        batch.run(parser.parse_args([*where, "--model", "m"]))


@pytest.fixture
def road(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A pipeline that writes a small result at once."""
    state = SimpleNamespace(runs=0)

    def analyze(case, output, **_):
        state.runs += 1
        folder = write_result(Path(output) / case.case_id, "left glioma", "x")
        return SimpleNamespace(folder=folder, prediction=SimpleNamespace(reason=""))

    pipeline = ModuleType("XAIReportLib.pipeline")
    pipeline.analyze = analyze
    monkeypatch.setitem(sys.modules, "XAIReportLib.pipeline", pipeline)
    monkeypatch.setattr("XAIReportLib.reading.read_case", lambda _source, case_id: SimpleNamespace(case_id=case_id))
    monkeypatch.setattr("XAIReportLib.scene.write_mrb", lambda folder: folder / "scene.mrb")
    return state


def analyse(tmp_path: Path, *more: str) -> int:
    to = ["--output", str(tmp_path / "out"), "--case-id", "one"]
    return command_line.main(["analyze", "x.nii.gz", *to, *more])


def to(scripted: Scripted, fault: str) -> list[str]:
    return ["--narrator", "openai", "--endpoint", scripted.url(fault), "--model", "m"]


@pytest.mark.usefixtures("road")
def test_one_analysis_can_be_told_in_a_models_words_as_well(tmp_path, scripted, capsys):
    assert analyse(tmp_path, *to(scripted, "good")) == 0
    seen, folder = capsys.readouterr(), tmp_path / "out" / "one"
    assert seen.out.splitlines()[0] == f"Result: {folder}"  # before the model was asked
    assert seen.out.splitlines()[-1] == f"In the model's words: {folder / 'narrated' / 'report.html'}"
    assert "1 answer in" in seen.err
    assert SUGGESTION in (folder / "narrated" / "report.txt").read_text(encoding="utf-8")


@pytest.mark.usefixtures("road")
def test_a_program_is_told_of_it_in_a_line(tmp_path, scripted, capsys):
    assert analyse(tmp_path, *to(scripted, "good"), "--json-progress") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["type"] for line in lines if line["type"] != "progress"] == ["result", "narrated"]
    assert "40 tokens read" in lines[-1]["usage"]


@pytest.mark.usefixtures("road")
@pytest.mark.parametrize("fault", ["text", "half", "locked", "nonsense"])
def test_a_model_that_fails_leaves_the_template_and_a_warning(tmp_path, scripted, capsys, fault):
    assert analyse(tmp_path, *to(scripted, fault)) == 0
    folder = tmp_path / "out" / "one"
    (warning,) = warnings(folder)
    assert f"Warning: {warning}" in capsys.readouterr().err
    assert not (folder / "narrated").exists()
    assert read_result(folder).narrative["narrator"] == "template"


def test_a_host_without_consent_is_refused_before_anything_is_analysed(tmp_path, road, capsys):
    assert analyse(tmp_path, "--narrator", "mistral", "--model", "m") == 2
    assert "--allow-remote api.mistral.ai" in capsys.readouterr().err
    assert road.runs == 0


def test_a_finished_result_is_told_in_a_models_words_on_demand(tmp_path, scripted, capsys):
    folder = write_result(tmp_path / "a", "left glioma", "x")
    assert command_line.main(["narrate", str(folder), *to(scripted, "good"), "--report"]) == 0
    assert SUGGESTION in (folder / "narrated" / "report.txt").read_text(encoding="utf-8")
    assert json.loads((folder / "narrated" / "narrative.json").read_text(encoding="utf-8"))["narrator"] == "openai"
    page = (folder / "narrated" / "report.html").read_text(encoding="utf-8")
    assert "narrator, model returned" in page  # who has written stands in the report
    before = (folder / "narrated" / "report.html").read_bytes()
    assert command_line.main(["narrate", str(folder), *to(scripted, "text"), "--report"]) == 1
    assert (folder / "narrated" / "report.html").read_bytes() == before  # the one that is there stays
    assert command_line.main(["narrate", str(folder), *to(scripted, "unasked")]) == 2
    assert "--output FILE, --report or both" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "findings.json").write_bytes((folder / "findings.json").read_bytes())
    assert command_line.main(["narrate", str(tmp_path / "empty"), *to(scripted, "unasked"), "--report"]) == 2
    assert scripted.all_sent("unasked") == []


def test_a_report_that_cannot_be_written_whole_is_not_there(tmp_path, scripted, monkeypatch):
    folder = write_result(tmp_path / "a", "left glioma", "x")

    def full(partial: Path, *_: object) -> None:
        (partial / "report.html").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(narrated.documents, "write", full)
    story, warning = narrated.add(folder, narrated.Choice("openai", "m", scripted.url("good")))
    assert story is None
    assert "No space left on device" in warning
    assert not (folder / "narrated").exists()
    assert [path.name for path in folder.iterdir() if ".partial-" in path.name] == []
