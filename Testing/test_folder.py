"""A result folder is complete or absent, whatever happens; its images lie on the input's grid."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from filelock import FileLock
from XAIReportLib import files
from XAIReportLib.arrays import colour_table, region_colour, write_arrays
from XAIReportLib.case import InputError
from XAIReportLib.folder import (
    add_warning,
    check_writable,
    complete_or_absent,
    read_result,
    remove_all_leftovers,
    remove_leftovers,
    take_back_warning,
)
from XAIReportLib.reading import case_from_array
from XAIReportLib.results import Anatomy, AtlasRegion, Heatmap, Prediction, Registration, SaliencyMask

WRITER = """
import sys, time
from pathlib import Path
from XAIReportLib.folder import complete_or_absent
target, mark, keep = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "keep"
whole = complete_or_absent(target, keep)
with whole as folder:
    for name in ("a", "b", "run.json"):
        (folder / name).write_text(mark)
    print("inside", flush=True)
    sys.stdin.readline()
print(whole.target.name, flush=True)
"""


def write(target: Path, mark: str, keep: bool = False) -> Path:
    whole = complete_or_absent(target, keep)
    with whole as folder:
        for name in ("a", "b", "run.json"):
            (folder / name).write_text(mark)
    return whole.target


def marks(target: Path) -> set[str]:
    return {path.read_text() for path in target.iterdir()}


def everything(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def writer(target: Path, mark: str, keep: str = "replace") -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target), mark, keep],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# --- complete or absent ----------------------------------------------------------------------------------------------


def test_a_result_appears_at_once_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "new" / "deeper" / "case-1"
    with complete_or_absent(target) as folder:
        (folder / "run.json").write_text("1")
        assert not target.exists()
        assert folder.parent == target.parent
        assert folder.name.startswith(f".case-1.partial-{os.getpid()}-")
    assert everything(target.parent) == ["case-1"]


def test_a_failing_block_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), complete_or_absent(tmp_path / "new" / "deeper" / "case-1") as folder:
        (folder / "half").write_text("1")
        raise ZeroDivisionError
    assert everything(tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_an_old_result_stays_until_the_new_one_is_complete(tmp_path: Path, error: type[BaseException]) -> None:
    target = write(tmp_path / "case-1", "old")
    with pytest.raises(error), complete_or_absent(target) as folder:
        (folder / "a").write_text("new")
        raise error
    assert marks(target) == {"old"}
    write(target, "new")
    assert marks(target) == {"new"}
    assert everything(tmp_path) == ["case-1"]


def test_keep_puts_results_beside_each_other(tmp_path: Path) -> None:
    names = [write(tmp_path / "case-1", mark, keep=True).name for mark in ("1", "2", "3")]
    assert names == ["case-1", "case-1-2", "case-1-3"]
    assert [marks(tmp_path / name) for name in names] == [{"1"}, {"2"}, {"3"}]
    assert everything(tmp_path) == names


def test_a_failed_swap_brings_the_old_result_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = write(tmp_path / "case-1", "old")
    rename = Path.rename

    def broken(self: Path, to: Path) -> Path:
        if ".partial-" in self.name:
            raise OSError(28, "No space left on device")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", broken)
    with pytest.raises(OSError, match="space"):
        write(target, "new")
    assert marks(target) == {"old"}
    assert everything(tmp_path) == ["case-1"]


def test_an_old_result_that_a_program_holds_open_stays_and_the_new_one_goes_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = write(tmp_path / "case-1", "old")
    rename = Path.rename

    def held(self: Path, to: Path) -> Path:
        if self.name == "case-1":
            raise PermissionError(13, "used by another process")  # as Windows answers
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", held)
    assert write(target, "new").name == "case-1-2"
    assert marks(target) == {"old"}
    assert marks(tmp_path / "case-1-2") == {"new"}


def test_a_scanner_that_looks_at_the_new_files_costs_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows no folder can be renamed while a file in it is open."""
    target = write(tmp_path / "case-1", "old")
    rename, refused = Path.rename, set()

    def scanned(self: Path, to: Path) -> Path:
        if (self.name, to.name) not in refused:
            refused.add((self.name, to.name))
            raise PermissionError(13, "Access is denied")
        return rename(self, to)

    monkeypatch.setattr(files, "OPEN_FOR_S", 60.0)
    monkeypatch.setattr(Path, "rename", scanned)
    assert write(target, "new") == target
    assert marks(target) == {"new"}
    assert write(tmp_path / "case-2", "first").name == "case-2"


