"""What a reader changed in the model's outlines, and what they measured before."""

from __future__ import annotations

from .claims import Clause
from .facts import agrees


def read(clause: Clause) -> None:
    """ "the reader edited abnormality 1 and removed abnormality 3", "before the edit the outlines measured 5.04 ml"."""
    edit = clause.findings.reader_edit
    acts = clause.of("edit")
    if not acts:
        words = ("own", "original", "model's")
        own = [i for i in clause.of("segmentation") if any(w in clause.mentions[i].text.lower() for w in words)]
        if edit is not None and own:  # "the model's own outlines totalled 5.04 ml"
            _before(clause, [])
        return
    if edit is None and all(clause.mentions[i].value == "had" for i in acts):
        clause.read(*acts)  # without an edit, what the model had outlined is what it outlined
        return
    before = [i for i in acts if clause.mentions[i].value in ("before", "had")]
    after = [i for i in acts if clause.mentions[i].value == "after"]
    verbs = [i for i in acts if clause.mentions[i].value in ("changed", "removed")]
    reader = [i for i in acts if clause.mentions[i].value == "reader"]
    rests = [i for i in acts if clause.mentions[i].value == "rests"]
    if edit is None:
        clause.state("edit", None, *acts)
        return
    if rests:
        own = [m for m in clause.mentions if m.kind == "segmentation" and ("own" in m.text or "model" in m.text)]
        clause.state(
            "edit",
            True if own or (before and clause.of("segmentation")) else None,
            *rests,
            *before,
            *reader,
            *clause.of("suggest", "segmentation", "model"),
            process=True,
        )
    elif before:
        _before(clause, [*before, *reader])
    elif after and not _of_before(clause):
        clause.read(*after, *reader)
    elif verbs and (reader or clause.context.last == "edit"):
        _acts(clause, verbs, reader)


def _of_before(clause: Clause) -> bool:
    """Whether it speaks of what an edit leaves as it was: the model's answers and the registration."""
    of_model = clause.of("suggest", "score", "classes") or (clause.of("class") and not clause.of("map"))
    kept = {"entropy", "planes", "registration", "computed", "aside"}
    return bool(of_model) or any(clause.mentions[i].value in kept for i in clause.of("quantity", "cue"))


def _before(clause: Clause, cues: list[int]) -> None:
    """What the model itself had outlined."""
    total = clause.findings.reader_edit.model_total
    numbers = [i for i in clause.of("number", unread=True) if not clause.mentions[i].number.parts]
    along = [*cues, *clause.of("lesion", "segmentation", "model"), *clause.of("quantity")]
    for i in numbers:
        number = clause.mentions[i].number
        fact = {"ml": total.volume_ml, "voxels": total.voxels, "pixels": total.voxels}.get(number.unit)
        if clause.mentions[i].value in ("count", "word"):
            fact = total.count
        clause.state("before the edit", None if fact is None else agrees(number, fact), i, *along, exact=True)


def _acts(clause: Clause, verbs: list[int], reader: list[int]) -> None:
    edit = clause.findings.reader_edit
    passive = not reader or reader[0] > verbs[0]
    known = {lesion.name for lesion in clause.findings.lesions} | {*edit.changed, *edit.removed}
    for i in clause.of("lesion"):
        behind = [v for v in verbs if v < i]
        ahead = [v for v in verbs if v > i]
        verb = (ahead[:1] or behind[-1:]) if passive else (behind[-1:] or ahead[:1])
        if clause.mentions[i].counted:
            clause.read(i)
            continue
        meant = clause.lesions_at(i) or ()
        own = [clause.findings.lesions[n].number for n in meant] if len(meant) == 1 and len(known) > 1 else []
        number = str(own[0]) if own else clause.mentions[i].value.split()[0]
        names = edit.changed if clause.mentions[verb[0]].value == "changed" else edit.removed
        holds: bool | None = f"lesion-{number}" in names if f"lesion-{number}" in known else None
        if names is edit.changed and not holds and f"lesion-{number}" in edit.removed:
            holds = None  # what was removed is neither edited nor left as it was
        if number == "one" and len(names) == 1 and len(clause.findings.lesions) == 1:
            holds = clause.mentions[verb[0]].value == "changed"
        clause.state("edit", holds, i, verb[0], *reader)
    for i in [j for j in clause.of("number", unread=True) if clause.mentions[j].value == "count"]:
        behind = [v for v in verbs if v < i] or verbs
        names = edit.changed if clause.mentions[behind[-1]].value == "changed" else edit.removed
        clause.state("edit", clause.mentions[i].number.value == len(names), i, behind[-1], *reader)
    for i in [j for j in clause.of("number", unread=True) if clause.mentions[j].text.isdigit()]:
        previous = clause.mentions[i - 1] if i else None  # "abnormalities 1 and 3 were edited"
        verb = next((v for v in verbs if v > i), None)
        if previous is not None and verb is not None and (previous.kind in ("sep", "lesion") or previous.text == ","):
            names = edit.changed if clause.mentions[verb].value == "changed" else edit.removed
            many = [j for j in clause.of("lesion") if clause.mentions[j].value == "many"]
            clause.state("edit", f"lesion-{clause.mentions[i].text}" in names, i, verb, *many, *reader)
