"""What was tried to bring the registration nearer, on the same heads with a known answer.

    python scripts/evaluate.py registration_tries --cases 12

Heads are those of _head_phantoms.py from seed 300 on, which the part "anatomy" does not measure and on which settings may be
chosen. A run goes on where earlier ones ended: what build/registration_tries holds is done.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import SimpleITK as sitk
from XAIReportLib.anatomy import deformation, registration
from XAIReportLib.anatomy.atlas import load_atlas

from evaluation import ROOT, keep, machine
from evaluation._head_phantoms import Phantom, make_phantom
from evaluation.anatomy import contact_as_placed, evaluate, first_named

FIRST_SEED = 300
KEPT = ROOT / "build" / "registration_tries"
SHRINK = 4  # of the image on which the bias field is sought
# What each try changes of deformation.py, and whether N4 goes before.
TRIES: dict[str, tuple[dict[str, float], bool]] = {
    "as it ships": ({}, False),
    "N4 bias field correction before": ({}, True),
    "less smooth": ({"UPDATE_SIGMA": 2.0, "FIELD_SIGMA": 0.7}, False),
    "smaller neighbourhoods": ({"RADIUS": 2}, False),
    "twice as many steps": ({"STEPS": 80}, False),
    "on a grid of 2 mm": ({"GRID_MM": 2.0, "UPDATE_SIGMA": 6.0, "FIELD_SIGMA": 2.0, "RADIUS": 8}, False),
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=12, help="how many heads the measurement holds in the end")
    options = parser.parse_args(argv)
    KEPT.mkdir(parents=True, exist_ok=True)
    load_atlas()
    cases = [_measured(seed) for seed in range(FIRST_SEED, FIRST_SEED + options.cases)]
    measured = {"machine": machine(), "cases": cases}
    keep("registration_tries", measured)
    print("\n".join(section(measured)))
    return 0


def _measured(seed: int) -> dict[str, Any]:
    path = KEPT / f"{seed}.json"
    done = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"seed": seed}
    phantom = make_phantom(seed)
    for name, (settings, flattened) in TRIES.items():
        if name in done:
            continue
        own = {"GRID_MM": deformation.GRID_MM, **settings}
        with patch.multiple(deformation, **own), patch.multiple(registration, GRID_MM=own["GRID_MM"]):
            done[name] = evaluate(_flattened(phantom) if flattened else phantom)
        path.write_text(json.dumps(done) + "\n", encoding="utf-8")
        print(json.dumps({"seed": seed, "try": name, **done[name]}), flush=True)
    return done


def _flattened(phantom: Phantom) -> Phantom:
    """The head without its bias field as N4 (Tustison et al. 2010, doi 10.1109/TMI.2010.2046908) finds it."""
    case = phantom.case
    images = [sitk.GetImageFromArray(a) for a in (case.image.astype(np.float32), case.head.astype(np.uint8))]
    for image in images:
        image.SetSpacing([float(v) for v in case.spacing_mm[::-1]])  # GetImageFromArray turns the axes round
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.Execute(*(sitk.Shrink(image, [SHRINK if n > 8 * SHRINK else 1 for n in image.GetSize()]) for image in images))
    field = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(images[0]))
    return replace(phantom, case=replace(case, image=case.image / np.exp(field)))


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    cases = measured["cases"]
    lines = [
        f"## Registration: what was tried on {len(cases)} heads ({measured['machine']})",
        "",
        "Heads as in the section on anatomy, of other seeds, on which settings may be chosen; the truth corrected by what the two",
        "templates differ by. Processor time is of the whole stage.",
        "",
        "| try | mean error | 95th percentile | largest region right | most probable of those named right | contact right "
        "| error of the distance to the ventricles | step kept | processor time |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in TRIES:
        rows = [c[name] | c[name].get("matched", {}) for c in cases if "error_mm" in c[name]]
        near = [r for r in rows if "ventricle_mm" in r]
        gap = np.mean([abs(r["ventricle_mm"] - r["ventricle_found_mm"]) for r in near])
        shares = [
            f"{sum(right)} of {len(right)}"
            for right in (
                [r["top"] == r["top_found"] for r in rows],
                [r["top"] == first_named(r) for r in rows],
                [contact_as_placed(r) for r in near],
            )
        ]
        means = [f"{np.mean([r[key] for r in rows]):.2f} mm" for key in ("error_mm", "error_p95_mm")]
        kept, seconds = sum(r["deformed"] for r in rows), np.mean([r["cpu_seconds"] for r in rows])
        cells = [name, *means, *shares, f"{gap:.2f} mm", f"{kept} of {len(rows)}", f"{seconds:.1f} s"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
