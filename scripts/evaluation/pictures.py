"""Single slices without geometry, cut out of volumes whose place is known by their registration.

    python scripts/evaluate.py pictures

Slices of all three planes, mirrored at random, with a disc or the section of a tumour as the mask. The method was written with
DEVELOPED in view; the others were looked at once. Truth is the volume's own registration, which errs by millimetres itself.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from PIL import Image
from scipy import ndimage
from XAIReportLib.anatomy.lobes import OUTSIDE, lobes_at
from XAIReportLib.anatomy.picture import place_picture
from XAIReportLib.anatomy.registration import register
from XAIReportLib.anatomy.sections import PLANES
from XAIReportLib.anatomy.transform import Transform
from XAIReportLib.case import Case, head_mask
from XAIReportLib.reading import read_case

from evaluation import ROOT, keep, machine

FIGSHARE = ROOT.parent / "shared" / "data" / "brain_tumor_mri"
WITH_SKULL = 20  # slices of each plane
VOLUMES = ROOT.parent / "shared" / "data" / "brain_volumes"
DEVELOPED = ("brats_2013_pat0003_1", "brats_2013_pat0004_1")
SLICES = 6  # of each plane and volume
DISC_MM = 10.0
NEAR_MM = 10.0  # a level that is as near is called right
LEAST_SHARE = 0.6  # of the mask in one lobe, for that to be the truth


def volumes() -> Iterator[tuple[str, Case, np.ndarray, Transform]]:
    """Name, case, tumour mask and registration of every volume."""
    for folder in sorted(VOLUMES.iterdir()):
        image = next(folder / name for name in ("t1c.nii.gz", "t1.nii.gz") if (folder / name).exists())
        case, labels = read_case(image), folder / "tumor_labels.nii.gz"
        tumour = np.asarray(nib.load(labels).dataobj) > 0 if labels.exists() else np.zeros(case.image.shape, bool)
        _, transform = register(case, tumour)
        if transform is not None:
            yield folder.name, case, tumour, transform


def slices(case: Case, tumour: np.ndarray, transform: Transform, seed: int) -> Iterator[dict[str, Any]]:
    """Pictures (i right, j down) with mask, plane and the RAS place of each pixel."""
    rng = np.random.default_rng(seed)
    turn = nib.orientations.io_orientation(case.affine)
    image, mask = (nib.orientations.apply_orientation(a, turn) for a in (case.image, tumour))
    affine = case.affine @ nib.orientations.inv_ornt_aff(turn, case.image.shape)
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    for plane, (through, first, second, levels) in PLANES.items():
        sides = np.r_[-levels[levels > 4], levels] if plane == "sagittal" else levels
        wanted = rng.choice(np.linspace(sides[0], sides[-1], 4 * SLICES), SLICES, replace=False)
        for level in wanted:
            middle = np.array([0.0, -18.0, 10.0])
            middle[through] = level
            index = np.linalg.inv(affine) @ [*transform.to_patient(middle[None])[0], 1]
            n = int(np.clip(round(index[through]), 0, image.shape[through] - 1))
            picture, section = (np.take(a, n, axis=through)[:, ::-1] for a in (image, mask))
            grid = np.indices(picture.shape).reshape(2, -1)
            place = np.full((3, grid.shape[1]), float(n))
            place[first], place[second] = grid[0], picture.shape[1] - 1 - grid[1]
            mni = transform.to_mni(place.T @ affine[:3, :3].T + affine[:3, 3])
            shape = (np.array(picture.shape) * spacing[[first, second]] / min(spacing)).astype(int)
            yield _cut(picture, section, mni, plane, spacing[[first, second]], rng, shape)


def _cut(
    picture: np.ndarray, section: np.ndarray, mni: np.ndarray, plane: str, edges: np.ndarray, rng: np.random.Generator,
    shape: np.ndarray,
) -> dict[str, Any]:  # fmt: skip
    """A picture of square pixels, perhaps mirrored, with the tumour's section or a disc in the brain as its mask."""
    zoom = shape / picture.shape
    places = mni.reshape(*picture.shape, 3)
    brain = _inside(mni).reshape(picture.shape)
    if section.sum() * edges.prod() < 60 and brain.any():
        centre = rng.choice(np.argwhere(brain))
        away = np.sqrt((((np.indices(picture.shape) - centre[:, None, None]).T * edges).T ** 2).sum(axis=0))
        section = (away < DISC_MM) & brain
    zoomed = [ndimage.zoom(a.astype(np.float32), zoom, order=1) for a in (picture, section)]
    shares = lobes_at(places[section]) if section.any() else {}
    mirrored = bool(rng.random() < 0.5)
    turn = (lambda a: a[::-1]) if mirrored else (lambda a: a)
    main = max(shares, key=shares.__getitem__, default=None)
    return {
        "plane": plane,
        "picture": np.ascontiguousarray(turn(zoomed[0])),
        "mask": np.ascontiguousarray(turn(zoomed[1] > 0.5)),
        "lobe": main if shares.get(main, 0) >= LEAST_SHARE and main != OUTSIDE else None,
        "level_mm": float(np.median(places[..., PLANES[plane][0]][brain])) if brain.any() else 0.0,
    }


def _inside(mni: np.ndarray) -> np.ndarray:
    from XAIReportLib.anatomy.atlas import load_template
    from XAIReportLib.anatomy.transform import pull

    template = load_template()
    return pull(ndimage.binary_fill_holes(template.image > 0), template.affine, mni.T)


