"""Which of several lesions "the lesion in the right thalamus" is: the only one that projects there."""

from __future__ import annotations

from itertools import pairwise

from .claims import Clause
from .facts import rows_of


def read(clause: Clause) -> None:
    """Gives a lesion that is named by its place its number; the place is then no claim of its own."""
    lesions = clause.findings.lesions
    for i in clause.of("lesion", value="one"):
        before = clause.mentions[i - 1] if i else None
        if before is not None and before.kind in ("lobe", "region") and before.side is not None and len(lesions) > 1:
            if i == 1 or clause.mentions[i - 2].text.lower() == "the":  # "the left frontal abnormality"
                _only_there(clause, i, i - 1)
            continue
        ahead = [j for j in range(i + 1, len(clause.mentions)) if clause.mentions[j].kind != "neutral"]
        named = i > 0 and clause.mentions[i - 1].text.lower() == "the" and len(lesions) > 1 and len(ahead) > 1
        if not named or clause.mentions[i + 1].text.lower() not in ("in", "within"):
            continue
        place, following = ahead[0], clause.mentions[ahead[1]]
        if clause.mentions[place].kind not in ("region", "lobe") or following.kind not in (
            "verb",
            "bound",
            "compare",
            "mark",
        ):
            continue
        _only_there(clause, i, place)
    _same(clause)


_OF_SIZE = ("larger", "largest", "smaller", "smallest")


def _same(clause: Clause) -> None:
    """ "the third abnormality is the only one on the left", "the second is by far the largest (3.43 ml)": the two are one."""
    for a, b in pairwise(clause.of("lesion")):
        between = clause.mentions[a + 1 : b]
        joins = any(m.text.lower() in ("is", "are", "was", "were") for m in between)
        value = clause.mentions[b].value
        of_size = value.split()[0] in _OF_SIZE and b == clause.of("lesion")[-1]  # several: existence.py
        if not joins or not (value.startswith("side:") or of_size):
            continue
        sides = [j for j in range(a + 1, b) if clause.mentions[j].kind == "side"]
        if of_size and sides:  # "the one on the right is the larger"
            there = [
                n for n, lesion in enumerate(clause.findings.lesions) if lesion.side == clause.mentions[sides[0]].value
            ]
            known = len(sides) == 1 and len(there) == 1 and clause.lesions_at(b) is not None
            clause.state("identity", clause.lesions_at(b) == tuple(there) if known else None, a, b, *sides)
        elif all(m.kind in ("verb", "neutral", "only", "neg", "much") for m in between):
            which = [clause.lesions_at(a), clause.lesions_at(b)]
            only = [j for j in range(a, b) if clause.mentions[j].kind == "only"]
            clause.state("identity", None if None in which or () in which else which[0] == which[1], a, b, *only)


def _only_there(clause: Clause, i: int, place: int) -> None:
    there = [n for n, lesion in enumerate(clause.findings.lesions) if rows_of([lesion], clause, place)]
    if len(there) == 1:
        clause.mentions[i].value = str(there[0] + 1)
        clause.read(place)
