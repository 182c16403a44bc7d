"""Whose figure it is: a size, a side or a place is that of a mask, a score that of a class, and of nothing else.

Where a clause names no owner, the lesion that was spoken of last is meant; so that a suggestion, a region or the midline must not
stand where the owner would.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .claims import Clause, Context
from .mentions import Mention

# Claims that only a mask has, and what has claims of its own.
_OF_A_MASK = frozenset(
    {
        "volume", "side", "region", "region share", "side share", "outside share", "distance", "contact", "adjacent", "diameter",
        "diameters", "sphericity", "brightness", "interval", "lobe share", "region volume", "lobe",
    }
)  # fmt: skip
_OF_A_CLASS = frozenset({"suggestion", "score", "scores", "rank", "classes", "entropy", "planes", "class set"})
_NOT_A_REGIONS = frozenset(
    {
        "diameter",
        "diameters",
        "sphericity",
        "entropy",
        "planes",
        "dice",
        "midline shift",
        "volume",
        "brightness",
    }
)
_MASKS = ("lesion", "map", "segmentation", "bright")
_OTHERS = ("suggest", "score", "class", "classes", "shift", "name")
_OTHER_QUANTITIES = ("entropy", "planes", "dice", "checks")
_THINGS = frozenset(
    {
        "lesion", "map", "suggest", "class", "region", "lobe", "landmark", "shift", "segmentation", "model", "name", "score",
        "image", "classes", "bright",
    }
)  # fmt: skip
_PREPOSITIONS = frozenset(
    {
        "of", "in", "on", "at", "to", "for", "by", "with", "from", "into", "onto", "upon", "within", "between", "near", "over",
        "under", "per",
    }
)  # fmt: skip
_ARTICLES = ("the", "a", "an")
_NOT_SHIFTED = ("lesion", "map", "suggest", "class", "region")
_PART_OF = re.compile(
    r"\b(?:part|share|portion|half|third|percentage|fraction)s? of\b|\bmost covered\b|\blocation of\b|\bamong the regions\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"\b(?:it|its|they|their|them|there(?! (?:is|are|was|were)))\b", re.IGNORECASE)


def misowned(clause: Clause, context: Context, joined: bool) -> str:
    """The words of what has no such figure; nothing where every figure has its owner.

    ``context``: before the clause; ``joined``: whether another clause of the same sentence stands before it.
    """
    return next(_strange(clause, context, joined), "")


def spoken_of(clause: Clause, context: Context) -> str:
    """What kind of thing a clause is about, for the pronouns of the next one (``Context.spoken``)."""
    about, masks = subject(clause), [m.kind for m in clause.mentions if m.kind in ("lesion", "map")]
    if about is not None and about.kind in ("region", "landmark", "shift"):
        return about.kind
    if masks:
        return masks[-1]
    if about is None and {claim.kind for claim in clause.claims} & _OF_A_MASK:
        return context.spoken  # "it measures 4.45 ml"
    return "other" if about is not None or clause.claims else context.spoken


def subject(clause: Clause) -> Mention | None:
    """The first thing of a clause that no preposition stands before."""
    behind = False
    for i, mention in enumerate(clause.mentions):
        words = mention.text.lower().split()
        if mention.depth or not words:
            continue
        if words[-1] in _PREPOSITIONS:
            behind = True
        elif mention.kind in _THINGS:
            following = clause.mentions[i + 1].kind if i + 1 < len(clause.mentions) else ""
            if mention.kind in ("class", "region", "lobe") and following in ("score", "map", "lesion"):
                continue  # "the glioma score", "left frontal lesion"
            if not behind:
                return mention
            behind = False
        elif mention.kind in ("mark", "verb"):
            behind = False
    return None


def _strange(clause: Clause, context: Context, joined: bool) -> Iterator[str]:
    first = subject(clause)
    kind = first.kind if first else ""
    kinds = {claim.kind for claim in clause.claims}
    said = " ".join(m.text for m in clause.mentions)
    masks = [m for m in clause.mentions if m.kind in _MASKS]
    others = [
        m for m in clause.mentions if m.kind in _OTHERS or (m.kind == "quantity" and m.value in _OTHER_QUANTITIES)
    ]
    if kinds & _OF_A_MASK and not masks and others:
        yield others[0].text
    if first and kind in ("region", "lobe") and not clause.of("score", "suggest"):
        shared = kinds & {"region share", "lobe share"} or clause.of("quantifier") or _PART_OF.search(said)
        if kinds & _NOT_A_REGIONS or clause.of("landmark") or (masks and "region" in kinds and not shared):
            yield first.text
    if "midline shift" in kinds and any(m.kind in _NOT_SHIFTED for m in clause.mentions):
        yield "midline shift"
    yield from _classes(clause)
    yield from _volumes(clause)
    pronoun = _PRONOUN.search(said)
    begins = clause.mentions[0].text.lower() if clause.mentions else ""
    if masks or kind in ("region", "lobe") or not (pronoun or (joined and first is None and begins not in _ARTICLES)):
        return
    if kinds & _OF_A_MASK and context.spoken in ("other", "region", "landmark", "shift"):
        yield pronoun[0] if pronoun else said
    if kinds & _OF_A_CLASS and len(clause.findings.lesions) > 1 and context.spoken == "lesion" and pronoun:
        yield pronoun[0]


def _classes(clause: Clause) -> Iterator[str]:
    """A class right behind the model, a lesion or "the class" is what these are said to be: only the suggestion may stand so."""
    prediction = clause.findings.prediction
    suggested = prediction.label if prediction.outcome == "class_suggested" else None
    named = {m.value for m in clause.mentions if m.kind == "class"}
    if len(named) > 2 or clause.has("aside"):
        return
    for i in clause.of("class"):
        before = [
            m
            for m in clause.mentions[:i]
            if m.kind not in ("neutral", "verb", "number", "side", "region", "lobe", "which")
            and m.text not in (",", "(", "-")
        ]
        kind = before[-1].kind if before else ""
        if kind == "lesion" or (
            clause.mentions[i].value != suggested
            and (
                kind == "model"
                or (
                    kind == "classes"
                    and not any(m.kind in ("which", "rank", "compare", "only", "neg") for m in clause.mentions)
                )
            )
        ):
            yield clause.mentions[i].text


def _volumes(clause: Clause) -> Iterator[str]:
    """The volume of a map is none of the lesion's: "ScoreCAM is 3.79 ml of the abnormality"."""
    if not clause.of("map"):
        return
    for i in clause.of("number"):
        unit = getattr(clause.mentions[i].number, "unit", "")
        behind = clause.mentions[i + 1 : i + 4]
        within = behind and behind[0].text.lower() in ("of", "in", "within")
        if unit in ("ml", "pixels", "voxels") and within and any(m.kind in ("lesion", "segmentation") for m in behind):
            yield clause.mentions[i].text
