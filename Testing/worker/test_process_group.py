"""The job object of Windows, as far as it can be shown elsewhere: the calls, their order and types against a stand-in kernel32."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import pytest
from XAIReportLib.worker import process_group
from XAIReportLib.worker.process_group import BasicLimits, ExtendedLimits, WindowsJob

JOB, PROCESS = 0x7FFF_FFFF_1234, 0x1C8
# Of the functions' pages in the Win32 documentation: arguments, result.
PVOID, HANDLE, BOOL, DWORD = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32
DOCUMENTED = {
    "CreateJobObjectW": ((PVOID, ctypes.c_wchar_p), HANDLE),
    "SetInformationJobObject": ((HANDLE, ctypes.c_int, PVOID, DWORD), BOOL),
    "AssignProcessToJobObject": ((HANDLE, HANDLE), BOOL),
    "TerminateJobObject": ((HANDLE, DWORD), BOOL),
    "CloseHandle": ((HANDLE,), BOOL),
}


class Kernel32:
    """Answers the documented calls and keeps them; any other name, and arguments of undeclared types, are refused."""

    def __init__(self, answers: dict[str, int]) -> None:
        self.calls: list[tuple[Any, ...]] = []
        for name in DOCUMENTED:
            setattr(self, name, self._function(name, {"CreateJobObjectW": JOB, **answers}.get(name, 1)))

    def _function(self, name: str, answer: int) -> Any:
        class Function:
            argtypes: Any = None
            restype: Any = None

            def __call__(function, *arguments: Any) -> int:
                assert (function.argtypes, function.restype) == DOCUMENTED[name]
                for declared, value in zip(function.argtypes, arguments, strict=True):
                    declared.from_param(value)
                self.calls.append((name, *arguments))
                return answer

        return Function()


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives the stand-in after saying what its functions answer instead of success."""

    def answering(**answers: int) -> Kernel32:
        library = Kernel32(answers)

        def load(name: str, use_last_error: bool) -> Kernel32:
            assert (name, use_last_error) == ("kernel32", True)
            return library

        monkeypatch.setattr(ctypes, "WinDLL", load, raising=False)
        monkeypatch.setattr(ctypes, "get_last_error", lambda: 8, raising=False)
        monkeypatch.setattr(ctypes, "WinError", lambda code: OSError(code, "not enough memory"), raising=False)
        return library

    return answering


def child() -> Any:
    ended: list[bool] = []
    return SimpleNamespace(_handle=PROCESS, kill=lambda: ended.append(True), ended=ended)


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="the sizes are those of 64-bit Windows")
def test_the_structures_have_the_sizes_and_places_of_winnt_h():
    assert (ctypes.sizeof(BasicLimits), ctypes.sizeof(ExtendedLimits)) == (64, 144)
    assert BasicLimits.LimitFlags.offset == 16
    assert BasicLimits.MinimumWorkingSetSize.offset == 24
    assert BasicLimits.Affinity.offset == 48
    assert ExtendedLimits.IoInfo.offset == 64
    assert ExtendedLimits.ProcessMemoryLimit.offset == 112


def test_a_job_ends_all_of_its_processes_and_gives_its_handle_back_once(windows):
    kernel32, process = windows(), child()
    job = WindowsJob()
    job.add(process)
    job.end()
    job.close()
    job.end()
    job.close()
    names = [name for name, *_ in kernel32.calls]
    assert names == [*list(DOCUMENTED)[:4], "CloseHandle"]
    _name, handle, kind, limits, size = kernel32.calls[1]
    assert (handle, kind, size) == (JOB, 9, ctypes.sizeof(ExtendedLimits))
    flags = ctypes.cast(limits, ctypes.POINTER(ExtendedLimits)).contents.BasicLimitInformation.LimitFlags
    assert flags == 0x2000
    assert kernel32.calls[2:] == [
        ("AssignProcessToJobObject", JOB, PROCESS),
        ("TerminateJobObject", JOB, 1),
        ("CloseHandle", JOB),
    ]
    assert process.ended


def test_a_child_that_could_not_join_its_job_is_ended_all_the_same(windows):
    windows(AssignProcessToJobObject=0)
    process, job = child(), WindowsJob()
    job.add(process)
    job.end()
    assert process.ended


@pytest.mark.parametrize("refused", ["CreateJobObjectW", "SetInformationJobObject"])
def test_without_a_job_no_child_is_started_and_the_reason_is_windows_own(windows, refused):
    kernel32 = windows(**{refused: 0})
    with pytest.raises(OSError, match="not enough memory"):
        WindowsJob()
    opened = [name for name, *_ in kernel32.calls if name != "CreateJobObjectW"]
    assert opened == ([] if refused == "CreateJobObjectW" else ["SetInformationJobObject", "CloseHandle"])


def test_windows_gets_a_job(windows, monkeypatch):
    windows()
    monkeypatch.setattr(process_group.os, "name", "nt")
    try:
        assert isinstance(process_group.process_group(), WindowsJob)
    finally:
        monkeypatch.undo()  # pathlib asks for the same name
