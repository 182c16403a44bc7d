"""The statements that a sentence joins, each with its own subject, in the ways in which it may be cut.

A way claims what the sentence claims, piece by piece: coordinated clauses and predicates, asides, what stands in front ("with an
entropy of 0.38, ...") or behind (", measuring 4.45 ml"), reasons, and figures set against each other behind a comparison.
What a clause leaves out is put in by ellipsis.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .ellipsis import filled_in
from .figures import apart_from_figures
from .vocabulary import subject_of


@dataclass(frozen=True)
class Way:
    """``pieces``: statements; ``reason``: which piece is said to be the reason of the other, if any is."""

    pieces: tuple[str, ...]
    reason: int | None = None


FINITE = (
    r"(?:is|are|was|were|has|have|had|lies?|sits?|measures?|measured|projects?|overl(?:ies?|aps?)|covers?|occupies|occupy|"
    r"does|do|did|cannot|could|can|may|must|should|reach(?:es)?|shows?|scored|scores|receive[sd]?|suggests?|suggested|favours?|"
    r"leads?|marks?|highlights?|extends?|cross(?:es)?|contains?|holds?|accounts?|comes?|came|touch(?:es)?|falls?|straddles?|"
    r"remains?|stays?|ranks?|exceeds?|makes?|takes?|belongs?|corresponds?|amounts?|fails?|failed|passed|agrees?|agreed|"
    r"identif(?:y|ies|ied)|segment(?:s|ed)|found|detect(?:s|ed)|analysed|analyzed|outlined|produced|"
    r"points?|follows?|differs?|disagrees?|supports?|supported|voted?s?|achieves?|obtains?|obtained|reached|spans?|equals?)"
)
# "One of the lesions", "a lesion": two statements about such need not be about the same one, so they are not taken apart; nor are
# those of nobody and of only some.
_DEFINITE = (
    r"(?!(?:an?|one|some|any|another|either|each|two|three|of|no|none|neither|nothing|only|not)\b)"
    r"(?!.*?\b(?:one|some|any|either|each|at least|which) of\b)"
)
_JOINTS = re.compile(
    r"; |: (?=(?:the|it|no|all|both|its|there)\b)|, (?:while|whereas|but|and|though|although|yet) "
    r"(?=(?:the|it|they|its|their|both|all|no|neither|none|an?|one|two|of|only|in|on|for|with|that|this|there)\b)|"
    r" (?:while|whereas) (?=(?:the|it|its)\b)|, (?:and |while |but )?(?=\S*CAM\S* (?:does|has|shows|overlaps)\b)",
    re.IGNORECASE,
)
_LOOSE = re.compile(
    r", (?:and|but|while|whereas|although|though|yet) | (?:and|but|while|whereas|although|though) (?=(?:the|it|its|they|their|no|"
    r"neither|both|all|\S*CAM\S*|(?:the )?(?:entropy|plane agreement|registration|model)) )| even though |: |; | - | – ",
    re.IGNORECASE,
)
_GAP = re.compile(
    r", (?=(?:the|that|those) )|, (?=[\w ]+ (?:is|are|does|do|was|were) not\.?$)| and (?=(?:the|that|those|one|two|\S*CAM\S*) )",
    re.IGNORECASE,
)
# As dictated: "No midline found, side unknown."
_DICTATED = re.compile(
    r"^((?:no|input|image) [^,;:]+), (?!(?:and|but|or|nor|which|with|without|in|on|at|of|as|for|to|by|only|not|no)\b)([^,;:]+)$",
    re.IGNORECASE,
)
_FRONTED = re.compile(r"^(?:while|whereas|although|though|even though) ", re.IGNORECASE)
_EMBEDDED = re.compile(
    r"^([^,;:]+), ((?:which|with|measuring|located|lying|situated|having|occupying|covering|at|in|on) [^,;:]+), ([^;:]+)$",
    re.IGNORECASE,
)
_ONE_OF = re.compile(
    r"^of the (two|three|four) ((?:saliency )?(?:lesions|abnormalities|heat[ -]?maps|maps|masks|methods))"
    r"(?: (?:that were )?(?:computed|segmented|found))?,? ",
    re.IGNORECASE,
)
_OWN = r"(?:(?!\b(?:while|whereas|although|though)\b|, but (?:the|it|its|they|both)\b)[^;:])"  # within one clause
_PREDICATES = re.compile(
    rf"^{_DEFINITE}([^,;:]+?) ({FINITE} {_OWN}+?),? (?:and|but|yet) ((?:also |then |still )?{FINITE} .+)$",
    re.IGNORECASE,
)
_TAIL = re.compile(
    rf"^{_DEFINITE}([^,;:]+?) ({FINITE} {_OWN}+?)(?:, | (?=with (?:an?|its|\d)))"
    r"((?:with|at|located|situated|\w+ing|and (?:mainly|mostly|chiefly|predominantly|only|also)) .+)$",
    re.IGNORECASE,
)
_FRONT = re.compile(
    rf"^(with|at|measuring|having|located|situated|lying|occupying|covering|scoring) ((?:[^,;:]|,(?=\d))+), "
    rf"({_DEFINITE}[^,;:]+?) ({FINITE}\b.*)$",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"^with ((?:only )?(?:one|two|three|all|both|neither) .+)$", re.IGNORECASE
)  # "with two of three planes in favour"
_FIGURE = re.compile(
    r"^at (?=(?:about |roughly |approximately |around |some |only |just |nearly |almost )?[\d.]+)", re.IGNORECASE
)
_SCORED = re.compile(r"(?:with|at|scoring|receiving|having)\b[^,;]*?\b[01]\.\d", re.IGNORECASE)
_NO_SUBJECT = re.compile(rf"{FINITE}\b", re.IGNORECASE)  # "is the smaller of the two" says nothing of any one by itself
_NO_STATEMENT = re.compile(
    rf"(?:not|{FINITE})\b", re.IGNORECASE
)  # "not MR, the model was run" denies more than was denied
_ELLIPTIC = re.compile(r"\b(?:does|do|did|can|cannot|is|are|was|were|has|have)(?: not)?\.?$", re.IGNORECASE)
_WHOLE = re.compile(
    r"^(?:if|when|were|without|once|after|it is (?:not|wrong|false|untrue))\b|\bnot only\b", re.IGNORECASE
)
# Of changed images only statements that each name their own change, or none, are taken apart.
_CHANGES = re.compile(r"; (?=with |unchanged,? the suggestion )", re.IGNORECASE)
_OWN_CHANGE = re.compile(
    r"(?:with|when|once|after) (?:the|everything) .*\b(?:replaced|set to zero|removed)\b|"
    r"(?:after|upon|following) (?:the )?removal of |"
    r"unchanged,? the suggestion ",
    re.IGNORECASE,
)
# What is said of the model's outlines before an edit must not be said of those after it.
_FORMER = re.compile(
    r"\bhad (?:itself |originally )?(?:outlined|segmented|found|detected|identified|marked)\b", re.IGNORECASE
)
_SECOND = re.compile(
    r"^(.*\b(?:best|highest|closest|largest overlap|greatest overlap)\b.*), followed by (\S*CAM\S*)( \([^)]*\))?$",
    re.IGNORECASE,
)
_WHICH = re.compile(r"^(.+?), which ((?:does|do|is|was|did|cannot|could|should) .+)$", re.IGNORECASE)
_REASON = re.compile(
    r",? (?:because|since|as|given that|seeing that|in that|for the reason that) (?=(?:the|it|its|no|there|they|their|both|neither|"
    r"all|one|two|only|nothing|an?|not|this|glioma|\S*CAM\S*|\w+) )|,? (?:because of|due to|owing to|on account of) (?=the |an? )",
    re.IGNORECASE,
)
_SO = re.compile(
    r"(?:,|;)? (?:and |which is why |and this is why )?(?:so that|so|therefore|thus|hence|consequently|accordingly|as a result|"
    r"for this reason|for that reason|which is why|which means that|meaning that|this is why|that is why),? ",
    re.IGNORECASE,
)
_FRONT_REASON = re.compile(r"^(?:because|since|as|given that|seeing that) ", re.IGNORECASE)
_INNER_SO = re.compile(
    rf"^([^,;:]+?) ({FINITE}) ([^;:]+?),? and (?:(should|can|cannot|must|may|is|are|was|were|does|do) )?"
    r"(?:therefore|thus|hence|consequently|accordingly|so) (.+)$",
    re.IGNORECASE,
)


def apart(sentence: str, classes: tuple[str, ...]) -> list[Way]:
    """The ways in which a sentence may be cut; none where it cannot. ``classes``: what the model's classes are called."""
    if subject_of(sentence) == "changed":
        pieces = _CHANGES.split(sentence)
        return [Way(tuple(pieces))] if len(pieces) > 1 and all(map(_OWN_CHANGE.match, pieces)) else []
    if _WHOLE.search(sentence):
        return []
    ways = [
        *_of_one_subject(sentence, classes),
        *_of_several(sentence),
        *_reasons(sentence),
        *map(Way, apart_from_figures(sentence, classes)),
    ]
    closed = [way for way in ways if all(piece.count("(") == piece.count(")") for piece in way.pieces)]
    return [way for way in closed if not any(map(_NO_STATEMENT.match, way.pieces[1:]))]


