"""What a person and a program see of ``xaireport``: one sentence for bad input, nothing left behind, clean streams."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import XAIReportLib
from PIL import Image
from XAIReportLib import __main__ as command_line
from XAIReportLib.case import InputError
from XAIReportLib.folder import ResultFolder, complete_or_absent
from XAIReportLib.results import ENHANCEMENT_NOT_DETECTED
from XAIReportLib.scene import SceneUnavailable

# Import of a network library fails here: bad input must be answered without one.
WITHOUT_NETWORKS = (
    "import sys; sys.modules.update(dict.fromkeys(('torch', 'monai', 'timm', 'torchvision')));"
    "from XAIReportLib.__main__ import main; sys.exit(main())"
)


def xaireport(*arguments: object, light: bool = True) -> subprocess.CompletedProcess:
    start = ["-c", WITHOUT_NETWORKS] if light else ["-m", "XAIReportLib"]
    return subprocess.run([sys.executable, *start, *map(str, arguments)], capture_output=True, text=True, check=False)


def volume(path: Path, array: np.ndarray | None = None) -> Path:
    rng = np.random.default_rng(0)
    nib.save(nib.Nifti1Image(rng.normal(0, 1, (12, 12, 12)) if array is None else array, np.eye(4)), path)
    return path


@pytest.mark.skipif(os.name == "nt", reason="a pipe without a reader is another error there")
def test_an_output_that_nobody_reads_any_more_ends_quietly():
    """As behind ``| head``."""
    run = (
        "from XAIReportLib import __main__ as line\n"
        "line.list_models = lambda _: print('x' * 1000000) or 0\n"
        "sys.exit(line.main(['models']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys\n{run}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.read(1)
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == b""


HUNG_UP = """
import select, sys
poll = type("Poll", (), {"register": lambda *_: None, "poll": lambda *_: [(1, select.POLLHUP)]})
select.poll = poll  # as macOS answers
from XAIReportLib import __main__ as door
def run(_):
    raise BrokenPipeError
