"""What the network says of a case: every slice looked at, the planes fused, the outcome put in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage
from scipy.special import log_softmax
from torch import nn

from XAIReportLib.case import Case
from XAIReportLib.models.bundle import Bundle
from XAIReportLib.models.calibration import calibrated, class_set, normalised_entropy
from XAIReportLib.models.forms import AS_IT_IS, Form
from XAIReportLib.models.networks import DualHeadNetwork
from XAIReportLib.models.series import NO_LESION_WITHOUT_AGENT, NOT_DETECTED, enhancement
from XAIReportLib.results import NAMED_BUT_NOT_DETECTED, Cancelled, Prediction, class_name
from XAIReportLib.views import Views

BATCH = {"cpu": 16, "cuda": 128}
MOST_LESIONS = 20


@dataclass(frozen=True)
class SliceAnswers:
    """Per slice: ``scores`` (n, 1 + classes) log-odds against "no lesion"; ``lesion`` (n, 224, 224) probability, None when
    the outlines were not asked for; ``layer`` (n, channels, rows, columns) output of a layer, None when none was asked for.
    ``series`` (n, 3) log-odds of the kinds of series, with the outlines; ``heads`` (n,) share of each slice that is head."""

    scores: np.ndarray
    lesion: np.ndarray | None
    notes: tuple[str, ...]
    layer: np.ndarray | None = None
    series: np.ndarray | None = None
    heads: np.ndarray | None = None

    def of(self, number: int) -> SliceAnswers:
        """The answers for one slice, without notes and layer."""
        here = slice(number, number + 1)
        lesion, series, heads = (None if a is None else a[here] for a in (self.lesion, self.series, self.heads))
        return SliceAnswers(self.scores[here], lesion, (), None, series, heads)


class ClassPath(nn.Module):
    """The network up to the class scores: slices (B, 1, 224, 224) to log-odds (B, 1 + classes), without the outline."""

    def __init__(self, network: DualHeadNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x, outline=False).scores


def look(
    network: DualHeadNetwork,
    pixels: np.ndarray,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    outlines: bool = True,
    layer: nn.Module | None = None,
    forms: Sequence[Form] = (AS_IT_IS,),
) -> SliceAnswers:
    """Runs the network over slices (n, 224, 224), without ``outlines`` only its class path. Out of GPU memory halves the
    batch and is noted. ``layer``: one of the network's modules, whose output is kept, so that explaining need not run it again.
    ``forms``: that each slice is looked at in, the slice as it is first; log-odds and outlines are averaged, the layer's output is
    of the first.

    Raises:
        Cancelled: between two batches.
    """
    device = next(network.parameters()).device
    batch, notes = BATCH[device.type], []
    scores, lesion, kept, series = [], [], [], []
    start = 0
    with _output_of(layer) as passed:
        while start < len(pixels):
            if cancelled and cancelled():
                raise Cancelled("stopped while the slices were looked at")
            x = torch.from_numpy(pixels[start : start + batch, None]).to(device, memory_format=torch.channels_last)
            passed.clear()
            try:
                with torch.inference_mode():
                    looks = [network(form.of(x), outline=outlines) for form in forms]
                    scores_here = _mean([one.scores for one in looks])
                    if outlines:
                        seen = zip(forms, looks, strict=True)
                        lesion_here = _mean([form.undone(torch.sigmoid(one.outline.float())) for form, one in seen])
            except torch.OutOfMemoryError:
                if batch == 1:
                    raise
                torch.cuda.empty_cache()
                batch //= 2
                notes.append(f"The GPU ran out of memory; the batch was halved to {batch} slices.")
                continue
            scores.append(scores_here)
            kept += [p.float().cpu().numpy() for p in passed[:1]]
            if outlines:
                lesion.append(lesion_here[:, 0])
                series.append(_mean([one.series for one in looks]))
            start += batch
            if progress:
                progress(min(start / len(pixels), 1.0))
    return SliceAnswers(
        np.concatenate(scores),
        np.concatenate(lesion) if outlines else None,
        tuple(notes),
        np.concatenate(kept) if kept else None,
        np.concatenate(series) if outlines else None,
        (pixels != 0).mean(axis=(1, 2)),
    )


def _mean(answers: Sequence[torch.Tensor]) -> np.ndarray:
    return torch.stack([a.float() for a in answers]).mean(dim=0).cpu().numpy()


@contextmanager
def _output_of(layer: nn.Module | None) -> Iterator[list[torch.Tensor]]:
    """A list that each pass adds the layer's output to; it stays empty without a layer."""
    passed: list[torch.Tensor] = []
    handle = layer and layer.register_forward_hook(lambda _m, _i, output: passed.append(output))
    try:
        yield passed
    finally:
        if handle:
            handle.remove()


