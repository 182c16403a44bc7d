"""Case ids are safe as folder names; the head is found whatever its background; what is no head MRI is turned away."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from XAIReportLib.case import Case, InputError, head_mask, new_case_id, safe_case_id
from XAIReportLib.plausibility import unlike_head_mri
from XAIReportLib.reading import case_from_array, read_case

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="shared data is absent")
SHAPE = (48, 56, 40)
SPACING = np.diag([4.0, 4.0, 4.5, 1.0])


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def ellipsoid(radii: tuple[float, float, float], shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    return (((grid - (np.array(shape) - 1) / 2) / radii) ** 2).sum(axis=-1) < 1


def head(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A bright scalp around dark bone around textured brain with fluid and an air sinus; and where all of it is."""
    rng = np.random.default_rng(seed)
    inside = ellipsoid((18, 22, 15))
    image = np.zeros(SHAPE)
    image[inside] = 220
    image[ellipsoid((16.5, 20.5, 13.5))] = 40
    brain = ellipsoid((15, 19, 12))
    image[brain] = rng.normal(120, 8, SHAPE)[brain]
    image[ellipsoid((3, 6, 3))] = 45
    image[20:25, 8:12, 16:20] = 0
    return image.astype(np.float32), inside


def head_case(**changes: object) -> Case:
    image, _ = head()
    return replace(case_from_array(image, SPACING), **changes)


# --- case ids --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["case-001", "a", "A.b_c-9", "x" * 64, "0", "patient.v2"])
def test_safe_case_ids(text: str) -> None:
    assert safe_case_id(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "../a",
        "a..b",
        ".hidden",
        "-rf",
        "x" * 65,
        "con",
        "NUL.txt",
        "com1",
        "a b",
        "a\n",
        "ä",
        "a:b",
        "a\0b",
        "x.",
        "~",
    ],
)
def test_unsafe_case_ids(text: str) -> None:
    with pytest.raises(InputError, match="case id"):
        safe_case_id(text)


@given(st.text(max_size=80))
def test_a_safe_case_id_is_one_plain_path_part(text: str) -> None:
    try:
        safe = safe_case_id(text)
    except InputError:
        return
    path = Path("/output") / safe
    assert path.parent == Path("/output")
    assert path.name == safe
    assert safe.isascii()


def test_default_case_ids_are_random_and_safe() -> None:
    ids = {new_case_id() for _ in range(50)}
    assert len(ids) == 50
    assert all(safe_case_id(text) == text for text in ids)


def test_the_types_need_nothing_but_numpy() -> None:
    """3D Slicer's own Python has no torch, nibabel or pydantic."""
    code = (
        "import sys; import XAIReportLib.case, XAIReportLib.results, XAIReportLib.folder, XAIReportLib;"
        "heavy = {'torch', 'nibabel', 'scipy', 'SimpleITK', 'matplotlib', 'pydantic', 'PIL', 'filelock'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- head mask -------------------------------------------------------------------------------------------------------


def test_the_head_is_found_with_its_holes_filled() -> None:
    image, inside = head()
    mask = head_mask(image)
    assert mask.dtype == bool
    assert dice(mask, inside) > 0.95
    assert mask[20:25, 8:12, 16:20].all(), "the air sinus is inside the head"


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(1e-3, 1e4), offset=st.floats(-5e3, 5e3))
def test_the_mask_does_not_depend_on_the_intensity_scale(scale: float, offset: float) -> None:
    image, _ = head()
    moved = (image.astype(np.float64) * scale + offset).astype(np.float32)
    # float32 keeps fewer grey steps of a small range far from zero
    allowed = 0.999 if scale * 200 > abs(offset) * 1e-3 else 0.9
    assert dice(head_mask(moved), head_mask(image)) >= allowed


@settings(max_examples=15, deadline=None)
@given(level=st.floats(-300.0, 0.0))
def test_the_mask_does_not_depend_on_the_background_level(level: float) -> None:
    image, inside = head()
    moved = image.copy()
    moved[~inside] = level
    mask = head_mask(moved)
    assert dice(mask, inside) > 0.93
    assert not mask[0, 0, 0], "air is never the head"


@settings(max_examples=10, deadline=None)
@given(sigma=st.floats(0.5, 8.0), seed=st.integers(0, 1000))
def test_the_mask_does_not_depend_on_noise_in_the_air(sigma: float, seed: int) -> None:
    image, inside = head()
    rng = np.random.default_rng(seed)
    noisy = np.hypot(image + rng.normal(0, sigma, SHAPE), rng.normal(0, sigma, SHAPE)).astype(np.float32)
    assert dice(head_mask(noisy), inside) > 0.93


def test_a_stripped_brain_and_a_picture() -> None:
    image, _ = head()
    brain = ellipsoid((15, 19, 12))
    stripped = np.where(brain, (image - 120) / 30, -4.2).astype(np.float32)
    assert dice(head_mask(stripped), brain) > 0.93
    picture, inside = image[:, :, 20:21], head()[1][:, :, 20:21]
    assert dice(head_mask(picture), inside) > 0.93


def test_a_constant_image_has_no_head() -> None:
    assert not head_mask(np.full(SHAPE, 7.0, np.float32)).any()


