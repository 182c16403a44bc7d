"""What a sentence claims, clause by clause, and whether the findings hold it. Deny by default.

A sentence is cut into clauses; readers turn what a clause mentions into claims (numbers.py, places.py, classes.py,
compared.py, everything else: statements.py). A mention that no claim accounts for makes
the sentence unsupported, and so does a sentence without a claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from ..schema import Findings, Lesion, Saliency
from .mentions import Mention


@dataclass(frozen=True)
class Claim:
    """``holds``: the findings say so (True), say otherwise (False) or say nothing of it (None).

    ``process``: about the analysis itself, not about the patient; only such claims may be joined by "because".
    """

    kind: str
    text: str
    holds: bool | None
    process: bool = False
    places: tuple[int, ...] = ()
    turned: tuple[int, ...] = ()  # the negations that made it true: where they stand


@dataclass
class Context:
    """What "it" stands for: the lesions, the heat map and the class that were spoken of last."""

    lesions: tuple[int, ...] | None = None
    map: str | None = None
    label: str | None = None
    subject: str = "lesion"  # or "map", whichever came last
    landmark: Mention | None = None  # the atlas position that was spoken of last
    last: str = ""  # the kind of this sentence's last claim
    shift: bool = False  # whether this sentence speaks of the midline shift
    bright: bool = False  # whether this sentence speaks of the bright part of a lesion
    mapped: str | None = None  # the class that was named for a heat map last, where there are maps of several
    before: frozenset[str] | None = None  # the kinds of what the sentence before claimed
    spoken: str = ""  # what kind of thing the clause before was about: "lesion", "map", "region", ..., "other"
    group: tuple[int, ...] | None = None  # the several lesions of one side, of more, that this sentence counted
    outside: bool = False  # whether this sentence gave the share outside the named regions


_AUXILIARIES = r"should|can|could|may|might|must|will|would|shall|is|are|was|were|has|have|had|does|do|did"
_PREDICATES = frozenset(_AUXILIARIES.split("|"))
_DETERMINERS = ("the", "an", "a", "its", "this", "that", "all", "both")
_MENTIONED = ("lesion", "map", "class", "region")
_BREAKS = {",", ":", "-", "/", ";"}


@dataclass
class Clause:
    """A part of a sentence with one predicate. ``negated``: a negation that stands over the whole sentence."""

    findings: Findings
    mentions: list[Mention]
    context: Context
    causal: bool = False
    consequence: bool = False  # begins with "so" or the like
    negated: bool = False
    elided: bool = False  # begins with "and measures": its subject is that of the clause before
    twice: bool = False  # whether two negations stood over the claim that was looked at last
    over: tuple[int, ...] = ()  # where the negations over it stand
    claims: list[Claim] = field(default_factory=list)

    # --- looking at mentions ---------------------------------------------------------------------------------------

    def of(self, *kinds: str, value: str | None = None, unread: bool = False) -> list[int]:
        """Indices of the mentions of these kinds. It is asked most of all, so that the usual question has a short way."""
        if len(kinds) == 1 and value is None and not unread:
            (kind,) = kinds
            return [i for i, m in enumerate(self.mentions) if m.kind == kind]
        return [
            i
            for i, m in enumerate(self.mentions)
            if m.kind in kinds and (value is None or m.value == value) and not (unread and m.read)
        ]

    def cue(self, *values: str) -> int | None:
        """Index of the first cue or quantity of one of these values."""
        return next(
            (i for i, m in enumerate(self.mentions) if m.kind in ("cue", "quantity") and m.value in values), None
        )

    def has(self, *values: str) -> bool:
        return self.cue(*values) is not None

    def crosses(self, a: int, b: int) -> bool:
        """Whether another member of a list, or another part of a comparison, begins between two mentions."""
        low, high = sorted((a, b))
        depth = min(self.mentions[low].depth, self.mentions[high].depth)
        between = (m for m in self.mentions[low + 1 : high] if m.depth <= depth)
        return any(
            m.kind in ("sep", "compare", "bound", "neg")
            or m.text in (",", ";")
            or m.text.lower() == "followed by"
            or (m.kind == "number" and m.value != "count")
            for m in between
        )

    def attached(self, index: int, kinds: Sequence[str], prefer_before: bool = False) -> int | None:
        """The mention of these kinds that a number (or a side, a rank) belongs to."""
        depth = self.mentions[index].depth
        before = [i for i in self.of(*kinds) if i < index]
        after = [i for i in self.of(*kinds) if i > index]
        if depth:
            inside = [
                i
                for i in after
                if all(m.depth >= depth for m in self.mentions[index : i + 1]) and not self.crosses(index, i)
            ]
            inside_before = [
                i
                for i in before
                if all(m.depth >= depth for m in self.mentions[i : index + 1]) and not self.crosses(i, index)
            ]
            order = [*inside_before[-1:], *inside[:1]] if prefer_before else [*inside[:1], *inside_before[-1:]]
            if not order and before and after and self.crosses(before[-1], index) and not self.crosses(index, after[0]):
                return after[0]
            return next(iter([*order, *before[-1:], *after[:1]]), None)
        near_before = [i for i in before[-1:] if not self.crosses(i, index)]
        near_after = [i for i in after[:1] if not self.crosses(index, i)]
        order = [*near_before, *near_after] if prefer_before else [*near_after, *near_before]
        return next(iter([*order, *before[-1:], *after[:1]]), None)

    # --- negation --------------------------------------------------------------------------------------------------

    def negations(self, *places: int) -> int:
        """How many negations stand over a claim whose words are at ``places``; they are read by this."""
        last, depth = max(places), self.mentions[places[0]].depth
        count = int(self.negated)
        seen, plain = False, count
        self.over = ()
        for i in self.of("neg"):
            mention = self.mentions[i]
            if i > last or mention.depth < depth or self._ended(i, last):
                continue
            if mention.value == "next" and not self._is_next(i, places):
                continue
            if mention.text.lower() == "nor" and seen:
                mention.read = True
                continue
            if mention.value == "whole":
                mention.read = True
                continue
            seen = True
            mention.read = True
            count += 1
            self.over += (i,)
            plain += mention.value != "next"
        self.twice = plain > 1
        return count

    def _is_next(self, negation: int, places: Sequence[int]) -> bool:
        kinds = ("class", "region", "lobe", "side", "lesion", "map", "cue")
        return (
            next((i for i in range(negation + 1, len(self.mentions)) if self.mentions[i].kind in kinds), None) in places
        )

    def _ended(self, negation: int, place: int) -> bool:
        """A comma with a verb right after it ends what a negation stands over."""
        for i in range(negation + 1, place):
            parts = self.mentions[i].kind == "sep" or self.mentions[i].text == ","
            if parts and self.mentions[i + 1].text.lower() in ("a", "an"):
                return True
            if parts and any(
                m.kind == "neg" and m.text.lower() in ("no", "not") for m in self.mentions[i + 1 : min(i + 3, place)]
            ):
                return True
            if self.mentions[i].text == "," and self.mentions[i + 1].kind in ("verb", "only", "level"):
                return True
        return False

    # --- stating ---------------------------------------------------------------------------------------------------

    def state(self, kind: str, holds: bool | None, *places: int, process: bool = False, exact: bool = False) -> None:
        """Add a claim about the mentions at ``places`` and mark them as read.

        ``exact``: a number that is denied ("not 3 ml") says nothing that the findings hold.
        """
        negations = self.negations(*places)
        denied = negations % 2 == 1
        if self.twice:
            holds = None  # "not not", "not without": not read
        turned = self.over if denied and holds is False else ()
        if denied:
            holds = (None if exact and holds is False else not holds) if holds is not None else None
        for place in places:
            self.mentions[place].read = True
        text = " ".join(self.mentions[i].text for i in sorted(set(places)) if self.mentions[i].text)
        self.claims.append(
            Claim(kind, f"not {text}" if denied else text, holds, process, places, turned if holds else ())
        )

    def turned_once(self) -> None:
        """A negation is of the claim next to it: what is false and made true by a negation of something else is not read.

        "Not for diagnosis, the registration failed" denies no failure.
        """
        self.claims = [
            replace(claim, holds=None) if any(self._begins_anew(i, claim) for i in claim.turned) else claim
            for claim in self.claims
        ]
        for i in self.of("neg"):
            turned = [claim for claim in self.claims if i in claim.turned]
            if len(turned) < 2:
                continue
            own = min(turned, key=lambda claim: min(abs(place - i) for place in claim.places))
            self.claims = [
                replace(claim, holds=None) if claim in turned and not self._denied_with(own, claim) else claim
                for claim in self.claims
            ]

    def _begins_anew(self, negation: int, claim: Claim) -> bool:
        """Whether a subject or a predicate of its own begins between a negation and a claim behind it: "..., the registration
        failed", "not calibrated and should be relied on"."""
        ahead = [place for place in claim.places if place > negation]
        if len(ahead) < len(claim.places) or not ahead:
            return False
        words = [mention.text.lower() for mention in self.mentions[negation + 1 : min(ahead) + 1]]
        return any(
            (first in (",", ":", "and") and second.split()[0] in _DETERMINERS)
            or (first in (",", "and", "but", "yet") and second.split()[0] in _PREDICATES)
            for first, second in pairwise(word for word in words if word)
        )

    def _denied_with(self, own: Claim, other: Claim) -> bool:
        """Whether a negation of ``own`` is one of ``other``, too: of the same predicate, or joined to it by "or"."""
        shared = set(own.places) & set(other.places)
        if own is other or any(self.mentions[place].kind not in _MENTIONED for place in shared):
            return True
        pairs = [(a, b) for a in own.places for b in other.places if a not in shared or b not in shared]
        low, high = min(map(sorted, pairs), key=lambda pair: pair[1] - pair[0])
        between = {mention.text.lower() for mention in self.mentions[low + 1 : high]}
        if own.kind != other.kind:
            return bool(between & {"or", "nor"}) or ("count" in (own.kind, other.kind) and not between & _BREAKS)
        within = own.kind != "statement" or any(self.mentions[place].value == "made" for place in other.places)
        return bool(between & {"or", "nor", "and"}) or (
            within and not between & _BREAKS
        )  # "the head MRI it was made for"

    def read(self, *places: int | None) -> None:
        for place in places:
            if place is not None:
                self.mentions[place].read = True

    # --- what is spoken of -----------------------------------------------------------------------------------------

    def lesions_at(self, index: int) -> tuple[int, ...] | None:
        """Which lesions a mention means; empty for one that does not exist, None where it cannot be told."""
        return which_lesions(self.findings, self.mentions[index].value, self.context)

    def maps_at(self, index: int) -> tuple[str, ...] | None:
        """Which heat maps a mention means; empty for one that was not computed, None where it cannot be told."""
        value = self.mentions[index].value
        methods = tuple(s.method for s in self.findings.saliency)
        if value in ("many", "both"):
            return methods if value == "many" or len(methods) == 2 else ()
        if value == "any":
            named = [
                m.value for m in self.mentions[:index] if m.kind == "map" and m.value not in ("any", "many", "both")
            ]
            if named:
                return (named[-1],) if named[-1] in methods else ()
            if index > 0 and self.mentions[index - 1].text.lower() in ("neither", "no", "none of"):
                return methods
            if len(methods) == 1:
                return methods
            return (self.context.map,) if self.context.map else None
        return (value,) if value in methods else ()

    def masks(self, index: int | None) -> list[Lesion | Saliency] | None:
        """The masks that a mention of a lesion or a map means; without a mention, what was spoken of last."""
        found = self.findings
        if index is None:
            if self.context.subject == "map":
                return [s for s in found.saliency if s.method == self.context.map] or None
            lesions = self.context.lesions or ((0,) if len(found.lesions) == 1 else None)
            return None if lesions is None else [found.lesions[i] for i in lesions]
        if self.mentions[index].kind == "map":
            methods = self.maps_at(index)
            return None if methods is None else [s for s in found.saliency if s.method in methods]
        lesions = self.lesions_at(index)
        return None if lesions is None else [found.lesions[i] for i in lesions]


