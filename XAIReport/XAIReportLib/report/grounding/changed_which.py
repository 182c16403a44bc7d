"""Which change a sentence on changed images speaks of: how the condition is said, the share in it, and the steps of a removal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..schema import Counterfactual, Findings
from .facts import agrees
from .mentions import Mention, Number

# One letter for each mention, so that a condition is a regular expression.
_LETTERS = {
    "remove": "R",
    "keep": "K",
    "isolate": "I",
    "but": "E",
    "background": "B",
    "zero": "Z",
    "noise": "N",
    "hottest": "H",
    "area": "A",
    "surround": "S",
    "unchanged": "U",
    "smallest": "T",
    "largest": "T",
    "lesion gone": "Q",
    "head in slices": "h",
    "these slices": "t",
    "slices": "",
    "when": "",
    "steps": "",
}
# The hottest pixels, a share of the head's, and of which map; never those of an abnormality or of the slices.
_HOT = r"P?H(?:Pp?+(?:ht?)?+)?+p?+(?![Lt])M?(?:v?[RS]+)?"
_CONDITIONS = (
    ("ranked_saliency_removed", rf"T?[RS]*{_HOT}|M{_HOT}"),
    ("lesion_only", r"ELv?[ZR]+|[ZR]+EL|OLv?K|KOL|LOv?K?|KLO|LvKO|IL|Lv?I"),
    ("background_noise", r"[RS]?Bv?[RSZ]*N|Nv?B"),
    ("background_zero", r"Bv?Z+|Z+BZ*"),
    ("saliency_removed", r"[RS]+A?a?M[SA]*|[RS]+AM|A?Mv?[RS]+|MAv?[RS]+"),
    ("lesion_removed", r"[RS]+LS?|Lv?[RS]+|Q"),
    ("before", r"U"),
)
_ORDER = [name for name, _ in _CONDITIONS]
_ALONE = ("alone", "exclusively", "solely", "purely")


@dataclass(frozen=True)
class Condition:
    """A change, where it stands (``start`` to ``end``), and the percentage in it."""

    name: str
    start: int
    end: int
    number: Number | None


def condition(mentions: list[Mention]) -> Condition | None:
    """The longest condition; of equal ones the first of the list above."""
    letters, places = "", []
    for i, m in enumerate(mentions):
        letter = _letter(m)
        if letter:
            letters += letter
            places.append(i)
    fits = [(name, found) for name, pattern in _CONDITIONS for found in re.finditer(pattern, letters)]
    if not fits:
        return None
    name, found = max(fits, key=lambda fit: (len(fit[1][0].strip("vo")), -_ORDER.index(fit[0])))
    if name == "before" and any(letter in "RZNBEKIHQ" for letter in letters):
        return None
    inside = [mentions[i] for i in places[found.start() : found.end()]]
    number = next((m.number for m in inside if m.kind == "number"), None)
    return Condition(name, places[found.start()], places[found.end() - 1] + 1, number)


def _letter(m: Mention) -> str:
    if m.kind == "change":
        return _LETTERS.get(m.value, "c")
    if m.kind == "number":
        return "P" if m.number is not None and m.number.unit == "%" else "n"
    if m.kind == "unit":
        return "p" if m.value == "pixels" else "x"
    if m.kind == "only" or m.text.lower() in _ALONE:
        return "O"
    if m.kind == "neutral" or (m.kind == "mark" and m.text in "()"):
        return ""
    return {"lesion": "L", "map": "M", "verb": "v"}.get(m.kind, "x")


def meant(findings: Findings, name: str, methods: list[str]) -> Counterfactual | None:
    """The change that was computed; None where none or several fit."""
    if name == "before":
        return findings.counterfactuals[0] if findings.counterfactuals else None
    fits = [c for c in findings.counterfactuals if c.name == name and (not methods or c.method == methods[0])]
    return fits[0] if len(fits) == 1 else None


# --- the steps in which the hottest pixels are removed ------------------------------------------------------------------


def tried(changed: Counterfactual) -> list[float]:
    """The shares that were tried, rising, as the template tells them."""
    return sorted({*changed.tried_percent, changed.changed_percent})


def kept(changed: Counterfactual) -> list[float]:
    """The shares below which, and at which, no tried share changes the outcome."""
    return [share for share in tried(changed) if not changed.changes_outcome or share < changed.changed_percent]


def without_steps(mentions: list[Mention]) -> tuple[list[Mention], list[Mention]]:
    """The mentions without "in steps (1.0 %, 2.0 % and 4.0 % of the head in these slices)", and those of the steps."""
    start = next((i for i, m in enumerate(mentions) if m.kind == "change" and m.value == "steps"), None)
    if start is None:
        return mentions, []
    end = start + 1
    if end < len(mentions) and mentions[end].text == "(":
        end = next((i for i in range(end, len(mentions)) if mentions[i].text == ")"), end) + 1
    else:
        end += sum(1 for _ in _until_other(mentions[end:]))
    return [*mentions[:start], *mentions[end:]], mentions[start:end]


def _until_other(mentions: list[Mention]) -> Iterator[Mention]:
    """The share right behind "in steps": "up to 16.0 % of the head in these slices"."""
    for n, m in enumerate(mentions):
        number = n == 0 and m.kind == "number" and m.number is not None and m.number.bound == "<="
        of_head = n > 0 and m.kind == "change" and m.value in ("head in slices", "these slices")
        if not (number or of_head):
            return
        yield m


def steps_hold(changed: Counterfactual, steps: list[Mention]) -> bool | None:
    """Whether these are the steps: all that were tried, in their order, or "up to" the last; None for a part of them."""
    numbers = [m.number for m in steps if m.kind == "number" and m.number is not None]
    rest = [
        m
        for m in steps[1:]
        if m.kind != "number" and m.text not in ("(", ")", ",") and m.kind not in ("sep", "neutral")
    ]
    if any(m.kind != "change" or m.value not in ("head in slices", "these slices") for m in rest):
        return None
    if any(number.unit != "%" or number.parts for number in numbers):
        return None
    shares = tried(changed)
    if [number.bound for number in numbers] == ["<="]:
        return is_share(numbers[0], shares[-1])
    if any(number.bound for number in numbers) or not all(any(is_share(n, share) for share in shares) for n in numbers):
        return False
    whole = len(numbers) == len(shares) and all(is_share(n, share) for n, share in zip(numbers, shares, strict=True))
    return whole or not numbers or None


def is_share(number: Number, share: float) -> bool:
    """Whether a percentage is this share, rounded as it is written; "up to 16 %" is 16 %."""
    return agrees(replace(number, bound=""), share)
