"""Sentences that would be read otherwise than they are meant (misread.en.txt), and are therefore not read at all.

What is said of the analysis may be given a reason only where the findings hold such a one: nothing follows from everything.

The words of a clause are read one by one, and many ("is", "brain", "covers") claim nothing by themselves. Where they stand so that
they claim something of their own, a class that is there, a share of a region, a change over time, the sentence is refused,
whatever its figures are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .. import wording
from ..schema import Findings
from .numerals import CARDINALS
from .rewording import alternatives, needed, one_of
from .vocabulary import plain, subject_of

_FILE = Path(__file__).with_name("misread.en.txt")
_WHERE = {
    "none": lambda findings, _: not findings.lesions,
    "one": lambda findings, _: len(findings.lesions) == 1,
    "several": lambda findings, _: len(findings.lesions) > 1,
    "unchanged": lambda _, sentence: subject_of(sentence) != "changed",
    "part": lambda findings, _: any(c.slices < c.slices_of_lesion for c in findings.counterfactuals),
    "stored": lambda findings, _: findings.image.kind != "picture",
    "unmapped": lambda findings, _: not findings.saliency,
    "inside": lambda findings, _: (
        not any(
            row.name == "outside the brain" for mask in (*findings.lesions, *findings.saliency) for row in mask.regions
        )
    ),
    "other": lambda findings, _: all(s.method != "saliency" for s in findings.saliency),
    "warned": lambda findings, _: len(findings.warnings) != 1,
    "foreign": lambda findings, _: findings.image.modality != "MR",
    "several maps": lambda findings, sentence: "CAM" in sentence.upper() and len(findings.saliency) > 1,
    "failed": lambda findings, _: findings.saliency_check is not None and not findings.saliency_check.relied_on,
    "unedited": lambda findings, _: findings.reader_edit is None,
    "edited": lambda findings, _: findings.reader_edit is not None,
}


# Signs that deny, and scripts that are not read.
_FOREIGN = re.compile(r"!=|=/=|[\u2260\u00ac]|[\u0370-\u1dff\u2c00-\ud7ff\uf900-\ufaff]+")


# What rests on the model's own outlines where a reader changed them.
_THIS_RESTS = re.compile(r"^(?:this|that|it)\b[^;]*\b(?:rests?|based|relies)\b", re.IGNORECASE)
_RESTING = {"suggestion", "score", "scores", "classes", "separation", "rank", "outcome", "planes"}


# "a smaller share on one side (44.4 %) than on the other (55.6 %)": the figures say which is the smaller.
_SHARE = r"(?:share|part|portion|proportion|percentage|fraction)"
_UNEVEN = re.compile(
    rf"\b(?:(larger|bigger|greater|higher|more)|smaller|lesser|lower|less)(?: {_SHARE}| of it)\b"
    r"[^;%]*?\b(\d+(?:\.\d+)?) ?%[^;%]*?\bthan\b[^;%]*?\b(\d+(?:\.\d+)?) ?%",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Pattern:
    """``where``: of _WHERE, or empty for everywhere; ``unless``: what takes the pattern back in the same sentence; ``needs``:
    letters that stand in every sentence that it fits, and ``one_of``, of which some do, so that most are told quickly that it
    does not."""

    where: str
    found: re.Pattern[str]
    unless: re.Pattern[str] | None
    needs: str
    one_of: tuple[str, ...]


@dataclass(frozen=True)
class _Ground:
    """What may be the reason of a statement; ``reason`` is None where nothing is."""

    said: re.Pattern[str]
    reason: re.Pattern[str] | None


# A statement and its reason, in the order of the groups.
_CLAUSE = r"(?:because|since|as(?= (?:the|no|it|its|there|they|only|what|this|function|other|post-\w+)\b))"
_BECAUSE = re.compile(rf"^(?P<said>.+?),? (?<!serving )(?<!used )(?<!taken ){_CLAUSE} (?P<reason>.+)$", re.IGNORECASE)
_FRONTED = re.compile(rf"^{_CLAUSE} (?P<reason>[^,]+), (?P<said>.+)$", re.IGNORECASE)
_SO = re.compile(
    r"^(?P<reason>.+?)[,;] (?:and )?(?:so|hence|thus|therefore|consequently)(?: that)?,? (?P<said>.+)$", re.IGNORECASE
)


@cache
def _tables(**words: tuple[str, ...]) -> tuple[tuple[_Pattern, ...], tuple[_Ground, ...]]:
    """``words``: what is called so in the patterns, as it stands in the findings."""
    parts = {name: f"(?:{'|'.join(map(re.escape, known))})" for name, known in words.items()}
    result, grounds = [], []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        text = re.sub(r"<([A-Z]+)>", lambda found: parts[found[1]], line)
        if named := re.match(r"([A-Z]+) = (.*)$", text):
            parts[named[1]] = named[2]
            continue
        if text.startswith("said: "):
            said, _, reason = text.removeprefix("said: ").partition(" BECAUSE ")
            grounds.append(
                _Ground(re.compile(said, re.IGNORECASE), re.compile(reason, re.IGNORECASE) if reason else None)
            )
            continue
        where, rest = found.groups() if (found := re.match(rf"({'|'.join(_WHERE)}): (.*)$", text)) else ("", text)
        pattern, _, unless = rest.partition(" UNLESS ")
        back = re.compile(unless, re.IGNORECASE) if unless else None
        for choice in alternatives(pattern):
            runs = one_of(choice)
            result.append(_Pattern(where, re.compile(choice, re.IGNORECASE), back, needed(choice), runs))
    return tuple(result), tuple(grounds)


def _words(findings: Findings) -> dict[str, tuple[str, ...]]:
    """CLASS: the model's classes; OTHER: those that it does not suggest; MODEL, ATLAS: how their names begin; MISCOUNT,
    MISMAP: numbers that are not that of the abnormalities, of the heat maps."""
    model, prediction = findings.model, findings.prediction
    suggested = prediction.label if prediction.outcome == "class_suggested" else None
    atlas = findings.anatomy.atlas if findings.anatomy else None
    return {
        "CLASS": tuple(map(wording.class_name, model.classes)),
        "OTHER": tuple(wording.class_name(c) for c in model.classes if c != suggested),
        "MODEL": (plain(model.name).split()[0],),
        "ATLAS": (plain(atlas).split()[0] if atlas else "atlas",),
        "MISCOUNT": _numbers_but(len(findings.lesions)),
        "MISMAP": _numbers_but(len(findings.saliency)),
    }


def _numbers_but(count: int) -> tuple[str, ...]:
    return tuple(said for n, word in enumerate(CARDINALS[:21]) if n > 1 and n != count for said in (word, str(n)))


def misread(sentence: str, findings: Findings, before: frozenset[str] | None = None) -> str:
    """What in a sentence would be read otherwise than it is meant; nothing where there is no such thing.

    ``before``: what the sentence before it claimed, where there is one.
    """
    if foreign := _FOREIGN.search(sentence):
        return foreign[0]
    text = plain(sentence)
    if before and not before & _RESTING and (this := _THIS_RESTS.search(text)):
        return this[0]
    if (uneven := _UNEVEN.search(text)) and (float(uneven[2]) > float(uneven[3])) is not bool(uneven[1]):
        return uneven[0]
    patterns, grounds = _tables(**_words(findings))
    letters = text.lower()
    for pattern in patterns:
        if pattern.needs not in letters or (pattern.one_of and not any(run in letters for run in pattern.one_of)):
            continue
        if pattern.where and not _WHERE[pattern.where](findings, text):
            continue
        if (found := pattern.found.search(text)) and not (pattern.unless and pattern.unless.search(text)):
            return found[0].strip(" ,.;:")
    return _unfounded(text, grounds)


def _unfounded(text: str, grounds: tuple[_Ground, ...]) -> str:
    """A reason that is none of what it is given for."""
    for form in (_FRONTED, _BECAUSE, _SO):
        if (parts := form.match(text)) is None:
            continue
        for ground in grounds:
            if ground.said.search(parts["said"]) and not (ground.reason and ground.reason.search(parts["reason"])):
                return f'a reason for "{parts["said"]}"'
    return ""