def which_lesions(findings: Findings, value: str, context: Context) -> tuple[int, ...] | None:
    """The lesions that a mention names; empty for one that does not exist, None where it does not say which."""
    everyone = tuple(range(len(findings.lesions)))
    by_size = sorted(everyone, key=lambda i: -findings.lesions[i].voxels)
    first, _, side = value.split(maxsplit=1)[0].partition(":")
    if first.isdigit():
        return tuple(i for i in everyone if findings.lesions[i].number == int(first))
    if side:
        return tuple(i for i in everyone if findings.lesions[i].side == side)
    if first == "other":
        known = context.lesions if context.lesions and len(context.lesions) < len(everyone) else tuple(by_size[:1])
        return tuple(i for i in everyone if i not in known)
    two = len(everyone) == 2  # a comparative, like "both", is of two
    places = {
        "largest": by_size[:1],
        "second": by_size[1:2],
        "smallest": by_size[-1:],
        "larger": by_size[:1] if two else (),
        "smaller": by_size[1:] if two else (),
        "both": everyone if two else (),
        "all": everyone,
        "many": everyone,
    }
    if first in places:
        return tuple(places[first])
    return everyone if len(everyone) < 2 else context.lesions


def clauses(findings: Findings, mentions: Iterable[Mention], context: Context) -> list[Clause]:
    """Cut at conjunctions, colons and semicolons. A negation of the whole ("it is not the case that") goes to every part."""
    mentions = list(mentions)
    whole = sum(m.kind == "neg" and m.value == "whole" for m in mentions) % 2 == 1
    result = [Clause(findings, [], context, negated=whole)]
    fronted = bool(mentions) and mentions[0].kind == "boundary" and mentions[0].value == "cause"
    for i, mention in enumerate(mentions):
        if fronted and mention.text == "," and mention.depth == 0:
            fronted = False
            result.append(Clause(findings, [], context, causal=True, consequence=True, negated=whole))
            continue
        if mention.kind == "neg" and mention.value == "whole":
            continue
        if mention.text.lower() == "as" and _apposition(mentions[i + 1 :], i == 0):
            result[-1].mentions.append(Mention("neutral", "", mention.text, mention.depth))
        elif mention.kind == "boundary":
            spoken = next((m for m in reversed(result[-1].mentions) if m.kind not in ("mark", "neutral")), None)
            result.append(Clause(findings, [], context, causal=mention.value == "cause", negated=whole))
            result[-1].consequence = mention.text.lower() in _CONSEQUENCES
            if (
                mention.text.lower() == "which"
                and spoken is not None
                and spoken.kind == "number"
                and spoken.number.unit
            ):
                before = [m for m in (result[-2].mentions if len(result) > 1 else []) if m.kind in ("lesion", "map")]
                spoken = before[-1] if before else spoken  # "the mask has a volume of 3.79 ml, which is less than"
            if mention.text.lower() == "which" and spoken is not None and spoken.kind in _RELATIVE:
                result[-1].mentions.append(replace(spoken, read=True, depth=mention.depth))
            if mention.text.lower().startswith("and ") and mention.text.lower() not in (
                "and it",
                "and they",
                "and its",
                "and then",
            ):
                verb = mention.text.split(" ", 1)[1]
                result[-1].elided = True
                kind = (
                    "do"
                    if verb in ("does", "do")
                    else "neg"
                    if verb == "nothing"
                    else "quantity"
                    if verb == "overlaps"
                    else "verb"
                )
                result[-1].mentions.append(Mention(kind, "overlap" if kind == "quantity" else "", verb, mention.depth))
        elif (
            (
                mention.text.lower() in ("and", ",")
                and mention.depth == 0
                and _new_predicate(result[-1].mentions, mentions[i + 1 :])
            )
            or (mention.text == ";" and mention.depth == 0)
            or (mention.text == ":" and _complete(result[-1].mentions))
        ):
            result.append(Clause(findings, [], context, negated=whole))
        else:
            result[-1].mentions.append(mention)
    return [clause for clause in result if clause.mentions]


