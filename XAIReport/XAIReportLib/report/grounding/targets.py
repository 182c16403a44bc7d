"""Whose heat maps a sentence is about: those of the class that it names for them, without one that of the first class where it
speaks of one map, and each class's where it speaks of several."""

from __future__ import annotations

import re
from collections import Counter

from ..schema import Findings
from ..wording import class_name, method_name

_MAP = r"heat[- ]?maps?|maps?|masks?|methods?|explanations?"
_MAPS = r"heat[- ]?maps|maps|masks|methods|explanations"
_SEVERAL = re.compile(rf"(?i)\b(?:{_MAPS})\b|\b(?:every|each|no|any|all) (?:of the )?(?:\S+ )?(?:{_MAP})\b")
# "Two heat maps", "not all maps": of how many of which classes' is not said.
_SOME = re.compile(
    rf"(?i)\b(?:\d+|one|two|three|four|five|six|seven|eight|nine) (?:of the )?(?:{_MAPS})\b"
    rf"|\b(?:some|any|at least|at most|either|most|few|only)\b.*\b(?:{_MAP})\b|\bnot (?:all|every|each|both)\b"
)
# What is true of the maps of two classes when it is true of each.
_OF_EACH = (
    r"(?P<verb>lie|are|overlap)(?P<rest> (?:with )?the (?:segmented )?(?:lesion|abnormality)(?: \d+)?"
    r"| on the (?:left|right)(?: side)?(?: of the patient)?)\.?"
)
_ONE = {"lie": "lies", "are": "is", "overlap": "overlaps"}


def of_each_class(sentence: str, findings: Findings, spoken: str | None) -> list[tuple[str, str]]:
    """A sentence on the maps of several classes, taken apart: what it says of each class's maps, and that class. Empty where it
    speaks of one class, or says of several what cannot be said of each."""
    classes = findings.mapped_classes
    if len(classes) < 2:
        return []
    if named := _named_together(sentence, findings):
        return named
    if spoken is None and not _named(sentence, findings) and _SEVERAL.search(sentence) and not _SOME.search(sentence):
        return [(sentence, name) for name in classes]
    return []


def _named_together(sentence: str, findings: Findings) -> list[tuple[str, str]]:
    """ "The Grad-CAM++ maps for glioma and meningioma both overlap the lesion": a sentence for each of the two."""
    labels = {word.lower(): name for name in findings.mapped_classes for word in (name, class_name(name))}
    label = "|".join(re.escape(word) for word in sorted(labels, key=len, reverse=True))
    method = "|".join(re.escape(method_name(mask.method)) for mask in findings.saliency)
    maps = (
        rf"the (?P<method>{method}) (?P<map>heat map|map|mask)s (?:for|of) (?P<a>{label}) and (?P<b>{label})(?: both)?"
    )
    said = re.fullmatch(rf"(?i){maps} {_OF_EACH}", sentence)
    if said is None or labels[said["a"].lower()] == labels[said["b"].lower()]:
        return []
    what, verb = f"The {said['method']} {said['map']} for", _ONE[said["verb"].lower()]
    return [(f"{what} {said[n]} {verb}{said['rest']}.", labels[said[n].lower()]) for n in ("a", "b")]


def of_its_class(sentence: str, findings: Findings, spoken: str | None) -> tuple[Findings | None, str | None]:
    """The findings with the heat maps of one class, and that class: of the map that ``sentence`` speaks of, else of ``spoken``,
    the class that was named for a map before, else of the first. None where it speaks of the maps of two classes at once in a way
    that is not read, or of some of all maps. A method that was mapped for one class alone needs no class to be named.

    Other claims of the sentence are not touched: the findings keep all the rest.
    """
    classes = findings.mapped_classes
    if len(classes) < 2:
        return findings, None
    named = _named(sentence, findings)
    of_some = not named and spoken is None and _SEVERAL.search(sentence) and _SOME.search(sentence)
    if len(named) > 1 or of_some:
        return None, spoken
    chosen = named[0] if named else spoken or classes[0]
    mapped = Counter(mask.method for mask in findings.saliency)
    masks = tuple(m for m in findings.saliency if m.target == chosen or (not named and mapped[m.method] == 1))
    return findings.model_copy(update={"saliency": masks}), chosen


def _named(sentence: str, findings: Findings) -> list[str]:
    """The classes whose maps a sentence names."""
    methods = {name for mask in findings.saliency for name in (mask.method, method_name(mask.method))}
    what = "|".join([_MAP, *(re.escape(name) for name in sorted(methods, key=len, reverse=True))])
    named = []
    for name in findings.mapped_classes:
        said = "|".join(re.escape(word) for word in {name, class_name(name)})
        if re.search(
            rf"(?i)(?<!\w)(?:{what})(?: mask| map| heat map)? (?:for|of) (?:the )?(?:class )?(?:{said})(?!\w)"
            rf"|(?<!\w)(?:{said}) (?:{what})(?!\w)",
            sentence,
        ):
            named.append(name)
    return named
