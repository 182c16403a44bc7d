"""From words to what they name together: numbers with units, lesions with what says which, regions with a side."""

from __future__ import annotations

from .mentions import Mention, Number

ONE = ("single", "sole", "solitary")


CARDINALS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


FRACTIONS = {
    "half": 50.0,
    "one half": 50.0,
    **{f"{one} third": 100 / 3 for one in ("a", "one")},
    **{f"{one} quarter": 25.0 for one in ("a", "one")},
    **{f"{one} fifth": 20.0 for one in ("a", "one")},
    **{f"{one} tenth": 10.0 for one in ("a", "one")},
    "two thirds": 200 / 3,
    "three quarters": 75.0,
    "two fifths": 40.0,
    "three fifths": 60.0,
    "four fifths": 80.0,
    "two-thirds": 200 / 3,
    "one-third": 100 / 3,
    "three-quarters": 75.0,
    "one-quarter": 25.0,
    "one-half": 50.0,
}


_TO_ML = {"ml": 1.0, "mm3": 0.001, "l": 1000.0, "dl": 100.0}


_TO_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}


def phrases(mentions: list[Mention]) -> list[Mention]:
    return _places(_lesions(_sized(_numbers(_maps(mentions)))))


def _maps(mentions: list[Mention]) -> list[Mention]:
    """ "the mask of Grad-CAM" is Grad-CAM's; "both heat maps" are all of them."""
    result: list[Mention] = []
    for mention in mentions:
        if mention.kind == "map":
            last = [m.kind for m in result[-3:]]
            named = mention.value not in ("any", "many")
            if last[-2:] == ["map", "neutral"] and result[-1].text.lower() in ("of", "for", "by") and named:
                del result[-2:]
            elif last == ["map", "neutral", "neutral"] and result[-2].text.lower() in ("of", "for", "by") and named:
                del result[-3:]
            if last[-1:] == ["which"] and result[-1].value in ("all", "both") and mention.value in ("any", "many"):
                mention.value = "both" if result.pop().value == "both" else "many"
        result.append(mention)
    return result


def _number_of(mention: Mention) -> tuple[float, float]:
    if mention.value == "word":
        return (1.0 if mention.text.lower() in ONE else float(CARDINALS.index(mention.text.lower()))), 0.0
    if mention.text.count(".") > 1:
        return float("nan"), 0.0
    text = mention.text.replace(",", "")
    decimals = len(text.partition(".")[2])
    return float(text), 0.5 * 10**-decimals


def _numbers(mentions: list[Mention]) -> list[Mention]:
    """Numbers with their unit, their approximation and their bound."""
    result: list[Mention] = []
    index = 0
    while index < len(mentions):
        mention = mentions[index]
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
        value, half_step = _number_of(mention)
        parts = [value]
        last = index
        while (
            last + 2 < len(mentions) and mentions[last + 1].text in ("x", "by") and mentions[last + 2].kind == "number"
        ):
            last += 2
            parts.append(_number_of(mentions[last])[0])
        unit = ""
        following = mentions[last + 1] if last + 1 < len(mentions) else None
        if following is not None and following.kind == "unit":
            unit, last = following.value, last + 1
        scale = _TO_ML.get(unit) or _TO_MM.get(unit) or 1.0
        kind = "ml" if unit in _TO_ML else "mm" if unit in _TO_MM else unit
        text = " ".join(m.text for m in mentions[index : last + 1])
        if len(parts) > 1:
            number = Number(parts[0] * scale, half_step * scale, kind, text, parts=tuple(p * scale for p in parts))
        else:
            number = Number(value * scale, half_step * scale, kind, text)
        mention.number, mention.text = number, text
        _qualify(mention, result)
        result.append(mention)
        index = last + 1
    return result


def _qualify(mention: Mention, before: list[Mention]) -> None:
    """Takes the words "about", "only" and "more than" before a number into it."""
    number = mention.number
    approx = bound = ""
    while before and before[-1].kind in ("approx", "bound", "only"):
        word = before.pop()
        if word.kind == "bound":
            bound = word.value
        elif word.kind == "approx":
            approx = word.value
    mention.number = Number(number.value, number.half_step, number.unit, number.text, approx, bound, number.parts)


def _sized(mentions: list[Mention]) -> list[Mention]:
    """ "the larger of the two lesions" is "the larger lesion"; "the smaller one" is a lesion."""
    result: list[Mention] = []
    index = 0
    while index < len(mentions):
        mention = mentions[index]
        if mention.kind == "which" and mention.value not in ("all", "both"):
            window = mentions[index + 1 : index + 6]
            words = [m.text.lower() for m in window]
            if words[:2] in (["of", "the"], ["of", "these"]) and any(m.kind == "lesion" for m in window[2:4]):
                step = next(n for n, m in enumerate(window) if m.kind == "lesion")
                result += [*(m for m in window[2:step] if m.kind == "number"), mention, window[step]]
                index += step + 2
                continue
            if words and words[0] in ("one", "of them") and (window[0].kind == "number" or window[0].kind == "neutral"):
                result += [mention, Mention("lesion", "one", window[0].text, mention.depth)]
                index += 2
                continue
            spoken = any(m.kind == "lesion" for m in mentions[:index]) or mention.value not in ("other",)
            determined = spoken and index > 0 and mentions[index - 1].text.lower() in ("the", "than the")
            ends = (
                not window
                or words[0] in ("on", "in", "with")
                or window[0].kind in ("mark", "verb", "sep", "boundary", "number", "neg", "do", "cross")
            )
            if (
                determined
                and ends
                and not (window and window[0].kind == "number" and len(window) > 1 and window[1].kind == "lesion")
            ):
                result += [mention, Mention("lesion", "one", "", mention.depth)]
                index += 1
                continue
        result.append(mention)
        index += 1
    return result


