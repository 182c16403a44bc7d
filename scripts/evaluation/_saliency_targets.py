"""What was aimed at with the heat maps beside what was measured, for docs/results.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evaluation._targets import NOT_MEASURED, Measured, Row, table
from evaluation._warning_across import GRADED

FLAT = 1.1  # the most that memory may grow from 320 to 1536 channels, as a factor, to be called flat


def section(measured: Measured) -> list[str]:
    """Markdown lines. ``measured``: what docs/measurements/NAME.json hold, by NAME; what is absent is said not to be measured."""
    rows = [*_score_cam(measured), *_maps(measured), *_verdict(measured), *_speed(measured)]
    return [
        "## Targets of the heat maps",
        "",
        "On groups that were never used for training or tuning; ratios are medians over images. What was tried to reach those",
        'that are missed: [docs/models.md](models.md#heat-maps-what-was-tried), "Heat maps: what was tried".',
        "",
        *table(rows),
    ]


def _score_cam(measured: Measured) -> Iterator[Row]:
    found = measured.get("benchmark-score-cam", {})

    def ratio(what: str, name: str, aim: float, most: bool = False) -> Row:
        f = found.get(name)
        words = f"at {'most' if most else 'least'} {aim:g}"
        if not f:
            return what, words, NOT_MEASURED, None
        value = _shown({"value": f["median"], **f}, 3 if name.startswith("ssim") else 2)
        return what, words, value, f["median"] <= aim if most else f["median"] >= aim

    yield (
        "exact ScoreCAM in float32 against the map of pytorch-grad-cam",
        "within 1e-4",
        "held by Testing/saliency/test_score_cam.py",
        True,
    )
    yield ratio("its time over the bare forward passes, float32", "ratio_to_forward_limit", 1.25, most=True)
    name = "ratio_to_forward_limit_best_precision"
    yield ratio("the same, best precision", name, 1.25, most=True)
    yield ratio("faster than pytorch-grad-cam, float32", "ratio_fp32", 1.3)
    yield ratio("the same, pytorch-grad-cam with our folded network", "ratio_fp32_same_network", 1.3)
    yield ratio("faster than pytorch-grad-cam, best precision", "ratio_best_precision", 2)
    yield ratio("SSIM of the best precision with float32", "ssim_best_precision", 0.99)
    yield ratio("faster than pytorch-grad-cam, all three classes", "ratio_all_classes", 6)
    yield ratio("faster than pytorch-grad-cam, fast mode", "ratio_fast", 20)
    yield ratio("SSIM of fast mode with float32", "ssim_fast", 0.95)
    slices = measured.get("saliency", {})
    f = slices.get("fast_mode", {}).get("gain_less_exact")
    value = f"{_shown(f)}, {slices['slices_of_many_passes']} slices" if f else NOT_MEASURED
    near = f and abs(f["value"]) <= 0.02
    yield "insertion less deletion of fast mode, less that of the exact map", "within 0.02", value, near
    yield "exact ScoreCAM on a GPU, faster than pytorch-grad-cam", "at least 10", NOT_MEASURED, None
    memory = found.get("peak_memory_mb", {})
    sizes = [memory.get(f"ours_{n}_channels") for n in (320, 1280, 1536)]
    known = None not in sizes
    value = f"{', '.join(f'{size:.0f}' for size in sizes)} MB" if known else NOT_MEASURED
    flat = max(sizes) <= FLAT * sizes[0] if known else None
    yield "memory with 320, 1280 and 1536 channels", f"flat (at most {FLAT:g} times)", value, flat
    volume = memory.get("ours_128x128x128")
    value = f"{volume:.0f} MB" if volume else NOT_MEASURED
    yield "exact ScoreCAM of a volume of 128 x 128 x 128", "possible", value, bool(volume) or None


def _maps(measured: Measured) -> Iterator[Row]:
    found = measured.get("saliency", {})
    plain = found.get("attention", {}).get("ones", {}).get("gradcam++", {})
    for what, name, aim in (("adaptive mask, Dice", "dice", 0.50), ("pointing game", "pointing", 0.90)):
        f = plain.get(name)
        yield f"Grad-CAM++ with plain pooling: {what}", f"at least {aim:.2f}", _shown(f), f and f["value"] >= aim
    f = found.get("methods", {}).get("gradcam++", {}).get("gain_above_random")
    met = f and f["value"] >= 0.15 and f["low"] > 0
    aim = "at least 0.15, interval above 0"
    yield "Grad-CAM++: insertion less deletion, above a random ranking", aim, _shown(f), met
    f = found.get("randomisation", {}).get("drop", {}).get("heads")
    yield "Grad-CAM++ with the heads drawn anew: Dice lower by", "at least 0.20", _shown(f), f and f["value"] >= 0.20
    f = found.get("masks", {}).get("gradcam++", {}).get("share of maximum", {}).get("above_best_percentile")
    yield "adaptive mask of Grad-CAM++: Dice above the best fixed percentile", "above 0", _shown(f), f and f["low"] > 0
    folds = measured.get("folds", {})
    parts = [
        f"{m['slices']} of {m['groups']}{of}" for m, of in ((found, ""), (folds, " by networks of other folds")) if m
    ]
    enough = any(m["slices"] >= 300 and m["groups"] >= 40 for m in (found, folds) if m) if parts else None
    yield "slices and groups measured", "300 of at least 40", " and ".join(parts) or NOT_MEASURED, enough


def _verdict(measured: Measured) -> Iterator[Row]:
    checks = measured.get("saliency", {}).get("checks", {})
    shipped = checks.get("verdicts", {}).get("shipped", {})
    graded = checks.get("doubt", {})
    across = measured.get("folds", {}).get("warning", {}).get("figures", {}).get(GRADED, {})
    of: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None]] = {
        '"should not be relied on", by the figure `doubt`': (graded.get("auroc"), graded.get("gain")),
        "the same across folds, fitted on the other networks": (across.get("auroc"), across.get("gain")),
        '"should not be relied on", said or not': (shipped.get("auroc"), shipped.get("gain")),
    }
    for what, (auroc, gain) in of.items():
        yield f"{what}: AUROC for wrong classes", "at least 0.75", _shown(auroc), auroc and auroc["value"] >= 0.75
        aim = "at least 0.03"
        yield f"{what}: above the confidence alone", aim, _shown(gain), gain and gain["value"] >= 0.03


def _speed(measured: Measured) -> Iterator[Row]:
    found = measured.get("benchmark-explain")
    f = found and found["seconds"]["Grad-CAM++ and its mask"]
    value = f"{f['median']:.1f} s ({found['clock']})" if f else NOT_MEASURED
    yield "Grad-CAM++ of 240 x 240 x 155 adds", "at most 5 s on 2 cores", value, f and f["median"] <= 5
    found = measured.get("benchmark-rethreshold")
    value = (
        f"{found['moved_ms']['median']:.1f} ms, highest {found['moved_ms']['highest']:.1f}" if found else NOT_MEASURED
    )
    met = found and found["moved_ms"]["highest"] <= 50
    yield "another percentile of a map of 240 x 240 x 155", "at most 50 ms", value, met


def _shown(figure: dict[str, float] | None, digits: int = 2) -> str:
    if not figure:
        return NOT_MEASURED
    value, low, high = (f"{figure[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
