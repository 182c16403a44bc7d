"""Measures the grounding check: false sentences that it lets through, and true ones that it does not let be.

    python scripts/evaluate.py language [--at-most N] [--english | --parts | --times]

False sentences are made by script from true ones, kind by kind (Testing/report/grounding/mutations.py), or written by hand
(falsehoods.txt, unseen/); true ones are the template's, paraphrases.txt and those of unseen/, whose batches were each written
before the check was run on them; what it did at that first look stands in their heads. The
other languages: evaluation/_translated.py. Truth, omission and language of each narrator: the part ``narrators``. Keeps
docs/measurements/language.json.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from XAIReportLib.report.grounding import Checker

from evaluation import MEASUREMENTS, ROOT, _parts, _translated, keep, machine

DATA = ROOT / "Testing" / "report" / "grounding"


def verdicts(said: Sequence[tuple[str, str]]) -> dict[str, int]:
    """How many of these sentences got which verdict."""
    from measured import findings_of

    checkers: dict[str, Checker] = {}
    counts: Counter[str] = Counter()
    for case, text in said:
        checker = checkers.setdefault(case, Checker(findings_of(case)))
        counts[checker.sentence(text).verdict] += 1
    return {verdict: counts[verdict] for verdict in ("supported", "contradicted", "unsupported")}


def first_look(text: str) -> dict[str, int]:
    """What the head of a batch says of the check's first run on it."""
    found = re.search(r"^# first look: (\d+) true, (\d+) refused; (\d+) false, (\d+) let through$", text, re.MULTILINE)
    if found is None:
        raise ValueError(
            "The head of a batch lacks its line '# first look: N true, N refused; N false, N let through'."
        )
    return dict(zip(("true", "refused", "false", "let_through"), map(int, found.groups()), strict=True))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", action="store_true", help="only the time of a report in each language")
    parser.add_argument(
        "--parts", action="store_true", help="only what each part of the check gives, by leaving it out"
    )
    parser.add_argument("--english", action="store_true", help="the other languages stay as they were measured last")
    parser.add_argument("--at-most", metavar="N", type=int, help="of each kind of false sentences, evenly chosen")
    options = parser.parse_args(argv)
    before = json.loads((MEASUREMENTS / "language.json").read_text(encoding="utf-8"))
    if options.times:
        languages = {n: {**before["languages"][n], "milliseconds": t} for n, t in _translated.times().items()}
        keep("language", {**before, "languages": languages})
        return 0
    sys.path.insert(0, str(DATA))
    from mutations import KINDS, batch, batches, mutated, paraphrases, template, worked_through

    if options.parts:
        false = [*paraphrases(DATA / "falsehoods.txt"), *(said for path in batches() for said in batch(path, "-"))]
        parts = _parts.measured([said for path in batches() for said in batch(path, "+")], false)
        for name, counts in parts.items():
            print(f"without {name}: {counts}")
        keep("language", {**before, "parts": parts})
        return 0
    began = time.monotonic()
    false = {kind: verdicts(_translated.chosen(mutated(kind), options.at_most)) for kind in KINDS}
    false["written by hand"] = verdicts(paraphrases(DATA / "falsehoods.txt"))
    false["batches"] = verdicts([said for path in batches() for said in batch(path, "-")])
    true = {"template": verdicts(template()), "paraphrases": verdicts(paraphrases())}
    gone_through = [said for path in worked_through() for said in batch(path, "+")]
    true["batches, after they were looked at"] = verdicts(gone_through)
    looks = {path.stem: first_look(path.read_text(encoding="utf-8")) for path in batches()}
    for name, counts in {**false, **true}.items():
        print(f"{name}: {counts}")
    checked = sum(sum(counts.values()) for counts in (*false.values(), *true.values()))
    milliseconds = round(1000 * (time.monotonic() - began) / checked, 2)
    kept = {"machine": machine(), "milliseconds_per_sentence": milliseconds, "false": false, "true": true}
    languages = before["languages"] if options.english else _translated.measured(options.at_most)
    others = {"parts": before.get("parts"), "languages": languages}
    keep("language", {**kept, "at_most": options.at_most, "first_looks": looks, **others})
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    lines = [
        f"## Grounding check of English sentences ({measured['machine']})",
        "",
        "False sentences are made by script from true ones, one change each; the check must not call them supported.",
        "The words that the check reads were chosen with these files in view, so that they are development figures.",
        f"A sentence takes {measured['milliseconds_per_sentence']} ms on the busy machine that measured it."
        + (f" Of each kind at most {n} were run, evenly chosen." if (n := measured.get("at_most")) else ""),
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
    lines += [
        "",
        "Unseen batches at first look: each was written before the check was run on it, and then used to improve it, so that only",
        "the first run on each says how often the check is wrong on sentences that it was not made with.",
        "",
        "| batch | true sentences | refused | false sentences | let through |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, look in sorted(measured["first_looks"].items(), key=lambda row: int(row[0])):
        refused = f"{look['refused']} ({100 * look['refused'] / look['true']:.1f} %)" if look["true"] else "–"
        lines.append(f"| {name} | {look['true']} | {refused} | {look['false']} | {look['let_through']} |")
    looks = measured["first_looks"].values()
    refused, true, passed, false = (
        sum(look[key] for look in looks) for key in ("refused", "true", "let_through", "false")
    )
    lines += [
        "",
        f"Of all batches together {refused} of {true} true sentences ({100 * refused / true:.1f} %) were refused at first look,",
        f"far from the 2 % that are aimed at, and {passed} of {false} false ones let through. Refused means that a sentence is",
        "marked and left out, not that a wrong one is shown. Batches try more or fewer ways of speaking, so that they differ:",
        "batches 23 and later are in plain fluent English, those before them also in many turns of speech that are rarer.",
        "Batches without true sentences attack what was loosened before them.",
    ]
    lines += _parts.lines(measured["parts"]) if measured.get("parts") else []
    return [*lines, "", *_translated.lines(measured["languages"])]
