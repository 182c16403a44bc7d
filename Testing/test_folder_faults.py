"""Result folders beside readers, other users, other processes and killed runs: nobody's work is lost or kept waiting."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from XAIReportLib import folder as folders
from XAIReportLib.case import InputError
from XAIReportLib.folder import complete_or_absent, made_folder, one_line, remove_leftovers

on_posix = pytest.mark.skipif(os.name == "nt", reason="POSIX processes and users")


def write(target: Path, mark: str) -> complete_or_absent:
    whole = complete_or_absent(target)
    with whole as folder:
        (folder / "run.json").write_text(mark)
    return whole


def everything(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- a reader's work -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("work", ["review.json", "corrected/findings.json", "reviewed/report.html"])
def test_a_result_that_a_reader_worked_on_stays_beside_the_new_one(tmp_path: Path, work: str) -> None:
    target = write(tmp_path / "case-1", "old").target
    (target / work).parent.mkdir(exist_ok=True)
    (target / work).write_text("by a reader")
    whole = write(target, "new")
    assert (whole.target, whole.kept_review) == (target, tmp_path / "case-1-reviewed")
    assert (target / "run.json").read_text() == "new"
    assert not (target / work).exists()
    assert (tmp_path / "case-1-reviewed" / work).read_text() == "by a reader"
    assert everything(tmp_path) == ["case-1", "case-1-reviewed"]


def test_every_review_is_kept_under_a_name_of_its_own_and_other_results_are_not(tmp_path: Path) -> None:
    for mark in ("1", "2"):
        (write(tmp_path / "case-1", mark).target / "review.json").write_text(mark)
    assert write(tmp_path / "case-1", "3").kept_review == tmp_path / "case-1-reviewed-2"
    assert write(tmp_path / "case-1", "4").kept_review is None
    assert everything(tmp_path) == ["case-1", "case-1-reviewed", "case-1-reviewed-2"]
    assert (tmp_path / "case-1-reviewed-2" / "review.json").read_text() == "2"


def test_a_failed_swap_leaves_a_reviewed_result_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = write(tmp_path / "case-1", "old").target
    (target / "review.json").write_text("by a reader")
    rename = Path.rename

    def broken(self: Path, to: Path) -> Path:
        if ".partial-" in self.name:
            raise OSError(28, "No space left on device")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", broken)
    with pytest.raises(OSError, match="space"):
        write(target, "new")
    assert everything(tmp_path) == ["case-1"]
    assert everything(target) == ["review.json", "run.json"]


@pytest.mark.parametrize(
    ("image", "kept"), [("b" * 64, ["case-1", "case-1-other"]), ("a" * 64, ["case-1"]), (None, ["case-1"])]
)
def test_a_result_of_another_image_stays_beside_the_new_one(tmp_path: Path, image: str | None, kept: list[str]) -> None:
    write(tmp_path / "case-1", json.dumps({"input_sha256": "a" * 64}))
    whole = write(tmp_path / "case-1", json.dumps({"input_sha256": image}))
    assert everything(tmp_path) == kept
    assert json.loads((tmp_path / "case-1" / "run.json").read_text()) == {"input_sha256": image}
    assert whole.kept_other == (tmp_path / "case-1-other" if len(kept) == 2 else None)


# --- power cuts and full disks ---------------------------------------------------------------------------------------


def test_the_files_of_a_result_are_on_the_disk_before_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(everything(tmp_path)))
    write(tmp_path / "case-1", "new")
    assert len(seen) == 1
    assert "case-1" not in seen[0]


@pytest.mark.parametrize(("number", "there"), [(28, False), (5, False), (22, True)])
def test_a_disk_that_has_no_room_after_all_leaves_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, there: bool
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, "of the disk")

    monkeypatch.setattr(os, "fsync", refuse)
    with contextlib.nullcontext() if there else pytest.raises(OSError, match="of the disk"):
        write(tmp_path / "case-1", "new")
    assert everything(tmp_path) == (["case-1"] if there else [])


# --- other users and processes ---------------------------------------------------------------------------------------


def as_user(number: int, act: Callable[[], object]) -> int:
    """The exit code of a process that acts as another user."""
    process = os.fork()
    if process == 0:
        try:
            os.setgid(number)
            os.setuid(number)
            act()
            os._exit(0)
        except BaseException as error:
            print(type(error).__name__, error, flush=True)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def killed(target: Path) -> None:
    with complete_or_absent(target):
        os.kill(os.getpid(), 9)


@on_posix
def test_what_another_users_killed_run_left_is_in_nobodys_way() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may act as other users")
    shared = Path("/tmp") / f"xaireport-shared-{os.getpid()}"  # pytest's own folders are closed to others
    shared.mkdir()
    try:
        shared.chmod(0o777)
        assert as_user(1001, lambda: killed(shared / "first")) == -9
        assert ".first.lock" in everything(shared)
        assert as_user(1002, lambda: write(shared / "second", "2")) == 0
        assert (shared / "second" / "run.json").read_text() == "2"
    finally:
        shutil.rmtree(shared)


def test_a_leftover_that_cannot_be_locked_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".case-1.partial-99-0123abcd").mkdir()

    def refused(*_: object) -> bool:
        raise InputError("The output folder cannot be written (permission denied).")

    monkeypatch.setattr(folders, "_lock", refused)
    remove_leftovers(tmp_path)
    assert everything(tmp_path) == [".case-1.partial-99-0123abcd"]


def test_a_new_folder_that_another_process_removes_as_empty_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch, removed = Path.touch, []

    def late(self: Path, **options: object) -> None:
        if not removed:
            self.parent.rmdir()
            removed.append(self.parent)
        touch(self, **options)

    monkeypatch.setattr(Path, "touch", late)
    with made_folder(tmp_path / "new" / "out") as folder:
        assert folder.is_dir()
    assert removed == [tmp_path / "new" / "out"]
    assert everything(tmp_path) == []


def race(base: Path, number: int, start: object, answers: object) -> None:
    wrong = []
    for turn in range(100):
        start.wait()
        try:
            write(base / str(turn) / "out" / f"case-{number}", "1")
        except Exception as error:
            wrong.append(repr(error))
    answers.put(wrong)


@on_posix
def test_two_processes_can_begin_in_one_new_output_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(2), context.Queue()
    processes = [context.Process(target=race, args=(tmp_path, n, start, answers)) for n in range(2)]
    for process in processes:
        process.start()
    assert [answers.get(timeout=120) for _ in processes] == [[], []]
    for process in processes:
        process.join()
    assert all(everything(tmp_path / str(turn) / "out") == ["case-0", "case-1"] for turn in range(100))


# --- killed runs -----------------------------------------------------------------------------------------------------


def test_half_of_a_replaced_result_is_not_put_back(tmp_path: Path) -> None:
    half = tmp_path / ".case-1.replaced-99-0123abcd"
    half.mkdir()
    (half / "report.pdf").write_text("half")
    write(tmp_path / "other", "1")
    assert everything(tmp_path) == ["other"]


def test_replaced_dicom_objects_are_put_back_by_whatever_is_written_beside_them(tmp_path: Path) -> None:
    whole = tmp_path / ".dicom.replaced-99-0123abcd"
    whole.mkdir()
    (whole / "index.json").write_text("{}")
    write(tmp_path / "corrected", "1")
    assert everything(tmp_path) == ["corrected", "dicom"]


def test_a_replaced_result_is_removed_under_a_name_that_is_never_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, removed = write(tmp_path / "case-1", "old").target, []
    monkeypatch.setattr(shutil, "rmtree", lambda path, **_: removed.append(Path(path).name))
    write(target, "new")
    assert [name.rsplit("-", 2)[0] for name in removed] == [".case-1.removed", ".case-1.partial"]


# --- what an error says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("[Errno 2] No such file: '/home/Jane Doe/c1/scene.mrb'", "[Errno 2] No such file: 'scene.mrb'"),
        ("The scene of /data/Doe_Jane/c1 was not\nsaved: a/b lost.", "The scene of c1 was not saved: a/b lost."),
        (r"[WinError 5] Access is denied: 'C:\\Users\\Jane\\scene.mrb'", "[WinError 5] Access is denied: 'scene.mrb'"),
        (r"\\server\Doe\x of 3 / 4, T1/T2, https://a.b/c", "x of 3 / 4, T1/T2, https://a.b/c"),
        ("cannot import 'x' (/opt/lib/slicer/__init__.py)", "cannot import 'x' (__init__.py)"),
    ],
)
def test_an_error_in_a_result_names_files_and_no_folder(said: str, kept: str) -> None:
    assert one_line(RuntimeError(said)) == kept
