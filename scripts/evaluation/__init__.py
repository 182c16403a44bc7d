"""What is measured, one part a module."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MEASUREMENTS = ROOT / "docs" / "measurements"


def machine() -> str:
    """The machine in words, for beside every figure."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"


def keep(part: str, measured: dict[str, Any]) -> Path:
    """Writes docs/measurements/PART.json."""
    MEASUREMENTS.mkdir(parents=True, exist_ok=True)
    path = MEASUREMENTS / f"{part}.json"
    path.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    return path
