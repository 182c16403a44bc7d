"""What warns of a wrong class is chosen on tune groups only, and the tables can be written from what was measured."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from XAIReportLib import saliency
from XAIReportLib.cells import cell_grid
from XAIReportLib.models.bundle import Bundle, find_bundles, load_bundle, load_network
from XAIReportLib.models.inference import ClassPath
from XAIReportLib.saliency import checks, doubt
from XAIReportLib.views import PIXELS, PictureViews

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
WEIGHTS = "a" * 64


@pytest.fixture
def warning(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from evaluation import _warning

    monkeypatch.setattr(_warning, "REPEATS", 60)
    return _warning


@pytest.fixture
def across(warning):
    assert warning.REPEATS == 60
    from evaluation import _warning_across

    return _warning_across


def rows(seed: int, useful: float) -> list[dict]:
    """Slices of twelve groups, a third of them wrong; the sign "hint" tells them apart as far as ``useful``, "noise" does not."""
    draw = np.random.default_rng(seed)
    made = []
    for number in range(240):
        wrong = bool(draw.random() < 1 / 3)
        made.append(
            {
                "right": not wrong,
                "group": f"g{number % 12}",
                "found": bool(number % 10),
                "confidence": float(np.clip(0.8 - 0.1 * wrong + 0.15 * draw.normal(), 0.34, 0.999)),
                "checks": {"agreement": float(draw.random())},
                "signs": {
                    "hint": float(useful * wrong + draw.normal()),
                    "noise": float(draw.normal()),
                    **{name: float(draw.random()) for name in doubt.MEASURES},
                },
                "network": f"n{number % 3}",
            }
        )
    return made


def test_a_measure_that_tells_wrong_classes_is_chosen_and_its_gain_is_seen_on_other_groups(warning) -> None:
    found = warning.warning_figures(rows(1, 3.0), rows(2, 3.0))
    assert found["chosen"][0] == "hint"
    assert found["gain"]["low"] > 0.1
    assert found["auroc_together"]["value"] > 0.9
    assert 0.4 < found["auroc_of_each"]["noise"]["value"] < 0.6


def test_a_measure_that_tells_nothing_gives_no_gain(warning) -> None:
    found = warning.warning_figures(rows(3, 0.0), rows(4, 0.0))
    assert abs(found["gain"]["value"]) < 0.05


def test_test_slices_do_not_change_what_is_chosen(warning) -> None:
    tune = rows(1, 3.0)
    assert warning.choose(tune)[0] == warning.warning_figures(tune, rows(5, 0.0))["chosen"]


def test_without_wrong_slices_nothing_is_said(warning) -> None:
    right = [row | {"right": True} for row in rows(1, 1.0)]
    assert warning.warning_figures(rows(1, 1.0), right) == {}


def test_limits_are_what_a_twentieth_of_the_right_tune_slices_miss_and_a_verdict_is_any_of_them(warning) -> None:
    rng = np.random.default_rng(0)
    slices = [
        {
            "right": n % 4 > 0, "group": n // 10, "network": n % 3, "confidence": 0.5 + rng.random() / 2, "found": True,
            "signs": {"votes": rng.random(), **{name: rng.random() for name in doubt.MEASURES}},
            "checks": {name: float(rng.random()) for name in checks.LIMITS if n % 3 or name != "score_drop"},
        }
        for n in range(400)
    ]  # fmt: skip
    slices_with = warning.with_doubt(slices, doubt.FITTED)
    limits = warning.fitted_limits(slices_with, doubt.FITTED)
    right = [r["checks"] for r in slices_with if r["right"]]
    for name, (low, high) in limits.items():
        if name == "doubt":  # of its own fit
            continue
        missed = [not low <= figures[name] <= high for figures in right if name in figures]
        assert np.mean(missed) == pytest.approx(0.05, abs=0.02), name
    found = warning.warning_figures(slices, slices)
    assert found["without_score_drop"] == sum("score_drop" not in r["checks"] for r in slices)
    assert "score_drop" not in found["auroc_of_each"]
    by_rule = found["verdicts"]["by the rule"]
    refused = np.array([bool(checks.failures(r["checks"], limits)) for r in slices_with])
    wrong = np.array([not r["right"] for r in slices])
    assert by_rule["refused_of_wrong"] == pytest.approx(refused[wrong].mean(), abs=1e-3)
    assert by_rule["auroc"]["value"] == pytest.approx(
        (refused[wrong].mean() + 1 - refused[~wrong].mean()) / 2, abs=1e-3
    )
    assert by_rule["gain"]["value"] == pytest.approx(
        by_rule["auroc"]["value"] - found["auroc_confidence"]["value"], abs=2e-3
    )


def test_the_limit_of_the_likeness_is_missed_by_a_twentieth_of_right_slices_whose_network_was_left_out(across) -> None:
    slices = rows(7, 0.0)
    regression = across.fitted_doubt(slices, WEIGHTS)
    missed = []
    for network in {r["network"] for r in slices}:
        rest = across.fitted_doubt([r for r in slices if r["network"] != network], WEIGHTS)
        left_out = across.with_doubt([r for r in slices if r["network"] == network and r["right"]], rest)
        missed += [r["checks"]["doubt"] > regression.limit for r in left_out]
    assert np.mean(missed) == pytest.approx(0.05, abs=0.02)
    assert regression.weights_sha256 == WEIGHTS


def test_the_verdict_with_the_likeness_refuses_what_it_refuses_without_and_what_the_likeness_misses(warning) -> None:
    test = rows(9, 0.0)
    found = warning.warning_figures(rows(8, 0.0), test)
    with_it, without = found["verdicts"]["shipped"], found["verdicts"]["shipped, without doubt"]
    limit = checks.LIMITS["doubt"][1]
    graded = warning.with_doubt(test, doubt.FITTED)
    wrong = [r["checks"] for r in graded if not r["right"]]
    assert with_it["refused_of_wrong"] == pytest.approx(
        np.mean([c["doubt"] > limit or c["agreement"] < 0.45 for c in wrong]), abs=1e-3
    )
    assert without["refused_of_wrong"] == pytest.approx(np.mean([c["agreement"] < 0.45 for c in wrong]), abs=1e-3)
    assert "doubt" not in without["limits"]
    assert found["doubt"]["of_found"]["slices"] == sum(r["found"] for r in test)


def test_what_ships_is_what_was_fitted_on_other_networks_and_tried_on_the_one_that_ships() -> None:
    folds, saliency_ = (
        json.loads((ROOT / "docs" / "measurements" / f"{part}.json").read_text(encoding="utf-8"))
        for part in ("folds", "saliency")
    )
    fitted = folds["warning"]["regression"]
    assert fitted == json.loads(json.dumps(asdict(doubt.FITTED)))
    assert checks.LIMITS["doubt"] == (0.0, fitted["limit"])
    assert saliency_["checks"]["doubt"]["regression"] == fitted
    assert saliency_["bundle"]["weights_sha256"] == fitted["weights_sha256"]
    assert fitted["weights_sha256"] not in {network["weights_sha256"] for network in folds["networks"]}
    tried = folds["warning"]["tried"]
    assert tried[" + ".join(["confidence", *doubt.MEASURES])] >= max(tried.values()) - 0.01


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    if not find_bundles():
        pytest.skip("no bundle was trained in this checkout")
    return load_bundle("brain_tumor_mri")


def test_the_product_computes_the_likeness_that_the_evaluation_computes_of_the_same_slice(warning, bundle) -> None:
    from evaluation._warning_signs import warning_signs

    y, x = np.mgrid[:200, :180]
    head = (((y - 100) / 92) ** 2 + ((x - 90) / 74) ** 2 < 1)[..., None]
    lesion = ((y - 120) ** 2 + (x - 60) ** 2 < 13**2)[..., None]
    picture = np.where(head, 0.45 + 0.08 * np.sin(y / 9)[..., None], 0) + 0.7 * lesion
    views = PictureViews.of(head)
    pixels = views.from_case(picture.astype(np.float32))
    path = ClassPath(load_network(bundle, "cpu"))
    layer, temperature = path.network.neck, bundle.settings.calibration.temperature
    with torch.inference_mode():
        output = path.network(torch.from_numpy(pixels[:, None]))
    column = 1 + int(output.scores[0, 1:].argmax())
    presence = output.scores[:, column].numpy()

    def verdict(methods: tuple[str, ...], weights: str):
        explanation = saliency.explain(
            methods, ("first", column), path, ("neck", layer), views, pixels, presence, np.array([500.0])
        )
        mask = saliency.adaptive_mask(explanation.heatmaps[0], head)
        found = saliency.check(
            explanation, mask, column, path, layer, views, pixels, head, lesion, temperature, weights
        )
        return found, explanation, mask

    weights = bundle.settings.weights_sha256
    found, explanation, mask = verdict(("gradcam++", "gradcam"), weights)
    heads, lesions, highlighted = (
        views.from_case(a.astype(np.uint8), labels=True)[0] > 0 for a in (head, lesion, mask.values)
    )
    signs = warning_signs(
        bundle, path, cell_grid(path, layer, PIXELS), pixels[0], heads, lesions, highlighted,
        explanation.sections[0][0], column, torch.sigmoid(output.attention[0, 0].float()).numpy(),
    )  # fmt: skip
    logits = output.scores[0, 1:].numpy() / temperature
    confidence = float((np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum())[column - 1])
    row = {"confidence": confidence, "signs": signs, "checks": {"steadiness": found.figures["steadiness"]}}
    (by_evaluation,) = warning.with_doubt([row], doubt.FITTED)
    assert 0 < found.figures["doubt"] < 1
    assert found.figures["doubt"] == pytest.approx(by_evaluation["checks"]["doubt"], abs=1e-5)
    assert ("doubt" in found.failed) == (found.figures["doubt"] > doubt.FITTED.limit)
    assert found.limits["doubt"] == (0.0, doubt.FITTED.limit)
    for others in (verdict(("gradcam++",), "b" * 64), verdict(("gradcam", "gradcam++"), weights)):
        assert "doubt" not in others[0].figures  # not fitted with these weights, or for the mask of this method
        assert "doubt" not in others[0].limits


def test_a_warning_across_networks_is_fitted_without_the_network_it_is_tried_on(across) -> None:
    parts = {"one": rows(1, 0.0), "two": rows(2, 0.0), "three": rows(3, 0.0)}
    for name, part in parts.items():
        for number, row in enumerate(part):
            row["group"], row["network"] = f"{name} {number % 12}", name  # patients of one network only
            row["signs"]["steadiness"] += 2.0 * (not row["right"])
    found = across.across(parts, WEIGHTS)
    others = across.fitted_doubt([*parts["two"], *parts["three"]], "")
    assert found["regressions"]["one"]["terms"] == others.terms
    assert found["regression"]["weights_sha256"] == WEIGHTS
    assert found["figures"][across.GRADED]["auroc"]["value"] > 0.9
    assert found["figures"][across.GRADED]["gain"]["low"] > 0
    assert found["groups_with_wrong"] == 36
    assert max(found["tried"], key=found["tried"].get).startswith("confidence + steadiness")
    assert any(across.GRADED in line for line in across.across_lines(found))
