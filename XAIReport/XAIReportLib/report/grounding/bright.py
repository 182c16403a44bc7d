"""How bright a lesion is on the series that was given."""

from __future__ import annotations

from ..schema import Lesion
from ..schema_places import AppearancePart
from .claims import Claim, Clause
from .facts import agrees, entity
from .mentions import Mention
from .places import enough


def read(clause: Clause) -> None:
    """ "2.1 ml of the lesion is brighter than white matter", "1.35 ml is not", "62 % of it is nearer to fluid", "as a ring"."""
    cues = clause.of("bright")
    if not cues:
        return
    place, masks = entity(clause, cues[0])
    lesion = masks[0] if masks is not None and len(masks) == 1 and isinstance(masks[0], Lesion) else None
    look = lesion.appearance if lesion is not None else None
    along = [place] if place is not None else []
    amounts = [i for i in cues if clause.mentions[i].value in ("brighter", "darker")]
    patterns = [i for i in cues if i not in amounts]
    for n, i in enumerate(amounts):
        _amount(clause, i, ([-1, *amounts][n], [*amounts, len(clause.mentions)][n + 1]), look, bool(patterns))
        clause.read(*along)
    denied = bool(clause.of("neg")) or clause.negated
    bright = any(clause.mentions[j].value == "brighter" for j in amounts)
    for i in patterns:
        known = look is not None and not denied and bright
        clause.state("brightness", look.pattern == clause.mentions[i].value if known else None, i, *along)


def _amount(clause: Clause, i: int, between: tuple[int, int], look: AppearancePart | None, shaped: bool) -> None:
    """How much is said to be so bright: a number before the words, else behind them, or "most of it"."""
    low, high = between
    numbers = clause.of("number", unread=True)
    own = [j for j in numbers if low < j < i] or [j for j in numbers if i < j < high]
    words = [j for j in clause.of("quantifier", unread=True) if low < j < i]
    denials = [j for j in clause.of("neg") if low < j < high]
    behind = clause.mentions[denials[0] + 1 : i] if denials else []
    denied = len(denials) == 1 and all(m.kind == "neutral" for m in behind) and denials[0] < i
    holds = None
    if look is not None and not clause.negated and (denied or not denials):
        percent = _percent(look, clause.mentions[i].value)
        percent = 100 - percent if denied else percent
        if 1 <= len(own) <= 2 and not words:  # "70 % of it (3.1 ml)"
            said = [_holds(clause.mentions[j], percent, look) for j in own]
            holds = None if None in said else all(said)
        elif not own and len(words) == 1:
            holds = enough(percent, clause.mentions[words[0]].value)
        elif not own and shaped and not denied:
            holds = percent > 0 or None  # "the bright part is a ring"
    clause.read(i, *own[:2], *words, *denials)
    text = " ".join(clause.mentions[j].text for j in sorted((i, *own[:2], *denials)))
    clause.claims.append(Claim("brightness", text, holds))


def _percent(look: AppearancePart, value: str) -> float:
    if value == "darker":
        return look.darker_percent
    return 100 * look.brighter_ml / ((look.brighter_ml + look.not_brighter_ml) or 1)


def _holds(mention: Mention, percent: float, look: AppearancePart) -> bool | None:
    number = mention.number
    if number is None or number.parts or number.unit not in ("ml", "%", "fraction"):
        return None
    whole = look.brighter_ml + look.not_brighter_ml
    return agrees(number, percent * whole / 100 if number.unit == "ml" else percent)
