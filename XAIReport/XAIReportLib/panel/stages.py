"""Progress of an analysis in words, and as one share of the whole."""

from __future__ import annotations

from slicer.i18n import tr as _

# Share of the time of a whole analysis that each stage takes, from runs on two processor cores.
SHARES = {
    "read": 0.05,
    "predict": 0.30,
    "saliency": 0.25,
    "counterfactuals": 0.05,
    "anatomy": 0.20,
    "report": 0.10,
    "write": 0.03,
    "open": 0.02,
}

# Before this share is done, the time so far says little about the whole.
_TELLING_SHARE = 0.4


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


def expected_seconds(elapsed_s: float, done: float, last_s: float | None) -> float | None:
    """How long the whole analysis will take: as the last one did, later as this one goes; None while nobody can know."""
    if done >= _TELLING_SHARE:
        return elapsed_s / done
    return last_s if last_s is not None and last_s > elapsed_s else None


def sentence(stage: str, message: str, elapsed_s: float, expected_s: float | None) -> str:
    """One line such as "Computing heat maps: scorecam (0:12 of about 0:40)"."""
    names = {
        "read": _("Reading the volume"),
        "predict": _("Running the model"),
        "saliency": _("Computing heat maps"),
        "counterfactuals": _("Looking at changed images"),
        "anatomy": _("Finding atlas positions"),
        "report": _("Writing the report"),
        "write": _("Saving the result"),
    }
    name = names.get(stage, stage)
    time = _clock(elapsed_s)
    if expected_s is not None:
        time = _("{elapsed} of about {expected}").format(elapsed=time, expected=_clock(expected_s))
    return f"{name}: {message} ({time})" if message else f"{name} ({time})"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