_CONSEQUENCES = (
    *("so", "so that", "thus", "therefore", "hence", "for this reason", "for these reasons"),
    *("means that", "which means that", "meaning that", "implies that", "which implies that"),
)
_RELATIVE = ("region", "lobe", "lesion", "map", "outside", "landmark")
_PROCESS_SUBJECTS = ("sides", "regions", "registration", "volume", "image", "function", "sequence")
_SUBJECTS = ("class", "lesion", "map", "suggest", "classes", "score", "model")


def _new_predicate(before: list[Mention], after: list[Mention]) -> bool:
    """Whether an "and" joins two statements, each with its own subject and verb."""
    rest = [m for m in after if m.kind not in ("neutral", "which", "side", "neg", "number", "mark")]
    end = next((n for n, m in enumerate(rest) if m.kind in ("sep", "boundary")), len(rest))
    first = rest[:end]
    process = bool(first) and first[0].kind in ("cue", "quantity") and first[0].value in _PROCESS_SUBJECTS
    if not first or not (process or first[0].kind in _SUBJECTS) or not any(m.kind in ("verb", "modal") for m in before):
        return False
    return any(m.kind in ("verb", "modal", "do") for m in first[1:])


_NAMES_ONLY, _SAYING = ("neutral", "mark", "quantity", "shift", "outside"), ("overlap", "checks")
_WHAT_IT_IS = ("kind", "good", "limited", "failed", "approximate", "image", "mr", "ct", "template", "atlas", "research")


