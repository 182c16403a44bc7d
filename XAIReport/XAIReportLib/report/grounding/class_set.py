"""Which classes cannot be set aside, and which are too close to be separated."""

from __future__ import annotations

from itertools import pairwise

from .claims import Claim, Clause
from .facts import joined
from .mentions import Mention
from .scores import ranked

_ONE_MORE = ("another", "additional", "further")


def read(clause: Clause) -> None:
    """Everything that a clause says of the class set."""
    _nor_those(clause)
    _can_or_not(clause)
    _class_set(clause)
    _separated(clause)


def _class_set(clause: Clause) -> None:
    if clause.cue("aside") is not None and not clause.of("class", "lesion", "map") and clause.context.label:
        clause.mentions.insert(0, Mention("class", clause.context.label, "", read=True))
    aside = clause.cue("aside")
    named = clause.of("class")
    sets = clause.of("cue", value="aside")
    if len(sets) > 1 and "set aside" not in clause.mentions[sets[0]].text.lower():
        _which_cannot(clause, *sets[:2])  # "the classes of the set, which cannot be set aside, are"
    others = clause.of("which", value="other")
    if aside is not None and others and clause.of("classes"):
        _others_aside(clause, aside)
        return
    if aside is not None and not named and (two := clause.of("rank", value="two")) and len(ranked(clause)) > 1:
        members = set(ranked(clause)[:2])
        kept = set(clause.findings.prediction.class_set)
        holds = False if members <= kept else True if not members & kept else None
        clause.read(*(m for m in clause.of("modal") if 0 < aside - m <= 3))
        clause.state("class set", holds, aside, *two, *clause.of("classes"))
        return
    if aside is None or not named:
        return
    if not clause.findings.prediction.class_set:
        clause.state("class set", None, aside, *named)
        return
    members = set(clause.findings.prediction.class_set)
    said = {clause.mentions[c].value for c in named}
    if "aside" in clause.mentions[aside].text.lower():
        clause.read(*(m for m in clause.of("modal") if 0 < aside - m <= 3))
    setting = "set aside" in clause.mentions[aside].text.lower()
    only = [*clause.of("only"), *clause.of("quantifier", value="all")]
    exact = bool(only) or any(
        m.text.lower() in ("are", "contains", "holds", "comprises", "is") and m.kind == "verb" for m in clause.mentions
    )
    exact = exact or any(m.text.lower() in ("comprises", "consists of") for m in clause.mentions)
    if setting:
        others = set(clause.findings.model.classes) - members
        listed = any(m.kind == "classes" for m in clause.mentions)
        denied = clause.negations(aside, *named) % 2 == 1  # "cannot be set aside"
        same = (
            (said == members if denied else said == others)
            if only or listed
            else (said <= members if denied else said <= others)
        )
        holds = same if not denied else not same
        clause.state("class set", holds, aside, *named, *only)
        return
    everyone = [j for j in clause.of("which") if clause.mentions[j].value in ("all", "both")]
    for other in clause.of("cue", value="aside"):
        clause.read(other)
    if "possible" in clause.mentions[aside].text.lower():
        clause.state("class set", said <= members, aside, *named, *everyone)
        return
    before = ("in", "part of", "among", "within")
    inside = max(named) < aside and (
        any(m.text.lower() in before for m in clause.mentions[min(named) : aside])
        or clause.mentions[aside].text.lower().startswith(("in ", "remain", "left in", "member"))
    )
    holds = said <= members if inside and not only else said == members if exact else None
    if inside and not only and holds is False and said & members:
        holds = None
    clause.state("class set", holds, aside, *named, *only)


def _which_cannot(clause: Clause, noun: int, aside: int) -> None:
    """ "the set of classes that cannot be set aside": its negation says what the set is, and stands over nothing else."""
    between = clause.mentions[noun + 1 : aside]
    denials = [m for m in between if m.kind == "neg"]
    if not between or any(m.kind not in ("neg", "neutral", "modal") for m in between):
        return
    if len(denials) + ("cannot" in clause.mentions[aside].text.lower()) == 1:
        for m in between:
            m.kind = "neutral"


