"""The tables of the report: scores, abnormalities, regions, heat maps, model, registration and provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import checklist, model_figures
from .languages import Language
from .measures import distance_text, interval_meaning
from .passages import series_of
from .provenance import provenance_rows
from .schema import Findings, Lesion, LesionRegion, MaskRegion, Model, Saliency, SaliencyCheckPart
from .wording import (
    CHECK_NAMES,
    LIKENESS,
    class_name,
    class_name_in_full,
    joined,
    method_name,
    percent_text,
    score_text,
)

_SHOWN_ROWS = 12  # of a region table; regions.csv holds all
_SHOWN_CHARACTERS = 240  # of a piece of evidence
CUT_REGIONS = "Of a region that the field of view cuts, no share is given: the rest of it was not imaged."


@dataclass(frozen=True)
class Table:
    """Rows of text; ``numeric`` columns are aligned to the right, ``kept`` ones are the same in every language; the ``named``
    one says what a row is about."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    note: str = ""
    kept: frozenset[int] = frozenset()
    named: int = 0

    def without_empty_columns(self) -> Table:
        """Those left out in which no row holds anything."""
        left = [c for c in range(len(self.header)) if not self.rows or any(row[c] != "–" for row in self.rows)]
        return replace(
            self,
            header=tuple(self.header[c] for c in left),
            rows=tuple(tuple(row[c] for c in left) for row in self.rows),
            numeric=frozenset(n for n, c in enumerate(left) if c in self.numeric),
            kept=frozenset(n for n, c in enumerate(left) if c in self.kept),
            named=left.index(self.named),
        )

    def in_language(self, words: Language) -> Table:
        """The table as the language says it."""
        rows = tuple(
            tuple(cell if column in self.kept else words.label(cell) for column, cell in enumerate(row))
            for row in self.rows
        )
        header = tuple(words.label(cell) for cell in self.header)
        return replace(self, title=words.label(self.title), header=header, rows=rows, note=words.label(self.note))


def value_text(value: Any) -> str:
    """A piece of a JSON document for a reader: no braces, no unknowns, not too long."""
    if isinstance(value, dict):
        known = {key: item for key, item in value.items() if item is not None and key != "codes"}
        text = ", ".join(f"{key} {value_text(item)}" for key, item in known.items())
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 2] + " …"


def place_text(mask: Lesion | Saliency) -> str:
    """Side of a mask for a table cell."""
    if mask.side == "midline":
        return f"both sides ({percent_text(mask.left_percent)} left)"
    if mask.side is not None:
        return f"{mask.side} ({percent_text(mask.left_percent if mask.side == 'left' else mask.right_percent)})"
    return mask.image_side or "side not known"


def case_tables(findings: Findings) -> list[Table]:
    tables = []
    if findings.prediction.scores:
        order = sorted(findings.prediction.scores.items(), key=lambda item: -item[1])
        chosen = findings.prediction.class_set
        rows = [(class_name_in_full(name), score_text(s), "yes" if name in chosen else "no") for name, s in order]
        note = (
            f"Calibration: {findings.model.calibration}; {findings.model.score_level} level, {findings.model.data_set}."
        )
        header = ("Class", "Model score", "Cannot be set aside")
        tables.append(Table("Model scores", header, tuple(rows), frozenset({1}), note))
    if findings.lesions:
        tables.append(_lesion_table(findings))
        tables += [table for table in (_measures_table(findings), _distance_table(findings)) if table.rows]
        for lesion in findings.lesions:
            if lesion.regions:
                title = f"Atlas regions of segmented abnormality {lesion.name.removeprefix('lesion-')}"
                tables.append(_region_table(title, lesion.regions, "abnormality", findings))
    if findings.saliency:
        tables.append(_saliency_table(findings))
        if findings.saliency_check is not None:
            tables.append(_check_table(findings.saliency_check))
        for saliency in findings.saliency:
            if saliency.regions:
                several = len(findings.mapped_classes) > 1
                whose = f" for {class_name(saliency.target)}" if several else ""
                title = f"Atlas regions of the mask of {method_name(saliency.method)}{whose}"
                tables.append(_region_table(title, saliency.regions, "mask", findings))
    if findings.lesions:
        tables.append(_checklist_table(findings))
    return [table.without_empty_columns() for table in tables]