def _of_one_subject(sentence: str, classes: tuple[str, ...]) -> Iterator[Way]:
    """Several things said of what the sentence is about, each by itself."""
    if _FORMER.search(sentence):
        return
    bare = sentence.rstrip(".")
    if embedded := _EMBEDDED.match(sentence):
        subject, aside, rest = embedded.groups()
        yield Way((f"{subject} {aside.removeprefix('which ')}", f"{subject} {rest}"))
    if predicates := _PREDICATES.match(sentence):
        subject, first, second = predicates.groups()
        yield Way((f"{subject} {first}", f"{subject} {second}"))
    if tail := _TAIL.match(sentence):
        subject, first, said = tail.groups()
        named = next((name for name in classes if first.lower().endswith(f" {name.lower()}")), None)
        # a score is that of the class before it: "suggests A with a score of 0.55, and B came second"
        owner = named if named and _SCORED.match(said) else subject
        yield Way((f"{subject} {first}", f"{owner} {_FIGURE.sub('with ', said).removeprefix('and ')}"))
        if counted := _COUNTED.match(said):
            yield Way((f"{subject} {first}", counted[1]))
    if front := _FRONT.match(bare):
        how, what, subject, rest = front.groups()
        verb = {"with": "has", "at": "has", "having": "has", "measuring": "measures"}.get(
            how.lower(), f"is {how.lower()}"
        )
        yield Way((f"{subject} {verb} {what}", f"{subject} {rest}"))
    if second := _SECOND.match(bare):
        yield Way((second[1], f"{second[2]} has the second-highest Dice{second[3] or ''}"))
    if which := _WHICH.match(bare):
        yield Way((which[1], f"this {which[2]}"))


