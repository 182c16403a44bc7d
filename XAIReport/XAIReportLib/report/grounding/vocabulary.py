"""Words and phrases that can be read: those of words.en.txt, and the names in the findings of one case."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

from ..passages import series_of
from ..schema import Findings
from ..wording import class_name, method_name
from .mentions import Mention
from .numerals import CARDINALS, FRACTIONS, ONE
from .phrases import phrases

_HERE = Path(__file__).parent
_WORDS = _HERE / "words.en.txt"
# Subjects with words of their own, and what tells that a sentence is about them; the first that fits.
SUBJECTS = {
    "edits": re.compile(
        r"\breader\b|\bthe edit\b|\bown outlines\b|\boriginally (?:outlined|segmented|measured)|"
        r"\b(?:itself|model|originally) had (?:itself |originally )?(?:outlined|segmented|found|detected|identified|marked)\b",
        re.IGNORECASE,
    ),
    "checks": re.compile(
        r"\bchecks?\b(?<!not check)|\bcorrelation|\bdisagree(?:ment)?s?\b(?=.*method)|\bmethods? (?:do|did) not agree|"
        r"\bmethods (?:\w+ )?disagree|\bscore (?:is left|was left|left without|remain|persist)|\bnoise changes|"
        r"\bagreement (?:between|of|among) (?:the )?(?:two |both |all )?(?:heat maps|saliency maps|maps|methods)\b"
        r"(?= (?:is|was|of|at|amount\w*|reach\w*|equal\w*)\b| ?[,(]|\.?$)|"
        r"\bsmall changes (?:of|to) the image|\blikeness|\bslices whose class was",
        re.IGNORECASE,
    ),
    "changed": re.compile(
        r"\b(?:these changes|without the (?:segmented )?(?:lesion|abnormality)|(?:lesion|abnormality) alone|"
        r"only the (?:segmented )?(?:lesion|abnormality) (?:is|was|left|visible|remaining)|"
        r"shown to the model|with noise|noise is|"
        r"absence of the (?:segmented )?(?:lesion|abnormality)|(?:blott|paint|edit|wip)(?:ed|ing) (?:out|over)|"
        r"remov(?:e|es|ed|ing|al)|eras(?:e|ed|ing)|delet(?:e|ed|ing|ion)|mask(?:ed|ing) out|inpaint\w*|"
        r"replac(?:e|es|ed|ing)|"
        r"background|hottest|most salient|unchanged|original (?:slices|images?)|unmodified|again|zero(?:ed|ing)?|"
        r"black(?:ed|ing) out|"
        r"taken away|tak(?:es|e|ing) away|took away|no longer|"
        r"kept|keeping|isolat\w+|what led|flip\w*|occlud\w+|changed images?|everything (?:but|except|outside|other)|"
        r"blank(?:ed|ing)|"
        r"re-?(?:examined|evaluated|run|analysed)|cut(?:ting)? out|fill(?:ed|ing) in|taken out|retained|retaining|"
        r"(?:is|are|was|were|be|only|lesion|abnormality) left in)\b",
        re.IGNORECASE,
    ),
}


_TOKEN = re.compile(
    r"(?P<number>(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)*)"
    r"|(?P<word>[^\W\d][\w']*(?:[-/][^\W\d][\w']*)*(?:\+\+|\^\d)?)"
    r"|(?P<mark>\S)"
)


_FRACTIONS = {tuple(words.split()) for words in FRACTIONS}
Entry = tuple[tuple[str, ...], str, str]
Table = dict[int, dict[tuple[str, ...], Entry]]


def subject_of(sentence: str) -> str:
    """The subject of a sentence that has words of its own, or none."""
    return next((name for name, tells in SUBJECTS.items() if tells.search(sentence)), "")


@cache
def entries(path: Path = _WORDS) -> dict[str, tuple[Entry, ...]]:
    rows: dict[str, list[Entry]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            head, _, phrases = line.partition(" = ")
            kind, _, value = head.partition(" ")
            for pattern in phrases.split("|"):
                for phrase in spelled(pattern.strip()):
                    words = tuple(phrase.split())
                    rows.setdefault(words[0], []).append((words, kind, value))
    return {first: tuple(sorted(entries, key=lambda row: -len(row[0]))) for first, entries in rows.items()}


def _by_length(subject: str, first: str, own: Iterable[Entry]) -> Table:
    """The phrases that begin with a word by their length, the longest first; of equal ones the subject's, then names."""
    special = entries(_HERE / f"words.{subject}.en.txt").get(first, ()) if subject else ()
    rows = (*special, *own, *entries().get(first, ()))
    table: Table = {n: {} for n in sorted({len(row[0]) for row in rows}, reverse=True)}
    for row in rows:
        table[len(row[0])].setdefault(row[0], row)
    return table


