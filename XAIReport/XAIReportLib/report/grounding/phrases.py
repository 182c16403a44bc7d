"""From words to what they name together: numbers with units, lesions with what says which, regions with a side."""

from __future__ import annotations

from .mentions import Mention
from .numerals import halves, numbers, shared_units


def phrases(mentions: list[Mention]) -> list[Mention]:
    _not_the_other_modality(mentions)
    counted = _unbracketed(numbers(shared_units(halves(_maps(_apposed(mentions))))))
    return _places(_lesions(_numbered(_sized(_compared_maps(counted)))))


def _not_the_other_modality(mentions: list[Mention]) -> None:
    """The "not" of "the image is CT, not MR, and ..." stands over the modality alone."""
    for before, m, behind in zip(mentions, mentions[1:], mentions[2:], strict=False):
        if m.text.lower() == "not" and before.text == "," and behind.kind == "cue" and behind.value in ("mr", "ct"):
            m.value = "next"


def _apposed(mentions: list[Mention]) -> list[Mention]:
    """ "the runner-up, glioma, scored 0.21" is "the runner-up glioma scored 0.21"."""
    result: list[Mention] = []
    for i, m in enumerate(mentions):
        ahead = mentions[i + 1 : i + 3]
        if m.text == "," and len(ahead) == 2 and ahead[0].kind == "map" and ahead[1].text == "," and _one_map(result):
            if result[-1].kind == "map":
                result.pop()  # "one heat map, Grad-CAM, overlaps; the other, ScoreCAM, does not": the name says which
            result.pop()
            mentions[i + 2].text, mentions[i + 2].kind = "", "neutral"
            continue
        named = len(ahead) == 2 and ahead[0].kind == "class" and ahead[1].text == ","
        opens = m.text == "," and named and i > 0 and mentions[i - 1].kind in ("rank", "suggest", "classes")
        closes = m.text == "," and result and result[-1].kind == "class" and i > 1 and mentions[i - 2] not in result
        if not opens and not closes:
            result.append(m)
    return result


def _one_map(before: list[Mention]) -> bool:
    last = before[-2:] if before and before[-1].kind == "map" and before[-1].value == "any" else before[-1:]
    if not last:
        return False
    counted = len(last) == 2 and last[0].kind == "number" and last[0].text.lower() == "one"
    return counted or (last[0].kind == "which" and last[0].value == "other")


def _maps(mentions: list[Mention]) -> list[Mention]:
    """ "the mask of Grad-CAM" is Grad-CAM's; "both heat maps" are all of them."""
    result: list[Mention] = []
    for mention in mentions:
        if mention.kind == "map":
            last = [m.kind for m in result[-3:]]
            named = mention.value not in ("any", "many")
            if last[-1:] == ["map"] and mention.value == "any" and result[-1].text.lower().endswith("'s"):
                continue  # "ScoreCAM's mask"
            if last[-2:] == ["map", "neutral"] and result[-1].text.lower() in ("of", "for", "by") and named:
                del result[-2:]
            elif last == ["map", "neutral", "neutral"] and result[-2].text.lower() in ("of", "for", "by") and named:
                del result[-3:]
            if last[-1:] == ["which"] and result[-1].value in ("all", "both") and mention.value in ("any", "many"):
                mention.value = "both" if result.pop().value == "both" else "many"
        result.append(mention)
    return result


def _unbracketed(mentions: list[Mention]) -> list[Mention]:
    """ "smaller (3.79 ml) than the other" is "(3.79 ml) smaller than the other"."""
    result = list(mentions)
    for i, m in enumerate(mentions[:-1]):
        if m.kind != "which" or m.value not in ("smaller", "larger") or mentions[i + 1].text != "(":
            continue
        end = next((j for j in range(i + 1, len(mentions)) if mentions[j].text == ")"), len(mentions))
        if end + 1 < len(mentions) and mentions[end + 1].text.lower() == "than":
            compared = Mention("compare", "<" if m.value == "smaller" else ">", f"{m.text} than", m.depth)
            much = [mentions[i - 1]] if i and mentions[i - 1].kind == "much" else []
            start = i - len(much)
            return [*mentions[:start], *mentions[i + 1 : end + 1], *much, compared, *mentions[end + 2 :]]
    return result


def _compared_maps(mentions: list[Mention]) -> list[Mention]:
    """ "a larger mask than B" is "larger than B"; "the right-sided one" is a lesion."""
    result: list[Mention] = []
    index = 0
    while index < len(mentions):
        m = mentions[index]
        ahead = mentions[index + 1 : index + 3]
        said = [(a.kind, a.text.lower()) for a in ahead]
        noun = bool(ahead) and ahead[0].value in ("any", "volume")
        than = len(said) == 2 and said[0][0] in ("map", "quantity") and noun and said[1] == ("sep", "than")
        if than and m.kind == "which" and m.value in ("smaller", "larger"):
            result.append(Mention("compare", "<" if m.value == "smaller" else ">", f"{m.text} than", m.depth))
            index += 3
            continue
        if m.kind == "side" and m.value == "midline" and ahead and ahead[0].text.lower() == "one":
            result.append(m)  # "a midline one"
            index += 2
            continue
        bare = (
            len(ahead) == 2
            and ahead[0].text.lower() == "of"
            and ahead[1].kind == "number"
            and ahead[1].number.unit == ""
        )
        sized = (
            len(ahead) == 2
            and ahead[0].text.lower() == "of"
            and ahead[1].kind == "number"
            and ahead[1].number.unit == "ml"
        )
        of_map = sized and bool(result) and result[-1].kind == "map"
        if (bare or of_map) and m.text.lower() == "one" and "." in ahead[1].text:
            index += 2  # "and B one of 0.62"
            continue
        if m.text.lower() == "one" and m.kind in ("number", "neutral") and (side := _side_of_one(mentions, index)):
            result.append(Mention("lesion", f"side:{side}", m.text, m.depth))
            index += 1
            continue
        if m.kind == "side" and m.value in ("left", "right") and ahead and ahead[0].text.lower() == "one":
            result.append(Mention("lesion", f"side:{m.value}", f"{m.text} one", m.depth))
            index += 2
            continue
        result.append(m)
        index += 1
    return result


