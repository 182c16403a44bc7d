"""Other ways of saying a thing, brought to the one that is read.

The rules (rewordings.en.txt) take out words that claim nothing (a greeting, "it can be seen that") or turn a construction into a
plainer one that claims the same: a cleft sentence, a condition ("were the lesion removed"), a noun with a light verb ("shows no
overlap with"). No rule may change what is claimed. What is never said is looked for in the sentence as it was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .numerals import said_once, spelled_out
from .vocabulary import subject_of

_FILE = Path(__file__).with_name("rewordings.en.txt")


@dataclass(frozen=True)
class Rule:
    """``only``: where it holds: "changed", "elsewhere" or, empty, everywhere."""

    pattern: re.Pattern[str]
    new: str
    only: str
    needs: str  # letters that stand in every sentence that it fits, so that most are told quickly that it does not


@cache
def rules(classes: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules, for a model whose classes are called so."""
    parts = {"CLASS": f"(?:{'|'.join(map(re.escape, classes))})\\b"}
    result = []

    def filled(text: str) -> str:
        return re.sub(r"<([A-Z]+)>", lambda found: parts[found[1]], text)

    for line in _FILE.read_text(encoding="utf-8").splitlines():
        pattern, arrow, new = line.partition(" => ")
        if arrow:
            only, _, rest = (
                pattern.partition(": ") if pattern.startswith(("changed: ", "elsewhere: ")) else ("", "", pattern)
            )
            rest = filled(rest)
            result.append(Rule(re.compile(rest, re.IGNORECASE), new.strip('"'), only, _needed(rest)))
        elif line and not line.startswith("#"):
            name, _, text = line.partition(" = ")
            parts[name] = filled(text)
    return tuple(result)


def _needed(pattern: str) -> str:
    """The longest run of letters outside all groups and choices of a pattern."""
    runs, depth, i = [""], 0, 0
    while i < len(pattern):
        c = pattern[i]
        if c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == "|" and not depth:
            return ""
        i += 2 if c == "\\" else 1
        if depth or c in ")]\\" or not (c.isalpha() or c == " ") or pattern[i : i + 1] in ("?", "*", "{"):
            runs.append("")
        else:
            runs[-1] += c
    return max(runs, key=len).lower()


def plainer(sentence: str, classes: tuple[str, ...]) -> str:
    """The same claims in the words that are read; ``classes``: what the model's classes are called."""
    sentence = said_once(spelled_out(sentence))
    for rule in rules(classes):
        if rule.needs not in sentence.lower():
            continue
        subject = subject_of(sentence) if rule.only else ""
        if not rule.only or (rule.only == "changed") is (subject == "changed"):
            if rule.only == "elsewhere" and subject:
                continue
            sentence = rule.pattern.sub(rule.new, sentence)
    return sentence.strip()


