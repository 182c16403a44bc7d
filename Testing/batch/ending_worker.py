# ruff: noqa: ARG001 - a handler's signature
"""A real child process whose analyses end in the ways that an input names, some of them behind a finished result."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from narrating_worker import bundle, write_result
from XAIReportLib.folder import complete_or_absent
from XAIReportLib.worker.server import Channel, serve


def analyze(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    """By the input's name: dies with last words, fails with a path, or hangs or dies while the scene of its result is made."""
    source, folder = Path(parameters["source"]), Path(parameters["output"]) / parameters["case_id"]
    if "denied" in source.name:
        raise PermissionError(13, "Permission denied", "/data/Doe Jane/out/x")
    if "half" in source.name:
        with complete_or_absent(folder) as partial:
            (partial / "image.nii.gz").write_bytes(b"half")
            threading.Event().wait()
    if "scene" in source.name:
        write_result(folder, "left glioma", hashlib.sha256(source.read_bytes()).hexdigest())
        (folder / ".scene-1-0k_x9abc").mkdir()
        (folder / "scene.mrb").rename(folder / ".scene-1-0k_x9abc" / "scene.mrb")
    if "slow" in source.name:
        threading.Event().wait()
    print("libfoo: CUDA error 719 in kernel x", file=sys.stderr, flush=True)
    os._exit(3)


if __name__ == "__main__":
    sys.exit(serve({"analyze": analyze, "bundle": bundle}))
