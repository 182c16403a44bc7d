"""False sentences by script: true ones (the template's, paraphrases.txt, ways.txt, unseen/) with one thing changed, by kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path

from cases import RECIPES
from measured import all_cases, findings_of
from XAIReportLib.report import narrative
from XAIReportLib.report.schema import Lesion, Saliency
from XAIReportLib.report.wording import class_name, method_name

PARAPHRASES = Path(__file__).with_name("paraphrases.txt")
WAYS = Path(__file__).with_name("ways.txt")
UNSEEN = Path(__file__).with_name("unseen")  # batches: their lines begin with "+ " where they are true, "- " where not
Said = tuple[str, str]  # the case's name, the sentence


def paraphrases(path: Path = PARAPHRASES) -> list[Said]:
    """Each true sentence with its case."""
    said, case = [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            case = line.strip("[]")
        elif line and not line.startswith("#"):
            said.append((case, line))
    return said


def ways() -> list[Said]:
    """The sentences of ways.txt: each frame with each of its ways."""
    said, frame = [], ""
    for case, line in paraphrases(WAYS):
        if not line.startswith(" "):
            frame = line
            continue
        whole = (frame.replace("{}", way.strip()) for way in line.split("|") if way.strip())
        said += [(case, text[0].upper() + text[1:]) for text in whole]
    return said


def batch(path: Path, sign: str) -> list[Said]:
    """The true ("+") or false ("-") sentences of a batch."""
    return [(case, text[2:]) for case, text in paraphrases(path) if text[:2] == f"{sign} "]


def batches() -> list[Path]:
    return sorted(UNSEEN.glob("*.txt"))


def worked_through() -> list[Path]:
    """The batches whose refused true sentences were gone through; "# open" in the head of another says that this is to be done."""
    return [path for path in batches() if "\n# open:" not in path.read_text(encoding="utf-8")]


@cache
def template() -> tuple[Said, ...]:
    return tuple((name, s.text) for name in all_cases() for s in narrative.write(findings_of(name)).sentences)


@cache
def true_sentences() -> tuple[Said, ...]:
    unseen = (said for path in batches() for said in batch(path, "+"))
    return tuple(dict.fromkeys((*template(), *paraphrases(), *ways(), *unseen)))


_NEGATED = re.compile(r"\b(not|no|neither|nor|none|nothing|cannot|without|only|never)\b", re.IGNORECASE)
_SIDES = {"left": "right", "right": "left"}


def side() -> Iterator[Said]:
    for case, text in true_sentences():
        if "left and right follow" in text or text.startswith(
            ("One lesion lies", "The two lesions lie on", "The model found two lesions, one")
        ):
            continue
        if "one on the left and one on the right" in text or text.startswith(
            "One heat map lies on the right and the other"
        ):
            continue  # with its sides exchanged it is as true
        places = [*re.finditer(r"\b(left|right)\b", text)]
        if places:
            yield case, re.sub(r"\b(left|right)\b", lambda m: _SIDES[m[0]], text)
        if len(places) > 1 and len({m[0] for m in places}) == 1:
            for place in places:  # one of several
                yield case, text[: place.start()] + _SIDES[place[0]] + text[place.end() :]
        if len(places) == 1 and not _NEGATED.search(text) and "ippocampus" not in text:
            for start, other in (
                ("on the {}", "on both sides"),
                ("{}-sided", "bilateral"),
                ("the {} ", "the midline "),
            ):
                old = start.format(places[0][0])
                if old in text and findings_of(case).prediction.outcome != "no_lesion_found":
                    yield case, text.replace(old, other)
    yield from _unknown_sides()
    yield from _sides_of_masks()


def _unknown_sides() -> Iterator[Said]:
    for case in ("failed registration", "forced", "picture", "no lesion", "not applicable"):
        for one in ("left", "right"):
            yield case, f"The segmented abnormality lies on the {one} of the patient."
            yield case, f"A {one}-sided lesion was found."
            yield case, f"The lesion is in the {one} hemisphere."


def _sides_of_masks() -> Iterator[Said]:
    every = ((case, subject, mask, one) for case in RECIPES for subject, mask in _masks(case) for one in _SIDES)
    for case, subject, mask, one in every:
        other = _SIDES[one]
        if mask.side != one:
            yield case, f"{subject} is a {one}-sided finding."
            yield case, f"{subject} lies {one} of the midline."
            yield case, f"{subject} is found in the {one} half of the brain, not in the {other} half."
        else:
            yield case, f"{subject} is not on the {one}."
            yield case, f"{subject} crosses the midline to the {other} and lies there mostly."
        if ((mask.left_percent if one == "left" else mask.right_percent) or 0) <= 50:
            yield case, f"Most of {subject[0].lower()}{subject[1:]} is on the {one}."


def _masks(case: str) -> Iterator[tuple[str, Lesion | Saliency]]:
    found = findings_of(case)
    yield from ((f"Lesion {n}", lesion) for n, lesion in enumerate(found.lesions, start=1))
    yield from ((f"The mask of {method_name(s.method)}", s) for s in found.saliency)


_ELSEWHERE = ("Cuneal Cortex", "Temporal Pole", "Putamen", "Precuneous Cortex", "Lingual Gyrus", "Amygdala")
_PLACES = (
    "Middle Frontal Gyrus|Frontal Pole|Insular Cortex|Superior Parietal Lobule|Postcentral Gyrus|Angular Gyrus|Sellar region|"
    "Thalamus|Lateral Ventricle|Lateral Occipital Cortex|Hippocampus|White matter"
)


def region() -> Iterator[Said]:
    for case, text in true_sentences():
        if _NEGATED.search(text.replace("Only", "")) and "3.4 mm" not in text:
            continue
        for place in re.finditer(_PLACES, text, re.IGNORECASE):
            for other in _ELSEWHERE:
                yield case, text[: place.start()] + other + text[place.end() :]
        for lobe in re.finditer(r"\b(frontal|parietal|occipital)(?= (?:lobe|segmented))", text):
            for other in ("temporal", "cerebellar", "limbic"):
                yield case, text[: lobe.start()] + other + text[lobe.end() :]


_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\d.]*\w*\.\d)(?!\w)|\b(?:one|two|three)\b", re.IGNORECASE)
_WORDS = {"one": "two", "two": "three", "three": "four"}
_BOUND = re.compile(
    r"(more|less|smaller|higher|fewer|above|below) than|not exceed|\bbelow\b|\babove\b|at least|at most|level|"
    r"\b(?:under|over) [\d.]|(?:neither|not|none) .*\b(?:reach|exceed|larger)",
    re.IGNORECASE,
)


def _other_numbers(text: str) -> Iterator[str]:
    if text.lower() in _WORDS:
        yield _WORDS[text.lower()]
        return
    value, decimals = float(text.replace(",", "")), len(text.partition(".")[2])
    for changed in (value * 1.31 + 2 * 10**-decimals, value * 10 + 10**-decimals, value / 3 + 4 * 10**-decimals):
        new = f"{changed:.{decimals}f}"
        if float(new) != value:
            yield new
    swapped = text[:-2] + text[-1] + text[-2:-1]
    if text[-2:].isdigit() and len(text) > 1 and abs(float(swapped.replace(",", "")) - value) > 0.02 * value:
        yield swapped


_PROPER = re.compile(
    r"brain_tumor_mri|Jun Cheng, brain tumor dataset \(Figshare 1512427\)|one of these names|exclude one|from zero to one|"
    r"centres of two(?= (?:of|lesions|abnormalities))"  # of any two, and so of three
)


def _outside_names(text: str) -> str:
    return _PROPER.sub(lambda m: "#" * len(m[0]), text)


def number() -> Iterator[Said]:
    for case, text in true_sentences():
        if _BOUND.search(text) or (text.startswith("Only one") and case != "abstained"):
            continue
        for place in _NUMBER.finditer(_outside_names(text)):
            if re.match(r"\d+[.)] ", text[place.start() :]) and not place.start():
                continue  # of a list
            for other in _other_numbers(place[0]):
                yield case, text[: place.start()] + other + text[place.end() :]


_FIGURE = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?!\w*\.\d)(?: ?(ml|mm|%))?")
_NUMBERED = re.compile(r"(?:lesions?|abnormalit(?:y|ies)) (?:\d(?:, | and | or ))*$", re.IGNORECASE)


def exchanged() -> Iterator[Said]:
    """Two figures of one unit in each other's place; not the numbers of abnormalities, nor "0.53 or 0.54"."""
    for case, text in true_sentences():
        figures = [f for f in _FIGURE.finditer(text) if not _NUMBERED.search(text[: f.start()])]
        for one, other in combinations(figures, 2):
            between = text[one.end() : other.start()]
            if one[0] != other[0] and one[1] == other[1] and between != " or ":
                yield case, text[: one.start()] + other[0] + between + one[0] + text[other.end() :]


