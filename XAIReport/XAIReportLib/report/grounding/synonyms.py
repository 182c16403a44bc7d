"""Words that say the same brought to the one that is read, and words left out that claim nothing (synonyms.en.txt).

A vague word ("small", "far away", "elongated") is left out only where the sentence itself gives the figure that it fits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

from .rewording import rules

_FILE, _CONSTRUCTIONS = (Path(__file__).with_name(f"{name}.en.txt") for name in ("synonyms", "constructions"))
_IRREGULAR = {
    "find": ("finds", "found", "found", "finding"),
    "show": ("shows", "showed", "shown", "showing"),
    "fall": ("falls", "fell", "fallen", "falling"),
    "rise": ("rises", "rose", "risen", "rising"),
    "come": ("comes", "came", "come", "coming"),
    "go": ("goes", "went", "gone", "going"),
    "take": ("takes", "took", "taken", "taking"),
    "light": ("lights", "lit", "lit", "lighting"),
    "draw": ("draws", "drew", "drawn", "drawing"),
    "make": ("makes", "made", "made", "making"),
    "bring": ("brings", "brought", "brought", "bringing"),
    "run": ("runs", "ran", "run", "running"),
    "outdo": ("outdoes", "outdid", "outdone", "outdoing"),
    "slide": ("slides", "slid", "slid", "sliding"),
    "spot": ("spots", "spotted", "spotted", "spotting"),
    "stop": ("stops", "stopped", "stopped", "stopping"),
    "overlap": ("overlaps", "overlapped", "overlapped", "overlapping"),
    "flag": ("flags", "flagged", "flagged", "flagging"),
    "abut": ("abuts", "abutted", "abutted", "abutting"),
    "outstrip": ("outstrips", "outstripped", "outstripped", "outstripping"),
    "strip": ("strips", "stripped", "stripped", "stripping"),
    "snip": ("snips", "snipped", "snipped", "snipping"),
    "drag": ("drags", "dragged", "dragged", "dragging"),
    "butt": ("butts", "butted", "butted", "butting"),
    "plump": ("plumps", "plumped", "plumped", "plumping"),
}


def _forms(verb: str) -> tuple[str, ...]:
    """Base, third person, past, participle and -ing form of a verb, with what belongs to it ("pick up")."""
    first, _, rest = verb.partition(" ")
    if first in _IRREGULAR:
        forms = _IRREGULAR[first]
    elif first.endswith("e"):
        forms = (f"{first}s", f"{first}d", f"{first}d", f"{first[:-1]}ing")
    elif first.endswith("y") and first[-2] not in "aeiou":
        forms = (f"{first[:-1]}ies", f"{first[:-1]}ied", f"{first[:-1]}ied", f"{first}ing")
    else:
        ending = "es" if first.endswith(("s", "sh", "ch", "x", "z")) else "s"
        forms = (f"{first}{ending}", f"{first}ed", f"{first}ed", f"{first}ing")
    return tuple(f"{form} {rest}".strip() for form in (first, *forms))


@dataclass(frozen=True)
class _Tables:
    words: dict[str, str]
    free: frozenset[str]
    saying: frozenset[str]
    pattern: re.Pattern[str]


@cache
def _tables() -> _Tables:
    words: dict[str, str] = {}
    sets: dict[str, set[str]] = {"free": set(), "saying": set()}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        head, equals, rest = line.partition(" = ")
        if not equals or line.startswith("#"):
            continue
        if head in sets:
            sets[head] |= set(rest.split())
            continue
        verb = head.startswith("v ")
        words.update({form: form for form in (_forms(head[2:]) if verb else (head,))})  # what is plain already stays
        for other in map(str.strip, rest.split("|")):
            pairs = zip(_forms(other), _forms(head[2:]), strict=True) if verb else [(other, head)]
            words.update({alike: plain for alike, plain in pairs if alike not in words})
    longest = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![\w-])(?:{longest})(?![\w-])", re.IGNORECASE)
    return _Tables(words, frozenset(sets["free"]), frozenset(sets["saying"]), pattern)


_ML, _MM = (re.compile(rf"(\d+(?:\.\d+)?) ?{unit}\b", re.IGNORECASE) for unit in ("(?:ml|cc|cm3|millilitres?)", "mm"))
_LENGTHS = re.compile(r"(\d+(?:\.\d+)?)(?: ?mm)?(?= (?:x|by|and) \d| ?mm)")
_SCORES = re.compile(r"(?<![\d.])([01]\.\d+)(?!\d|\.\d| ?(?:ml|mm|cm|%))")
_FIGURES = re.compile(r"^(?:(ml|mm|score) ([\d.]+) to ([\d.]+)|longer)$")


def _without_opening(sentence: str) -> str:
    """The sentence without "please keep in mind that", "the report states that", "Result:"."""
    tables = _tables()
    opening, that, rest = sentence.partition(" that ")
    words = opening.lower().replace(",", "").split()
    if (
        that
        and 1 < len(words) <= 8
        and all(word in tables.saying for word in words)
        and not rest.startswith(("is ", "are ", "was "))
    ):
        return rest
    label, colon, rest = sentence.partition(": ")
    words = label.lower().split()
    return rest if colon and len(words) <= 3 and all(word in tables.free for word in words) else sentence


@lru_cache(maxsize=1024)
def plainest(sentence: str, classes: tuple[str, ...]) -> str:
    """The sentence with synonyms replaced, adjuncts that claim nothing left out, and vague words left out that its figures fit;
    ``classes``: what the model's classes are called."""
    tables = _tables()
    said = without_adjuncts(_without_opening(sentence), tables.free)
    said = tables.pattern.sub(lambda found: tables.words[found[0].lower()], said)
    for rule in rules(classes, _CONSTRUCTIONS):
        if rule.pattern.search(said) and (not rule.only or _fits(rule.only, said)):
            said = rule.pattern.sub(rule.new, said)
    return said.strip()


