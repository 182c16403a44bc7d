"""Counterfactuals, computed: the image is changed, the network looks again, and the answers are compared.

A few sections of the lesions in each plane are looked at again (all of them, when there are no more), at even steps of their area,
so that they stand for the rest. The lesions' outlines are held: what changes is what the class path says at the same place. A
change of the output is reported, never its cause; a changed image may be unlike any that the network was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from XAIReportLib.case import Case
from XAIReportLib.models.bundle import Bundle
from XAIReportLib.models.inference import classify, look, sections, supported
from XAIReportLib.models.networks import DualHeadNetwork
from XAIReportLib.models.series import NOT_DETECTED
from XAIReportLib.results import Answer, Counterfactual, Heatmap, Prediction, SaliencyMask
from XAIReportLib.views import Views

SECTIONS_PER_PLANE = 3
MOST_LESIONS = 8  # the largest, that are seen in every plane wherever they lie
MARGIN_PIXELS = 2  # around the outline: its edge belongs to what is removed
TRIED_PERCENT = (1.0, 2.0, 4.0, 8.0, 16.0)  # of the head, the hottest pixels first
HALVINGS = 3  # of the way between the last tried share that keeps the outcome and the first that changes it
FINEST_PERCENT = 0.1  # shares nearer to each other than this are told alike
NOISE = 0.1  # in the network's intensities, where the head reaches from 0 to 1
SEED = 0


@dataclass(frozen=True)
class _Sections:
    """The slices that are looked at again, all (n, 224, 224).

    ``weights``: of every lesion in each slice, (lesions, n): its area, times how many slices this one stands for.
    ``withheld``: no class is suggested of this series, whatever is changed in it.
    """

    numbers: list[int]
    pixels: np.ndarray
    head: np.ndarray
    lesion: np.ndarray
    weights: np.ndarray
    planes: tuple[str, ...]
    of_lesion: int
    withheld: bool


def counterfactuals(
    network: DualHeadNetwork,
    case: Case,
    views: Views,
    pixels: np.ndarray,
    prediction: Prediction,
    heatmaps: Sequence[Heatmap],
    masks: Sequence[SaliencyMask],
    bundle: Bundle,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[Counterfactual, ...]:
    """The answers on changed images; none where no lesion was found, since no class was scored, and none where the model finds
    none on the few slices as they are: a change could not be told from the choice of slices.

    Args:
        pixels: the case's slices, (n, 224, 224), as from ``make_views``.
        heatmaps: the first one ranks the pixels that are removed in steps (``_ranked``).

    Raises:
        Cancelled: between two batches.
    """
    if not prediction.scores:
        return ()
    chosen = _sections(case, views, pixels, prediction)
    changes = list(_changes(chosen, views, masks))
    changed = [(name, method, where, new) for name, method, where, new in changes if (new != chosen.pixels).any()]
    stacked = np.concatenate([chosen.pixels, *(new for *_, new in changed)])
    forms = bundle.settings.forms(views.planes)
    answers = look(network, stacked, progress, cancelled, outlines=False, forms=forms).scores.reshape(
        len(changed) + 1, len(chosen.pixels), -1
    )
    before = _answer(answers[0], chosen, bundle)
    if before.outcome == "no_lesion_found":
        return ()
    after = {
        (name, method): _answer(a, chosen, bundle) for a, (name, method, *_) in zip(answers[1:], changed, strict=True)
    }
    made = [
        # What changes no pixel changes no answer.
        _made(chosen, (name, method), _share(chosen, where, name), (before, after.get((name, method), before)), (), new)
        for name, method, where, new in changes
    ]
    if heatmaps:
        made.append(_ranked(network, chosen, heatmaps[0], views, bundle, before, cancelled))
    return tuple(made)


def _sections(case: Case, views: Views, pixels: np.ndarray, prediction: Prediction) -> _Sections:
    labels = prediction.lesion_labels
    areas = sections(views, labels)
    total = areas.sum(axis=0)
    stands_for = np.zeros(len(total))
    for plane in dict.fromkeys(views.planes):
        here = np.flatnonzero((np.array(views.planes) == plane) & (total > 0))
        if len(here) <= SECTIONS_PER_PLANE:
            stands_for[here] = 1
            continue
        steps = (np.arange(SECTIONS_PER_PLANE) + 0.5) / SECTIONS_PER_PLANE
        reached = np.cumsum(total[here]) / total[here].sum()
        for number in here[np.searchsorted(reached, steps)]:
            stands_for[number] += total[here].sum() / (SECTIONS_PER_PLANE * total[number])
        # A lesion counts only where every plane has seen it: those that the steps have missed are seen once each.
        for area in areas[:MOST_LESIONS, here]:
            if area.any() and not area[stands_for[here] > 0].any():
                stands_for[here[area.argmax()]] = 1
    numbers = np.flatnonzero(stands_for).tolist()
    lesion = views.from_case((labels > 0).astype(np.uint8), labels=True, only=numbers) > 0
    return _Sections(
        numbers=numbers,
        pixels=pixels[numbers],
        head=views.from_case(case.head.astype(np.uint8), labels=True, only=numbers) > 0,
        lesion=np.stack([ndimage.binary_dilation(outline, iterations=MARGIN_PIXELS) for outline in lesion]),
        weights=areas[:, numbers] * stands_for[numbers],
        planes=tuple(views.planes[number] for number in numbers),
        of_lesion=int((total > 0).sum()),
        withheld=prediction.reason == NOT_DETECTED,
    )


def _changes(
    chosen: _Sections, views: Views, masks: Sequence[SaliencyMask]
) -> Iterator[tuple[str, str | None, np.ndarray, np.ndarray]]:
    """Name, saliency method, where (bool) and the changed slices."""
    rng = np.random.default_rng(SEED)
    lesion, head, pixels = chosen.lesion & chosen.head, chosen.head, chosen.pixels
    yield "lesion_removed", None, lesion, _imputed(pixels, lesion, head)
    yield "lesion_only", None, head & ~lesion, np.where(lesion, pixels, 0)
    yield "background_zero", None, ~head, np.where(head, pixels, 0)
    noise = np.abs(rng.normal(0, NOISE, pixels.shape)).astype(np.float32)
    yield "background_noise", None, ~head, np.where(head, pixels, noise)
    for mask in masks:
        where = (views.from_case((mask.values > 0).astype(np.uint8), labels=True, only=chosen.numbers) > 0) & head
        yield "saliency_removed", mask.method, where, _imputed(pixels, where, head)


def _ranked(
    network: DualHeadNetwork,
    chosen: _Sections,
    heatmap: Heatmap,
    views: Views,
    bundle: Bundle,
    before: Answer,
    cancelled: Callable[[], bool] | None,
) -> Counterfactual:
    """Removes the hottest pixels of all sections in steps: ever more until the outcome changes, then by halves.

    Each of the ``HALVINGS`` tries the middle between the largest share that kept the outcome and the smallest that changed it, so
    that the answer is finer than the doubled steps: one more look at the same few slices each. What is returned is the smallest
    *tried* share that changes the outcome (the largest tried, when none does). Nothing is claimed of shares that were not tried:
    more removed pixels may bring an outcome back, so that a smaller share between two steps may change it, too.
    """
    heat = views.from_case(heatmap.values, only=chosen.numbers)
    order = np.sort(heat[chosen.head])[::-1]
    forms = bundle.settings.forms(views.planes)
    tried: dict[float, Counterfactual] = {}

    def removed(percent: float) -> Counterfactual:
        level = order[min(round(len(order) * percent / 100), len(order) - 1)]
        where = chosen.head & (heat > level)
        share = _share(chosen, where, "")
        if share not in tried:  # a map with few values has few shares
            new = _imputed(chosen.pixels, where, chosen.head)
            looked = look(network, new, None, cancelled, outlines=False, forms=forms)
            answer = _answer(looked.scores, chosen, bundle)
            named = ("ranked_saliency_removed", heatmap.method)
            tried[share] = _made(chosen, named, share, (before, answer), (), new)
        return tried[share]

    kept = 0.0
    for percent in TRIED_PERCENT:
        found = removed(percent)
        if found.changes_outcome:
            found = _finer(removed, kept, percent)
            break
        kept = percent
    return replace(found, tried_percent=tuple(sorted(share for share in tried if share > 0)))


def _finer(removed: Callable[[float], Counterfactual], kept: float, changed: float) -> Counterfactual:
    """The smallest share that changes the outcome, of those halfway between one that keeps it and one that changes it."""
    found = removed(changed)
    for _ in range(HALVINGS):
        middle = (kept + changed) / 2
        if min(middle - kept, changed - middle) < FINEST_PERCENT:
            break
        if (looked := removed(middle)).changes_outcome:
            found, changed = looked, middle
        else:
            kept = middle
    return found


def _made(
    chosen: _Sections,
    named: tuple[str, str | None],
    percent: float,
    answers: tuple[Answer, Answer],
    tried: tuple[float, ...],
    new: np.ndarray,
) -> Counterfactual:
    shown = _shown(chosen)
    example = np.stack([chosen.pixels[shown], new[shown]]).astype(np.float32)
    return Counterfactual(*named, percent, len(chosen.numbers), chosen.of_lesion, *answers, tried, example)


def _shown(chosen: _Sections) -> int:
    """The axial section (a picture's only one) with the largest outline, for the example."""
    first = np.array([plane == chosen.planes[0] for plane in chosen.planes])
    return int(np.where(first, chosen.lesion.sum(axis=(1, 2)), -1).argmax())


def _share(chosen: _Sections, where: np.ndarray, name: str) -> float:
    """Percent of the head's pixels, of all pixels for the background."""
    whole = where.size if name.startswith("background") else max(int(chosen.head.sum()), 1)
    return 100.0 * float(where.sum()) / whole


def _answer(scores: np.ndarray, chosen: _Sections, bundle: Bundle) -> Answer:
    """As ``predict``, on these slices and with the outlines held: a lesion counts where the class path finds it, too."""
    present = scores[:, 1:].max(axis=1)
    threshold = bundle.settings.thresholds.presence(chosen.planes)
    kept = [weight for weight in chosen.weights if supported(present, weight, chosen.planes, threshold)]
    if not kept:
        return Answer("no_lesion_found", None, {})
    said = classify(scores[:, 1:], np.sum(kept, axis=0), chosen.planes, bundle)
    if chosen.withheld:
        return Answer("abstained", None, said.scores)
    return Answer(said.outcome, said.label, said.scores)


def _imputed(pixels: np.ndarray, where: np.ndarray, head: np.ndarray) -> np.ndarray:
    """``pixels`` (n, h, w) with ``where`` filled from its surroundings within the head.

    Noisy linear imputation (Rong et al., ICML 2022, ROAD): every removed pixel is the mean of its neighbours, plus
    noise, here as strong as the texture of the rest of the head; so that the hole is no new edge.
    """
    rng = np.random.default_rng(SEED)
    return np.stack(
        [_filled(p, w & h, h, rng) if w.any() else p for p, w, h in zip(pixels, where, head, strict=True)]
    ).astype(np.float32)


def _filled(pixels: np.ndarray, where: np.ndarray, head: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    number = np.full(where.shape, -1)
    number[where] = np.arange(where.sum())
    count = int(where.sum())
    kept = head & ~where
    mean = float(pixels[kept].mean()) if kept.any() else 0.0
    # A faint pull to the mean keeps the system solvable where nothing of the head is left around a hole.
    diagonal, right = np.full(count, 1e-6), np.full(count, 1e-6 * mean)
    rows, columns = [], []
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        neighbour = np.roll(number, step, axis)[where]
        in_head, value = np.roll(head, step, axis)[where], np.roll(pixels, step, axis)[where]
        inner = neighbour >= 0
        diagonal += in_head
        right += np.where(in_head & ~inner, value, 0)
        rows.append(np.flatnonzero(inner))
        columns.append(neighbour[inner])
    row, column = np.concatenate(rows), np.concatenate(columns)
    matrix = sparse.diags(diagonal) - sparse.coo_matrix((np.ones(len(row)), (row, column)), shape=(count, count))
    texture = (pixels - ndimage.uniform_filter(pixels, 3))[ndimage.binary_erosion(kept)]
    filled = pixels.copy()
    noise = rng.normal(0, float(np.median(np.abs(texture))) if texture.size else 0.0, count)
    filled[where] = np.clip(spsolve(matrix.tocsr(), right) + noise, 0, 1.5)
    return filled
