"""A section by a language model: its sentences, and those of the template's whose facts they leave out.

A fact of a template's sentence is told when a sentence of the model states the value at the same place. A sentence with a fact
that is not told stays, and so does each that states no single value: a caution, a reason, what a heat map does not show.
"""

from __future__ import annotations

from collections.abc import Sequence

from .citations import Citations, Need
from .grounding import Checker
from .grounding.vocabulary import plain
from .narrative import Sentence
from .pointers import resolve
from .schema import Findings

TEMPLATE = "template"


class Joining:
    """Joins the sections of one case; the template's sentences are read when the first of them is wanted."""

    def __init__(self, findings: Findings, checker: Checker, citations: Citations) -> None:
        self._checker, self._citations = checker, citations
        self._document = findings.model_dump(mode="json")

    def section(self, own: Sequence[Sentence], template: Sequence[Sentence], told: frozenset[str]) -> list[Sentence]:
        """The model's sentences, together and in their order, among the template's that stay, at the place of the first one that
        they touch. ``told``: the places whose values they state."""
        if not own:
            return [sentence.model_copy(update={"narrator": TEMPLATE}) for sentence in template]
        said = {plain(sentence.text) for sentence in own}
        stays, touched = [], len(template)
        for index, sentence in enumerate(template):
            needs = self._needs(sentence)
            if plain(sentence.text) in said or (needs and all(self._is_told(need, told) for need in needs)):
                touched = min(touched, index)
                continue
            if any(self._is_told(need, told) for need in needs):
                touched = min(touched, index)
            stays.append((index, sentence.model_copy(update={"narrator": TEMPLATE})))
        before = [sentence for index, sentence in stays if index < touched]
        return [*before, *own, *(sentence for index, sentence in stays if index >= touched)]

    def _needs(self, sentence: Sentence) -> list[Need]:
        return [need for found in self._checker.text(sentence.text) for need in self._citations.needs(found)]

    def _is_told(self, need: Need, told: frozenset[str]) -> bool:
        return any(place in told or self._whole_side(place) in told for place in need.told)

    def _whole_side(self, place: str) -> str:
        """Where the side stands that all of a mask lies on: "on the left" says that 100 % of it does."""
        owner, _, name = place.rpartition("/")
        whole = name in ("left_percent", "right_percent") and resolve(self._document, place) == 100
        return f"{owner}/side" if whole else place
