"""The narrative's template: findings, anatomy and evidence, the sections that say where something lies."""

from __future__ import annotations

from collections.abc import Iterator

from . import measures
from .passages import REASON_KEPT, Passage, at, quoted, series_of
from .schema import Findings, Lesion, LesionRegion, MaskRegion, Saliency, SaliencyCheckPart
from .wording import (
    LIKENESS,
    NO_LESION,
    WHERE_NOT_WHY,
    class_name,
    failed_check,
    joined,
    method_name,
    percent_text,
    region_name,
    score_text,
    volume_text,
)

FAST_SCORECAM = (
    "ScoreCAM is a fast approximation here: only a part of its weights was computed, the others were predicted from "
    "these."
)
NOT_INDEPENDENT = (
    "The class is read mainly where the model itself places a lesion, so that the overlap of a heat map with the "
    "segmentation is no independent evidence."
)
FAILED_MAPS = "The heat maps of this case failed their checks: they are no evidence of where the score came from."
TABLE_HOLDS = "The table of segmented abnormalities holds the smaller ones."
_DESCRIBED = 3  # lesions with a sentence each; the table holds all
_NAMED = 4  # regions in a sentence
_WORTH_NAMING_PERCENT = 5.0


def findings_of(findings: Findings) -> Iterator[Passage]:
    """Count, size and place of the segmented abnormalities."""
    outcome = at("prediction", "outcome")
    if findings.prediction.outcome == "not_applicable":
        return
    if findings.reader_edit is not None:
        yield from reader_edit(findings)
    if not findings.lesions:
        if findings.reader_edit is None or not findings.reader_edit.removed:
            yield Passage(NO_LESION, (outcome, at("lesions")))
        return
    total, place = findings.lesion_total, at("lesion_total")
    if total.count == 1:
        yield Passage(f"One segmented abnormality{series_of(findings)}.", (at("lesion_total", "count"),))
    else:
        size = volume_text(total.volume_ml) if total.volume_ml is not None else f"{total.voxels} pixels"
        yield Passage(f"{total.count} segmented abnormalities{series_of(findings)}, {size} in all.", (place,))
    for index, lesion in enumerate(findings.lesions[:_DESCRIBED]):
        yield _lesion(lesion, index)
        if lesion.measures is not None:
            yield measures.lengths(lesion.measures, numbered(lesion), index)
        yield from measures.appearance(lesion, called(lesion), index)
    yield from measures.brightness_limit(findings)
    yield from measures.apart(findings)
    if total.count > _DESCRIBED:
        yield Passage(TABLE_HOLDS, (at("lesions"),))


def reader_edit(findings: Findings) -> Iterator[Passage]:
    """What the reader did to the model's outlines; sizes and places after it were measured anew."""
    edit = findings.reader_edit
    for names, place, what in ((edit.changed, "changed", "edited by the reader"), (edit.removed, "removed", "removed")):
        numbers = joined([name.removeprefix("lesion-") for name in names])
        if names:
            who = " by the reader" if what == "removed" else ""
            verb = "were" if len(names) > 1 else "was"
            subject = "Segmented abnormalities" if len(names) > 1 else "Segmented abnormality"
            text = f"{subject} {numbers} {verb} {what}{who}."
            yield Passage(text, (at("reader_edit", place),))
    model = edit.model_total
    size = volume_text(model.volume_ml) if model.volume_ml is not None else f"{model.voxels} pixels"
    yield Passage(f"Before the edit the model's own outlines measured {size}.", (at("reader_edit", "model_total"),))


def _lesion(lesion: Lesion, index: int) -> Passage:
    evidence = [at("lesions", index, key) for key in ("name", "volume_ml", "voxels")]
    if lesion.volume_ml is None:
        size = f"{lesion.voxels} pixels"
    else:
        size = volume_text(lesion.volume_ml) + (f" ({lesion.voxels} voxels)" if lesion.volume_ml < 0.01 else "")
    text = f"{called(lesion)}: {size}, {_place(lesion)}."
    if lesion.side is not None:
        evidence += [at("lesions", index, key) for key in ("side", "left_percent", "right_percent")]
    elif lesion.image_side is not None:
        evidence.append(at("lesions", index, "image_side"))
    else:
        evidence.append(at("lesions", index, "side"))
    return Passage(text, tuple(evidence))


def called(lesion: Lesion) -> str:
    return f"Segmented abnormality {numbered(lesion)}"


def numbered(lesion: Lesion) -> str:
    """Its number, and whether the reader edited it."""
    edited = " (edited by the reader)" if lesion.edited_by_reader else ""
    return f"{lesion.name.removeprefix('lesion-')}{edited}"


