"""Statements about the analysis itself: registration, geometry, outcome, what was not checked, what a map shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from ..measures import septum_hidden
from ..schema import Findings
from . import along, existence, maps
from .claims import Claim, Clause
from .facts import cue_at, written


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
    they = (
        not clause.of("lesion", "map") and clause.context.subject == "map"
    )  # "(two heat maps), but they point to ..."
    if holds is _on_both_sides and (clause.of("map") or they):
        several = clause.context.map is None if they else clause.mentions[clause.of("map")[0]].value in ("many", "both")
        many = several and not clause.of("lesion")
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


def _uptake(f: Findings) -> bool | None:
    """Whether it is known that what is bright took up contrast agent: never, as one series alone is read."""
    return False if any(lesion.appearance is not None for lesion in f.lesions) else None


def _septum_hidden(f: Findings) -> bool | None:
    """Whether an abnormality is said to be why no midline shift was computed."""
    shift = f.anatomy.midline_shift
    return None if shift is None else septum_hidden(shift.method) or None


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
    Statement(("regions", "known"), _regions_named),
    Statement(("regions", "unknown"), lambda f: not _regions_named(f)),
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
    Statement(("enhancement judged",), lambda f: None if f.image.contrast_agent else _analysed(f)),
    Statement(("postop", "recognise"), _never),
    Statement(("planes fully",), lambda f: f.prediction.uncertainty.get("plane_agreement", 0) > 0.999),
    Statement(("research",), _always),
    Statement(("uncalibrated",), lambda f: f.model.calibration in ("", "none")),
    Statement(("diagnosis", "intended"), _never),
    Statement(("abstain",), lambda f: f.prediction.outcome == "abstained"),
    Statement(("uptake", "known"), _uptake),
    Statement(("uptake", "unknown"), lambda f: not _uptake(f) if _uptake(f) is False else None),
    Statement(("plain series", "given"), _uptake),
    Statement(("plain series", "computed"), _uptake),
    Statement(("septum hidden",), _septum_hidden),
    Statement(("made", "mr"), lambda f: "not MR" in f.prediction.reason or None, ("image", "head")),
    Statement(("made",), lambda f: None if _intended(f) else False),
    Statement(("analyse", "demand"), lambda f: f.image.forced, ("image",)),
    Statement(("analyse",), _analysed, ("image",)),
    Statement(("demand",), lambda f: f.image.forced, ("image",)),
    Statement(("run", "atlas"), lambda f: f.anatomy.registration.verdict in ("good", "limited"), ("image",)),
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
        if (statement.words[0] == "calibrated" and _on_something_else(clause)) or (
            statement.words == ("approximate",) and clause.of("quantity", "score") and not clause.of("region", "lobe")
        ):
            holds = None
        if statement.words in (("mr",), ("ct",)) and clause.findings.image.shape[2] == 1:
            holds = holds and "volume" not in clause.mentions[places[0]].text.lower()
        if statement.words == ("disagree",) and (holds is False or not clause.of("map") or clause.of("segmentation")):
            holds = None  # they may do so in other ways
        able = clause.of("modal") or any(clause.mentions[j].text.lower() == "cannot" for j in clause.of("neg"))
        if statement.words == ("demand",) and able:
            holds = True if "an analysis can be forced" in clause.findings.prediction.reason else None
        clause.state("statement", holds, *places, *modals, process=statement.process)
    _rest(clause)


ON_NO_DATA_SET = re.compile(
    r"\bcalibrat\w+ (?:[\w-]+ )*?(?:on|with|by|to|against|using|for|in|from) (?:(?:the|this|an?|its|all|these|harvard-oxford) )*"
    r"(?:atlas|template|mni\w*|images?|volume|scans?|series|case|patient\w*|heads?|lesions?|abnormalit\w+|segmentations?|maps?|"
    r"masks?|left|right|midline|regions?|registration|analysis)\b",
    re.IGNORECASE,
)


def _on_something_else(clause: Clause) -> bool:
    """Whether scores are said to be calibrated on what is no data set: "calibrated on MNI152"."""
    return ON_NO_DATA_SET.search(" ".join(m.text for m in clause.mentions)) is not None


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
    existence.sizes_compared(clause)
    _names(clause)
    along.read(clause)
    _diagnosis(clause)
    maps.shows(clause)
    existence.read(clause)


def _excluded(clause: Clause) -> None:
    """ "this does not exclude one": that a lesion is excluded is never so, whatever else of the sentence is denied."""
    cue = cue_at(clause, "exclude")
    if cue is None:
        return
    denied = [j for j in clause.of("neg") if cue - 4 <= j < cue]
    clause.read(cue, *denied, *(m for m in clause.of("modal", unread=True) if 0 < cue - m <= 6))
    holds = len(denied) == 1 and not clause.negated
    clause.claims.append(Claim("statement", clause.mentions[cue].text, holds, process=True))


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
