"""What a reader changes: outlines, measured, located and worded by the same functions as the analysis, and sentences."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from XAIReportLib.case import Case, InputError, head_mask
from XAIReportLib.files import read_json
from XAIReportLib.folder import ResultFolder, complete_or_absent, read_result
from XAIReportLib.report import documents, findings, narrative, readers_wording, revised
from XAIReportLib.report.content import LABELS_IN
from XAIReportLib.report.schema import Findings
from XAIReportLib.results import AtlasRegion, Levels, MaskGeometry, RegionOverlap
from XAIReportLib.reviews import Edit

CORRECTED, REVIEWED, IN_LANGUAGE = "corrected", "reviewed", "report-"
REACH_PRECISION_MM = 0.5  # by how much the intervals of a result may be too narrow for edited outlines


def revise(folder: str | Path, labels: np.ndarray, affine: np.ndarray, output: str | Path) -> Path:
    """Write findings.json, narrative.json and regions.csv of a result with edited outlines into ``output``.

    The result itself stays as the model left it.

    Args:
        folder: a finished result folder.
        labels: lesion labels (0 none, 1, 2, ...), axes (i, j, k); affine: their place, RAS millimetres.

    Raises:
        InputError: the folder is no result or was changed, the model was not run on it, or the labels are not on the grid of its
            image.
    """
    result = read_result(folder)
    found = _revised(result, labels, affine)[0]
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "findings.json": found.to_json(),
        "narrative.json": narrative.told(found, _language(result)).to_json(),
        "regions.csv": documents.regions_csv(found),
    }.items():
        (output / name).write_text(text, encoding="utf-8", newline="\n")
    return output


def write_corrected(folder: str | Path, labels: np.ndarray, affine: np.ndarray) -> Path:
    """Write the whole report of a result with edited outlines, its pictures drawn anew, into ``corrected`` inside the
    result folder: complete or absent. Returns that folder; raises InputError as ``revise``."""
    from XAIReportLib.arrays import write_arrays
    from XAIReportLib.report import figures

    result = read_result(folder)
    found, case, labels = _revised(result, labels, affine)
    image = _array(result.image).astype(np.float32)
    case = replace(case, image=image, head=head_mask(image))
    prediction, heatmaps, masks, anatomy = _as_analysed(result, found, labels)
    run = {**result.run, "corrected_by_reader": found.reader_edit is not None}
    with complete_or_absent(result.path / CORRECTED) as partial:
        language = _language(result)
        drawn = figures.draw(partial, case, prediction, heatmaps, masks, anatomy, found, language=language)
        write_arrays(partial, case, prediction, (), (), None)
        (partial / "image.nii.gz").unlink()  # as in the result itself
        (partial / "lesion_probability.nii.gz").unlink(missing_ok=True)
        documents.write(partial, found, narrative.told(found, language), drawn, run)
        (partial / "run.json").write_text(json.dumps(run, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return result.path / CORRECTED


def write_reworded(folder: str | Path, story: str, edits: Sequence[Edit], corrected: bool = False) -> Path:
    """Write the documents of a result in other words into ``reviewed`` inside its folder: complete or absent.

    Args:
        story: the text of a narrative.json of the same findings, by whatever narrator.
        edits: of its review, by a reader. Every sentence of both is checked anew.
        corrected: of the case as ``write_corrected`` has left it.

    Raises InputError when the folder is no finished result, or was changed. Returns the folder of the documents.
    """
    result = read_result(folder)
    source = result.path / CORRECTED if corrected else result.path
    found = findings.of_result(source)
    told = narrative.checked(narrative.Narrative.model_validate_json(story), found)
    run = {**read_json((source / "run.json").read_bytes()), "sentences_edited_by_reader": len(edits)}
    with complete_or_absent(result.path / REVIEWED) as partial:
        drawn = ResultFolder(source).figures
        documents.write(partial, found, readers_wording.with_edits(told, edits, found), drawn, run)
        (partial / "run.json").write_text(json.dumps(run, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return result.path / REVIEWED


def write_in_language(folder: str | Path, language: str) -> Path:
    """Write the documents of a result in another language into ``report-<language>`` inside its folder, without an
    analysis: complete or absent. Pictures are drawn anew from the result's arrays; those of the registration, checks and changed
    images, whose arrays it does not hold, keep the language that they were drawn in, as their captions say. Returns that folder.

    Raises InputError when the folder is no finished result or was changed, or there is no report in that language.
    """
    result = read_result(folder)
    found = findings.of_result(result.path)
    told, target = narrative.told(found, language), result.path / f"{IN_LANGUAGE}{language}"
    run = {**result.run, "language": language}
    with complete_or_absent(target) as partial:
        drawn, kept = _pictures(result, found, partial, language)
        if kept and _language(result) != language:
            run[LABELS_IN] = {path.stem: _language(result) for path in kept}
        documents.write(partial, found, told, drawn + kept, run)
        (partial / "run.json").write_text(json.dumps(run, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return target


def _pictures(result: ResultFolder, found: Findings, folder: Path, language: str) -> tuple[list[Path], list[Path]]:
    """The result's pictures in ``folder``: those that were drawn anew, and the rest as they are."""
    from XAIReportLib.report import figures

    drawn: list[Path] = []
    if result.lesion is not None:
        image, labels = _array(result.image).astype(np.float32), _array(result.lesion)
        grid = _affine(result.image) if found.image.has_geometry else None
        case = Case(found.case_id, image, grid, head_mask(image))
        drawn = figures.draw(folder, case, *_as_analysed(result, found, labels), found, language=language)
    kept = [picture for picture in result.figures if picture.name not in {path.name for path in drawn}]
    (folder / "figures").mkdir(exist_ok=True)
    return drawn, [shutil.copyfile(picture, folder / "figures" / picture.name) for picture in kept]


