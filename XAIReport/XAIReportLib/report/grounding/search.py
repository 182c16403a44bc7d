"""How a sentence may be read: as it stands, in plainer words, as a statement about the analysis, one statement after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from . import frames
from .apart import FINITE, Way, apart
from .causes import backwards, may_explain, may_follow
from .claims import Context
from .meant import named, placed, sized
from .outcome import CheckedClaim, CheckedSentence, joined, quoted
from .quotes import is_stated, reasons
from .reading import Case, said_so
from .recast import recast
from .rewording import plainer
from .synonyms import plainest
from .vocabulary import plain as one_way

# "glioma is suggested, for the lesion lies on the left" gives a cause.
_FOR = re.compile(
    r", for (?=(?:the|it|its|they|their|there|no|an?|both|all|one) [^,;]*?"
    r"\b(?:is|are|was|were|has|have|lies|lie|scored|failed|lacks?|measures)\b)",
    re.IGNORECASE,
)
_BEING = re.compile(r"^with ([^,]+?) being ([^,]+), ", re.IGNORECASE)
# "84 % of it projects onto the positions of A and B" gives the share of both together.
_ONE_OF_BOTH = r"(?:the )?((?:left|right) [^,;%]+?)"
_OF_BOTH = re.compile(
    r"^((?:(?:about|roughly|around|approximately|some|nearly|almost) )?[\d.]+ ?(?:%|percent)) of ([^,;]+?) "
    r"(?:approximately )?projects? (?:approximately )?onto the (?:atlas )?positions of "
    rf"{_ONE_OF_BOTH} and (?:of )?{_ONE_OF_BOTH}(?=\.?$)",
    re.IGNORECASE,
)
# "the mask is larger than the lesion, at 9.9 ml" gives the size of what is compared, not of what it is compared with.
_AT = re.compile(
    r"^([^,;]+?)(?: is| was)? ((?:\w+ )?(?:larger|smaller|bigger|greater)) than ([^,;]+),"
    r"(?: (?:at|with|measuring|having)(?: a volume of)?)? ([\d.]+ ?(?:ml|cc|pixels|voxels))(?=\.?$)",
    re.IGNORECASE,
)
# "goes from 0.87 to 0.62" says by its figures which way.
_SCORE = r"(\d+(?:\.\d+)?)"
_GOES = re.compile(
    rf"\b(?:goes|moves|changes|shifts|went|moved|changed|shifted) (from {_SCORE}(?: ?%)? to {_SCORE}(?!\.?\d))",
    re.IGNORECASE,
)
# "41.6 % of the lesion, or 1.85 ml" gives the volume of the share, not of the lesion.
_OR = r",? (?:or|i\.e\.|that is|corresponding to|equal to|equivalent to|amounting to)"
_OR_ML = re.compile(
    r"(^)?\b((?:(?:about|roughly|around|approximately|some|nearly|almost|only|just) )?[\d.]+ ?(?:%|percent)) of "
    rf"(the (?:segmented )?(?:abnormality|lesion)|it|its volume){_OR} ((?:about |roughly |approximately )?[\d.]+ ?ml)\b"
    r"(?! of\b)(?(1),?)",
    re.IGNORECASE,
)
_DEPTH = 3  # how often what was taken apart is taken apart again
_READINGS = 50  # of one sentence, at most
_THEY = re.compile(r"^(?:they|these|it) ", re.IGNORECASE)
_HENCE = r"(?:therefore|thus|hence|consequently|accordingly)"
_FRONTED = re.compile(rf"^(?:{_HENCE}|as a result|for (?:this|that) reason|as a consequence),? ", re.IGNORECASE)
_INSIDE = re.compile(rf"^((?:(?!\b{FINITE}\b)[^,;:])+?)( {FINITE})? {_HENCE} ([^,;:]+(?:,.*)?)$", re.IGNORECASE)
_OF_EXCLUSION = re.compile(r"^(?:exclu|rul)", re.IGNORECASE)


class Search:
    """Looks for a way to read one sentence in which the findings hold all that it claims."""

    def __init__(self, sentence: str, case: Case) -> None:
        self._sentence, self._case, self._left = sentence, case, _READINGS
        self._classes = case.classes

    def best(
        self, said: str, never: list[str], context: Context, depth: int = _DEPTH
    ) -> tuple[CheckedSentence, Context]:
        """What became of a statement, in the first way in which it is supported, else as it stands in plainer words; and what
        "it" is behind it. ``never``: the words in it that are never said."""
        said = _BEING.sub(r"because \1 is \2, ", _FOR.sub(", because ", said))
        said = _AT.sub(r"\1 is \2 than \3; \1 measures \4", said)
        said = _GOES.sub(_moved, said)
        said = _OR_ML.sub(lambda m: f"{m[4]} ({m[2]})" + (f" of {m[3]}" if m[1] is not None else ""), said)
        said = _OF_BOTH.sub(r"\3 and \4 together account for \1 of \2", said)
        plain = plainer(said, self._classes)
        outcome, seen = self._one(said, never, context)
        if outcome.verdict != "supported" and plain != said:
            outcome, seen = self._one(plain, never, context)
        if outcome.verdict == "supported":
            return outcome, seen
        plainest_still = plainest(plain, self._classes)
        for meant in (placed, sized):
            plainest_still = meant(plainest_still, self._case.findings)
        plainer_still = plainer(plainest_still, self._classes)
        if one_way(plainer_still) in self._case.quotes:
            return quoted(self._sentence), replace(context)
        if plainer_still != plain:
            other, trial = self._one(plainer_still, never, context)
            if other.verdict == "supported":
                return other, trial
        forms = dict.fromkeys((plainer_still, plain, *named(plain, self._case.findings, context.subject)))
        if depth == _DEPTH and (bare := _without_therefore(plain)):
            other, trial = self.best(bare, never, context, depth - 1)
            if other.verdict == "supported" and may_follow(context.before, {claim.kind for claim in other.claims}):
                return other, trial
        ways = [Way(tuple(said.split("; "))) for said in recast(plainer_still)]
        ways += [way for form in forms for way in apart(form, self._classes)]
        for way in ways if depth else ():
            if self._left <= 0:
                break
            parts, trial = self._each(way, never, context, depth)
            if parts:
                return joined(parts), trial
        return outcome, seen

    def _one(self, said: str, never: list[str], context: Context) -> tuple[CheckedSentence, Context]:
        self._left -= 1
        trial = replace(context)
        outcome = said_so(self._sentence, said, never, self._case, trial)
        if outcome.verdict == "supported":
            return outcome, trial
        spoken = (
            _THEY.sub("the heat maps ", said) if context.subject == "map" or context.last.startswith("check") else said
        )
        kind, holds = frames.read(spoken, self._case.findings) or ("", None)
        if kind == "excluded":
            never = [word for word in never if not _OF_EXCLUSION.match(word)]
        if holds and not never:
            claim = CheckedClaim(kind=kind, text=said, holds=True)
            reason = "The findings hold everything that it claims."
            return CheckedSentence(text=self._sentence, verdict="supported", reason=reason, claims=(claim,)), trial
        return outcome, trial

    def _each(
        self, way: Way, never: list[str], context: Context, depth: int
    ) -> tuple[Sequence[CheckedSentence], Context]:
        """The pieces of a way, if all of them are supported, and none if not."""
        parts, trial = [], replace(context)
        for piece in way.pieces:
            elsewhere = [other for other in way.pieces if other != piece]
            own = [word for word in never if word in piece or not any(word in other for other in elsewhere)]
            part, trial = self.best(piece, own, trial, depth - 1)
            if part.verdict != "supported":
                return (), context
            parts.append(part)
        if way.reason is not None:
            kinds = [{claim.kind for claim in part.claims} for part in parts]
            told = f"{way.pieces[way.reason]}; {way.pieces[1 - way.reason]}"  # as a warning of the findings tells it
            alike = may_explain(*kinds) or (kinds == [{"quotation"}] * 2 and is_stated(told, self._case.stated))
            own = [is_stated(piece, reasons(self._case.findings)) for piece in way.pieces]
            alike = alike or all(own) or (own[way.reason] and kinds[1 - way.reason] == {"suggestion"})
            if not alike or backwards(way.pieces[1 - way.reason], way.pieces[way.reason]):
                return (), context
        return parts, trial


def _moved(found: re.Match[str]) -> str:
    before, after = float(found[2]), float(found[3])
    return found[0] if before == after else f"{'falls' if after < before else 'rises'} {found[1]}"


def _without_therefore(sentence: str) -> str:
    """The sentence without a "therefore" at its head or beside its verb, or nothing where it has none there."""
    if fronted := _FRONTED.match(sentence):
        return sentence[fronted.end() :]
    inside = _INSIDE.match(sentence)
    if inside is None or (inside[2] is None and re.match(rf"{FINITE}\b", inside[3], re.IGNORECASE) is None):
        return ""
    return f"{inside[1]}{inside[2] or ''} {inside[3]}"
