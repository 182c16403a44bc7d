"""Other ways of saying a thing, brought to the one that is read.

The rules (rewordings.en.txt) take out words that claim nothing (a greeting, "it can be seen that") or turn a construction into a
plainer one that claims the same: a cleft sentence, a condition ("were the lesion removed"), a noun with a light verb ("shows no
overlap with"). No rule may change what is claimed. What is never said is looked for in the sentence as it was written.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from .numerals import said_once, spelled_out
from .vocabulary import subject_of

_FILE = Path(__file__).with_name("rewordings.en.txt")


_ONLY = re.compile(r"^(changed|elsewhere|longer|(?:m[lm]|score) [\d.]+ to [\d.]+): (.*)$")


@dataclass(frozen=True)
class Rule:
    """``only``: where it holds: "changed", "elsewhere", what its figures must be or, empty, everywhere."""

    pattern: re.Pattern[str]
    new: str
    only: str
    needs: str  # letters that stand in every sentence that it fits, so that most are told quickly that it does not


@cache
def rules(classes: tuple[str, ...], path: Path | None = None) -> tuple[Rule, ...]:
    """The rules of a file, for a model whose classes are called so."""
    parts = {"CLASS": f"(?:{'|'.join(map(re.escape, classes))})\\b"}
    result = []

    def filled(text: str) -> str:
        return re.sub(r"<([A-Z]+)>", lambda found: parts[found[1]], text)

    for line in (path or _FILE).read_text(encoding="utf-8").splitlines():
        pattern, arrow, new = line.partition(" => ")
        if line.startswith("#"):
            continue
        if arrow:
            only, rest = found.groups() if (found := _ONLY.match(pattern)) else ("", pattern)
            rest = filled(rest)
            result.append(Rule(re.compile(rest, re.IGNORECASE), new.strip('"'), only, needed(rest)))
        elif line:
            name, _, text = line.partition(" = ")
            parts[name] = filled(text)
    return tuple(result)


_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)  # an escape, a set of characters, or one character


def alternatives(pattern: str) -> list[str]:
    """What stands between the bars outside all groups of a pattern."""
    parts, depth = [""], 0
    for piece in _PIECE.findall(pattern):
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def needed(pattern: str) -> str:
    """The longest run of letters outside all groups of a pattern without choices; nothing where it has some."""
    if len(alternatives(pattern)) > 1:
        return ""
    runs, depth = [""], 0
    pieces = [*_PIECE.findall(pattern), ""]
    for piece, following in itertools.pairwise(pieces):
        depth += (piece == "(") - (piece == ")")
        if depth or not (piece.isalpha() or piece == " ") or following in ("?", "*", "{"):
            runs.append("")
        else:
            runs[-1] += piece
    return max(runs, key=len).lower()


_PREFIX = re.compile(r"\?(?::|P<\w+>)")


def one_of(pattern: str) -> tuple[str, ...]:
    """Letters of which some stand in every text that a pattern fits, by the choices of a group; nothing where it has none."""
    if len(choices := alternatives(pattern)) > 1:
        each = [one_of(choice) for choice in choices]
        return tuple(dict.fromkeys(run for runs in each for run in runs)) if all(each) else ()
    found, group, depth = [(needed(pattern),)], "", 0
    for piece, following in itertools.pairwise([*_PIECE.findall(pattern), ""]):
        depth -= piece == ")"
        if depth:
            group += piece
        elif piece == ")" and following not in ("?", "*", "{"):
            kind = _PREFIX.match(group)
            found.append(one_of(group[kind.end() :] if kind else group) if kind or group[:1] != "?" else ())
        if piece == "(":
            group = "" if not depth else group
            depth += 1
    return max(filter(all, found), key=lambda runs: min(map(len, runs), default=0), default=())


@lru_cache(maxsize=1024)
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