def _place(lesion: Lesion) -> str:
    if lesion.side == "midline":
        return (
            f"on both sides of the midline ({percent_text(lesion.left_percent)} on the left, "
            f"{percent_text(lesion.right_percent)} on the right of the patient)"
        )
    if lesion.side is not None:
        share = lesion.left_percent if lesion.side == "left" else lesion.right_percent
        return f"on the {lesion.side} of the patient ({percent_text(share)} of it)"
    if lesion.image_side == "image midline":
        return "on both sides of the image midline"
    if lesion.image_side is not None:
        return f"{lesion.image_side} (the patient's side is unknown)"
    return "its side is not known, as no midline could be found"


def anatomy(findings: Findings) -> Iterator[Passage]:
    """Which atlas positions the abnormalities project onto, or why none is named."""
    if findings.prediction.outcome == "not_applicable":
        return
    registration = findings.anatomy.registration
    verdict, reason = at("anatomy", "registration", "verdict"), at("anatomy", "registration", "reason")
    if registration.verdict in ("failed", "not_possible"):
        why = (
            "the registration to the atlas failed"
            if registration.verdict == "failed"
            else "no registration was possible"
        )
        yield Passage(f"No region is named: {why}.", (verdict,))
        yield Passage(quoted(registration.reason), (reason,), REASON_KEPT)
        yield from measures.single_slice(findings, called)
        return
    if registration.verdict == "limited":
        yield Passage("The registration is of limited quality, so the regions are approximate.", (verdict,))
        yield Passage(quoted(registration.reason), (reason,), REASON_KEPT)
    yield from measures.midline(findings)
    approximate = registration.verdict == "limited"
    for index, lesion in enumerate(findings.lesions[:_DESCRIBED]):
        yield from _projection(called(lesion), lesion.regions, ("lesions", index), approximate)
        yield from measures.largest(lesion, called(lesion), index, approximate)
        if lesion.measures is not None:
            yield from measures.distances(lesion.measures, called(lesion), index, approximate)
    yield from measures.intervals(findings)


def _projection(
    subject: str,
    regions: tuple[LesionRegion | MaskRegion, ...],
    owner: tuple[str, int],
    approximate: bool,
) -> Iterator[Passage]:
    rows = [(index, region, _share(region)) for index, region in enumerate(regions)]
    named = [row for row in rows if row[1].lobe != "other" and row[2] > 0]
    chosen = [row for row in named if row[2] >= _WORTH_NAMING_PERCENT][:_NAMED] or named[:1]
    holders = tuple(at(*owner, key) for key in (("name",) if owner[0] == "lesions" else ("method", "target")))
    verdict = (at("anatomy", "registration", "verdict"),) if approximate else ()
    about = " approximately" if approximate else ""
    inner = subject[0].lower() + subject[1:]
    if chosen:
        whole = "the abnormality" if owner[0] == "lesions" else "the mask"
        listed = joined([f"{region_name(r.name, r.side)} ({percent_text(share)} of {whole})" for _, r, share in chosen])
        places = tuple(at(*owner, "regions", index) for index, _, _ in chosen)
        text = f"{subject} projects{about} onto the atlas position of {listed}."
        yield Passage(text, (*holders, *places, *verdict))
    for index, region, share in rows:
        if region.lobe == "other" and share >= _WORTH_NAMING_PERCENT:
            near = ""
            if region.nearest is not None and region.nearest_mm is not None:
                which, way = region_name(region.nearest, None), f"{region.nearest_mm:.1f} mm"
                beside = round(region.nearest_mm, 1) <= measures.ADJACENT_MM
                near = f", adjacent to {which} ({way})" if beside else f", {way} from {which}"
            text = f"Of {inner},{about} {percent_text(share)} lies outside the named regions ({region.name}{near})."
            yield Passage(text, (*holders, at(*owner, "regions", index), *verdict))


def _share(region: LesionRegion | MaskRegion) -> float:
    return region.percent_of_lesion if isinstance(region, LesionRegion) else region.percent_of_mask


def evidence(findings: Findings) -> Iterator[Passage]:
    """What each heat map shows, and how far it agrees with the segmentation."""
    if findings.prediction.outcome == "not_applicable":
        return
    if not findings.saliency:
        yield Passage("No heat map was computed.", (at("saliency"),))
        return
    classes = findings.mapped_classes
    if findings.saliency_check is not None:
        yield heat_map_check(findings.saliency_check)
    yield from several_classes(findings)
    for index, saliency in enumerate(findings.saliency):
        yield _heat_map(saliency, index, findings.reader_edit is not None)
        if saliency.mask_voxels:
            approximate = findings.anatomy.registration.verdict == "limited"
            subject = f"The mask of {method_name(saliency.method)}"
            if len(classes) > 1:
                subject += f" for {class_name(saliency.target)}"
            yield from _projection(subject, saliency.regions, ("saliency", index), approximate)
    yield from reservations(findings)
    yield what_maps_show(findings)