def _language(result: ResultFolder) -> str:
    """The language that a result was written in."""
    return str(result.narrative.get("language", "en"))


def prepare(folder: str | Path) -> None:
    """Revise a result for nobody, one voxel of its outline less, so that what a revision loads and keeps is there when the reader's
    comes. The folder stays as it is."""
    result = read_result(folder)
    if result.lesion is None:
        return
    labels = _array(result.lesion).copy()
    if labels.any():
        labels[tuple(np.argwhere(labels)[0])] = 0
        with tempfile.TemporaryDirectory() as nowhere:
            revise(folder, labels, _affine(result.image), nowhere)


def _revised(result: ResultFolder, labels: np.ndarray, affine: np.ndarray) -> tuple[Findings, Case, np.ndarray]:
    if result.lesion is None:
        raise InputError(
            f"The result {result.path.name} holds no outline, since the model was not run; force an analysis of the case."
        )
    found = findings.of_result(result.path)
    before, grid = _array(result.lesion), _affine(result.image)
    shape = before.shape
    labels = _onto_grid(np.asarray(labels), np.asarray(affine, dtype=float), shape, grid)
    nothing = np.broadcast_to(np.float32(0), shape)
    case = Case(found.case_id, nothing, grid if found.image.has_geometry else None, nothing.astype(bool))
    numbers = range(1, int(max(before.max(), labels.max())) + 1)
    changed = [n for n in numbers if ((before == n) != (labels == n)).any()]
    edited = {f"lesion-{n}": labels == n for n in changed if (labels == n).any()}
    total_ml = float((labels > 0).sum() * case.voxel_ml) if case.affine is not None else 0.0
    geometry, overlaps, largest = _located(result, found, case, edited, total_ml)
    masks = {name: _array(path) for name, path in result.masks.items()}
    return revised.revise(found, case, labels, changed, geometry, overlaps, masks, largest), case, labels


def _located(
    result: ResultFolder, found: Findings, case: Case, edited: Mapping[str, np.ndarray], total_ml: float
) -> tuple[dict[str, Any], list[RegionOverlap], dict[str, tuple[AtlasRegion, ...]]]:
    from XAIReportLib.anatomy import described
    from XAIReportLib.anatomy.placed import Placed
    from XAIReportLib.anatomy.regions import measure

    transform = _transform(result, found)

    def shaped(mask: np.ndarray, name: str) -> MaskGeometry:
        return described(measure(name, mask, case, transform), mask, case)

    if transform is None or result.atlas is None or not edited:
        return {name: shaped(mask, name) for name, mask in edited.items()}, [], {}
    levels = _levels(result)
    if levels is not None:
        case = replace(case, image=_array(result.image).astype(np.float32))
    atlas, labels = _atlas(found.anatomy.atlas), _array(result.atlas)
    sizes = np.pad(_sizes(result.atlas), (0, len(atlas.regions) + 1))  # those that the case lacks have none
    cut = tuple(result.run.get("cut_regions", ()))
    placed = Placed(case, transform, atlas, labels, sizes, _reach(found, total_ml), levels, cut)
    with ThreadPoolExecutor(2) as beside:  # the shape needs no atlas, the reader waits
        shapes = {name: beside.submit(shaped, mask, name) for name, mask in edited.items()}
        rows = [row for name, mask in edited.items() for row in placed.overlaps(name, mask)]
        largest = {name: placed.largest(mask) for name, mask in edited.items()}
        around = {name: placed.surroundings(mask) for name, mask in edited.items()}
    return {name: around[name].of(shape.result()) for name, shape in shapes.items()}, rows, largest


def _reach(found: Findings, total_ml: float) -> float | None:
    """How far the registration is moved for the intervals of the result; None where that is too little for the edited
    outlines: an interval that is too narrow would be worse than none."""
    from XAIReportLib.anatomy.intervals import reach_mm

    stated, shift = found.anatomy.interval_mm, found.anatomy.midline_shift
    coverage = found.anatomy.registration.checks.get("coverage", 1.0)
    needed = reach_mm(total_ml, None if shift is None else shift.distance_mm, coverage)
    return stated if stated is not None and stated >= needed - REACH_PRECISION_MM else None


