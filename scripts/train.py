"""Trains a dual-head network on slices in the layout of brain_tumor_mri and writes its best weights.

    python scripts/train.py --data ../shared/data/brain_tumor_mri --architecture efficientnet_lite0 --fold 0

Resumes from training/<run>/last.pt when that is there and was trained with the same options; a run is <architecture>-fold<k>, with
the split, the heads and the start behind it where they are not the default, unless it is named (--run). Stopping and the choice of
epoch use the tune groups only; test groups are never read here (see make_bundle.py).
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timm.layers import DropPath
from torch.nn import functional as F
from torch.utils.data import DataLoader
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "XAIReport")]

from training.augmentation import TrainingSlices  # noqa: E402
from training.painting import paint_out  # noqa: E402
from training.pretrained import load_pretrained  # noqa: E402
from training.slices import CLASSES, FOLDS, SPLITS, Slices, as_picture, check_parts, load_slices  # noqa: E402
from XAIReportLib.case import InputError, safe_case_id  # noqa: E402
from XAIReportLib.models.bundle import Bundle, choose_device, load_bundle, network_as_trained  # noqa: E402
from XAIReportLib.models.encoders import ARCHITECTURES  # noqa: E402
from XAIReportLib.models.networks import DualHeadNetwork, NetworkOutput  # noqa: E402
from XAIReportLib.views import PictureViews, normalise  # noqa: E402

EVIDENCE = 0.7  # weight of the evidence loss
HEADS = {
    "dual": ("outline", "attention", "class", "evidence"),
    "single": ("class",),
}  # the losses that a network is trained with
LAST, CURVE = "last.pt", "curve.json"
# What may differ when a run goes on: where data and run lie (the groups are compared), what computes, and when to stop.
FREE = ("data", "device", "workers", "patience", "run")


def loss_of(
    network: DualHeadNetwork, output: NetworkOutput, lesion: torch.Tensor, target: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Outline: cross-entropy + soft Dice over the batch. Attention: cross-entropy on the lesion's share of a cell. Class: 4-way.
    Evidence: the share of a class's evidence that lies outside its lesion."""
    logits = output.outline.float()
    p = torch.sigmoid(logits)
    present = lesion.flatten(1).any(dim=1).float()
    intersection, size = (p * lesion).flatten(1).sum(1), (p + lesion).flatten(1).sum(1)
    dice = 1 - (2 * intersection + 1) / (size + 1)
    dice = (dice * present).sum() / present.sum().clamp(min=1)
    weight = 1 + 4 * lesion
    outline = F.binary_cross_entropy_with_logits(logits, lesion, weight=weight) * 3 + dice
    cells = network.lesion_shares(lesion)
    attention = F.binary_cross_entropy_with_logits(output.attention.float(), cells, weight=1 + 4 * cells)
    return {
        "outline": outline,
        "attention": attention * 3,
        "class": F.cross_entropy(output.scores.float(), target, label_smoothing=0.05),
        "evidence": evidence_outside(network, output.neck.float(), cells, target) * EVIDENCE,
    }


def evidence_outside(
    network: DualHeadNetwork, neck: torch.Tensor, cells: torch.Tensor, target: torch.Tensor
) -> torch.Tensor:
    """What the true class's evidence has outside the lesion, from 0 to 1, mean over the samples that have a lesion.

    The evidence for class c in a cell with features f >= 0 is sum_k max(W_ck - mean_c W_ck, 0) f_k: what a class activation map
    shows, before any attention. Its share inside is the energy loss of Rao et al. (ICCV 2023, arXiv 2303.11932, eq. 4).
    """
    present = target > 0
    if not present.any():
        return neck.sum() * 0
    weight = network.classify.weight
    weight = F.relu(weight - weight.mean(dim=0))[target[present] - 1]
    evidence = torch.einsum("bk,bkhw->bhw", weight, neck[present])
    inside = (evidence * (cells[present, 0] > 0)).sum(dim=(1, 2))
    return (1 - inside / evidence.sum(dim=(1, 2)).clamp(min=1e-6)).mean()


