"""Numbers as they are written: with their unit, in products and spans, about, bounded, as words and fractions."""

from __future__ import annotations

import re
from dataclasses import replace

from .mentions import Mention, Number

ONE = ("single", "sole", "solitary", "lone")
CARDINALS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_PARTS = {
    "half": 2,
    "third": 3,
    "quarter": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
    "tenth": 10,
}
FRACTIONS = {"half": 50.0} | {
    f"{many}{joint}{part}{'s' if n > 1 else ''}": 100.0 * n / whole
    for part, whole in _PARTS.items()
    for n in range(1, whole)
    for many in ((CARDINALS[n],) if n > 1 else ("one", "an" if part == "eighth" else "a"))
    for joint in (" ", "-")
    if not (many in ("a", "an") and (joint == "-" or part == "half"))
}
_TO_ML = {"ml": 1.0, "mm3": 0.001, "l": 1000.0, "dl": 100.0}
_TO_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
_UNDER_OVER = {"under half": "<", "less than half": "<", "over half": ">", "more than half": ">"}
_TO = ("to", "-", "up to", "through")


_DIGITS = "|".join(("nought", "oh", *CARDINALS[:10]))
_TEENS = ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WHOLE = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(CARDINALS[1:10])}))?|{'|'.join(_TEENS)}|(?:a|one) hundred)"
_SPELLED = re.compile(
    rf"\b(?:(?:({_WHOLE}|{'|'.join(reversed(CARDINALS))}|nought) )?point((?: (?:{_DIGITS})\b)+)|({_WHOLE})\b)(?! tenths)",
    re.IGNORECASE,
)


def spelled_out(text: str) -> str:
    """ "forty-two percent" is 42 percent, "four point four five" is 4.45; whole numbers up to twelve stay words."""

    def value(words: str) -> int:
        words = words.lower()
        if words in (*CARDINALS, "nought", "oh"):
            return 0 if words in ("nought", "oh") else CARDINALS.index(words)
        if words in _TEENS:
            return 13 + _TEENS.index(words)
        if words.endswith("hundred"):
            return 100
        tens, _, rest = words.replace("-", " ").partition(" ")
        return 20 + 10 * _TENS.index(tens) + (CARDINALS.index(rest) if rest else 0)

    def written(found: re.Match[str]) -> str:
        if found[3]:
            return str(value(found[3]))
        return f"{value(found[1] or 'nought')}.{''.join(str(value(word)) for word in found[2].split())}"

    return _SPELLED.sub(written, text)


_SIZE = r"(\d+(?:\.\d+)?) ?(mm|cm|ml|cc|cm3|mm3|l|µl)\b"
_AGAIN = re.compile(
    rf"(?<![\d.]){_SIZE}([^,;()\d]*?)"
    r"(?:,? (?:or|i\.e\.,?|that is,?|equivalent to|equal to|corresponding to)|,| \(| \(=| =) ?"
    r"(?:(?:about|approximately|roughly|around|or|i\.e\.,?|that is,?|equivalent to) )*"
    rf"{_SIZE}(\))?",
    re.IGNORECASE,
)


def said_once(text: str) -> str:
    """ "34 mm apart, or 3.4 cm" is "34 mm apart": a size in another unit is left out where it is the same, as it is rounded."""

    def once(found: re.Match[str]) -> str:
        value, unit, words, again, other, closed = found.groups()
        for table in ({**_TO_ML, "cc": 1.0, "cm3": 1.0, "µl": 0.001}, _TO_MM):
            if unit.lower() in table and other.lower() in table and unit.lower() != other.lower():
                step = 0.5 * 10 ** -len(again.partition(".")[2]) * table[other.lower()]
                same = abs(float(value) * table[unit.lower()] - float(again) * table[other.lower()]) <= step * (
                    1 + 1e-6
                )
                opened = "(" in found[0]
                return f"{value} {unit}{words}" if same and opened is bool(closed) else found[0]
        return found[0]

    return _AGAIN.sub(once, text)


def halves(mentions: list[Mention]) -> list[Mention]:
    """ "four and a half" is 4.5."""
    result: list[Mention] = []
    index = 0
    while index < len(mentions):
        m, ahead = mentions[index], mentions[index + 1 : index + 4]
        words = [a.text.lower() for a in ahead]
        if m.kind == "number" and m.value == "word" and words == ["and", "a", "half"]:
            whole = 1 if m.text.lower() in ONE else CARDINALS.index(m.text.lower())
            result.append(Mention("number", "", f"{whole}.5", m.depth))
            index += 4
            continue
        result.append(m)
        index += 1
    return result


def shared_units(mentions: list[Mention]) -> list[Mention]:
    """ "24.6 and 15.2 mm" is "24.6 mm and 15.2 mm", and so is a list of three."""
    result: list[Mention] = []
    three = [
        i
        for i, m in enumerate(mentions[:-5])
        if [a.text.lower() for a in mentions[i + 1 : i + 5 : 2]] in ([",", "and"], [",", ","])
        and all(a.kind == "number" and "." in a.text for a in mentions[i : i + 5 : 2])
        and mentions[i + 5].kind == "unit"
    ]
    if three:
        unit, start = mentions[three[0] + 5], three[0]
        shared = [part for m in mentions[start : start + 4] for part in ((m, unit) if m.kind == "number" else (m,))]
        mentions = [*mentions[:start], *shared, *mentions[start + 4 :]]
    for i, m in enumerate(mentions):
        result.append(m)
        if m.kind != "number" or m.value == "word" or "." not in m.text or mentions[i + 1 : i + 2] == []:
            continue
        rest = mentions[i + 1 : i + 4]
        shared = len(rest) == 3 and rest[0].text.lower() in ("and", ",") and rest[1].kind == "number"
        if shared and rest[1].value != "word" and rest[2].kind == "unit" and rest[2].value in ("mm", "cm", "ml"):
            result.append(Mention("unit", rest[2].value, rest[2].text, m.depth))
    return result


