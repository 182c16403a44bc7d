"""What a clause leaves out because the one before it said it: "the first lies on the left, the second on the right"."""

from __future__ import annotations

import re
from collections.abc import Iterator

_VERB = (
    r"(?:is|are|was|were|has|have|had|lies?|sits?|measures?|measured|projects?|overl(?:ies?|aps?)|covers?|occupies|occupy|"
    r"shows?|scored|scores|receive[sd]?|suggests?|extends?|contains?|holds?|accounts?|comes?|touch(?:es)?|falls?|remains?|"
    r"ranks?|makes?|takes?|belongs?|amounts?|points?|lies|reach(?:es|ed)|spans?|achieves?|highlights?|marks?)"
)
_PREPOSITION = r"(?:on|in|onto|into|to|at|with|of|from|for|by|over|within|about)"
_CLAUSE = re.compile(rf"^(.+?) ((?:(?:was|were|is|are|has been|have been) )?{_VERB})\b(.*)$", re.IGNORECASE)
_BARE = re.compile(rf"^((?:the |an? |that |those )?[^,;]+?)(?: one| ones)? ({_PREPOSITION}) (.+)$", re.IGNORECASE)
_FIGURE = re.compile(
    r"^(.+?) ((?:about |only |just |almost |nearly |over |under |roughly )?\d[\d.]* ?(?:ml|mm|cm|%)?(?: \(.*\))?)$"
)
_SHARE = re.compile(r"(?:half|thirds?|quarters?|fifths?|tenths?|%|part|rest|most)$", re.IGNORECASE)
_NUMBERS = ("one", "two", "three")
_SINGULAR_OF = {
    "lie": "lies",
    "are": "is",
    "overlap": "overlaps",
    "project": "projects",
    "point": "points",
    "were": "was",
}
_ANY_VERB = re.compile(rf"\b{_VERB}\b", re.IGNORECASE)
_DOES = re.compile(
    r"^(.+?) (?:does|do|did|is|are|was|were|has|have|can|could)( not)?(?: (?:so|at all|either|too))?\.?$", re.IGNORECASE
)
_OBJECT = re.compile(r"^(.+?) (the .+|no .+|an? .+)$", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:not|never|no|none|nothing|neither|nor|without|only|cannot)\b", re.IGNORECASE)
_BASE = {"overlaps": "overlap", "lies": "lie", "agrees": "agree", "supports": "support", "shows": "show", "touches": "touch",
         "projects": "project", "covers": "cover", "crosses": "cross", "remains": "remain", "reaches": "reach",
         "points": "point", "highlights": "highlight", "suggests": "suggest", "extends": "extend"}  # fmt: skip
_COMPARED = re.compile(r"^(.+?) ((?:more|less|better|worse)(?: \w+)? than .+)$", re.IGNORECASE)
_SINGULAR = {base: one for one, base in _BASE.items()}


def filled_in(first: str, second: str) -> Iterator[str]:
    """The second clause with the verb of the first, and with what belongs to it up to the preposition that both have."""
    clause = _CLAUSE.match(first.rstrip("."))
    if clause is None:
        return
    _, verb, rest = clause.groups()
    second = second.rstrip(".")
    if done := _DOES.match(second):
        yield from _done(done, verb, rest)
    if _ANY_VERB.search(re.sub(r"\(.*?\)", "", second)) is not None:
        return
    if bare := _BARE.match(second):
        subject, preposition, what = bare.groups()
        if subject.lower() in _NUMBERS and (
            many := re.match(r"^\w+ ((?:heat )?maps|lesions|abnormalities)$", clause[1], re.IGNORECASE)
        ):
            subject = f"{subject} of the {many[1]}"
            verb = _SINGULAR_OF.get(verb.lower(), verb) if subject.lower().startswith("one") else verb
        found = re.search(rf"(?:^| ){preposition} ", rest, re.IGNORECASE)
        if found is not None:
            yield f"{subject} {verb}{rest[: found.start()]} {preposition} {what}"
        elif preposition.lower() in ("on", "in", "at", "onto"):
            yield f"{subject} {verb} {preposition} {what}"
    if compared := _COMPARED.match(second):
        yield f"{compared[1]} {_SINGULAR.get(verb.lower(), verb)}{rest} {compared[2]}"
    if figure := _FIGURE.match(second):
        subject, number = figure.groups()
        before = re.match(r"^(.*?)(?:about |only |just |almost |nearly |over |under |roughly )?\d", rest)
        if before is not None:
            yield f"{subject} {verb}{before[1]}{number}"
    if thing := _OBJECT.match(second):
        subject, what = thing.groups()
        if re.match(r" (?:the|an?|no) ", rest, re.IGNORECASE):
            share = re.search(r" of (?:it|the \w+)$", clause[1], re.IGNORECASE)
            whole = share[0] if share and _SHARE.search(subject) else ""
            yield f"{subject}{whole} {verb} {what}"


def _done(done: re.Match[str], verb: str, rest: str) -> Iterator[str]:
    """ "A overlaps with the lesion, but B does not"."""
    subject, denied = done.groups()
    rest = re.sub(r" \([^)]*\)", "", rest)
    if _DENIED.search(f"{verb}{rest}"):
        return
    if denied:
        if verb.lower() in _BASE:
            yield f"{subject} does not {_BASE[verb.lower()]}{rest}"
        elif verb.lower() in _BASE.values():
            yield f"{subject} does not {verb}{rest}"
        elif verb.lower() in ("is", "are", "was", "were"):
            yield f"{subject} {verb} not{rest}"
    else:
        yield f"{subject} {verb}{rest}"
