"""False French, German and Spanish sentences by script: the template's, with a word or a number edited, kind by kind.

The edits know words of the three languages and nothing of the catalogue that the check reads with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from rich_cases import CASES, findings_of
from word_lists import CLASSES, INSERTED, PLACES, SIDES, TAILS, TURNS, UNITS, UNTRUE, WHOLE, WRONG_PLACES
from XAIReportLib.report import narrative

LANGUAGES = ("fr", "de", "es")
Said = tuple[str, str]  # the case's name, the sentence


@cache
def template(language: str) -> tuple[Said, ...]:
    """The true sentences of every case, one at a time; German abbreviations have no full stop in them."""
    told = ((case, s.text) for case in CASES for s in narrative.write(findings_of(case), language).sentences)
    return tuple(dict.fromkeys(told))


def side(language: str) -> Iterator[Said]:
    swapped, both = SIDES[language]
    pattern = re.compile(rf"\b(?:{'|'.join(sorted(swapped, key=len, reverse=True))})\b")
    for case, text in template(language):
        places = [*pattern.finditer(text)]
        shares = re.findall(r"(\d+,\d) %", text)
        if not places or (len(places) == 2 and shares == ["50,0", "50,0"]):
            continue
        for turn in range(2):  # left and right have two forms in French and Spanish
            yield case, pattern.sub(lambda m, turn=turn: swapped[m[0]][turn % len(swapped[m[0]])], text)
            for place in places if len(places) > 1 else ():
                other = swapped[place[0]][turn % len(swapped[place[0]])]
                yield case, text[: place.start()] + other + text[place.end() :]
        for old, new in both:
            if old in text:
                yield case, text.replace(old, new)


def region(language: str) -> Iterator[Said]:
    pattern = re.compile("|".join(PLACES[language]))
    for case, text in template(language):
        for place in pattern.finditer(text):
            for other in WRONG_PLACES[language]:
                if other != place[0]:
                    yield case, text[: place.start()] + other + text[place.end() :]


_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:,\d+)?(?![\d.]*\w*\.\d)(?![\w])")
_PROPER = re.compile(
    r"brain_tumor_mri|Jun Cheng, brain tumor dataset \(Figshare 1512427\)|\bT1\b|version \S+|Version \S+|versión \S+"
)


def _outside_names(text: str) -> str:
    return _PROPER.sub(lambda m: "#" * len(m[0]), text)


def _other_numbers(text: str) -> Iterator[str]:
    value, decimals = float(text.replace(",", ".")), len(text.partition(",")[2])
    for changed in (value * 1.31 + 2 * 10**-decimals, value * 10 + 10**-decimals, value / 3 + 4 * 10**-decimals):
        new = f"{changed:.{decimals}f}".replace(".", ",")
        if float(new.replace(",", ".")) != value:
            yield new
    if "," in text:
        yield text.replace(",", "")  # the decimal mark lost
    swapped = text[:-2] + text[-1] + text[-2:-1]
    if len(text) > 1 and text[-2:].isdigit() and abs(float(swapped.replace(",", ".")) - value) > 0.02 * value:
        yield swapped


def number(language: str) -> Iterator[Said]:
    for case, text in template(language):
        for place in _NUMBER.finditer(_outside_names(text)):
            for other in _other_numbers(place[0]):
                yield case, text[: place.start()] + other + text[place.end() :]


def unit(language: str) -> Iterator[Said]:
    for case, text in template(language):
        for old, others in UNITS[language].items():
            for place in re.finditer(old, _outside_names(text)):
                for other in others:
                    if not text[: place.start()].endswith(" 0,00"):  # nothing is nothing
                        yield case, text[: place.start()] + other + text[place.end() :]


def class_(language: str) -> Iterator[Said]:
    names = CLASSES[language]
    pattern = re.compile("|".join(names))
    for case, text in template(language):
        named = [*pattern.finditer(text)]
        for place in named:
            for other in names:
                if other != place[0]:
                    yield case, text[: place.start()] + other + text[place.end() :]
        if len({m[0] for m in named}) > 1 and re.search(r"0,\d\d[;.]", text):  # a list of scores
            yield case, pattern.sub(lambda m: names[(names.index(m[0]) + 1) % 3], text)


def negation(language: str) -> Iterator[Said]:
    for case, text in template(language):
        bare = _outside_names(text)
        for old, new in TURNS[language]:
            for place in re.finditer(old, bare):
                yield case, text[: place.start()] + place.expand(new) + text[place.end() :]
        for start in UNTRUE[language]:
            yield case, f"{start} {text[0].lower()}{text[1:]}"


def _with_tail(language: str, kind: str) -> Iterator[Said]:
    tails = TAILS[language][kind]
    for index, (case, text) in enumerate(template(language)):
        tail = tails[index % len(tails)]
        yield case, f"{text.rstrip('.')}{', ' if index % 2 else ' '}{tail}."
        if index % 3 == 0:
            yield case, f"{tail[0].upper()}{tail[1:]}."


def history(language: str) -> Iterator[Said]:
    yield from _with_tail(language, "history")


def treatment(language: str) -> Iterator[Said]:
    yield from _with_tail(language, "treatment")


def cause(language: str) -> Iterator[Said]:
    yield from _with_tail(language, "cause")


def certainty(language: str) -> Iterator[Said]:
    verbs, words = INSERTED[language]
    for index, (case, text) in enumerate(template(language)):
        word = words[index % len(words)]
        if found := re.search(verbs, text):
            yield case, f"{text[: found.end()]} {word}{text[found.end() :]}"
        yield case, f"{word[0].upper()}{word[1:]}, {text[0].lower()}{text[1:]}"
    for case in CASES:
        yield from ((case, said) for said in WHOLE[language])


KINDS = {
    "side": side,
    "region": region,
    "number": number,
    "unit": unit,
    "class": class_,
    "negation": negation,
    "history": history,
    "treatment": treatment,
    "certainty": certainty,
    "cause": cause,
}


@cache
def mutated(kind: str, language: str) -> tuple[Said, ...]:
    """False sentences of one kind; none of them is a true one of its case."""
    known = set(template(language))
    return tuple(said for said in dict.fromkeys(KINDS[kind](language)) if said not in known)