def _number_of(mention: Mention) -> tuple[float, float]:
    if mention.value == "word":
        return (1.0 if mention.text.lower() in ONE else float(CARDINALS.index(mention.text.lower()))), 0.0
    if mention.text.count(".") > 1:
        return float("nan"), 0.0
    text = mention.text.replace(",", "")
    decimals = len(text.partition(".")[2])
    return float(text), 0.5 * 10**-decimals


def numbers(mentions: list[Mention]) -> list[Mention]:
    """Numbers with their unit, their approximation and their bound."""
    result: list[Mention] = []
    index = 0
    while index < len(mentions):
        mention = mentions[index]
        half = [m.text.lower() for m in mentions[index + 1 : index + 3]]
        if (
            mention.kind == "fraction"
            and mention.value == "half"
            and half[:1] == ["a"]
            and mentions[index + 2 : index + 3]
        ):
            unit = mentions[index + 2].value if mentions[index + 2].kind == "unit" else ""
            if unit in _TO_ML:  # "half a millilitre"
                text = f"{mention.text} a {mentions[index + 2].text}"
                mention.kind, mention.text = "number", text
                mention.number = Number(0.5 * _TO_ML[unit], 0.05 * _TO_ML[unit], "ml", text)
                _qualify(mention, result)
                result.append(mention)
                index += 3
                continue
        if mention.kind == "multiple":
            mention.kind, value = "number", float(mention.value)
            mention.number = Number(value, 0.05 * value, "times", mention.text)
            _qualify(mention, result)
            result.append(mention)
            index += 1
            continue
        if mention.kind == "quantifier" and mention.text.lower() in _UNDER_OVER and half[:1] == ["a"]:
            unit = mentions[index + 2].value if mentions[index + 2 : index + 3] else ""
            if unit in _TO_ML and mentions[index + 2].kind == "unit":  # "under half a millilitre"
                bound, text = _UNDER_OVER[mention.text.lower()], f"{mention.text} a {mentions[index + 2].text}"
                number = Number(0.5 * _TO_ML[unit], 0.05 * _TO_ML[unit], "ml", text, bound=bound)
                result.append(Mention("number", "", text, mention.depth, number=number))
                index += 3
                continue
        if mention.kind == "fraction":
            value = FRACTIONS[mention.value]
            mention.kind, mention.number = "number", Number(value, 0.5, "fraction", mention.text)
            _qualify(mention, result)
            result.append(mention)
            index += 1
            continue
        if mention.kind != "number":
            result.append(mention)
            index += 1
            continue
        number, last = _measure(mentions, index)
        mention.number, mention.text = number, number.text
        _qualify(mention, result)
        result.append(mention)
        index = last + 1
    return result


def _measure(mentions: list[Mention], index: int) -> tuple[Number, int]:
    """The number that begins at ``index`` with its unit: one, a product (24 x 15 mm) or a span (8.9 to 13.6 mm); its end."""
    values, last, unit, units = [_number_of(mentions[index])], index, "", set[str]()
    how, named = "", index > 0 and mentions[index - 1].kind == "lesion" and mentions[index].text.isdigit()
    while not named:  # "lesion 2 by 3.56 ml" is no product
        following = mentions[last + 1] if last + 1 < len(mentions) else None
        if following is not None and following.kind == "unit":
            unit, last = following.value, last + 1
            units.add(unit)
            following = mentions[last + 1] if last + 1 < len(mentions) else None
        word = following.text.lower() if following is not None else ""
        joins = (
            "x" if word in ("x", "by") else "to" if word in _TO or (word == "and" and _between(mentions, index)) else ""
        )
        if not joins or how not in ("", "x") or (how == "x" and joins != "x") or last + 2 >= len(mentions):
            break
        if mentions[last + 2].kind != "number" or mentions[last + 2].value == "word":
            break
        how, last = joins, last + 2
        values.append(_number_of(mentions[last]))
    scale = _TO_ML.get(unit) or _TO_MM.get(unit) or 1.0
    if len(units) > 1:
        return Number(float("nan"), 0.0, "mixed", " ".join(m.text for m in mentions[index : last + 1])), last
    kind = "ml" if unit in _TO_ML else "mm" if unit in _TO_MM else unit
    text = " ".join(m.text for m in mentions[index : last + 1])
    value, half_step = values[0][0], max(step for _, step in values)
    if unit == "times" and mentions[index].value == "word":
        half_step = 0.05 * value
    parts = tuple(v * scale for v, _ in values) if how else ()
    steps = tuple(step * scale for _, step in values) if how else ()
    return Number(value * scale, half_step * scale, kind, text, parts=parts, span=how == "to", steps=steps), last


def _between(mentions: list[Mention], index: int) -> bool:
    return index > 0 and mentions[index - 1].text.lower().endswith("between")


def _close_to(mention: Mention, number: Number) -> bool:
    return mention.text.lower() == "close to" and number.unit != "mm"


def _qualify(mention: Mention, before: list[Mention]) -> None:
    """Takes the words "about", "only" and "more than" before a number into it."""
    number = mention.number
    approx = bound = ""
    while before and (before[-1].kind in ("approx", "bound", "only") or _close_to(before[-1], number)):
        word = before.pop()
        if word.kind == "quantity":
            approx = "about"
            continue
        if word.kind == "bound":
            bound = f"{bound}{word.value}"  # two bounds are none that can be read
        elif word.kind == "approx":
            approx = word.value
    mention.number = replace(number, approx=approx, bound=bound)
