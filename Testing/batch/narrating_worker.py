# ruff: noqa: ARG001 - a handler's signature
"""A real child process: its analyses are small finished results of the findings that an input names; the rest is the worker's."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "report" / "grounding"))

from cases import findings_of
from XAIReportLib.folder import complete_or_absent
from XAIReportLib.report import documents, narrative
from XAIReportLib.worker.server import HANDLERS, Channel, serve

# Files that findings promise, which nobody reads here.
ARRAYS = ("image.nii.gz", "lesion_probability.nii.gz", "masks/lesion.nii.gz", "atlas.nii.gz", "atlas.ctbl")


def write_result(folder: Path, name: str, sha256: str) -> Path:
    """A finished result of findings of grounding/cases.py."""
    found = findings_of(name)
    maps = [f"{kind}/{method}.nii.gz" for kind in ("heatmaps", "masks") for method in found.map_names]
    run = {
        "case_id": folder.name,
        "input_sha256": sha256,
        "bundle": {"sha256": "0" * 64},
        "options": {},
        "warnings": [],
    }
    with complete_or_absent(folder) as partial:
        for place in (*ARRAYS, *maps):
            (partial / place).parent.mkdir(exist_ok=True)
            (partial / place).write_bytes(b"stand-in")
        (partial / "scene.mrb").write_text("scene")
        documents.write(partial, found, narrative.told(found), [], run)
        (partial / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return folder


def analyze(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    source, folder = Path(parameters["source"]), Path(parameters["output"]) / parameters["case_id"]
    write_result(folder, source.read_text(encoding="utf-8"), hashlib.sha256(source.read_bytes()).hexdigest())
    return {"folder": str(folder), "outcome": "class_suggested"}


def bundle(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"sha256": "0" * 64}


if __name__ == "__main__":
    sys.exit(serve({**HANDLERS, "analyze": analyze, "bundle": bundle}))