def _side_of_one(mentions: list[Mention], index: int) -> str:
    """The side in "one of 4.03 ml in the left hemisphere" and in "the one on the right", or nothing."""
    ahead = mentions[index + 1 :]
    end = next(
        (n for n, m in enumerate(ahead) if m.kind in ("sep", "boundary") or m.text in (",", ";", ".")), len(ahead)
    )
    part = [m for m in ahead[:end] if m.kind != "neutral" and m.text not in ("(", ")")]
    sides = [m for m in part if m.kind == "side" and m.value in ("left", "right")]
    volumes = [m for m in part if m.kind == "number" and m.number.unit == "ml"]
    sized = len(part) == 2 and len(volumes) == len(sides) == 1
    placed = index > 0 and mentions[index - 1].text.lower() == "the" and bool(part) and part[0] in sides
    return sides[0].value if sides and (sized or placed) else ""


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
            last = next((m.kind for m in reversed(mentions[:index]) if m.kind in ("lesion", "map")), "lesion")
            if (
                last == "map"
                and words[:3] == ["of", "the", "three"]
                and not any(m.kind == "lesion" for m in window[3:5])
            ):
                result += [window[2], mention, Mention("map", "many", "of the", mention.depth)]
                window[2].value = "count"
                index += 4
                continue
            if words[:3] == ["of", "the", "two"] and not any(m.kind == "lesion" for m in window[3:5]):
                kind, value = ("map", "any") if last == "map" else ("lesion", "one")
                result += [mention, Mention(kind, value, "of the two", mention.depth)]
                index += 4
                continue
            if words and words[0] in ("one", "of them") and (window[0].kind == "number" or window[0].kind == "neutral"):
                kind, value = ("map", "any") if last == "map" else ("lesion", "one")
                result += [mention, Mention(kind, value, window[0].text, mention.depth)]
                index += 2
                continue
            spoken = any(m.kind == "lesion" for m in mentions[:index]) or mention.value not in ("other",)
            determined = spoken and index > 0 and mentions[index - 1].text.lower() in ("the", "than the")
            ends = (
                not window
                or words[0] in ("on", "in", "with")
                or (words[0] == "of" and len(window) > 1 and window[1].kind == "number" and window[1].number.unit != "")
                or window[0].kind
                in ("mark", "verb", "sep", "boundary", "number", "neg", "do", "cross", "region", "lobe")
                or (window[0].kind == "quantifier" and mention.value in ("1", "2", "3"))
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


def _numbered(mentions: list[Mention]) -> list[Mention]:
    """ "lesions 1 and 2" is "lesion 1 and lesion 2"."""
    result: list[Mention] = []
    index = 0
    while index < len(mentions):
        m, ahead = mentions[index], mentions[index + 1 : index + 4]
        numbers = [a for a in ahead if a.kind == "number" and a.text.isdigit() and a.number.unit == ""]
        listed = [a.kind for a in ahead] == ["number", "sep", "number"] and len(numbers) == 2
        if m.kind == "lesion" and m.value == "many" and listed:
            first, joint, second = ahead
            result += [Mention("lesion", first.text, f"{m.text} {first.text}", m.depth), joint]
            result.append(Mention("lesion", second.text, second.text, m.depth))
            index += 4
            continue
        result.append(m)
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
            if mention.value == "one" and [m.text.lower() for m in result[-1:]] == ["neither"]:
                mention.value = "both"  # "neither lesion lies there"
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


_PLACED = ("of", "on", "in", "from", "by", "with", "for")


def _counts(mention: Mention, mentions: list[Mention], index: int) -> bool:
    """Whether a number counts the lesions or maps named right after it."""
    number = mention.number
    if number.unit or number.parts or not float(number.value).is_integer() or "." in number.text:
        return False
    for following in mentions[index + 1 : index + 4]:
        if following.kind in ("lesion", "map"):
            return True
        if following.kind not in ("neutral", "which", "side", "lobe") or following.text.lower() in _PLACED:
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
        behind = [m for m in result[index + 1 : index + 3] if m.text != ","]
        if mention.kind in ("region", "lobe") and behind and behind[0].text.lower() == "of which":
            behind[0].kind = "unknown"  # "the frontal pole, of which it fills 13.9 %" is no share of the lesion
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
