"""The grounding check: every sentence of a text, whoever wrote it, against the findings.

    supported        everything that it claims stands in the findings
    contradicted     something that it claims is otherwise in the findings
    unsupported      something in it cannot be read, is never said, or is not in the findings

It denies by default: what cannot be read is unsupported, never clean.
"""

from __future__ import annotations

import re
from dataclasses import replace

from XAIReportLib.reviews import LONGEST_SENTENCE

from ..schema import Findings
from . import codes
from .claims import Context
from .misread import misread
from .never import never_said
from .outcome import CheckedClaim, CheckedSentence, quoted, unsupported, worst
from .quotes import introduced, quotes, restated, sentences, stated
from .reading import OPENING, Case
from .rewording import plainer
from .search import Search
from .targets import of_each_class, of_its_class
from .vocabulary import Vocabulary, plain

__all__ = ["CheckedClaim", "CheckedSentence", "Checker", "check_sentence", "check_text"]

TOO_LONG = f"It is too long to be read: a sentence has at most {LONGEST_SENTENCE} characters."


class Checker:
    """Checks many texts against the same findings; the names in the findings are read once."""

    def __init__(self, findings: Findings) -> None:
        self._case = Case(findings, Vocabulary(findings), quotes(findings), stated(findings))

    def text(self, text: str) -> tuple[CheckedSentence, ...]:
        """Every sentence of ``text``, in order; "it" is what was spoken of last."""
        context = Context()
        return tuple(_checked(sentence, self._case, context) for sentence in sentences(text))

    def sentence(self, text: str) -> CheckedSentence:
        """``text`` as one statement: the worst of its sentences, with the claims of all."""
        if plain(text) in self._case.quotes:
            return quoted(text)
        if len(text) > LONGEST_SENTENCE:
            return unsupported(text, TOO_LONG)
        parts = self.text(text)
        if not parts:
            return unsupported(text, "Nothing in it can be checked.")
        return worst(text, parts)


def check_text(text: str, findings: Findings) -> tuple[CheckedSentence, ...]:
    """Every sentence of ``text``, in order; "it" is what was spoken of last."""
    return Checker(findings).text(text)


def check_sentence(text: str, findings: Findings) -> CheckedSentence:
    """``text`` as one statement: the worst of its sentences, with the claims of all."""
    return Checker(findings).sentence(text)


def _checked(sentence: str, case: Case, context: Context) -> CheckedSentence:
    if (opening := OPENING.match(sentence)) and not _introduced(opening, case):
        found = _checked(sentence[opening.end() :], case, context) if opening[1] == "Reason" else None
        if found is not None and _is_the_reason(found, case):
            return found.model_copy(update={"text": sentence})
        return unsupported(sentence, f"The findings have no such {opening[1].lower()}.")
    known, meant = _known(sentence, case), sentence
    if known is None and (meant := restated(sentence, case.classes)) != sentence and plain(meant) in case.quotes:
        known = quoted(sentence)
    if known is not None:
        return known
    if parts := of_each_class(sentence, case.findings, context.mapped):
        found = [_checked(part, case, replace(context, mapped=label)) for part, label in parts]
        vars(context).update(vars(Context(subject="map")))  # what "they" are would be of several classes again
        return worst(sentence, found)
    one_class, context.mapped = of_its_class(sentence, case.findings, context.mapped)
    if one_class is None:
        return unsupported(sentence, "It speaks of the heat maps of several classes at once.")
    findings, case = one_class, replace(case, findings=one_class)
    never = never_said(_named(sentence, findings), findings, (findings.model.data_set, findings.model.name))
    said = _named(_without_edit_marks(meant, findings), findings)
    search = Search(sentence, case)
    context.group = None
    outcome, seen = search.best(said, never, context)
    if outcome.verdict == "supported" and (otherwise := misread(sentence, findings, context.before)):
        outcome, seen = (
            unsupported(sentence, f"This cannot be checked against the findings: {otherwise}."),
            replace(context),
        )
    vars(context).update(vars(seen))
    context.before = frozenset(claim.kind for claim in outcome.claims)
    return outcome


