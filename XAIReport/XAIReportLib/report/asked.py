"""Sentences that stand in no report and answer a question: what was measured of the model, what it was trained on, distances."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import measures
from .passages import Passage, at
from .places import called
from .schema import DistancePart, Findings
from .wording import class_name, joined, percent_text, score_text

_LESION = r"(?:segmented )?(?:lesion|abnormality|focus)"
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
OF_THE_MODEL = "These are figures of the model, not of this case."
_ACCURACIES = ("accuracy", "slice_accuracy")
# What stands for an atlas position that distances are measured to.
_ALSO_CALLED = {
    "speech": "language", "broca": "language", "wernicke": "language", "vision": "visual", "ventric": "ventricle",
    "ventricular": "ventricle",
}  # fmt: skip
# Words of a question that tell no place from another.
_NO_NAME = frozenset(
    (
        "the", "a", "an", "its", "any", "of", "is", "it", "and", "or", "eloquent", "area", "areas", "strip", "system", "position",
        "atlas", "patient", "patient's", "patients",
    )
)  # fmt: skip


def recited(findings: Findings) -> Iterator[Passage]:
    """Those that the check knows as a whole, since it reads no figures of a model."""
    yield from accuracy(findings)
    yield from trained_on(findings)


def accuracy(findings: Findings) -> Iterator[Passage]:
    """How often the model was right on its test patients, and how well it outlined; nothing where no accuracy was measured."""
    metrics = findings.model.metrics
    name = next((name for name in _ACCURACIES if _value(metrics, name) is not None), None)
    if name is None:
        return
    images, groups = metrics.get("n_images"), metrics.get("n_groups")
    on = f" ({images} images of {groups} groups of patients)" if images and groups else ""
    told = _figure(metrics, name)
    yield Passage(f"On the images that it was tested with{on}, the accuracy of the model was {told}.", (_at(name),))
    rates = {
        label: f"sensitivity_{label}"
        for label in findings.model.classes
        if _value(metrics, f"sensitivity_{label}") is not None
    }
    if rates:
        listed = joined([f"{_figure(metrics, rate)} for {class_name(label)}" for label, rate in rates.items()])
        yield Passage(f"There its sensitivity was {listed}.", tuple(map(_at, rates.values())))
    missed = _value(metrics, "no_lesion_found_rate")
    if missed is not None:
        share = percent_text(100 * missed)
        yield Passage(f"In {share} of these images it found no lesion.", (_at("no_lesion_found_rate"),))
    if _value(metrics, "lesion_dice") is not None:
        text = f"Its outlines overlapped with those of the reference by Dice {_figure(metrics, 'lesion_dice')}."
        yield Passage(text, (_at("lesion_dice"),))
    if isinstance(metrics.get("interval"), str) and " to " in told:
        yield Passage(f"Intervals: {metrics['interval'].rstrip('.')}.", (_at("interval"),))
    yield Passage(OF_THE_MODEL, (at("model", "metrics"),))


def trained_on(findings: Findings) -> Iterator[Passage]:
    """Which data the model has learned from."""
    if findings.model.data_set:
        yield Passage(f"The model was trained on {findings.model.data_set}.", (at("model", "data_set"),))


def crossing(findings: Findings) -> Iterator[Passage]:
    """Whether an abnormality crosses the midline, where that was measured."""
    for index, lesion in enumerate(findings.lesions[: measures.MOST_LESIONS]):
        crosses = None if lesion.measures is None else lesion.measures.crosses_midline
        if crosses is not None:
            verb = "crosses" if crosses else "does not cross"
            place = at("lesions", index, "measures", "crosses_midline")
            yield Passage(f"{called(lesion)} {verb} the midline.", (place, at("lesions", index, "name")))


def numbers(question: str) -> frozenset[int]:
    """The numbers of the abnormalities that a question names; none where it names no one in particular."""
    asked = question.lower()
    found = {int(n) for n in re.findall(rf"\b{_LESION}s? (?:no\.? |number )?(\d+)\b", asked)}
    return frozenset(found | {_ORDINALS[word] for word in re.findall(rf"\b({'|'.join(_ORDINALS)}) {_LESION}\b", asked)})


def distances(findings: Findings, question: str) -> Iterator[Passage]:
    """How far the abnormalities, or those that a question names, are from the atlas positions that it names, or from all;
    nothing where the findings hold no distance to what it names."""
    wanted, of = _named(question), numbers(question)
    approximate = findings.anatomy.registration.verdict == "limited"
    for index, lesion in enumerate(findings.lesions[: measures.MOST_LESIONS]):
        if of and lesion.number not in of:
            continue
        ways = () if lesion.measures is None else lesion.measures.distances
        asked = [(n, way) for n, way in enumerate(ways) if wanted <= _words(way.position)]
        if any(way.distance_mm <= measures.NAMED_WITHIN_MM for _, way in asked):
            places = {at("lesions", index, "measures", "distances", n) for n, _ in asked}
            told = measures.distances(lesion.measures, called(lesion), index, approximate)
            yield from (passage for passage in told if places & set(passage.evidence))
        for n, way in asked:
            if way.distance_mm > measures.NAMED_WITHIN_MM:
                yield _far(
                    called(lesion),
                    way,
                    (at("lesions", index, "name"), at("lesions", index, "measures", "distances", n)),
                    approximate,
                )


def _far(called: str, way: DistancePart, evidence: tuple[str, ...], approximate: bool) -> Passage:
    """Of a position that no sentence of the report names."""
    what = measures.position_text(way)
    about = "approximately " if approximate else ""
    text = f"The distance of {called[0].lower()}{called[1:]} to {what} is {about}{way.distance_mm:.1f} mm."
    return Passage(text, evidence + ((at("anatomy", "registration", "verdict"),) if approximate else ()))


def _named(question: str) -> frozenset[str]:
    """The words of what a question asks the distance to; none where it names nothing."""
    asked = question.lower().replace("’", "'")
    behind = re.search(r"\b(?:from|to|near)\s+(?!(?:it|this|that)\b)([\w' -]+)", asked)
    known = re.search(r"\b(?:motor|language|speech|visual|broca|wernicke|ventric|surface)", asked)
    return _words(behind.group(1)) if behind else _words(known.group()) if known else frozenset()


def _words(text: str) -> frozenset[str]:
    """The words that tell one place from another, without their plural."""
    plain = (word.removesuffix("'s") for word in re.findall(r"[a-z][a-z']*", text.lower()) if word not in _NO_NAME)
    return frozenset(_ALSO_CALLED.get(word, word.removesuffix("s")) for word in plain) - {""}


def _at(name: str) -> str:
    return at("model", "metrics", name)


def _value(metrics: Mapping[str, Any], name: str) -> float | None:
    figure = metrics.get(name)
    value = figure.get("value") if isinstance(figure, Mapping) else figure
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _figure(metrics: Mapping[str, Any], name: str) -> str:
    """``0.91 (0.82 to 0.96)``; without its interval where there is none."""
    figure, value = metrics[name], _value(metrics, name)
    low, high = (figure.get(key) if isinstance(figure, Mapping) else None for key in ("low", "high"))
    if isinstance(low, int | float) and isinstance(high, int | float):
        return f"{score_text(value)} ({score_text(low)} to {score_text(high)})"
    return score_text(value)
