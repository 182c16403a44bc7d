"""ScoreCAM beside pytorch-grad-cam's and torch-cam's: the same network, layer, weights and images, in one run.

    python scripts/benchmark.py score-cam --output score-cam.json [--keep]

Each is given the encoder and the class path only, and is timed from the image to the map of one class. The others run as their
documentation shows: the network as it was trained, torch's default memory layout and their own batch size;
``ratio_fp32_same_network`` gives pytorch-grad-cam the network as ours uses it, batch normalisations folded and channels last. The
images are slices of unseen groups. One round runs every contender once on one image, so that a busy machine is busy for all. Every
ratio is a median of per-round ratios with a 95 % interval; above 1 ours is faster, except ``ratio_to_forward_limit``: what ours
costs over the bare forward passes of the same network on the same number of images at their fastest batch
(``ratio_to_forward_limit_as_trained``: of the network as it was trained). ``--parts`` measures a part and leaves the other parts'
figures in the output as they are.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from evaluation import MEASUREMENTS, ROOT
from pytorch_grad_cam import ScoreCAM as LibraryScoreCam
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from skimage.metrics import structural_similarity
from torch import nn
from training.unseen import slices_of
from XAIReportLib.cells import cell_grid
from XAIReportLib.models.bundle import load_bundle, load_network, network_as_trained
from XAIReportLib.models.inference import ClassPath
from XAIReportLib.saliency.cam import record_layer
from XAIReportLib.saliency.masked_passes import BATCHES
from XAIReportLib.saliency.score_cam import ScoreCam, weighted_maps

from benchmarks import machine, middle, report, where_figures_go

CLASSES = (1, 2, 3)
RESET_PEAK = Path("/proc/self/clear_refs")
WIDE = {"ours_320_channels": (320, False), "ours_1280_channels": (1280, False), "ours_1536_channels": (1536, False),
        "ours_128x128x128": (64, True)}  # fmt: skip

# Beside it one batch of plain images through the same networks, and pytorch-grad-cam.
BARE = {"bare_batch_320_channels": 320, "bare_batch_1280_channels": 1280, "bare_batch_1536_channels": 1536}
WIDE_LIBRARY = {"pytorch_grad_cam_320_channels": 320, "pytorch_grad_cam_1280_channels": 1280,
                "pytorch_grad_cam_1536_channels": 1536}  # fmt: skip


class Bench:
    """The contenders, each a call from (image, class) to a map (224, 224) or to nothing."""

    def __init__(self, bundle: str, device: str) -> None:
        self.device = torch.device(device)
        alone = device == "cpu" and torch.get_num_threads() == 1
        self.clock = time.process_time if alone else time.perf_counter
        self.ours = ClassPath(load_network(load_bundle(bundle), device)).eval()
        self.layer = load_bundle(bundle).settings.saliency_layer
        self.plain = ClassPath(network_as_trained(load_bundle(bundle)).to(device)).eval()
        self.grid = cell_grid(self.ours, self.neck(self.ours), 224)
        self.engines = {p: ScoreCam(self.ours, self.grid, p) for p in ("float32", "auto")}
        self.contenders: dict[str, Callable[[np.ndarray, int], Any]] = {
            "ours_fp32": lambda image, c: self.our_maps("float32", image, [c])[0],
            "ours_best_precision": lambda image, c: self.our_maps("auto", image, [c])[0],
            "ours_all_classes": lambda image, _: self.our_maps("auto", image, CLASSES),
            "ours_fast": self.our_fast_map,
            "pytorch_grad_cam": lambda image, c: self.library_map(self.plain, image, c),
            "pytorch_grad_cam_same_network": lambda image, c: self.library_map(self.ours, image, c),
            "pytorch_grad_cam_all_classes": lambda image, _: [self.library_map(self.plain, image, c) for c in CLASSES],
            "torch_cam": self.torch_cam_map,
        }

    def neck(self, model: ClassPath) -> nn.Module:
        return getattr(model.network, self.layer)

    def activations(self, image: np.ndarray) -> np.ndarray:
        kept: list[torch.Tensor] = []
        handle = self.neck(self.ours).register_forward_hook(lambda _m, _i, output: kept.append(output))
        with torch.inference_mode():
            self.ours(torch.from_numpy(image)[None, None].to(self.device))
        handle.remove()
        return kept[0][0].float().cpu().numpy()

    def our_maps(self, precision: str, image: np.ndarray, classes: Any) -> list[np.ndarray]:
        activations = self.activations(image)
        only = classes[0] if len(classes) == 1 else None
        sweep = self.engines[precision].exact(image[None], activations, target=only)
        return [self.grid.onto_input(weighted_maps(sweep.weights(c), activations[None]), 224)[0] for c in classes]

    def our_fast_map(self, image: np.ndarray, target: int) -> np.ndarray:
        record = record_layer(self.ours, self.neck(self.ours), image[None], target)
        sweep = self.engines["auto"].fast(image[None], record.activations[0], record.gradients[0], target)
        return self.grid.onto_input(weighted_maps(sweep.weights(target), record.activations), 224)[0]

    def library_map(self, model: ClassPath, image: np.ndarray, target: int) -> np.ndarray:
        with (
            LibraryScoreCam(model=model, target_layers=[self.neck(model)]) as cam,
            contextlib.redirect_stderr(io.StringIO()),
            torch.no_grad(),
        ):
            return cam(torch.from_numpy(image)[None, None], [ClassifierOutputTarget(target)])[0]

    def torch_cam_map(self, image: np.ndarray, target: int) -> np.ndarray:
        from torchcam.methods import ScoreCAM as TorchCamScoreCam

        layer = f"network.{self.layer}"
        with TorchCamScoreCam(self.plain, layer, input_shape=(1, 224, 224)) as cam, torch.no_grad():
            self.plain(torch.from_numpy(image)[None, None].to(self.device))
            return cam(class_idx=target)[0][0].cpu().numpy()

    def forward_limit(self, model: ClassPath, image: np.ndarray, images: int, half: bool) -> float:
        """Seconds of bare forward passes over ``images`` copies, at the fastest of the batch sizes that ours may choose."""
        best = np.inf
        for batch in BATCHES[self.device.type]:
            x = torch.from_numpy(np.broadcast_to(image, (batch, 1, *image.shape)).copy()).to(self.device)
            if model is self.ours:
                x = x.contiguous(memory_format=torch.channels_last)
            with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=half):
                began = self.clock()
                for start in range(0, images, batch):
                    model(x[: min(batch, images - start)]).cpu()
                best = min(best, self.clock() - began)
        return best


def similarity(found: np.ndarray, reference: np.ndarray) -> float:
    scaled = [(m - m.min()) / max(float(np.ptp(m)), 1e-12) for m in (found, reference)]
    return float(structural_similarity(*scaled, data_range=1.0))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    bench = Bench(options.bundle, options.device)
    slices = slices_of("test", options.data, options.images)
    began_at = machine()
    seconds: dict[str, list[float]] = {name: [] for name in bench.contenders}
    limits: dict[str, list[float]] = {"float32": [], "bfloat16": [], "as trained": []}
    similar: dict[str, list[float]] = {"best_precision": [], "fast": []}
    precisions, channels = set(), 0
    for image in slices.pixels[:1]:  # prepares every contender; not counted
        for contender in bench.contenders.values():
            contender(image, 1)
    for _ in range(options.rounds):
        for image, target in zip(slices.pixels, slices.targets, strict=True):
            maps = {}
            for name, contender in bench.contenders.items():
                began = bench.clock()
                maps[name] = contender(image, int(target))
                seconds[name].append(bench.clock() - began)
            channels = len(bench.activations(image))
            for name, values in limits.items():
                model = bench.plain if name == "as trained" else bench.ours
                values.append(bench.forward_limit(model, image, channels, name == "bfloat16"))
            for name, values in similar.items():
                values.append(similarity(maps[f"ours_{name}"], maps["ours_fp32"]))
            precisions.add("bfloat16" if bench.engines["auto"]._half else "float32")
            print(json.dumps({n: round(s[-1], 2) for n, s in seconds.items()}), flush=True)
    best_limit = limits["bfloat16" if precisions == {"bfloat16"} else "float32"]

    def ratio(slow: list[float], fast: list[float]) -> dict[str, Any]:
        return middle([a / b for a, b in zip(slow, fast, strict=True)], 2)

    library = seconds["pytorch_grad_cam"]
    return {
        "network": f"{options.bundle} ({load_bundle(options.bundle).sha256[:12]}), encoder and class path",
        "layer": bench.layer,
        "channels": channels,
        "input": "224 x 224",
        "images": len(slices.pixels),
        "rounds": options.rounds,
        "machine": began_at,
        "load_average_at_the_end": machine()["load_average"],
        "clock": "processor time of one thread" if bench.clock is time.process_time else "wall",
        "best_precision": " or ".join(sorted(precisions)),
        "ratio_to_forward_limit": ratio(seconds["ours_fp32"], limits["float32"]),
        "ratio_to_forward_limit_as_trained": ratio(seconds["ours_fp32"], limits["as trained"]),
        "ratio_to_forward_limit_best_precision": ratio(seconds["ours_best_precision"], best_limit),
        "ratio_fp32": ratio(library, seconds["ours_fp32"]),
        "ratio_fp32_same_network": ratio(seconds["pytorch_grad_cam_same_network"], seconds["ours_fp32"]),
        "ratio_best_precision": ratio(library, seconds["ours_best_precision"]),
        "ratio_all_classes": ratio(seconds["pytorch_grad_cam_all_classes"], seconds["ours_all_classes"]),
        "ratio_fast": ratio(library, seconds["ours_fast"]),
        "ratio_torch_cam_fp32": ratio(seconds["torch_cam"], seconds["ours_fp32"]),
        "ssim_best_precision": middle(similar["best_precision"], 4) | {"lowest": round(min(similar["best_precision"]), 4)},
        "ssim_fast": middle(similar["fast"], 4) | {"lowest": round(min(similar["fast"]), 4)},
        "seconds": {name: middle(values) for name, values in {**seconds, **limits}.items()},
    }  # fmt: skip


def memory_of(name: str, options: argparse.Namespace) -> float | None:
    """What one contender adds to the memory of a fresh process at its peak, in MB; None where the system does not tell.

    glibc gives blocks of 1 MB and more back at once, so that what is counted is in use and not kept for later.
    """
    command = [sys.executable, str(ROOT / "scripts" / "benchmark.py"), "score-cam", "--only-memory", name]
    command += ["--bundle", options.bundle, "--device", options.device]
    at_once = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(2**20)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=at_once)
    return json.loads(done.stdout.splitlines()[-1])


def own_memory(name: str, options: argparse.Namespace) -> float | None:
    rng = np.random.default_rng(0)
    if name in WIDE:
        model = Wide(*WIDE[name]).eval()
        image = rng.random((1, 128, 128, 128) if WIDE[name][1] else (1, 224, 224), np.float32)
        run = lambda: wide_sweep(model, image)  # noqa: E731
    elif name in WIDE_LIBRARY:
        model = Wide(WIDE_LIBRARY[name]).eval()
        image = rng.random((1, 224, 224), np.float32)
        run = lambda: wide_library(model, image)  # noqa: E731
    elif name in BARE:
        model = Wide(BARE[name]).eval()
        images = torch.from_numpy(rng.random((max(BATCHES["cpu"]), 1, 224, 224), np.float32))
        images = images.contiguous(memory_format=torch.channels_last)
        run = lambda: bare_pass(model.to(memory_format=torch.channels_last), images)  # noqa: E731
    else:
        bench = Bench(options.bundle, options.device)
        image = rng.random((224, 224), np.float32)
        bench.activations(image)
        run = lambda: bench.contenders[name](image, 1)  # noqa: E731
    gc.collect()
    if not RESET_PEAK.exists():
        return None
    RESET_PEAK.write_text("5")
    before = _memory("VmRSS")
    run()
    return round(_memory("VmHWM") - before, 1)


def _memory(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


class Wide(nn.Module):
    """A network whose explained layer has the given number of channels; what comes before it is the same for all.

    Pictures: a stem of 64 channels at stride 2, the layer at stride 32, as MobileNetV2's 320 and 1280 and InceptionResNetV2's 1536
    channels lie. Volumes: the layer alone, at stride 8.
    """

    def __init__(self, channels: int, volume: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        if volume:
            self.stem, self.layer = nn.Identity(), nn.Conv3d(1, channels, 8, 8)
        else:
            self.stem = nn.Sequential(nn.Conv2d(1, 64, 3, 2, 1), nn.ReLU(), nn.AvgPool2d(16))
            self.layer = nn.Conv2d(64, channels, 1)
        self.head = nn.Linear(channels, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(self.stem(x)).relu().flatten(2).mean(dim=2))


def wide_sweep(model: Wide, image: np.ndarray) -> None:
    grid = cell_grid(model, model.layer, image.shape[1:])
    with torch.inference_mode():
        activations = model.layer(model.stem(torch.from_numpy(image)[None]))[0].numpy()
    ScoreCam(model, grid, "float32").exact(image, activations)


def wide_library(model: Wide, image: np.ndarray) -> None:
    with LibraryScoreCam(model=model, target_layers=[model.layer]) as cam, contextlib.redirect_stderr(io.StringIO()):
        cam(torch.from_numpy(image)[None], [ClassifierOutputTarget(0)])


def bare_pass(model: Wide, images: torch.Tensor) -> None:
    with torch.inference_mode():
        model(images)


MEMORY = ("ours_fp32", "ours_best_precision", "ours_fast", "pytorch_grad_cam", "torch_cam", *WIDE, *BARE, *WIDE_LIBRARY)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "brain_tumor_mri")
    parser.add_argument("--bundle", default="brain_tumor_mri")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of torch; with 1 processor time is taken, fair on a busy machine")
    where_figures_go(parser)
    parser.add_argument("--parts", nargs="+", choices=("speed", "memory"), default=["speed", "memory"])
    parser.add_argument("--only-memory", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.only_memory:
        print(own_memory(options.only_memory, options))
        return 0
    stored = options.output or MEASUREMENTS / "benchmark-score-cam.json"
    found = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    if "speed" in options.parts:
        found |= measure(options)
    if "memory" in options.parts:
        found["peak_memory_mb"] = {name: memory_of(name, options) for name in MEMORY}
    return report(found, "score-cam", options)


RATIOS = {
    "ratio_to_forward_limit": "ours over the bare forward passes of the same network, float32 (at most 1.25 was aimed at)",
    "ratio_to_forward_limit_best_precision": "the same in the best precision",
    "ratio_to_forward_limit_as_trained": "ours over the bare forward passes of the network as it was trained",
    "ratio_fp32": "pytorch-grad-cam over ours, float32 (1.3)",
    "ratio_fp32_same_network": "the same, pytorch-grad-cam with our prepared network",
    "ratio_best_precision": "pytorch-grad-cam over ours, best precision (2)",
    "ratio_all_classes": "pytorch-grad-cam over ours, all three classes (6)",
    "ratio_fast": "pytorch-grad-cam over ours, fast mode (20)",
    "ratio_torch_cam_fp32": "torch-cam over ours, float32",
    "ssim_best_precision": "SSIM of the best precision with float32 (0.99)",
    "ssim_fast": "SSIM of fast mode with float32 (0.95)",
}


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    machine_ = measured["machine"]
    lines = [
        f"## ScoreCAM's speed: {measured['channels']} channels, {measured['images']} images of unseen groups",
        "",
        f"{measured['network']}, layer {measured['layer']}, {machine_['processor']}, {machine_['threads']} threads, torch "
        f"{machine_['torch']}, clock: {measured['clock']}, best precision: {measured['best_precision']}. A GPU: not run.",
        "",
        "| figure (aim) | median | 95 % interval |",
        "| --- | --- | --- |",
    ]
    for name, words in RATIOS.items():
        if name in measured:
            f = measured[name]
            lowest = f", lowest {f['lowest']:.2f}" if "lowest" in f else ""
            lines.append(f"| {words} | {f['median']:.2f} | {f['low']:.2f} to {f['high']:.2f}{lowest} |")
    lines += ["", "| what | seconds an image (median) |", "| --- | --- |"]
    lines += [f"| {name} | {f['median']:.2f} |" for name, f in measured["seconds"].items()]
    if "peak_memory_mb" in measured:
        lines += ["", "| what | memory added at its peak, MB |", "| --- | --- |"]
        lines += [f"| {name} | {'' if v is None else f'{v:.0f}'} |" for name, v in measured["peak_memory_mb"].items()]
    return lines
