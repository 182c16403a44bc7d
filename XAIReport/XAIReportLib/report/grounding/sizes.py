"""Volumes, voxels, lengths and the shape of the image."""

from __future__ import annotations

from ..schema import Lesion, Saliency
from .claims import Clause
from .facts import (
    ENTITIES,
    agrees,
    compare,
    each,
    entity,
    first_that_agrees,
    is_largest,
    is_named,
    joined,
    rounds_to,
    rows_of,
    share_of,
    unreadable,
)
from .shares import quantifiers


def volume(clause: Clause, i: int) -> None:
    place, masks = entity(clause, i)
    volume = clause.cue("volume")
    behind = [m.kind for m in clause.mentions[(volume or 0) + 1 :][:3] if m.kind != "neutral"]
    by = i > 0 and clause.mentions[i - 1].text.lower() == "by"  # "smaller by 0.47 ml": how far apart, not how large
    # "(the bright part is a ring) and has a volume of ..."; "3.43 ml, followed by 0.26 ml"
    of_a_part = clause.context.bright and not clause.of("lesion", "map")
    next_in_line = i > 0 and clause.mentions[i - 1].text.lower() == "followed by"
    ahead = clause.mentions[i + 1].text.lower() if i + 1 < len(clause.mentions) else ""
    away = bool(clause.of("landmark")) and ahead in (
        "from",
        "away",
        "away from",
    )  # "the motor cortex lies 4 ml from it"
    if (
        by
        or away
        or of_a_part
        or next_in_line
        or (place is None and (clause.of("class") or (volume is not None and behind[:1] == ["side"])))
    ):
        unreadable(clause, i)  # a class has no size, and the size of a hemisphere is not known
        return
    total = clause.cue("total")
    region = clause.attached(i, ("region",))
    named = [j for j in range(i) if clause.mentions[j].kind not in ("mark", "neutral")]
    bracketed = clause.mentions[named[-1]].kind if clause.mentions[i].depth and named else ""
    partly = bracketed in ENTITIES and any(
        m.kind == "quantifier" for m in clause.mentions[max(0, named[-1] - 4) : named[-1]]
    )
    if partly:
        unreadable(clause, i)  # "a small part of the lesion (3.9 ml)"
    elif bracketed in ENTITIES:  # "the smaller one (0.47 ml)"
        each(clause, "volume", i, [_volume_of(mask) for mask in clause.masks(named[-1]) or []], named[-1])
    if bracketed in ENTITIES:
        return
    before = [j for j in clause.of("region", "lobe", "outside", "side") if j < i]
    alone = place is None and bool(before) and clause.mentions[before[-1]].kind != "side"
    if alone or bracketed in ("region", "outside"):  # "left frontal pole: 1.85 ml"
        _overlap(clause, i, before[-1] if alone else named[-1], masks, place)
        return
    of_overlap = region is not None and bool(_overlap_with(clause, region))
    if region is not None and (
        of_overlap or (not clause.crosses(i, region) and _is_of_region(clause, i, region, place, masks))
    ):
        _overlap(clause, i, region, masks, place)
        return
    several = place is not None and clause.mentions[place].kind == "lesion" and masks is not None and len(masks) > 1
    if total is not None and clause.crosses(total, i) and place is not None and not several:
        total = None  # "of the total of 4.50 ml, 4.03 ml belong to the first"
    if total is not None or (several and not clause.mentions[i].number.bound):
        compare(
            clause,
            "total volume",
            i,
            clause.findings.lesion_total.volume_ml if _of_all(clause) else None,
            *clause.of("quantity", value="total"),
            volume,
            place,
        )
        return
    if place is None and clause.cue("volume") is None and masks is None:
        unreadable(clause, i)
        return
    if place is not None and _is_a_part(clause, i, place):
        known = _part_of(clause, masks or [])
        fits = known is not None and agrees(clause.mentions[i].number, known)
        clause.state("volume", fits or None, i, place, exact=True)
    else:
        each(clause, "volume", i, [_volume_of(mask) for mask in masks or []], place, volume)


