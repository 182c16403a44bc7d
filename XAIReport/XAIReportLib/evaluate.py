"""``xaireport evaluate``: a bundle measured on slices of known class, by the same road that a single picture walks.

DATA is a folder in the layout of brain_tumor_mri (LAYOUT).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import platform
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from XAIReportLib.case import Case, InputError
from XAIReportLib.files import put_whole
from XAIReportLib.folder import made_folder

if TYPE_CHECKING:
    from XAIReportLib.models.bundle import Bundle
    from XAIReportLib.models.metrics import Answered

# Of a slice's case and its reference mask, bool (columns, rows, 1), to another picture and its mask, of equal shapes.
Change = Callable[[Case, np.ndarray], tuple[np.ndarray, np.ndarray]]
CHUNK = 32
COLUMNS = ("idx", "label_name", "group")
LAYOUT = (
    "DIR holds index.csv, images/<idx>.jpg (or png) and masks/<idx>.png. index.csv has a row for each slice, separated by commas, "
    "and the columns idx (name of its files), label_name (its class), group (its patient) and, if known, plane (axial, coronal "
    "or sagittal); further columns are passed over. A mask is above 0 in the lesion."
)
OK = 0


@dataclass(frozen=True)
class Row:
    """One slice: its files, its true class and its patient group."""

    name: str
    label: str
    group: str
    plane: str
    image: Path
    mask: Path


def read_index(data: Path, classes: tuple[str, ...]) -> list[Row]:
    """The slices of ``data``.

    Raises:
        InputError: no readable index, a missing column or value, a cell too many, a slice that is listed twice or named with a
            folder, a class that the bundle does not know, or a missing file.
    """
    index = data / "index.csv"
    try:
        with index.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            table, columns = list(reader), reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{data.name} holds no readable index.csv ({error}); give a folder in the layout of brain_tumor_mri."
        ) from error
    if absent := [c for c in COLUMNS if c not in columns]:
        found = ", ".join(columns) or "none"
        remedy = "every slice needs it" if len(columns) > 1 else "separate the columns by commas"
        raise InputError(f"index.csv of {data.name} has no column {absent[0]} (columns found: {found}); {remedy}.")
    if not table:
        raise InputError(f"index.csv of {data.name} has no row; give a row for every slice.")
    table = [
        {name: value.strip() if isinstance(value, str) else value for name, value in line.items()} for line in table
    ]
    twice = [name for name, count in Counter(line["idx"] for line in table).items() if count > 1]
    if twice:
        raise InputError(f"Slice {twice[0]} stands in index.csv of {data.name} more than once; leave one row of it.")
    rows = []
    for number, line in enumerate(table, 1):
        name = line["idx"]
        if None in line:
            raise InputError(
                f"Row {number} of index.csv of {data.name} has more cells than there are columns; take out the surplus."
            )
        empty = [c for c in COLUMNS if not line[c]]
        if empty:
            raise InputError(f"Row {number} of index.csv of {data.name} has no {empty[0]}; every slice needs it.")
        if "/" in name or "\\" in name:
            raise InputError(f"Slice {name} of {data.name} is named with a folder; give the name of its files alone.")
        image = next((p for s in ("jpg", "png", "jpeg") if (p := data / "images" / f"{name}.{s}").is_file()), None)
        mask = data / "masks" / f"{name}.png"
        if image is None or not mask.is_file():
            raise InputError(f"Slice {name} of {data.name} lacks its image or its mask; restore the file.")
        if line["label_name"] not in classes:
            raise InputError(
                f"Slice {name} of {data.name} is of class {line['label_name']}, which is not known here; "
                f"give slices of {', '.join(classes)}."
            )
        rows.append(Row(name, line["label_name"], line["group"], line.get("plane") or "", image, mask))
    return rows


def answer(
    rows: list[Row],
    bundle: Bundle,
    device: str = "auto",
    change: Change | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[Answered, list[dict[str, Any]]]:
    """The bundle's answers to the slices, and one record for each (idx, group, plane, label, outcome, scores, dice,
    dice_shown).

    Args:
        change: makes another picture and mask of a slice's, for audits.

    Raises:
        InputError: a picture cannot be read, or a mask is empty.
    """
    from XAIReportLib.models.bundle import choose_device, load_network
    from XAIReportLib.models.calibration import calibrated
    from XAIReportLib.models.inference import look, predict
    from XAIReportLib.models.metrics import Answered
    from XAIReportLib.plausibility import unlike_head_mri
    from XAIReportLib.views import PICTURE, make_views

    network = load_network(bundle, choose_device(device)[0].type)
    temperature, _ = bundle.settings.calibration.of(PICTURE)
    threshold = bundle.settings.thresholds.lesion_probability
    records = []
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        cases = list(_read(chunk, change))
        seen = [make_views(case) for case, _ in cases]
        pixels = np.concatenate([pixels for _, pixels in seen])
        looked = look(network, pixels, forms=bundle.settings.forms(PICTURE))
        for n, (row, (case, truth), (views, _)) in enumerate(zip(chunk, cases, seen, strict=True)):
            one = looked.of(n)
            said = predict(case, views, one, bundle)
            outcome = "not_applicable" if unlike_head_mri(case) else said.outcome
            found = said.lesion_probability >= threshold
            shown = (said.lesion_labels > 0) & (outcome != "not_applicable")
            scores = calibrated(one.scores[0, 1:], temperature)
            records.append(
                {
                    "idx": row.name, "group": row.group, "plane": row.plane, "label": row.label,
                    "outcome": outcome,
                    "lesion_log_odds": float(one.scores[0, 1:].max()),
                    **{f"score_{c}": float(s) for c, s in zip(bundle.classes, scores, strict=True)},
                    "dice": _dice(found, truth),
                    "dice_shown": _dice(shown, truth),
                }
            )  # fmt: skip
        if progress:
            progress(min(start + CHUNK, len(rows)) / len(rows))
    answered = Answered(
        bundle.classes,
        np.array([r["group"] for r in records]),
        np.array([bundle.classes.index(r["label"]) for r in records]),
        np.array([[r[f"score_{c}"] for c in bundle.classes] for r in records]),
        np.array([r["dice"] for r in records]),
        np.array([r["outcome"] for r in records]),
        np.array([r["dice_shown"] for r in records]),
    )
    return answered, records


def _dice(found: np.ndarray, truth: np.ndarray) -> float:
    """Overlap of two masks; 0 where nothing was found."""
    return float(2 * (found & truth).sum() / max(int(found.sum()) + int(truth.sum()), 1))


def _read(rows: list[Row], change: Change | None) -> Iterator[tuple[Case, np.ndarray]]:
    """Each slice's case and its reference mask, bool (columns, rows, 1)."""
    from XAIReportLib.reading import case_from_array, read_case
    from XAIReportLib.reading.picture import read as read_picture

    for row in rows:
        truth = read_picture(row.mask)[0] > 0
        case = read_case(row.image, "slice")
        if truth.shape != case.image.shape:
            raise InputError(f"The mask of slice {row.name} has another size than its image; restore the file.")
        if not truth.any():
            raise InputError(f"The mask of slice {row.name} is empty; restore the file.")
        if change is not None:
            image, truth = change(case, truth)
            case = case_from_array(image, None, "slice")
        yield case, truth


