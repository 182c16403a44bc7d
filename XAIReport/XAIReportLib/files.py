"""One file: JSON as it is read, and content that is written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from pathlib import Path
from typing import Any

# What is said of a file that may only be read, and by disks that cannot be asked to write now.
UNABLE = (errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)


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
        partial.replace(path)
    finally:
        with contextlib.suppress(OSError):  # what ended it is told, not this
            partial.unlink(missing_ok=True)


def onto_the_disk(file: int) -> None:
    """Have the system write an open file now. Raises OSError when there is no room for it after all."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in UNABLE:
            raise
