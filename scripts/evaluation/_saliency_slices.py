"""What is measured of the maps of one slice: where they lie, what they do to the score, and whether they depend on the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from training.unseen import UnseenSlices
from XAIReportLib.cells import CellGrid, cell_grid
from XAIReportLib.models.bundle import Bundle
from XAIReportLib.models.inference import ClassPath
from XAIReportLib.results import DEFAULT_SALIENCY, SALIENCY_METHODS, Heatmap, SaliencyMask
from XAIReportLib.saliency import adaptive_mask, checks, quality
from XAIReportLib.saliency.cam import METHODS as GRADIENT_METHODS
from XAIReportLib.saliency.cam import gradient_maps, record_layer
from XAIReportLib.saliency.input_methods import METHODS as INPUT_METHODS
from XAIReportLib.saliency.input_methods import input_maps
from XAIReportLib.saliency.score_cam import ScoreCam, weighted_maps

from evaluation._mask_rules import RULE_METHODS, dice_of_rules
from evaluation._warning_signs import warning_signs

LOCAL = ("dice", "iou", "pointing", "mass", "rank", "auprc")
FAST = "scorecam, fast"
CHEAP = (*GRADIENT_METHODS, "saliency", FAST)
DEAR = tuple(m for m in SALIENCY_METHODS if m not in CHEAP)
SEEDS = 5  # of randomised networks, kept and shared by the slices
Score = Callable[[np.ndarray], np.ndarray]


class Explainer:
    """Maps of one slice by every method, from one network."""

    def __init__(self, model: ClassPath, layer: str, grid: CellGrid | None = None) -> None:
        self.model, self.name = model, layer
        self.layer: nn.Module = getattr(model.network, layer)
        self.grid = grid or cell_grid(model, self.layer, 224)
        self.score_cam = ScoreCam(model, self.grid)
        self.twins: dict[tuple[str, int], Explainer] = {}

    def maps(self, image: np.ndarray, column: int, methods: tuple[str, ...]) -> dict[str, np.ndarray]:
        record = record_layer(self.model, self.layer, image[None], column)
        found = {}
        for method in methods:
            if method in INPUT_METHODS:
                found[method] = input_maps(method, self.model, image[None], column)[0]
                continue
            if method in GRADIENT_METHODS:
                cells = gradient_maps(method, self.model, self.layer, record)
            elif method == "scorecam":
                weights = self.score_cam.exact(image[None], record.activations[0], target=column).weights(column)
                cells = weighted_maps(weights, record.activations)
            else:
                weights = self.score_cam.fast(image[None], record.activations[0], record.gradients[0], column).weights(
                    column
                )
                cells = weighted_maps(weights, record.activations)
            found[method] = np.maximum(self.grid.onto_input(cells, 224)[0], 0)
        return found

    def score(self, column: int) -> Score:
        def of(images: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                batches = torch.from_numpy(images[:, None]).split(8)
                return torch.cat([self.model(b)[:, column] for b in batches]).float().numpy()

        return of

    def randomised(self, stage: str, seed: int) -> Explainer:
        """The same network with the parameters of its heads, then also of its neck, then of all its parts drawn anew."""
        if (stage, seed) not in self.twins:
            network = self.model.network
            heads = [network.attend, network.classify, network.presence]
            parts = {"heads": heads, "and neck": [*heads, network.neck, network.lateral], "and encoder": [network]}
            twin = quality.randomised(self.model, parts[stage], seed).eval()
            self.twins[stage, seed] = Explainer(twin, self.name, self.grid)
        return self.twins[stage, seed]


def mask_of(method: str, values: np.ndarray, head: np.ndarray) -> SaliencyMask:
    """The product's mask of one slice's map."""
    scaled = (values / max(float(values.max()), 1e-12)).astype(np.float32)
    return adaptive_mask(Heatmap(method, "", scaled[..., None], "", 0), head[..., None])


def place_of(method: str, values: np.ndarray, head: np.ndarray, lesion: np.ndarray) -> dict[str, float]:
    """Where a map lies, against the reference outline."""
    mask = mask_of(method, values, head).values[..., 0] > 0
    return {
        "dice": quality.dice(mask, lesion),
        "iou": quality.overlap(mask, lesion),
        "pointing": float(quality.pointing(values * head, lesion)),
        "mass": quality.relevance_mass(values, lesion),
        "rank": quality.relevance_rank(values * head, lesion),
        "auprc": quality.precision_recall_area(values, lesion, head),
    }


def gain_of(values: np.ndarray, image: np.ndarray, head: np.ndarray, score: Score, baseline: str = "blur") -> float:
    """Insertion less deletion."""
    deletion, insertion = quality.deletion_insertion(score, image, head, values, baseline)
    return quality.area(insertion) - quality.area(deletion)


def ceiling(lesion: np.ndarray, grid: CellGrid, cells: tuple[int, int]) -> float:
    """The Dice that the reference outline itself keeps when it is averaged over the layer's cells and brought back."""
    rows, columns = grid.interpolation(cells, lesion.shape)
    area = rows.sum(axis=0)[:, None] * columns.sum(axis=0)[None]
    coarse = grid.onto_input((rows.T @ lesion.astype(np.float32) @ columns / np.maximum(area, 1e-6))[None], 224)[0]
    return max(quality.dice(coarse >= t, lesion) for t in np.arange(0.1, 0.95, 0.05) * coarse.max())


