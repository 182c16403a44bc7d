"""Which one is meant: "the former" and "the latter", "the first" and "the second" of two heat maps, "one" and "the other"; "a
lesion of 0.47 ml on the right" where there are several."""

from __future__ import annotations

import re

from ..schema import Findings, Lesion
from ..wording import method_name
from .vocabulary import region_forms

_LATTER = re.compile(
    r"\bthe (former|latter|first|second)(?: one| map| method| heat map)?\b(?! (?:and|abnormality|lesion|largest|highest))",
    re.IGNORECASE,
)
_ONE = re.compile(
    r"\bone(?: of them)? (?!of |or |and )(.+?)((?:,|;)? (?:and |while |whereas |but )?)the other(?: one)?\b",
    re.IGNORECASE,
)
_PLACED = re.compile(r"\bthe (\w+) (?:abnormality|lesion)\b", re.IGNORECASE)
# "On the right, a lesion of 0.47 ml was segmented", "there is a left-sided lesion of 4.03 ml".
_SIDED = r"(?:on the (?P<{0}>left|right)(?: side)?(?: of the (?:patient|head|brain))?)"
_SIZED = re.compile(
    rf"^(?:{_SIDED.format('front')},? )?(?:there (?:is|was) )?(?:an?|one) (?:(?P<sided>left|right)(?:-sided)? )?(?:segmented )?"
    r"(?:lesion|abnormality) (?:(?:of|with|measuring) )?(?:with )?(?:a volume of )?(?P<volume>\d+(?:\.\d+)?) ?ml"
    rf"(?: (?:is|was|lies|lying|located|present|found|segmented|seen))*(?: {_SIDED.format('behind')})?$",
    re.IGNORECASE,
)
_JOINED = re.compile(r",? and (?=(?:an? |one |on the ))|[,;] (?=on the |an? )", re.IGNORECASE)
_MAPS = re.compile(r"\b(?:heat[ -]?maps?|maps|masks|methods)\b", re.IGNORECASE)
_LESIONS = re.compile(r"\b(?:lesions|abnormalities|foci)\b", re.IGNORECASE)


def named(sentence: str, findings: Findings, subject: str) -> list[str]:
    """The sentence with names in place of such words, in each way in which they may stand; ``subject``: what was spoken of last,
    "map" or "lesion". None where it has no such words, or where there are not two of the kind."""
    maps = [method_name(mask.method) for mask in findings.saliency]
    spoken = list(dict.fromkeys(name for name in re.findall(r"\S*CAM(?:\+\+)?", sentence) if name in maps))
    if len(spoken) == 2 and not _LESIONS.search(sentence) and _LATTER.search(sentence):
        places = {"former": spoken[0], "first": spoken[0], "latter": spoken[1], "second": spoken[1]}
        return [_LATTER.sub(lambda found: places[found[1].lower()], sentence)]
    if not _ONE.search(sentence):
        return []
    of_maps = bool(_MAPS.search(sentence)) or (subject == "map" and not _LESIONS.search(sentence))
    two = (
        maps
        if of_maps and len(maps) == 2
        else [f"abnormality {number}" for number in sorted(lesion.number for lesion in findings.lesions)]
        if not of_maps and len(findings.lesions) == 2
        else []
    )
    if not two or spoken:
        return []
    return [_ONE.sub(rf"{a} \1\2{b}", sentence) for a, b in (two, two[::-1])]


def placed(sentence: str, findings: Findings) -> str:
    """ "the thalamic abnormality" is "abnormality 2", where it alone lies for the most part there."""

    def numbered(found: re.Match[str]) -> str:
        fits = [lesion.number for lesion in findings.lesions if found[1].lower() in _main_place(lesion)]
        return f"abnormality {fits[0]}" if len(fits) == 1 and len(findings.lesions) > 1 else found[0]

    return _PLACED.sub(numbered, sentence)


def _main_place(lesion: Lesion) -> set[str]:
    """The adjectives of where most of a lesion lies: more than half of it."""
    main = [row for row in lesion.regions if row.lobe != "other" and row.percent_of_lesion > 50]
    return {word for row in main for word in (row.lobe, *region_forms(row.name))}


def sized(sentence: str, findings: Findings) -> str:
    """The sentence with its lesions by number, where it says of each of several only how large it is and on which side; as it is
    where no lesion, or more than one, is of that size and side."""
    if len(findings.lesions) < 2:
        return sentence
    said = []
    for piece in _JOINED.split(sentence.rstrip(". ")):
        found = _SIZED.match(piece)
        sides = {found[name].lower() for name in ("front", "sided", "behind") if found[name]} if found else set()
        fits = [
            lesion.number
            for lesion in findings.lesions
            if found and lesion.volume_ml is not None and f"{lesion.volume_ml:.2f}" == f"{float(found['volume']):.2f}"
        ]
        if len(fits) != 1 or len(sides) != 1:
            return sentence
        said.append(
            f"abnormality {fits[0]} measures {found['volume']} ml; abnormality {fits[0]} lies on the {sides.pop()}"
        )
    return "; ".join(said)