class Tune:
    """The tune groups' slices as inference sees them, and the same with the lesion painted out."""

    def __init__(self, slices: Slices, seed: int) -> None:
        rng = np.random.default_rng(seed)
        rows = range(len(slices.table))
        empty = [paint_out(slices.images[r], slices.lesions[r], slices.heads[r], rng) for r in rows]
        heads = [as_picture(slices.heads[r] > 0) for r in rows]
        views = [PictureViews.of(head) for head in heads]
        seen = [v.from_case(normalise(as_picture(slices.images[r]), heads[r])) for r, v in enumerate(views)]
        painted = [v.from_case(normalise(as_picture(empty[r]), heads[r])) for r, v in enumerate(views)]
        self.inputs, self.painted = (torch.from_numpy(np.stack(a)) for a in (seen, painted))
        self.lesions = np.concatenate([v.from_case(as_picture(slices.lesions[r])) >= 0.5 for r, v in enumerate(views)])
        self.labels = np.array([1 + CLASSES.index(n) for n in slices.table["label_name"]])
        self.groups = slices.table["group"].to_numpy()

    @torch.no_grad()
    def measure(self, network: DualHeadNetwork, autocast: torch.autocast) -> dict[str, float]:
        network.eval()
        device = next(network.parameters()).device
        scores, dices, empty, outside = [], [], [], []
        with autocast:
            for start in range(0, len(self.inputs), 32):
                output = network(self.inputs[start : start + 32].to(device))
                scores.append(output.scores.float().cpu().numpy())
                found = (output.outline.float() > 0).cpu().numpy()[:, 0]
                truth = self.lesions[start : start + 32]
                cells = network.lesion_shares(torch.from_numpy(truth[:, None].astype(np.float32)).to(device))
                target = torch.from_numpy(self.labels[start : start + 32]).to(device)
                outside.append(float(evidence_outside(network, output.neck.float(), cells, target)))
                dices.append(2 * (found & truth).sum((1, 2)) / np.maximum((found.sum((1, 2)) + truth.sum((1, 2))), 1))
                without = network(self.painted[start : start + 32].to(device), outline=False)
                empty.append(without.scores.float().cpu().numpy())
        empty = np.concatenate(empty)
        scores = np.concatenate(scores)
        right = scores[:, 1:].argmax(1) + 1 == self.labels
        probabilities = torch.softmax(torch.from_numpy(scores[:, 1:]), 1)
        by_group = [right[self.groups == g].mean() for g in np.unique(self.groups)]
        return {
            "accuracy": float(right.mean()),
            "patient_macro_accuracy": float(np.mean(by_group)),
            "lesion_dice": float(np.concatenate(dices).mean()),
            "found": float((scores[:, 1:].max(1) > 0).mean()),
            "painted_out_empty": float((empty[:, 1:].max(1) <= 0).mean()),
            "evidence_outside": float(np.mean(outside)),
            "cross_entropy": float(F.nll_loss(probabilities.log(), torch.from_numpy(self.labels - 1))),
        }


def merit(measured: dict[str, float]) -> float:
    """What the kept epoch is chosen by, on tune groups."""
    return (
        measured["patient_macro_accuracy"]
        + measured["lesion_dice"]
        + 0.5 * (measured["found"] + measured["painted_out_empty"])
    )


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "brain_tumor_mri")
    parser.add_argument("--architecture", choices=sorted(ARCHITECTURES), default="efficientnet_lite0")
    parser.add_argument("--fold", type=int, choices=range(FOLDS), default=0)
    parser.add_argument(
        "--split",
        choices=sorted(SPLITS),
        default="patient",
        help="record: slices of one patient on both sides, to show the leak",
    )
    parser.add_argument("--heads", choices=sorted(HEADS), default="dual", help="single: class loss alone, the ablation")
    parser.add_argument("--start", metavar="BUNDLE", help="go on from a bundle's weights instead of the encoder's")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--samples", type=int, default=2400, help="random samples an epoch")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--patience", type=int, default=12, help="epochs without a better tune result before stopping")
    parser.add_argument(
        "--scratch", action="store_true", help="random initial weights even where pretrained ones exist"
    )
    parser.add_argument("--run", help="name of the folder in training/; default: see above")
    options = parser.parse_args(argv)
    for name, lowest in (("epochs", 1), ("batch", 1), ("samples", options.batch), ("workers", 0), ("patience", 1)):
        if getattr(options, name) < lowest:
            why = " (--batch: an epoch needs a whole batch)" if name == "samples" else ""
            parser.error(f"argument --{name}: {getattr(options, name)} is too small; give at least {lowest}{why}")
    try:
        options.run = safe_case_id(options.run) if options.run else _default_run(options)
    except InputError:
        parser.error(
            f"argument --run: {options.run} is no plain name; give letters, digits, dot, underscore and hyphen"
        )
    return options


