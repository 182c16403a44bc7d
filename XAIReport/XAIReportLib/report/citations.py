"""Where in the findings the claims of a checked sentence stand: what it rests on, whatever its writer cites.

The check says of a sentence what it claims and that the findings hold it. Here each claim is led to its places: by its kind
(claim_places.py), by what it names (abnormalities, heat maps, classes, regions) and by its figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from . import narrative
from .claim_places import expanded, patterns_of
from .grounding import CheckedClaim, CheckedSentence
from .grounding.changed import about as about_changed_images
from .grounding.claims import Context, which_lesions
from .grounding.facts import agrees
from .grounding.mentions import Mention, Number
from .grounding.vocabulary import Vocabulary, plain, region_forms
from .pointers import resolve, steps_of
from .schema import Findings

_OF_CHANGED_IMAGES = frozenset({"change", "changed image", "changed share", "tried", "unchanged score", "slices"})
# Every place that is named holds a part of such a claim.
_COMPARING = frozenset(
    {"comparison", "margin", "difference", "similar scores", "identity", "map", "not why", "maps apart", "overlaps"}
)
_COUNTED = ("lesion", "map", "classes", "class")
_NAMES = {"model": "name", "data set": "data_set", "data set word": "data_set", "layer": "saliency_layer"}
_MOST_WORDS = 0.4  # of a quoted sentence that the sentence it quotes must have


@dataclass(frozen=True)
class Need:
    """What one claim rests on. ``places``: pointers, any of which holds it, the likeliest first; none where that cannot be told.
    ``told``: those whose value the sentence states."""

    places: tuple[str, ...]
    told: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Said:
    """What a claim, or a whole sentence, names."""

    mentions: tuple[Mention, ...]
    lesions: frozenset[int]
    methods: frozenset[str]

    def of(self, *kinds: str) -> list[Mention]:
        return [m for m in self.mentions if m.kind in kinds]

    @property
    def numbers(self) -> list[Number]:
        return [m.number for m in self.mentions if m.number is not None]

    @property
    def classes(self) -> set[str]:
        return {m.value for m in self.of("class")}

    @property
    def is_of_all(self) -> bool:
        return any(m.value == "total" for m in self.of("quantity"))

    @property
    def is_of_overlap(self) -> bool:
        return any(m.value in ("dice", "overlap", "agree") for m in self.of("quantity", "cue"))


class Citations:
    """Leads sentences on one case to their places."""

    def __init__(self, findings: Findings) -> None:
        self._findings, self._document = findings, findings.model_dump(mode="json")
        self._vocabulary = Vocabulary(findings)
        self._sentences = [
            *self._of_the_findings(),
            *((s.text, s.evidence) for s in narrative.write(findings).sentences),
        ]

    def _of_the_findings(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for place in ("/prediction/reason", "/anatomy/registration/reason", "/anatomy/midline_shift/method"):
            if isinstance(text := self._at(place), str):
                yield text, (place,)
        for name in ("warnings", "disclaimers"):
            for index, text in enumerate(self._document[name]):
                yield text, (f"/{name}/{index}",)

    def evidence(self, sentence: CheckedSentence, cited: Sequence[str] = ()) -> tuple[str, ...]:
        """What a supported sentence rests on: of the places that it cites those that its claims need, and those that it lacks."""
        needs = self.needs(sentence)
        known = [need for need in needs if need.places]
        lacking = [_place_of(n) for n in known if not any(related(c, place) for c in cited for place in n.places)]
        if len(known) < len(needs):  # what is left may rest on any of them
            return tuple(dict.fromkeys((*cited, *lacking)))
        needed = [c for c in cited if any(related(c, place) for need in known for place in need.places)]
        return tuple(dict.fromkeys((*needed, *lacking)))

    def told(self, sentence: CheckedSentence) -> frozenset[str]:
        """The places whose values a supported sentence states."""
        return frozenset(place for need in self.needs(sentence) for place in need.told)

    def needs(self, sentence: CheckedSentence) -> tuple[Need, ...]:
        """What each claim of a supported sentence rests on."""
        mentions = self._vocabulary.mentions(sentence.text)
        whole = self._said(mentions)
        changed = about_changed_images(mentions) or any(c.kind in _OF_CHANGED_IMAGES for c in sentence.claims)
        return tuple(need for c in sentence.claims for need in self._of_claim(c, whole, sentence.text, changed))

    def _of_claim(self, claim: CheckedClaim, whole: _Said, text: str, changed: bool) -> Iterable[Need]:
        if claim.kind in ("quotation", "checklist"):
            words = claim.text if claim.kind == "quotation" else "items of the checklist"
            return [Need((place,)) for place in self._quoted(words)] or [Need(())]
        words = set(claim.text.split())
        inside = [m for m in whole.mentions if m.text and set(m.text.split()) <= words]
        said = self._said(inside or self._vocabulary.mentions(claim.text))
        places = self._narrowed(self._expanded(patterns_of(claim, text)), said, whole, claim.kind)
        if changed:
            images = self._narrowed(self._expanded(("/counterfactuals/*",)), said, whole, "")
            return [Need((*(images if len(images) == 1 else ["/counterfactuals"]), *places))]
        return self._apart(places, said, claim.kind)

    def _quoted(self, text: str) -> tuple[str, ...]:
        """The evidence of the reason, the warning or the template's sentence that says this, in all or most of its words."""
        words, best, share = _words(text), (), 0.0
        for other, evidence in self._sentences:
            if plain(text) in plain(other):
                return evidence
            same = len(words & _words(other)) / max(len(words), 1)
            best, share = (evidence, same) if same > share else (best, share)
        return best if share >= _MOST_WORDS else ()

    def _apart(self, places: list[str], said: _Said, kind: str) -> Iterable[Need]:
        """One need for each thing that is named, where a claim is about several."""
        several = kind in _COMPARING or any(len(n) > 1 for n in (said.lesions, said.of("class"), said.of("region")))
        groups: dict[str, list[str]] = {}
        for place in places:
            groups.setdefault(_thing(place) if several else "", []).append(place)
        needs = [Need(tuple(group), frozenset(p for p in group if self._tells(said, p))) for group in groups.values()]
        return needs or [Need(())]

    # --- which of the places -----------------------------------------------------------------------------------------

    def _narrowed(self, places: list[str], said: _Said, whole: _Said, kind: str) -> list[str]:
        """The places that fit what is named and the figures, as far as any do."""
        if kind in ("count", "comparison", "rank"):
            counted = said if said.of(*_COUNTED) else whole
            places = [p for p in places if _is_of(p, counted, kind)] or places
        for named in (said, whole):
            places = [p for p in places if self._fits(p, named, kind)] or places
        if kind in _COMPARING:
            return _alike(places)
        right = [p for p in places if any(self._has(p, number) for number in said.numbers)]
        words = {m.value for m in said.mentions if m.value}
        exact = [p for p in places if words & self._texts(p) and not p.endswith("/method")]
        return right or exact or places

    def _fits(self, place: str, said: _Said, kind: str) -> bool:
        """Whether a place is of the abnormality, heat map, class, region or name that is spoken of, where one is."""
        head, *rest = steps_of(place)
        if head == "lesions" and rest:
            fits = int(rest[0]) in said.lesions if said.lesions else not said.of("map")
        elif head == "saliency" and rest:
            fits = self._is_map(int(rest[0]), said, kind)
        elif head == "lesion_total":
            fits = kind == "count" or said.is_of_all or not said.of("lesion", "map")
        elif "scores" in rest[:-1]:
            fits = not said.classes or rest[-1] in said.classes
        elif kind == "name" and (names := said.of("name")):
            fits = rest[-1] in {_NAMES.get(m.value, m.value) for m in names}
        else:
            fits = True
        return fits and self._is_row(place, rest, said)

    def _is_map(self, index: int, said: _Said, kind: str) -> bool:
        mask, classes = self._findings.saliency[index], said.classes & set(self._findings.mapped_classes)
        if said.lesions and not said.of("map") and kind not in ("dice", "overlap", "overlaps"):
            return False
        several = len(self._findings.mapped_classes) > 1
        return not (said.methods and mask.method not in said.methods) and not (
            several and classes and mask.target not in classes
        )

    def _is_row(self, place: str, rest: list[str], said: _Said) -> bool:
        """Of the rows of regions and distances, those that are named."""
        if len(rest) > 2 and rest[1] == "regions":
            return _is_meant(self._at(place), said)
        named = said.of("landmark", "region")
        if len(rest) > 3 and rest[2] in ("distances", "neighbours") and named:
            return any(_is_called(self._at(place)["position"], m) for m in named)
        return True

    def _said(self, mentions: Iterable[Mention]) -> _Said:
        found = tuple(mentions)
        known = {mask.method for mask in self._findings.saliency}
        lesions = [which_lesions(self._findings, m.value or "one", Context()) for m in found if m.kind == "lesion"]
        return _Said(
            found,
            frozenset(index for these in lesions for index in these or ()),
            frozenset(m.value for m in found if m.kind == "map" and m.value in known),
        )

    # --- what stands at a place --------------------------------------------------------------------------------------

    def _expanded(self, patterns: Iterable[str]) -> list[str]:
        return [place for pattern in patterns for place in expanded(self._document, pattern)]

    def _at(self, place: str) -> Any:
        try:
            return resolve(self._document, place)
        except KeyError:
            return None

    def _has(self, place: str, number: Number) -> bool:
        figures = list(_figures(self._at(place)))
        percents = [100 * figure for figure in figures if number.unit == "%" and abs(figure) <= 1]
        return any(agrees(number, figure) for figure in (*figures, *percents))

    def _texts(self, place: str) -> set[str]:
        value = self._at(place)
        rows = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
        return {row for row in rows if isinstance(row, str)}

    def _tells(self, said: _Said, place: str) -> bool:
        """Whether the value at a place is said, not only something about it."""
        value, words = self._at(place), {m.value for m in said.mentions}
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return set(value) <= words
        if isinstance(value, str):
            return value in words
        return any(not number.bound and self._has(place, number) for number in said.numbers)