_UNITS = {
    r"(?<=\d) ml\b": (" mm", " l", " cm", " %", " voxels", " mm3"),
    r"(?<=\d) (?:mL|cc|cm³|millilitres)(?!\w)": (" mm", " litres", " %", " µl"),
    r"(?<=\d) (?:mm|millimetres)\b(?!3)": (" cm", " ml", " m", " %"),
    r"(?<=\d) (?:mm³|mm3)(?!\w)": (" ml", " cm³", " mm"),
    r"(?<=\d) (?:%|percent)": (" ml", " mm", " voxels", ""),
    r"(?<=\d) (?:voxels|pixels)\b": (" ml", " mm", " %"),
    r"(?<=\d\.\d\d)(?=[ ,.]?(?:$|[a-z(),;.]| [a-z(]))(?! (?:ml|mm|cm|cc|mL|%|x|×|millil|and [\d.]+ m[lm]))": (
        " ml",
        " %",
        " mm",
    ),
}


_SHARED = re.compile(r"(?: (?:versus|against|by) [\d.]+)+ (ml|mm)\b", re.IGNORECASE)


def unit() -> Iterator[Said]:
    for case, text in true_sentences():
        if _BOUND.search(text) or re.search(
            r"\d, [\d.]+ and [\d.]+ m[ml]", text
        ):  # a unit that all share may be said of each
            continue
        for old, others in _UNITS.items():
            for place in re.finditer(old, _outside_names(text)):
                for other in others:
                    nothing = re.search(r"(?<![\d.])0(\.0+)?$", text[: place.start()])
                    if (nothing and other in ((" %", " cm") if nothing[1] else (" cm", " m", " l", " ml"))) or (
                        (shared := _SHARED.match(text, place.end())) and other.strip() == shared[1].lower()
                    ):
                        continue  # nothing is nothing, and the unit that is shared with the next number is its own
                    yield case, text[: place.start()] + other + text[place.end() :]