def _default_run(options: argparse.Namespace) -> str:
    parts = [options.architecture, f"fold{options.fold}"]
    parts += [options.split] * (options.split != "patient") + [options.heads] * (options.heads != "dual")
    return "-".join(parts + (["from", Path(options.start).name] if options.start else []))


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What speaks against going on with a run, in words; nothing if it is the same training.

    Args:
        before, now: ``options`` (each as text) and ``groups_sha256``; ``before`` lacks both where a run does not say.
    """
    if not before.get("options") or not before.get("groups_sha256"):
        return ["it does not say with what options it was trained"]
    told = [
        f"--{name} was {before['options'].get(name)} and is {value}"
        for name, value in now["options"].items()
        if name not in FREE and before["options"].get(name) != value
    ]
    told += [
        f"the {part} groups are others" for part, digest in now["groups_sha256"].items()
        if before["groups_sha256"].get(part) != digest
    ]  # fmt: skip
    return told


def random_state() -> dict[str, Any]:
    """The state of torch's and numpy's generators, as ``torch.load(weights_only=True)`` reads it."""
    name, keys, *rest = np.random.get_state()
    state = {"torch": torch.get_rng_state(), "numpy": [name, torch.from_numpy(keys.astype(np.int64)), *rest]}
    return state | ({"cuda": torch.cuda.get_rng_state_all()} if torch.cuda.is_available() else {})


def restore_random_state(state: dict[str, Any]) -> None:
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.cpu().numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"].cpu())
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([s.cpu() for s in state["cuda"]])


def mixed_precision(device: torch.device) -> torch.autocast:
    """Bfloat16 where the device computes with it. A CPU without instructions for it only imitates it, slower than float32
    (twice with AVX-512, several times without)."""
    has_it = device.type != "cpu" or _told_by_processor("avx512_bf16")
    return torch.autocast(device.type, torch.bfloat16, enabled=has_it)


def _told_by_processor(name: str) -> bool:
    """Whether the CPU has these instructions; where PyTorch does not tell, it has not."""
    return bool(getattr(torch.cpu, "get_capabilities", dict)().get(name, False))


def depthwise_in_float32(network: torch.nn.Module) -> None:
    """On a CPU the backward pass of a depthwise convolution in bfloat16 takes five times as long as in float32
    (oneDNN, PyTorch 2.14), so these layers leave the mixed precision."""

    def outside_autocast(forward: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
        def run(x: torch.Tensor) -> torch.Tensor:
            with torch.autocast("cpu", enabled=False):
                return forward(x.float()).to(x.dtype)

        return run

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d) and module.groups > 1:
            module.forward = outside_autocast(module.forward)


def stochastic_depth(encoder: torch.nn.Module, rate: float) -> None:
    """Timm's residual blocks are left out at random while training, the deeper the oftener, up to ``rate`` (arXiv 1603.09382)."""
    blocks = [m for m in encoder.modules() if isinstance(getattr(m, "drop_path", None), torch.nn.Identity)]
    for number, block in enumerate(blocks, 1):
        block.drop_path = DropPath(rate * number / len(blocks))


def first_weights(network: DualHeadNetwork, options: argparse.Namespace, start: Bundle | None) -> str:
    """Fills the network as ``options`` say; returns a sentence that says with what."""
    if start is not None:
        network.load_state_dict(network_as_trained(start).state_dict())
        weights = start.metadata["xaireport"]["weights_sha256"][:12]
        return f"weights of the bundle {start.name} {start.version} ({weights}), begun from {start.metadata['initial_weights']}"
    if options.scratch:
        return "random initial weights"
    return load_pretrained(network.encoder, ARCHITECTURES[options.architecture])


def start_of(options: argparse.Namespace) -> Bundle | None:
    """The bundle that the training goes on from. Raises InputError where it is none, or another network."""
    if not options.start:
        return None
    bundle = load_bundle(options.start)
    if bundle.settings.network.encoder != ARCHITECTURES[options.architecture] or tuple(bundle.classes) != CLASSES:
        raise InputError(
            f"The bundle {bundle.name} is no {options.architecture} for {', '.join(CLASSES)}; give the --architecture of the "
            "bundle, or another --start."
        )
    return bundle


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    try:
        return train(options)
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2


