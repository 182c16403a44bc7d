"""The result folder's images: written on the input's grid, with bytes that depend on nothing but the arrays."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from XAIReportLib.case import Case
from XAIReportLib.results import Anatomy, AtlasRegion, Heatmap, Prediction, SaliencyMask, map_names

# A picture without geometry is written at 1 mm with i to the patient's left and j to the back, so that an axial view
# shows it as it stands; run.json says that this geometry is nominal.
NOMINAL_AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])
LESION = "lesion"


def write_arrays(
    folder: Path,
    case: Case,
    prediction: Prediction,
    heatmaps: Iterable[Heatmap],
    masks: Iterable[SaliencyMask],
    anatomy: Anatomy | None,
) -> list[Path]:
    """Write image.nii.gz, lesion_probability.nii.gz, heatmaps/, masks/, and atlas.nii.gz with atlas.ctbl.

    Heat maps and probabilities are float32, masks uint8, the lesion mask uint8 component labels, the atlas int16. The
    lesion files are left out when the model was not run (not applicable), the atlas when there is none. Beside the atlas
    lies displacement.nii.gz, where the registration has a deformable step: int16 (x, y, z, 3), hundredths of a millimetre
    along the patient's right, anterior and superior, which are added before the matrix of the findings is applied.

    Returns the paths. Raises ValueError for an array off the case's grid or two maps of one method and class.
    """
    images: dict[str, np.ndarray] = {"image": _image(case.image)}
    if prediction.outcome != "not_applicable" or prediction.scores:
        images["lesion_probability"] = prediction.lesion_probability.astype(np.float32)
        images[f"masks/{LESION}"] = prediction.lesion_labels.astype(np.uint8)
    for name, heatmap in _named(heatmaps):
        _add(images, f"heatmaps/{name}", heatmap.values.astype(np.float32))
    for name, mask in _named(masks):
        _add(images, f"masks/{name}", (mask.values != 0).astype(np.uint8))
    if anatomy is not None and anatomy.labels is not None:
        images["atlas"] = anatomy.labels.astype(np.int16)
    written = [_write(folder / f"{name}.nii.gz", array, case) for name, array in images.items()]
    if anatomy is not None and anatomy.labels is not None:
        if anatomy.displacement is not None:
            written.append(_write_displacement(folder / "displacement.nii.gz", anatomy))
        table = folder / "atlas.ctbl"
        table.write_text(colour_table(anatomy.regions), encoding="utf-8", newline="\n")
        written.append(table)
    return written


def _write_displacement(path: Path, anatomy: Anatomy) -> Path:
    from XAIReportLib.reading import nifti

    hundredths = np.rint(100 * np.moveaxis(anatomy.displacement, 0, -1)).astype(np.int16)
    path.write_bytes(nifti.encode(hundredths, anatomy.displacement_affine))
    return path


def colour_table(regions: Iterable[AtlasRegion]) -> str:
    """A colour table in 3D Slicer's text format: label, name, red, green, blue, alpha (0 to 255).

    Spaces of a name are underscores, as Slicer writes them and reads them back. A label's colour never changes.
    """
    lines = ["# Color table file atlas.ctbl", "# label name red green blue alpha", "0 Background 0 0 0 0"]
    for region in sorted(regions, key=lambda region: region.label):
        side = f"{region.side} " if region.side and not region.name.lower().startswith(region.side) else ""
        name = "_".join(f"{side}{region.name}".split())
        red, green, blue = region_colour(region.label)
        lines.append(f"{region.label} {name[:1].upper()}{name[1:]} {red} {green} {blue} 255")
    return "\n".join(lines) + "\n"


def region_colour(label: int) -> tuple[int, int, int]:
    """Red, green, blue (0 to 255) of an atlas label: hues of neighbouring labels lie far apart (golden ratio)."""
    hue = label * 0.6180339887498949 % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, (0.85, 0.6, 0.45)[label % 3], (0.95, 0.75)[label // 3 % 2])
    return round(red * 255), round(green * 255), round(blue * 255)


def _image(image: np.ndarray) -> np.ndarray:
    """int16 where that loses nothing (most scanners store integers): a quarter of the bytes."""
    if np.abs(image).max() < np.iinfo(np.int16).max and (image == np.rint(image)).all():
        return image.astype(np.int16)
    return image.astype(np.float32)


def _named(maps: Iterable[Any]) -> list[tuple[str, Any]]:
    found = list(maps)
    return list(zip(map_names((one.method, one.target) for one in found), found, strict=True))


def _add(images: dict[str, np.ndarray], name: str, array: np.ndarray) -> None:
    if name in images:
        raise ValueError(f"{name} is there twice; a result holds one map for each method and class.")
    images[name] = array


def _write(path: Path, array: np.ndarray, case: Case) -> Path:
    from XAIReportLib.reading import nifti

    if array.shape != case.image.shape:
        raise ValueError(f"{path.name} has shape {array.shape}, the case {case.image.shape}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(nifti.encode(array, NOMINAL_AFFINE if case.affine is None else case.affine))
    return path