def _levels(result: ResultFolder) -> Levels | None:
    """What appearance is compared with; None where the result does not hold it."""
    stored = result.run.get("levels")
    return None if stored is None else Levels(**{**stored, "white": tuple(stored["white"])})


def _transform(result: ResultFolder, found: Findings) -> Any:
    """The registration of a result, with its deformable step where the folder holds one; None where it has none."""
    from XAIReportLib.anatomy.transform import Transform

    registration = found.anatomy.registration
    if registration.patient_to_mni is None:
        if registration.verdict in ("good", "limited"):
            raise InputError(f"The result {result.path.name} does not hold its registration; analyse the case again.")
        return None
    matrix = np.array(registration.patient_to_mni)
    if result.displacement is None:  # none was kept, or the result was written before they were stored
        return Transform(matrix)
    field = np.moveaxis(_array(result.displacement), -1, 0).astype(np.float32) / 100
    return Transform(matrix, field, _affine(result.displacement))


def _atlas(title: str) -> Any:
    """The atlas that a result names. Raises InputError when it is none of this program's."""
    from XAIReportLib.anatomy.atlas import ATLASES, load_atlas

    name = next((name for name, (of, _) in ATLASES.items() if of == title), None)
    if name is None:
        raise InputError(
            f"The result names the atlas {title}, which this XAIReport does not know; analyse the case again."
        )
    return load_atlas(name)


def _as_analysed(result: ResultFolder, found: Findings, labels: np.ndarray) -> tuple[Any, tuple, tuple, Any]:
    """What the road had handed to the figures, read back, with the edited lesions."""
    from XAIReportLib.results import Anatomy, Heatmap, Prediction, Registration, SaliencyMask

    said, place = found.prediction, found.anatomy
    prediction = Prediction(
        said.outcome, said.reason, said.label, dict(said.scores), said.class_set, dict(said.uncertainty),
        (labels > 0).astype(np.float32), labels.astype(np.uint8),
    )  # fmt: skip
    heatmaps = tuple(
        Heatmap(s.method, s.target, _array(result.heatmaps[name]), s.layer, s.seed)
        for name, s in zip(found.map_names, found.saliency, strict=True)
    )
    masks = tuple(
        SaliencyMask(s.method, s.target, _array(result.masks[name]), s.percentile, s.rule)
        for name, s in zip(found.map_names, found.saliency, strict=True)
    )
    matrix = place.registration.patient_to_mni
    registration = Registration(
        place.registration.verdict, place.registration.reason, None if matrix is None else np.array(matrix)
    )
    atlas = _array(result.atlas) if result.atlas else None
    regions: tuple[AtlasRegion, ...] = ()
    to_mni = None
    if atlas is not None:
        regions = tuple(_atlas(place.atlas).regions)
        to_mni = _transform(result, found).to_mni
    known = Anatomy(registration, place.atlas, place.licence, atlas, regions, (), to_mni=to_mni)
    return prediction, heatmaps, masks, known


def _onto_grid(labels: np.ndarray, affine: np.ndarray, shape: tuple[int, ...], grid: np.ndarray) -> np.ndarray:
    """Labels whose axes may run the other way, on the image's own grid."""
    turn = np.linalg.inv(grid) @ affine
    signs = np.rint(np.diag(turn)[:3]).astype(int)
    expected = np.where(signs < 0, np.subtract(shape, 1), 0)
    if (
        labels.shape != tuple(shape)
        or not np.allclose(turn[:3, :3], np.diag(signs), atol=1e-3)
        or not np.allclose(turn[:3, 3], expected, atol=1e-2)
        or not (np.abs(signs) == 1).all()
    ):
        raise InputError(
            "The edited outline is not on the grid of the analysed image; edit the result's own segmentation."
        )
    return np.ascontiguousarray(labels[tuple(slice(None, None, int(sign)) for sign in signs)])


def _array(path: Path) -> np.ndarray:
    """The voxels of a file of a result, not to be written to; those of the last case are kept for its next edit."""
    return _kept(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _kept(path: Path, _changed: int) -> np.ndarray:
    import nibabel

    array = np.asarray(nibabel.load(path).dataobj)
    array.flags.writeable = False
    return array


def _sizes(path: Path) -> np.ndarray:
    """Voxels of every label of a file of a result; those of the last case are kept for its next edit."""
    return _counted(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _counted(path: Path, changed: int) -> np.ndarray:
    return np.bincount(_kept(path, changed).ravel())


def _affine(path: Path) -> np.ndarray:
    import nibabel

    return np.asarray(nibabel.load(path).affine, dtype=float)