@pytest.mark.parametrize("values", [(-3e38, 3e38), (0.0, 1e-38), (1e7, 1e7 + 1), (0.0, 1.0)])
def test_any_two_values_give_a_mask(values: tuple[float, float]) -> None:
    image = np.where(ellipsoid((18, 22, 15)), values[1], values[0]).astype(np.float32)
    assert dice(head_mask(image), ellipsoid((18, 22, 15))) > 0.99
    speck = np.full(SHAPE, values[0], np.float32)
    speck[5, 5, 5] = values[1]
    assert head_mask(speck).shape == SHAPE


@needs_data
@pytest.mark.parametrize("name", ["brats_2013_pat0003_1", "brats_2013_pat0005_1"])
def test_the_mask_of_a_z_scored_brain_is_its_reference_mask(name: str) -> None:
    folder = DATA / "brain_volumes" / name
    case = read_case(folder / "t1c.nii.gz")
    import nibabel

    reference = np.asarray(nibabel.load(folder / "brain_mask.nii.gz").dataobj) > 0
    assert dice(case.head, reference) > 0.97
    assert unlike_head_mri(case) is None


# --- plausibility ----------------------------------------------------------------------------------------------------


def test_a_head_is_accepted() -> None:
    assert unlike_head_mri(head_case()) is None
    assert unlike_head_mri(case_from_array(np.kron(head()[0][:, :, 20], np.ones((4, 4))), None)) is None


def test_other_modalities_colours_and_hounsfield_units() -> None:
    assert "CT" in str(unlike_head_mri(head_case(modality="CT")))
    assert "coloured" in str(unlike_head_mri(head_case(coloured=True)))
    assert "echo time of 98 ms" in str(unlike_head_mri(head_case(echo_time_ms=98.0)))
    assert unlike_head_mri(head_case(echo_time_ms=12.0)) is None
    image, inside = head()
    hounsfield = np.where(inside, image - 100, -1000)
    hounsfield[ellipsoid((16.5, 20.5, 13.5)) & ~ellipsoid((15, 19, 12))] = 900
    assert "Hounsfield" in str(unlike_head_mri(case_from_array(hounsfield, SPACING)))


@pytest.mark.parametrize(
    ("spacing", "pattern"),
    [((10.0, 10.0, 10.0), "size of a head"), ((1.0, 1.0, 1.0), "size of a head"), ((4.0, 4.0, 1.5), "slab")],
)
def test_the_size_of_a_head(spacing: tuple[float, float, float], pattern: str) -> None:
    reason = unlike_head_mri(case_from_array(head()[0], np.diag([*spacing, 1.0])))
    assert reason is not None
    assert pattern in reason


def test_label_maps_and_saturated_images() -> None:
    image, inside = head()
    assert "few grey values" in str(unlike_head_mri(case_from_array(inside.astype(np.uint8), SPACING)))
    burnt = np.clip(image + np.random.default_rng(0).uniform(0, 3, SHAPE), 0, 60)
    assert "saturated" in str(unlike_head_mri(case_from_array(burnt, SPACING)))


def _page(dark_paper: bool) -> np.ndarray:
    page = Image.new("L", (400, 400), 255)
    draw = ImageDraw.Draw(page)
    for line in range(30):
        draw.text((20, 12 + 12 * line), "The quick brown fox jumps over the lazy dog and runs away", fill=0)
    pixels = np.asarray(page)
    return 255 - pixels if dark_paper else pixels


def test_text_and_textures_are_no_heads() -> None:
    rng = np.random.default_rng(0)
    gradient = np.add.outer(np.arange(256.0), np.arange(256.0)) + rng.normal(0, 5, (256, 256))
    for picture in (_page(False), _page(True), gradient, rng.normal(100, 30, (256, 256))):
        assert unlike_head_mri(case_from_array(picture.T, None)) is not None


def test_a_chest_is_no_head() -> None:
    i, j = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")

    def disc(ci: float, cj: float, ri: float, rj: float) -> np.ndarray:
        return ((i - ci) / ri) ** 2 + ((j - cj) / rj) ** 2 < 1

    chest = np.where(disc(128, 128, 100, 80), 150.0, 5.0)
    chest[disc(85, 128, 35, 60) | disc(171, 128, 35, 60)] = 8
    chest += np.random.default_rng(0).normal(0, 3, chest.shape)
    assert "chest" in str(unlike_head_mri(case_from_array(chest, None)))


@needs_data
def test_acceptance_on_real_pictures() -> None:
    """A sample of each collection: heads pass, chests and stained tissue do not."""
    accepted = {}
    for name, pattern, step in (
        ("heads", "brain_tumor_mri/images/*.jpg", 30),
        ("chests", "lung_ct/*/*.jpg", 20),
        ("tissue", "lung_histology/*/*.jpeg", 60),
    ):
        paths = sorted(DATA.glob(pattern))[::step]
        accepted[name] = np.mean([unlike_head_mri(read_case(path)) is None for path in paths])
    assert accepted["heads"] >= 0.99
    assert accepted["chests"] <= 0.10
    assert accepted["tissue"] == 0
