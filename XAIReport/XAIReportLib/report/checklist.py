"""A checklist of what a reader expects of a report on an intracranial mass: which of 17 items these findings hold, and where.

The items are features of VASARI (the lexicon of the TCGA glioma project) and elements that clinicians asked for in a national
survey on reports of meningiomas (Huckhagel et al., Scientific Reports). It is not the list of the structured template of Bink
et al. (doi 10.3389/fneur.2018.00032), which has as many items: that list could not be had, and nothing here is claimed to be it.

An item counts as assessed when the findings hold a value for it, computed on this case, of the largest segmented abnormality
where it is about one. Nobody is told that an item is absent because it was not assessed. How bright an
abnormality is on one series stands where the sources ask for enhancement and necrosis, and is called what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .passages import Passage
from .pointers import resolve
from .schema import Findings

VASARI, SURVEY = "VASARI", "Huckhagel et al."
TITLE = "Checklist of a report on an intracranial mass"


@dataclass(frozen=True)
class Item:
    """``place``: pointer to its value; ``position``: of a list of distances at ``place``, the entry of this atlas position."""

    name: str
    place: str
    sources: tuple[str, ...]
    position: str = ""


_DISTANCES = "/lesions/0/measures/distances"
ITEMS = (
    Item("Number", "/lesion_total/count", (VASARI,)),
    Item("Side", "/lesions/0/side", (VASARI,)),
    Item("Region and lobe", "/lesions/0/regions", (VASARI, SURVEY)),
    Item("Volume", "/lesions/0/volume_ml", (SURVEY,)),
    Item("Diameters", "/lesions/0/measures/axial_diameters_mm", (VASARI, SURVEY)),
    Item("Crossing of the midline", "/lesions/0/measures/crosses_midline", (VASARI,)),
    Item("Midline shift", "/anatomy/midline_shift/distance_mm", (SURVEY,)),
    Item("Distance to the brain's surface", _DISTANCES, (VASARI, SURVEY), "brain surface"),
    Item("Distance to the ventricles", _DISTANCES, (VASARI, SURVEY), "lateral ventricles"),
    Item("Distance to the motor cortex", _DISTANCES, (VASARI,), "motor cortex"),
    Item("Pattern of brightness", "/lesions/0/appearance/pattern", (VASARI, SURVEY)),
    Item("Dark share", "/lesions/0/appearance/darker_percent", (VASARI,)),
    Item("Cysts", "", (VASARI, SURVEY)),
    Item("Surroundings on T2 or FLAIR", "", (VASARI, SURVEY)),
    Item("Haemorrhage", "", (VASARI,)),
    Item("Diffusion", "", (VASARI,)),
    Item("Width of the ventricles", "", (SURVEY,)),
)


def assessed(findings: Findings) -> list[tuple[Item, str | None]]:
    """Every item with the pointer to its value; None where it was not assessed."""
    document = findings.model_dump(mode="json")
    return [(item, _where(item, document)) for item in ITEMS]


def _where(item: Item, document: dict[str, Any]) -> str | None:
    try:
        value = resolve(document, item.place) if item.place else None
    except KeyError:
        return None
    if item.position:
        found = [n for n, row in enumerate(value or ()) if row["position"] == item.position]
        return f"{item.place}/{found[0]}" if found else None
    return None if value is None or value == [] else item.place


# What a picture without geometry has instead of a value: no whole answer, so that it is not counted as assessed.
_IN_PART = {
    "Side": ("/lesions/0/image_side", "in the image only"),
    "Region and lobe": ("/lesions/0/approximate_lobe/lobe", "lobe, approximately"),
}


def answers(findings: Findings) -> list[tuple[str, str, str | None]]:
    """Every item, whether it was assessed, wholly or in which part, and the pointer to what was found."""
    document = findings.model_dump(mode="json")
    return [(item.name, *_answer(item, place, document)) for item, place in assessed(findings)]


def _answer(item: Item, place: str | None, document: dict[str, Any]) -> tuple[str, str | None]:
    if place:
        return "yes", place
    part, said = _IN_PART.get(item.name, ("", "no"))
    place = _where(Item(item.name, part, ()), document)
    return said if place else "no", place


def passages(findings: Findings) -> Iterator[Passage]:
    """How many items were assessed, and where; nothing where there is no segmented abnormality."""
    if findings.lesions:
        places = tuple(place for _, place in assessed(findings) if place)
        verb = "was" if len(places) == 1 else "were"
        text = f"{len(places)} of the {len(ITEMS)} items of the checklist {verb} assessed; the table tells which."
        yield Passage(text, places)
