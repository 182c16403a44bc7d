"""Progress of an analysis in words, and as one share of the whole."""

from __future__ import annotations

from collections.abc import Callable

# Share of the time of a whole analysis that each stage takes, from runs on two processor cores.
SHARES = {
    "read": 0.05,
    "predict": 0.30,
    "saliency": 0.25,
    "counterfactuals": 0.05,
    "anatomy": 0.20,
    "report": 0.10,
    "write": 0.04,
    "scene": 0.01,
}


def overall(stage: str, fraction: float) -> float:
    """Share of the whole analysis that is done, 0 to 1, from the share of one stage; 0 for an unknown stage."""
    if stage not in SHARES:
        return 0.0
    done = 0.0
    for name, share in SHARES.items():
        if name == stage:
            break
        done += share
    return min(1.0, done + SHARES[stage] * min(max(fraction, 0.0), 1.0))


def sentence(stage: str, message: str, elapsed_s: float, translated: Callable[[str], str]) -> str:
    """One line such as "Drawing heat maps: gradcam++ (0:12)"."""
    names = {
        "read": translated("Reading the volume"),
        "predict": translated("Running the model"),
        "saliency": translated("Computing heat maps"),
        "counterfactuals": translated("Looking at changed images"),
        "anatomy": translated("Finding atlas positions"),
        "report": translated("Writing the report"),
        "write": translated("Saving the result"),
        "scene": translated("Opening the result"),
    }
    minutes, seconds = divmod(int(elapsed_s), 60)
    name = names.get(stage, stage)
    return f"{name}: {message} ({minutes}:{seconds:02d})" if message else f"{name} ({minutes}:{seconds:02d})"
