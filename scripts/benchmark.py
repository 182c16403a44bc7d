"""Times one part of the product: ``python scripts/benchmark.py PART [options]``.

Parts are the modules of scripts/benchmarks ("score-cam" is score_cam.py): each has ``main(argv)``, which prints what it measured.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
sys.path[:0] = [str(SCRIPTS), str(SCRIPTS.parent / "XAIReport")]


def parts() -> list[str]:
    """Names of what can be timed."""
    return sorted(p.stem.replace("_", "-") for p in (SCRIPTS / "benchmarks").glob("*.py") if not p.stem.startswith("_"))


def main(argv: list[str]) -> int:
    if not argv or argv[0] not in parts():
        asked_for_help = argv[:1] in (["-h"], ["--help"])
        print(f"{__doc__}\nPARTS: {', '.join(parts())}", file=sys.stdout if asked_for_help else sys.stderr)
        return 0 if asked_for_help else 2
    return importlib.import_module(f"benchmarks.{argv[0].replace('-', '_')}").main(argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