@lru_cache(maxsize=4096)
def _table(subject: str, first: str) -> Table:
    """Those of the language alone."""
    return _by_length(subject, first, ())


def spelled(pattern: str) -> list[str]:
    """ "lie[s]" is lie and lies; "measur(e,es)" is measure and measures."""
    found = re.search(r"\[([^\]]*)\]|\(([^)]*)\)", pattern)
    if found is None:
        return [pattern]
    endings = ["", *found[1].split(",")] if found[1] else found[2].split(",")
    return [w for e in endings for w in spelled(pattern[: found.start()] + e + pattern[found.end() :])]


def plain(text: str) -> str:
    """One way of writing: composed letters, straight quotes, plain spaces, hyphens and signs."""
    text = unicodedata.normalize("NFKC", text.replace("×", " x ")).translate(str.maketrans("’‘`´−–‐‑", "''''----"))
    return " ".join(text.split())


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    depth: int


_METRIC = re.compile(r"[a-z]+_(?:accuracy|dice)")
_AGENT, _SERIES = (
    re.compile(r"contrast|gadolinium", re.IGNORECASE),
    re.compile(r"contrast|gadolinium|t1", re.IGNORECASE),
)


def _untold(findings: Findings) -> re.Pattern[str] | None:
    """What words for the series claim too much of this case: it shows no contrast agent, or is no T1 at all."""
    if findings.prediction.outcome == "not_applicable":
        return _SERIES
    return None if series_of(findings) else _AGENT