def evaluate(name: str, case: Case, tumour: np.ndarray, transform: Transform) -> Iterator[dict[str, Any]]:
    for one in slices(case, tumour, transform, len(name)):
        if one["lobe"] is None:
            continue
        began = time.monotonic()
        head = head_mask(one["picture"][..., None])[..., 0]
        match, _ = place_picture(one["picture"], head, {"lesion-1": one["mask"]})
        said = match.places["lesion-1"] if match.places else None
        level = abs(match.level_mm) if one["plane"] == "sagittal" and match.level_mm is not None else match.level_mm
        true_level = abs(one["level_mm"]) if one["plane"] == "sagittal" else one["level_mm"]
        yield {
            "volume": name,
            "plane": one["plane"],
            "plane_found": match.plane,
            "level_mm": round(true_level, 1),
            "level_found_mm": None if level is None else round(level, 1),
            "lobe": one["lobe"],
            "lobe_found": said and said.lobe,
            "confidence": said and round(said.confidence, 3),
            "fit": round(match.fit, 3),
            "plane_confidence": round(match.plane_confidence, 3),
            "seconds": round(time.monotonic() - began, 1),
        }


def with_skull(count: int) -> Iterator[dict[str, Any]]:
    """Slices of heads with skull and tumour whose plane is known, one of a patient, as many of each plane."""
    with (FIGSHARE / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rng = np.random.default_rng(7)
    for plane in PLANES:
        groups = {row["group"]: row for row in rows if row["plane"] == plane}
        for group in rng.choice(sorted(groups), min(count, len(groups)), replace=False):
            row = groups[group]
            case = read_case(FIGSHARE / "images" / f"{row['idx']}.jpg")
            mask = np.asarray(Image.open(FIGSHARE / "masks" / f"{row['idx']}.png")).T > 0
            match, _ = place_picture(case.image[..., 0], case.head[..., 0], {"lesion-1": mask})
            yield {
                "plane": plane,
                "label": row["label_name"],
                "plane_found": match.plane,
                "lobe_found": match.places["lesion-1"].lobe if match.places else None,
                "fit": round(match.fit, 3),
            }


def main(argv: list[str] | None = None) -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(argv)
    rows = [row for volume in volumes() for row in evaluate(*volume)]
    measured = {"machine": machine(), "slices": rows, "with_skull": list(with_skull(WITH_SKULL))}
    keep("pictures", measured)
    print("\n".join(section(measured)))
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    from evaluation.anatomy import _share

    lines = [f"## Slices without geometry: {len(measured['slices'])} cut from volumes ({measured['machine']})", ""]
    lines += [
        "The picture alone is given; plane, level and lobe are found by matching. Truth is the volume's registration; a volume",
        f"that fails is left out. The method was written with the first {len(DEVELOPED)} volumes in view; the second table holds",
        "the others. Wilson's intervals.",
        "",
    ]
    for title, some in (
        ("volumes in view", [r for r in measured["slices"] if r["volume"] in DEVELOPED]),
        ("other volumes", [r for r in measured["slices"] if r["volume"] not in DEVELOPED]),
    ):
        told = [r for r in some if r["plane_found"]]
        named = [r for r in some if r["lobe_found"]]
        right = [r for r in told if r["plane"] == r["plane_found"]]
        leveled = [r for r in told if r["level_found_mm"] is not None]
        off = [abs(r["level_mm"] - r["level_found_mm"]) for r in leveled if r in right]
        near = [r in right and abs(r["level_mm"] - r["level_found_mm"]) <= NEAR_MM for r in leveled]
        lines += [
            f"| {title} | value | interval |",
            "| --- | --- | --- |",
            _share("a plane is told", [bool(r["plane_found"]) for r in some]),
            _share("of these, right", [r["plane"] == r["plane_found"] for r in told]),
            _share("a level is told", [r in leveled for r in some]),
            _share(f"of these, in the right plane and within {NEAR_MM:.0f} mm", near),
            f"| level off, where the plane is right (median) | {np.median(off) if off else float('nan'):.1f} mm | |",
            _share("a lobe is named", [bool(r["lobe_found"]) for r in some]),
            _share("of these, right", [r["lobe"] == r["lobe_found"] for r in named]),
            "",
        ]
    heads = measured["with_skull"]
    told = [r for r in heads if r["plane_found"]]
    glands = [r["lobe_found"] for r in heads if r["label"] == "pituitary" and r["lobe_found"]]
    lines += [
        f"{len(heads)} slices of as many patients of the training data's collection, with skull and tumour; their plane is known:",
        "",
        "| training data's collection | value | interval |",
        "| --- | --- | --- |",
        _share("a plane is told", [bool(r["plane_found"]) for r in heads]),
        _share("of these, right", [r["plane"] == r["plane_found"] for r in told]),
        _share("a lobe is named", [bool(r["lobe_found"]) for r in heads]),
        "",
        f"Lobes named of pituitary tumours: {', '.join(glands) or 'none'}.",
        "",
    ]
    wrong = [r for r in measured["slices"] if r["lobe_found"] and r["lobe_found"] != r["lobe"]]
    lines += ["Lobes named wrongly:", ""] if wrong else []
    lines += [
        f"- {r['volume']}, {r['plane']} at {r['level_mm']:.0f} mm: {r['lobe_found']} instead of {r['lobe']} "
        f"(read as {r['plane_found']} at {r['level_found_mm']:.0f} mm, weight {r['confidence']:.2f})"
        for r in wrong
    ]
    return lines


__all__ = ["Path", "evaluate", "main", "section", "slices", "volumes"]
