"""The places in the findings that a claim of each kind may be about, as patterns: ``*`` is any index or name; ``?`` at the end
takes a place that is known to hold nothing, too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .grounding import CheckedClaim
from .pointers import resolve

_SCORES, _DICE, _CHECK = "/prediction/scores/*", "/saliency/*/dice_with_lesion", "/saliency_check"
_ROWS = ("/lesions/*/regions/*", "/saliency/*/regions/*")
_NEAR = ("/lesions/*/measures/distances/*", "/lesions/*/measures/neighbours/*", *_ROWS)
_SIZES = (
    "/lesions/*/volume_ml",
    "/saliency/*/mask_volume_ml",
    "/lesion_total/volume_ml",
    "/reader_edit/model_total",
)
_VOXELS = ("/lesions/*/voxels", "/saliency/*/mask_voxels", "/lesion_total/voxels", "/reader_edit/model_total")
_SIDES = tuple(f"/{masks}/*/{name}" for masks in ("lesions", "saliency") for name in ("side", "image_side"))
_SHARES = tuple(f"/{masks}/*/{side}_percent" for masks in ("lesions", "saliency") for side in ("left", "right"))
_LENGTHS = tuple(
    f"/lesions/*/measures/{name}"
    for name in ("axial_diameters_mm", "feret_mm", "long_axis_mm", "equivalent_diameter_mm")
)
_LIGHT = tuple(
    f"/lesions/*/appearance/{name}" for name in ("brighter_ml", "not_brighter_ml", "darker_percent", "pattern")
)
_METHODS, _ENTROPY = ("/saliency/*/method", "/saliency"), ("/prediction/uncertainty/entropy",)
_REGISTRATION = ("/anatomy/registration/verdict",)
_OF_KINDS: dict[str, tuple[str, ...]] = {
    "volume": (*_SIZES, *_LIGHT),
    "total volume": (_SIZES[2], _SIZES[3], _SIZES[0]),
    "voxels": _VOXELS,
    "count": ("/lesion_total/count", "/saliency", "/model/classes", "/prediction/class_set", "/image/modality"),
    "existence": ("/lesion_total/count",),
    "identity": (_SIZES[0], _VOXELS[0]),
    "side": (*_SIDES, *_SHARES),
    "side share": (*_SHARES, *_SIDES),
    "region": (*_ROWS, "/lesions/*/approximate_lobe", "/lesions/*/largest_regions"),
    **dict.fromkeys(("region share", "lobe share", "lobe", "outside share", "share", "share of region"), _ROWS),
    "region volume": _ROWS,
    "adjacent": _NEAR,
    "contact": _NEAR[:2],
    "distance": (*_NEAR, "/lesion_total/largest_distance_mm"),
    "interval": (*_NEAR, *_REGISTRATION),
    "position": ("/lesions/*/centroid_ras_mm", "/saliency/*/centroid_ras_mm"),
    "diameter": _LENGTHS,
    "diameters": _LENGTHS,
    "sphericity": ("/lesions/*/measures/sphericity",),
    "midline shift": ("/anatomy/midline_shift/distance_mm?", "/anatomy/midline_shift/towards"),
    "brightness": _LIGHT,
    "uptake": ("/lesions/*/appearance",),
    "score": (_SCORES,),
    "scores": ("/prediction/scores",),
    "margin": (_SCORES,),
    "difference": (_SCORES, *_SIZES),
    "similar scores": (_SCORES,),
    "rank": ("/prediction/scores", _DICE),
    "comparison": (_SCORES, _DICE, *_SIZES[:2], *_VOXELS[:2], *_SHARES, *_ROWS, *_LENGTHS),
    "suggestion": ("/prediction/label", "/prediction/outcome"),
    "class set": ("/prediction/class_set",),
    "separation": ("/prediction/class_set",),
    "classes": ("/model/classes",),
    **dict.fromkeys(("dice", "overlap", "overlaps"), (_DICE,)),
    "percentile": ("/saliency/*/percentile",),
    "target": ("/saliency/*/target",),
    "map": _METHODS,
    "not why": _METHODS,
    "maps apart": ("/saliency/*/side",),
    "entropy": _ENTROPY,
    "uncertainty": _ENTROPY,
    "planes": ("/prediction/uncertainty/plane_agreement",),
    "check": (f"{_CHECK}/relied_on", f"{_CHECK}/failed"),
    "checks": (f"{_CHECK}/relied_on",),
    "relied": (f"{_CHECK}/relied_on", "/image/forced"),
    "check figure": (f"{_CHECK}/figures/*",),
    "code": ("/prediction/codes", *(f"{row}/codes" for row in _ROWS)),
    "level": ("/model/score_level",),
    "name": ("/model/name", "/model/data_set", "/model/calibration", "/model/saliency_layer", "/anatomy/atlas"),
    "version": ("/model/version",),
    "shape": ("/image/shape",),
    "spacing": ("/image/spacing_mm",),
    "edit": ("/reader_edit",),
    "before the edit": ("/reader_edit",),
    **dict.fromkeys(("outcome", "excluded", "missed"), ("/prediction/outcome",)),
    "run": ("/prediction/outcome", "/image/forced"),
    "made for": ("/image/forced",),
}
# Of statements about the analysis, by a word in them; the first that fits.
_OF_STATEMENTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"different (?:sides|hemispheres)|same side|each side|opposite", ("/lesions/*/side",)),
    (r"contrast (?:agent|medium) (?:was |is )?(?:not )?(?:named|declared)", ("/image/contrast_agent",)),
    (r"contrast agent|taken up", ("/lesions/*/appearance",)),
    (r"septum", ("/anatomy/midline_shift/method",)),
    (r"side (?:is |was )?(?:not )?(?:un)?known|midline", ("/lesions/*/side?", "/lesions/*/image_side")),
    (r"laterality|hemisphere", ("/lesions/*/side?", *_REGISTRATION)),
    (r"made for|look like|relied|demand|request|forced", ("/image/forced", "/prediction/outcome")),
    (r"planes?\b", ("/prediction/uncertainty/plane_agreement",)),
    (r"function|average head|atlas position", ("/anatomy/atlas",)),
    (r"regist|align|matched|template|mni|approximate|region|localis|location|atlas", _REGISTRATION),
    (r"calibrat", ("/model/calibration",)),
    (r"research|diagnos", ("/disclaimers/0",)),
    (
        r"post-?operative|one of (?:these|the) (?:three )?names|other lesions|lesions other|knows|choose|trained|covers",
        ("/disclaimers/1", "/model/classes"),
    ),
    (r"commercial|licen", ("/model/non_commercial",)),
    (r"sequence|enhancement|grey values", ("/model/name",)),
    (r"sides?\b|geometry|picture|pixels|of the patient|left and right", ("/image/has_geometry",)),
    (r"\bmr\b|\bct\b|\bmri\b|volume|slice|modality|dimensional", ("/image/modality",)),
    (
        r"abstain|class\b|exclude|rule|suggest|nothing|found|run\b|analy[sz]|applied|delineated",
        ("/prediction/outcome", "/prediction/label"),
    ),
    (r"mask|maps?\b|threshold", ("/saliency/*/mask_voxels", "/saliency")),
    (r"agree|contradict", ("/saliency",)),
)


def patterns_of(claim: CheckedClaim, sentence: str) -> tuple[str, ...]:
    """Where a claim may stand, the likeliest places first; none where that cannot be told."""
    if claim.kind == "check" and "overlap" in claim.text:
        return ("/anatomy/registration/checks/*",)
    if claim.kind in _OF_KINDS:
        return _OF_KINDS[claim.kind]
    said = (sentence if claim.kind == "known" else claim.text).lower()
    return next((places for words, places in _OF_STATEMENTS if re.search(words, said)), ())


def expanded(document: Any, pattern: str) -> Iterator[str]:
    """The places of a pattern in a document."""
    head, star, tail = pattern.partition("/*")
    try:
        value = resolve(document, head.removesuffix("?"))
    except KeyError:
        return
    if not star:
        if value is not None or head.endswith("?"):
            yield head.removesuffix("?")
        return
    for key in value if isinstance(value, dict) else range(len(value or ())):
        yield from expanded(document, f"{head}/{str(key).replace('~', '~0').replace('/', '~1')}{tail}")