door.list_models = run
sys.exit(door.main(["models"]))
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no poll")
def test_an_output_that_nobody_reads_any_more_ends_quietly_on_macos_too():
    done = subprocess.run([sys.executable, "-c", HUNG_UP], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_broken_pipe_to_another_is_still_a_failure(monkeypatch, capsys):
    def run(_):
        raise BrokenPipeError("a child is gone")

    monkeypatch.setattr(command_line, "list_models", run)
    assert command_line.main(["models"]) == 1
    assert "BrokenPipeError: a child is gone" in capsys.readouterr().err


KINDS = (
    "absent",
    "empty",
    "letter",
    "truncated",
    "series",
    "constant",
    "nan",
    "thin",
    "text",
    "no DICOM",
    "constant picture",
)


def _bad_inputs(folder: Path) -> dict[str, Path]:
    nan = np.ones((12, 12, 12))
    nan[0, 0, 0] = np.nan
    (folder / "empty.nii.gz").touch()
    (folder / "letter.nii.gz").write_text("Dear colleague")
    (folder / "letter.txt").write_text("Dear colleague")
    (folder / "none").mkdir()
    whole = volume(folder / "whole.nii.gz").read_bytes()
    (folder / "truncated.nii.gz").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.full((40, 40), 9, np.uint8)).save(folder / "constant.png")
    volume(folder / "series.nii.gz", np.zeros((12, 12, 12, 3)))
    volume(folder / "constant.nii.gz", np.ones((12, 12, 12)))
    volume(folder / "nan.nii.gz", nan)
    volume(folder / "thin.nii.gz", np.random.default_rng(0).normal(0, 1, (12, 12, 7)))
    others = {"text": "letter.txt", "no DICOM": "none", "constant picture": "constant.png"}
    return {kind: folder / others.get(kind, f"{kind}.nii.gz") for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_bad_input_is_one_sentence_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    (tmp_path / "in").mkdir()
    path = _bad_inputs(tmp_path / "in")[kind]
    plain = xaireport("analyze", path, "--output", tmp_path / "new" / "deeper")
    done = xaireport("analyze", path, "--output", tmp_path / "new" / "deeper", "--json-progress")
    assert (plain.returncode, plain.stdout, plain.stderr) == (2, "", done.stderr)
    assert done.returncode == 2
    assert not (tmp_path / "new").exists()
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(f"Error: {path.name} ")
    assert sentence.endswith(".")
    assert str(tmp_path) not in sentence
    last = json.loads(done.stdout.splitlines()[-1])
    assert last == {"type": "error", "message": sentence.removeprefix("Error: ")}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--case-id", "../escape"], "case id"),
        (["--case-id", ""], "case id"),
        (["--case-id", "nul"], "Windows"),
        (["--saliency", "gradcam,tarot"], "tarot"),
        (["--saliency", ","], "no method"),
        (["--device", "abacus"], "abacus"),
        (["--bogus"], "bogus"),
    ],
)
def test_bad_use_is_one_sentence(tmp_path: Path, arguments: list[str], said: str) -> None:
    path = volume(tmp_path / "x.nii.gz")
    done = xaireport("analyze", path, "--output", tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_an_output_in_the_way(tmp_path: Path) -> None:
    path = volume(tmp_path / "x.nii.gz")
    done = xaireport("analyze", path, "--output", path)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    (tmp_path / "out" / "mine").mkdir(parents=True)
    (tmp_path / "out" / "mine" / "thesis.txt").touch()
    done = xaireport("analyze", path, "--output", tmp_path / "out", "--case-id", "mine")
    assert done.returncode == 2
    assert "is not replaced" in done.stderr


def test_use_without_a_command_and_help() -> None:
    assert xaireport().returncode == 2
    done = xaireport("--help")
    assert done.returncode == 0
    assert "Research use only. Not for diagnosis." in " ".join(done.stdout.split())
    for name in ("analyze", "scene", "models"):
        assert name in done.stdout


def test_debug_shows_where_an_error_came_from(tmp_path: Path) -> None:
    plain = xaireport("analyze", tmp_path / "absent.nii", "--output", tmp_path / "out")
    debug = xaireport("analyze", tmp_path / "absent.nii", "--output", tmp_path / "out", "--debug")
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr


def test_an_unknown_bundle(tmp_path: Path) -> None:
    done = xaireport(
        "analyze", volume(tmp_path / "x.nii.gz"), "--output", tmp_path / "out", "--bundle", "crystal", light=False
    )
    assert done.returncode == 2, done.stderr
    assert "crystal" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


# --- with a stand-in for the road: what the door does before and after it ---------------------------------------------


def _finish(folder: Path, case_id: str) -> None:
    for name in ("findings.json", "narrative.json"):
        (folder / name).write_text("{}")
    (folder / "run.json").write_text(json.dumps({"case_id": case_id, "warnings": []}))


@pytest.fixture
def road(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A pipeline that writes a result at once; ``asked`` keeps its arguments, ``error`` is raised within the block."""
    state = SimpleNamespace(asked={}, error=None, scene_error=None, reason="The model score of glioma is the highest.")

    def analyze(case, output, *, progress, **options):
        state.asked = {"case": case, "output": output, **options}
        print("a library prints to stdout")
        for stage in ("predict", "saliency", "report"):
            for fraction in (0.0, 0.5, 1.0):
                progress(SimpleNamespace(stage=stage, fraction=fraction, message=f"in {stage}"))
        whole = complete_or_absent(Path(output) / case.case_id, options["keep"])
        with whole as folder:
            _finish(folder, case.case_id)
            if state.error:
                raise state.error
        return SimpleNamespace(folder=whole.target, prediction=SimpleNamespace(reason=state.reason))

    def write_mrb(folder: Path) -> Path:
        if state.scene_error:
            raise state.scene_error
        (folder / "scene.mrb").write_text("scene")
        return folder / "scene.mrb"

    pipeline = ModuleType("XAIReportLib.pipeline")
    pipeline.analyze = analyze
    monkeypatch.setitem(sys.modules, "XAIReportLib.pipeline", pipeline)
    monkeypatch.setattr("XAIReportLib.scene.write_mrb", write_mrb)
    return state


def run(tmp_path: Path, *more: str) -> int:
    path = volume(tmp_path / "x.nii.gz")
    return command_line.main(["analyze", str(path), "--output", str(tmp_path / "out"), *more])


@pytest.mark.parametrize("detected", [True, False])
def test_a_person_learns_how_to_name_the_contrast_agent(
    tmp_path: Path, road: SimpleNamespace, capsys: pytest.CaptureFixture, detected: bool
) -> None:
    road.reason = road.reason if detected else f"{ENHANCEMENT_NOT_DETECTED}, so no class is suggested."
    assert run(tmp_path) == 0
    assert ("analyse again with --contrast-agent" in capsys.readouterr().err) is not detected


def test_a_person_sees_each_stage_in_turn_and_where_the_report_is(
    tmp_path: Path, road: SimpleNamespace, capsys: pytest.CaptureFixture
) -> None:
    assert run(tmp_path, "--case-id", "case-1") == 0
    seen = capsys.readouterr()
    result = tmp_path / "out" / "case-1"
    assert seen.out == f"Result: {result}\nReport: {result / 'report.html'}\n"
    stages = [line.split(" s  ")[1].split(":")[0] for line in seen.err.splitlines() if " s  " in line]
    assert list(dict.fromkeys(stages)) == ["read", "predict", "saliency", "report", "scene", "done"]
    assert (result / "scene.mrb").is_file()
    assert road.asked["saliency"] == ("gradcam++", "gradcam", "scorecam")
    assert (road.asked["keep"], road.asked["force"], road.asked["device"]) == (False, False, "auto")
    assert road.asked["contrast_agent"] is False


def test_a_person_is_told_again_after_a_tenth_of_a_stage_or_ten_seconds(capsys: pytest.CaptureFixture) -> None:
    now = [0.0]
    console = command_line.Console(json_lines=False, clock=lambda: now[0])
    for seconds, stage, fraction in (
        (0, "predict", 0.0),
        (1, "predict", 0.06),
        (2, "predict", 0.1),
        (3, "predict", 0.15),
        (13, "predict", 0.16),
        (40, "predict", 0.16),
        (41, "measure", 0.0),
    ):
        now[0] = seconds
        console.progress(stage, fraction, "looking")
    assert [line.strip() for line in capsys.readouterr().err.splitlines()] == [
        "0.0 s  predict: looking",
        "2.0 s  predict: looking (10%)",
        "13.0 s  predict: looking (16%)",
        "41.0 s  measure: looking",
    ]


def test_the_version_is_told(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as left:
        command_line.main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"xaireport {XAIReportLib.__version__}\n"


def test_a_program_sees_nothing_but_json_lines(
    tmp_path: Path, road: SimpleNamespace, capsys: pytest.CaptureFixture
) -> None:
    assert (
        run(
            tmp_path,
            "--json-progress",
            "--saliency",
            "scorecam,gradcam++,scorecam",
            "--keep",
            "--force",
            "--contrast-agent",
        )
        == 0
    )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["type"] for line in lines[:-1]} == {"progress"}
    assert set(lines[0]) == {"type", "stage", "fraction", "message"}
    assert lines[-1]["type"] == "result"
    assert Path(lines[-1]["folder"]).parent == tmp_path / "out"
    assert road.asked["saliency"] == ("scorecam", "gradcam++")
    assert (road.asked["keep"], road.asked["force"], road.asked["contrast_agent"]) == (True, True, True)


def test_further_classes_get_heat_maps_only_when_they_are_named(tmp_path: Path, road: SimpleNamespace) -> None:
    assert run(tmp_path) == 0
    assert road.asked["classes"] == ()
    assert run(tmp_path, "--classes", "meningioma, glioma,meningioma") == 0
    assert road.asked["classes"] == ("meningioma", "glioma")


def test_the_report_is_in_the_language_that_was_asked_for(tmp_path: Path, road: SimpleNamespace) -> None:
    assert run(tmp_path) == 0
    assert road.asked["language"] == "en"
    assert run(tmp_path, "--language", "de") == 0
    assert road.asked["language"] == "de"
    assert run(tmp_path, "--language", "it") == 2


def test_case_ids_are_random_unless_given(tmp_path: Path, road: SimpleNamespace) -> None:
    run(tmp_path)
    first = road.asked["case"].case_id
    run(tmp_path)
    assert first != road.asked["case"].case_id
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([first, road.asked["case"].case_id])


def test_without_slicer_core_the_result_says_why_it_has_no_scene(
    tmp_path: Path, road: SimpleNamespace, capsys: pytest.CaptureFixture
) -> None:
    road.scene_error = SceneUnavailable("slicer-core is not installed.")
    assert run(tmp_path, "--case-id", "case-1") == 0
    note = "scene.mrb was left out: slicer-core is not installed."
    assert f"Warning: {note}" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "case-1" / "run.json").read_text())["warnings"] == [note]


def test_a_failing_scene_never_costs_the_result(
    tmp_path: Path, road: SimpleNamespace, capsys: pytest.CaptureFixture
) -> None:
    road.scene_error = RuntimeError("lost a node\nsomewhere")
    assert run(tmp_path, "--case-id", "case-1") == 1
    seen = capsys.readouterr()
    assert "could not be made (lost a node somewhere)" in seen.err
    assert "Result: " in seen.out
    assert (tmp_path / "out" / "case-1" / "findings.json").is_file()


def test_a_full_disk_while_the_scene_is_made_hides_no_result(
    tmp_path: Path, road: SimpleNamespace, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    road.scene_error = OSError(28, "No space left on device")
    monkeypatch.setattr("XAIReportLib.folder.add_warning", full)
    assert run(tmp_path, "--case-id", "case-1") == 1
    seen = capsys.readouterr()
    assert f"Result: {tmp_path / 'out' / 'case-1'}\n" in seen.out
    assert "run.json cannot be changed ([Errno 28] No space left on device)" in seen.err


def test_a_warning_in_a_result_names_no_folder(tmp_path: Path, road: SimpleNamespace) -> None:
    road.scene_error = PermissionError(13, "Permission denied", "/data/Doe Jane/case-1/scene.mrb")
    assert run(tmp_path, "--case-id", "case-1") == 1
    (warning,) = json.loads((tmp_path / "out" / "case-1" / "run.json").read_text())["warnings"]
    assert "Permission denied: 'scene.mrb'" in warning
    assert "Doe" not in warning


def test_who_interrupts_the_scene_is_told_that_the_result_stays(
    tmp_path: Path, road: SimpleNamespace, capsys: pytest.CaptureFixture
) -> None:
    road.scene_error = KeyboardInterrupt()
    assert run(tmp_path, "--case-id", "case-1") == 130
    assert "Error: Interrupted; what was finished stays.\n" in capsys.readouterr().err
    assert (tmp_path / "out" / "case-1" / "findings.json").is_file()


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("bundle x: unknown."), 2, "Error: bundle x: unknown.\n"),
        (RuntimeError("out of\nluck"), 1, "RuntimeError: out of luck"),
        (KeyboardInterrupt(), 130, "Interrupted"),
    ],
)
def test_a_failing_road_leaves_nothing(
    tmp_path: Path,
    road: SimpleNamespace,
    capsys: pytest.CaptureFixture,
    error: BaseException,
    code: int,
    said: str,
) -> None:
    road.error = error
    assert run(tmp_path) == code
    seen = capsys.readouterr()
    assert said in seen.err
    assert "Traceback" not in seen.err
    assert seen.out == ""
    assert not (tmp_path / "out").exists()


SLEEPER = """
import sys, time, types
pipeline = types.ModuleType("XAIReportLib.pipeline")
def analyze(case, output, *, keep, **options):
    from XAIReportLib.folder import complete_or_absent
    with complete_or_absent(output / case.case_id, keep) as folder:
        (folder / "half").touch()
        sys.stderr.write("inside\\n")
        sys.stderr.flush()
        time.sleep(60)
pipeline.analyze = analyze
sys.modules["XAIReportLib.pipeline"] = pipeline
from XAIReportLib.__main__ import main
sys.exit(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_analysis_leaves_nothing(tmp_path: Path, number: int, code: int) -> None:
    path = volume(tmp_path / "x.nii.gz")
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, "analyze", str(path), "--output", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.stderr.readline() != "inside\n":
        assert process.poll() is None
    process.send_signal(number)
    process.communicate()
    assert process.returncode == code
    assert [path.name for path in tmp_path.iterdir()] == ["x.nii.gz"]


def whole_result(folder: Path) -> Path:
    """A finished result whose arrays are stand-ins."""
    (folder / "masks").mkdir(parents=True)
    _finish(folder, folder.name)
    findings = (Path(__file__).parent / "report" / "findings-1.1.0.json").read_bytes()
    (folder / "findings.json").write_bytes(findings)
    (folder / "narrative.json").write_text(json.dumps({"findings_sha256": hashlib.sha256(findings).hexdigest()}))
    for name in ResultFolder(folder).missing():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"stand-in")
    return folder


def test_a_scene_is_made_wherever_the_command_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, road: SimpleNamespace, capsys: pytest.CaptureFixture
) -> None:
    folder = whole_result(tmp_path / "case-1")
    monkeypatch.chdir(tmp_path)
    assert command_line.main(["scene", "case-1"]) == 0
    assert capsys.readouterr().out == f"Scene: {folder / 'scene.mrb'}\n"
    road.scene_error = SceneUnavailable("slicer-core is not installed.")
    assert command_line.main(["scene", "case-1"]) == 1
    assert "slicer-core is not installed." in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "fhir"])
