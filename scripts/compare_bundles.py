"""Compares bundles on the same slices: is one better than another, or is the difference chance?

    xaireport evaluate --bundle A --data DIR --output a.json    # and so for B, C ...
    python scripts/compare_bundles.py a.csv b.csv --output comparison.json

Reads the answers that ``xaireport evaluate`` writes beside its figures, and those of ``scripts/evaluate.py networks``, which
have no outcome. Slices of one patient are not independent, so

- one prediction a patient (the mean of the slices' log scores) is compared by McNemar's exact test and, for each class against the
  rest, by DeLong's test (DeLong et al. 1988, doi 10.2307/2531595);
- figures over slices are compared by a paired bootstrap over patients: both bundles answer the same drawn patients.

Outlines are compared only where both bundles make one. What these slices do not let compute (a class or patients are missing) is
null and said to be "not computed". All p-values of one run are corrected together (Holm).
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pauc
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "XAIReport")]

from XAIReportLib.case import InputError  # noqa: E402
from XAIReportLib.folder import made_folder  # noqa: E402
from XAIReportLib.models.metrics import Answered, by_patient, figures  # noqa: E402

REPEATS = 2000
COMPARED = ("accuracy", "patient_macro_accuracy", "macro_auroc", "ece", "lesion_dice")


class ComparisonError(ValueError):
    """The files cannot be compared; the sentence says why."""


@dataclass(frozen=True)
class Answers:
    """One bundle's answers; ``idx``: the slices' names, in order."""

    name: str
    idx: tuple[str, ...]
    answered: Answered


def read_answers(path: Path) -> Answers:
    """Raises ComparisonError where the file is no csv of ``xaireport evaluate``."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: row["idx"])
        classes = tuple(name.removeprefix("score_") for name in rows[0] if name.startswith("score_"))
        scores = np.array([[float(row[f"score_{c}"]) for c in classes] for row in rows])
        answered = Answered(
            classes,
            np.array([row["group"] for row in rows]),
            np.array([classes.index(row["label"]) for row in rows]),
            scores / scores.sum(axis=1, keepdims=True),  # a file may hold them rounded
            np.array([float(row["dice"]) for row in rows]),
            np.array([row.get("outcome") or "" for row in rows]),
        )
    except (OSError, KeyError, IndexError, ValueError) as error:
        raise ComparisonError(
            f"{path.name} holds no answers of 'xaireport evaluate' ({error}); give its csv."
        ) from error
    return Answers(path.stem, tuple(row["idx"] for row in rows), answered)


def compare(
    first: Answered, second: Answered, repeats: int = REPEATS, seed: int = 0
) -> dict[str, dict[str, Any] | None]:
    """Each test by name: ``difference`` (second less first), ``low`` and ``high`` where there is an interval, and ``p``; None where
    these slices do not let it be computed."""
    (scores_1, labels), (scores_2, _) = by_patient(first), by_patient(second)
    right_1, right_2 = (s.argmax(axis=1) == labels for s in (scores_1, scores_2))
    table = [[int((x & y).sum()) for y in (right_2, ~right_2)] for x in (right_1, ~right_1)]
    result: dict[str, dict[str, Any] | None] = {
        "patients right (McNemar, exact)": {
            "difference": float(right_2.mean() - right_1.mean()), "only_first": table[0][1], "only_second": table[1][0],
            "p": float(mcnemar(table, exact=True).pvalue),
        }
    }  # fmt: skip
    for number, name in enumerate(first.classes):
        here = (labels == number).astype(int)
        result[f"AUROC of {name}, patients (DeLong)"] = _delong(here, scores_1[:, number], scores_2[:, number])
    compared = [name for name in COMPARED if name != "lesion_dice" or (first.dice.any() and second.dice.any())]
    members = [np.flatnonzero(first.groups == g) for g in np.unique(first.groups)]
    rng, draws = np.random.default_rng(seed), []
    for _ in range(repeats):
        drawn = [members[m] for m in rng.integers(len(members), size=len(members))]
        rows, groups = np.concatenate(drawn), np.repeat(np.arange(len(drawn)), [len(d) for d in drawn])
        one, two = (figures(a.taken(rows, groups)) for a in (first, second))
        draws.append([two[name] - one[name] for name in compared])
    one, two = figures(first), figures(second)
    for name, differences in zip(compared, np.array(draws).T, strict=True):
        drawn, difference = differences[np.isfinite(differences)], two[name] - one[name]
        known = np.isfinite(difference) and len(drawn) and len(members) > 1
        result[f"{name} (paired bootstrap over patients)"] = _bootstrapped(difference, drawn) if known else None
    return result