def without_adjuncts(sentence: str, free: frozenset[str]) -> str:
    """ "In terms of location, the lesion, as outlined by the model, lies on the left" is "the lesion lies on the left"."""
    end = sentence[len(sentence.rstrip(" .")) :]
    pieces = re.split(r"(, )(?![^(]*\))", sentence.rstrip(" ."))
    kept = [(pieces[i - 1] if i else "", pieces[i]) for i in range(0, len(pieces), 2)]
    chosen = [(joint, piece) for joint, piece in kept if not _is_free(piece, free, sentence)]
    if len(chosen) in (0, len(kept)):
        return sentence
    result = chosen[0][1]
    dropped_before = {id(piece) for (_, before), (_, piece) in pairwise(kept) if _is_free(before, free, sentence)}
    for joint, piece in chosen[1:]:
        result += (" " if id(piece) in dropped_before else joint) + piece
    return result + end


# What an adjunct of free words may add all the same: "with a second one", "as in the other study", "in contrast to the report",
# "and heat maps"; and what would be the basis of a statement: "based on the heat maps", "considering its size".
_ADDS = re.compile(
    r"^with (?!(?:regards?|respect|this|that|these|those)\b)|\bas (?:in|on|for|of) (?!a whole)|\bcontrast to\b|"
    r"\b(?:first|second|third|other|one|same)\b|"
    r"^(?:and|or) (?!(?:also|moreover|furthermore|additionally|finally|lastly|notably|importantly|similarly|likewise|meanwhile|"
    r"however|nevertheless|overall|interestingly|secondly|thirdly|in (?:addition|summary|sum|short|brief))$)"
)
_RESTS = re.compile(
    r"\b(?:based|considering|according|judged|defined|determined|given|drawn|placed|outlined|delineated|segmented|estimated|"
    r"calculated|computed|measured|looking|going|coming|turning|seen|shown)\b"
)
_SHOWN = (
    r"heat|maps?|saliency|explanations?|brightness|signal|size|shape|location|localisation|localization|position|site|extent|volume|"
    r"anatomy|laterality|distances?"
)
_NO_BASIS = re.compile(
    rf"\b(?:{_SHOWN}|scores?|uncertainty|classification|impression|summary|conclusion|limit\w*|caveats?)\b"
)
_NO_BASIS_OF_CLASS = re.compile(rf"\b(?:{_SHOWN}|atlas|segmentation|registration|checks|evidence)\b")
_OF_CLASS = re.compile(r"\b(?:suggest\w*|favou?r\w*|glioma|meningioma|pituitary|class|classes)\b", re.IGNORECASE)
_IDIOMS = frozenset(
    (
        "first", "second", "third", "first of all", "in the first place", "on the other hand", "on the one hand",
        "at the same time", "for one", "in one sentence", "in the same way", "by the same measure", "as for the analysis",
        "one of the heat maps", "given the uncertainty of the registration", "given the error of the registration",
    )
)  # fmt: skip


def _is_free(piece: str, free: frozenset[str], sentence: str) -> bool:
    words = re.findall(r"[\w']+", piece.lower())
    plain = " ".join(words)
    if not words or not all(word in free for word in words):
        return False
    if plain in _IDIOMS:
        return True
    of_class = _OF_CLASS.search(sentence)
    rests = _NO_BASIS_OF_CLASS.search(plain) if of_class else _RESTS.search(plain) and _NO_BASIS.search(plain)
    return not (rests or _ADDS.search(plain))


def _fits(figures: str, sentence: str) -> bool:
    """Whether all figures of a unit are as a vague word needs them; there must be one."""
    unit, low, high = _FIGURES.match(figures).groups()
    if unit is None:
        lengths = [float(number) for number in _LENGTHS.findall(sentence)]
        return len(lengths) == 2 and lengths[0] >= 1.3 * lengths[1]
    figures = {"ml": _ML, "mm": _MM, "score": _SCORES}[unit]
    found = [float(number) for number in figures.findall(sentence)]
    return bool(found) and all(float(low) <= number <= float(high) for number in found)
