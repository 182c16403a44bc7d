"""Pictures of one slice: PNG and JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from XAIReportLib.case import InputError

MAX_PIXELS = 2**26
# JPEG writes grey as three channels that differ by a few steps; a thin coloured mark on a slice is no coloured picture.
COLOUR_STEP = 24
COLOUR_SHARE = 0.01
PNG_DEPTH_AT = 24  # the byte of a PNG file that says how many bits a value has
EXIF_ORIENTATION = 0x0112


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
        if picture.format == "PNG" and path.read_bytes()[PNG_DEPTH_AT] == 16:
            return _intensities(_deep(path, picture.getexif().get(EXIF_ORIENTATION, 1)))
        if upright.mode in ("LA", "La"):
            return _columns_rows(np.asarray(upright.convert("LA"))[..., 0]), False
        if upright.mode in ("P", "PA"):
            upright = upright.convert("RGBA")  # a palette may hold transparency
        return _intensities(np.asarray(upright.convert("RGB")))


def _deep(path: Path, orientation: int) -> np.ndarray:
    """Red, green and blue of a PNG with 16 bits and several channels, upright; pillow would cut them to 8 bits."""
    import cv2

    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise InputError(f"{path.name} has 16 bits in a form that cannot be read; save it as a grey picture.")
    rgb = pixels[..., 2::-1]
    if orientation in (5, 6, 7, 8):
        rgb = rgb.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    return rgb[:, ::-1] if orientation in (2, 3, 6, 7) else rgb


def _intensities(rgb: np.ndarray) -> tuple[np.ndarray, bool]:
    spread = rgb.max(axis=2).astype(np.int32) - rgb.min(axis=2)
    # Images of 16 bits seldom fill their range, so that the brightest value stands for white.
    step = COLOUR_STEP if rgb.dtype == np.uint8 else COLOUR_STEP / 255 * rgb.max()
    if (spread > step).mean() > COLOUR_SHARE:
        return _columns_rows(rgb @ np.array([0.299, 0.587, 0.114])), True
    return _columns_rows(rgb.mean(axis=2)), False


def _columns_rows(pixels: np.ndarray) -> np.ndarray:
    return pixels.T[:, :, np.newaxis]
