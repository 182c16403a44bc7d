"""What each part of the English grounding check gives: the same sentences once more with one part left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from XAIReportLib.report.grounding import Checker, check, search

Said = Sequence[tuple[str, str]]
# The name that is put out of use, and what stands in for it.
PARTS: dict[str, tuple[Any, str, Any]] = {
    "plainer words and constructions (rewordings.en.txt)": (search, "plainer", lambda said, *_: said),
    "synonyms and longer constructions (synonyms.en.txt, constructions.en.txt)": (
        search,
        "plainest",
        lambda said, *_: said,
    ),
    "statements about the analysis (frames.en.txt)": (search.frames, "read", lambda *_: None),
    "taking joined statements apart (apart.py)": (search, "apart", lambda *_: []),
    "what would be read otherwise than meant (misread.en.txt)": (check, "misread", lambda *_: ""),
}


def measured(true: Said, false: Said) -> dict[str, dict[str, int]]:
    """By the part left out, and "nothing": how many true sentences are supported and how many false ones let through."""
    result = {"nothing": _counts(true, false)}
    for name, (where, attribute, instead) in PARTS.items():
        with patch.object(where, attribute, instead):
            result[name] = _counts(true, false)
    return result


def _counts(true: Said, false: Said) -> dict[str, int]:
    from measured import findings_of

    checkers: dict[str, Checker] = {}

    def supported(said: Said) -> int:
        found = (checkers.setdefault(case, Checker(findings_of(case))).sentence(text) for case, text in said)
        return sum(sentence.verdict == "supported" for sentence in found)

    return {"true": len(true), "supported": supported(true), "false": len(false), "let_through": supported(false)}


def lines(parts: dict[str, dict[str, int]]) -> list[str]:
    """Markdown lines for docs/results.md."""
    whole = parts["nothing"]
    return [
        "",
        f"What each part of the check gave when the batches held {whole['true']} true sentences, on these and {whole['false']} "
        "false ones (batches and by hand):",
        "",
        "| left out | true sentences supported | false sentences let through |",
        "| --- | --- | --- |",
        *(
            f"| {name} | {row['supported']} ({100 * row['supported'] / row['true']:.1f} %) | {row['let_through']} |"
            for name, row in parts.items()
        ),
    ]