_JOINTS = re.compile(
    r"; |, (?:while|whereas|but|and|though|although|yet) "
    r"(?=(?:the|it|they|its|their|both|all|no|neither|none|an?|one|two|of|only|in|on|for|with|that|this|there)\b)|"
    r" (?:while|whereas) (?=(?:the|it|its)\b)|, (?:and |while |but )?(?=\S*CAM\S* (?:does|has|shows|overlaps)\b)",
    re.IGNORECASE,
)
_LOOSE = re.compile(r", (?:and|but|while|whereas) ", re.IGNORECASE)
_FRONTED = re.compile(r"^(?:while|whereas|although|though) ", re.IGNORECASE)
_EMBEDDED = re.compile(
    r"^([^,;:]+), ((?:which|with|measuring|located|lying|situated|having|occupying|covering|at|in|on) [^,;:]+), ([^;:]+)$",
    re.IGNORECASE,
)
_ONE_OF = re.compile(
    r"^of the (two|three|four) ((?:saliency )?(?:lesions|abnormalities|heat[ -]?maps|maps|masks|methods))"
    r"(?: (?:that were )?(?:computed|segmented|found))?,? ",
    re.IGNORECASE,
)
_FINITE = (
    r"(?:is|are|was|were|has|have|had|lies?|sits?|measures?|measured|projects?|overl(?:ies?|aps?)|covers?|occupies|occupy|"
    r"does|do|did|cannot|could|can|may|must|reach(?:es)?|shows?|scored|scores|received?s?|suggests?|suggested|favours?|leads?|"
    r"marks?|highlights?|extends?|cross(?:es)?|contains?|holds?|accounts?|comes?|came|touch(?:es)?|falls?|straddles?|"
    r"remains?|stays?|ranks?|exceeds?|makes?|takes?|belongs?|corresponds?|amounts?|fails?|failed|passed|agrees?|agreed)"
)
# "One of the lesions", "a lesion": two statements about such need not be about the same one, so they are not taken apart.
_DEFINITE = r"(?!(?:an?|one|some|any|another|either|each|two|three|of)\b)(?!.*?\b(?:one|some|any|either|each|at least|which) of\b)"
_PREDICATES = re.compile(
    rf"^{_DEFINITE}([^,;:]+?) ({_FINITE} [^;:]+?),? (?:and|but|yet) ({_FINITE} .+)$", re.IGNORECASE
)
_TAIL = re.compile(
    rf"^{_DEFINITE}([^,;:]+?) ({_FINITE} [^;:]+?), "
    r"((?:with|at|measuring|located|lying|situated|having|occupying|covering|projecting|overlapping|scoring|making|crossing|"
    r"reaching|touching|extending|accounting|and (?:mainly|mostly|chiefly|predominantly|only|also)) .+)$",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"^at (?=(?:about |roughly |approximately |around |some |only |just |nearly |almost )?[\d.]+)", re.IGNORECASE
)
_NO_SUBJECT = re.compile(
    rf"{_FINITE}\b", re.IGNORECASE
)  # "is the smaller of the two" says nothing of any one by itself
_WHOLE = re.compile(
    r"^(?:if|when|were|without|once|after|it is (?:not|wrong|false|untrue))\b|\bnot only\b", re.IGNORECASE
)


def apart(sentence: str) -> list[list[str]]:
    """The statements that a sentence joins, in the ways in which it may be cut; none where it cannot."""
    if subject_of(sentence) or _WHOLE.search(sentence):
        return []
    ways = []
    if embedded := _EMBEDDED.match(sentence):
        subject, aside, rest = embedded.groups()
        ways.append([f"{subject} {aside.removeprefix('which ')}", f"{subject} {rest}"])
    if predicates := _PREDICATES.match(sentence):
        subject, first, second = predicates.groups()
        ways.append([f"{subject} {first}", f"{subject} {second}"])
    if tail := _TAIL.match(sentence):
        subject, first, said = tail.groups()
        ways.append([f"{subject} {first}", f"{subject} {_FIGURE.sub('with ', said).removeprefix('and ')}"])
    if one_of := _ONE_OF.match(sentence):
        count, noun = one_of.groups()
        done = "segmented" if noun.lower().startswith(("lesion", "abnormal")) else "computed"
        ways.append([f"{count} {noun} were {done}", sentence[one_of.end() :]])
    if fronted := _FRONTED.match(sentence):
        rest = sentence[fronted.end() :]
        ways += [[rest[: comma.start()], rest[comma.end() :]] for comma in re.finditer(", ", rest)][:3]
    else:
        ways += [_JOINTS.split(sentence)]
        loose = list(_LOOSE.finditer(sentence))[:3]
        ways += [[sentence[: joint.start()], sentence[joint.end() :]] for joint in loose]
    closed = [way for way in ways if all(piece.count("(") == piece.count(")") for piece in way)]
    return [way for way in closed if len(way) > 1 and not any(map(_NO_SUBJECT.match, way[1:]))]
