"""The sentences that may be quoted: they stand in the findings or in the template word for word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .. import asked, checklist, measures, wording
from ..changes import NOT_WHY, changes
from ..passages import (
    BEFORE_EDIT,
    LEFT_OUT,
    REASON_KEPT,
    WARNINGS_KEPT,
    Passage,
    at,
    confidence,
    not_of_the_atlas,
    slab,
)
from ..places import (
    FAILED_MAPS,
    TABLE_HOLDS,
    called,
    heat_map_check,
    numbered,
    reader_edit,
    reservations,
    several_classes,
)
from ..schema import Findings
from . import formerly
from .cutting import sentences
from .numerals import CARDINALS
from .rewording import rules
from .vocabulary import plain

_FIXED = Path(__file__).with_name("fixed.en.txt")
_CONTENT = re.compile(r"-?\d+(?:\.\d+)?|%|[a-z]+(?:-[a-z]+)*|[^\x00-\x7f×–—’‘“”°±·…]+")
_FRAME = frozenset(
    re.findall(
        r"\w+",
        "a an the this that these those is are was were be been being has have had do does did of in on at to for by with from it "
        "its they their there here and though although so therefore thus hence than then also lies lie lying falls fall within "
        "about",
    )
)
_SAME = {"may": "can", "might": "can", "could": "can", "mm": "millimetre", "cm": "centimetre", "ml": "millilitre"}
_DENIALS = frozenset(("not", "no", "cannot", "never", "none", "nothing", "neither", "nor", "without", "hardly"))
Denials = tuple[int, ...]
_ASIDE = re.compile(r" \([^)]*\)")
_PIECES = re.compile(r"[;:]|[.,](?!\d)")
_COUNTED = {word: str(n) for n, word in enumerate(CARDINALS)}


def _content(text: str) -> tuple[list[str], Denials]:
    """The words of a text that say something, without their endings and in order, and before which of them it denies."""
    words = [word for word in _CONTENT.findall(plain(text).lower().replace("'s", "")) if word not in _FRAME]
    said = [_COUNTED.get(word) or _SAME.get(word, word) for word in words if word not in _DENIALS]
    denials = [place for place, word in enumerate(words) if word in _DENIALS]
    return [re.sub(r"(?:ing|ed|es|s|e)$", "", word) for word in said], tuple(p - n for n, p in enumerate(denials))


def stated(findings: Findings) -> frozenset[tuple[tuple[str, ...], Denials]]:
    """What the reasons and warnings of the findings state, and the template of its own figures, as words in order, so that it is
    known where other little words or other endings are used: "the slices are three millimetres thick, so that small abnormalities
    can be missed"."""
    why = [findings.prediction.reason, findings.anatomy.registration.reason]
    why += [NOT_WHY] if findings.counterfactuals else []
    if (check := findings.saliency_check) is not None:
        failed = [wording.failed_check(name, check.figures[name]) for name in check.failed]
        why += [*failed, *(_ASIDE.sub("", reason) for reason in failed)]
    why += [passage.text for passage in checklist.passages(findings)]
    texts = [*(piece for text in why for piece in _PIECES.split(text)), *findings.warnings]
    texts += [piece for text in findings.warnings for piece in _PIECES.split(text)]
    return _contents(texts, findings)


def reasons(findings: Findings) -> frozenset[tuple[tuple[str, ...], Denials]]:
    """What the reason of the outcome states, as ``stated``."""
    return _contents(_PIECES.split(findings.prediction.reason), findings)


def introduced(kind: str, text: str, findings: Findings) -> bool:
    """Whether ``text`` may stand behind "Reason:" or "Warning:": as the findings have it, or a sentence or a part of it."""
    texts = findings.warnings if kind == "Warning" else (findings.prediction.reason,)
    known = {one_stop(said) for whole in texts for said in (whole, *sentences(whole), *_PIECES.split(whole))}
    return one_stop(text) in known or is_stated(
        text, _contents([*texts, *(p for t in texts for p in _PIECES.split(t))], findings)
    )


