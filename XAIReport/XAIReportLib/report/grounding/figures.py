"""Figures that stand beside what they are of, as statements of their own: "ScoreCAM (Dice 0.81) agrees better than Grad-CAM (0.62)"
is "ScoreCAM agrees better than Grad-CAM", "ScoreCAM has a Dice of 0.81" and "Grad-CAM has a Dice of 0.62"."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NUMBER = r"(?:(?:about|only|just|roughly|approximately) )?\d+(?:\.\d+)?(?: ?(?:ml|mm|cm|cc)\b)?(?! ?[%\d])"
_AGAINST = r"(?:versus|vs\.?|compared (?:with|to)|against|as opposed to|rather than|and)"
_FINITE = (
    r"(?:is|are|was|were|has|had|have|covers?|shows?|agrees?|overlaps?|scored|scores|achieves?|reaches|receive[sd]?|measures?|lies|"
    r"ranks?|leads?)"
)
_SUBJECT = re.compile(
    rf"^(?!(?:an?|one|no|neither|none|some|both|all|only)\b)([^,;:()]+?)(?: \([^)]*\))? {_FINITE}\b", re.IGNORECASE
)
_BRACKET = re.compile(
    rf" \(((?:an? )?(?:dice(?: coefficient| score)?(?: of)?|volume(?: of)?|score(?: of)?)? ?{_NUMBER})\)", re.IGNORECASE
)
_PAIR = re.compile(
    rf"^(.*\bthan (?:that of |the one of )?([^,;()]+?))(?: itself)?,? \(?((?:dice )?{_NUMBER}) {_AGAINST} ({_NUMBER})\)?$",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    rf"^(.+?),? (?:at|with|measuring|having|scoring) ((?:a dice of |a volume of |a score of )?{_NUMBER}),? {_AGAINST} "
    rf"({_NUMBER}) (?:for|of|in) ([^,;()]+)$",
    re.IGNORECASE,
)
_SCORES = re.compile(
    rf"^(.*\bscore\b[^,;]*?\d),? (?:{_AGAINST}|followed by|ahead of) ((?:only |just )?[\d.]+ (?:for|of) .*)$",
    re.IGNORECASE,
)


def apart_from_figures(sentence: str, classes: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The sentence without such figures, and a statement for each; ``classes``: what the model's classes are called."""
    bare = sentence.rstrip(".")
    subject = found[1] if (found := _SUBJECT.match(bare)) else ""
    if subject and (pair := _PAIR.match(bare)):
        rest, other, first, second = pair.groups()
        if "dice" in first.lower():
            second = f"Dice {second}"
        yield rest, _of(subject, first, classes, rest), _of(other, second, classes, rest)
    if subject and (behind := _BEHIND.match(bare)):
        rest, first, second, other = behind.groups()
        yield rest, _of(subject, first, classes, rest), _of(other, second, classes, f"{rest} {first}")
    if scores := _SCORES.match(bare):
        yield scores[1], f"the scores are {scores[2]}"
    yield from _unbracketed(bare, subject, classes)


def _unbracketed(sentence: str, subject: str, classes: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    owner = re.compile(
        rf"(\S*CAM\S*(?: mask| map| heat map)?|(?:{'|'.join(map(re.escape, classes))})"
        r"|(?:the )?(?:first|second|third|larger|smaller|largest|smallest|left|right|left-sided|right-sided) "
        r"(?:abnormality|lesion|one)"
        r"|(?:abnormality|lesion) \d)$",
        re.IGNORECASE,
    )
    statements, kept, last = [], "", 0
    for found in _BRACKET.finditer(sentence):
        before = sentence[: found.start()]
        named = owner.search(before)
        sized = re.search(r"\b(?:larger|smaller|higher|lower|greater|better) \w+$", before)
        who = named[1] if named else subject if sized else ""
        kept += sentence[last : found.start()]
        last = found.end()
        if who:
            statements.append(_of(who, found[1], classes, sentence))
        else:
            kept += found[0]
    if statements:
        yield (kept + sentence[last:], *statements)


def _of(who: str, figure: str, classes: tuple[str, ...], said: str) -> str:
    number = re.search(rf"{_NUMBER}$", figure, re.IGNORECASE)[0]
    who = re.sub(r"^(?:that|those|the one) of ", "", who)
    if re.search(r"(?:ml|mm|cm|cc)$", number, re.IGNORECASE):
        return f"{who} measures {number}"
    if who.lower().removeprefix("the ") in classes and "dice" not in figure.lower():
        return f"{who} has a score of {number}"
    about_dice = "CAM" in who or "dice" in f"{figure} {said}".lower()
    return f"{who} has a Dice of {number}" if about_dice else f"{who} has a score of {number}"