def predict(case: Case, views: Views, answers: SliceAnswers, bundle: Bundle) -> Prediction:
    """Fuses the slices' answers into one answer for the case. A lesion counts only where the class path
    finds one, too, in the sections of every plane; of these the MOST_LESIONS largest are kept, and a warning counts all of them.
    Slices without lesion do not vote on the class; no class is suggested when the class set holds more than one, or where the
    series does not look like one after contrast agent and none is named."""
    t = bundle.settings.thresholds
    probability = np.where(case.head, views.onto_case(answers.lesion), 0.0).astype(np.float32)
    smallest = t.smallest_lesion_pixels if case.is_slice else t.smallest_lesion_ml / case.voxel_ml
    labels = ranked_components(probability >= t.lesion_probability, smallest)
    areas = sections(views, labels)
    present = answers.scores[:, 1:].max(axis=1)
    found = [n for n, area in enumerate(areas, 1) if supported(present, area, views.planes, t.presence(views.planes))]
    kept = found[:MOST_LESIONS]
    labels, areas = _renumbered(labels, kept), areas[[n - 1 for n in kept]]
    seen = enhancement(answers.series, answers.heads, views.planes) >= t.enhancement(views.planes)
    warnings = answers.notes
    if len(found) > len(kept):
        warnings += (
            f"Only the {len(kept)} largest of {len(found)} segmented abnormalities are measured; the total leaves the others out.",
        )
    if case.contrast_agent and not seen:
        warnings += (NAMED_BUT_NOT_DETECTED,)
    if not labels.any():
        if not seen and not case.contrast_agent:
            warnings += (NO_LESION_WITHOUT_AGENT,)
        return Prediction(
            "no_lesion_found",
            "No segmented abnormality reached the model's threshold on this series; this does not exclude one.",
            None, {}, (), {}, probability, labels, warnings,
        )  # fmt: skip
    said = classify(answers.scores[:, 1:], areas.sum(axis=0), views.planes, bundle)
    if not seen and not case.contrast_agent:
        said = replace(said, outcome="abstained", reason=NOT_DETECTED, label=None)
    uncertainty = {name: value for name, value in said.uncertainty.items() if not case.is_slice or name == "entropy"}
    return Prediction(
        said.outcome, said.reason, said.label, said.scores, said.class_set, uncertainty, probability, labels, warnings
    )


@dataclass(frozen=True)
class Classified:
    """What the slices say of the class, with the names of ``Prediction``; the outcome is class_suggested or abstained."""

    outcome: str
    reason: str
    label: str | None
    scores: dict[str, float]
    class_set: tuple[str, ...]
    uncertainty: dict[str, float]


def classify(scores: np.ndarray, areas: np.ndarray, planes: tuple[str, ...], bundle: Bundle) -> Classified:
    """The class of a case from its slices' class log-odds (n, classes) and the lesion's area in each (n,)."""
    logits, agreement = fuse_classes(scores, areas, planes)
    calibration = bundle.settings.calibration
    temperature, quantile = calibration.of(planes)
    fused = dict(zip(bundle.classes, calibrated(logits, temperature).tolist(), strict=True))
    chosen = class_set(fused, quantile)
    uncertainty = {"entropy": normalised_entropy(fused), "plane_agreement": agreement}
    best = chosen[0]
    outcome, label = "class_suggested", best
    reason = f"A segmented abnormality was found and the model score of {class_name(best)} is the highest."
    if len(chosen) > 1:
        outcome, label = "abstained", None
        level, names = round(100 * calibration.class_set_level), " and ".join(map(class_name, chosen))
        reason = f"The model scores do not separate {names} at the {level} % level, so no class is suggested."
    elif agreement < bundle.settings.thresholds.lowest_plane_agreement:
        outcome, label = "abstained", None
        reason = "The axial, coronal and sagittal slices speak for different classes, so no class is suggested."
    return Classified(outcome, reason, label, fused, chosen, uncertainty)


def sections(views: Views, labels: np.ndarray) -> np.ndarray:
    """Area of every lesion's section in every slice, in network pixels: (lesions, n)."""
    slices = views.from_case(labels, labels=True).reshape(len(views.planes), -1)
    count = int(labels.max()) + 1
    return np.stack([np.bincount(pixels, minlength=count)[1:] for pixels in slices], axis=1).astype(float)


def supported(present: np.ndarray, area: np.ndarray, planes: tuple[str, ...], threshold: float) -> bool:
    """Whether the class path finds a lesion where the outline does: in every plane, the mean of the slices' best log-odds
    against "no lesion", weighted by the lesion's section, lies above the threshold."""
    names = np.array(planes)
    here = [(names == plane) & (area > 0) for plane in dict.fromkeys(planes)]
    return all(h.any() and np.average(present[h], weights=area[h]) > threshold for h in here)


def _renumbered(labels: np.ndarray, kept: list[int]) -> np.ndarray:
    table = np.zeros(int(labels.max()) + 1, np.uint8)
    table[kept] = np.arange(1, len(kept) + 1)
    return table[labels]


def fuse_classes(scores: np.ndarray, areas: np.ndarray, planes: tuple[str, ...]) -> tuple[np.ndarray, float]:
    """Class log-scores of a case from its slices' (n, classes): a log-opinion pool weighted by lesion area.

    Each plane's slices are pooled first, so that a plane with more slices does not count more. Returns the pooled logits and
    the share of planes whose best class is the case's.
    """
    logs = log_softmax(scores, axis=1)
    names = np.array(planes)
    pooled = []
    for plane in dict.fromkeys(planes):
        here = names == plane
        weight = areas[here] if areas.sum() else np.ones(here.sum())
        if weight.sum():
            pooled.append((logs[here] * weight[:, None]).sum(axis=0) / weight.sum())
    case = np.mean(pooled, axis=0)
    return case, float(np.mean([p.argmax() == case.argmax() for p in pooled]))


def ranked_components(mask: np.ndarray, smallest_voxels: float) -> np.ndarray:
    """Connected components (edges and corners touch) of at least the given size: labels of the smallest unsigned type
    that holds them, 1 the largest."""
    labels, count = ndimage.label(mask, structure=np.ones((3,) * mask.ndim))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    kept = [n for n in np.argsort(-sizes[1:], kind="stable") + 1 if sizes[n] >= smallest_voxels]
    table = np.zeros(count + 1, np.min_scalar_type(len(kept)))
    table[kept] = np.arange(1, len(kept) + 1)
    return table[labels]