def train(options: argparse.Namespace) -> int:  # noqa: PLR0915 - one training run, from top to bottom
    """Raises InputError before anything is written where data, start or device cannot be used."""
    output = ROOT / "training" / options.run
    begun_from = start_of(options)
    slices = load_slices(options.data, ROOT / "training" / "slices.npz")
    split = SPLITS[options.split](slices.table, options.fold)
    check_parts(slices.table, split, options.fold)
    named = {"options": {k: str(v) for k, v in vars(options).items()}, "groups_sha256": split.groups_sha256}
    stored = _last(output)
    if stored and (told := differences(stored, named)):
        raise InputError(
            f"training/{options.run} holds another training ({'; '.join(told)}). Give the same options to go on with it, or "
            "another --run."
        )
    device, why = choose_device(options.device)
    torch.manual_seed(options.seed)
    network = DualHeadNetwork(ARCHITECTURES[options.architecture], classes=len(CLASSES))
    fresh = first_weights(network, options, begun_from)
    start = named["start"] = stored["start"] if stored else fresh
    print(f"{options.run}: {start}; {len(split.train)} train, {len(split.tune)} tune slices; {why}", flush=True)
    network = network.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    stochastic_depth(network.encoder, 0.15)
    if device.type == "cpu":
        depthwise_in_float32(network)
    encoder = {id(p) for p in network.encoder.parameters()}
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in network.parameters() if id(p) in encoder], "lr": options.rate * 0.5},
            {"params": [p for p in network.parameters() if id(p) not in encoder], "lr": options.rate},
        ],
        weight_decay=0.05,
    )
    steps = options.epochs * (options.samples // options.batch)
    warm = max(steps // 30, 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min((s + 1) / warm, 0.5 * (1 + math.cos(math.pi * min(s / steps, 1))) + 0.005)
    )
    dataset = TrainingSlices(slices.subset(split.train), options.samples, options.seed)
    tune = Tune(slices.subset(split.tune), options.seed)
    autocast = mixed_precision(device)
    state = {"epoch": 0, "best": -1.0, "best_epoch": 0, "curve": []}
    if stored:
        for name, part in (
            ("network", network),
            ("average", average),
            ("optimiser", optimiser),
            ("schedule", schedule),
        ):
            part.load_state_dict(stored[name])
        state = stored["state"]
        if "random" in stored:
            restore_random_state(stored["random"])
        print(f"resuming after epoch {state['epoch']}", flush=True)

    output.mkdir(parents=True, exist_ok=True)
    while state["epoch"] < options.epochs and state["epoch"] - state["best_epoch"] < options.patience:
        began = time.monotonic()
        dataset.epoch = state["epoch"]
        ahead = 4 if options.workers else None
        loader = DataLoader(dataset, options.batch, num_workers=options.workers, drop_last=True, prefetch_factor=ahead)
        network.train()
        totals: dict[str, float] = {}
        for image, lesion, target in tqdm(loader, desc=f"epoch {state['epoch'] + 1}", mininterval=30, disable=None):
            with autocast:
                result = network(image.to(device, memory_format=torch.channels_last))
            losses = loss_of(network, result, lesion.to(device), target.to(device))
            optimiser.zero_grad(set_to_none=True)
            sum(losses[name] for name in HEADS[options.heads]).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            _average(average, network, schedule.last_epoch)
            for name, value in losses.items():
                totals[name] = totals.get(name, 0.0) + value.item() / len(loader)
        state["epoch"] += 1
        measured = tune.measure(average, mixed_precision(device))
        state["curve"].append({"epoch": state["epoch"], "loss": totals, "tune": measured})
        if merit(measured) > state["best"]:
            state.update(best=merit(measured), best_epoch=state["epoch"])
            _save({"average": average.state_dict()}, output / "best.pt")
        parts = {"network": network, "average": average, "optimiser": optimiser, "schedule": schedule}
        weights = {k: v.state_dict() for k, v in parts.items()}
        _save({**weights, "state": state, "random": random_state(), **named}, output / LAST)
        (output / CURVE).write_text(json.dumps({**named, **state}, indent=1), encoding="utf-8")
        figures = " ".join(f"{k} {v:.3f}" for k, v in {**totals, **measured}.items())
        print(f"epoch {state['epoch']:3d} {time.monotonic() - began:5.0f} s  {figures}", flush=True)
    return 0


def _last(run: Path) -> dict[str, Any] | None:
    """The checkpoint that a run goes on from; None where there is none. Checkpoints did not always say their options, which
    curve.json beside them does."""
    if not (run / LAST).exists():
        return None
    curve = json.loads((run / CURVE).read_text(encoding="utf-8")) if (run / CURVE).exists() else {}
    told = {name: curve[name] for name in ("options", "groups_sha256", "start") if name in curve}
    return {"start": "", **told, **torch.load(run / LAST, map_location="cpu", weights_only=True)}


def _average(average: torch.nn.Module, network: torch.nn.Module, step: int) -> None:
    """Exponential moving average of the weights, with a horizon that grows to 500 steps."""
    decay = min(1 - 1 / 500, (1 + step) / (10 + step))
    with torch.no_grad():
        for mine, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if mine.dtype.is_floating_point:
                mine.lerp_(new, 1 - decay)
            else:
                mine.copy_(new)


def _save(content: dict, path: Path) -> None:
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.replace(path)


if __name__ == "__main__":
    torch.set_flush_denormal(True)  # of this process alone: SciPy's trees overrun the stack where it is so
    sys.exit(main())
