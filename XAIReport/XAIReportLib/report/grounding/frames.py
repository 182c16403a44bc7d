"""Statements about the analysis itself, read by what they are made of: "no side can be given", "neither the side nor a region is
known" and "the laterality remained undetermined" are the concepts SIDE and AVAIL, denied.

Each word of a statement is a concept of concepts.en.txt; a frame (frames.en.txt) says which concepts make up a statement,
which may stand along, and whether it is so. Where a word is no concept of the frame, or a concept is lacking, the frame does not
fit. Where the order of the concepts matters, the frame gives it. A denial turns a statement about; two denials are not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from ..measures import septum_hidden
from ..schema import Findings
from ..wording import class_name
from .statements import ON_NO_DATA_SET
from .vocabulary import plain, spelled

Holds = Callable[[Findings], bool | None]
_FILE, _FRAMES = (Path(__file__).with_name(f"{name}.en.txt") for name in ("concepts", "frames"))
_DENIALS = ("NEG", "UNAVAIL", "IGNORE", "FAILC")  # what turns a statement about
_CANNOT = re.compile(r"\b(?:cannot|can't|couldn't)\b")
_ON_SIDES = re.compile(
    r"\bon (?:both|either|each|the (?:left|right|same|other)) (?:sides?|hemispheres?|hal(?:f|ves))\b", re.IGNORECASE
)
_FIGURE = re.compile(r"(?<!mni)(?<!\w)\d|[:;()\"]|\bno,", re.IGNORECASE)
_KNOWABLE = "(?:SIDE|REGION|VOLUME|LENGTH|MAPS|SCORES|SUGGESTION)"
_EACH_DENIED = re.compile(rf"NEG {_KNOWABLE}(?: (?:NEG|NOR) {_KNOWABLE})+")  # "no A, no B and no C"
_WORD = re.compile(r"[\w'-]+(?:\+\+)?|[^\w\s]")


@dataclass
class Frame:
    """``needs``: one of each must be there; ``along``: may be there; ``order``: a pattern that the concepts match in a row;
    ``denied``: what the denied statement is, where that is not the opposite; ``able``: whether "can" may stand along."""

    kind: str
    needs: tuple[str, ...]
    holds: Holds
    along: str = ""
    order: str = ""
    denied: Holds | None = None
    able: bool = True

    @cached_property
    def phrases(self) -> dict[str, list[tuple[tuple[str, ...], str]]]:
        """The phrases of its concepts, and of those that may stand everywhere, by their first word."""
        names = {name for need in self.needs for name in need.split("|")} | set(self.along.split())
        names |= {"FREE", "NEG", "NOR"} | ({"CAN"} if self.able else set())
        rows = ((first, [row for row in every if row[1] in names]) for first, every in _phrases().items())
        return {first: own for first, own in rows if own}


@cache
def _phrases() -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """Every phrase by its first word, the longest first."""
    table: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, patterns = line.partition(" = ")
            for phrase in (words for pattern in patterns.split("|") for words in spelled(pattern.strip())):
                words = tuple(_WORD.findall(phrase.lower()))
                table.setdefault(words[0], []).append((words, name))
    return {first: sorted(rows, key=lambda row: (-len(row[0]), row[1] == "FREE")) for first, rows in table.items()}


def _concepts(words: tuple[str, ...], phrases: dict[str, list[tuple[tuple[str, ...], str]]]) -> list[str] | None:
    """The concepts of these words in a row; None where a word is none of them."""
    found, index = [], 0
    while index < len(words):
        if words[index] == ",":
            index += 1
            continue
        rows = phrases.get(words[index], ())
        fit = next((row for row in rows if words[index : index + len(row[0])] == row[0]), None)
        if fit is None:
            return None
        if fit[1] not in ("FREE", "CAN"):
            found.append(fit[1])
        index += len(fit[0])
    return found


def read(statement: str, findings: Findings) -> tuple[str, bool | None] | None:
    """What kind of statement it is and whether the findings hold it; None where no frame fits. Frames that fit and say
    different things of it leave it unread."""
    if _FIGURE.search(statement) or ON_NO_DATA_SET.search(statement) or _ON_SIDES.search(statement):
        return None  # figures and sides are read claim by claim
    said = _all_classes(_CANNOT.sub("could not", plain(statement).lower().rstrip(" .")), findings.model.classes)
    words = tuple(_WORD.findall(said))
    results = {(frame.kind, _holds(frame, row, findings)) for frame, row in _fitting(words)}
    if not results:
        return None
    verdicts = {holds for _, holds in results}
    kind = min(kind for kind, _ in results)
    return kind, verdicts.pop() if len(verdicts) == 1 else None


def _all_classes(statement: str, classes: tuple[str, ...]) -> str:
    """The statement with the list of all classes, in any order, as one word."""
    name = rf"(?:{'|'.join(re.escape(class_name(label)) for label in classes)})s?"
    joint = r"(?:, and |, or |, | and | or )"
    for listed in re.finditer(rf"{name}(?:{joint}{name})*", statement):
        if (
            len(classes)
            == len({label for label in classes if class_name(label) in listed[0]})
            == listed[0].count(",")
            + len(re.findall(r" (?:and|or) ", listed[0]))
            - len(re.findall(r", (?:and|or) ", listed[0]))
            + 1
        ):
            return statement.replace(listed[0], "allclasses")
    return statement


def _fitting(words: tuple[str, ...]) -> Iterator[tuple[Frame, list[str]]]:
    for frame in FRAMES:
        row = _concepts(words, frame.phrases)
        if row is None or not all(set(need.split("|")) & set(row) for need in frame.needs):
            continue
        bare = " ".join(row)
        once = [name for name in row if name != "NEG"]
        if not re.fullmatch(frame.order, bare) if frame.order else _are_two(once):
            continue  # out of order, or two statements
        if "NEG LESION" in bare and not any("LESION" in need.split("|") for need in frame.needs):
            continue  # "no lesion lies in a named region" does not say that the regions are unknown
        yield frame, row


def _are_two(row: list[str]) -> bool:
    """Whether a row without an order says a thing twice, or of one thing that it is known and of another that it is not."""
    return len(row) > len(set(row)) or {"AVAIL", "UNAVAIL"} <= set(row)


def _holds(frame: Frame, row: list[str], findings: Findings) -> bool | None:
    denials = 1 if _EACH_DENIED.fullmatch(" ".join(row)) else sum(name in _DENIALS for name in row)
    if "NOR" in row and "NEG" not in row:
        return None
    if denials > 1 or ("ALL" in row and denials and row[:2] != ["NEG", "ALL"]):
        return None
    every = [_KNOWN[name](findings) for name in dict.fromkeys(row) if name in _KNOWN] if frame.kind == "known" else []
    if every:  # "neither A nor B is known": both are not
        holds = None if None in every or len(set(every)) > 1 else every[0]
    elif denials and frame.denied is not None:
        return frame.denied(findings)
    else:
        holds = frame.holds(findings)
    return holds if holds is None or not denials else not holds


# --- what the findings say ----------------------------------------------------------------------------------------------


def _yes(_: Findings) -> bool:
    return True


def _no(_: Findings) -> bool:
    return False


def _side(f: Findings) -> bool | None:
    known = {lesion.side is not None for lesion in f.lesions}
    return known.pop() if len(known) == 1 else None


def _region(f: Findings) -> bool | None:
    if f.anatomy.registration.verdict in ("failed", "not_possible"):
        return False
    return True if f.lesions else None


def _size(f: Findings) -> bool | None:
    return False if not f.image.has_geometry else True if f.lesions else None


def _shift(f: Findings) -> bool | None:
    shift = f.anatomy.midline_shift
    return None if shift is None else shift.distance_mm is not None


def _maps(f: Findings) -> bool:
    return bool(f.saliency)


def _scores(f: Findings) -> bool:
    return bool(f.prediction.scores)


def _suggestion(f: Findings) -> bool:
    return f.prediction.label is not None


_KNOWN: dict[str, Holds] = {
    "SIDE": _side,
    "REGION": _region,
    "VOLUME": _size,
    "LENGTH": _size,
    "SHIFT": _shift,
    "MAPS": _maps,
    "SCORES": _scores,
    "SUGGESTION": _suggestion,
}


def _ran(f: Findings) -> bool:
    return f.prediction.outcome != "not_applicable"


def _found(f: Findings) -> bool | None:
    return bool(f.lesions) if _ran(f) else None


def _none_found(f: Findings) -> bool | None:
    return f.prediction.outcome == "no_lesion_found" if _ran(f) else None


def _verdict(*verdicts: str) -> Holds:
    return lambda f: f.anatomy.registration.verdict in verdicts


def _relied(f: Findings) -> bool | None:
    if f.image.forced:
        return False
    return None if f.saliency_check is None else f.saliency_check.relied_on


def _passed(f: Findings) -> bool | None:
    return None if f.saliency_check is None else f.saliency_check.relied_on


def _results_relied(f: Findings) -> bool | None:
    return False if f.image.forced else None


def _planes(f: Findings) -> bool | None:
    agreement = f.prediction.uncertainty.get("plane_agreement")
    return None if agreement is None else agreement > 0.999


def _map_sides(f: Findings) -> bool | None:
    sides = {mask.side for mask in f.saliency}
    return sides == {"left", "right"} if len(f.saliency) == 2 and sides <= {"left", "right"} else None


def _maps_overlap(f: Findings) -> bool | None:
    values = {bool(mask.dice_with_lesion) for mask in f.saliency if mask.dice_with_lesion is not None}
    return values.pop() if len(values) == 1 and len(f.saliency) > 1 else None


def _made_for(f: Findings) -> bool | None:
    return False if f.image.forced or not _ran(f) else None


def _plain_series(f: Findings) -> bool | None:
    return False if any(lesion.appearance is not None for lesion in f.lesions) else None


def _septum(f: Findings) -> bool | None:
    shift = f.anatomy.midline_shift
    return None if shift is None else septum_hidden(shift.method) or None


def _entropy_below(limit: float) -> Holds:
    return lambda f: None if "entropy" not in f.prediction.uncertainty else f.prediction.uncertainty["entropy"] < limit


def _entropy_above(limit: float) -> Holds:
    return lambda f: None if "entropy" not in f.prediction.uncertainty else f.prediction.uncertainty["entropy"] > limit


def _modality(name: str) -> Holds:
    return lambda f: f.image.modality == name


def _by_grey_values(f: Findings) -> bool | None:
    """Whether contrast enhancement was judged by nothing else: where a contrast agent is named, it is taken for given."""
    return None if f.image.contrast_agent else _ran(f)


FACTS: dict[str, Holds] = {
    "abstained": lambda f: f.prediction.outcome == "abstained",
    "agent named": lambda f: f.image.contrast_agent,
    "always": _yes,
    "atlas non-commercial, else untold": lambda f: "non-commercial use only" in (f.anatomy.licence or "") or None,
    "by grey values": _by_grey_values,
    "calibrated": lambda f: f.model.calibration not in ("", "none"),
    "checks passed": _passed,
    "ct": _modality("CT"),
    "entropy high": _entropy_above(0.55),
    "entropy low": _entropy_below(0.45),
    "forced": lambda f: f.image.forced,
    "geometry": lambda f: f.image.has_geometry,
    "geometry, else untold": lambda f: f.image.has_geometry or None,
    "made for": _made_for,
    "maps apart": _map_sides,
    "maps made": _maps,
    "maps overlap": _maps_overlap,
    "maps relied on": _relied,
    "maps apart or untold": lambda f: _map_sides(f) or None,
    "mr": _modality("MR"),
    "never": _no,
    "no geometry, else untold": lambda f: not f.image.has_geometry or None,
    "non-commercial, else untold": lambda f: f.model.non_commercial or None,
    "not for commerce": lambda f: False if f.model.non_commercial else None,
    "nothing made": lambda f: not (f.lesions or f.saliency or f.prediction.scores or f.prediction.label) or None,
    "nothing found": _none_found,
    "plain series given": _plain_series,
    "planes agree": _planes,
    "planes disagree": lambda f: None if _planes(f) is None else not _planes(f),
    "regions known": _region,
    "registered": _verdict("good", "limited"),
    "registration failed": _verdict("failed"),
    "registration good": _verdict("good"),
    "registration run": lambda f: f.anatomy.registration.verdict != "not_possible",
    "registration limited": _verdict("limited"),
    "results relied on": _results_relied,
    "run": _ran,
    "septum hidden": _septum,
    "something found": _found,
    "suggested": _suggestion,
    "untold": lambda _: None,
}


def _frames() -> Iterator[Frame]:
    for line in _FRAMES.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            kind, needs, along, order, holds, denied = (*map(str.strip, line.split(";")), "", "", "", "")[:6]
            fact = FACTS[denied] if denied else None
            bare = kind.removesuffix(" (unable)")
            yield Frame(bare, tuple(needs.split()), FACTS[holds], along, order, fact, able=bare == kind)


FRAMES = tuple(_frames())
