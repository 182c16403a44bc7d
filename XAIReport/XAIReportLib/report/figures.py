"""The report's pictures, drawn from arrays: lesion, heat maps, atlas regions, registration, overview and scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..case import Case
from ..results import Anatomy, Counterfactual, Heatmap, Prediction, SaliencyCheck, SaliencyMask, map_names
from . import drawing
from .change_figure import draw_changes
from .check_figures import draw_curves, draw_shortcuts
from .glass_brain import draw_glass_brain
from .languages import Language
from .languages import language as language_of
from .planes import OBLIQUE_DEGREES, Orientation, bounding_box, centre, focus
from .schema import Findings
from .score_figure import draw_scores
from .wording import class_name, method_name, percent_text, region_name

_MARGIN_MM = 10.0
_MONTAGE, _MONTAGE_COLUMNS, _MONTAGE_BEYOND_MM = 12, 6, 8.0
_MONTAGE_HEAD = 0.05  # of the head's largest section: a smaller one is a black picture
_METHOD_COLUMNS = 4
_NO_MASK_THRESHOLD = 0.5
_NAMED_REGIONS = len(drawing.REGIONS)
_WORTH_A_COLOUR_PERCENT = 1.0


@dataclass(frozen=True)
class _Scene:
    """A case turned for display and cut to its head; every array has the turned, cut axes.

    ``main``: the lesion that the findings name first; not number 1 where a reader has removed that, or added a larger one.
    ``by_size``: whether the numbers say which lesion is larger.
    """

    orientation: Orientation
    box: tuple[slice, slice, slice]
    image: np.ndarray
    head: np.ndarray
    lesions: np.ndarray
    main: np.ndarray
    by_size: bool
    window: tuple[float, float]
    words: Language
    affine: np.ndarray | None

    @classmethod
    def of(cls, case: Case, prediction: Prediction, findings: Findings, words: Language) -> _Scene:
        orientation = Orientation.of(case)
        head = orientation.turned(case.head)
        box = bounding_box(head, round(_MARGIN_MM / min(orientation.spacing_mm or (1.0,))))
        labels = prediction.lesion_labels
        labels = (
            labels if labels is not None and labels.shape == case.image.shape else np.zeros(case.image.shape, np.uint8)
        )
        values = case.image[case.head] if case.head.any() else case.image
        low, high = (float(v) for v in np.percentile(values, [1, 99.7]))
        lesions = orientation.turned(labels)[box]
        sizes = [lesion.voxels for lesion in sorted(findings.lesions, key=lambda lesion: lesion.number)]
        return cls(
            orientation=orientation,
            box=box,
            image=orientation.turned(case.image)[box],
            head=head[box],
            lesions=lesions,
            main=lesions == (findings.lesions[0].number if findings.lesions else 1),
            by_size=findings.reader_edit is None or sizes == sorted(sizes, reverse=True),
            window=(low, max(high, low + 1e-6)),
            words=words,
            affine=orientation.turned_affine(case, box),
        )

    def position(self, axis: int, index: int) -> str:
        """Where the middle of the slice ``index`` along a turned axis lies in the patient's space, as "S 34 mm"."""
        middle = (np.array(self.image.shape) - 1) / 2
        middle[axis] = index
        place = round(float(self.affine[axis, :3] @ middle + self.affine[axis, 3]))
        return f"{('RAS' if place >= 0 else 'LPI')[axis]} {abs(place)} mm"

    def fit(self, array: np.ndarray) -> np.ndarray:
        return self.orientation.turned(array)[self.box]

    def panels(self, voxel: tuple[int, int, int]) -> list[tuple[str, int]]:
        return [(plane, self.orientation.place(plane, voxel)) for plane in self.orientation.planes]


