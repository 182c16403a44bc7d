"""How bright a lesion is on the series that was given."""

from __future__ import annotations

from ..schema import Lesion
from .claims import Clause
from .facts import compare, entity


def read(clause: Clause) -> None:
    """ "2.1 ml of the lesion is brighter than white matter", "62 % of it is nearer to fluid", "the bright part is a ring"."""
    cues = clause.of("bright")
    if not cues:
        return
    place, masks = entity(clause, cues[0])
    lesion = masks[0] if masks is not None and len(masks) == 1 and isinstance(masks[0], Lesion) else None
    look = lesion.appearance if lesion is not None else None
    along = [place] if place is not None else []
    denied = bool(clause.of("neg")) or clause.negated
    numbers = clause.of("number", unread=True)
    for kind, unit in (("brighter", "ml"), ("darker", "%")):
        named = [i for i in cues if clause.mentions[i].value == kind]
        own = [i for i in numbers if clause.mentions[i].number.unit == unit]
        if not named:
            continue
        if len(own) != 1 or denied or look is None:
            clause.state("brightness", None, *named, *own, *along)
            continue
        compare(
            clause,
            "brightness",
            own[0],
            look.brighter_ml if kind == "brighter" else look.darker_percent,
            *named,
            *along,
        )
    for i in cues:
        value = clause.mentions[i].value
        if value not in ("brighter", "darker"):
            known = look is not None and not denied and any(clause.mentions[j].value == "brighter" for j in cues)
            clause.state("brightness", look.pattern == value if known else None, i, *along)
