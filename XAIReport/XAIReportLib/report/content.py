"""What the documents show: the same sections, tables, pictures and evidence for HTML, PDF and plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .narrative import Narrative, resolve
from .provenance import provenance_rows
from .schema import Findings, Lesion, LesionRegion, MaskRegion, Saliency
from .wording import class_name_in_full, joined, method_name, percent_text, score_text, volume_text

TITLES = {
    "technique": "Technique",
    "findings": "Findings",
    "anatomy": "Anatomy",
    "evidence": "Evidence of the model",
    "impression": "Impression",
    "confidence": "Confidence",
    "limits": "Limits",
}
_SHOWN_ROWS = 12  # of a region table; regions.csv holds all
_SHOWN_CHARACTERS = 240  # of a piece of evidence
_UNIT = re.compile(r"(\d) (%|ml|mm|pixels|voxels)")  # a number and its unit stay on one line
_CAPTIONS = {
    "lesion": (
        "Segmented abnormality",
        "Outline of the segmented abnormality on the input, at its largest section.",
    ),
    "montage": ("Overview", "Slices through the head with the outline of the segmented abnormality."),
    "atlas": ("Atlas regions", "Atlas regions in the patient's space, named where the abnormality projects onto them."),
    "registration": (
        "Quality of the registration",
        "Edges of the MNI152 template on the patient. Where they leave the brain's edges, regions are off by as much.",
    ),
    "scores": ("Model scores", "Model score of each class; filled bars are the classes that cannot be set aside."),
}


@dataclass(frozen=True)
class Table:
    """Rows of text; ``numeric`` columns are aligned to the right."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    note: str = ""


@dataclass(frozen=True)
class Statement:
    """A sentence and the numbers of its pieces of evidence."""

    text: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Evidence:
    number: int
    pointer: str
    value: str


@dataclass(frozen=True)
class Picture:
    title: str
    caption: str
    path: Path


@dataclass(frozen=True)
class Content:
    """``banner`` stands before anything else, ``warnings`` next; ``facts`` and ``lead``: the case at a glance."""

    case_id: str
    disclaimers: tuple[str, ...]
    banner: tuple[Statement, ...]
    warnings: tuple[Statement, ...]
    facts: tuple[tuple[str, str, str], ...]
    sections: tuple[tuple[str, tuple[Statement, ...]], ...]
    tables: tuple[Table, ...]
    model_tables: tuple[Table, ...]
    lead: Picture | None
    pictures: tuple[Picture, ...]
    evidence: tuple[Evidence, ...]


def content_of(findings: Findings, narrative: Narrative, figures: Sequence[Path], run: Mapping[str, Any]) -> Content:
    """Everything that a document shows; ``run`` is run.json, of which only rows without paths and names are taken."""
    document = findings.model_dump(mode="json")
    pointers = list(dict.fromkeys(pointer for sentence in narrative.sentences for pointer in sentence.evidence))
    number = {pointer: index for index, pointer in enumerate(pointers, start=1)}

    def statements(section: str) -> tuple[Statement, ...]:
        return tuple(
            Statement(_UNIT.sub("\\1\u00a0\\2", s.text), tuple(number[p] for p in s.evidence))
            for s in narrative.of_section(section)
        )

    status = statements("status")
    pictures = tuple(Picture(*_caption(path.stem, findings), path) for path in figures)
    lead = next((p for p in pictures if p.path.stem.startswith("saliency-")), pictures[0] if pictures else None)
    return Content(
        case_id=findings.case_id,
        disclaimers=findings.disclaimers,
        banner=tuple(s for s in status if not s.text.startswith("Warning: ")),
        warnings=tuple(s for s in status if s.text.startswith("Warning: ")),
        facts=_facts(findings),
        sections=tuple((title, statements(name)) for name, title in TITLES.items() if narrative.of_section(name)),
        tables=tuple(_case_tables(findings)),
        model_tables=tuple(_model_tables(findings, run)),
        lead=lead,
        pictures=tuple(picture for picture in pictures if picture is not lead),
        evidence=tuple(Evidence(n, pointer, _value(resolve(document, pointer))) for pointer, n in number.items()),
    )


def _value(value: Any) -> str:
    if isinstance(value, dict):
        known = {key: item for key, item in value.items() if item is not None and key != "codes"}
        text = ", ".join(f"{key} {_value(item)}" for key, item in known.items())
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 2] + " …"


def _caption(stem: str, findings: Findings) -> tuple[str, str]:
    if stem in _CAPTIONS:
        return _CAPTIONS[stem]
    for saliency in findings.saliency:
        if stem == f"saliency-{saliency.method}":
            return (
                f"{method_name(saliency.method)} for {class_name_in_full(saliency.target)}",
                "Where the score of this class came from, not why. Colour: share of the map's maximum, shown above the "
                "threshold of its mask. Dashed: the mask. Solid: the segmented abnormality.",
            )
    return stem, ""


