"""A healthy head under simulated acquisitions: how often the model finds what is not there.

    python scripts/evaluate.py healthy --data ../shared/data/brain_volumes

One healthy head (with skull and neck) is resampled to other thicknesses, gets noise and a bias field, loses its skull, and gets
other backgrounds and intensity scales. The acquisitions are not independent: they are one person.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage
from statsmodels.stats.proportion import proportion_confint
from XAIReportLib.anatomy.atlas import load_template
from XAIReportLib.anatomy.registration import register
from XAIReportLib.anatomy.transform import pull
from XAIReportLib.case import Case
from XAIReportLib.models.bundle import choose_device, load_bundle, load_network
from XAIReportLib.models.inference import look, predict
from XAIReportLib.reading import case_from_array, read_case
from XAIReportLib.views import make_views

from evaluation import MEASUREMENTS, ROOT, keep, machine

SMALLEST_ML = 0.5


@dataclass(frozen=True)
class Acquisition:
    """``thick_mm`` along ``axis`` (0 sagittal, 1 coronal, 2 axial slices), 1 is as it was; ``noise`` and ``bias`` as shares of
    the head's brightness; ``background``: "air" Rayleigh noise, "zero", or "z-score" (constant, negative)."""

    thick_mm: float = 1.0
    axis: int = 2
    noise: float = 0.0
    bias: float = 0.0
    stripped: bool = False
    background: str = "air"


ACQUISITIONS = [
    Acquisition(thick_mm=t, axis=a, noise=n, bias=b, stripped=s, background=g)
    for t, a, n, b, s, g in (
        (1, 2, 0.00, 0.0, False, "air"), (1, 2, 0.03, 0.2, False, "air"), (1, 2, 0.06, 0.4, False, "zero"),
        (3, 2, 0.00, 0.0, False, "zero"), (3, 2, 0.03, 0.2, False, "air"), (3, 1, 0.03, 0.4, False, "z-score"),
        (5, 2, 0.00, 0.2, False, "air"), (5, 2, 0.03, 0.4, False, "zero"), (5, 0, 0.03, 0.2, False, "air"),
        (6, 2, 0.02, 0.2, False, "z-score"), (6, 1, 0.02, 0.0, False, "air"), (2, 0, 0.06, 0.2, False, "air"),
        (1, 2, 0.00, 0.0, True, "zero"), (1, 2, 0.03, 0.2, True, "z-score"), (1, 2, 0.03, 0.0, True, "air"),
        (3, 2, 0.00, 0.2, True, "zero"), (3, 2, 0.03, 0.0, True, "z-score"), (5, 2, 0.02, 0.2, True, "zero"),
        (5, 1, 0.02, 0.0, True, "zero"), (6, 2, 0.00, 0.2, True, "z-score"),
    )
]  # fmt: skip


