"""What the documents show: the same sections, tables, pictures and evidence for HTML, PDF and plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .languages import LANGUAGES, Language, language
from .narrative import Narrative, Sentence, resolve
from .places import failed_checks
from .schema import Findings
from .tables import Table, case_tables, model_tables, place_text, value_text
from .wording import class_name_in_full, method_name, of_the_series, score_text, volume_text

TITLES = {
    "technique": "Technique",
    "findings": "Findings",
    "anatomy": "Anatomy",
    "evidence": "Evidence of the model",
    "changes": "Changed images",
    "impression": "Impression",
    "confidence": "Confidence",
    "limits": "Limits",
}
_CAPTIONS = {
    "lesion": (
        "Segmented abnormality",
        "Outline of the segmented abnormality on the input, at its largest section.",
    ),
    "methods": (
        "Heat maps side by side",
        "Every method on the same slice, each above the threshold of its own mask (dashed). Where they differ, none of them "
        "should be relied on alone.",
    ),
    "classes": (
        "Heat maps of each class",
        "One method on the same slice for each class, each above the threshold of its own mask (dashed). Each map is scaled to its "
        "own highest value: brightness cannot be compared between classes.",
    ),
    "shortcuts": (
        "Shortcut card",
        'How much of the lesion score, the class against "no lesion" on the largest sections and not the class score, is left '
        "when an area is replaced by what surrounds it. Below, the checks of the heat maps.",
    ),
    "curves": (
        "Deletion and insertion",
        "The score on the largest section while the hottest pixels are removed, and brought back, beside a random order.",
    ),
    "montage": ("Overview", "Slices through the head with the outline of the segmented abnormality."),
    "atlas": (
        "Atlas regions",
        "Atlas regions in the patient's space, numbered where the abnormality projects onto them.",
    ),
    "glass-brain": (
        "Glass brain",
        "The segmented abnormalities in MNI152, seen through the brain from the left, the front, the right and below.",
    ),
    "registration": (
        "Quality of the registration",
        "Edges of the MNI152 template on the patient. Where they leave the brain's edges, regions are off by as much.",
    ),
    "changes": (
        "Changed images",
        "A section of the abnormality as the network sees it, unchanged and changed, and what the model says of each.",
    ),
    "scores": ("Model scores", "Model score of each class; filled bars are the classes that cannot be set aside."),
}

# Of run.json: pictures that were not drawn in the report's language, and the language of their labels.
LABELS_IN = "labels_in"
NOT_RELIED_ON = "The heat maps of this case should not be relied on."
_WHERE_FROM = "Where the score of this class came from, not why."
_FAILED_REGISTRATION = (
    "Edges of the MNI152 template on the patient. Where they leave the brain's edges, the template is misplaced: the "
    "registration failed, and no region is named."
)


@dataclass(frozen=True)
class Statement:
    """A sentence, the numbers of its pieces of evidence, and its place among the sentences of the narrative."""

    text: str
    numbers: tuple[int, ...]
    place: int


@dataclass(frozen=True)
class Evidence:
    """``sentence``: the place of the first that rests on it."""

    number: int
    pointer: str
    value: str
    sentence: int


@dataclass(frozen=True)
class Picture:
    """``shows``: what the picture tells, for who cannot see it, beside its caption."""

    title: str
    caption: str
    path: Path
    shows: str


@dataclass(frozen=True)
class Content:
    """``banner`` stands before anything else, ``warnings`` next; ``facts`` and ``lead``: the case at a glance.
    ``cautions`` stand with the suggestion of a class: what the model does not know.

    All in the language of the narrative, except ``evidence``, which shows what findings.json holds; ``words`` say the
    headings of a document.
    """

    words: Language
    case_id: str
    disclaimers: tuple[str, ...]
    banner: tuple[Statement, ...]
    warnings: tuple[Statement, ...]
    facts: tuple[tuple[str, str, str], ...]
    cautions: tuple[str, ...]
    sections: tuple[tuple[str, tuple[Statement, ...]], ...]
    tables: tuple[Table, ...]
    model_tables: tuple[Table, ...]
    lead: Picture | None
    pictures: tuple[Picture, ...]
    evidence: tuple[Evidence, ...]


def content_of(findings: Findings, narrative: Narrative, figures: Sequence[Path], run: Mapping[str, Any]) -> Content:
    """Everything that a document shows; ``run`` is run.json, of which only rows without paths and names are taken."""
    words = language(narrative.language)
    document = findings.model_dump(mode="json")
    first: dict[str, int] = {}
    for place, sentence in enumerate(narrative.sentences, start=1):
        for pointer in sentence.evidence:
            first.setdefault(pointer, place)
    number = {pointer: index for index, pointer in enumerate(first, start=1)}

    def statements(section: str) -> tuple[Statement, ...]:
        return tuple(
            Statement(words.set_in_type(s.text), tuple(number[p] for p in s.evidence), place)
            for place, s in enumerate(narrative.sentences, start=1)
            if s.section == section
        )

    warned = [_is_a_warning(s, findings) for s in narrative.of_section("status")]
    status = list(zip(statements("status"), warned, strict=True))
    labels_in = run.get(LABELS_IN, {})
    pictures = tuple(_picture(path, findings, words, labels_in.get(path.stem, words.code)) for path in figures)
    lead = _lead(pictures, failed_checks(findings))
    disclaimers = tuple(words.said(sentence) or sentence for sentence in findings.disclaimers)
    return Content(
        words=words,
        case_id=findings.case_id,
        disclaimers=disclaimers,
        banner=tuple(s for s, warning in status if not warning),
        warnings=tuple(s for s, warning in status if warning),
        facts=tuple(tuple(words.label(text) for text in fact) for fact in _facts(findings)),
        cautions=() if findings.prediction.label is None else disclaimers[1:],
        sections=tuple(
            (words.label(title), statements(name)) for name, title in TITLES.items() if narrative.of_section(name)
        ),
        tables=tuple(table.in_language(words) for table in case_tables(findings)),
        model_tables=tuple(table.in_language(words) for table in model_tables(findings, run)),
        lead=lead,
        pictures=tuple(picture for picture in pictures if picture is not lead),
        evidence=tuple(
            Evidence(n, pointer, value_text(resolve(document, pointer)), first[pointer])
            for pointer, n in number.items()
        ),
    )


def _is_a_warning(sentence: Sentence, findings: Findings) -> bool:
    """Whether a sentence on the status belongs below those on what the model was not made for."""
    warned = [findings.warnings[int(p.rsplit("/", 1)[1])] for p in sentence.evidence if p.startswith("/warnings/")]
    return any(not of_the_series(text) for text in warned)


def _picture(path: Path, findings: Findings, words: Language, labels_in: str) -> Picture:
    title, caption = _caption(path.stem, findings)
    if labels_in != words.code:
        caption = f"{caption} Labels in {LANGUAGES[labels_in]}, as drawn with the analysis.".lstrip()
    if failed_checks(findings) and (path.stem.startswith("saliency-") or path.stem in ("methods", "classes")):
        caption = f"{NOT_RELIED_ON} {caption.removeprefix(_WHERE_FROM).lstrip()}"
    title, place = words.label(title), _marked_place(path.stem, findings)
    shows = words.with_value(title, words.label(place)) if place else title
    return Picture(title, words.label(caption), path, shows)


def _marked_place(stem: str, findings: Findings) -> str:
    """Side of what is marked in a picture; nothing where it marks several things or none."""
    if stem == "lesion" and len(findings.lesions) == 1:
        return place_text(findings.lesions[0])
    for name, saliency in zip(findings.map_names, findings.saliency, strict=True):
        if stem == f"saliency-{name}" and saliency.mask_voxels:
            return place_text(saliency)
    return ""


def _lead(pictures: Sequence[Picture], doubted: bool) -> Picture | None:
    """The picture at the top: a heat map, else the abnormality, else the overview; a heat map last where they are ``doubted``."""
    maps, others = ("saliency-",), ("lesion", "montage")
    for start in (*others, *maps) if doubted else (*maps, *others):
        for picture in pictures:
            if picture.path.stem.startswith(start):
                return picture
    return None


def _caption(stem: str, findings: Findings) -> tuple[str, str]:
    if stem == "montage" and not findings.lesions:
        return "Overview", "What was read."
    if stem == "registration" and findings.anatomy.picture is not None:
        return (
            "Section of the template",
            "Edges of the section of MNI152 that the slice looks most like; approximate, and no side of the patient.",
        )
    if stem == "registration" and findings.anatomy.registration.verdict == "failed":
        return _CAPTIONS[stem][0], _FAILED_REGISTRATION
    if stem in _CAPTIONS:
        return _CAPTIONS[stem]
    for name, saliency in zip(findings.map_names, findings.saliency, strict=True):
        if stem == f"saliency-{name}":
            return (
                f"{method_name(saliency.method)} for {class_name_in_full(saliency.target)}",
                f"{_WHERE_FROM} Colour: share of the map's maximum, shown above the threshold of its mask. Dashed: the mask. "
                "Solid: the segmented abnormality.",
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
        facts.append(("Segmented abnormality", size if total.count else "none", _what_is_outlined(findings)))
        verdict = registration.verdict.replace("_", " ")
        covers = "regions may be named" if registration.verdict == "good" else "regions are approximate"
        if registration.verdict in ("failed", "not_possible"):
            covers = "no region is named"
        facts.append(("Registration to the atlas", verdict, covers))
    return tuple(facts)


def _what_is_outlined(findings: Findings) -> str:
    """Where the segmented abnormalities lie, or why there is none: what the reader removed is no lesion that the model did not
    find."""
    edit, total = findings.reader_edit, findings.lesion_total
    if not total.count and edit is not None and edit.removed:
        was = edit.model_total
        size = f"{was.voxels} pixels" if was.volume_ml is None else volume_text(was.volume_ml)
        return f"all outlines of the model ({size}) were removed by the reader"
    if not total.count:
        return "no lesion found by this model"
    place = place_text(findings.lesions[0])
    covers = place if total.count == 1 else f"{total.count} in all, the largest: {place}"
    return covers if edit is None else f"{covers}, edited by the reader"