class Vocabulary:
    """Words of the language and names of one case."""

    def __init__(self, findings: Findings) -> None:
        own = [*_of_masks(findings), *_of_the_model(findings)]
        self._own: dict[str, list[Entry]] = {}
        for words, kind, value in reversed(own):  # of equal names the last: an atlas position before a region
            lowered = tuple(word.lower() for word in words)
            self._own.setdefault(lowered[0], []).append((lowered, kind, value))
        self._tables: dict[tuple[str, str], Table] = {}
        self._untold = _untold(findings)

    def mentions(self, sentence: str) -> list[Mention]:
        """What a sentence mentions, in order; unread words are of kind "unknown"."""
        found = list(self._raw(list(tokens(plain(sentence))), subject_of(sentence)))
        if self._untold is not None:
            found = [
                replace(m, kind="unknown") if m.kind == "neutral" and self._untold.search(m.text) else m for m in found
            ]
        return phrases(found)

    def _table(self, subject: str, first: str) -> Table:
        if first not in self._own:
            return _table(subject, first)
        if (subject, first) not in self._tables:
            self._tables[subject, first] = _by_length(subject, first, self._own[first])
        return self._tables[subject, first]

    def _raw(self, tokens: list[Token], subject: str) -> Iterator[Mention]:
        index = 0
        lowered = [token.text.lower() for token in tokens]
        while index < len(tokens):
            token = tokens[index]
            if [t.text for t in tokens[index : index + 3]] in (["(", "L", ")"], ["(", "R", ")"]):
                yield Mention("neutral", "", "on the", token.depth)  # "frontal pole (L)"
                side = "left" if tokens[index + 1].text == "L" else "right"
                yield Mention("side", side, tokens[index + 1].text, token.depth)
                index += 3
                continue
            found = None if token.kind == "number" else self._longest(lowered, index, subject)
            if (
                token.kind == "number"
                and token.text[0].isdigit()
                and (longer := self._longest(lowered, index, subject))
            ):
                found = longer if len(longer[0]) > 1 else None
            if found is not None:
                words, kind, value = found
                value, _, side = value.partition("|")
                text = " ".join(t.text for t in tokens[index : index + len(words)])
                yield Mention(kind, value, text, token.depth, side=side or None)
                index += len(words)
                continue
            if token.kind == "number":
                yield Mention("number", "", token.text, token.depth)
            elif token.text == "R":
                yield Mention("side", "right", token.text, token.depth)
            elif token.text.lower() in (*CARDINALS, *ONE):
                yield Mention("number", "word", token.text, token.depth)
            elif token.text == "|":  # of a table's row
                yield Mention("mark", ",", ",", token.depth)
            elif token.kind == "mark":
                yield Mention("mark", token.text, token.text, token.depth)
            else:
                yield Mention("unknown", "", token.text, token.depth)
            index += 1

    def _longest(self, lowered: list[str], index: int, subject: str) -> Entry | None:
        pieces = (tuple(lowered[index : index + n]) for n in (2, 1))
        fraction = next((words for words in pieces if words in _FRACTIONS), ())
        for length, rows in self._table(subject, lowered[index]).items():
            if entry := rows.get(tuple(lowered[index : index + length])):
                if len(fraction) >= length or (lowered[index] in CARDINALS and length == 1):
                    break
                return entry
        return (fraction, "fraction", " ".join(fraction)) if fraction else None


def _of_masks(findings: Findings) -> list[Entry]:
    """Regions, heat maps and atlas positions of one case."""
    own: list[Entry] = []
    for region in _regions(findings):
        for form in region_forms(region):
            own += [(tuple(f"{form}{end}".split()), "region", region) for end in ("", "'s")]
        main, _, division = (piece.strip() for piece in region.lower().partition(","))
        for side in ("left", "right") if division else ():
            own.append((tuple(f"{division} of the {side} {main}".split()), "region", f"{region}|{side}"))
    for saliency in findings.saliency:
        for name in dict.fromkeys((saliency.method, method_name(saliency.method))):
            own.append((tuple(t.text for t in tokens(plain(name))), "map", saliency.method))
    for lesion in findings.lesions:
        for way in lesion.measures.distances if lesion.measures else ():
            own.append((tuple(t.text for t in tokens(plain(way.position))), "landmark", way.position))
    return own


def _of_the_model(findings: Findings) -> list[Entry]:
    """Classes, measures of uncertainty and names of the model, the atlas and the data set."""
    own: list[Entry] = []
    for label in findings.model.classes:
        for name in _class_forms(label):
            own.append((tuple(name.split()), "class", label))
    for name in findings.prediction.uncertainty:
        words = tuple(t.text for t in tokens(plain(name.replace("_", " "))))
        own.append((words, "quantity", "planes" if name == "plane_agreement" else name))
    own += [(tuple(name.split("_")), "metric", name) for name in findings.model.metrics if _METRIC.fullmatch(name)]
    modality = (findings.image.modality or "").lower()
    if modality not in ("", "mr", "ct"):
        own += [((modality, *noun), "cue", "modality") for noun in ((), ("volume",), ("image",), ("scan",))]
    named = (
        ("model", findings.model.name),
        *(("atlas", f"{name}{noun}") for name in _atlas_names(findings) for noun in ("", " atlas")),
        ("data set", findings.model.data_set),
        ("layer", findings.model.saliency_layer),
        ("calibration", findings.model.calibration),
    )
    for value, name in named:
        words = tuple(t.text.lower() for t in tokens(plain(name)))
        if words:
            own.append((words, "name", value))
    own += [
        (tuple(t.text for t in tokens(level)), "neutral", "")
        for level in re.findall(r"at the \d+ % level", findings.prediction.reason)
    ]
    own += [((w,), "name", "data set word") for w in re.findall(r"[A-Z]\w+", findings.model.data_set)]
    return own


