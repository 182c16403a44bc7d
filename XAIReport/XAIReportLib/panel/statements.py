"""What a sentence of the narrative rests on, and what is to be shown when it is clicked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from XAIReportLib.report.pointers import resolve, steps_of
from XAIReportLib.results import map_names

_LONGEST_VALUE = 80


@dataclass(frozen=True)
class Target:
    """``mask``: "lesion-1", ... or a heat map's name; ``region``: name and side of one of its atlas regions;
    ``atlas``, ``prediction``: the sentence is about these."""

    mask: str | None = None
    region: tuple[str, str | None] | None = None
    atlas: bool = False
    prediction: bool = False


def target_of(evidence: Sequence[str], findings: dict[str, Any]) -> Target:
    """The most telling thing that a sentence points at: a region before its mask, a mask before the rest."""
    mask, region, atlas, prediction = None, None, False, False
    for pointer in evidence:
        steps = steps_of(pointer)
        head = steps[0] if steps else ""
        if head in ("lesions", "saliency") and len(steps) > 1:
            owner = _resolved(findings, f"/{head}/{steps[1]}")
            if isinstance(owner, dict):
                mask = mask or owner.get("name") or _map_name(findings, steps[1])
                if len(steps) > 3 and steps[2] == "regions" and region is None:
                    row = _resolved(findings, "/" + "/".join(steps[:4]))
                    region = (row["name"], row.get("side")) if isinstance(row, dict) and "name" in row else None
        elif head in ("lesions", "lesion_total"):
            mask = mask or next((entry.get("name") for entry in findings.get("lesions") or ()), None)
        atlas = atlas or head == "anatomy"
        prediction = prediction or head == "prediction"
    return Target(mask, region, atlas and mask is None, prediction and mask is None)


def resting_on(evidence: Sequence[str], findings: dict[str, Any]) -> list[str]:
    """A line such as "lesions/0/volume_ml = 21.4" for each pointer; long values are cut."""
    lines = []
    for pointer in evidence:
        value = json.dumps(_resolved(findings, pointer), ensure_ascii=False)
        shown = value if len(value) <= _LONGEST_VALUE else value[: _LONGEST_VALUE - 1] + "…"
        lines.append(f"{pointer.lstrip('/')} = {shown}")
    return lines


def about(sentences: Sequence[dict[str, Any]], *prefixes: str) -> list[str]:
    """The texts of the sentences that rest on something below one of these pointers."""
    return [s["text"] for s in sentences if any(p.startswith(prefixes) for p in s.get("evidence") or ())]


def _map_name(findings: dict[str, Any], index: str) -> str | None:
    names = map_names((entry.get("method", ""), entry.get("target", "")) for entry in findings.get("saliency") or ())
    return names[int(index)] or None


def _resolved(document: Any, pointer: str) -> Any:
    try:
        return resolve(document, pointer)
    except KeyError:
        return None
