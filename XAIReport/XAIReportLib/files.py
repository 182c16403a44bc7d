"""One file: JSON as it is read, content that is written whole or not at all, and its name for ITK."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What is said of a file that may only be read, and by disks that cannot be asked to write now.
UNABLE = (errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
# On Windows a file that a program has open cannot be moved, nor its folder, and virus scanners and indexers open what is new.
OPEN_FOR_S, PAUSE_S = (3.0 if os.name == "nt" else 0.0), 0.05
LONGEST_PATH = 2**15  # of Windows, characters


def read_json(content: str | bytes) -> Any:
    """The document of a JSON text. Raises ValueError when it is none, or nested too deeply to be read."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error


def put_whole(path: Path, data: bytes) -> None:
    """Write a file in one step: whoever reads it finds the old one or the new one, also after a power cut. Raises OSError when
    it cannot be written; the old one is then as it was."""
    partial = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            onto_the_disk(file.fileno())
        patiently(partial.replace, path)
    finally:
        with contextlib.suppress(OSError):  # what ended it is told, not this
            partial.unlink(missing_ok=True)


def patiently(move: Callable[[Path], Path], target: Path) -> None:
    """``move(target)``, a rename or a replacement, again and again while it is refused, for as long as a scanner takes. Raises
    OSError when it cannot be done."""
    deadline = time.monotonic() + OPEN_FOR_S
    while True:
        try:
            move(target)
            return
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(PAUSE_S)


def for_itk(path: Path) -> str:
    """The path as ITK opens it. On Windows that takes UTF-8 for the code page of the country; the short name that Windows has for
    the folder has no other letters than ASCII's."""
    folder = str(path.parent)
    if os.name != "nt" or folder.isascii():
        return str(path)
    short_name = ctypes.WinDLL("kernel32").GetShortPathNameW  # type: ignore[attr-defined]
    short_name.argtypes, short_name.restype = (ctypes.c_wchar_p, ctypes.c_wchar_p, ctypes.c_uint32), ctypes.c_uint32
    short = ctypes.create_unicode_buffer(LONGEST_PATH)
    found = short_name(folder, short, LONGEST_PATH)  # a disk may have none
    return str(Path(short.value) / path.name) if 0 < found < LONGEST_PATH else str(path)


def onto_the_disk(file: int) -> None:
    """Have the system write an open file now. Raises OSError when there is no room for it after all."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in UNABLE:
            raise
