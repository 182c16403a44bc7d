"""That a lesion was found or not, which one it is, and which is the larger of several."""

from __future__ import annotations

from .claims import Clause, which_lesions
from .compared import larger

_FOUND = (
    "found",
    "find",
    "finds",
    "segmented",
    "detected",
    "detect",
    "identified",
    "identify",
    "outlined",
    "seen",
    "reveal",
    "revealed",
    "observed",
    "shown",
)


def sizes_compared(clause: Clause) -> None:
    """ "the second lesion is smaller": of two, or of all."""
    for i in clause.of("which", unread=True):
        before = [j for j in clause.of("lesion") if j < i]
        if clause.mentions[i].value in ("larger", "smaller", "largest", "smallest") and before:
            meant = which_lesions(clause.findings, clause.mentions[i].value, clause.context)
            said = clause.lesions_at(before[-1])
            known = bool(said) and bool(meant)
            holds = said == meant if known else None
            if (
                said
                and clause.mentions[i].value in ("larger", "smaller")
                and 1 < len(said) < len(clause.findings.lesions)
            ):
                _than_the_rest(clause, i, said, before[-1])
                continue
            much = [j for j in clause.of("much") if j in (i - 1, i - 2)]
            if holds and much:
                sizes = sorted((lesion.voxels for lesion in clause.findings.lesions), reverse=True)
                two = len(sizes) == 2 or (len(sizes) > 2 and clause.mentions[i].value == "largest")
                holds = two and larger(sizes[:2], 1, True)
            clause.state("comparison", holds, i, before[-1], *much)


def _than_the_rest(clause: Clause, i: int, said: tuple[int, ...], place: int) -> None:
    """ "the other two abnormalities are much smaller": each of them than each of the rest."""
    sizes = [lesion.voxels for lesion in clause.findings.lesions]
    rest = [size for n, size in enumerate(sizes) if n not in said]
    own = [sizes[n] for n in said]
    much = [j for j in clause.of("much") if j in (i - 1, i - 2)]
    small = clause.mentions[i].value == "smaller"
    pair = [max(own), min(rest)] if small else [min(own), max(rest)]
    clause.state("comparison", larger(pair, -1 if small else 1, bool(much)), i, place, *much)


_BEING = ("is", "are", "was", "were", "remains", "it is", "it was", "it was the")


def predicate(clause: Clause) -> None:
    """ "it is the smaller of the two", "and is the largest": of what was spoken of last, not of any one that is so."""
    place = next(iter(clause.of("lesion")), None)
    if place is None:
        return
    mention, before = clause.mentions[place], clause.mentions[:place]
    cleft = any(m.text.lower() in ("that", "which", "whose") for m in clause.mentions[place + 1 : place + 2])
    named = mention.value in (*_WHICH, "other") or mention.value[:1].isdigit() or mention.value.startswith("side:")
    linked = any(m.text.lower() in _BEING for m in before)
    bare = all(m.kind in ("neutral", "mark", "verb", "only", "much", "neg", "sep") for m in before)
    if named and linked and bare and not cleft:
        meant, spoken = clause.lesions_at(place), clause.context.lesions
        if spoken is None and len(clause.findings.lesions) == 1:
            spoken = (0,)
        known = clause.context.subject == "lesion" and bool(meant) and bool(spoken)
        clause.state("identity", set(meant or ()) == set(spoken or ()) if known else None, place)


def read(clause: Clause) -> None:
    """ "no lesion was found", "one lesion was outlined": only as something found, never as something that is there or not."""
    lesions = clause.of("lesion", unread=True)
    if not lesions or clause.of("map") or any(not c.process and c.kind != "count" for c in clause.claims):
        return
    found = clause.findings
    if len(lesions) > 2 and any(clause.mentions[i].value in _WHICH for i in lesions):
        _paired(clause, lesions)  # "lesion 1 is the largest, lesion 3 the smallest"
        return
    if len(lesions) == 2 and any(
        m.text.lower() in ("is", "are", "was", "were") for m in clause.mentions[lesions[0] : lesions[1]]
    ):
        same = [clause.lesions_at(i) for i in lesions]  # "the left lesion is the smaller one"
        sizes = sorted((lesion.voxels for lesion in found.lesions), reverse=True)
        if clause.mentions[lesions[1]].value.startswith("larg") and len(sizes) > 1 and larger(sizes[:2], 1, True):
            clause.read(*(j for j in clause.of("much") if 0 < lesions[1] - j <= 3))  # "is by far the largest"
        clause.state("identity", None if None in same or () in same else same[0] == same[1], *lesions)
        return
    if found.prediction.outcome == "not_applicable":
        return
    said = any(word in _FOUND for m in clause.mentions for word in m.text.lower().split()) or clause.of("model")
    if clause.of("do") and not said:
        return  # "but the smaller one does": what it does is not that it was found
    for i in lesions:
        which = clause.lesions_at(i)
        exists = bool(found.lesions) and which != ()
        denied = any(j < i for j in clause.of("neg"))
        second = clause.mentions[i].value not in ("one", "many")
        if denied and which == () and said and clause.mentions[i].value in ("2", "second", "other") and found.lesions:
            clause.state("existence", False, i)  # "no second lesion was segmented"
            continue
        clause.state(
            "existence",
            exists if (said and not (denied and second)) or (exists and not denied) else None,
            i,
            process=not exists,
        )
    counted = [c for c in clause.claims if c.kind == "count"]
    if counted:
        return


_WHICH = ("largest", "smallest", "larger", "smaller", "second")


def _paired(clause: Clause, lesions: list[int]) -> None:
    """Two by two the same lesion; what is left over is not read."""
    for a, b in zip(lesions[::2], lesions[1::2], strict=False):
        which = [clause.lesions_at(a), clause.lesions_at(b)]
        known = None not in which and () not in which and not clause.of("neg")
        clause.state("identity", which[0] == which[1] if known else None, a, b)