def _of_several(sentence: str) -> Iterator[Way]:
    """Clauses, each with its own subject, or with what it leaves out put in."""
    if one_of := _ONE_OF.match(sentence):
        count, noun = one_of.groups()
        done = "segmented" if noun.lower().startswith(("lesion", "abnormal")) else "computed"
        yield Way((f"{count} {noun} were {done}", sentence[one_of.end() :]))
    if dictated := _DICTATED.match(sentence):
        yield Way(dictated.groups())
    if fronted := _FRONTED.match(sentence):
        rest = sentence[fronted.end() :]
        pairs = [[rest[: comma.start()], rest[comma.end() :]] for comma in re.finditer(", ", rest)][:3]
    else:
        loose = [joint for joint in _LOOSE.finditer(sentence) if not _heads(sentence, joint)][:4]
        pairs = [_JOINTS.split(sentence)] + [[sentence[: joint.start()], sentence[joint.end() :]] for joint in loose]
    for pieces in pairs:
        if len(pieces) < 2:
            continue
        if not any(_ELLIPTIC.search(piece) for piece in pieces):
            yield Way(tuple(pieces))
    bare = list(_GAP.finditer(sentence))[:3]
    for first, second in [
        *(pair for pair in pairs if len(pair) == 2),
        *((sentence[: g.start()], sentence[g.end() :]) for g in bare),
    ]:
        if first.count("(") == first.count(")"):
            yield from (Way((first, whole)) for whole in filled_in(first, second))


def _heads(sentence: str, joint: re.Match[str]) -> bool:
    """Whether what stands before a colon or a dash is no statement but says what the next is of: "lesion 3: left occipital"."""
    said = re.split("[;:]", sentence[: joint.start()])[-1]
    return joint[0] in (": ", " - ", " – ") and re.search(rf"\b{FINITE}\b", said, re.IGNORECASE) is None


def _reasons(sentence: str) -> Iterator[Way]:
    """A statement and its reason, each by itself; whether the one may be a reason of the other is for causes.py."""
    if fronted := _FRONT_REASON.match(sentence):
        rest = sentence[fronted.end() :]
        for comma in list(re.finditer(r", (?:so |therefore )?", rest))[:3]:
            yield Way((rest[: comma.start()], rest[comma.end() :]), reason=0)
        return
    if inner := _INNER_SO.match(sentence):
        subject, verb, first, able, second = inner.groups()
        finite = able or ("" if _NO_SUBJECT.match(second) else verb)
        own = finite == verb and re.search(
            rf"\b{FINITE}\b", second, re.IGNORECASE
        )  # it has a subject and a verb of its own
        if not own:
            yield Way((f"{subject} {verb} {first}", f"{subject} {finite} {second}".replace("  ", " ")), reason=0)
    for pattern, reason in ((_REASON, 1), (_SO, 0)):
        for joint in list(pattern.finditer(sentence))[:3]:
            first, second = sentence[: joint.start()], sentence[joint.end() :]
            if first and second:
                yield Way((first, second), reason=reason)