_CLASSES = ("glioma", "meningioma", "pituitary tumour")
_SYMMETRIC = re.compile(
    r"\bknown?s?\b|knowledge|distinguish|\bcovers\b|be neither|cannot name|both (?:scored )?below|"
    r"could not be separated|do not separate|set aside|and [a-z ]+ each (?:remain|stay|score)|differ by|class set|\bscores of\b|"
    r"\blesions other than\b|vocabulary|able to recognise|recognises only|only name|classes are|trained on|"
    r"(?:limited|restricted|confined) to|scores for any of",
    re.IGNORECASE,
)


def class_() -> Iterator[Said]:
    for case, text in true_sentences():
        named = [name for name in _CLASSES if re.search(rf"\b{name}\b", text, re.IGNORECASE)]
        if "can be set aside" in text or "knows" in text or "to know" in text or not named:
            continue
        if "set aside" in text and case == "abstained":  # of two classes it is true
            continue
        if len(named) == 1 and not re.search(
            r"\b(not|no|[Nn]either|hardly|below 0\.1)\b", text.replace("not calibrated", "").replace("from, not", "")
        ):
            for other in _CLASSES:
                if other != named[0]:
                    yield case, _renamed(text, {named[0]: other})
        if len(named) == 2 and not re.search(
            r"\bnot\b|Neither|neither|between|differ|slightly|set aside|class set|separate|\bsame score|"
            r"both scored|both below|stay below|each (?:remain|stay|score)|together|(?:nearly|almost) the same|"
            r"similar|equal|close|two leading|classes that remain|\bapart\b|have scores below|leave both|[Bb]oth .* have to",
            text,
        ):
            yield case, _renamed(text, {named[0]: named[1], named[1]: named[0]})
        if len(named) == 3 and not _SYMMETRIC.search(text):
            yield case, _renamed(text, {named[0]: named[1], named[1]: named[0]})
            yield case, _renamed(text, {named[0]: named[2], named[2]: named[0]})
    yield from _wrong_orders()
    yield from _wrong_suggestions()


def _wrong_orders() -> Iterator[Said]:
    for case in RECIPES:
        scores = findings_of(case).prediction.scores
        for pair in ((one, other) for one in scores for other in scores if one < other):
            low, high = (class_name(label) for label in sorted(pair, key=scores.__getitem__))
            yield case, f"{low.capitalize()} scored higher than {high}."
            yield case, f"The model score of {high} is lower than that of {low}."


def _wrong_suggestions() -> Iterator[Said]:
    for case in RECIPES:
        label = findings_of(case).prediction.label
        for other in _CLASSES:
            if label is None or not other.startswith(label):
                yield case, f"The model's suggestion is {other}."
                yield case, f"The model suggests {other}."
                if label:
                    yield case, f"{other.capitalize()} is the class with the highest score."
                yield case, f"The segmented abnormality is a {other}."
                yield case, f"Heat maps were computed for {other}." if label else f"The model favours {other}."


def _renamed(text: str, names: dict[str, str]) -> str:
    changed = re.sub("|".join(names), lambda m: names[m[0].lower()], text, flags=re.IGNORECASE)
    return changed[0].upper() + changed[1:]