def what_maps_show(findings: Findings) -> Passage:
    """What a heat map is evidence of: of nothing, where the heat maps failed their checks."""
    if failed_checks(findings):
        return Passage(FAILED_MAPS, (at("saliency_check", "relied_on"), at("saliency_check", "failed")))
    return Passage(WHERE_NOT_WHY, tuple(at("saliency", index, "method") for index in range(len(findings.saliency))))


def failed_checks(findings: Findings) -> bool:
    """Whether there are heat maps that should not be relied on."""
    return bool(findings.saliency) and findings.saliency_check is not None and not findings.saliency_check.relied_on


def reservations(findings: Findings) -> Iterator[Passage]:
    """What limits each heat map's worth: that it was approximated, and that its overlap with the lesion proves little; and what
    the likeness to slices with a wrong class rests on, where it is said."""
    fast = [
        at("saliency", index, "parameters", key)
        for index, saliency in enumerate(findings.saliency)
        if saliency.parameters is not None
        and saliency.parameters.mode == "fast"
        and saliency.parameters.channels_predicted
        for key in ("mode", "channels_predicted")
    ]
    if fast:
        yield Passage(FAST_SCORECAM, tuple(fast))
    bound = [
        n for n, saliency in enumerate(findings.saliency) if saliency.independent is False and saliency.mask_voxels
    ]
    if bound:
        yield Passage(NOT_INDEPENDENT, tuple(at("saliency", n, "independent") for n in bound))
    if findings.saliency_check is not None and "doubt" in findings.saliency_check.failed:
        yield Passage(LIKENESS, (at("saliency_check", "figures", "doubt"),))


def several_classes(findings: Findings) -> Iterator[Passage]:
    """What must be known to read the heat maps of more than one class."""
    classes = findings.mapped_classes
    if len(classes) < 2:
        return
    places = tuple(at("saliency", index, "target") for index in range(len(findings.saliency)))
    yield Passage(
        "Each heat map is scaled to its own highest value: brightness cannot be compared between the maps of different classes.",
        places,
    )
    if findings.saliency_check is not None:
        text = f"Only the heat maps for {class_name(classes[0])} were checked."
        yield Passage(text, (*places, at("saliency_check", "relied_on")))


def doubts(findings: Findings) -> Iterator[Passage]:
    """That the heat maps failed their checks, which is said before anything else."""
    if failed_checks(findings):
        yield heat_map_check(findings.saliency_check)


def heat_map_check(check: SaliencyCheckPart) -> Passage:
    """The verdict on the heat maps, with every check that failed."""
    if check.relied_on:
        text = "The heat maps of this case passed their checks."
    else:
        reasons = [failed_check(name, check.figures[name]) for name in check.failed]
        text = f"The heat maps of this case should not be relied on: {joined(reasons)}."
    figures = tuple(at("saliency_check", "figures", name) for name in check.failed)
    return Passage(text, (at("saliency_check", "relied_on"), at("saliency_check", "failed"), *figures))


def _heat_map(saliency: Saliency, index: int, edited: bool) -> Passage:
    keys = ["method", "target", "mask_voxels", "mask_volume_ml", "percentile", "dice_with_lesion"]
    places = tuple(at("saliency", index, key) for key in keys)
    subject = f"{method_name(saliency.method)} for {class_name(saliency.target)}"
    if not saliency.mask_voxels:
        return Passage(f"{subject}: nothing remains above the threshold, so the map shows no place.", places)
    size = f"{saliency.mask_voxels} pixels" if saliency.mask_volume_ml is None else volume_text(saliency.mask_volume_ml)
    segmentation = "the segmentation edited by the reader" if edited else "the segmentation"
    if saliency.dice_with_lesion is None:
        agreement = "there is no segmented abnormality to compare it with"
    elif saliency.dice_with_lesion == 0:
        agreement = f"it does not overlap with {segmentation} (Dice {score_text(0.0)})"
    else:
        agreement = f"its overlap with {segmentation} is Dice {score_text(saliency.dice_with_lesion)}"
    return Passage(
        f"{subject}: the mask cut at percentile {saliency.percentile:.1f} measures {size}; {agreement}.", places
    )
