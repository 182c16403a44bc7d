"""Brains of which a part was cut away: how flat their sides are, and how far from where the whole one lies the rest is placed.

    python scripts/evaluate.py cut

Flat sides are those of the stripped heads among _head_phantoms.py's, whole and with a tenth cut away along each axis. The others:
The brains are those of ../shared/data/brain_volumes that are whole and without skull (BRATS 2013); what lies beyond a plane is
set to the background's value, as a program does that cuts a volume. The whole brain's registration is the reference, not a known
answer.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from XAIReportLib.anatomy.field_of_view import FLAT_CM2, sides_of
from XAIReportLib.anatomy.registration import register
from XAIReportLib.anatomy.transform import Transform
from XAIReportLib.case import Case
from XAIReportLib.reading import case_from_array, read_case

from evaluation import keep, machine
from evaluation._head_phantoms import make_phantom
from evaluation.measures import VOLUMES

SEEDS = range(100, 120)
TENTH = 10
WHOLE = ("brats_2013_pat0004_1", "brats_2013_pat0005_1")
# The direction in RAS along which the brain begins with what is missing, and how many percent of it are.
CUTS = (
    ("occipital", (0.0, 1.0, 0.0), 25),
    ("frontal", (0.0, -1.0, 0.0), 25),
    ("base", (0.0, 0.0, 1.0), 25),
    ("left, oblique", (1.0, 0.3, 0.2), 30),
    ("occipital and base", (0.0, 1.0, 0.5), 35),
    ("frontal and vertex", (0.0, -1.0, -0.4), 40),
)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=VOLUMES)
    options = parser.parse_args(argv)
    sides = flattest_sides()
    print(sides, flush=True)
    rows = [row for name in WHOLE for row in placed(name, read_case(options.data / name / "t1c.nii.gz"))]
    measured = {"machine": machine(), "sides": sides, "cuts": rows}
    keep("cut", measured)
    print("\n".join(section(measured)))
    return 0


def flattest_sides() -> dict[str, Any]:
    """cm2 of the flattest side of whole stripped heads, and of the same with TENTH percent cut away at each end of each axis."""
    whole, cut = [], []
    for phantom in filter(lambda p: not p.skull, map(make_phantom, SEEDS)):
        case = phantom.case
        whole.append(float(sides_of(case.head, case.affine)[1].max()))
        along = np.moveaxis(np.indices(case.head.shape), 0, -1) @ case.affine[:3, :3].T
        for axis, end in product(range(3), (TENTH, 100 - TENTH)):
            limit = np.percentile(along[..., axis][case.head], end)
            kept = along[..., axis] >= limit if end == TENTH else along[..., axis] <= limit
            cut.append(float(sides_of(case.head & kept, case.affine)[1].max()))
    return {"heads": len(whole), "largest_whole_cm2": round(max(whole), 1), "smallest_cut_cm2": round(min(cut), 1)}


def placed(name: str, case: Case) -> list[dict[str, Any]]:
    """Of each cut of a brain: verdict, coverage, and mean and 95th percentile of the distance in MNI152, in mm, between where the
    whole brain's registration and that of the rest put what is left of the brain."""
    nothing = np.zeros(case.image.shape, bool)
    _, whole = register(case, nothing)
    mm = np.moveaxis(np.indices(case.image.shape), 0, -1) @ case.affine[:3, :3].T + case.affine[:3, 3]
    background = np.median(case.image[~case.head])
    rows = []
    for part, way, percent in CUTS:
        along = mm @ np.array(way)
        kept = along >= np.percentile(along[case.head], percent)
        rest = case_from_array(np.where(kept, case.image, background).astype(np.float32), case.affine)
        registration, transform = register(rest, nothing)
        if transform is None:
            transform = Transform(registration.failed_matrix)
        points = mm[case.head & kept][::499]
        error = np.linalg.norm(transform.to_mni(points) - whole.to_mni(points), axis=1)
        rows.append(
            {
                "volume": name,
                "missing": part,
                "percent": percent,
                "verdict": registration.verdict,
                "coverage": round(registration.checks["coverage"], 3),
                "mm": round(float(error.mean()), 2),
                "p95_mm": round(float(np.percentile(error, 95)), 2),
            }
        )
        print(rows[-1], flush=True)
    return rows


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    rows, sides = measured["cuts"], measured["sides"]
    means = [row["mm"] for row in rows]
    return [
        f"## Brains of which a part was cut away ({measured['machine']})",
        "",
        f"The flattest side of {sides['heads']} whole heads without skull has {sides['largest_whole_cm2']:.0f} cm2; where a tenth "
        f"was cut away along an axis, the least is {sides['smallest_cut_cm2']:.0f} cm2. A side of {FLAT_CM2:.0f} cm2 is taken",
        "for a cut.",
        "",
        "What lies beyond a plane was set to the background's value. Distance in MNI152 from where the registration of the whole",
        f"brain, which is no known answer, puts what is left: {np.median(means):.1f} mm in the median of the means, "
        f"{max(means):.1f} at most.",
        "The rules by which such brains are judged were made with these in view.",
        "",
        "| volume | missing | verdict | template's brain imaged | mean, mm | 95th percentile, mm |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {row['volume']} | {row['percent']} %, {row['missing']} | {row['verdict']} | {100 * row['coverage']:.0f} % | "
            f"{row['mm']:.1f} | {row['p95_mm']:.1f} |"
            for row in rows
        ),
    ]
