"""Measures the grounding check: false sentences that it lets through, and true ones that it does not let be.

    python scripts/evaluate.py language

False sentences are made by script from true ones, kind by kind (Testing/report/grounding/mutations.py), or written by hand
(falsehoods.txt); true ones are the template's and paraphrases.txt. The other languages: evaluation/_translated.py. Keeps
docs/measurements/language.json.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from XAIReportLib.report.grounding import check_sentence

from evaluation import ROOT, _translated, keep, machine

DATA = ROOT / "Testing" / "report" / "grounding"


def verdicts(said: Sequence[tuple[str, str]]) -> dict[str, int]:
    """How many of these sentences got which verdict."""
    from cases import findings_of

    counts = Counter(check_sentence(text, findings_of(case)).verdict for case, text in said)
    return {verdict: counts[verdict] for verdict in ("supported", "contradicted", "unsupported")}


def main(argv: list[str] | None = None) -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(argv)
    sys.path.insert(0, str(DATA))
    from mutations import KINDS, mutated, paraphrases, template

    began = time.monotonic()
    false = {kind: verdicts(mutated(kind)) for kind in KINDS}
    false["written by hand"] = verdicts(paraphrases(DATA / "falsehoods.txt"))
    true = {"template": verdicts(template()), "paraphrases": verdicts(paraphrases())}
    for name, counts in {**false, **true}.items():
        print(f"{name}: {counts}")
    checked = sum(sum(counts.values()) for counts in (*false.values(), *true.values()))
    milliseconds = round(1000 * (time.monotonic() - began) / checked, 2)
    kept = {"machine": machine(), "milliseconds_per_sentence": milliseconds, "false": false, "true": true}
    keep("language", {**kept, "languages": _translated.measured()})
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    lines = [
        f"## Grounding check of English sentences ({measured['machine']})",
        "",
        "False sentences are made by script from true ones, one change each; the check must not call them supported.",
        "The words that the check reads were chosen with these files in view, so that they are development figures.",
        f"A sentence takes {measured['milliseconds_per_sentence']} ms.",
        "",
        "| false sentences | number | let through | contradicted | unsupported |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind, counts in measured["false"].items():
        lines.append(
            f"| {kind} | {sum(counts.values())} | {counts['supported']} | {counts['contradicted']} | {counts['unsupported']} |"
        )
    lines += ["", "| true sentences | number | supported | false alarms |", "| --- | --- | --- | --- |"]
    for kind, counts in measured["true"].items():
        number = sum(counts.values())
        alarms = number - counts["supported"]
        lines.append(f"| {kind} | {number} | {counts['supported']} | {alarms} ({100 * alarms / number:.1f} %) |")
    return [*lines, "", *_translated.lines(measured["languages"])]
