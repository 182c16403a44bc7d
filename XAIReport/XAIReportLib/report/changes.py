"""The narrative's template: what the model says of changed images. Changes of its output are told, never a cause."""

from __future__ import annotations

from collections.abc import Iterator

from .passages import Passage, at
from .schema import Answer, Counterfactual, Findings
from .wording import class_name, class_name_in_full, joined, percent_text, score_text

NOT_WHY = "These are changes of the model's output on changed images; they do not say what led to its suggestion."


def changes(findings: Findings) -> Iterator[Passage]:
    """One sentence for the unchanged slices, one for each change, and what they do not say."""
    if not findings.counterfactuals:
        return
    first = findings.counterfactuals[0]
    yield Passage(
        f"The model looked again at {_which(first)} a segmented abnormality; unchanged: {said(first.before)}.",
        tuple(at("counterfactuals", 0, key) for key in ("slices", "slices_of_lesion", "before")),
    )
    for index, changed in enumerate(findings.counterfactuals):
        yield _change(changed, index)
    yield Passage(NOT_WHY, (at("counterfactuals"),))


def _which(changed: Counterfactual) -> str:
    if changed.slices_of_lesion == 1:
        return "the one slice that shows"
    if changed.slices == changed.slices_of_lesion:
        return f"the {changed.slices} slices that show"
    return f"{changed.slices} of the {changed.slices_of_lesion} slices that show"


def _change(changed: Counterfactual, index: int) -> Passage:
    ranked = changed.name == "ranked_saliency_removed"
    keys = ["change", "changed_percent", "before", "after", *(["changes_outcome", "tried_percent"] if ranked else [])]
    evidence = tuple(at("counterfactuals", index, key) for key in keys)
    these = "this slice" if changed.slices_of_lesion == 1 else "these slices"
    whole = these if changed.name.startswith("background") else f"the head in {these}"
    told = (
        _in_steps(changed, whole)
        if ranked
        else f"{changed.change} ({percent_text(changed.changed_percent)} of {whole})"
    )
    return Passage(f"With {told}: {_compared(changed)}.", evidence)


def _in_steps(changed: Counterfactual, whole: str) -> str:
    """What was removed in which steps, and where the outcome changed: of these pixels and steps alone, as another removal may
    change it, too."""
    shares = sorted({*changed.tried_percent, changed.changed_percent})
    steps = joined([percent_text(share) for share in shares])
    share = percent_text(changed.changed_percent)
    first = (
        f"the outcome first changes at {share}"
        if changed.changes_outcome
        else f"the outcome does not change up to {share}"
    )
    return f"{changed.change} in steps ({steps} of {whole}), {first}"


def said(answer: Answer) -> str:
    """The answer in words, with the highest score."""
    if answer.outcome == "no_lesion_found":
        return "no lesion is found by this model"
    best = max(answer.scores, key=answer.scores.__getitem__)
    score = score_text(answer.scores[best])
    if answer.label is None:
        return f"no class is suggested, and the highest model score is {score} ({class_name(best)})"
    return f"the suggestion is {class_name_in_full(best)}, with a model score of {score}"


def _compared(changed: Counterfactual) -> str:
    """The answer, with the earlier score of the same class, and how the score of the class that was ahead before has moved."""
    before, after = changed.before.scores, changed.after.scores
    if not after or not before:
        return said(changed.after)
    best, earlier = max(after, key=after.__getitem__), max(before, key=before.__getitem__)
    told = f"{said(changed.after)}; unchanged it is {score_text(before[best])}"
    return told if best == earlier else f"{told}, and {_moved(earlier, before[earlier], after[earlier])}"


def _moved(label: str, before: float, after: float) -> str:
    """ "the score of glioma falls from 0.87 to 0.41"."""
    first, then = score_text(before), score_text(after)
    if first == then:
        return f"the score of {class_name(label)} stays at {first}"
    return f"the score of {class_name(label)} {'falls' if after < before else 'rises'} from {first} to {then}"
