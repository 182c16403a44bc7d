"""Words that only say again what a claim of the clause has said: they are read where they fit it."""

from __future__ import annotations

from .claims import Clause
from .compared import larger


def read(clause: Clause) -> None:
    """Words that only say again what a claim of the clause has said."""
    kinds = {claim.kind for claim in clause.claims}
    for i, m in enumerate(clause.mentions):
        again = (
            (m.text.lower() == "below" and clause.has("rely"))
            or (
                m.kind == "quantity"
                and m.value == "volume"
                and clause.has("unknown")
                and not clause.findings.image.has_geometry
            )
            or (m.kind == "only" and clause.has("research") and "statement" in kinds)
            or (m.kind == "quantity" and m.value == "total" and kinds & _SHARES)
            or (
                m.kind == "cue"
                and m.value == "registration"
                and any(clause.mentions[j].read for j in clause.of("cue", value="registration"))
            )
            or (m.kind == "lesion" and clause.has("compare"))
            or (m.kind == "lesion" and m.value in ("many", "both") and clause.has("different sides"))
            or (m.kind == "quantity" and m.text.lower() in ("in total", "in all") and "count" in kinds)
            or (m.kind == "lesion" and clause.has("sides") and "statement" in kinds)
            or (m.kind == "cue" and m.value == "of the patient" and clause.has("sides"))
            or (m.kind == "cue" and m.value == "regions" and kinds & {"region", "region share", "lobe share"})
            or (m.kind == "cue" and m.value == "image" and kinds & {"shape", "spacing", "statement"})
            or (
                m.kind == "map"
                and clause.maps_at(i) in [clause.maps_at(j) for j in clause.of("map") if clause.mentions[j].read]
            )
            or (m.kind == "approx" and m.value == "about" and kinds & {"region", "region share", "outside share"})
            or (m.kind == "unit" and clause.has("unknown", "given") and clause.has("volume"))
            or (m.kind == "cue" and m.value == "sides" and "side" in kinds)
            or (m.kind == "quantity" and m.value == "volume" and kinds & _SHARES and _whole_of(clause, i))
            or (
                m.kind == "which"
                and m.value in ("all", "both")
                and clause.mentions[i + 1 : i + 2]
                and clause.mentions[i + 1].value == "regions"
            )
            or (m.kind == "cue" and m.value == "intended" and clause.has("research"))
            or (m.kind == "which" and m.text.lower() in ("both", "all") and _several(clause))
            or (m.text.lower() == "each" and len(clause.of("class")) > 1 and not clause.of("lesion", "map"))
            or (m.kind == "cue" and m.value == "taken" and "name" in kinds)
            or (m.kind == "cue" and m.value == "by user" and clause.has("demand"))
            or (m.kind == "cue" and m.value == "modality word" and (clause.has("mr", "ct")) and "statement" in kinds)
            or (m.kind == "cue" and m.value == "computed" and kinds & _FIGURES)
            or (m.kind == "only" and _counted_after(clause, i))
            or (m.kind == "grade" and m.text.lower() in ("high", "low") and _entropy_is(clause, m.text.lower()))
            or (m.kind == "cue" and m.value == "regions" and "name" in kinds)
            or (m.kind == "cross" and m.text and "side share" in kinds)
            or (
                m.kind == "slight"
                and clause.of("cross")
                and "side share" in kinds
                and m.text.lower() in ("slightly", "marginally")
            )
            or (m.kind == "lesion" and kinds & _ABOUT_MASKS and _told(clause, i))
            or (m.kind == "order" and _descending(clause))
            or (m.kind == "much" and _by_far(clause, i))
            or (m.kind == "rank" and m.text.lower() == "followed by" and _descending(clause))
            or (m.kind == "cue" and m.value == "kind" and m.text.lower() == clause.findings.image.kind)
        )
        if again and not m.read:
            if m.kind == "cue" and m.value == "of the patient":
                clause.state("statement", clause.findings.image.has_geometry, i, process=True)
            m.read = True
    used = [clause.lesions_at(i) for i in clause.of("lesion") if clause.mentions[i].read]
    for i in clause.of("lesion", unread=True):
        if used and clause.lesions_at(i) in used:
            clause.read(i)


_FIGURES = {"entropy", "score", "dice", "volume", "planes", "check", "diameter", "distance"}


def _counted_after(clause: Clause, i: int) -> bool:
    """ "only one of the three planes": the number behind it was read."""
    ahead = [m for m in clause.mentions[i + 1 : i + 4] if m.kind != "neutral"]
    return bool(ahead) and ahead[0].kind == "number" and ahead[0].read


def _entropy_is(clause: Clause, word: str) -> bool:
    """ "a high entropy of 0.88": above or below the middle of its scale, where the same clause gives it."""
    values = [m.number.value for m in clause.mentions if m.kind == "number" and m.read and m.number.unit == ""]
    entropy = [claim for claim in clause.claims if claim.kind == "entropy"]
    return len(entropy) == 1 and bool(values) and (values[0] > 0.5) is (word == "high")


_SHARES = {"region share", "side share", "outside share", "lobe share"}


def _whole_of(clause: Clause, i: int) -> bool:
    """ "88.5 % of its volume": of the whole, not a volume of its own."""
    before = [m.text.lower() for m in clause.mentions[max(0, i - 3) : i]]
    return (
        "of its" in " ".join(before)
        or before[-1:] == ["lesion's"]
        or "of" in before[-2:-1]
        or "of the" in " ".join(before)
    )


_ABOUT_MASKS = {
    "volume",
    "side",
    "region",
    "region share",
    "side share",
    "distance",
    "overlap",
    "dice",
    "outside share",
}


def _told(clause: Clause, i: int) -> bool:
    """Whether what was said of lesions was said of this one, too."""
    read = [clause.lesions_at(j) for j in clause.of("lesion") if clause.mentions[j].read]
    which = clause.lesions_at(i)
    return len(clause.findings.lesions) < 2 or not read or not which or any(set(which) <= set(r or ()) for r in read)


def _descending(clause: Clause) -> bool:
    """Whether the figures of a list fall from one to the next, as "followed by" says."""
    read = [
        m.number for m in clause.mentions if m.kind == "number" and m.read and not m.number.parts and m.value != "count"
    ]
    figures = [number.value for number in read]
    return len({number.unit for number in read}) == 1 and len(figures) > 1 and figures == sorted(figures, reverse=True)


def _by_far(clause: Clause, i: int) -> bool:
    """ "by far the smaller of the two": much smaller than the next in size."""
    ahead = next((m for m in clause.mentions[i + 1 :] if m.kind != "neutral"), None)
    sizes = sorted((lesion.voxels for lesion in clause.findings.lesions), reverse=True)
    if ahead is None or ahead.kind not in ("which", "lesion") or len(sizes) < 2 or clause.of("map", "class"):
        return False
    word = ahead.value.split()[0]
    pair = {"larger": sizes[:2], "largest": sizes[:2], "smaller": sizes[-2:], "smallest": sizes[-2:]}.get(word)
    return pair is not None and ahead.read and larger(pair, 1, True)


def _several(clause: Clause) -> bool:
    """Whether a clause speaks of several things of one kind, so that "both" and "all" add nothing."""
    many = any(m.kind in ("lesion", "map") and m.value in ("many", "both") for m in clause.mentions)
    return many or any(
        len({clause.mentions[i].value for i in clause.of(kind)}) > 1 for kind in ("class", "map", "lesion")
    )
