"""Our deformable step beside ANTs' SyN (antspyx) on the same heads with a known answer.

    python scripts/evaluate.py deformable --cases 12

Heads are those of _head_phantoms.py from seed 340 on, of which the part "anatomy" measures none; seeds 300 to 339 were used
while the settings of SyN and the forced answer on contact were chosen. A run goes on where earlier
ones ended: what docs/measurements/deformable.json and build/deformable hold is done.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
from XAIReportLib.anatomy.atlas import load_atlas
from XAIReportLib.anatomy.syn import syn_version
from XAIReportLib.results import DEFORMABLE_STEPS

from evaluation import MEASUREMENTS, ROOT, keep, machine
from evaluation._head_phantoms import make_phantom
from evaluation.anatomy import contact_as_mostly, contact_as_placed, evaluate, first_named

FIRST_SEED = 340
KEPT = ROOT / "build" / "deformable"
SHOWN = {"correlation": "local correlation, ours", "syn": "SyN"}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=12, help="how many heads the measurement holds in the end")
    options = parser.parse_args(argv)
    KEPT.mkdir(parents=True, exist_ok=True)
    load_atlas()
    done = _done()
    for seed in range(FIRST_SEED, FIRST_SEED + options.cases):
        if seed in done:
            continue
        phantom = make_phantom(seed)
        done[seed] = {"seed": seed, **{step: evaluate(phantom, step) for step in DEFORMABLE_STEPS}}
        (KEPT / f"{seed}.json").write_text(json.dumps(done[seed]) + "\n", encoding="utf-8")
        print(json.dumps(done[seed]), flush=True)
    cases = [done[seed] for seed in sorted(done) if seed < FIRST_SEED + options.cases]
    measured = {"machine": machine(), "antspyx": syn_version(), "cases": cases}
    keep("deformable", measured)
    print("\n".join(section(measured)))
    return 0


def _done() -> dict[int, dict[str, Any]]:
    stored = MEASUREMENTS / "deformable.json"
    rows = json.loads(stored.read_text(encoding="utf-8"))["cases"] if stored.exists() else []
    rows += [json.loads(path.read_text(encoding="utf-8")) for path in KEPT.glob("*.json")]
    return {row["seed"]: row for row in rows}


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    # Where one step leaves no registration, the pair cannot be compared.
    cases = [c for c in measured["cases"] if all("error_mm" in c[step] for step in DEFORMABLE_STEPS)]
    lines = [
        f"## Deformable step: ours and SyN of antspyx {measured['antspyx']} ({measured['machine']})",
        "",
        f"{len(cases)} heads as in the section on anatomy, with other seeds; both steps after the same affine transform, on the",
        "same 4 mm grid, the lesion left out. Processor time is of the whole stage.",
        "",
        "| figure | affine alone | " + " | ".join(SHOWN.values()) + " |",
        "| --- | --- | --- | --- |",
    ]
    for name, key in (("mean error inside the brain", "error_mm"), ("95th percentile of the error", "error_p95_mm")):
        values = [np.mean([c["correlation"][f"affine_{key}"] for c in cases])]
        values += [np.mean([c[step][key] for c in cases]) for step in DEFORMABLE_STEPS]
        lines.append(f"| {name} | " + " | ".join(f"{v:.2f} mm" for v in values) + " |")
    near = [c for c in cases if all("ventricle_mm" in c[step] for step in DEFORMABLE_STEPS)]
    shares = {
        "step kept": (cases, lambda r: r["deformed"]),
        "region with the largest share right, as placed": (cases, lambda r: r["top"] == r["top_found"]),
        "the same, the most probable of those named": (cases, lambda r: r["top"] == first_named(r)),
        "contact with the ventricles right, as placed": (near, contact_as_placed),
        "the same, as under at least half of the expected registrations": (near, contact_as_mostly),
    }
    for name, (some, right) in shares.items():
        counts = [f"{sum(right(c[step]) for c in some)} of {len(some)}" for step in DEFORMABLE_STEPS]
        lines.append(f"| {name} | – | " + " | ".join(counts) + " |")
    off = [np.mean([abs(c[s]["ventricle_mm"] - c[s]["ventricle_found_mm"]) for c in near]) for s in DEFORMABLE_STEPS]
    lines.append("| error of the distance to the ventricles | – | " + " | ".join(f"{v:.2f} mm" for v in off) + " |")
    times = [np.mean([c[step]["cpu_seconds"] for c in cases]) for step in DEFORMABLE_STEPS]
    lines.append("| processor time | – | " + " | ".join(f"{v:.1f} s" for v in times) + " |")
    return lines