def _nor_those(clause: Clause) -> None:
    """ "(the class set holds meningioma) but neither glioma nor pituitary tumour"."""
    named = clause.of("class", unread=True)
    bare = [m.kind for m in clause.mentions if m.kind not in ("neutral", "mark", "sep")]
    cannot = any(clause.mentions[i].text.lower() == "cannot" for i in clause.of("neg"))
    if clause.context.last == "class set" and not cannot and "neg" in bare and named and set(bare) == {"neg", "class"}:
        members = set(clause.findings.prediction.class_set)
        clause.read(*clause.of("neg"), *named)
        clause.claims.append(Claim("class set", "neither", not members & {clause.mentions[c].value for c in named}))


def _can_or_not(clause: Clause) -> None:
    """ "(glioma cannot be set aside), while pituitary tumour can", "(glioma is in the class set), pituitary tumour does not"."""
    named = clause.of("class")
    read_along = [i for i in clause.of("number") if clause.mentions[i].read]
    said = [
        i for i, m in enumerate(clause.mentions) if m.kind not in ("neutral", "mark", "sep") and i not in read_along
    ]
    bare = [clause.mentions[i].kind for i in said]
    if len(named) == 2 and all(joined(clause, a, b) for a, b in pairwise(named)):
        bare = bare[1:]  # "(glioma cannot be set aside), but meningioma and pituitary tumour can"
    if not named or clause.context.last != "class set" or clause.negated or bare[:1] != ["class"]:
        return
    last = clause.mentions[said[-1]]
    kept = {clause.mentions[c].value in clause.findings.prediction.class_set for c in named}
    if bare in (["class", "modal"], ["class", "neg"]) and last.text.lower() in ("can", "cannot"):
        member = last.text.lower() == "cannot"
    elif bare in (["class", "do"], ["class", "do", "neg"]):
        member = bare[-1] == "do"
    else:
        return
    clause.read(*named, *said)
    clause.claims.append(Claim("class set", last.text, kept == {member}))


def _others_aside(clause: Clause, aside: int) -> None:
    """ "the two other classes can be set aside", "classes other than glioma"."""
    named = clause.of("class")
    if any(clause.mentions[i].text.lower() in _ONE_MORE for i in clause.of("which", value="other")):
        clause.state("class set", None, aside, *named)  # "another class", of which there may be none
        return
    label, set_ = clause.context.label or clause.findings.prediction.label, clause.findings.prediction.class_set
    label = clause.mentions[named[0]].value if len(named) == 1 else label
    clause.read(*named[:1])
    rest = [c for c in clause.findings.model.classes if c != label]
    counted = [i for i in clause.of("number") if clause.mentions[i].value == "word"]
    right = all(clause.mentions[i].number.value == len(rest) for i in counted)
    holds = (
        right and not set(rest) & set(set_)
        if label is not None and set_ and "set aside" in clause.mentions[aside].text
        else None
    )
    if "cannot" in clause.mentions[aside].text:
        holds = None
    clause.read(*(m for m in clause.of("modal") if 0 < aside - m <= 3))
    clause.state("class set", holds, aside, *clause.of("which", value="other"), *counted)


def _separated(clause: Clause) -> None:
    cue = clause.cue("separate")
    close = clause.cue("inseparable")
    if close is not None and len(clause.of("class")) == 2:
        members = {clause.mentions[c].value for c in clause.of("class")}
        holds = members <= set(clause.findings.prediction.class_set)
        clause.state("separation", holds, close, *clause.of("class"), process=True)
        return
    named = clause.of("class")
    if cue is None or len(named) != 2:
        return
    members = set(clause.findings.prediction.class_set)
    modal = [m for m in clause.of("modal") if 0 < cue - m <= 5]
    clause.state(
        "separation", not {clause.mentions[c].value for c in named} <= members, cue, *named, *modal, process=True
    )
