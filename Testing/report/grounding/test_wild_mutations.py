"""Whatever the findings are, a sentence with one thing changed is refused, and so is one that joins a true and a false claim."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from measured import all_cases, findings_of
from wild_findings import wild_findings
from XAIReportLib.report import narrative
from XAIReportLib.report.grounding import Checker
from XAIReportLib.report.schema import Findings, Lesion, Saliency
from XAIReportLib.report.wording import class_name, method_name, score_text

QUIETLY = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
}
Pair = tuple[str, str]  # a true claim and a false one of the same kind
_MEASURED = re.compile(
    r"^(?:Segmented abnormality \d|The mask of |Of segmented|Of the mask|Axial diameters|The largest distance)"
)
_NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?= (?:ml|mm|%))|(?<=Dice )\d\.\d\d\b|(?<=sphericity )\d\.\d\d\b")
_UNITS = {"ml": ("mm", "l", "%"), "mm": ("cm", "ml", "%"), "%": ("ml", "mm")}
_OTHER_SIDE = {"left": "right", "right": "left"}


def _figures(findings: Findings) -> list[float]:
    """Every figure of the findings, so that a changed one is none of them."""
    found: list[float] = []

    def collect(value: object) -> None:
        if isinstance(value, dict):
            for inner in value.values():
                collect(inner)
        elif isinstance(value, (list, tuple)):
            for inner in value:
                collect(inner)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found.extend((float(value), 100.0 * value))

    collect(findings.model_dump())
    tables = [[(r.lobe, r.percent_of_lesion) for r in lesion.regions] for lesion in findings.lesions]
    tables += [[(r.lobe, r.percent_of_mask) for r in mask.regions] for mask in findings.saliency]
    # All that lies outside the named regions may be said together.
    return found + [sum(share for lobe, share in rows if lobe == "other") for rows in tables]


def _otherwise(written: str, figures: list[float]) -> str:
    """A figure written with as many digits that is far from every figure of the findings."""
    decimals = len(written.partition(".")[2])
    value = float(written)
    for step in range(1, 400):
        changed = round(value * 1.37 + 0.11 * step + 0.07, decimals)
        if all(abs(changed - figure) > 0.06 + 0.07 * abs(figure) for figure in figures):
            return f"{changed:.{decimals}f}"
    return f"{value * 1000 + 777777.7:.{decimals}f}"


def changed_sentences(sentence: str, findings: Findings) -> Iterator[str]:
    """A measured sentence of the template with one number or unit changed."""
    if not _MEASURED.match(sentence):
        return
    figures = _figures(findings)
    for place in _NUMBER.finditer(sentence):
        yield sentence[: place.start()] + _otherwise(place[0], figures) + sentence[place.end() :]
    for place in re.finditer(r"(?<=\d )(?:ml|mm|%)(?!\w)", sentence):
        for unit in _UNITS[place[0]]:
            if not re.search(r"(?<!\d)0\.00? $", sentence[: place.start()]):  # nothing is nothing in any unit
                yield sentence[: place.start()] + unit + sentence[place.end() :]


@settings(max_examples=40, **QUIETLY)
@given(wild_findings())
def test_a_changed_number_or_unit_is_refused_whatever_the_findings(findings):
    checker = Checker(findings)
    told = [s.text for s in narrative.write(findings).sentences]
    for sentence in told:
        for changed in changed_sentences(sentence, findings):
            if changed not in told:
                assert checker.sentence(changed).verdict != "supported", changed


def _of_masks(findings: Findings, figures: list[float]) -> Iterator[Pair]:
    for mask in (*findings.lesions, *findings.saliency):
        volume = mask.volume_ml if isinstance(mask, Lesion) else mask.mask_volume_ml
        name = _name(mask)
        if volume:
            yield f"{name} measures {volume:.2f} ml", f"{name} measures {_otherwise(f'{volume:.2f}', figures)} ml"
        if mask.side in _OTHER_SIDE:
            yield f"{name} is on the {mask.side}", f"{name} is on the {_OTHER_SIDE[mask.side]}"


def _name(mask: Lesion | Saliency) -> str:
    if isinstance(mask, Lesion):
        return f"segmented abnormality {mask.name.removeprefix('lesion-')}"
    return f"the mask of {method_name(mask.method)}"


def claims(findings: Findings) -> list[Pair]:
    """True claims, each with a false one of its kind."""
    figures = _figures(findings)
    pairs = list(_of_masks(findings, figures))
    for label, score in findings.prediction.scores.items():
        if 0.01 < score < 0.99:
            wrong = (score + 0.37) % 1
            said = f"the model score of {class_name(label)} is"
            pairs.append((f"{said} {score_text(score)}", f"{said} {score_text(round(wrong, 2))}"))
    label = findings.prediction.label
    if label is not None:
        other = next(name for name in findings.model.classes if name != label)
        pairs.append((f"the model suggests {class_name(label)}", f"the model suggests {class_name(other)}"))
    for saliency in findings.saliency:
        dice = saliency.dice_with_lesion
        if dice is not None and 0.01 < dice < 0.99:
            said = f"the Dice of {method_name(saliency.method)} with the segmentation is"
            pairs.append((f"{said} {dice:.2f}", f"{said} {(dice + 0.37) % 1:.2f}"))
    return pairs


JOINTS = (
    "{}, and {}.",
    "{} and {}.",
    "{}, while {}.",
    "{}, whereas {}.",
    "{}; {}.",
    "{}, but {}.",
    "While {}, {}.",
    "It should be noted that {} and that {}.",
)


@settings(max_examples=60, **QUIETLY)
@given(wild_findings(), st.sampled_from(JOINTS), st.data())
def test_two_claims_that_are_joined_are_refused_where_one_is_false(findings, joint, data):
    pairs = claims(findings)
    if len(pairs) < 2:
        return
    checker = Checker(findings)
    first, second = data.draw(st.permutations(pairs))[:2]
    for one, other, true in (
        (first[0], second[0], True),
        (first[0], second[1], False),
        (first[1], second[0], False),
        (first[1], second[1], False),
    ):
        said = joint.format(one, other)
        said = said[0].upper() + said[1:]
        verdict = checker.sentence(said).verdict
        assert verdict != ("contradicted" if true else "supported"), said


@pytest.mark.parametrize("case", all_cases())
def test_two_true_claims_are_let_be_however_they_are_joined(case):
    found = findings_of(case)
    checker = Checker(found)
    said = [joint.format(*pair) for joint in JOINTS for pair in permutations([one for one, _ in claims(found)][:4], 2)]
    assert [text for text in said if checker.sentence(text[0].upper() + text[1:]).verdict != "supported"] == []


@settings(max_examples=40, **QUIETLY)
@given(wild_findings(), st.sampled_from(("{}, which {}, {}.", "{} {} and {}.", "{}, which {} and {}.")))
def test_two_claims_on_one_thing_are_refused_where_one_is_false(findings, joint):
    checker, figures = Checker(findings), _figures(findings)
    for mask in (*findings.lesions, *findings.saliency):
        pairs = [pair for pair in _of_masks(findings, figures) if pair[0].startswith(f"{_name(mask)} ")]
        if len(pairs) != 2:
            continue
        name = _name(mask)
        volume, side = ([said.removeprefix(f"{name} ") for said in pair] for pair in pairs)
        for a, b, true in ((0, 0, True), (0, 1, False), (1, 0, False), (1, 1, False)):
            said = joint.format(name[0].upper() + name[1:], volume[a], side[b])
            verdict = checker.sentence(said).verdict
            assert verdict != ("contradicted" if true else "supported"), said