def one_stop(text: str) -> str:
    return plain(text).rstrip(". ") + "."  # "×" is made plain with a space behind it


def _contents(texts: list[str], findings: Findings) -> frozenset[tuple[tuple[str, ...], Denials]]:
    names = (findings.model.data_set, findings.model.name)
    allowed = (text for text in texts if not wording.forbidden(text, names, findings.model.classes))
    return frozenset((tuple(words), denials) for words, denials in map(_content, allowed) if len(words) >= 3)


def is_stated(text: str, known: frozenset[tuple[tuple[str, ...], Denials]]) -> bool:
    """Whether a statement says what a reason or a warning of the findings states, in its words and in their order."""
    words, denials = _content(text)
    return (tuple(words), denials) in known


def restated(text: str, classes: tuple[str, ...]) -> str:
    """One of the template's own sentences where ``text`` is one of them in other words (fixed.en.txt), else ``text``; ``classes``:
    what the model's classes are called."""
    said = plain(text)
    letters = said.lower()
    fitting = (rule for rule in rules(classes, _FIXED) if rule.needs in letters and rule.pattern.search(said))
    return next((rule.pattern.sub(rule.new, said) for rule in fitting), text)


def quotes(findings: Findings) -> set[str]:
    """Sentences that stand in the findings word for word, and may be quoted; none that breaks the rules of wording."""
    names = (findings.model.data_set, findings.model.name)
    texts = [findings.prediction.reason, findings.anatomy.registration.reason, *findings.warnings]
    allowed = [t for t in texts if not wording.forbidden(t, names, findings.model.classes)] + list(findings.disclaimers)
    if findings.prediction.outcome == "no_lesion_found":
        allowed.append(wording.NO_LESION)
    allowed += [
        REASON_KEPT,
        LEFT_OUT,
        *([WARNINGS_KEPT] if findings.warnings else []),
        *([TABLE_HOLDS] if len(findings.lesions) > 1 else []),
    ]
    whole = {piece for text in allowed for piece in (plain(text), *(plain(p) for p in sentences(text)))}
    whole |= {plain(f"{text}.") for text in allowed}  # "×." is not "×" with a full stop, when it is made plain
    return whole | {piece + "." for piece in whole} | {plain(text) for text in recited(findings)}


def recited(findings: Findings) -> Iterator[str]:
    """The template's own sentences for these findings on shape and distances, scores, changed images, the checks and the limits
    of the heat maps and a reader's edit, whatever names of the findings stand in them. In other words they are read claim by
    claim."""
    for passage in _recited_passages(findings):
        yield passage.text
        if passage.instead:
            yield passage.instead
    if findings.reader_edit is not None:
        yield BEFORE_EDIT
    yield from formerly.sentences(findings)


def _recited_passages(findings: Findings) -> Iterator[Passage]:
    approximate = findings.anatomy.registration.verdict == "limited"
    for index, lesion in enumerate(findings.lesions):
        if lesion.measures is not None:
            yield measures.lengths(lesion.measures, numbered(lesion), index)
            yield from measures.distances(lesion.measures, called(lesion), index, approximate)
        yield from measures.largest(lesion, called(lesion), index, approximate)
        yield from measures.appearance(lesion, called(lesion), index)
    if findings.image.is_slice_with_geometry:
        yield slab(findings.image)
    yield from measures.single_slice(findings, called)
    yield from measures.brightness_limit(findings)
    yield from measures.apart(findings)
    yield from measures.midline(findings)
    yield from measures.intervals(findings)
    yield from confidence(findings)
    yield from not_of_the_atlas(findings)
    yield from changes(findings)
    yield from checklist.passages(findings)
    yield from asked.recited(findings)
    if findings.saliency_check is not None:
        yield heat_map_check(findings.saliency_check)
        if not findings.saliency_check.relied_on:
            yield Passage(FAILED_MAPS, (at("saliency_check", "relied_on"),))
    yield from several_classes(findings)
    yield from reservations(findings)
    if findings.reader_edit is not None:
        yield from reader_edit(findings)
