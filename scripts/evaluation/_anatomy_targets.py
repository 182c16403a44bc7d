"""What was aimed at with the anatomy beside what was measured, for docs/results.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from evaluation._targets import NOT_MEASURED, Measured, Row, table
from evaluation.anatomy import contact_as_placed, first_named
from evaluation.pictures import DEVELOPED

HEADS = 200  # that were to be measured at least


def section(measured: Measured) -> list[str]:
    """Markdown lines. ``measured``: what docs/measurements/NAME.json hold, by NAME; what is absent is said not to be measured."""
    rows = [*_heads(measured), *_bodies(measured), *_slices(measured), *_times(measured)]
    return [
        "## Targets of the anatomy",
        "",
        "Verdicts are on the figures as they are; intervals are in the sections below. Regions and contact are forced answers:",
        "the report names every region that may hold the largest share, and says where contact cannot be told. How often it is",
        'right then is below, under "Anatomy", with each case that failed a check.',
        "",
        *table(rows),
    ]


def _heads(measured: Measured) -> Iterator[Row]:
    cases = measured.get("anatomy", {}).get("cases", [])
    placed = [c for c in cases if "error_mm" in c]
    yield "heads with a known answer", f"at least {HEADS}", *_told(cases, str(len(cases)), len(cases) >= HEADS)
    for what, name, most in (
        ("mean error inside the brain", "error_mm", 2.0),
        ("95th percentile of the error, mean over heads", "error_p95_mm", 4.0),
    ):
        errors = [c[name] for c in placed] or [0.0]
        value = f"{np.mean(errors):.2f} mm (worst head {max(errors):.2f} mm)"
        yield what, f"at most {most:.1f} mm", *_told(placed, value, np.mean(errors) <= most)
    one_sided = [c["side"] == c["side_found"] for c in placed if c["side"] != "midline"]
    yield _share("side right (lesions with 90 % on one side)", one_sided, 100)
    yield _share("region with the largest share right, as placed", [c["top"] == c["top_found"] for c in placed], 95)
    yield _share("the same, the most probable of those named", [c["top"] == first_named(c) for c in placed], 95)
    right, of = (sum(c[name] for c in placed) for name in ("intervals_right", "intervals"))
    yield _share("stated intervals hold the true share of a region", [True] * right + [False] * (of - right), 90)
    shifts = [abs(c["shift_mm"] - c["shift_found_mm"]) <= 1.5 for c in placed if c["shift_found_mm"] is not None]
    yield _share("midline shift within 1.5 mm, where one is stated", shifts, 100)
    near = [contact_as_placed(c) for c in placed if "ventricle_mm" in c]
    yield _share("contact with the ventricles right, as placed", near, 95)


def _bodies(measured: Measured) -> Iterator[Row]:
    found = measured.get("measures", {})
    foci = [r["count"] == r["truth"] for r in found.get("foci", [])]
    yield _share("number of foci whose borders lie 5 mm apart right", foci, 100)
    off = [abs(v) for r in found.get("sizes", []) for v in r["off_percent"].values()]
    worst = max(off, default=0.0)
    yield "volumes and diameters of digital bodies", "within 2 %", *_told(off, f"{worst:.1f} % at worst", worst <= 2)
    masks = found.get("atlasreader", {}).get("masks", [])
    for what, name in (
        ("shares of regions against AtlasReader, by its rule", "same_rule"),
        ("the same as the product names regions, from a probability of 25 % on", "own_rule"),
    ):
        worst = max((m[name] for m in masks), default=0.0)
        yield what, "within 2 points", *_told(masks, f"{worst:.1f} points at worst", worst <= 2)


def _slices(measured: Measured) -> Iterator[Row]:
    rows = [r for r in measured.get("pictures", {}).get("slices", []) if r["volume"] not in DEVELOPED]
    right = [r["lobe"] == r["lobe_found"] for r in rows if r["lobe_found"]]
    yield _share("lobe of a slice without geometry right, where one is named", right, 80)


def _times(measured: Measured) -> Iterator[Row]:
    times = measured.get("measures", {}).get("times", {})
    heads = [c["seconds"] for c in measured.get("anatomy", {}).get("cases", [])]
    busy = f"; {np.mean(heads):.1f} s in the mean of the heads, on a busy machine" if heads else ""
    for what, name, most, more in (
        ("240 x 240 x 155: affine registration", "affine_s", 10, ""),
        ("the same, everything", "all_s", 25, busy),
    ):
        seconds = times.get(name, 0.0)
        yield what, f"at most {most} s", *_told(times, f"{seconds:.1f} s of one thread{more}", seconds <= most)


def _share(what: str, right: list[bool], least: int) -> Row:
    """``least``: percent."""
    share = 100 * sum(right) / max(len(right), 1)
    aim = f"at least {least} %" if least < 100 else "100 %"
    return what, aim, *_told(right, f"{sum(right)} of {len(right)} ({share:.1f} %)", share >= least)


def _told(found: Any, value: str, met: bool) -> tuple[str, bool | None]:
    """``value`` and whether the aim is met; that it was not measured where nothing was ``found``."""
    return (value, bool(met)) if found else (NOT_MEASURED, None)
