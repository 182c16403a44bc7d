"""One process at a time: a lock file that the system frees with its process and that is gone when it is let go."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def held(path: Path, patience_s: float = 0.0) -> Iterator[bool]:
    """Whether this process alone holds the lock ``path`` within the block; False when another one has it for all of ``patience_s``.

    Raises ImportError without filelock, which Slicer does not bring, and OSError when the file cannot be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=patience_s)
    with contextlib.suppress(Timeout):
        lock.acquire()
    if not lock.is_locked:
        yield False
        return
    try:
        yield True
    finally:
        # Unlinked while it is held, so that nobody can lock a file that is about to go; Windows allows it only after.
        with contextlib.suppress(OSError):
            path.unlink()
        lock.release()
        if os.name == "nt":
            with contextlib.suppress(OSError):
                path.unlink()