def _known(sentence: str, case: Case) -> CheckedSentence | None:
    """What is told without reading claims: quotations, what none may be, questions, codes."""
    if plain(sentence) in case.quotes or plain(OPENING.sub("", sentence)) in case.quotes:
        return quoted(sentence)
    if len(sentence) > LONGEST_SENTENCE:
        return unsupported(sentence, TOO_LONG)
    if sentence.rstrip("\"') ").endswith("?"):
        return unsupported(sentence, "A question states nothing that can be checked.")
    return codes.read(sentence, case.findings)


# The claims that a reason in other words is made of, and the one that must be among them, by the outcome that it is of.
_REASONS = {
    "class_suggested": ({"existence", "rank"}, "rank"),
    "abstained": ({"separation", "suggestion"}, "separation"),
}


def _is_the_reason(found: CheckedSentence, case: Case) -> bool:
    """Whether what stands behind "Reason:" claims what the reason of the outcome claims, and nothing else."""
    prediction = case.findings.prediction
    allowed, needed = _REASONS.get(prediction.outcome, (set(), ""))
    own = Search(prediction.reason, case).best(prediction.reason, [], Context())[0]
    kinds, known = ({claim.kind for claim in one.claims} for one in (found, own))
    return found.verdict == "supported" and needed in kinds & known and kinds <= allowed


def _introduced(opening: re.Match[str], case: Case) -> bool:
    """What stands behind "Reason:" would else be taken for what the suggestion rests on."""
    rest = opening.string[opening.end() :]
    plainest = OPENING.sub("", plainer(opening.string, ()))
    return (
        opening[1] == "Note"
        or plain(opening.string) in case.quotes
        or any(introduced(opening[1], text, case.findings) for text in (rest, plainest))
    )


_EDITED_BEHIND = (
    r"(?: \((?:as )?(?:edited by the reader|reader-edited|edited|post-edit)\)| post-edit\b| after the reader's edit\b|"
    r", as (?:the reader edited it|edited(?: by the reader)?)\b,?)"
)
_EDITED_ONE = r"(?:segmented )?(?:lesion|abnormality)"
_THE_EDITED = re.compile(
    rf"\bthe (?:(?:reader-)?edited (?:one|{_EDITED_ONE})|{_EDITED_ONE} edited by the reader)(?!s| \d)\b", re.IGNORECASE
)
_EDITED_BEFORE = r"(?:^(?:as|once) edited(?: by the reader)?, (?:the )?|\bthe (?:reader-)?edited )"


def _without_edit_marks(sentence: str, findings: Findings) -> str:
    """The sentence without "edited" or "edited by the reader" at what that is true of."""
    if findings.reader_edit is not None:
        sentence = re.sub(
            r"(?i)\bthe (?:(?:reader-|reader's )?edited segmentation|segmentation (?:as )?edited by the reader|"
            r"segmentation (?:that |which )?the reader (?:has )?edited)\b",
            "the segmentation",
            sentence,
        )
    edited = [lesion for lesion in findings.lesions if lesion.edited_by_reader]
    if len(edited) == 1:
        number = edited[0].name.removeprefix("lesion-")
        sentence = re.sub(_THE_EDITED, f"abnormality {number}", sentence)
    for lesion in edited:
        called = rf"((?:segmented )?(?:abnormality|lesion) {lesion.name.removeprefix('lesion-')}\b)"
        for marked in (rf"\b{called}{_EDITED_BEHIND}", rf"{_EDITED_BEFORE}{called}"):
            sentence = re.sub(rf"(?i){marked}", r"\1", sentence)
    return sentence


def _named(sentence: str, findings: Findings) -> str:
    """The sentence with the data set's name in full: "Jun Cheng's brain tumor dataset" lacks a comma and a number."""
    whole = findings.model.data_set
    name, _, number = whole.partition("(")
    who, _, what = (piece.strip() for piece in name.partition(","))
    words = re.findall(r"\w+", name)
    if len(words) < 2 or whole in sentence:
        return sentence
    behind = rf"(?: \({re.escape(number)})?" if number else ""
    joint = r"(?:, ?| )"
    ways = [rf"{joint.join(map(re.escape, words))}\b{behind}"]
    if what:
        ways.append(rf"{re.escape(who)}'s {re.escape(what)}\b{behind}")
        ways.append(rf"(?:{re.escape(number.partition(' ')[0])} )?{re.escape(what)} of {re.escape(who)}\b{behind}")
    return re.sub(rf"(?i)\b(?:{'|'.join(ways)})", whole.replace("\\", r"\\"), sentence)