def _is_a_part(clause: Clause, i: int, place: int) -> bool:
    """Whether "1.00 ml (22.4 %) of the lesion" is said to lie on a side or outside the named regions: no size of the whole."""
    between = clause.mentions[i + 1 : place]
    return (
        bool(clause.of("side", "outside"))
        and any(m.text.lower() == "of" and not m.depth for m in between)
        and all(m.depth or m.kind in ("neutral", "mark") for m in between)
    )


def _part_of(clause: Clause, masks: list[Lesion | Saliency]) -> float | None:
    """How much of the one mask lies on the side, or outside the named regions, that the clause tells."""
    whole = _volume_of(masks[0]) if len(masks) == 1 else None
    if whole is None:
        return None
    if clause.of("outside"):
        return sum(row.overlap_ml or 0 for row in masks[0].regions if row.lobe == "other")
    sides = {clause.mentions[j].value for j in clause.of("side")}
    percent = (
        {"left": masks[0].left_percent, "right": masks[0].right_percent}.get(sides.pop()) if len(sides) == 1 else None
    )
    return None if percent is None else whole * percent / 100


def _of_all(clause: Clause) -> bool:
    """Whether a total is that of all lesions as they are now: not of the two on the right of three ("..., which together measure
    3.79 ml"), nor of those before the edit that the clause before spoke of."""
    if clause.context.group is not None:
        return False
    now = any(clause.mentions[j].value == "after" for j in clause.of("edit"))
    return now or clause.context.last != "before the edit"


def _overlap(clause: Clause, i: int, holder: int, masks: list[Lesion | Saliency] | None, place: int | None) -> None:
    """How much of a mask lies in a region, with what is said of it beside: "the largest overlap", "a small component"."""
    for j in clause.of("quantity", value="overlap"):
        if any(j < other < holder and joined(clause, other, holder) for other in clause.of("region", "lobe")):
            unreadable(clause, i)  # "the overlap of A with B"; of two regions together it is not told
            return
    rows = rows_of(masks, clause, holder)
    along = _overlap_with(clause, holder)
    if along:
        low, high = min(along[0], holder), max(along[0], holder)
        along += [j for j in range(low + 1, high) if clause.mentions[j].value == "regions"]
    if masks is not None and len(masks) == 1 and rows:
        if not is_largest(masks[0], rows):
            along = [j for j in along if clause.mentions[j].value != "share"]
        words = quantifiers(clause, sum(map(share_of, rows)), clause.mentions[holder].kind == "region", masks[0], rows)
        along += [j for j in words if clause.mentions[j].value in ("small", "minor") and not along]
    facts = [r.overlap_ml for r in rows]
    if clause.mentions[holder].kind == "lobe":
        facts = [sum(facts)] if facts else []
    first_that_agrees(clause, "region volume", i, facts, holder, place, *along)


_BETWEEN = ("neutral", "verb", "lesion", "segmentation")


def _overlap_with(clause: Clause, region: int) -> list[int]:
    """Where "overlap" or "the largest overlap" stands with a region: "the overlap with the insula", "insula overlap"."""
    cues = [j for value in ("overlap", "share") for j in clause.of("quantity", value=value)]
    return [
        j
        for j in cues
        if all(m.kind in _BETWEEN or m.value == "regions" for m in clause.mentions[min(j, region) + 1 : max(j, region)])
        and "overlap" in clause.mentions[j].text.lower()
    ]


def _is_of_region(
    clause: Clause, i: int, region: int, place: int | None, masks: list[Lesion | Saliency] | None
) -> bool:
    """Whether a volume is that of the overlap with a region: "1.85 ml in the left frontal pole", "the angular gyrus 3.9 ml"."""
    bare = not any(m.kind == "verb" for m in clause.mentions[region + 1 : i])
    if (
        region < i
        and bare
        and (place is None or place < region)
        and clause.mentions[region].depth <= clause.mentions[i].depth
    ):
        return True
    if region < i and clause.of("verb") and region >= (place or 0):
        return False
    between = [m.text.lower() for m in clause.mentions[place + 1 : i]] if place is not None else []
    of_lesion = between in (["of"], ["measuring"], ["with"])  # "an abnormality of 0.41 ml in the sellar region"
    row = rows_of(masks, clause, region)
    return bool(row) and ((region > i and not of_lesion) or (place is not None and region < place))


