"""Pictures of one slice: PNG and JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from XAIReportLib.case import InputError

MAX_PIXELS = 2**26
# JPEG writes grey as three channels that differ by a few steps; a thin coloured mark on a slice is no coloured picture.
COLOUR_STEP = 24
COLOUR_SHARE = 0.01


def read(path: Path) -> tuple[np.ndarray, bool]:
    """Intensities with axes (column, row, 1), and whether the picture is truly coloured (then they are luminance).

    The picture stands as its EXIF orientation says; transparency is dropped; 16 bits are kept.
    Raises InputError, and any error of pillow when the file is damaged.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        picture = Image.open(path, formats=("PNG", "JPEG"))
    except UnidentifiedImageError as error:
        raise InputError(f"{path.name} is not a PNG or JPEG picture; give the file that its name promises.") from error
    with picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise InputError(f"{path.name} has {picture.width} x {picture.height} pixels; give one slice.")
        upright = ImageOps.exif_transpose(picture)
        if upright.mode in ("1", "L", "I", "F") or upright.mode.startswith("I;16"):
            return _columns_rows(np.asarray(upright)), False
        if upright.mode in ("LA", "La"):
            return _columns_rows(np.asarray(upright.convert("LA"))[..., 0]), False
        if upright.mode in ("P", "PA"):
            upright = upright.convert("RGBA")  # a palette may hold transparency
        rgb = np.asarray(upright.convert("RGB"))
    spread = rgb.max(axis=2).astype(np.int16) - rgb.min(axis=2)
    if (spread > COLOUR_STEP).mean() > COLOUR_SHARE:
        return _columns_rows(rgb @ np.array([0.299, 0.587, 0.114])), True
    return _columns_rows(rgb.mean(axis=2)), False


def _columns_rows(pixels: np.ndarray) -> np.ndarray:
    return pixels.T[:, :, np.newaxis]