def _checklist_table(findings: Findings) -> Table:
    rows = [(name, answer, place or "–") for name, answer, place in checklist.answers(findings)]
    note = (
        "Items of VASARI and of a survey of clinicians; of the largest segmented abnormality. An item that was not assessed "
        "may be present or not."
    )
    if {answer for _, answer, _ in rows} - {"yes", "no"}:
        note = f"{note} An item that was assessed in part only is not counted."
    header = ("Item", "Assessed", "In findings.json")
    return Table(checklist.TITLE, header, tuple(rows), frozenset(), note, kept=frozenset({2}))


def _lesion_table(findings: Findings) -> Table:
    rows = [
        (
            lesion.name.removeprefix("lesion-"),
            "–" if lesion.volume_ml is None else f"{lesion.volume_ml:.2f}",
            str(lesion.voxels),
            place_text(lesion),
            _position(lesion.centroid_ras_mm),
        )
        for lesion in findings.lesions
    ]
    unit = "Voxels" if findings.image.has_geometry else "Pixels"
    header = ("No.", "Volume (ml)", unit, "Side (share)", "Centre, RAS (mm)")
    return Table(f"Segmented abnormalities{series_of(findings)}", header, tuple(rows), frozenset({0, 1, 2, 4}))


def _measures_table(findings: Findings) -> Table:
    rows = [
        (
            lesion.name.removeprefix("lesion-"),
            " × ".join(f"{value:.1f}" for value in m.axial_diameters_mm),
            f"{m.feret_mm:.1f}",
            f"{m.long_axis_mm:.1f}",
            f"{m.equivalent_diameter_mm:.1f}",
            f"{m.sphericity:.2f}",
            "–" if m.crosses_midline is None else "yes" if m.crosses_midline else "no",
        )
        for lesion in findings.lesions
        if (m := lesion.measures) is not None
    ]
    header = ("No.", "Axial (mm)", "Largest (mm)", "Long axis (mm)", "Ball (mm)", "Sphericity", "Crosses midline")
    note = (
        "Axial: longest diameter in any axial section and the longest perpendicular to it there, between voxel centres. "
        "Largest: in any direction. Long axis: of the ellipsoid with the same second moments. Ball: diameter of the ball "
        "of the same volume."
    )
    return Table("Size and shape", header, tuple(rows), frozenset({0, 1, 2, 3, 4, 5}), note)


def _distance_table(findings: Findings) -> Table:
    """One row an abnormality and position."""
    rows = [
        (lesion.name.removeprefix("lesion-"), way.position, distance_text(way))
        for lesion in findings.lesions
        if lesion.measures is not None
        for way in (*lesion.measures.distances, *lesion.measures.neighbours)
    ]
    note = (
        "Atlas positions in an average head, brought to the patient, and the nearest regions that the abnormality does not "
        "reach into; function was not assessed."
    )
    if findings.anatomy.registration.verdict == "limited":
        note = f"Approximate: the registration is of limited quality. {note}"
    reach = findings.anatomy.interval_mm
    if reach is not None and any(" to " in cell for _, _, cell in rows):
        note = f"{interval_meaning(reach)} {note}"
    header = ("No.", "Atlas position", "Distance")
    return Table("Distances to atlas positions", header, tuple(rows), frozenset({0}), note, named=1)


def _saliency_table(findings: Findings) -> Table:
    rows = [
        (
            method_name(s.method),
            class_name_in_full(s.target),
            f"{s.percentile:.1f}",
            f"{s.mask_voxels} pixels" if s.mask_volume_ml is None else f"{s.mask_volume_ml:.2f} ml",
            place_text(s) if s.mask_voxels else "–",
            "–" if s.dice_with_lesion is None else score_text(s.dice_with_lesion),
        )
        for s in findings.saliency
    ]
    header = ("Method", "Class", "Percentile", "Mask", "Side (share)", "Dice with segmentation")
    rules = sorted({f"{method_name(s.method)}: {s.rule.rstrip('.')}." for s in findings.saliency if s.rule})
    note = "Percentile of the values in the head at which the mask is cut. " + " ".join(rules)
    return Table("Heat maps and their masks", header, tuple(rows), frozenset({2, 3, 5}), note.strip())


def _check_table(check: SaliencyCheckPart) -> Table:
    """The shortcut card: what each check found, and whether it failed."""
    rows = [
        (
            CHECK_NAMES.get(name, name.replace("_", " ")),
            score_text(value),
            "failed" if name in check.failed else "passed",
        )
        for name, value in check.figures.items()
    ]
    note = LIKENESS if "doubt" in check.figures else ""
    return Table("Checks of the heat maps", ("Check", "Value", "Result"), tuple(rows), frozenset({1}), note)


