"""Writes docs/results.md from docs/measurements."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "XAIReport")]

from benchmark import parts as timed_parts  # noqa: E402
from evaluate import parts  # noqa: E402
from evaluation import MEASUREMENTS, _anatomy_targets, _saliency_targets, _targets  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    lines = [
        "# Results",
        "",
        "Written by `python scripts/results.py` from what `python scripts/evaluate.py PART` and",
        "`python scripts/benchmark.py PART --keep` kept in docs/measurements.",
        "Nothing here was tuned on test patients or on the volumes, except where it is said.",
        "",
    ]
    kept = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in MEASUREMENTS.glob("*.json")}
    for targets in (_targets, _saliency_targets, _anatomy_targets):
        lines += [*targets.section(kept), ""]
    for part in parts():
        module, stored = importlib.import_module(f"evaluation.{part}"), MEASUREMENTS / f"{part}.json"
        if stored.exists():
            lines += [*module.section(json.loads(stored.read_text(encoding="utf-8"))), ""]
        else:
            lines += [f"## {part.capitalize()}", "", f"Not run yet (`python scripts/evaluate.py {part}`).", ""]
    for part in timed_parts():
        stored = MEASUREMENTS / f"benchmark-{part}.json"
        if stored.exists():
            module = importlib.import_module(f"benchmarks.{part.replace('-', '_')}")
            lines += [*module.section(json.loads(stored.read_text(encoding="utf-8"))), ""]
        else:
            lines += [f"## Benchmark {part}", "", f"Not run yet (`python scripts/benchmark.py {part} --keep`).", ""]
    (ROOT / "docs" / "results.md").write_text("\n".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