def without_attention(model: ClassPath, kind: str) -> Callable[[], None]:
    """Makes the class path's lesion attention the same everywhere ("ones") or puts it in a random order ("shuffled"), until the
    returned function is called."""

    def replaced(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        if kind == "ones":
            return torch.zeros_like(output)
        order = torch.randperm(output[0, 0].numel(), generator=torch.Generator().manual_seed(0))
        return output.flatten(2)[..., order].reshape(output.shape)

    return model.network.attend.register_forward_hook(replaced).remove


def measure_slice(bundle: Bundle, explainer: Explainer, slices: UnseenSlices, n: int, whole: bool) -> dict[str, Any]:
    """Figures of one slice for the class with the highest score; ``whole``: also those that need many passes."""
    image, head, lesion = slices.pixels[n], slices.heads[n], slices.lesions[n]
    with torch.inference_mode():
        output = explainer.model.network(torch.from_numpy(image[None, None]))
    scores = output.scores[0].float().numpy()
    outline = torch.sigmoid(output.outline[0, 0].float()).numpy() >= bundle.settings.thresholds.lesion_probability
    column = 1 + int(scores[1:].argmax())
    logits = scores[1:] / bundle.settings.calibration.temperature
    shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    maps = explainer.maps(image, column, (*CHEAP, *(DEAR if whole else ())))
    shown = {m: maps[FAST if m == "scorecam" else m] for m in DEFAULT_SALIENCY}
    controls = quality.control_maps(image, head)
    row: dict[str, Any] = {
        "row": int(slices.rows[n]),
        "group": str(slices.groups[n]),
        "right": bool(column == slices.targets[n]),
        "found": bool(scores[1:].max() > 0),
        "confidence": float(shares.max()),
        "outline_dice": quality.dice(outline & head, lesion),
        "ceiling": ceiling(lesion, explainer.grid, tuple(output.attention.shape[2:])),
        "rules": {m: dice_of_rules(shown[m], head, lesion) for m in RULE_METHODS},
        "methods": {m: place_of(m, v, head, lesion) for m, v in maps.items()},
        "controls": {m: place_of(m, v, head, lesion) for m, v in controls.items()},
        "attention": attention(explainer, image, head, lesion, column),
        "randomisation": randomisation(explainer, n, image, head, lesion, column, maps["gradcam++"]),
        "checks": check_of(bundle, explainer, image, head, outline & head, column, shown),
        "signs": warning_signs(
            bundle, explainer.model, explainer.grid, image, head, outline & head,
            mask_of("gradcam++", maps["gradcam++"], head).values[..., 0] > 0, maps["gradcam++"], column,
            torch.sigmoid(output.attention[0, 0].float()).numpy(),
        ),
    }  # fmt: skip
    if whole:
        score = explainer.score(column)
        chance = np.random.default_rng(n).random(image.shape)
        ranked = {**maps, **controls, "reference": ndimage.gaussian_filter(lesion.astype(float), 2.0)}
        row["gain"] = {m: gain_of(v, image, head, score) for m, v in {**ranked, "chance": chance}.items()}
        row["gain_by_baseline"] = {
            kind: gain_of(maps["gradcam++"], image, head, score, kind) - gain_of(chance, image, head, score, kind)
            for kind in ("head mean", "inpainted")
        }
        row["robustness"] = robustness(explainer, image, head, column, maps)
        row["fast_ssim"] = quality.similarity(maps[FAST], maps["scorecam"])
    return row


def check_of(
    bundle: Bundle,
    explainer: Explainer,
    image: np.ndarray,
    head: np.ndarray,
    outline: np.ndarray,
    column: int,
    shown: dict[str, np.ndarray],
) -> dict[str, float]:
    """The product's checks of this slice."""
    first, values = next(iter(shown.items()))
    mask = mask_of(first, values, head)
    highest = values >= mask.parameters.get("cut", np.inf) * values.max()
    outside = float((highest & ~head).sum() / max(int(highest.sum()), 1))
    return checks.check(
        explainer.model, explainer.layer, explainer.grid, column, image[None], head[None], outline[None],
        mask.values[None, ..., 0] > 0, {m: v[None] for m, v in shown.items()}, outside,
        bundle.settings.calibration.temperature,
    ).figures  # fmt: skip


def attention(
    explainer: Explainer, image: np.ndarray, head: np.ndarray, lesion: np.ndarray, column: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Place of the maps when the class path's attention is made uniform or put in random order."""
    result = {}
    for kind in ("ones", "shuffled"):
        restore = without_attention(explainer.model, kind)
        try:
            changed = explainer.maps(image, column, ("gradcam++", "gradcam"))
        finally:
            restore()
        result[kind] = {m: place_of(m, v, head, lesion) for m, v in changed.items()}
    return result


def randomisation(
    explainer: Explainer,
    n: int,
    image: np.ndarray,
    head: np.ndarray,
    lesion: np.ndarray,
    column: int,
    values: np.ndarray,
) -> dict[str, dict[str, float]]:
    """Grad-CAM++ after parameters were drawn anew: Dice, and SSIM with the true map."""
    result = {}
    for stage in ("heads", "and neck", "and encoder"):
        changed = explainer.randomised(stage, n % SEEDS).maps(image, column, ("gradcam++",))["gradcam++"]
        dice = place_of("gradcam++", changed, head, lesion)["dice"]
        result[stage] = {"dice": dice, "ssim": quality.similarity(values, changed)}
    return result


def robustness(
    explainer: Explainer, image: np.ndarray, head: np.ndarray, column: int, maps: dict[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """SSIM of the map with those of noisy and of shifted copies (brought back), and max-sensitivity, of the fast methods."""
    shifts = [(0, 4), (4, 0)]
    copies = [*quality.noisy(image, head, count=2), *(np.roll(image, s, (0, 1)) for s in shifts)]
    changed = [explainer.maps(copy, column, tuple(GRADIENT_METHODS)) for copy in copies]
    result = {}
    for method in GRADIENT_METHODS:
        noise = [c[method] for c in changed[:2]]
        back = [np.roll(c[method], (-s[0], -s[1]), (0, 1)) for c, s in zip(changed[2:], shifts, strict=True)]
        result[method] = {
            "ssim_noise": float(np.mean([quality.similarity(maps[method], m) for m in noise])),
            "ssim_shift": float(np.mean([quality.similarity(maps[method], m) for m in back])),
            "max_sensitivity": quality.max_sensitivity(maps[method], noise),
        }
    return result