def _region_table(title: str, regions: Sequence[LesionRegion | MaskRegion], owner: str, findings: Findings) -> Table:
    rows = [
        (
            region.name,
            region.lobe,
            region.side or "–",
            _share_text(region),
            f"{region.overlap_ml:.2f}",
            "–" if region.percent_of_region is None else f"{region.percent_of_region:.1f}",
            "–" if region.mean_probability is None else f"{region.mean_probability:.2f}",
            "–"
            if region.nearest is None or region.nearest_mm is None
            else f"{region.nearest} ({region.nearest_mm:.1f} mm)",
        )
        for region in regions[:_SHOWN_ROWS]
    ]
    header = (
        "Atlas position",
        "Lobe",
        "Side",
        f"% of {owner}",
        "ml",
        "% of region",
        "Atlas probability",
        "Nearest region",
    )
    left = len(regions) - len(rows)
    note = f"regions.csv holds {left} more with smaller shares." if left > 0 else ""
    if any(region.percent_of_region is None and region.lobe != "other" for region in regions):
        note = f"{CUT_REGIONS} {note}".strip()
    reach = findings.anatomy.interval_mm
    if reach is not None:
        note = f"{interval_meaning(reach)} {note}".strip()
    if findings.anatomy.registration.verdict == "limited":
        note = f"Approximate: the registration is of limited quality. {note}".strip()
    return Table(title, header, tuple(rows), frozenset({3, 4, 5, 6}), note)


def _share_text(region: LesionRegion | MaskRegion) -> str:
    share = region.percent_of_lesion if isinstance(region, LesionRegion) else region.percent_of_mask
    if region.percent_low is None or region.percent_high is None:
        return f"{share:.1f}"
    return f"{share:.1f} ({region.percent_low:.1f} to {region.percent_high:.1f})"


def _position(position: Sequence[float] | None) -> str:
    return "–" if position is None else ", ".join(f"{value:.1f}" for value in position)


def model_tables(findings: Findings, run: Mapping[str, Any]) -> list[Table]:
    model, anatomy = findings.model, findings.anatomy
    facts = [
        ("Model", f"{model.name} {model.version}"),
        ("SHA-256 of the weights", model.sha256),
        ("Classes", joined([class_name_in_full(name) for name in model.classes])),
        ("Training data", model.data_set),
        ("Model scores", f"{model.score_level} level; calibration: {model.calibration}"),
        ("Layer of the heat maps", model.saliency_layer),
        ("Use", "non-commercial only" if model.non_commercial else "research only"),
    ]
    checks = [
        (name.replace("_", " "), "–" if v is None else f"{v:g}") for name, v in anatomy.registration.checks.items()
    ]
    place = [
        ("Verdict", anatomy.registration.verdict.replace("_", " ")),
        ("Reason", anatomy.registration.reason),
        *checks,
        ("Atlas", anatomy.atlas or "–"),
        ("Terms of the atlas", anatomy.licence or "–"),
    ]
    header = ("Detail", "Value")
    tables = [Table("Model", header, tuple(facts))]
    if model.metrics:
        tables.append(_metrics_table(model))
    tables.append(Table("Registration to the atlas", header, tuple(place)))
    rows = provenance_rows(run)
    note, kept = "The whole record is in run.json.", frozenset({0, 1})
    tables.append(Table("How this was computed", header, tuple(rows), note=note, kept=kept))
    return tables


def _metrics_table(model: Model) -> Table:
    """The model's own figures on held-out cases; what is neither a figure nor a text stands in the model card only."""
    rows, notes = [], []
    for name, value in model.metrics.items():
        place, plain = model_figures.named(name, model.classes)
        if isinstance(value, Mapping) and isinstance(value.get("value"), int | float):
            known = value.get("low") is not None and value.get("high") is not None
            interval = f"{value['low']:.3g} to {value['high']:.3g}" if known else "–"
            rows.append((place, (plain, f"{value['value']:.3g}", interval)))
        elif isinstance(value, int | float) and name not in model_figures.NOT_SHOWN:
            rows.append((place, (plain, f"{value:g}", "–")))
        elif isinstance(value, str):
            notes.append(f"{plain[0].upper()}{plain[1:]}: {value}.")
    note = " ".join([*notes, "These are figures of the model, not of this case."])
    told = tuple(row for _, row in sorted(rows, key=lambda one: one[0]))
    return Table("What was measured of the model", ("Figure", "Value", "Interval"), told, frozenset({1, 2}), note)
