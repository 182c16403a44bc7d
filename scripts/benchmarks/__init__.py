"""What is timed, one part a module."""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
from evaluation import MEASUREMENTS

RESAMPLED = 2000


def machine() -> dict[str, Any]:
    """The machine in words, and how busy it was with other work when asked."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        processor = names[0] if names else processor
    return {
        "processor": processor,
        "processors": os.cpu_count(),
        "torch": torch.__version__.split("+")[0],
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def middle(values: list[float], digits: int = 3) -> dict[str, Any]:
    """Median with its 95 % interval (bootstrap over the repeats)."""
    numbers = np.asarray(values, float)
    draws = np.random.default_rng(0).choice(numbers, (RESAMPLED, len(numbers)))
    low, high = np.percentile(np.median(draws, axis=1), [2.5, 97.5])
    rounded = {"median": float(np.median(numbers)), "low": float(low), "high": float(high)}
    return {name: round(value, digits) for name, value in rounded.items()} | {"repeats": len(numbers)}


def where_figures_go(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    parser.add_argument("--keep", action="store_true", help="also in docs/measurements, for docs/results.md")


def report(measured: dict[str, Any], part: str, options: argparse.Namespace) -> int:
    """Prints the figures and writes them where ``where_figures_go`` said."""
    text = json.dumps(measured, indent=1) + "\n"
    print(text, end="")
    for path in [options.output] * bool(options.output) + [MEASUREMENTS / f"benchmark-{part}.json"] * options.keep:
        path.write_text(text, encoding="utf-8")
    return 0


def machine_text(machine_: dict[str, Any]) -> str:
    return f"{machine_['processor']}, {machine_['threads']} threads, torch {machine_['torch']}"