def acquire(case: Case, brain: np.ndarray, how: Acquisition, rng: np.random.Generator) -> Case:
    """The case as another scanner would give it, on its new grid."""
    inside = brain if how.stripped else case.head
    image = np.where(inside, case.image, 0.0)
    scale = float(np.percentile(case.image[case.head], 99))
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in image.shape], indexing="ij", sparse=True)
    a, b, c = rng.uniform(-1, 1, 3)
    image = image * np.exp(how.bias * (a * x + b * y + c * z - 0.5 * (x**2 + y**2)))
    affine = case.affine.copy()
    factor = how.thick_mm / case.spacing_mm[how.axis]
    if factor > 1.2:
        sigma = [0.0] * 3
        sigma[how.axis] = 0.42 * np.sqrt(factor**2 - 1)
        zoom = [1.0] * 3
        zoom[how.axis] = factor
        shape = list(image.shape)
        shape[how.axis] = int(image.shape[how.axis] / factor)
        image = ndimage.affine_transform(ndimage.gaussian_filter(image, sigma), zoom, output_shape=shape, order=1)
        inside = ndimage.affine_transform(inside.astype(np.float32), zoom, output_shape=shape, order=1) >= 0.5
        affine[:3, how.axis] *= factor
    noisy = np.hypot(
        image + rng.normal(0, how.noise * scale, image.shape), rng.normal(0, how.noise * scale, image.shape)
    )
    if how.background == "air":
        image = np.where(inside, noisy, rng.rayleigh(max(how.noise, 0.01) * scale, image.shape))
    else:
        image = np.where(inside, noisy, 0.0)
    if how.background == "z-score":
        values = image[inside]
        image = np.where(inside, (image - values.mean()) / values.std(), (0 - values.mean()) / values.std())
    return case_from_array(image.astype(np.float32), affine, "healthy")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "brain_volumes")
    parser.add_argument("--bundle", default="brain_tumor_mri")
    options = parser.parse_args(argv)
    bundle = load_bundle(options.bundle)
    network = load_network(bundle, choose_device("auto")[0].type)
    case = read_case(options.data / "healthy_t1" / "t1.nii.gz", "healthy")
    registration, transform = register(case, np.zeros(case.image.shape, bool))
    if transform is None:
        raise RuntimeError(
            f"the healthy head could not be registered, so its skull cannot be taken off: {registration.reason}"
        )
    template = load_template()
    brain = pull(template.image > 0, template.affine, transform.mni_mm(case.affine, case.image.shape))
    rows = []
    for number, how in enumerate(ACQUISITIONS):
        changed = acquire(case, brain, how, np.random.default_rng(number))
        views, pixels = make_views(changed)
        prediction = predict(changed, views, look(network, pixels), bundle)
        sizes = [
            round(float((prediction.lesion_labels == n).sum() * changed.voxel_ml), 2)
            for n in range(1, int(prediction.lesion_labels.max()) + 1)
        ]
        rows.append({**asdict(how), "outcome": prediction.outcome, "lesions_ml": sizes})
        print(rows[-1], flush=True)
    clean = sum(not any(size >= SMALLEST_ML for size in row["lesions_ml"]) for row in rows)
    low, high = proportion_confint(clean, len(rows), method="wilson")
    keep(
        "healthy",
        {
            "bundle": bundle.sha256, "version": bundle.version, "earlier": _earlier(bundle.version),
            "machine": machine(), "smallest_ml": SMALLEST_ML, "clean": clean, "of": len(rows),
            "low": round(float(low), 3), "high": round(float(high), 3), "acquisitions": rows,
        },
    )  # fmt: skip
    return 0


def _earlier(version: str) -> list[dict[str, Any]]:
    """What was measured with other versions of the bundle: an improvement seen on this head is a development figure."""
    stored = MEASUREMENTS / "healthy.json"
    last = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    kept = [e for e in last.get("earlier", []) if e["version"] != version]
    if last.get("version", version) != version:
        kept.append({"version": last["version"], "clean": last["clean"], "of": last["of"]})
    return kept


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    lines = [
        "## A healthy head under simulated acquisitions",
        "",
        f"Bundle {measured['version']}.",
        f"No lesion of {measured['smallest_ml']} ml or more in {measured['clean']} of {measured['of']} acquisitions of one healthy "
        f"head (Wilson 95 %: {measured['low']:.2f} to {measured['high']:.2f}, as if they were independent, which they are not).",
        *(
            f"Bundle {e['version']}: {e['clean']} of {e['of']}, seen before version {measured['version']} was made."
            for e in measured["earlier"]
        ),
        "",
        "| slices | noise | bias | skull | background | outcome | lesions, ml |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    planes = ("sagittal", "coronal", "axial")
    for row in measured["acquisitions"]:
        sizes = ", ".join(map(str, row["lesions_ml"])) or "none"
        lines.append(
            f"| {row['thick_mm']:g} mm {planes[row['axis']]} | {row['noise']:.0%} | {row['bias']:.0%} | "
            f"{'off' if row['stripped'] else 'on'} | {row['background']} | {row['outcome'].replace('_', ' ')} | {sizes} |"
        )
    return lines