def _lesions(mentions: list[Mention]) -> list[Mention]:
    """A lesion with the words that say which: "the second abnormality", "lesion 2", "both lesions", "two lesions"."""
    result: list[Mention] = []
    index = 0
    while index < len(mentions):
        mention = mentions[index]
        if mention.kind == "lesion":
            while result and (result[-1].kind == "which" or (result[-1].kind == "neutral" and _which_before(result))):
                if result[-1].kind == "which":
                    if result[-1].text.lower() in ("all", "all the") and mention.value == "one":
                        result[-1] = Mention("quantifier", "all", result[-1].text, mention.depth)  # the whole of it
                        break
                    mention.value = (
                        f"{result[-1].value}"
                        if mention.value in ("one", "many")
                        else f"{result[-1].value} {mention.value}"
                    )
                result.pop()
            if mention.value == "one" and [m.text.lower() for m in result[-2:]] == ["none of", "the"]:
                result[-2:] = [Mention("quantifier", "nothing", "none of", mention.depth)]
            if mention.value == "many" and [m.text.lower() for m in result[-2:]] in (
                ["all of", "the"],
                ["all of", "these"],
            ):
                del result[-2:]
                mention.value = "all"
            ahead = mentions[index + 1 :]
            while ahead and ahead[0].text in ("-", "no", "number", "#", "no."):
                ahead = ahead[1:]
            if (
                ahead
                and ahead[0].kind == "number"
                and ahead[0].number.unit == ""
                and ahead[0].text.isdigit()
                and mention.value == "one"
            ):
                mention.value = ahead[0].text
                index = mentions.index(ahead[0])
            _sided_lesion(mention, result, mentions[index + 1 :])
            result.append(mention)
        elif mention.kind == "number" and _counts(mention, mentions, index):
            lesion = next(m for m in mentions[index + 1 :] if m.kind in ("lesion", "map"))
            lesion.counted = True
            mention.value = "count"
            result.append(mention)
        else:
            result.append(mention)
        index += 1
    return result


def _sided_lesion(mention: Mention, before: list[Mention], after: list[Mention]) -> None:
    """ "the left lesion", "the lesion on the right measures": which one, said by its side."""
    if mention.value != "one":
        return
    if (
        len(before) > 1
        and before[-1].kind == "side"
        and before[-1].value in ("left", "right")
        and before[-2].text.lower() == "the"
    ):
        mention.value = f"side:{before.pop().value}"
        return
    words = [m.text.lower() for m in after[:2]]
    subject = before and before[-1].text.lower() == "the" and not any(m.kind == "verb" for m in before)
    if (
        subject
        and words in (["on", "the"], ["in", "the"])
        and len(after) > 3
        and after[2].kind == "side"
        and after[2].value in ("left", "right")
        and after[3].kind == "verb"
    ):
        mention.value = f"side:{after[2].value}"
        after[2].read = True


def _which_before(result: list[Mention]) -> bool:
    return len(result) > 1 and result[-2].kind == "which" and result[-1].text.lower() in ("the", "of")


def _counts(mention: Mention, mentions: list[Mention], index: int) -> bool:
    """Whether a number counts the lesions or maps named right after it."""
    number = mention.number
    if number.unit or number.parts or not float(number.value).is_integer() or "." in number.text:
        return False
    for following in mentions[index + 1 : index + 4]:
        if following.kind in ("lesion", "map"):
            return True
        if following.kind not in ("neutral", "which", "side", "lobe") or following.text.lower() in ("of", "on", "in"):
            return False
    return False


_BETWEEN = frozenset({"the", "of", "of the", "on", "in", "in the", "on the", "atlas position", "of the patient"})


def _places(mentions: list[Mention]) -> list[Mention]:
    """A region or lobe takes the side that stands right before it, or right after it where it has none."""
    result: list[Mention] = []
    for mention in mentions:
        if (
            mention.kind in ("region", "lobe")
            and result
            and result[-1].kind == "side"
            and result[-1].value in ("left", "right")
        ):
            mention.side = result.pop().value
        result.append(mention)
    index = 0
    while index < len(result):
        mention = result[index]
        if mention.kind in ("region", "lobe") and mention.side is None:
            ahead = index + 1
            while ahead < len(result) and result[ahead].kind == "neutral" and result[ahead].text.lower() in _BETWEEN:
                ahead += 1
            if (
                ahead > index + 1
                and ahead < len(result)
                and result[ahead].kind == "side"
                and result[ahead].value in ("left", "right")
            ):
                mention.side = result[ahead].value
                del result[index + 1 : ahead + 1]
        index += 1
    return result
