"""A child with everything that it starts, so that all of it can be ended at once: a session on POSIX, a job object on Windows."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
from typing import Any, Protocol

JOB_OBJECT_EXTENDED_LIMIT_INFORMATION = 9  # of JOBOBJECTINFOCLASS
JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE = 0x2000
EXIT_CODE = 1


class ProcessGroup(Protocol):
    """``options`` are for subprocess.Popen; ``add`` is called once, as soon as the child runs."""

    options: dict[str, Any]

    def add(self, process: subprocess.Popen) -> None: ...
    def end(self) -> None: ...
    def close(self) -> None: ...


def process_group() -> ProcessGroup:
    """Raises OSError when Windows makes no job."""
    return WindowsJob() if os.name == "nt" else PosixSession()


class PosixSession:
    """The child leads a session of its own, whose process group has its number."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {"start_new_session": True}
        self._leader: int | None = None

    def add(self, process: subprocess.Popen) -> None:
        self._leader = process.pid

    def end(self) -> None:
        """Kill the child and every process of its group, at once."""
        if self._leader is not None:
            with contextlib.suppress(OSError):
                os.killpg(self._leader, signal.SIGKILL)

    def close(self) -> None:
        """Nothing is held."""


class WindowsJob:
    """A job object: what the child starts once it was added is in it, too, and all of it ends with the job's last handle, so that
    nothing outlives a program that crashed.

    Raises OSError when Windows makes no job.
    """

    def __init__(self) -> None:
        flags = ("CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW")  # a console's Ctrl-C is not for the child
        self.options: dict[str, Any] = {"creationflags": sum(getattr(subprocess, flag, 0) for flag in flags)}
        self._process: subprocess.Popen | None = None
        self._lock = threading.Lock()  # a handle that was closed may already be another object's
        self._kernel32 = _kernel32()
        self._job: int | None = self._kernel32.CreateJobObjectW(None, None)
        if not self._job:
            raise _last_error()
        limits = ExtendedLimits()
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
        if not self._kernel32.SetInformationJobObject(
            self._job, JOB_OBJECT_EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), ctypes.sizeof(limits)
        ):
            error = _last_error()
            self.close()
            raise error

    def add(self, process: subprocess.Popen) -> None:
        """A child that has ended already cannot be added, and need not be: its end is seen as any other's."""
        self._process = process
        self._kernel32.AssignProcessToJobObject(self._job, int(process._handle))  # type: ignore[attr-defined]

    def end(self) -> None:
        """Kill the child and every process of its job, at once."""
        with self._lock:
            if self._job:
                self._kernel32.TerminateJobObject(self._job, EXIT_CODE)
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.kill()

    def close(self) -> None:
        with self._lock:
            job, self._job = self._job, None
            if job:
                self._kernel32.CloseHandle(job)


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION of winnt.h. A DWORD has 32 bits; that of ctypes.wintypes is a long of the system."""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class Counters(ctypes.Structure):
    """IO_COUNTERS of winnt.h."""

    _fields_ = tuple(
        (f"{what}{unit}Count", ctypes.c_uint64)
        for unit in ("Operation", "Transfer")
        for what in ("Read", "Write", "Other")
    )


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION of winnt.h."""

    _fields_ = (
        ("BasicLimitInformation", BasicLimits),
        ("IoInfo", Counters),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


def _kernel32() -> Any:
    """A library object of our own, so that what is declared here is nobody else's."""
    library = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    handle, flag, number = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32
    for name, arguments, result in (
        ("CreateJobObjectW", (ctypes.c_void_p, ctypes.c_wchar_p), handle),
        ("SetInformationJobObject", (handle, ctypes.c_int, ctypes.c_void_p, number), flag),
        ("AssignProcessToJobObject", (handle, handle), flag),
        ("TerminateJobObject", (handle, number), flag),
        ("CloseHandle", (handle,), flag),
    ):
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, result
    return library


def _last_error() -> OSError:
    return ctypes.WinError(ctypes.get_last_error())  # type: ignore[attr-defined]