@pytest.mark.parametrize("name", ["findings.json", "narrative.json", "run.json"])
def test_a_document_that_is_nested_too_deeply_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture, command: str, name: str
) -> None:
    folder = whole_result(tmp_path / "case-1")
    (folder / name).write_text("[" * 100_000 + "]" * 100_000)
    (tmp_path / "text.txt").write_text("The model suggests glioma.")
    more = [str(tmp_path / "text.txt")] if command == "check" else []
    code, said = command_line.main([command, str(folder), *more]), capsys.readouterr().err
    assert "XAIReport failed" not in said
    if name == "findings.json" or (command, name) == ("fhir", "narrative.json"):
        assert code == command_line.BAD_INPUT
        assert name in said
        assert "analyse" in said


def test_scene_of_what_is_no_result(tmp_path: Path) -> None:
    done = xaireport("scene", tmp_path)
    assert done.returncode == 2
    assert "no result folder" in done.stderr


CODE_PAGE = """
import io, sys
sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="cp1252")  # a pipe on Windows
from XAIReportLib import __main__ as door
door.list_models = lambda options: print("left \\u2192 \\u8178.nii.gz \\xe9") or 0
sys.exit(door.main(["models"]))
"""


def test_characters_that_stdout_lacks_are_escaped_and_cost_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", CODE_PAGE], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode("cp1252").splitlines() == ["left \\u2192 \\u8178.nii.gz é"]


# --- the package -----------------------------------------------------------------------------------------------------


def test_public_names_come_when_they_are_used() -> None:
    for name in ("Case", "InputError", "read_case", "case_from_array", "read_result", "unlike_head_mri"):
        assert getattr(XAIReportLib, name).__name__ == name
    assert set(XAIReportLib.__all__) <= set(dir(XAIReportLib))
    with pytest.raises(AttributeError, match="bogus"):
        _ = XAIReportLib.bogus
