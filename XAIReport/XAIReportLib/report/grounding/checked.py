"""Whether the heat maps passed their checks, which failed, and their figures."""

from __future__ import annotations

from .claims import Clause
from .facts import agrees


def read(clause: Clause) -> None:
    """ "the heat maps passed their checks", "the methods disagree (mean correlation 0.12)"."""
    check = clause.findings.saliency_check
    cues, maps, rely = clause.of("check"), clause.of("map"), clause.cue("rely")
    if rely is not None and maps:
        modals = [m for m in clause.of("modal") if 0 < rely - m <= 4]
        holds = None if check is None or _denied_elsewhere(clause, rely) else check.relied_on
        clause.state("check", holds, rely, *maps, *modals, process=True)
    for i in cues:
        value = clause.mentions[i].value
        if value == "failed count" and any(clause.mentions[k].value in ("passed", "failed") for k in cues):
            clause.read(i, *maps)
        elif value in ("passed", "failed"):
            holds = None if check is None else check.relied_on is (value == "passed")
            counted = [j for j in clause.of("number", unread=True) if clause.mentions[j].value == "word"]
            counted = [
                j
                for j in counted
                if any(clause.mentions[k].value == "failed count" for k in range(j, min(j + 4, len(clause.mentions))))
            ]
            clause.read(*(k for k in cues if clause.mentions[k].value == "failed count" and value == "failed"))
            for j in counted:
                clause.state(
                    "check", check is not None and clause.mentions[j].number.value == len(check.failed), j, process=True
                )
            every = [
                j for j in clause.of("which", "quantifier") if clause.mentions[j].value == "all" and value == "passed"
            ]
            clause.state("check", holds, i, *maps, *every, process=True)
        elif value.startswith("failed ") and value != "failed count":
            name = value.removeprefix("failed ")
            clause.state("check", None if check is None else name in check.failed, i, *maps, process=True)
            _figure(clause, i, name)
        elif value == "remains":
            _remains(clause)
    clause.read(*(j for j in cues if clause.mentions[j].value == "figure"))
    for i in cues:
        if clause.mentions[i].value.startswith("figure "):
            clause.read(i)
            _figure(clause, i, clause.mentions[i].value.removeprefix("figure "))


def _denied_elsewhere(clause: Clause, rely: int) -> bool:
    """Whether what is denied is the passing alone: "did not pass its checks and should be relied upon" denies no relying."""
    passing = [i for i in clause.of("check") if i < rely and clause.mentions[i].value in ("passed", "failed")]
    denials = [n for n in clause.of("neg") if n < rely]
    return bool(passing) and bool(denials) and denials[-1] < passing[-1]


def cue_of_share(clause: Clause, places: list[int]) -> int:
    """Where "share of the score left without the lesion" stands, or -1."""
    return next((j for j in places if clause.mentions[j].text.lower().startswith("share of the score")), -1)


def _remains(clause: Clause) -> None:
    """ "85 % of the score remains when the lesion is removed"."""
    check = clause.findings.saliency_check
    fact = None if check is None else check.figures.get("outside_lesion")
    before = [j for j in clause.of("number", unread=True) if clause.mentions[j].number.unit == "%"]
    removed = [j for j in clause.of("check") if clause.mentions[j].value == "remains"]
    if any("remov" in clause.mentions[j].text or "without" in clause.mentions[j].text for j in removed):
        after = [j for j in clause.of("number", unread=True) if j > cue_of_share(clause, removed) >= 0]
        if not before and after and clause.mentions[after[0]].number.unit == "":
            holds = None if fact is None else agrees(clause.mentions[after[0]].number, fact)
            clause.state("check figure", holds, after[0], *removed, exact=True, process=True)
        for j in before[:1]:
            holds = None if fact is None else agrees(clause.mentions[j].number, 100 * fact)
            clause.state("check figure", holds, j, *removed, exact=True, process=True)


def _figure(clause: Clause, cue: int, name: str) -> None:
    """The number that follows a check's name, in brackets or not."""
    check = clause.findings.saliency_check
    fact = None if check is None else check.figures.get(name)
    following = [j for j in clause.of("number", unread=True) if j > cue]
    later = [j for j in clause.of("check") if j > cue and clause.mentions[j].value.startswith("failed")]
    maps = clause.of("map")
    for j in following[:1]:
        number = clause.mentions[j].number
        if (later and later[0] < j) or number.unit not in ("", "%"):
            return
        if number.unit == "%":
            fact = None if fact is None else 100 * fact
        clause.state("check figure", None if fact is None else agrees(number, fact), j, *maps, exact=True, process=True)