def draw(
    folder: Path,
    case: Case,
    prediction: Prediction,
    heatmaps: Sequence[Heatmap],
    masks: Sequence[SaliencyMask],
    anatomy: Anatomy | None,
    findings: Findings,
    counterfactuals: Sequence[Counterfactual] = (),
    language: str = "en",
    check: SaliencyCheck | None = None,
) -> list[Path]:
    """Draw every picture that the case allows into ``folder``/figures; their paths in the order of the report.

    Args:
        language: of the texts in the pictures: en, fr, de or es.
    """
    target = folder / "figures"
    target.mkdir(parents=True, exist_ok=True)
    scene = _Scene.of(case, prediction, findings, language_of(language))
    paths = []
    if scene.lesions.any():
        paths.append(_draw_lesion(scene, target / "lesion.png"))
    paths += _draw_heatmaps(scene, heatmaps, masks, target)
    if check is not None and check.shares:
        paths.append(draw_shortcuts(check, target / "shortcuts.png", scene.words))
    if check is not None and check.curves:
        paths.append(draw_curves(check, target / "curves.png", scene.words))
    if anatomy is not None and anatomy.labels is not None and any(lesion.regions for lesion in findings.lesions):
        paths.append(_draw_atlas(scene, anatomy, findings, target / "atlas.png"))
    if anatomy is not None and anatomy.to_mni is not None and scene.lesions.any():
        paths.append(
            draw_glass_brain(
                prediction.lesion_labels > 0, case, anatomy.to_mni, target / "glass-brain.png", scene.words
            )
        )
    if anatomy is not None and anatomy.template_edges is not None:
        paths.append(_draw_registration(scene, anatomy, target / "registration.png"))
    if len(scene.orientation.planes) > 1:
        paths.append(_draw_montage(scene, target / "montage.png"))
    elif not paths:
        paths.append(_slices(scene, centre(scene.head), 0.4, lambda *_: None).save(target / "montage.png", scene.words))
    if findings.prediction.scores:
        paths.append(draw_scores(findings, target / "scores.png", scene.words))
    if counterfactuals:
        paths.append(draw_changes(counterfactuals, findings.model.classes, target / "changes.png", scene.words))
    return paths


def _slices(
    scene: _Scene, voxel: tuple[int, int, int], foot: float, add: Callable[[drawing.Axes, str, int], None]
) -> drawing.SliceFigure:
    """The planes through ``voxel``, each with letters and a scale bar; ``add`` draws on top of the image."""
    places = scene.panels(voxel)
    pixels = [(plane, scene.orientation.panel(scene.image, plane, index)) for plane, index in places]
    sizes = drawing.panel_sizes(scene.orientation, pixels)
    figure = drawing.SliceFigure(sizes, foot)
    for axes, (plane, index), (_, slice_), size in zip(figure.axes, places, pixels, sizes, strict=True):
        drawing.show_image(axes, slice_, scene.orientation.pixel_mm(plane), scene.window)
        add(axes, plane, index)
        drawing.letters(axes, scene.orientation.edge_names(plane))
        if scene.orientation.spacing_mm is not None:
            drawing.scale_bar(axes, size, drawing.scale_bar_mm(sizes))
    if scene.orientation.tilt_degrees > OBLIQUE_DEGREES:
        note = f"slices along the stored grid, {scene.orientation.tilt_degrees:.0f}° oblique"
        place = (0.988, 0.1 / figure.height)
        figure.figure.text(*place, note, color=drawing.SOFT, fontsize=9, ha="right", va="bottom")
    return figure


def _outline(
    scene: _Scene, axes: drawing.Axes, mask: np.ndarray, place: tuple[str, int], *, colour: str, dashed: bool = False
) -> None:
    plane, index = place
    section = scene.orientation.panel(mask, plane, index)
    drawing.outline(axes, section, scene.orientation.pixel_mm(plane), colour, dashed)


def _draw_lesion(scene: _Scene, path: Path) -> Path:
    count = int(scene.lesions.max())

    def add(axes: drawing.Axes, plane: str, index: int) -> None:
        _outline(scene, axes, scene.lesions > 0, (plane, index), colour=drawing.LESION)
        section = scene.orientation.panel(scene.lesions, plane, index)
        for label in np.unique(section[section > 0]) if count > 1 else ():
            drawing.number_mark(axes, section == label, scene.orientation.pixel_mm(plane), str(label))

    figure = _slices(scene, focus(scene.main, None, scene.head), 0.62, add)
    numbered = "" if count < 2 else " (numbered by size)" if scene.by_size else " (numbered)"
    figure.legend([drawing.line_key(drawing.LESION, f"segmented abnormality{numbered}")], 1)
    return figure.save(path, scene.words)


def _draw_heatmaps(
    scene: _Scene, heatmaps: Sequence[Heatmap], masks: Sequence[SaliencyMask], target: Path
) -> list[Path]:
    """Each heat map, all methods of the first class side by side, and the first method's of all classes."""
    paths = []
    for name, heatmap in zip(map_names((h.method, h.target) for h in heatmaps), heatmaps, strict=True):
        mask = next((m for m in masks if (m.method, m.target) == (heatmap.method, heatmap.target)), None)
        paths.append(_draw_heatmap(scene, heatmap, mask, target / f"saliency-{name}.png"))
    methods = [h for h in heatmaps if h.target == heatmaps[0].target]
    classes = [h for h in heatmaps if h.method == heatmaps[0].method]
    if len(methods) > 1:
        titles = [method_name(h.method) for h in methods]
        paths.append(_draw_beside(scene, methods, masks, (titles, "mask of each method"), target / "methods.png"))
    if len(classes) > 1:
        titles = [class_name(h.target) for h in classes]
        paths.append(_draw_beside(scene, classes, masks, (titles, "mask of each class"), target / "classes.png"))
    return paths


