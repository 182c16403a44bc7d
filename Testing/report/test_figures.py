"""Pictures show the patient's true sides however the voxels are stored; a mirror or a one-voxel shift is a bug."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from matplotlib.text import Text
from phantom_case import SPACING, stored_as
from PIL import Image
from XAIReportLib.case import Case
from XAIReportLib.report import check_figures, drawing, figures, glass_brain, narrative
from XAIReportLib.report.content import content_of
from XAIReportLib.report.languages import language
from XAIReportLib.report.planes import Orientation, bounding_box, centre, focus, largest_section
from XAIReportLib.results import Registration, SaliencyCheck
from XAIReportLib.saliency.checks import LIMITS, failures

STORED = ("RAS", "LPS", "LAS", "PSR", "AIR", "SLP", "IPL")


def _panels(case, array, voxel=None):
    orientation = Orientation.of(case)
    turned = orientation.turned(array)
    voxel = voxel or tuple(n // 3 for n in turned.shape)
    return {p: orientation.panel(turned, p, orientation.place(p, voxel)) for p in orientation.planes}


@pytest.mark.parametrize("codes", STORED)
def test_every_storage_order_gives_the_same_panels(analysed, codes):
    reference = _panels(analysed.case, analysed.case.image)
    other = stored_as(analysed, codes)
    assert other.case.image.shape != () and np.allclose(np.sort(other.case.spacing_mm), np.sort(SPACING))
    for plane, pixels in _panels(other.case, other.case.image).items():
        np.testing.assert_array_equal(pixels, reference[plane])
        assert Orientation.of(other.case).pixel_mm(plane) == pytest.approx(
            Orientation.of(analysed.case).pixel_mm(plane)
        )


@pytest.mark.parametrize("codes", STORED)
def test_every_storage_order_gives_the_same_file(analysed, codes, tmp_path):
    """The pixels of the finished picture, with its outlines, colours and letters."""
    found = analysed.findings()
    pictures = []
    for name, case in (("RAS", analysed), (codes, stored_as(analysed, codes))):
        one = replace(case, heatmaps=case.heatmaps[:1])
        paths = figures.draw(
            tmp_path / name, one.case, one.prediction, one.heatmaps, one.masks, one.anatomy, found
        )  # fmt: skip
        pictures.append({path.name: np.asarray(Image.open(path)) for path in paths})
    assert set(pictures[0]) == {
        "lesion.png",
        "saliency-gradcam++.png",
        "atlas.png",
        "registration.png",
        "montage.png",
        "scores.png",
    }
    for name, pixels in pictures[0].items():
        np.testing.assert_array_equal(pixels, pictures[1][name], err_msg=name)


def test_a_failed_registration_has_a_picture_for_a_person_to_see_why(analysed, tmp_path):
    registration = Registration("failed", "The template's brain overlaps the patient's by a Dice of 0.70 only.", None)
    anatomy = replace(analysed.anatomy, registration=registration, labels=None, regions=(), overlaps=())
    failed = replace(analysed, anatomy=anatomy, geometry={}, heatmaps=(), masks=())
    found = failed.findings()
    paths = figures.draw(tmp_path, failed.case, failed.prediction, (), (), anatomy, found)
    assert {"registration.png", "atlas.png"} & {path.name for path in paths} == {"registration.png"}
    yellow = np.asarray(Image.open(tmp_path / "figures" / "registration.png").convert("RGB")).astype(int)
    assert (np.abs(yellow - (0xF0, 0xE4, 0x42)).max(axis=-1) < 30).sum() > 500, "the template's edges"
    for code in ("en", "fr", "de", "es"):
        shown = content_of(found, narrative.told(found, code), paths, {})
        caption = next(picture.caption for picture in shown.pictures if picture.path.stem == "registration")
        assert {"en": "no region is named", "fr": "aucune région", "de": "keine Region", "es": "ninguna región"}[
            code
        ] in caption


def _marked(affine, shape, places_ras):
    """A case with one voxel set for each place in RAS millimetres, numbered from one."""
    image = np.zeros(shape, np.float32)
    for number, place in enumerate(places_ras, start=1):
        voxel = np.linalg.solve(affine[:3, :3], np.array(place) - affine[:3, 3]).round().astype(int)
        image[tuple(voxel)] = number
    return Case("marks", image, affine, np.ones(shape, bool))


def _tilted(codes, spacing, degrees):
    """An affine whose axes run near ``codes``, turned about an axis that is none of the patient's."""
    directions = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
    axis, angle = np.array([0.6, 0.64, 0.48]), np.radians(degrees)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.array([directions[c] for c in codes], float).T * spacing
    return affine


