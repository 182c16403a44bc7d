"""Answers to questions about one case, from its findings alone and without a language model.

A question is recognised by its words; the answer is made of the template's sentences and of comparisons of scores. What a
question asks beyond the findings is answered by "These findings do not hold that."
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from . import narrative
from .grounding import check_sentence
from .narrative import Sentence
from .passages import Passage, at
from .schema import Findings, Part
from .wording import WHERE_NOT_WHY, class_name, score_text

NOT_HELD = "These findings do not hold that."
NOT_WHY = "These findings do not hold why."
NOT_WHAT = "These findings do not hold what would change it."


class Reply(Part):
    """``held``: the findings hold something of what was asked; ``sentences``: each with its evidence and outcome."""

    question: str
    held: bool
    sentences: tuple[Sentence, ...]


def answer(question: str, findings: Findings) -> Reply:
    """The answer to ``question``; every sentence of it has passed the grounding check."""
    asked = " ".join(question.lower().split())
    reader = None if _BEYOND.search(asked) else next((r for words, r in _TOPICS if words.search(asked)), None)
    passages = reader(findings, asked) if reader is not None else ()
    said = [s for s in (_checked(passage, findings) for passage in passages) if s.outcome == "supported"]
    held = bool(said)
    missing = {_why: NOT_WHY, _change: NOT_WHAT}.get(reader) if held else NOT_HELD
    if missing:
        said.append(Sentence(text=missing, section="dialogue", evidence=(at("prediction", "outcome"),)))
    return Reply(question=question, held=held, sentences=tuple(said))


def _checked(passage: Passage, findings: Findings) -> Sentence:
    found = check_sentence(passage.text, findings)
    return Sentence(text=passage.text, section="dialogue", evidence=passage.evidence, outcome=found.verdict, why="")


def _of(findings: Findings, *sections: str) -> Iterator[Passage]:
    """The template's sentences of these sections."""
    for sentence in narrative.write(findings).sentences:
        if sentence.section in sections:
            yield Passage(sentence.text, sentence.evidence)


def _named(findings: Findings, asked: str) -> list[str]:
    """Classes that a question names, in its order."""
    names = {label: class_name(label).lower().split(maxsplit=1)[0] for label in findings.model.classes}
    found = [
        (match.start(), label) for label, name in names.items() if (match := re.search(rf"\b{re.escape(name)}", asked))
    ]
    return [label for _, label in sorted(found)]


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


def _why(findings: Findings, asked: str) -> Iterator[Passage]:
    """Scores, the class set and what a heat map can show: never a cause."""
    named = _named(findings, asked)
    order = _by_score(findings)
    if len(named) == 1 and order:
        named.append(next((label for label in order if label != named[0]), named[0]))
    yield from list(_of(findings, "impression"))[:1]
    for other in named[1:]:
        yield from _comparison(findings, named[0], other)
    if not named and len(order) > 1:
        yield from _comparison(findings, order[0], order[1])
    yield from (p for p in _of(findings, "confidence") if "set aside" in p.text)
    yield from (p for p in _of(findings, "evidence") if "Dice" in p.text)
    if findings.saliency:
        yield Passage(WHERE_NOT_WHY, (at("saliency", 0, "method"),))


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


def _size(findings: Findings, _: str) -> Iterator[Passage]:
    yield from _of(findings, "findings")


def _change(findings: Findings, _: str) -> Iterator[Passage]:
    """How far the next class is, and which classes are in the set. What was not computed is not imagined."""
    order = _by_score(findings)
    for other in order[1:]:
        yield from list(_comparison(findings, order[0], other))[1:]
    yield from (p for p in _of(findings, "confidence") if "set aside" in p.text)


def _maps(findings: Findings, _: str) -> Iterator[Passage]:
    yield from _of(findings, "evidence")


def _impression(findings: Findings, _: str) -> Iterator[Passage]:
    yield from _of(findings, "impression")


def _limits(findings: Findings, _: str) -> Iterator[Passage]:
    yield from _of(findings, "status", "limits")


def _technique(findings: Findings, _: str) -> Iterator[Passage]:
    yield from _of(findings, "technique")


Reader = Callable[[Findings, str], Iterator[Passage]]
# Asked about the patient's past, future or care, or about what only a pathologist can say: the findings hold none of it.
_BEYOND = re.compile(
    r"\b(?:treat\w*|therap\w*|surg\w*|operat\w*|resect\w*|biops\w*|prognos\w*|surviv\w*|grade|malign\w*|benign|idh|mgmt|"
    r"urgent\w*|follow-up|grow\w*|grew|chang(?:ed|e) since|previous\w*|last scan|before|history|symptom\w*|age|old is|caus\w*|"
    r"cancer|metasta\w*|normal|healthy|diagnos\w*|die|risk|old|patient's name|name of the patient|ignore)\b"
)


def _words(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})\b")


_TOPICS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (_words("what would|would change|could change|what if|flip|switch"), _change),
    (_words("why|what makes|how come|reason"), _why),
    (_words(r"sure|certain\w*|confiden\w*|uncertain\w*|reliab\w*|trust|scores?|margin|entropy|calibrat\w*"), _sure),
    (_words(r"heat ?maps?|saliency|grad-?cam|scorecam|looked at|dice|overlap\w*"), _maps),
    (
        _words(
            "regions?|where|lobes?|sides?|located|location|lies?|left|right|midline|hemispheres?|atlas|registration"
        ),
        _places,
    ),
    (_words(r"big|large|small|size|volume|many|number of|count|lesions?|abnormalit\w*|measures?"), _size),
    (_words("limits?|limitations?|know|rely|for what|research|warnings?|cannot"), _limits),
    (_words("which model|model version|version|input|image|scan|voxels?|spacing|technique"), _technique),
    (_words(r"suggest\w*|class|classes|result|what is it|conclusion|impression|found"), _impression),
)
