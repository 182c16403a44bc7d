"""Statements about the analysis itself: registration, geometry, outcome, what was not checked, what a map shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from ..schema import Findings
from . import maps
from .claims import Claim, Clause, which_lesions
from .compared import larger
from .facts import cue_at, written

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


@dataclass(frozen=True)
class Statement:
    """``words``: cues that must all be there; ``also``: cues read along; ``holds``: whether it is so, None if nobody knows."""

    words: tuple[str, ...]
    holds: Callable[[Findings], bool | None]
    also: tuple[str, ...] = ()
    process: bool = True


def _verdict(*verdicts: str) -> Callable[[Findings], bool]:
    return lambda f: f.anatomy.registration.verdict in verdicts


def _side_known(f: Findings) -> bool:
    return any(lesion.side is not None for lesion in f.lesions)


def _side_unknown(f: Findings) -> bool:
    return not _side_known(f)


def _on_both_sides(f: Findings) -> bool:
    return {lesion.side for lesion in f.lesions} == {"left", "right"}


def _of_masks(clause: Clause, holds: Callable[[Findings], bool | None]) -> bool | None:
    """Whether a side is known, or sides differ: of the masks that the clause speaks of, where it speaks of some."""
    if holds is _on_both_sides and clause.of("map"):
        many = not clause.of("lesion") and clause.mentions[clause.of("map")[0]].value in ("many", "both")
        return {s.side for s in clause.findings.saliency} == {"left", "right"} if many else None
    masks = clause.masks(next(iter(clause.of("lesion", "map")), None))
    if holds in (_side_known, _side_unknown) and masks:
        known = {mask.side is not None for mask in masks}
        return (known == {True}) is (holds is _side_known) if len(known) == 1 else None
    return holds(clause.findings)


def _measurable(f: Findings) -> bool | None:
    """Whether both volumes and sides are known; None where only one of them is."""
    return f.image.has_geometry if f.image.has_geometry == _side_known(f) else None


def _analysed(f: Findings) -> bool:
    return f.prediction.outcome != "not_applicable"


def _never(_: Findings) -> bool:
    return False


def _always(_: Findings) -> bool:
    return True


def _intended(f: Findings) -> bool:
    return _analysed(f) and not f.image.forced


def _relied_on(f: Findings) -> bool | None:
    failed = f.saliency_check is not None and not f.saliency_check.relied_on
    return False if f.image.forced or failed else None


def _regions_named(f: Findings) -> bool:
    return f.anatomy.registration.verdict in ("good", "limited") and bool(f.lesions)


# In order: the first that fits takes its words.
STATEMENTS = (
    Statement(("registration", "good"), _verdict("good"), ("template", "atlas", "image")),
    Statement(("registration", "limited"), _verdict("limited"), ("template", "atlas", "image")),
    Statement(("registration", "failed"), _verdict("failed"), ("template", "atlas", "image")),
    Statement(("registration", "possible"), lambda f: f.anatomy.registration.verdict != "not_possible", ("template", "atlas")),
    Statement(("registration", "template"), _verdict("good", "limited"), ("image", "atlas")),
    Statement(("limited",), _verdict("limited")),
    Statement(("approximate", "regions"), _verdict("limited")),
    Statement(("approximate",), _verdict("limited")),
    Statement(("regions", "named"), _regions_named, ("atlas",)),
    Statement(("different sides",), _on_both_sides, process=False),
    Statement(("disagree",), _on_both_sides, process=False),
    Statement(("regions", "given"), _regions_named),
    Statement(("other lesions", "names"), _always),
    Statement(("commercial", "permitted"), lambda f: False if f.model.non_commercial else None),
    Statement(("sides", "of the picture"), lambda f: not f.image.has_geometry),
    Statement(("sides", "unknown"), _side_unknown, ("of the patient", "lengths")),
    Statement(("sides", "known"), _side_known, ("of the patient",)),
    Statement(("volume", "known"), lambda f: f.image.has_geometry),
    Statement(("registered",), _verdict("good", "limited"), ("template", "atlas", "image")),
    Statement(("volume", "given", "sides"), _measurable, ("of the patient",)),
    Statement(("sides", "given"), _side_known, ("of the patient",)),
    Statement(("sides", "determined"), _side_known, ("of the patient",)),
    Statement(("sides", "of the patient"), lambda f: f.image.has_geometry),
    Statement(("midline found",), _side_known),
    Statement(("volume", "unknown"), lambda f: not f.image.has_geometry, ("lengths", "sides")),
    Statement(("volume", "given"), lambda f: f.image.has_geometry),
    Statement(("volume", "given", "no geometry"), lambda f: f.image.has_geometry),
    Statement(("picture input",), lambda f: f.image.kind == "picture"),
    Statement(("no geometry",), lambda f: not f.image.has_geometry, ("image", "slice")),
    Statement(("geometry",), lambda f: f.image.has_geometry, ("image", "slice")),
    Statement(("function", "assess"), _never),
    Statement(("sequence", "check"), _never),
    Statement(("postop", "recognise"), _never),
    Statement(("planes fully",), lambda f: f.prediction.uncertainty.get("plane_agreement", 0) > 0.999),
    Statement(("research",), _always),
    Statement(("uncalibrated",), lambda f: f.model.calibration in ("", "none")),
    Statement(("diagnosis", "intended"), _never),
    Statement(("abstain",), lambda f: f.prediction.outcome == "abstained"),
    Statement(("made",), lambda f: None if _intended(f) else False),
    Statement(("analyse", "demand"), lambda f: f.image.forced, ("image",)),
    Statement(("analyse",), _analysed, ("image",)),
    Statement(("demand",), lambda f: f.image.forced, ("image",)),
    Statement(("run",), _analysed),
    Statement(("look", "head"), _intended, ("image",)),
    Statement(("rely",), _relied_on, ("below",)),
    Statement(("noncommercial",), lambda f: f.model.non_commercial, ("intended",)),
    Statement(("commercial",), lambda f: None if not f.model.non_commercial else False, ("intended",)),
    Statement(("calibrated", "data set"), lambda f: f.model.calibration not in ("", "none")),
    Statement(("calibrated",), lambda f: f.model.calibration not in ("", "none")),
    Statement(("average",), _always, ("regions", "where", "atlas")),
    Statement(("compare",), lambda f: bool(f.lesions)),
    Statement(("volume", "determined"), lambda f: f.image.has_geometry),
    Statement(("slice",), lambda f: f.image.shape[2] == 1, ("image",)),
    Statement(("mr",), lambda f: f.image.modality == "MR", ("image", "volume")),
    Statement(("modality",), _always, ("image", "volume")),
    Statement(("3d",), lambda f: f.image.shape[2] > 1, ("image", "volume")),
    Statement(("ct",), lambda f: f.image.modality == "CT", ("image", "volume")),
)  # fmt: skip


def read(clause: Clause) -> None:
    """All statements of a clause."""
    maps.beside(clause)
    maps.maps(clause)
    maps.overlaps(clause)
    _excluded(clause)
    spoken = {m.value for m in clause.mentions if m.kind in ("cue", "quantity")} | written(clause)
    for statement in STATEMENTS:
        if not spoken.issuperset(statement.words):
            continue
        places = [cue_at(clause, word) for word in statement.words]
        if any(place is None for place in places) or (statement.words == ("midline found",) and clause.of("shift")):
            continue
        for word in statement.also:
            clause.read(cue_at(clause, word))
        modals = [m for m in clause.of("modal", unread=True) if 0 < max(places) - m <= 6]
        if statement.words in (("analyse", "demand"), ("approximate", "regions"), ("approximate",)):
            clause.read(*clause.of("only"))
        if statement.words == ("noncommercial",):
            clause.read(*clause.of("only"), *(q for q in clause.of("quantifier") if clause.mentions[q].value == "all"))
        holds = _of_masks(clause, statement.holds)
        if statement.words == ("disagree",) and holds is False:
            holds = None  # they may do so in other ways
        if statement.words == ("demand",) and clause.of("modal"):
            holds = None  # that an analysis can be forced, or not, is no finding
        clause.state("statement", holds, *places, *modals, process=statement.process)
    _rest(clause)


def _rest(clause: Clause) -> None:
    for i in clause.of("level", unread=True):
        if clause.of("score", "model"):
            clause.state("level", clause.mentions[i].value == clause.findings.model.score_level, i, process=True)
    if clause.of("classes") and not clause.of("class", "number", "suggest") and not clause.claims:
        for i in clause.of("score")[:1]:  # "no class was scored"
            clause.state("scores", bool(clause.findings.prediction.scores), i, process=True)
    maps.apart(clause)
    maps.differ(clause)
    maps.graded(clause)
    maps.planes_agree(clause)
    _sizes_compared(clause)
    _names(clause)
    _read_along(clause)
    _diagnosis(clause)
    maps.shows(clause)
    _existence(clause)


def _excluded(clause: Clause) -> None:
    """ "this does not exclude one": that a lesion is excluded is never so, whatever else of the sentence is denied."""
    cue = cue_at(clause, "exclude")
    if cue is None:
        return
    denied = [j for j in clause.of("neg") if cue - 4 <= j < cue]
    clause.read(cue, *denied, *(m for m in clause.of("modal", unread=True) if 0 < cue - m <= 6))
    holds = len(denied) == 1 and not clause.negated
    clause.claims.append(Claim("statement", clause.mentions[cue].text, holds, process=True))


def _read_along(clause: Clause) -> None:
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


def _several(clause: Clause) -> bool:
    """Whether a clause speaks of several things of one kind, so that "both" and "all" add nothing."""
    many = any(m.kind in ("lesion", "map") and m.value in ("many", "both") for m in clause.mentions)
    return many or any(
        len({clause.mentions[i].value for i in clause.of(kind)}) > 1 for kind in ("class", "map", "lesion")
    )


def _sizes_compared(clause: Clause) -> None:
    """ "the second lesion is smaller": of two, or of all."""
    for i in clause.of("which", unread=True):
        before = [j for j in clause.of("lesion") if j < i]
        if clause.mentions[i].value in ("larger", "smaller", "largest", "smallest") and before:
            meant = which_lesions(clause.findings, clause.mentions[i].value, clause.context)
            said = clause.lesions_at(before[-1])
            known = bool(said) and bool(meant)
            holds = said == meant if known else None
            much = [j for j in clause.of("much") if j in (i - 1, i - 2)]
            if holds and much:
                sizes = sorted((lesion.voxels for lesion in clause.findings.lesions), reverse=True)
                two = len(sizes) == 2 or (len(sizes) > 2 and clause.mentions[i].value == "largest")
                holds = two and larger(sizes[:2], 1, True)
            clause.state("comparison", holds, i, before[-1], *much)


def _diagnosis(clause: Clause) -> None:
    """ "not for diagnosis" alone; a diagnosis of anything is no finding."""
    place = cue_at(clause, "diagnosis")
    if place is None:
        return
    spoken = [m.text.lower() for m in clause.mentions[:place] if m.kind != "mark"]
    if any(pair in (("no", "for"), ("nor", "for")) for pair in pairwise(spoken)):
        return  # "no, for diagnosis" says the opposite of "not for diagnosis"
    purpose = any(m.text.lower() == "for" for m in clause.mentions[:place]) or clause.mentions[
        place
    ].text.lower().endswith("use")
    holds = False if purpose and not clause.of("class", "lesion") else None
    if clause.of("neg"):
        clause.read(*(m for m in clause.of("modal", unread=True) if 0 < place - m <= 6))
        if not purpose and not clause.of("class", "lesion", "suggest"):
            holds = False  # "this is not a diagnosis"
    clause.state(
        "statement", holds, place, *([i] if (i := cue_at(clause, "intended")) is not None else []), process=True
    )


def _names(clause: Clause) -> None:
    """Names that stand in the findings: of the model, the atlas, the data set."""
    for i in clause.of("name", unread=True):
        value = clause.mentions[i].value
        if value == "data set word":
            if any(c.kind in ("statement", "name") for c in clause.claims) or clause.has("calibrated", "data set"):
                clause.read(i)
            continue
        fits = {
            "model": True,
            "atlas": True,
            "data set": clause.has("calibrated", "data set"),
            "layer": clause.has("layer"),
            "calibration": clause.has("calibrated"),
        }[value]
        if fits:
            clause.state("name", True, i, process=True)
    for word in ("data set", "atlas", "template"):
        if any(c.kind in ("name", "statement", "region", "check", "region share") for c in clause.claims):
            clause.read(cue_at(clause, word))


def _existence(clause: Clause) -> None:
    """ "no lesion was found", "one lesion was outlined": only as something found, never as something that is there or not."""
    lesions = clause.of("lesion", unread=True)
    if not lesions or clause.of("map") or any(not c.process and c.kind != "count" for c in clause.claims):
        return
    found = clause.findings
    if len(lesions) == 2 and any(
        m.text.lower() in ("is", "are", "was", "were") for m in clause.mentions[lesions[0] : lesions[1]]
    ):
        same = [clause.lesions_at(i) for i in lesions]  # "the left lesion is the smaller one"
        clause.state("identity", None if None in same or () in same else same[0] == same[1], *lesions)
        return
    if not _intended(found) and found.prediction.outcome == "not_applicable":
        return
    said = any(word in _FOUND for m in clause.mentions for word in m.text.lower().split()) or clause.of("model")
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
