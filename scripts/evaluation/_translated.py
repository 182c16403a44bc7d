"""What ``evaluate.py language`` measures of French, German and Spanish: false sentences that the check lets through, the template's
own that it does not let be, and how long a checked report takes to write in each language."""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

from XAIReportLib.report import narrative
from XAIReportLib.report.grounding.translated import checker_of
from XAIReportLib.report.languages import LANGUAGES

from evaluation import ROOT

DATA = ROOT / "Testing" / "report"


@cache
def _checker(case: str, language: str) -> Any:
    from rich_cases import findings_of

    return checker_of(findings_of(case), language)


def verdicts(said: Sequence[tuple[str, str]], language: str) -> dict[str, int]:
    """How many of these sentences got which verdict."""
    counts = Counter(_checker(case, language).sentence(text).verdict for case, text in said)
    return {verdict: counts[verdict] for verdict in ("supported", "contradicted", "unsupported")}


def _cases() -> tuple[str, ...]:
    sys.path[:0] = [str(DATA / "languages"), str(DATA / "grounding"), str(DATA)]
    from rich_cases import CASES

    return CASES


def times() -> dict[str, dict[str, float]]:
    """By language: milliseconds of one processor for a text written and checked, median and slowest case; the catalogue's
    patterns were compiled before, as they are once in a process."""
    names = _cases()
    from rich_cases import findings_of

    cases = [findings_of(case) for case in names]
    spent: dict[str, dict[str, float]] = {}
    for code, name in LANGUAGES.items():
        seconds = []
        for found in (*cases, *cases):
            began = time.process_time()
            narrative.told(found, code)
            seconds.append(time.process_time() - began)
        warm = seconds[len(cases) :]
        spent[name] = {"median": round(1000 * statistics.median(warm), 1), "slowest": round(1000 * max(warm), 1)}
    return spent


def chosen(said: Sequence[tuple[str, str]], at_most: int | None) -> Sequence[tuple[str, str]]:
    """Evenly spaced ones, at most so many; all where no number is given."""
    return said if at_most is None or len(said) <= at_most else [said[k * len(said) // at_most] for k in range(at_most)]


def measured(at_most: int | None = None) -> dict[str, Any]:
    """By language: verdicts on false sentences by kind (at most so many of each) and on the template's, and the times."""
    cases = _cases()
    from word_mutations import KINDS, mutated, template

    spent = times()
    languages: dict[str, Any] = {}
    for code, name in LANGUAGES.items():
        languages[name] = {
            "cases": len(cases),
            "milliseconds": spent[name],
            "template": verdicts(template(code), code),
            "false": {kind: verdicts(chosen(mutated(kind, code), at_most), code) for kind in KINDS}
            if code != "en"
            else {},
        }
        print(f"{name}: {languages[name]}")
    return languages


def lines(languages: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    others = [name for name, one in languages.items() if one["false"]]
    text = [
        "### In French, German and Spanish",
        "",
        "A sentence is read by its pattern in the catalogue, which is closed: what no pattern holds is unsupported. False",
        "sentences are made by editing words of the template's text; each cell: number, let through, contradicted, unsupported.",
        "",
        f"| false sentences | {' | '.join(others)} |",
        "| --- |" + " --- |" * len(others),
    ]
    for kind in languages[others[0]]["false"]:
        cells = [languages[name]["false"][kind] for name in others]
        told = [f"{sum(c.values())}: {c['supported']}, {c['contradicted']}, {c['unsupported']}" for c in cells]
        text.append(f"| {kind} | {' | '.join(told)} |")
    text += ["", "| | " + " | ".join(languages) + " |", "| --- |" + " --- |" * len(languages)]
    true = [one["template"] for one in languages.values()]
    text.append(
        "| template sentences, false alarms | "
        + " | ".join(f"{sum(t.values())}, {sum(t.values()) - t['supported']}" for t in true)
        + " |"
    )
    spent = [one["milliseconds"] for one in languages.values()]
    text.append(
        "| report written and checked, ms of one processor (median, slowest case) | "
        + " | ".join(f"{s['median']}, {s['slowest']}" for s in spent)
        + " |"
    )
    return text
