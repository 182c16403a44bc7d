"""How good the model was found to be when it was tested: the figures that come with it, and that say nothing of this case."""

from __future__ import annotations

from .claims import Clause
from .facts import compare
from .mentions import Mention

# What else may stand in such a clause: a word for the case, a class or a map would make it a figure of theirs.
_KINDS = ("model", "name", "metric", "verb", "mark", "sep", "number")
_WORDS = frozenset(
    ("the", "a", "an", "of", "for", "its", "this", "that", "with", "at", "reported", "stated", "given", "listed", "value", "values")
)  # fmt: skip


def read(clause: Clause) -> None:
    """ "the model has a slice accuracy of 0.90 and a lesion Dice of 0.76", each with the number behind it."""
    cues = clause.of("metric")
    models = [i for i in clause.of("model", "name") if clause.mentions[i].value in ("", "model")]
    if not cues or not models or not all(map(_belongs, clause.mentions)):
        return
    for i, end in zip(cues, [*cues[1:], len(clause.mentions)], strict=True):
        own = [j for j in clause.of("number", unread=True) if i < j < end]
        if len(own) != 1:
            continue
        number = clause.mentions[own[0]].number
        fact = clause.findings.model.metrics.get(clause.mentions[i].value)
        if number is None or number.parts or number.unit not in ("", "%") or not isinstance(fact, float):
            continue
        compare(clause, "metric", own[0], 100 * fact if number.unit == "%" else fact, i, *models)


def _belongs(mention: Mention) -> bool:
    return mention.kind in _KINDS or mention.text.lower() in _WORDS or not mention.text
