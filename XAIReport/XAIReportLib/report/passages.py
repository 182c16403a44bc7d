"""The narrative's template: status, technique, impression, confidence and limits, with pointers to their evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .schema import Findings, Image
from .wording import NO_LESION, class_name, class_name_in_full, joined, of_the_series, score_text, series

FILE_KINDS = {"nifti": "NIfTI", "nrrd": "NRRD", "dicom": "DICOM", "picture": "picture", "array": "array"}
_NO_CALIBRATION = ("", "none")
BEFORE_EDIT = "This rests on the model's own outlines, as they were before the reader's edit."
LEFT_OUT = (
    "A statement is omitted here, as its wording is not among the allowed ones; what it rests on is in findings.json."
)
MEASURE_MEANINGS = {
    "entropy": "Entropy is zero where one class has all of the score, and one where all classes have the same.",
    "plane_agreement": "Plane agreement is one where all planes agree.",
}
_DEFAULT_ATLAS = "Harvard-Oxford"
_ADDED_REGIONS = {
    "sellar region": "The sellar region is not of this atlas: it is a sphere set by this program.",
    "cerebellum": "The cerebellum is not of this atlas: it is that of the Desikan-Killiany atlas.",
}
REASON_KEPT = "The reason is kept in findings.json."
WARNINGS_KEPT = "Warning: see the list of warnings in findings.json."


@dataclass(frozen=True)
class Passage:
    """One sentence before its wording is checked; ``instead`` takes its place when a quoted text is not allowed."""

    text: str
    evidence: tuple[str, ...]
    instead: str | None = None


def at(*steps: str | int) -> str:
    """The JSON pointer of these steps."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def series_of(findings: Findings) -> str:
    """What stands in brackets behind segmented abnormalities."""
    image = findings.image
    return series(findings.prediction.reason, findings.warnings, image.modality, image.forced)


def quoted(text: str) -> str:
    """A reason or warning as a sentence."""
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else text + "."


def status(findings: Findings) -> Iterator[Passage]:
    """What must be known before anything else is read."""
    outcome = at("prediction", "outcome")
    if findings.prediction.outcome == "not_applicable":
        yield Passage("The model was not made for this case, and it was not analysed.", (outcome,))
        yield _reason(findings)
    if findings.image.forced:
        yield Passage(
            "The input does not look like a head MRI that the model was made for; it was analysed on the user's "
            "demand, and nothing below should be relied on.",
            (at("image", "forced"),),
        )
    if not_shown(findings):
        yield Passage(quoted(findings.prediction.reason), (at("prediction", "reason"),), REASON_KEPT)
    for index, warning in sorted(enumerate(findings.warnings), key=lambda row: not of_the_series(row[1])):
        place = at("warnings", index)
        yield Passage(f"Warning: {quoted(warning)}", (place,), WARNINGS_KEPT)


def not_shown(findings: Findings) -> bool:
    """Whether the outcome is what it is for want of contrast enhancement: the model was not made for such a series."""
    return of_the_series(findings.prediction.reason)


def _reason(findings: Findings) -> Passage:
    place = at("prediction", "reason")
    return Passage(f"Reason: {quoted(findings.prediction.reason)}", (place,), REASON_KEPT)


def _was_read(image: Image, what: str) -> str:
    """A DICOM series says what it is; any other file is taken for what it is called."""
    named = image.kind == "dicom"
    return f"One {image.modality} {what} was read" if named else f"One {what} was read as {image.modality}"


def slab(image: Image) -> Passage:
    """What was read of a single slice with geometry."""
    columns, rows, _ = image.shape
    width, height, thickness = (f"{edge:.2f}" for edge in image.spacing_mm)
    text = (
        f"{_was_read(image, 'slice')} ({FILE_KINDS.get(image.kind, image.kind)}, {columns} × {rows} pixels of "
        f"{width} × {height} mm, {thickness} mm thick); what lies beyond it is not known, and volumes are of what lies within it."
    )
    return Passage(text, tuple(at("image", key) for key in ("modality", "kind", "shape", "spacing_mm")))


def technique(findings: Findings) -> Iterator[Passage]:
    """What was read, which model spoke, how the atlas was brought to the patient."""
    image = findings.image
    kind = FILE_KINDS.get(image.kind, image.kind)
    where = (at("image", "modality"), at("image", "kind"), at("image", "shape"))
    size = " × ".join(str(n) for n in image.shape)
    if image.is_slice_with_geometry:
        yield slab(image)
    elif image.spacing_mm is not None:
        edges = " × ".join(f"{edge:.2f}" for edge in image.spacing_mm)
        text = f"{_was_read(image, 'volume')} ({kind}, {size} voxels of {edges} mm)."
        yield Passage(text, (*where, at("image", "spacing_mm")))
    else:
        size = " × ".join(str(n) for n in image.shape[:2])
        text = (
            f"{_was_read(image, 'slice without geometry')} ({kind}, {size} pixels): its lengths, its volumes "
            "and the patient's sides are unknown."
        )
        yield Passage(text, (*where, at("image", "has_geometry")))
    yield _model(findings)
    registration = findings.anatomy.registration
    place = at("anatomy", "registration", "verdict")
    if registration.verdict in ("good", "limited"):
        quality = "judged good" if registration.verdict == "good" else "of limited quality"
        text = f"The image was registered to MNI152, {quality}; atlas: {findings.anatomy.atlas}."
        yield Passage(text, (place, at("anatomy", "atlas")))
        yield from not_of_the_atlas(findings)