def _atlas_names(findings: Findings) -> list[str]:
    """The atlas's name in full and in short: its first word, where that is a name by itself."""
    name = findings.anatomy.atlas
    return list(dict.fromkeys(filter(None, (name, name.split()[0] if "-" in name.partition(" ")[0] else ""))))


def _class_forms(label: str) -> list[str]:
    name = class_name(label).lower()
    forms = [name, f"{name}s"]
    if name.endswith(" tumour"):
        stem = name.removesuffix(" tumour")
        tail = "( as in the training data )"
        spelled = [f"{stem} {noun}{s}" for noun in ("tumour", "tumor") for s in ("", "s")]
        forms += [
            *spelled,
            stem,
            *(f"{form} {tail}" for form in (*spelled, stem)),
            f"{spelled[0]} as in the training data",
        ]
    return [*forms, *(f"{form} class" for form in forms), *(f"{form}'s" for form in forms), f"class {name}"]


def _regions(findings: Findings) -> Iterable[str]:
    masks = (*findings.lesions, *findings.saliency)
    names = [row.name for mask in masks for row in mask.regions if row.lobe != "other"]
    near = [re.sub(r"(?i)^(left|right) ", "", row.nearest) for mask in masks for row in mask.regions if row.nearest]
    return dict.fromkeys((*names, *near))


_ADJECTIVES = {
    "thalamus": "thalamic",
    "hippocampus": "hippocampal",
    "amygdala": "amygdalar",
    "putamen": "putaminal",
    "caudate": "caudate nucleus",
    "pallidum": "globus pallidus",
    "accumbens": "nucleus accumbens",
}


@cache
def region_forms(name: str) -> tuple[str, ...]:
    """How a region may be called: its atlas name, without what brackets hold, a division before or after."""
    whole = " ".join(t.text for t in tokens(plain(name.replace("_", " ").lower())))
    whole = re.sub(r"^(left|right) ", "", whole)
    short = re.sub(r"\s*\(.*?\)", "", whole)
    main, _, division = (piece.strip() for piece in short.partition(","))
    forms = [whole, short, main]
    if division:
        forms += [f"{division} of the {main}", f"{main} {division}"]
        kind = division.removesuffix(" division")
        forms += [f"{kind} {main}", f"{kind} division of {main}"] if kind != division else [division]
    if main in _ADJECTIVES:
        forms.append(_ADJECTIVES[main])
    if main in ("precuneus cortex", "cuneal cortex", "supracalcarine cortex", "intracalcarine cortex"):
        forms.append({"cuneal cortex": "cuneus"}.get(main, main.removesuffix(" cortex")))
    if main.endswith(" region"):
        forms += [main.removesuffix(" region"), main.removesuffix("r region")] if main.startswith("sella") else []
    if main == "insular cortex":
        forms.append("insula")
    if main == "lateral ventricle":
        forms.append("lateral ventricles")
    if main.startswith("brain"):
        forms += ["brainstem", "brain stem", "brain-stem"]
    return tuple(dict.fromkeys(form for form in forms if form))


def tokens(text: str) -> Iterator[Token]:
    depth = 0
    for found in _TOKEN.finditer(text):
        kind, word = found.lastgroup or "mark", found[0]
        if kind == "word":
            word = word.rstrip("'") or word
        if word in ")]":
            depth = max(0, depth - 1)
        yield Token(kind, word, depth)
        if word in "([":
            depth += 1