def _facts(findings: Findings) -> tuple[tuple[str, str, str], ...]:
    """Label, value, and what the value covers."""
    prediction, registration, total = findings.prediction, findings.anatomy.registration, findings.lesion_total
    suggestion = {
        "no_lesion_found": "none (no lesion found)",
        "abstained": "none (the model abstains)",
        "not_applicable": "none (not applicable)",
    }.get(prediction.outcome, "")
    if prediction.label is not None:
        suggestion = class_name_in_full(prediction.label)
    facts = [("Model's suggestion", suggestion, "A model's suggestion is not a finding about the patient.")]
    if prediction.label is not None:
        covers = f"{len(findings.model.classes)} classes, {findings.model.score_level} level"
        facts.append(("Model score", score_text(prediction.scores[prediction.label]), covers))
    if prediction.outcome != "not_applicable":
        size = f"{total.voxels} pixels" if total.volume_ml is None else volume_text(total.volume_ml)
        covers = "no lesion found by this model"
        if total.count:
            place = place_text(findings.lesions[0])
            covers = place if total.count == 1 else f"{total.count} in all, the largest: {place}"
        facts.append(("Segmented abnormality", size if total.count else "none", covers))
        verdict = registration.verdict.replace("_", " ")
        covers = "regions may be named" if registration.verdict == "good" else "regions are approximate"
        if registration.verdict in ("failed", "not_possible"):
            covers = "no region is named"
        facts.append(("Registration to the atlas", verdict, covers))
    return tuple(facts)


def place_text(mask: Lesion | Saliency) -> str:
    """Side of a mask for a table cell."""
    if mask.side == "midline":
        return f"both sides ({percent_text(mask.left_percent)} left)"
    if mask.side is not None:
        return f"{mask.side} ({percent_text(mask.left_percent if mask.side == 'left' else mask.right_percent)})"
    return mask.image_side or "side not known"


def _case_tables(findings: Findings) -> list[Table]:
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
        for lesion in findings.lesions:
            if lesion.regions:
                title = f"Atlas regions of segmented abnormality {lesion.name.removeprefix('lesion-')}"
                tables.append(_region_table(title, lesion.regions, "abnormality", findings))
    if findings.saliency:
        tables.append(_saliency_table(findings))
        for saliency in findings.saliency:
            if saliency.regions:
                title = f"Atlas regions of the mask of {method_name(saliency.method)}"
                tables.append(_region_table(title, saliency.regions, "mask", findings))
    return tables


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
    header = ("No.", "Volume (ml)", "Voxels", "Side (share)", "Centre, RAS (mm)")
    return Table("Segmented abnormalities (T1 post-contrast)", header, tuple(rows), frozenset({1, 2, 4}))


def _saliency_table(findings: Findings) -> Table:
    rows = [
        (
            method_name(s.method),
            class_name_in_full(s.target),
            f"{s.percentile:.1f}",
            f"{s.mask_voxels} voxels" if s.mask_volume_ml is None else f"{s.mask_volume_ml:.2f} ml",
            place_text(s) if s.mask_voxels else "–",
            "–" if s.dice_with_lesion is None else score_text(s.dice_with_lesion),
        )
        for s in findings.saliency
    ]
    header = ("Method", "Class", "Percentile", "Mask", "Side (share)", "Dice with segmentation")
    rules = sorted({f"{method_name(s.method)}: {s.rule}" for s in findings.saliency if s.rule})
    note = "Percentile of the values in the head at which the mask is cut. " + "; ".join(rules)
    return Table("Heat maps and their masks", header, tuple(rows), frozenset({2, 3, 5}), note.strip())


def _region_table(title: str, regions: Sequence[LesionRegion | MaskRegion], owner: str, findings: Findings) -> Table:
    rows = [
        (
            region.name,
            region.lobe,
            region.side or "–",
            f"{region.percent_of_lesion if isinstance(region, LesionRegion) else region.percent_of_mask:.1f}",
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
    note = f"{left} further rows with smaller shares are in regions.csv." if left > 0 else ""
    if findings.anatomy.registration.verdict == "limited":
        note = f"Approximate: the registration is of limited quality. {note}".strip()
    return Table(title, header, tuple(rows), frozenset({3, 4, 5, 6}), note)


def _position(position: Sequence[float] | None) -> str:
    return "–" if position is None else ", ".join(f"{value:.1f}" for value in position)


def _model_tables(findings: Findings, run: Mapping[str, Any]) -> list[Table]:
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
    facts += [(f"Measured: {name.replace('_', ' ')}", _value(value)) for name, value in model.metrics.items()]
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
    header = ("Item", "Value")
    tables = [Table("Model", header, tuple(facts)), Table("Registration to the atlas", header, tuple(place))]
    rows = provenance_rows(run)
    tables.append(Table("How this was computed", header, tuple(rows), note="The whole record is in run.json."))
    return tables
