"""Answers to questions about one case, from its findings alone: made of the template's sentences and of comparisons of scores.

What a question asks beyond the findings is answered by "These findings do not hold that."; one that is not understood is said
not to be. With a language model (dialogue_model.py) the same holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from . import asked, narrative
from .changes import NOT_WHY as CHANGES_SAY_NOT_WHY
from .changes import changes
from .grounding import Checker
from .measures import BRIGHTNESS_LIMIT
from .narrative import LeftOut, Sentence, Usage
from .passages import Passage, at
from .places import what_maps_show
from .questions import Topic, is_beyond, topic_of
from .schema import Findings, Part
from .wording import class_name, score_text

NOT_HELD = "These findings do not hold that."
NOT_UNDERSTOOD = (
    "The question was not understood; ask in English about the suggestion and why it is this class, scores, accuracy of the model, "
    "side, regions, distances, midline, size, shape or brightness, heat maps, changed images, limits or technique."
)
NOT_WHY = "These findings do not hold why."
_LENGTH = re.compile(r"\b(?:diameters?|lengths?|longest|wide|width|tall|thick|mm|cm|millimet\w*|centimet\w*)\b")
NOT_WHAT = "These findings do not hold what would change it."


class Reply(Part):
    """``held``: the findings hold something of what was asked; ``sentences``: each with its evidence and outcome.

    ``narrator``, ``notes``, ``left_out`` and ``usage`` as in a narrative.
    """

    question: str
    held: bool
    sentences: tuple[Sentence, ...]
    topic: str = ""
    narrator: str = "template"
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    usage: Usage | None = None


def answer(question: str, findings: Findings) -> Reply:
    """The answer to ``question``; every sentence of it has passed the grounding check."""
    topic = topic_of(question)
    of = asked.numbers(question)
    there = not of or any(lesion.number in of for lesion in findings.lesions)
    said = [s for s in _said(topic, question, findings) if s.outcome == "supported"] if topic and there else []
    return closed(question, topic, said, findings)


def closed(question: str, topic: Topic | None, said: list[Sentence], findings: Findings) -> Reply:
    """``said`` as a reply, with what the findings do not hold at its end, whoever wrote it."""
    name = "" if topic is None else topic.name
    if not said:
        understood = topic is not None or is_beyond(question)
        said = [_missing(NOT_HELD if understood else NOT_UNDERSTOOD)]
    elif name == "why":
        said = [*said, _missing(NOT_WHY)]
    elif name == "change" and not findings.counterfactuals:
        said = [*said, _missing(NOT_WHAT)]
    return Reply(
        question=question, held=said[0].text not in (NOT_HELD, NOT_UNDERSTOOD), sentences=tuple(said), topic=name
    )


def _missing(text: str) -> Sentence:
    return Sentence(text=text, section="dialogue", evidence=(at("prediction", "outcome"),))


def _said(topic: Topic, question: str, findings: Findings) -> Iterator[Sentence]:
    heard: set[str] = set()
    checker = Checker(findings)
    for passage in _READERS[topic.name](findings, question):
        if passage.text not in heard:
            heard.add(passage.text)
            found = checker.sentence(passage.text)
            yield Sentence(text=passage.text, section="dialogue", evidence=passage.evidence, outcome=found.verdict)


def named(findings: Findings, question: str) -> list[str]:
    """Classes that a question names, in its order."""
    asked = question.lower()
    names = {label: class_name(label).lower().split(maxsplit=1)[0] for label in findings.model.classes}
    found = [
        (match.start(), label) for label, name in names.items() if (match := re.search(rf"\b{re.escape(name)}", asked))
    ]
    return [label for _, label in sorted(found)]


def _of(findings: Findings, *sections: str) -> Iterator[Passage]:
    """The template's sentences of these sections."""
    for sentence in narrative.write(findings).sentences:
        if sentence.section in sections:
            yield Passage(sentence.text, sentence.evidence)


def _by_score(findings: Findings) -> list[str]:
    scores = findings.prediction.scores
    return sorted(scores, key=lambda label: -scores[label])


def _comparison(findings: Findings, first: str, second: str) -> Iterator[Passage]:
    """The two scores and their difference, the higher one first."""
    scores = findings.prediction.scores
    if first not in scores or second not in scores or first == second:
        return
    high, low = sorted((first, second), key=lambda label: -scores[label])
    places = (at("prediction", "scores", high), at("prediction", "scores", low))
    one, other = class_name(high), class_name(low)
    begin = one[0].upper() + one[1:]
    if scores[high] == scores[low]:
        yield Passage(f"{begin} scored {score_text(scores[high])} and {other} {score_text(scores[low])}.", places)
        return
    yield Passage(f"{begin} scored {score_text(scores[high])}, {other} {score_text(scores[low])}.", places)
    margin = score_text(round(scores[high] - scores[low], 4))
    yield Passage(f"The margin between {one} and {other} is {margin}.", places)


