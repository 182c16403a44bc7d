"""Pictures with 16 bits keep them, however many channels they have."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from XAIReportLib.reading import read_case

sys.path.insert(0, str(Path(__file__).parents[1]))
from stored_images import refused

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of PNG, by the number of channels
GREY = (np.arange(30)[:, None] * 50 + np.arange(40)).astype(np.uint16)  # 0 to 1489


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path: Path, pixels: np.ndarray, orientation: int = 1) -> Path:
    """Rows, columns and channels of 16 bits; pillow cannot write them."""
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, 0)
    exif = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks = ((b"IHDR", header), (b"eXIf", exif), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*parts) for parts in chunks))
    return path


def channels_of(grey: np.ndarray, count: int) -> np.ndarray:
    """Grey in every channel but that of transparency."""
    pixels = np.repeat(grey[..., None], count, axis=2)
    if count in (2, 4):
        pixels[..., -1] = np.random.default_rng(0).integers(0, 2**16, grey.shape)
    return pixels


@pytest.mark.parametrize("count", COLOUR_TYPES)
@pytest.mark.parametrize("scale", [1, 40])
def test_every_level_of_a_deep_picture_is_kept(tmp_path: Path, count: int, scale: int) -> None:
    case = read_case(write_png(tmp_path / "x.png", channels_of(GREY * scale, count)))
    assert np.array_equal(case.image[:, :, 0], GREY.T * scale)
    assert not case.coloured


def test_a_dark_deep_picture_with_transparency_is_not_constant(tmp_path: Path) -> None:
    dark = GREY // 8
    assert np.array_equal(read_case(write_png(tmp_path / "x.png", channels_of(dark, 2))).image[:, :, 0], dark.T)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_picture_stands_upright(tmp_path: Path, orientation: int) -> None:
    case = read_case(write_png(tmp_path / "x.png", channels_of(GREY, 3), orientation))
    shallow = Image.fromarray((GREY // 8).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    shallow.save(tmp_path / "shallow.png", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "shallow.png")))
    assert np.array_equal(case.image[:, :, 0] // 8, upright.T)


@pytest.mark.parametrize("count", [3, 4])
def test_true_colours_of_a_deep_picture_are_told_however_dark(tmp_path: Path, count: int) -> None:
    pixels = channels_of(GREY, count)
    pixels[:, 10:30, :3] = (1400, 600, 1000)
    case = read_case(write_png(tmp_path / "x.png", pixels))
    assert case.coloured
    assert case.image[15, 15, 0] == pytest.approx(0.299 * 1400 + 0.587 * 600 + 0.114 * 1000)


def test_a_cut_deep_picture_is_refused(tmp_path: Path) -> None:
    path = write_png(tmp_path / "x.png", channels_of(GREY, 3))
    path.write_bytes(path.read_bytes()[:-60])
    refused(path, "truncated")