@pytest.mark.parametrize("codes", STORED)
@pytest.mark.parametrize("degrees", [0, 17])
def test_the_patients_left_is_at_the_viewers_right(codes, degrees):
    shape, spacing = (40, 44, 36), (0.9, 1.4, 2.5)
    affine = _tilted(codes, spacing, degrees)
    middle = affine[:3, :3] @ (np.array(shape) // 2)
    offsets = {"left": (-14, 0, 0), "front": (0, 14, 0), "top": (0, 0, 14)}
    case = _marked(affine, shape, [middle + np.array(offset) for offset in offsets.values()])
    orientation = Orientation.of(case)
    assert (
        orientation.tilt_degrees == pytest.approx(0, abs=1e-4) if degrees == 0 else 5 < orientation.tilt_degrees <= 17
    )
    turned = orientation.turned(case.image)

    def place(plane, number):
        flat = turned.max(axis={"axial": 2, "coronal": 1, "sagittal": 0}[plane], keepdims=True) == number
        if not flat.any():
            flat = (turned == number).any(axis={"axial": 2, "coronal": 1, "sagittal": 0}[plane], keepdims=True)
        pixels = orientation.panel(flat, plane, 0)
        rows, columns = np.nonzero(pixels)
        return rows.mean() / pixels.shape[0], columns.mean() / pixels.shape[1]

    for plane in ("axial", "coronal"):
        assert place(plane, 1)[1] > 0.6, "the patient's left"
    assert place("axial", 2)[0] < 0.4, "the patient's front"
    assert place("sagittal", 2)[1] < 0.4, "the nose at the viewer's left"
    for plane in ("coronal", "sagittal"):
        assert place(plane, 3)[0] < 0.4, "the top of the head"


def test_letters_name_the_edges(analysed):
    orientation = Orientation.of(analysed.case)
    assert orientation.edge_names("axial") == ("R", "L", "A", "P")
    assert orientation.edge_names("coronal") == ("R", "L", "S", "I")
    assert orientation.edge_names("sagittal") == ("A", "P", "S", "I")


def test_a_picture_is_drawn_as_it_is_stored_and_names_image_sides(analysed):
    case = analysed.without_geometry().case
    orientation = Orientation.of(case)
    np.testing.assert_array_equal(
        orientation.panel(orientation.turned(case.image), "picture", 0), case.image[:, :, 0].T
    )
    assert orientation.edge_names("picture")[:2] == ("image left", "image right")
    assert orientation.spacing_mm is None


def test_panels_have_the_true_aspect_ratio(analysed):
    orientation = Orientation.of(analysed.case)
    pixels = orientation.panel(orientation.turned(analysed.case.image), "coronal", 60)
    (size,) = drawing.panel_sizes(orientation, [("coronal", pixels)])
    assert size == pytest.approx((40 * 3.0, 96 * 1.5))
    axes = drawing.SliceFigure([size, (100.0, 80.0)], 0.5).axes
    box = axes[0].get_position()
    width, height = box.width * drawing.INCHES, box.height * axes[0].figure.get_figheight()
    assert height / width == pytest.approx(size[0] / size[1])
    other = axes[1].get_position()
    assert other.width * drawing.INCHES / 80 == pytest.approx(width / size[1]), "one scale for all panels"


def test_an_outline_runs_around_its_voxels_and_nowhere_else():
    mask = np.zeros((12, 20), bool)
    mask[3:6, 11:17] = True
    figure = drawing.SliceFigure([(24.0, 60.0)], 0.5)
    drawing.outline(figure.axes[0], mask, (2.0, 3.0), drawing.LESION)
    (lines,) = figure.axes[0].collections
    points = np.concatenate([path.vertices for path in lines.get_paths()])
    assert (points[:, 0].min(), points[:, 0].max()) == (33.0, 51.0)
    assert (points[:, 1].min(), points[:, 1].max()) == (6.0, 12.0)


def test_a_heat_map_is_transparent_below_its_threshold():
    rgba = drawing.heat_colours(np.array([[0.0, 0.49, 0.5, 1.0]]), 0.5)
    assert rgba[0, :, 3].tolist() == [0, 0, drawing._HEAT_ALPHA, drawing._HEAT_ALPHA]


def test_the_slices_shown_are_the_largest_section_else_the_peak_else_the_centre():
    lesion, head = np.zeros((9, 8, 7), bool), np.zeros((9, 8, 7), bool)
    head[2:7, 1:6, 0:5] = True
    heat = np.zeros(lesion.shape)
    assert focus(lesion, heat, head) == centre(head) == (4, 3, 2)
    heat[8, 7, 6] = 0.4
    assert focus(lesion, heat, head) == (8, 7, 6)
    lesion[1:4, 2:5, 3] = True
    lesion[2, 3, 3:6] = True
    assert focus(lesion, heat, head) == largest_section(lesion) == (2, 3, 3)
    assert bounding_box(lesion, 1) == (slice(0, 5), slice(1, 6), slice(2, 7))


def test_a_map_that_lies_elsewhere_is_shown_where_it_lies(analysed, monkeypatch, tmp_path):
    values = np.zeros(analysed.case.image.shape, np.float32)
    values[70:74, 20:24, 8:10] = 1
    mask = replace(analysed.masks[0], values=values.astype(np.uint8))
    seen = []
    whole = figures._slices
    monkeypatch.setattr(
        figures, "_slices", lambda scene, voxel, *rest: seen.append(voxel) or whole(scene, voxel, *rest)
    )
    scene = figures._Scene.of(analysed.case, analysed.prediction, analysed.findings(), language("en"))
    figures._draw_heatmap(scene, replace(analysed.heatmaps[0], values=values), mask, tmp_path / "heat.png")
    assert scene.fit(values)[seen[0]] == 1


def _draw(analysed, folder):
    found = analysed.findings()
    return figures.draw(
        folder, analysed.case, analysed.prediction, analysed.heatmaps, analysed.masks, analysed.anatomy, found
    )


def test_a_picture_without_geometry_has_no_atlas_and_no_montage(analysed, tmp_path):
    names = [path.name for path in _draw(analysed.without_geometry(), tmp_path)]
    assert names == ["lesion.png", "saliency-gradcam++.png", "saliency-scorecam.png", "methods.png", "scores.png"]


def test_a_case_that_was_not_analysed_is_shown_all_the_same(analysed, tmp_path):
    nothing = np.zeros(analysed.case.image.shape, np.uint8)
    prediction = replace(
        analysed.prediction, outcome="not_applicable", label=None, scores={}, class_set=(), lesion_labels=nothing
    )
    bare = replace(analysed, prediction=prediction, heatmaps=(), masks=(), anatomy=None, geometry={})
    assert [path.name for path in _draw(bare, tmp_path)] == ["montage.png"]


def test_empty_flat_and_constant_arrays_are_drawn(analysed, tmp_path):
    case = replace(analysed.case, image=np.ones_like(analysed.case.image), head=np.zeros_like(analysed.case.head))
    heatmaps = tuple(replace(h, values=np.zeros_like(h.values)) for h in analysed.heatmaps)
    masks = tuple(replace(m, values=np.zeros_like(m.values)) for m in analysed.masks)
    flat = replace(analysed, case=case, heatmaps=heatmaps, masks=masks, geometry={})
    assert len(_draw(flat, tmp_path)) == 8


def test_drawing_leaves_matplotlibs_global_state_alone(analysed, tmp_path):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    _draw(analysed, tmp_path)
    assert plt.get_fignums() == before


def test_a_picture_on_which_nothing_was_found_is_shown_all_the_same(analysed, tmp_path):
    flat = analysed.without_geometry()
    prediction = replace(
        flat.prediction,
        outcome="no_lesion_found",
        label=None,
        scores={},
        class_set=(),
        lesion_labels=np.zeros_like(flat.prediction.lesion_labels),
    )
    bare = replace(flat, prediction=prediction, heatmaps=(), masks=())
    assert [path.name for path in _draw(bare, tmp_path)] == ["montage.png"]


def test_the_checks_of_the_heat_maps_are_drawn_as_a_card_and_as_curves(analysed, tmp_path):
    falling, rising = np.linspace(1, 0, 11), np.linspace(0, 1, 11)
    check = SaliencyCheck(
        relied_on=False,
        failed=("outside_lesion",),
        figures={"agreement": 0.8, "outside_lesion": 0.91},
        limits={"agreement": (0.45, 1.0), "outside_lesion": (0.0, 0.85)},
        shares={"unchanged": 0.99, "without_lesion": 0.9},
        curves={"gradcam++": (falling**2, rising**0.5), "random": (falling, rising)},
    )
    one = analysed
    drawn = figures.draw(
        tmp_path, one.case, one.prediction, one.heatmaps, one.masks, one.anatomy, one.findings(), check=check
    )
    names = [path.name for path in drawn]
    assert names.index("curves.png") == names.index("shortcuts.png") + 1 == names.index("methods.png") + 2
    for name in ("shortcuts.png", "curves.png"):
        with Image.open(tmp_path / "figures" / name) as picture:
            assert picture.width == drawing.INCHES * drawing.DPI
            assert len(np.unique(np.asarray(picture).reshape(-1, picture.width))) > 10


def _caught(module, monkeypatch):
    """The figures that a module writes, as they are written."""
    caught, write = [], drawing.written
    monkeypatch.setattr(module, "written", lambda figure, *rest: (caught.append(figure), write(figure, *rest))[1])
    return caught


def _texts(figure):
    """Every text that is seen, and the box that it fills in pixels."""
    return [(t, t.get_window_extent()) for t in figure.findobj(Text) if t.get_text() and t.get_visible()]


def _assert_legible(figure):
    """No text leaves the figure or meets another."""
    texts, (width, height) = _texts(figure), figure.canvas.get_width_height()
    for text, box in texts:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()
    for (one, a), (other, b) in combinations(texts, 2):
        assert not a.overlaps(b), f"{one.get_text()!r} and {other.get_text()!r}"


@pytest.mark.parametrize("code", ("en", "fr", "de", "es"))
@pytest.mark.parametrize("passes", (True, False))
def test_every_text_of_the_card_is_read_whole(code, passes, monkeypatch, tmp_path):
    good = {name: 0.0012 if low == 0 else 0.9964 for name, (low, high) in LIMITS.items()}
    values = {name: value if passes else 1 - value for name, value in good.items()}
    shares = dict.fromkeys(check_figures.SHARES, 0.9964)
    caught = _caught(check_figures, monkeypatch)
    check_figures.draw_shortcuts(
        SaliencyCheck(passes, failures(values), values, LIMITS, shares), tmp_path / "card.png", language(code)
    )
    (figure,) = caught
    _assert_legible(figure)
    dots = [line.get_window_extent() for axes in figure.axes for line in axes.lines]
    assert len(dots) == len(values)
    assert not any(dot.overlaps(box) for dot in dots for _, box in _texts(figure))


@pytest.mark.parametrize("code", ("en", "fr", "de", "es"))
def test_the_marks_of_the_curves_are_numbers_as_the_language_writes_them(code, monkeypatch, tmp_path):
    falling = np.linspace(1, 0, 11)
    curves = dict.fromkeys(("gradcam++", "gradcam", "scorecam", "random"), (falling, 1 - falling))
    caught = _caught(check_figures, monkeypatch)
    check_figures.draw_curves(SaliencyCheck(True, (), {}, curves=curves), tmp_path / "curves.png", language(code))
    _assert_legible(caught[0])
    half = "0.5" if code == "en" else "0,5"
    for axes in caught[0].axes:
        assert half in [mark.get_text() for mark in axes.get_xticklabels()]
        assert half in [mark.get_text() for mark in axes.get_yticklabels()]


def test_what_lies_on_the_left_is_at_the_viewers_right_in_the_glass_brain_too(monkeypatch, tmp_path):
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = -90, -126, -72
    mask = np.zeros((60, 73, 60), bool)
    mask[15:22, 50:58, 30:38] = True  # left, in front
    case = Case("left", np.zeros(mask.shape, np.float32), affine, mask)
    made, canvas = [], glass_brain.FigureCanvasAgg
    monkeypatch.setattr(glass_brain, "FigureCanvasAgg", lambda figure: (made.append(figure), canvas(figure)))
    path = glass_brain.draw_glass_brain(mask, case, lambda points: points, tmp_path / "glass.png", language("en"))
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    blue = pixels[..., 2] - pixels[..., 0] > 60
    places = {}
    for axes in made[0].axes:
        seen = [t for t in axes.texts if t.get_text() in tuple("LRAP")]
        if len(seen) == 2:
            names = "".join(t.get_text() for t in sorted(seen, key=lambda t: t.get_window_extent().x0))
            box = axes.get_window_extent()
            first, last = (round(x * pixels.shape[1] / made[0].bbox.width) for x in (box.x0, box.x1))
            across = np.nonzero(blue[:, first:last])[1] / (last - first)
            places.setdefault(names, []).append(across.mean() if across.size else None)
    assert places["RL"] == [pytest.approx(0.65, abs=0.15)] * 2, "from the front and below"
    assert places["AP"] == [pytest.approx(0.3, abs=0.15)], "from the left"
    assert places["PA"] == [None], "from the right, where there is nothing"


def test_the_glass_brain_opens_no_window(monkeypatch, tmp_path):
    """The worker draws it outside of the main thread, where macOS ends a process that asks for one."""
    from matplotlib import pyplot

    monkeypatch.setattr(pyplot, "new_figure_manager", lambda *_, **__: pytest.fail("a window was asked for"))
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = -90, -126, -72
    mask = np.zeros((60, 73, 60), bool)
    mask[15:22, 50:58, 30:38] = True
    case = Case("left", np.zeros(mask.shape, np.float32), affine, mask)
    assert glass_brain.draw_glass_brain(mask, case, lambda p: p, tmp_path / "glass.png", language("en")).is_file()


def test_the_scale_bars_of_one_figure_have_one_length(analysed):
    scene = figures._Scene.of(analysed.case, analysed.prediction, analysed.findings(), language("en"))
    figure = figures._slices(scene, centre(scene.head), 0.4, lambda *_: None)
    bars = [patch.get_window_extent().width for axes in figure.axes for patch in axes.patches]
    assert len(bars) == 3 and bars == pytest.approx([bars[0]] * 3)
    words = {t.get_text() for axes in figure.axes for t in axes.texts if t.get_text().endswith(" mm")}
    assert len(words) == 1
    assert [drawing.scale_bar_mm(sizes) for sizes in ([(100, 100), (100, 400)], [(9, 9)])] == [20, 5]


@pytest.mark.parametrize("grey", (0.0, 0.4, 1.0))
@pytest.mark.parametrize("share", (0.5, 1.0))
def test_a_heat_map_has_the_colours_of_its_bar_whatever_lies_below_it(grey, share):
    figure = drawing.SliceFigure([(60.0, 60.0)], 0.92)
    drawing.show_image(figure.axes[0], np.full((30, 30), grey), (2.0, 2.0), (0.0, 1.0))
    drawing.show_colours(figure.axes[0], drawing.heat_colours(np.full((30, 30), share), 0.3), (2.0, 2.0), smooth=True)
    figure.colour_bar(None)
    figure.figure.canvas.draw()
    pixels = np.asarray(figure.figure.canvas.buffer_rgba())[::-1, :, :3].astype(float) / 255

    def at(axes, across):
        box = axes.get_window_extent()
        return pixels[round((box.y0 + box.y1) / 2), round(box.x0 + across * box.width)]

    panel, bar = figure.figure.axes[:2]
    assert np.abs(at(panel, 0.5) - at(bar, share - 0.01)).max() < 0.15


def test_maps_side_by_side_have_a_colour_bar(analysed, monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(drawing.SliceFigure, "colour_bar", lambda _, threshold: drawn.append(threshold))
    scene = figures._Scene.of(analysed.case, analysed.prediction, analysed.findings(), language("en"))
    words = (["one", "other"], "mask of each method")
    figures._draw_beside(scene, analysed.heatmaps[:2], analysed.masks, words, tmp_path / "methods.png")
    assert drawn == [None], "each has a threshold of its own"


@pytest.mark.parametrize("codes", ("RAS", "LPS", "PSR"))
def test_every_slice_of_the_overview_shows_the_head_names_its_sides_and_says_where_it_lies(
    analysed, codes, monkeypatch, tmp_path
):
    """The abnormality reaches the top of the head, and the grid goes on above it."""
    head = analysed.case.head
    top = int(np.flatnonzero(head.any(axis=(0, 1)))[-1])
    assert top < head.shape[2] - 2
    labels = np.zeros(head.shape, np.uint8)
    labels[..., top - 2 : top + 1] = head[..., top - 2 : top + 1]
    one = stored_as(replace(analysed, prediction=replace(analysed.prediction, lesion_labels=labels)), codes)
    scene = figures._Scene.of(one.case, one.prediction, analysed.findings(), language("en"))
    caught = _caught(drawing, monkeypatch)
    figures._draw_montage(scene, tmp_path / "montage.png")
    said = []
    for axes in caught[0].axes:
        words = [text.get_text() for text in axes.texts]
        assert {"R", "L"} <= set(words)
        said.append(next(word for word in words if word[:2] in ("S ", "I ")))
    areas = head.sum(axis=(0, 1))
    heights = analysed.case.affine[2, 3] + 3.0 * np.flatnonzero((areas >= 0.05 * areas.max()) | labels.any(axis=(0, 1)))
    heights_written = [int(word[2:-3]) * (1 if word[0] == "S" else -1) for word in said]
    assert heights_written == sorted(heights_written, reverse=True)
    assert heights_written[0] == round(heights.max()), "no slice above the head"
    assert all(np.abs(heights - height).min() <= 0.5 for height in heights_written)