_TURNS = (
    (r"\b(is|are|was|were|can|could|has been|have been|will)\b(?! not\b| no\b| neither\b)", r"\1 not"),
    (r"\bcannot\b", "can"),
    (r"\b(is|are|was|were|does|do|did|can|could|should|have|has) not\b", r"\1"),
    (r", not\b", ", and also"),
    (r"\bnot\b", "indeed"),
    (r"\bprojects\b", "does not project"),
    (r"(?<!not )\bproject\b", "do not project"),
    (r"\blies\b", "does not lie"),
    (r"(?<!not )\blie\b", "do not lie"),
    (r"\bmeasures\b", "does not measure"),
    (r"\bmeasure\b", "do not measure"),
    (r"\b(suggest|favour|cover|exceed|straddle|hold|abstain|overlap|know|highlight|agree)s\b", r"does not \1"),
    (r"\b(scored|received|obtained|failed|abstained|gave|consists|covers|segmented (?=three))", r"never \1"),
    (r"\bwithout\b", "with"),
    (r"\b[Nn]o (?=\w+ (?:is|was|were|can|could|remains|of)\b)", "A "),
    (r"^No (?=lesion|abnormality|heat)", "A "),
    (r"\b[Nn]othing\b", "Something"),
    (r"\bunknown\b", "known"),
    (r"^(One|A single|Two|Three|2|3) (?=segmented|lesion|heat|abnormal)", "No "),
    (r"^There (is|are) (one|two)", r"There \1 no"),
)


def negation() -> Iterator[Said]:
    for case, text in true_sentences():
        if text.startswith("Warning: ") or "left and right follow" in text:
            continue
        bare = _outside_names(text)
        for old, new in _TURNS:
            for place in re.finditer(old, bare):
                if text[place.start() - 3 :].startswith("or not at all"):
                    continue  # "or indeed at all" says nothing
                yield case, text[: place.start()] + place.expand(new) + text[place.end() :]
        for neither in re.finditer(r"[Nn]either (.*?) nor ", text):
            yield case, text.replace(neither[0], f"Both {neither[1]} and ")
        if ":" not in text and not text.startswith("For") and "." not in text[:-1].replace("0.", "").replace("+.", ""):
            yield case, f"It is not the case that {text[0].lower()}{text[1:]}"
            yield case, f"It is wrong that {text[0].lower()}{text[1:]}"


@cache
def never_said(section: str) -> tuple[str, ...]:
    """Endings, words or sentences of one section of never_said.txt."""
    return tuple(text for name, text in paraphrases(Path(__file__).with_name("never_said.txt")) if name == section)


def _with_tail(tails: tuple[str, ...], step: int) -> Iterator[Said]:
    bases = [(case, text) for case, text in true_sentences() if text.endswith(".") and len(text) < 130][::step]
    for index, (case, text) in enumerate(bases):
        for offset in range(4):
            tail = tails[(4 * index + offset) % len(tails)]
            yield case, f"{text[:-1]}{' ' if offset % 2 else ', '}{tail}."
    for case in RECIPES:
        yield from ((case, f"{tail[0].upper()}{tail[1:].removeprefix('nd ')}.") for tail in tails[:12])


def history() -> Iterator[Said]:
    yield from _with_tail(never_said("history"), 2)


def treatment() -> Iterator[Said]:
    yield from _with_tail(never_said("treatment"), 2)


def cause() -> Iterator[Said]:
    yield from _with_tail(never_said("cause"), 2)
    yield from ((case, text) for case in RECIPES for text in never_said("cause, whole"))


def certainty() -> Iterator[Said]:
    index, words = 0, never_said("certainty")
    for case, text in true_sentences():
        for verb in re.finditer(r"\b(is|are|lies|was|projects|measures|scored|suggests|favours)\b", text):
            word = words[index % len(words)]
            index += 1
            yield case, f"{text[: verb.end()]} {word}{text[verb.end() :]}"
            yield case, f"{word.capitalize()}, {text[0].lower()}{text[1:]}"
            break
    for case in RECIPES:
        for verdict in never_said("certainty, whole"):
            said = verdict.format(_CLASSES[len(case) % 3])
            yield case, said[0].upper() + said[1:]


KINDS = {
    "side": side,
    "region": region,
    "number": number,
    "exchanged": exchanged,
    "unit": unit,
    "class": class_,
    "negation": negation,
    "history": history,
    "treatment": treatment,
    "certainty": certainty,
    "cause": cause,
}


@cache
def mutated(kind: str) -> tuple[Said, ...]:
    """False sentences of one kind; none of them is a true one of its case."""
    known = set(true_sentences())
    return tuple(said for said in dict.fromkeys(KINDS[kind]()) if said not in known)