def _draw_heatmap(scene: _Scene, heatmap: Heatmap, mask: SaliencyMask | None, path: Path) -> Path:
    values, inside, threshold = _shown(scene, heatmap, mask)

    def add(axes: drawing.Axes, plane: str, index: int) -> None:
        _heat(scene, axes, (plane, index), values, inside, threshold)

    voxel = focus(scene.main, values, scene.head)
    if inside.any() and not any(scene.orientation.panel(inside, *place).any() for place in scene.panels(voxel)):
        voxel = focus(np.zeros_like(inside), values, scene.head)  # the map lies elsewhere: show where
    figure = _slices(scene, voxel, 0.92, add)
    keys = (
        [drawing.line_key(drawing.MASK, f"mask of {method_name(heatmap.method)}", dashed=True)] if inside.any() else []
    )
    keys += [drawing.line_key(drawing.LESION, "segmented abnormality")] if scene.lesions.any() else []
    if keys:
        figure.legend(keys, 2)
    figure.colour_bar(threshold)
    return figure.save(path, scene.words)


def _draw_beside(
    scene: _Scene,
    heatmaps: Sequence[Heatmap],
    masks: Sequence[SaliencyMask],
    words: tuple[Sequence[str], str],
    path: Path,
) -> Path:
    """Heat maps on one slice, side by side, each above the threshold of its own mask. ``words``: their titles, and what the
    dashed line is."""
    titles, dashed = words
    by_name = {(m.method, m.target): m for m in masks}
    shown = [_shown(scene, h, by_name.get((h.method, h.target))) for h in heatmaps]
    plane, index = scene.panels(focus(scene.main, shown[0][0], scene.head))[0]
    pixels = [(plane, scene.orientation.panel(scene.image, plane, index))] * len(heatmaps)
    sizes = drawing.panel_sizes(scene.orientation, pixels)
    figure = drawing.SliceFigure(sizes, 0.92, min(len(heatmaps), _METHOD_COLUMNS))
    for axes, title, parts in zip(figure.axes, titles, shown, strict=True):
        drawing.show_image(axes, pixels[0][1], scene.orientation.pixel_mm(plane), scene.window)
        _heat(scene, axes, (plane, index), *parts)
        drawing.title(axes, title)
        drawing.letters(axes, (*scene.orientation.edge_names(plane)[:2], "", ""))  # the title stands at the top
    keys = [drawing.line_key(drawing.MASK, dashed, dashed=True)]
    keys += [drawing.line_key(drawing.LESION, "segmented abnormality")] if scene.lesions.any() else []
    figure.legend(keys, 2)
    figure.colour_bar(None)
    return figure.save(path, scene.words)


def _shown(scene: _Scene, heatmap: Heatmap, mask: SaliencyMask | None) -> tuple[np.ndarray, np.ndarray, float]:
    """A heat map as shares of its maximum, its mask, and the value from which it is coloured."""
    values = scene.fit(heatmap.values)
    top = float(heatmap.values.max())
    values = np.clip(values / top, 0, 1) if top > 0 else np.zeros_like(values)
    inside = np.zeros(values.shape, bool) if mask is None else scene.fit(mask.values) > 0
    return values, inside, float(values[inside].min()) if inside.any() else _NO_MASK_THRESHOLD


def _heat(
    scene: _Scene,
    axes: drawing.Axes,
    place: tuple[str, int],
    values: np.ndarray,
    inside: np.ndarray,
    threshold: float,
) -> None:
    colours = drawing.heat_colours(scene.orientation.panel(values, *place), threshold)
    drawing.show_colours(axes, colours, scene.orientation.pixel_mm(place[0]), smooth=True)
    _outline(scene, axes, inside, place, colour=drawing.MASK, dashed=True)
    _outline(scene, axes, scene.lesions > 0, place, colour=drawing.LESION)