def test_what_is_no_result_is_never_replaced(tmp_path: Path) -> None:
    documents = tmp_path / "Documents"
    documents.mkdir()
    (documents / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("in the way")
    for name in ("Documents", "file"):
        with pytest.raises(InputError, match=name):
            write(tmp_path / name, "new")
        with pytest.raises(InputError, match=name):
            check_writable(tmp_path / name)
    assert (documents / "thesis.txt").read_text() == "years of work"
    assert everything(tmp_path) == ["Documents", "file"]
    assert write(documents, "new", keep=True).name == "Documents-2"


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="cannot be written"):
            check_writable(output / "case-1")
        with pytest.raises(InputError, match="cannot be written"):
            write(output / "case-1", "new")
    check_writable(tmp_path / "new" / "deeper" / "case-1")
    assert everything(tmp_path) == ["file"], "a check leaves no trace"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no read-only folders")
def test_a_read_only_output(tmp_path: Path) -> None:
    if os.geteuid() == 0:  # may write everywhere that is a disk
        with pytest.raises(InputError, match="cannot be written"):
            check_writable(Path("/proc/results/case-1") if sys.platform == "linux" else Path("/dev/null/case-1"))
        return
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="permission denied"):
            check_writable(tmp_path / "case-1")
    finally:
        tmp_path.chmod(0o700)


def test_the_second_of_two_processes_is_refused(tmp_path: Path) -> None:
    first = writer(tmp_path / "case-1", "first")
    assert first.stdout.readline() == "inside\n"
    second = writer(tmp_path / "case-1", "second")
    _, message = second.communicate("\n")
    assert second.returncode != 0
    assert "being analysed by another process" in message
    first.communicate("\n")
    assert marks(tmp_path / "case-1") == {"first"}
    assert everything(tmp_path) == ["case-1"]


def test_two_processes_that_keep_get_two_names(tmp_path: Path) -> None:
    processes = [writer(tmp_path / "case-1", mark, "keep") for mark in ("x", "y", "z")]
    for process in processes:
        assert process.stdout.readline() == "inside\n"
    names = [process.communicate("\n")[0].strip() for process in processes]
    assert sorted(names) == ["case-1", "case-1-2", "case-1-3"]
    assert [marks(tmp_path / name) for name in names] == [{"x"}, {"y"}, {"z"}]
    assert everything(tmp_path) == sorted(names)


def test_many_processes_at_once_never_mix(tmp_path: Path) -> None:
    processes = [writer(tmp_path / "case-1", str(n)) for n in range(6)]
    done = [process.communicate("\n") for process in processes]
    assert any(process.returncode == 0 for process in processes), done
    for process, (_, message) in zip(processes, done, strict=True):
        assert process.returncode == 0 or "another process" in message
    assert len(marks(tmp_path / "case-1")) == 1
    assert everything(tmp_path) == ["case-1"]


def test_leftovers_of_a_killed_run_go_and_those_of_a_live_one_stay(tmp_path: Path) -> None:
    killed, live = writer(tmp_path / "killed", "1"), writer(tmp_path / "live", "2")
    for process in (killed, live):
        assert process.stdout.readline() == "inside\n"
    killed.kill()
    killed.communicate()
    assert any(".killed.partial-" in name for name in everything(tmp_path))
    write(tmp_path / "other", "3")
    names = everything(tmp_path)
    assert not any("killed.partial" in name for name in names)
    assert any(".live.partial-" in name for name in names)
    live.communicate("\n")
    assert everything(tmp_path) == ["live", "other"]


def test_only_what_a_maker_of_scenes_left_in_a_result_is_removed(tmp_path: Path) -> None:
    output, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    for folder in (output / "case", output / "notes", elsewhere):
        (folder / ".scene-1-0k_x9abc").mkdir(parents=True)
        (folder / ".scene-1-0k_x9abc" / "scene.mrb").touch()
    for folder in (output / "case", elsewhere):
        (folder / "run.json").touch()
    (output / "case" / ".scene-settings").mkdir()
    (output / "link").symlink_to(elsewhere)
    remove_all_leftovers(output)
    kept = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob(".scene-*")}
    assert kept == {"out/case/.scene-settings", "out/notes/.scene-1-0k_x9abc", "elsewhere/.scene-1-0k_x9abc"}


