"""Measures the dialogue without a language model: which questions are understood, and whether every answer passes the check.

    python scripts/evaluate.py dialogue

Questions are those of Testing/report/language: questions.txt was in view while the words were chosen that are understood,
questions-kept-apart.txt was written at the same time and was not. Keeps docs/measurements/dialogue.json.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from XAIReportLib.report.dialogue import NOT_HELD, NOT_UNDERSTOOD, NOT_WHAT, NOT_WHY, answer, named
from XAIReportLib.report.grounding import Checker
from XAIReportLib.report.questions import topic_of

from evaluation import ROOT, keep, machine

TESTS = ROOT / "Testing" / "report"
BEYOND = "beyond"
_NOT = (NOT_HELD, NOT_WHAT, NOT_WHY, NOT_UNDERSTOOD)
FILES = {"in view": "questions.txt", "kept apart": "questions-kept-apart.txt"}


def questions(path: Path) -> list[tuple[str, str]]:
    """Topic and question of each line."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
    return [tuple(part.strip() for part in line.split("|", 1)) for line in lines]


def understood(asked: Sequence[tuple[str, str]]) -> dict[str, int]:
    """How many are taken for what they ask, and how many that no findings hold are answered."""
    taken = [(meant, topic.name if (topic := topic_of(question)) else BEYOND) for meant, question in asked]
    return {
        "questions": len(taken),
        "understood": sum(meant == found for meant, found in taken),
        "beyond": sum(meant == BEYOND for meant, _ in taken),
        "beyond_answered": sum(meant == BEYOND != found for meant, found in taken),
    }


def main(argv: list[str] | None = None) -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(argv)
    sys.path.insert(0, str(TESTS / "grounding"))
    from cases import RECIPES, findings_of

    files = {name: questions(TESTS / "language" / file) for name, file in FILES.items()}
    said = supported = held = asked = 0
    for case in RECIPES:
        found = findings_of(case)
        checker = Checker(found)
        asks = [question for pairs in files.values() for _, question in pairs]
        for question in {(topic_of(q), *named(found, q)): q for q in asks}.values():  # those with the same answer once
            reply = answer(question, found)
            told = [s.text for s in reply.sentences if s.text not in _NOT]
            asked, held, said = asked + 1, held + reply.held, said + len(told)
            supported += sum(checker.sentence(text).verdict == "supported" for text in told)
    measured = {
        "machine": machine(),
        "files": {name: understood(pairs) for name, pairs in files.items()},
        "cases": len(RECIPES),
        "answers": {"asked": asked, "held": held, "sentences": said, "supported": supported},
    }
    for name, value in {**measured["files"], "answers": measured["answers"]}.items():
        print(f"{name}: {value}")
    keep("dialogue", measured)
    return 0


def section(stored: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    said = stored["answers"]
    return [
        "## Dialogue",
        "",
        "Questions as a radiologist or a referring doctor may put them, written for this by hand. Those in view served to choose "
        "the words that are understood; those kept apart did not.",
        "",
        "| questions | number | understood | of them beyond any findings | answered all the same |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {row['questions']} | {row['understood']} | {row['beyond']} | {row['beyond_answered']} |"
            for name, row in stored["files"].items()
        ),
        "",
        f"Asked of {stored['cases']} findings made by script, once where several questions mean the same: {said['asked']} answers "
        f"with {said['sentences']} sentences from the findings, of which the check supports {said['supported']}; "
        f"{said['asked'] - said['held']} times the answer was that the findings do not hold that, or that the "
        "question was not understood.",
    ]