def related(cited: str, place: str) -> bool:
    """Whether a pointer is a place, contains it, or lies under it."""
    return f"{place}/".startswith(f"{cited}/") or f"{cited}/".startswith(f"{place}/")


def _place_of(need: Need) -> str:
    """What to cite for it: the likeliest place, or what its places have in common where they are of different things."""
    if len({_thing(place) for place in need.places}) == 1:
        return need.places[0]
    steps = zip(*(place.split("/") for place in need.places), strict=False)
    common = "/".join(step[0] for step in takewhile(lambda step: len(set(step)) == 1, steps))
    return common or need.places[0]


def _thing(place: str) -> str:
    """What a place is of: an abnormality, a map, one of their rows, a class, or a part of the findings."""
    steps = steps_of(place)
    if steps[0] in ("lesions", "saliency") and len(steps) > 1:
        return " ".join((*steps[:2], *(steps[3:4] if steps[2:3] == ["regions"] else ())))
    return steps[-1] if "scores" in steps[:-1] else steps[0]


def _alike(places: list[str]) -> list[str]:
    """What is compared is alike: the places with the name of the first."""
    names = [[step for step in steps_of(place) if not step.isdigit()] for place in places]
    names = [row[:-1] if "scores" in row[:-1] else row for row in names]
    return [place for place, name in zip(places, names, strict=True) if name == names[0]]


