"""Whose heat maps a sentence is about: those of the class that it names for them, without one those of the first class."""

from __future__ import annotations

import re
from collections import Counter

from ..schema import Findings
from ..wording import class_name, method_name

_MAP = r"heat[- ]?maps?|maps?|masks?|methods?|explanations?"


def of_its_class(sentence: str, findings: Findings, spoken: str | None) -> tuple[Findings | None, str | None]:
    """The findings with the heat maps of one class, and that class: of the map that ``sentence`` speaks of, else of ``spoken``,
    the class that was named for a map before, else of the first. None where it speaks of the maps of two
    classes at once, which is not read. A method that was mapped for one class alone needs no class to be named.

    Other claims of the sentence are not touched: the findings keep all the rest.
    """
    classes = findings.mapped_classes
    if len(classes) < 2:
        return findings, None
    methods = {name for mask in findings.saliency for name in (mask.method, method_name(mask.method))}
    what = "|".join([_MAP, *(re.escape(name) for name in sorted(methods, key=len, reverse=True))])
    named = []
    for name in classes:
        said = "|".join(re.escape(word) for word in {name, class_name(name)})
        if re.search(
            rf"(?i)(?<!\w)(?:{what})(?: mask| map| heat map)? (?:for|of) (?:the )?(?:class )?(?:{said})(?!\w)"
            rf"|(?<!\w)(?:{said}) (?:{what})(?!\w)",
            sentence,
        ):
            named.append(name)
    if len(named) > 1:
        return None, spoken
    chosen = named[0] if named else spoken or classes[0]
    mapped = Counter(mask.method for mask in findings.saliency)
    masks = tuple(m for m in findings.saliency if m.target == chosen or (not named and mapped[m.method] == 1))
    return findings.model_copy(update={"saliency": masks}), chosen