def _apposition(after: list[Mention], first: bool) -> bool:
    """ "as the runner-up", "classified as glioma with a score of 0.9": not a cause, for no predicate follows."""
    following = next((m for m in after if m.kind != "neutral"), None)
    if following is None or following.kind in ("rank", "suggest", "classes"):
        return following is not None
    ends = next((n for n, m in enumerate(after) if m.kind == "boundary" or m.text in (";", ":", ",")), len(after))
    predicate = any(m.kind in ("verb", "do", "neg", "modal") for m in after[:ends])
    if following.kind == "cue" and following.value in _WHAT_IT_IS and not predicate:
        return True  # "rated as good", "served as the input"
    if all(m.kind in _NAMES_ONLY and m.value not in _SAYING for m in after[:ends]):
        return True  # "with 4.45 ml as its volume", "listed as white matter / other"
    if following.kind != "class":
        return False
    return not first and not any(m.kind in ("verb", "do", "neg", "modal", "cue") for m in after[:ends])


def _complete(before: list[Mention]) -> bool:
    """Whether what stands before a colon says something by itself, rather than naming what comes after it."""
    return {"neg", "suggest"} <= {m.kind for m in before} or any(
        m.kind in ("verb", "do")
        or (m.kind == "suggest" and any(other.kind == "class" for other in before))
        or (m.kind == "cue" and m.value in ("rely", "agree", "disagree", "different sides"))
        or (m.kind == "number" and m.value not in ("count", "word"))
        for m in before
    )
