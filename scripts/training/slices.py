"""The slices of a data set in the layout of brain_tumor_mri: reading, caching, nested splits by patient group."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm
from XAIReportLib.case import InputError, head_mask
from XAIReportLib.evaluate import Row, read_index

CACHE_PIXELS = 256
CLASSES = ("glioma", "meningioma", "pituitary")
PLANES = ("axial", "coronal", "sagittal")
FOLDS = 5
# Glioma groups in which a craniotomy or a cavity was seen (slices 1858, 1930, 2014, 2048, 2078, 2107, 2132); others may, too.
AFTER_SURGERY = ("MR048621", "MR024780", "MR051461", "MR051651", "MR049942", "MR050687", "MR053110")


@dataclass(frozen=True)
class Slices:
    """Slices as uint8 arrays (n, 256, 256), axes (row, column): image, lesion mask, head mask; ``table`` has a row for each."""

    images: np.ndarray
    lesions: np.ndarray
    heads: np.ndarray
    table: pd.DataFrame

    def subset(self, rows: np.ndarray) -> Slices:
        return Slices(
            self.images[rows], self.lesions[rows], self.heads[rows], self.table.iloc[rows].reset_index(drop=True)
        )


def load_slices(data: Path, cache: Path) -> Slices:
    """Reads DIR (XAIReportLib.evaluate.LAYOUT) once; later from ``cache`` (npz), as long as that was made of the same files.

    Raises:
        InputError: as ``read_table``, or a file that cannot be read.
    """
    rows = read_index(data, CLASSES)
    table = _table(data, rows)
    digest = files_sha256(data, rows)
    if _cached(cache) != digest:
        shape = (len(table), CACHE_PIXELS, CACHE_PIXELS)
        images, lesions, heads = (np.zeros(shape, np.uint8) for _ in range(3))
        for n, row in enumerate(tqdm(rows, desc="reading slices", mininterval=5)):
            image, mask = _grey(row.image), _grey(row.mask)
            if not mask.any():
                raise InputError(f"The mask of slice {row.name} is empty; restore the file.")
            size = (CACHE_PIXELS, CACHE_PIXELS)
            images[n] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            lesions[n] = cv2.resize((mask > 0).astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5
            heads[n] = head_mask(as_picture(images[n]).astype(np.float32))[:, :, 0].T
        cache.parent.mkdir(parents=True, exist_ok=True)
        partial = cache.with_suffix(".partial.npz")
        np.savez_compressed(partial, images=images, lesions=lesions, heads=heads, files_sha256=digest)
        partial.replace(cache)
    stored = np.load(cache)
    return Slices(stored["images"], stored["lesions"], stored["heads"], table)


def read_table(data: Path) -> pd.DataFrame:
    """DIR/index.csv, a row for each slice.

    Raises:
        InputError: as ``XAIReportLib.evaluate.read_index``.
    """
    return _table(data, read_index(data, CLASSES))


def _table(data: Path, rows: list[Row]) -> pd.DataFrame:
    table = pd.read_csv(data / "index.csv", encoding="utf-8-sig", dtype={"pid": str})
    read = {name: [getattr(row, name) for row in rows] for name in ("group", "plane")}
    return table.assign(label_name=[row.label for row in rows], **read)


def _grey(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise InputError(f"{path.parent.name}/{path.name} is damaged or no picture; restore the file.")
    return picture


def index_sha256(data: Path) -> str:
    """SHA-256 of DIR/index.csv: which data set this is."""
    return hashlib.sha256((data / "index.csv").read_bytes()).hexdigest()


def files_sha256(data: Path, rows: list[Row]) -> str:
    """SHA-256 of DIR/index.csv and of name, size and time of every picture and mask: whether the files are still the same."""
    states = [(path.name, s.st_size, s.st_mtime_ns) for r in rows for path in (r.image, r.mask) for s in [path.stat()]]
    return hashlib.sha256(f"{index_sha256(data)} {states}".encode()).hexdigest()


def _cached(cache: Path) -> str | None:
    """Of what files the cache was made; None where there is none or it does not say."""
    if not cache.exists():
        return None
    with np.load(cache) as stored:
        return str(stored["files_sha256"]) if "files_sha256" in stored else None


def as_picture(image: np.ndarray) -> np.ndarray:
    """(row, column) as the (columns, rows, 1) of a Case without geometry."""
    return image.T[:, :, None]


@dataclass(frozen=True)
class Split:
    """Row numbers of train, tune and test, and the SHA-256 of each part's sorted group list."""

    train: np.ndarray
    tune: np.ndarray
    test: np.ndarray
    groups_sha256: dict[str, str]


def nested_split(table: pd.DataFrame, fold: int, folds: int = FOLDS, tune_share: int = 7, seed: int = 2026) -> Split:
    """Fold ``fold`` is test; of the other groups one in ``tune_share`` of each class is tune; the rest train.

    A group (patient) is in one part only. A group's class is its first row's; each class's groups are shuffled and dealt out.
    """
    part = {}
    for number, (_, rows) in enumerate(table.groupby("label_name")):
        groups = np.array(sorted(rows["group"].unique()))
        np.random.default_rng(seed + number).shuffle(groups)
        rest = [g for n, g in enumerate(groups) if n % folds != fold]
        part.update({g: "test" for n, g in enumerate(groups) if n % folds == fold})
        part.update({g: "tune" if n % tune_share == fold % tune_share else "train" for n, g in enumerate(rest)})
    where = table["group"].map(part).to_numpy()
    rows = {name: np.flatnonzero(where == name) for name in ("train", "tune", "test")}
    digests = {
        name: hashlib.sha256("\n".join(sorted(table["group"].iloc[r].unique())).encode()).hexdigest()
        for name, r in rows.items()
    }
    return Split(rows["train"], rows["tune"], rows["test"], digests)


def record_split(table: pd.DataFrame, fold: int, folds: int = FOLDS, tune_share: int = 7, seed: int = 2026) -> Split:
    """The split that leaks: slices are dealt out whatever patient they are of. Only to show what it would claim."""
    alone = table.assign(group=table["idx"].astype(str))
    return nested_split(alone, fold, folds, tune_share, seed)


def check_parts(table: pd.DataFrame, split: Split, fold: int) -> None:
    """Raises InputError where the split leaves nothing to train or to tune on, or a class without a train slice of some plane."""
    for part in ("train", "tune"):
        if len(getattr(split, part)) == 0:
            groups = table["group"].nunique()
            raise InputError(
                f"The {part} part of fold {fold} is empty: the data have too few patient groups ({groups}); give at least 6 of "
                "each class."
            )
    train = table.iloc[split.train]
    there = set(zip(train["label_name"], train["plane"], strict=True))
    absent = [f"{plane} slice of {name}" for name in CLASSES for plane in PLANES if (name, plane) not in there]
    if absent:
        raise InputError(
            f"The train part of fold {fold} has no {absent[0]}; training needs every class in every plane, which the column plane "
            f"of index.csv names ({', '.join(PLANES)})."
        )


SPLITS = {"patient": nested_split, "record": record_split}