def evaluate(
    bundle: Bundle,
    data: Path,
    output: Path,
    device: str = "auto",
    progress: Callable[[str, float, str], None] = lambda *_: None,
) -> dict[str, Any]:
    """Measures ``bundle`` on ``data``; writes metrics to ``output`` (json), and beside it the answers (csv) and pictures (png).

    The figures: class figures are over all slices with the highest score taken; coverage, selective accuracy, no_lesion_found_rate
    and not_applicable_rate are of the outcomes as the product gives them. lesion_dice is of the outline at its fixed threshold,
    whatever the outcome; lesion_dice_shown of what the product shows.

    Raises:
        InputError: the data or the output cannot be used.
    """
    from XAIReportLib.models.bundle import choose_device
    from XAIReportLib.models.metrics import summary
    from XAIReportLib.models.metrics_figures import draw_metrics

    written = [output, *(output.with_suffix(suffix) for suffix in (".csv", ".png", ".partial"))]
    _refuse_within(written, (data, bundle.folder))
    with made_folder(output.parent):
        pass
    progress("read", 0.0, "reading the index")
    rows = read_index(data, bundle.classes)
    _refuse_inputs(written, [data / "index.csv", *(p for row in rows for p in (row.image, row.mask))])
    progress("predict", 0.0, f"looking at {len(rows)} slices")
    answered, records = answer(rows, bundle, device, progress=lambda f: progress("predict", f, "looking at the slices"))
    progress("measure", 0.0, "computing figures and intervals")
    metrics = {
        "bundle": {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256},
        "data": {
            "index_sha256": hashlib.sha256((data / "index.csv").read_bytes()).hexdigest(),
            "groups_sha256": hashlib.sha256("\n".join(sorted(set(answered.groups.tolist()))).encode()).hexdigest(),
        },
        **summary(answered, progress=lambda f: progress("measure", f, "computing figures and intervals")),
        # What the bundle's own data set gives away without any pixel of a lesion: the yardstick of every accuracy.
        "without_lesion_pixels": bundle.settings.metrics.get("without_lesion_pixels"),
        "device": choose_device(device)[1],
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    draw_metrics(answered, metrics, output)
    put_whole(output, (json.dumps(metrics, indent=1) + "\n").encode("utf-8"))
    return metrics


def _refuse_within(written: list[Path], folders: tuple[Path, ...]) -> None:
    """Raises InputError where a file would be written into a folder that is read."""
    for folder in folders:
        if any(path.resolve().is_relative_to(folder.resolve()) for path in written):
            raise InputError(
                f"{written[0].name} would be written into {folder.name}, which is read; name an output outside it."
            )


def _refuse_inputs(written: list[Path], read: list[Path]) -> None:
    """Raises InputError where a file that would be written is one that is read, under whatever name."""
    inputs = {(s.st_dev, s.st_ino): path for path in read if (s := path.stat())}
    for path in written:
        if path.exists() and (same := inputs.get((path.stat().st_dev, path.stat().st_ino))):
            raise InputError(f"{path.name} is the input {same.name} and would be overwritten; name another output.")


def add_parser(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("evaluate", help="measure a bundle on slices of known class", description=LAYOUT)
    command.add_argument("--bundle", metavar="NAME|PATH", default="brain_tumor_mri", help="model; default %(default)s")
    command.add_argument("--data", metavar="DIR", type=Path, required=True, help="the slices: see above")
    command.add_argument("--output", metavar="FILE", type=Path, required=True, help="for example metrics.json")
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default %(default)s")
    command.add_argument("--debug", action="store_true", help="show where an error came from")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """``xaireport evaluate``."""
    if options.output.suffix != ".json":
        raise InputError(f"{options.output.name} does not end with .json; name the file of the figures so.")
    from XAIReportLib.models.bundle import load_bundle
    from XAIReportLib.models.metrics import in_words

    metrics = evaluate(
        load_bundle(options.bundle), options.data, options.output.absolute(), options.device, options.console.progress
    )
    for name, figure in metrics.items():
        if isinstance(figure, dict) and figure.get("value") is not None:
            print(f"{name:28s} {in_words(figure, 4)}")
    print(f"{metrics['n_images']} slices of {metrics['n_groups']} patient groups. Figures: {options.output}")
    if forest := metrics["without_lesion_pixels"]:
        print(
            f"For comparison: a random forest that sees no pixel of a lesion reached accuracy {forest['accuracy']:.3f} on the "
            "bundle's own data set (docs/results.md, shortcut audit)."
        )
    return OK