def _delong(here: np.ndarray, first: np.ndarray, second: np.ndarray) -> dict[str, Any] | None:
    """Of two scores for the patients that ``here`` (0 or 1) says are of the class; None where the test does not exist."""
    if not 0 < here.sum() < len(here):
        return None
    one, two = (pauc.ROC(here, scores, direction="<") for scores in (first, second))
    same = np.array_equal(np.argsort(first), np.argsort(second))
    p = 1.0 if same else float(pauc.compare(one, two, method="delong").p_value)
    return {"difference": float(two.auc - one.auc), "p": p} if np.isfinite(p) else None


def _bootstrapped(difference: float, drawn: np.ndarray) -> dict[str, Any]:
    low, high = np.percentile(drawn, [2.5, 97.5])
    tail = min((drawn <= 0).mean(), (drawn >= 0).mean())
    p = min(1.0, max(2 * tail, 2 / (len(drawn) + 1)))
    return {"difference": float(difference), "low": float(low), "high": float(high), "p": float(p)}


def refuse_inputs(output: Path, partial: Path, inputs: list[Path]) -> None:
    """Raises ComparisonError where the output is a folder, or where a file that would be written is one that is read, under
    whatever name."""
    if output.is_dir():
        raise ComparisonError(f"{output.name} is a folder; name a file in it.")
    for written in (output, partial):
        same = next((path for path in inputs if written.exists() and written.samefile(path)), None)
        if same is not None:
            raise ComparisonError(
                f"{written.name} is the input {same.name} and would be overwritten; name another output."
            )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answers", nargs="+", type=Path, metavar="CSV")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(argv)
    partial = options.output.with_suffix(".partial")
    try:
        if len(options.answers) < 2:
            raise ComparisonError("Give two or more files; one alone is compared with nothing.")
        read = [read_answers(path) for path in options.answers]
        if any(r.idx != read[0].idx or r.answered.classes != read[0].answered.classes for r in read):
            raise ComparisonError("Give files of the same slices and classes; these differ.")
        refuse_inputs(options.output, partial, options.answers)
        with made_folder(options.output.absolute().parent):
            pass
    except (ComparisonError, InputError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    pairs = [
        {"first": a.name, "second": b.name, "tests": compare(a.answered, b.answered)}
        for a, b in itertools.combinations(read, 2)
    ]
    tests = [test for pair in pairs for test in pair["tests"].values() if test]
    for test, corrected in zip(tests, multipletests([t["p"] for t in tests], method="holm")[1], strict=True):
        test["p_holm"] = float(corrected)
    patients = len(np.unique(read[0].answered.groups))
    kept = {"slices": len(read[0].idx), "patients": patients, "draws": REPEATS, "pairs": pairs}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    partial.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    partial.replace(options.output)
    for pair in pairs:
        print(f"{pair['second']} less {pair['first']}")
        for name, test in pair["tests"].items():
            if test is None:
                print(f"  {name:55s} not computed: these slices lack a class or patients for it")
            else:
                print(f"  {name:55s} {test['difference']:+.4f}  p {test['p']:.4f}  Holm {test['p_holm']:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