def _why(findings: Findings, question: str) -> Iterator[Passage]:
    """Scores, the class set, place, changed images and what a heat map can show: never a cause."""
    classes = named(findings, question)
    order = _by_score(findings)
    if len(classes) == 1 and order:
        classes = [*classes, next((label for label in order if label != classes[0]), classes[0])]
    yield from list(_of(findings, "impression"))[:1]
    for other in classes[1:]:
        yield from _comparison(findings, classes[0], other)
    if not classes and len(order) > 1:
        yield from _comparison(findings, order[0], order[1])
    yield from (p for p in _of(findings, "confidence") if "set aside" in p.text)
    yield from (p for p in _of(findings, "anatomy") if " projects" in p.text)
    yield from _changed(findings, "lesion_removed", "lesion_only")
    yield from (p for p in _of(findings, "status") if "should not be relied on" in p.text)
    yield from (p for p in _of(findings, "evidence") if "Dice" in p.text)
    if findings.saliency:
        yield what_maps_show(findings)


def _changed(findings: Findings, *names: str) -> Iterator[Passage]:
    """What the model says of the images changed in these ways, and that it is no cause."""
    told = list(changes(findings))
    kept = [told[1 + n] for n, changed in enumerate(findings.counterfactuals) if changed.name in names]
    if kept:
        yield told[0]
        yield from kept
        yield Passage(CHANGES_SAY_NOT_WHY, told[-1].evidence)


def _sure(findings: Findings, _: str) -> Iterator[Passage]:
    yield from list(_of(findings, "impression"))[:1]
    yield from _of(findings, "confidence")
    order = _by_score(findings)
    if len(order) > 1:
        yield from list(_comparison(findings, order[0], order[1]))[1:]


def _places(findings: Findings, _: str) -> Iterator[Passage]:
    yield from _of(findings, "anatomy")
    if findings.lesions:
        yield from (p for p in _of(findings, "findings") if p.text.startswith("Segmented abnormality"))


def _side(findings: Findings, _: str) -> Iterator[Passage]:
    """The side of each abnormality, what a side means here, and the midline."""
    for index, lesion in enumerate(findings.lesions):
        start = f"Segmented abnormality {lesion.name.removeprefix('lesion-')}"
        yield from (
            p
            for p in _of(findings, "findings")
            if p.text.startswith(start) and at("lesions", index, "name") in p.evidence
        )
    yield from asked.crossing(findings)
    yield from _midline(findings, "")
    if findings.lesions:
        yield from (p for p in _of(findings, "limits") if p.text.startswith("Sides are"))


def _midline(findings: Findings, _: str) -> Iterator[Passage]:
    yield from (p for p in _of(findings, "anatomy") if p.text.startswith("Midline shift"))


def _size(findings: Findings, question: str) -> Iterator[Passage]:
    """Number and sizes; a length is not answered by a volume."""
    measured = any(lesion.measures is not None for lesion in findings.lesions)
    if findings.lesions and not measured and _LENGTH.search(question.lower()):
        if not findings.image.has_geometry:
            yield from list(_of(findings, "technique"))[:1]  # says that lengths are unknown
        return
    yield from _of(findings, "findings")


def _shape(findings: Findings, _: str) -> Iterator[Passage]:
    yield from (p for p in _of(findings, "findings") if "sphericity" in p.text)


def _brightness(findings: Findings, _: str) -> Iterator[Passage]:
    """How bright it is on this series, and that this does not tell why."""
    for passage in _of(findings, "findings"):
        if passage.text.startswith("Appearance") or passage.text == BRIGHTNESS_LIMIT:
            yield passage


def _change(findings: Findings, _: str) -> Iterator[Passage]:
    """How far the next class is, which classes are in the set, and what was computed on changed images. Nothing is imagined."""
    order = _by_score(findings)
    for other in order[1:]:
        yield from list(_comparison(findings, order[0], other))[1:]
    yield from (p for p in _of(findings, "confidence") if "set aside" in p.text)
    yield from changes(findings)


def _maps(findings: Findings, _: str) -> Iterator[Passage]:
    yield from _of(findings, "evidence")


def _impression(findings: Findings, _: str) -> Iterator[Passage]:
    yield from _of(findings, "impression")


def _limits(findings: Findings, _: str) -> Iterator[Passage]:
    yield from _of(findings, "status", "limits")


def _technique(findings: Findings, question: str) -> Iterator[Passage]:
    if re.search(r"\btrain", question.lower()):
        yield from asked.trained_on(findings)
    yield from _of(findings, "technique")


def _accuracy(findings: Findings, _: str) -> Iterator[Passage]:
    yield from asked.accuracy(findings)


_READERS: dict[str, Callable[[Findings, str], Iterator[Passage]]] = {
    "accuracy": _accuracy,
    "change": _change,
    "maps": _maps,
    "technique": _technique,
    "limits": _limits,
    "why": _why,
    "sure": _sure,
    "midline": _midline,
    "distance": asked.distances,
    "side": _side,
    "places": _places,
    "brightness": _brightness,
    "shape": _shape,
    "size": _size,
    "impression": _impression,
}