def _is_of(place: str, said: _Said, kind: str) -> bool:
    """Whether what is counted or compared at a place is of what is named."""
    head = steps_of(place)[0]
    kinds = {"lesion_total": ("lesion",), "lesions": ("lesion",), "saliency": ("map",)}.get(head, ("class", "classes"))
    if head == "image":
        return not said.of(*_COUNTED)
    if kind != "count" and head == "saliency" and place.endswith("/dice_with_lesion") is not said.is_of_overlap:
        return False
    return bool(said.of(*kinds))


def _figures(value: Any) -> Iterator[float]:
    """Every figure that stands at a place; of a list of things also how many they are."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _figures(item)
    elif isinstance(value, list):
        if not all(isinstance(item, int | float) for item in value):
            yield float(len(value))
        for item in value:
            yield from _figures(item)


def _is_meant(row: dict[str, Any], said: _Said) -> bool:
    """Whether a row of a table of regions is one that is named."""
    named = said.of("region", "lobe", "outside")
    return not named or any(
        row["lobe"] == "other"
        if m.kind == "outside"
        else m.side in (None, row["side"])
        and (row["lobe"] == m.value if m.kind == "lobe" else row["lobe"] != "other" and _is_called(row["name"], m))
        for m in named
    )


def _is_called(name: str, mention: Mention) -> bool:
    return bool(set(region_forms(name)) & set(region_forms(mention.value)))


def _words(text: str) -> set[str]:
    return set(re.findall(r"[\w.]+", plain(text).lower()))
