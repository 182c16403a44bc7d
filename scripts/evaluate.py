"""Measures one part of the product and keeps the figures: ``python scripts/evaluate.py PART [options]``.

Parts are the modules of scripts/evaluation: each has ``main(argv)``, which prints its figures and keeps them in
docs/measurements/PART.json, and ``section(measured)``, which words them for docs/results.md (scripts/results.py).
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
sys.path[:0] = [str(SCRIPTS), str(SCRIPTS.parent / "XAIReport")]


def parts() -> list[str]:
    """Names of what can be measured."""
    return sorted(p.stem for p in (SCRIPTS / "evaluation").glob("*.py") if not p.stem.startswith("_"))


def main(argv: list[str]) -> int:
    if not argv or argv[0] not in parts():
        asked_for_help = argv[:1] in (["-h"], ["--help"])
        print(f"{__doc__}\nPARTS: {', '.join(parts())}", file=sys.stdout if asked_for_help else sys.stderr)
        return 0 if asked_for_help else 2
    return importlib.import_module(f"evaluation.{argv[0]}").main(argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