def _draw_atlas(scene: _Scene, anatomy: Anatomy, findings: Findings, path: Path) -> Path:
    labels = scene.fit(anatomy.labels)
    largest = findings.lesions[0].regions
    named = [(r.percent_of_lesion, r) for r in largest if r.lobe != "other"]
    shares = ([row for row in named if row[0] >= _WORTH_A_COLOUR_PERCENT] or named)[:_NAMED_REGIONS]
    by_name = {(region.name, region.side): region.label for region in anatomy.regions}
    colours, numbers, keys = {}, {}, []
    for (share, region), colour in zip(shares, drawing.REGIONS, strict=False):
        label = by_name.get((region.name, region.side))
        if label is not None:
            colours[label] = colour
            numbers[label] = str(len(numbers) + 1)
            keys.append(
                drawing.patch_key(
                    colour, f"{numbers[label]} {region_name(region.name, region.side)}, {percent_text(share)}"
                )
            )

    def add(axes: drawing.Axes, plane: str, index: int) -> None:
        pixel_mm = scene.orientation.pixel_mm(plane)
        section = scene.orientation.panel(labels, plane, index)
        drawing.show_colours(axes, _borders(section), pixel_mm)
        drawing.show_colours(axes, drawing.label_colours(section, colours, 0.5), pixel_mm)
        for label, number in numbers.items():
            drawing.region_mark(axes, section == label, pixel_mm, number)
        _outline(scene, axes, scene.lesions > 0, (plane, index), colour=drawing.LESION)

    keys.insert(0, drawing.line_key(drawing.LESION, "segmented abnormality"))
    figure = _slices(scene, focus(scene.main, None, scene.head), 0.42 + 0.21 * ((len(keys) + 1) // 2), add)
    figure.legend(keys, 2)
    return figure.save(path, scene.words)


def _borders(labels: np.ndarray) -> np.ndarray:
    """RGBA of the thin grey lines between regions, so that the others stay visible without a colour."""
    border = np.zeros(labels.shape, bool)
    border[:-1] |= labels[:-1] != labels[1:]
    border[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    return drawing.label_colours(border.astype(int), {1: "#c8d0d8"}, 0.35)


def _draw_registration(scene: _Scene, anatomy: Anatomy, path: Path) -> Path:
    edges = scene.fit(anatomy.template_edges) > 0

    def add(axes: drawing.Axes, plane: str, index: int) -> None:
        section = scene.orientation.panel(edges, plane, index).astype(int)
        colours = drawing.label_colours(section, {1: drawing.EDGES}, 0.9)
        drawing.show_colours(axes, colours, scene.orientation.pixel_mm(plane))

    figure = _slices(scene, centre(edges if edges.any() else scene.head), 0.62, add)
    meaning = f"edges of the MNI152 template (registration: {anatomy.registration.verdict.replace('_', ' ')})"
    if anatomy.picture is not None:
        meaning = f"edges of the {anatomy.picture.plane} section of MNI152 that fits best (approximate)"
    figure.legend([drawing.patch_key(drawing.EDGES, meaning)], 1)
    return figure.save(path, scene.words)


def _draw_montage(scene: _Scene, path: Path) -> Path:
    """Slices across the thickest voxel edge, evenly through the lesion and a little beyond, else through the head."""
    axis = int(np.argmax(scene.orientation.spacing_mm))
    plane = {2: "axial", 1: "coronal", 0: "sagittal"}[axis if np.ptp(scene.orientation.spacing_mm) > 0.01 else 2]
    axis = {"axial": 2, "coronal": 1, "sagittal": 0}[plane]
    spacing = scene.orientation.spacing_mm[axis]
    lesion, around = scene.lesions > 0, round(_MONTAGE_BEYOND_MM / spacing)
    across = tuple({0, 1, 2} - {axis})
    areas = scene.head.sum(axis=across)
    shown = np.flatnonzero((areas >= _MONTAGE_HEAD * areas.max()) | lesion.any(axis=across))
    reach = np.flatnonzero(lesion.any(axis=across)) if lesion.any() else shown
    around = around if lesion.any() else -around
    first = min(max(reach[0] - around, shown[0]), shown[-1])
    last = min(max(reach[-1] + around, first), shown[-1])
    indices = np.unique(np.linspace(first, last, _MONTAGE).round().astype(int))[::-1]
    pixels = [(plane, scene.orientation.panel(scene.image, plane, int(i))) for i in indices]
    sizes = drawing.panel_sizes(scene.orientation, pixels)
    figure = drawing.SliceFigure(sizes, 0.62, _MONTAGE_COLUMNS)
    left, right, *rest = scene.orientation.edge_names(plane)
    for axes, index, (_, slice_) in zip(figure.axes, indices, pixels, strict=True):
        drawing.show_image(axes, slice_, scene.orientation.pixel_mm(plane), scene.window)
        _outline(scene, axes, scene.lesions > 0, (plane, int(index)), colour=drawing.LESION)
        drawing.letters(axes, (left, right, *(rest if axes is figure.axes[0] else ("", ""))))
        drawing.title(axes, scene.position(axis, int(index)), 9)
    drawing.scale_bar(figure.axes[-1], sizes[-1], drawing.scale_bar_mm(sizes))
    if scene.lesions.any():
        figure.legend([drawing.line_key(drawing.LESION, "segmented abnormality")], 1)
    step = abs(int(indices[0]) - int(indices[-1])) / max(len(indices) - 1, 1) * spacing
    figure.figure.text(
        0.988,
        (figure.foot - 0.1) / figure.height,
        f"{plane}, about {step:.1f} mm apart",
        color=drawing.INK,
        fontsize=10,
        ha="right",
        va="top",
    )
    return figure.save(path, scene.words)