def _volume_of(mask: Lesion | Saliency) -> float | None:
    return mask.volume_ml if isinstance(mask, Lesion) else mask.mask_volume_ml


def voxels(clause: Clause, i: int) -> None:
    place, masks = entity(clause, i)
    if clause.cue("total") is not None:
        compare(clause, "voxels", i, clause.findings.lesion_total.voxels, clause.cue("total"), place)
        return
    pixels = clause.mentions[i].number.unit == "pixels"
    if pixels == clause.findings.image.has_geometry:  # a picture has pixels, a volume voxels
        compare(clause, "voxels", i, None, place)
        return
    facts = [mask.voxels if isinstance(mask, Lesion) else mask.mask_voxels for mask in masks or []]
    each(clause, "voxels", i, facts, place, clause.cue("volume"), clause.cue("area"))


def length(clause: Clause, i: int) -> None:
    image = clause.findings.image
    number = clause.mentions[i].number
    centre, spacing = clause.cue("centre"), clause.cue("spacing")
    if spacing is None:
        spacing = next(iter(clause.of("unit", value="voxels")), None)
    if centre is not None:
        side = clause.attached(i, ("side",))
        _, masks = entity(clause, i)
        place = clause.attached(i, ENTITIES)
        point = masks[0].centroid_ras_mm if masks and len(masks) == 1 else None
        origin = clause.cue("origin")
        if side is None or point is None or origin is None or clause.mentions[side].value not in ("left", "right"):
            unreadable(clause, i)
            return
        sign = -1 if clause.mentions[side].value == "left" else 1
        compare(clause, "position", i, sign * point[0], side, centre, place, origin)
        return
    if spacing is not None and image.spacing_mm is not None:
        listed = [j for j in clause.of("number") if clause.mentions[j].number.unit == "mm"]
        edges = image.spacing_mm if len(listed) != 3 else (image.spacing_mm[listed.index(i)],)
        clause.state(
            "spacing", all(agrees(number, edge) for edge in edges), i, spacing, *clause.of("unit", value="voxels")
        )
        return
    region = clause.attached(i, ("region",))
    if region is not None:
        place, masks = entity(clause, i)
        near = [
            row.nearest_mm
            for mask in masks or clause.findings.lesions
            for row in mask.regions
            if row.nearest_mm is not None
            and row.nearest
            and is_named(row.nearest, clause.mentions[region].value, clause.mentions[region].side)
        ]
        outside = clause.of("outside")
        first_that_agrees(
            clause, "distance", i, near, region, place, *clause.of("quantity", value="distance"), *outside
        )
        return
    unreadable(clause, i)


def product(clause: Clause, i: int) -> None:
    """ "60 x 70 x 30 voxels", "0.94 x 0.94 x 3 mm"."""
    number, image = clause.mentions[i].number, clause.findings.image
    slab = image.is_slice_with_geometry and len(number.parts) == 2  # of its pixels, not of its voxels
    sizes = image.shape if image.has_geometry and not slab else image.shape[:2]
    if number.unit in ("voxels", "pixels"):
        right = number.unit == ("voxels" if image.has_geometry and not slab else "pixels")
        holds = right and list(number.parts) == [float(n) for n in sizes]
        clause.state("shape", holds, i, *clause.of("quantity", value="volume"))
    elif number.unit == "mm" and image.spacing_mm is not None:
        holds = len(number.parts) == (2 if slab else 3) and all(
            map(rounds_to, number.parts, number.steps, image.spacing_mm)
        )
        places = [p for p in (clause.cue("spacing"), *clause.of("unit", value="voxels")) if p is not None]
        clause.state("spacing", holds, i, *places)
    elif number.unit == "" and (shape := clause.cue("shape")) is not None:
        clause.state("shape", list(number.parts) == [float(n) for n in sizes], i, shape)
    else:
        unreadable(clause, i)