def _model(findings: Findings) -> Passage:
    """Which model spoke, and what is known of the contrast agent that it was made for."""
    named, model = findings.image.contrast_agent, findings.model
    places = [at("model", "name"), at("model", "version")]
    if findings.prediction.outcome == "not_applicable":
        how = "the model was not run"
    elif named:
        how = "a contrast agent was named for this series"
        places.append(at("image", "contrast_agent"))
    else:
        how = "contrast enhancement was judged by grey values alone"
    return Passage(f"Model: {model.name}, version {model.version}; {how}.", tuple(places))


def not_of_the_atlas(findings: Findings) -> Iterator[Passage]:
    """Of the regions that are named, those that the default atlas lacks, and where they come from."""
    if not findings.anatomy.atlas.startswith(_DEFAULT_ATLAS):
        return
    for name, text in _ADDED_REGIONS.items():
        place = next((place for place, region in _regions(findings) if name in region.lower()), None)
        if place is not None:
            yield Passage(text, (at("anatomy", "atlas"), place))


def _regions(findings: Findings) -> Iterator[tuple[str, str]]:
    """Where a region is named, and its name."""
    for owner, masks in (("lesions", findings.lesions), ("saliency", findings.saliency)):
        for index, mask in enumerate(masks):
            for n, region in enumerate(mask.regions):
                yield at(owner, index, "regions", n), f"{region.name} {region.nearest or ''}"
    for index, lesion in enumerate(findings.lesions):
        for n, holder in enumerate(lesion.largest_regions):
            yield at("lesions", index, "largest_regions", n), holder.name
        for n, way in enumerate(lesion.measures.neighbours if lesion.measures else ()):
            yield at("lesions", index, "measures", "neighbours", n), way.position


def impression(findings: Findings) -> Iterator[Passage]:
    """The model's suggestion, or that there is none and why."""
    prediction, outcome = findings.prediction, at("prediction", "outcome")
    if prediction.outcome == "class_suggested":
        score = at("prediction", "scores", prediction.label)
        name, value = class_name_in_full(prediction.label), score_text(prediction.scores[prediction.label])
        text = f"The model's suggestion is {name}, with a model score of {value}."
        yield Passage(text, (outcome, at("prediction", "label"), score))
    elif prediction.outcome == "no_lesion_found":
        yield Passage(f"The model makes no suggestion. {NO_LESION}", (outcome,))
    elif prediction.outcome == "abstained":
        yield Passage("The model abstains: no class is suggested.", (outcome,))
    else:
        yield Passage("No class is suggested: the model was not made for this case.", (outcome,))
    if findings.reader_edit is not None:
        text = BEFORE_EDIT
        yield Passage(text, (outcome, at("reader_edit")))
    if prediction.outcome != "not_applicable" and not not_shown(findings):  # there it stands before anything else
        yield _reason(findings)


def confidence(findings: Findings) -> Iterator[Passage]:
    """Scores with what they are calibrated on, the class set and the named measures."""
    prediction, model = findings.prediction, findings.model
    if prediction.scores:
        calibrated = (
            "not calibrated" if model.calibration.lower() in _NO_CALIBRATION else f"calibrated on {model.data_set}"
        )
        listed = ", ".join(f"{class_name_in_full(label)} {score_text(score)}" for label, score in _by_score(findings))
        places = [at("prediction", "scores", label) for label, _ in _by_score(findings)]
        places += [at("model", key) for key in ("classes", "calibration", "data_set", "score_level")]
        yield Passage(
            f"Model scores ({len(model.classes)} classes, {calibrated}, {model.score_level} level): {listed}.",
            tuple(places),
        )
    alone = prediction.label is None and len(prediction.class_set) == 1  # it would be taken for a suggestion
    if prediction.class_set and not alone:
        listed = joined([class_name(label) for label in prediction.class_set])
        verb = "is the only class" if len(prediction.class_set) == 1 else "are the classes"
        yield Passage(
            f"{listed[0].upper()}{listed[1:]} {verb} that cannot be set aside.", (at("prediction", "class_set"),)
        )
    if prediction.uncertainty:
        listed = ", ".join(
            f"{_plain(name)} {score_text(value)}" for name, value in sorted(prediction.uncertainty.items())
        )
        places = tuple(at("prediction", "uncertainty", name) for name in sorted(prediction.uncertainty))
        yield Passage(f"Measures from zero to one: {listed}.", places)
        for name, meaning in MEASURE_MEANINGS.items():
            if name in prediction.uncertainty:
                yield Passage(meaning, (at("prediction", "uncertainty", name),))


def _by_score(findings: Findings) -> list[tuple[str, float]]:
    order = {label: index for index, label in enumerate(findings.model.classes)}
    return sorted(findings.prediction.scores.items(), key=lambda item: (-item[1], order[item[0]]))


def _plain(name: str) -> str:
    return name.replace("_", " ")


def limits(findings: Findings) -> Iterator[Passage]:
    """What always holds, and what this case lacks."""
    for index, sentence in enumerate(findings.disclaimers):
        yield Passage(sentence, (at("disclaimers", index),))
    if findings.prediction.outcome == "not_applicable":
        return
    if findings.anatomy.registration.verdict in ("good", "limited"):
        yield Passage(
            "An atlas position is where a region lies in an average head; function was not assessed.",
            (at("anatomy", "atlas"),),
        )
    sides = (
        "Sides are those of the patient."
        if findings.image.has_geometry
        else "Sides are those of the picture, not of the patient."
    )
    if _names_a_side(findings):
        yield Passage(sides, (at("image", "has_geometry"),))
    if findings.model.non_commercial:
        yield Passage("The model may be used for non-commercial purposes only.", (at("model", "non_commercial"),))


def _names_a_side(findings: Findings) -> bool:
    masks = (*findings.lesions, *findings.saliency)
    shift = findings.anatomy.midline_shift
    return any(mask.side or mask.image_side or mask.regions for mask in masks) or bool(shift and shift.towards)
