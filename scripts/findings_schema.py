"""Writes the JSON Schema of findings.json: as a file of the package, and with an example into docs/findings.md.

python scripts/findings_schema.py          rewrite both
python scripts/findings_schema.py --check  exit code 1 when one of them is not in step with the code
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from XAIReportLib.report.schema import SCHEMA_VERSION, Findings
from XAIReportLib.report.terminology import structure_codes
from XAIReportLib.report.wording import RESEARCH_USE, known_classes

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "findings.md"
SCHEMA = ROOT / "XAIReport" / "XAIReportLib" / "report" / "findings.schema.json"
START, END = "<!-- generated: scripts/findings_schema.py -->", "<!-- end of the generated part -->"


def example() -> Findings:
    """Invented findings of an invented case; no figure in it was measured."""
    thalamus = structure_codes("Thalamus")
    place = {"side": "left", "left_percent": 99.2, "right_percent": 0.8, "image_side": None}
    region = {"lobe": "deep grey", "side": "left", "nearest": None, "nearest_mm": None}
    other = {
        "name": "white matter / other",
        "lobe": "other",
        "side": None,
        "percent_of_region": None,
        "mean_probability": None,
        "nearest": "Left Thalamus",
        "nearest_mm": 2.4,
    }
    named = {
        "name": "Thalamus",
        **region,
        "percent_of_region": 21.3,
        "mean_probability": 0.71,
        "codes": [{"scheme": code.scheme, "value": code.value, "meaning": code.meaning} for code in thalamus],
    }
    example_scores = {"glioma": 0.9, "meningioma": 0.08, "pituitary": 0.02}
    return Findings.model_validate(
        {
            "case_id": "example",
            "image": {
                "kind": "nifti",
                "modality": "MR",
                "shape": [256, 256, 60],
                "spacing_mm": [0.938, 0.938, 3.0],
                "has_geometry": True,
                "forced": False,
            },
            "model": {
                "name": "example",
                "version": "1.0.0",
                "sha256": "0" * 64,
                "classes": ["glioma", "meningioma", "pituitary"],
                "data_set": "an example data set",
                "score_level": "patient",
                "calibration": "temperature scaling",
                "metrics": {},
                "non_commercial": False,
                "saliency_layer": "encoder",
            },
            "prediction": {
                "outcome": "class_suggested",
                "reason": "One class stays above the threshold.",
                "label": "glioma",
                "scores": example_scores,
                "class_set": ["glioma"],
                "uncertainty": {"entropy": 0.34},
            },
            "lesions": [
                {
                    "name": "lesion-1",
                    "voxels": 2600,
                    "volume_ml": 6.86,
                    **place,
                    "centroid_ras_mm": [-14.2, -18.0, 9.5],
                    "regions": [
                        {**other, "overlap_ml": 5.21, "percent_of_lesion": 76.0},
                        {**named, "overlap_ml": 1.65, "percent_of_lesion": 24.0},
                    ],
                }
            ],
            "lesion_total": {"count": 1, "voxels": 2600, "volume_ml": 6.86},
            "saliency": [
                {
                    "method": "gradcam++",
                    "target": "glioma",
                    "layer": "encoder",
                    "seed": 0,
                    "percentile": 98.0,
                    "rule": "an example rule",
                    "mask_voxels": 3000,
                    "mask_volume_ml": 7.92,
                    "dice_with_lesion": 0.61,
                    "independent": False,
                    "parameters": {
                        "slices": 180,
                        "cell_pixels": 8.0,
                        "share_of_maximum": 0.4,
                        "share_percentile": 98.0,
                        "cut": 0.3998,
                        "smallest_component": 0.02,
                        "components_dropped": 1,
                    },
                    **place,
                    "centroid_ras_mm": [-13.0, -17.1, 10.2],
                    "regions": [{**other, "overlap_ml": 7.92, "percent_of_mask": 100.0}],
                }
            ],
            "saliency_check": {
                "relied_on": False,
                "failed": ["outside_lesion"],
                "figures": {
                    "agreement": 0.71,
                    "stability": 0.95,
                    "score_drop": 0.34,
                    "outside_lesion": 0.92,
                    "outside_head": 0.03,
                    "steadiness": 0.62,
                    "doubt": 0.31,
                },
            },
            "counterfactuals": [
                {
                    "name": "lesion_removed",
                    "method": None,
                    "change": "the segmented abnormality replaced by what surrounds it",
                    "changed_percent": 2.1,
                    "slices": 9,
                    "slices_of_lesion": 41,
                    "before": {"outcome": "class_suggested", "label": "glioma", "scores": example_scores},
                    "after": {"outcome": "no_lesion_found", "label": None, "scores": {}},
                    "changes_outcome": True,
                    "tried_percent": [],
                }
            ],
            "anatomy": {
                "registration": {"verdict": "good", "reason": "The brain overlaps.", "checks": {"brain_overlap": 0.94}},
                "atlas": "Harvard-Oxford cortical and subcortical",
                "licence": "FSL terms, non-commercial.",
            },
            "warnings": [],
            "disclaimers": [RESEARCH_USE, known_classes(["glioma", "meningioma", "pituitary"])],
        }
    )


def schema_text() -> str:
    named = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:xaireport:findings:{SCHEMA_VERSION}",
    }
    return json.dumps({**named, **Findings.model_json_schema()}, indent=2, ensure_ascii=False) + "\n"


def generated() -> str:
    return (
        f"{START}\n\n## Example\n\nInvented; no figure in it was measured.\n\n```json\n{example().to_json()}```\n\n"
        f"## JSON Schema\n\n```json\n{schema_text()}```\n\n{END}\n"
    )


def in_step(text: str) -> str:
    """``text`` with its generated part renewed.

    Raises:
        ValueError: the marks of the generated part are missing.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"{DOCUMENT.name} lacks the marks of its generated part; put them back: {START} and {END}")
    return before + generated() + after.lstrip("\n")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 when not in step")
    options = parser.parse_args(arguments)
    renewed = {DOCUMENT: in_step(DOCUMENT.read_text(encoding="utf-8")), SCHEMA: schema_text()}
    if options.check:
        stale = [path.name for path, now in renewed.items() if not path.exists() or path.read_text("utf-8") != now]
        for name in stale:
            print(f"{name} is not in step with the findings schema; run scripts/findings_schema.py")
        return int(bool(stale))
    for path, now in renewed.items():
        path.write_text(now, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