def test_who_removes_a_leftover_keeps_nobody_from_its_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cases that are analysed at the same time share an output folder, and large leftovers take their time."""
    (tmp_path / ".case-1.partial-99-0123abcd").mkdir(parents=True)
    removes, may_go_on, rmtree = threading.Event(), threading.Event(), shutil.rmtree

    def slowly(path: Path, **options: object) -> None:
        if threading.current_thread() is cleaner:
            removes.set()
            assert may_go_on.wait(60)
        rmtree(path, **options)

    monkeypatch.setattr(shutil, "rmtree", slowly)
    cleaner = threading.Thread(target=remove_leftovers, args=(tmp_path,))
    cleaner.start()
    try:
        assert removes.wait(60)
        write(tmp_path / "case-1", "new")
    finally:
        may_go_on.set()
        cleaner.join()
    assert marks(tmp_path / "case-1") == {"new"}
    assert everything(tmp_path) == ["case-1"]


def test_a_lock_that_is_held_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    """As by one who gives a leftover another name."""
    lock = FileLock(tmp_path / ".case-1.lock", thread_local=False)
    lock.acquire()
    releaser = threading.Timer(0.2, lock.release)
    releaser.start()
    write(tmp_path / "case-1", "new")
    releaser.join()
    assert marks(tmp_path / "case-1") == {"new"}


def test_what_a_killed_cleaner_had_begun_to_remove_goes_with_the_next_run(tmp_path: Path) -> None:
    write(tmp_path / "case-1", "half").rename(tmp_path / ".case-1.removed-99-0123abcd")
    write(tmp_path / "other", "1")
    assert everything(tmp_path) == ["other"]


def test_a_run_killed_between_two_renames_loses_no_result(tmp_path: Path) -> None:
    write(tmp_path / "case-1", "old").rename(tmp_path / ".case-1.replaced-99-0123abcd")
    write(tmp_path / "other", "1")
    assert marks(tmp_path / "case-1") == {"old"}


def test_hidden_files_of_others_stay(tmp_path: Path) -> None:
    for name in (".case-1.partial-notes", ".git", "case-1.partial-1-0123abcd", ".case-1.partial-1-0123abcg"):
        (tmp_path / name).mkdir()
    before = everything(tmp_path)
    write(tmp_path / "case-1", "new")
    assert everything(tmp_path) == sorted([*before, "case-1"])


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_interrupted_process_leaves_nothing(tmp_path: Path) -> None:
    process = writer(tmp_path / "new" / "case-1", "1")
    assert process.stdout.readline() == "inside\n"
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert everything(tmp_path) == []


# --- arrays ----------------------------------------------------------------------------------------------------------

SHAPE = (14, 12, 10)


def oblique() -> np.ndarray:
    x, z = np.radians((17.0, -31.0))
    rx = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    rz = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = rx @ rz @ np.diag((-0.8, 1.1, 4.3))
    affine[:3, 3] = (12.5, -33.25, 71.0)
    return affine


def stages(affine: np.ndarray | None) -> tuple:
    rng = np.random.default_rng(0)
    shape = SHAPE if affine is not None else (14, 12, 1)
    case = case_from_array(rng.normal(0, 1, shape), affine, "case-1")
    labels = np.zeros(shape, np.uint8)
    labels[2:5, 3:6] = 1
    labels[8:9, 8:9] = 2
    scores = {"glioma": 0.8, "meningioma": 0.1, "pituitary": 0.1}
    probability = rng.random(shape).astype(np.float32)
    prediction = Prediction("class_suggested", "why", "glioma", scores, ("glioma",), {}, probability, labels)
    heatmaps = [
        Heatmap(m, "glioma", rng.random(shape).astype(np.float32), "layer", 0) for m in ("gradcam++", "scorecam")
    ]
    masks = [SaliencyMask(h.method, "glioma", h.values > 0.9, 90.0, "rule") for h in heatmaps]
    regions = (
        AtlasRegion(1, "Frontal Pole", "frontal", "left"),
        AtlasRegion(2, "Frontal Pole", "frontal", "right"),
        AtlasRegion(49, "Left Thalamus", "deep", "left"),
    )
    atlas = rng.choice([0, 1, 2, 49], shape).astype(np.int64)
    registration = Registration("good", "why", np.eye(4))
    anatomy = Anatomy(registration, "atlas", "licence", atlas if affine is not None else None, regions, ())
    return case, prediction, heatmaps, masks, anatomy


def finished(folder: Path, affine: np.ndarray | None = None) -> tuple:
    """A complete result folder with hand-written documents."""
    parts = stages(affine)
    folder.mkdir(parents=True)
    write_arrays(folder, *parts)
    findings = {
        "prediction": {"outcome": "class_suggested", "scores": parts[1].scores},
        "saliency": [{"method": heatmap.method} for heatmap in parts[2]],
        "anatomy": {"registration": {"verdict": "good" if affine is not None else "not_possible"}},
    }
    for name, document in (("findings", findings), ("narrative", {}), ("run", {"warnings": ["old"]})):
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    for name in ("report.html", "report.pdf", "report.txt", "regions.csv"):
        (folder / name).write_text("text")
    return parts


def test_every_image_lies_on_the_input_grid(tmp_path: Path) -> None:
    case, prediction, heatmaps, masks, anatomy = stages(oblique())
    written = write_arrays(tmp_path, case, prediction, heatmaps, masks, anatomy)
    images = [path for path in written if path.name.endswith(".nii.gz")]
    assert len(images) == 8
    for path in images:
        image = nib.load(path)
        for form in (image.get_sform(coded=True), image.get_qform(coded=True)):
            assert int(form[1]) == 1
            assert np.allclose(form[0], case.affine, atol=1e-4)
        assert np.isnan(image.header["scl_slope"]) or image.header["scl_slope"] in (0, 1)
        lps = sitk.ReadImage(str(path)).TransformContinuousIndexToPhysicalPoint((3.0, 4.0, 5.0))
        assert np.allclose(np.array(lps) * (-1, -1, 1), (case.affine @ [3, 4, 5, 1])[:3], atol=1e-3)

    def stored(name: str) -> np.ndarray:
        return np.asanyarray(nib.load(tmp_path / name).dataobj)

    for name, values, dtype in (
        ("image.nii.gz", case.image, np.float32),
        ("lesion_probability.nii.gz", prediction.lesion_probability, np.float32),
        ("heatmaps/gradcam++.nii.gz", heatmaps[0].values, np.float32),
        ("masks/scorecam.nii.gz", masks[1].values, np.uint8),
        ("masks/lesion.nii.gz", prediction.lesion_labels, np.uint8),
        ("atlas.nii.gz", anatomy.labels, np.int16),
    ):
        assert stored(name).dtype == dtype, name
        assert np.array_equal(stored(name), values), name


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    write_arrays(first, *stages(oblique()))
    time.sleep(1.1)  # gzip stores whole seconds
    write_arrays(second, *stages(oblique()))
    for path in first.rglob("*.*"):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()


def test_integers_are_stored_as_integers(tmp_path: Path) -> None:
    case, *rest = stages(oblique())
    whole = case_from_array(np.rint(case.image * 100), oblique(), "case-1")
    write_arrays(tmp_path, whole, *rest)
    stored = np.asanyarray(nib.load(tmp_path / "image.nii.gz").dataobj)
    assert stored.dtype == np.int16
    assert np.array_equal(stored, whole.image)


def test_a_picture_stands_as_it_is_in_an_axial_view(tmp_path: Path) -> None:
    case, *rest = stages(None)
    write_arrays(tmp_path, case, *rest)
    image = nib.load(tmp_path / "image.nii.gz")
    assert nib.aff2axcodes(image.affine) == ("L", "P", "S"), "columns to the viewer's right, rows down"
    assert image.shape == (14, 12, 1)
    assert not (tmp_path / "atlas.nii.gz").exists()


def test_a_case_that_was_not_analysed_has_no_lesion_mask(tmp_path: Path) -> None:
    case, prediction, *_ = stages(oblique())
    nothing = Prediction("not_applicable", "why", None, {}, (), {}, prediction.lesion_probability, np.zeros(SHAPE))
    written = write_arrays(tmp_path, case, nothing, (), (), None)
    assert [path.name for path in written] == ["image.nii.gz"]


def test_maps_off_the_grid_or_twice_are_refused(tmp_path: Path) -> None:
    case, prediction, heatmaps, masks, anatomy = stages(oblique())
    with pytest.raises(ValueError, match="twice"):
        write_arrays(tmp_path, case, prediction, [*heatmaps, heatmaps[0]], masks, anatomy)
    other = Heatmap("gradcam", "glioma", np.zeros((3, 3, 3), np.float32), "layer", 0)
    with pytest.raises(ValueError, match="shape"):
        write_arrays(tmp_path, case, prediction, [other], (), None)


def test_the_colour_table_is_slicers() -> None:
    regions = stages(oblique())[4].regions
    rows = [line.split() for line in colour_table(regions).splitlines() if not line.startswith("#")]
    assert all(len(row) == 6 for row in rows)
    assert {int(row[0]): row[1] for row in rows} == {
        0: "Background",
        1: "Left_Frontal_Pole",
        2: "Right_Frontal_Pole",
        49: "Left_Thalamus",
    }
    assert rows[0][2:] == ["0", "0", "0", "0"]


def test_atlas_colours_are_distinct() -> None:
    colours = [region_colour(label) for label in range(1, 150)]
    assert len(set(colours)) == len(colours)
    assert region_colour(7) == region_colour(7)
    neighbours = [np.abs(np.subtract(a, b)).sum() for a, b in itertools.pairwise(colours)]
    assert min(neighbours) > 60


# --- reading back ----------------------------------------------------------------------------------------------------


def test_a_moved_result_is_read_back(tmp_path: Path) -> None:
    case, _, heatmaps, *_ = finished(tmp_path / "made" / "case-1", oblique())
    moved = (tmp_path / "made").rename(tmp_path / "archive") / "case-1"
    result = read_result(moved)
    assert list(result.heatmaps) == ["gradcam++", "scorecam"]
    assert np.array_equal(nib.load(result.heatmaps["scorecam"]).get_fdata(dtype=np.float32), heatmaps[1].values)
    assert np.array_equal(nib.load(result.image).get_fdata(dtype=np.float32), case.image)
    assert result.lesion == moved / "masks" / "lesion.nii.gz"
    assert result.atlas_colours == moved / "atlas.ctbl"
    assert result.scene is None
    assert result.findings["prediction"]["outcome"] == "class_suggested"


@pytest.mark.parametrize(
    "name",
    [
        "findings.json",
        "narrative.json",
        "report.html",
        "report.pdf",
        "image.nii.gz",
        "masks/lesion.nii.gz",
        "heatmaps/scorecam.nii.gz",
        "masks/gradcam++.nii.gz",
        "atlas.nii.gz",
        "atlas.ctbl",
        "regions.csv",
    ],
)
@pytest.mark.parametrize("how", ["gone", "empty"])
def test_what_is_missing_is_named(tmp_path: Path, name: str, how: str) -> None:
    finished(tmp_path / "case-1", oblique())
    (tmp_path / "case-1" / name).unlink()
    if how == "empty":
        (tmp_path / "case-1" / name).touch()
    with pytest.raises(InputError) as caught:
        read_result(tmp_path / "case-1")
    assert name in str(caught.value)
    assert "case-1" in str(caught.value)


def test_other_folders_and_damaged_documents(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match="no result folder"):
            read_result(path)
    finished(tmp_path / "case-1", None)
    read_result(tmp_path / "case-1")
    (tmp_path / "case-1" / "findings.json").write_text("{ half")
    with pytest.raises(InputError, match=r"findings\.json"):
        read_result(tmp_path / "case-1")


def test_a_warning_is_added_to_a_finished_run(tmp_path: Path) -> None:
    finished(tmp_path / "case-1")
    add_warning(tmp_path / "case-1", "scene.mrb was left out.")
    assert read_result(tmp_path / "case-1").run["warnings"] == ["old", "scene.mrb was left out."]
    assert not list((tmp_path / "case-1").glob(".*"))


def test_a_warning_is_said_once_and_can_be_taken_back(tmp_path: Path) -> None:
    folder = tmp_path / "case-1"
    finished(folder)
    for reason in ("no room", "no library"):
        add_warning(folder, f"scene.mrb was left out: {reason}", "scene.mrb")
    assert read_result(folder).run["warnings"] == ["old", "scene.mrb was left out: no library"]
    take_back_warning(folder, "scene.mrb")
    assert read_result(folder).run["warnings"] == ["old"]


def test_slicer_reads_the_colour_table(tmp_path: Path) -> None:
    slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")
    if not hasattr(slicer, "vtkMRMLColorTableStorageNode"):
        pytest.skip("another package named slicer is installed")
    path = tmp_path / "atlas.ctbl"
    path.write_text(colour_table(stages(oblique())[4].regions), encoding="utf-8")
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLColorTableNode")
    storage = scene.AddNewNodeByClass("vtkMRMLColorTableStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    for label, name in ((1, "Left Frontal Pole"), (2, "Right Frontal Pole"), (49, "Left Thalamus")):
        assert node.GetColorName(label) == name
        colour = [0.0] * 4
        node.GetColor(label, colour)
        assert np.allclose(np.array(colour) * 255, (*region_colour(label), 255), atol=0.51)
