"""Turns a trained network into a bundle: calibrates on the tune groups, measures on the test groups, writes model and card.

    python scripts/make_bundle.py --architecture efficientnet_lite0 --fold 0 --name my_bundle --version 0.1.0

Only of a run that was trained with patients apart, with both heads, and on the groups of this fold. Data that are not known here
need --data-source, --non-commercial or --commercial, and a --name of their own.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "XAIReport")]

from evaluation.audit import PaintedOut, without_lesion_pixels  # noqa: E402
from evaluation.audit import figures as painted_figures  # noqa: E402
from training.bundling import BRAIN_TUMOR_MRI, BundlingError, data_source, described, finished, mismatches, trained  # noqa: E402
from training.card import model_card  # noqa: E402
from training.series import fit_series  # noqa: E402
from training.slices import FOLDS, load_slices, nested_split, read_table  # noqa: E402
from XAIReportLib.case import InputError, safe_case_id  # noqa: E402
from XAIReportLib.evaluate import answer, read_index  # noqa: E402
from XAIReportLib.models.bundle import METADATA, Bundle, load_bundle, save_bundle  # noqa: E402
from XAIReportLib.models.encoders import ARCHITECTURES  # noqa: E402
from XAIReportLib.models.metrics import summary, with_intervals  # noqa: E402

OWN_NAME = "brain_tumor_mri"


def test_metrics(bundle: Bundle, data: Path, test_slices: set[str]) -> dict[str, Any]:
    """Figures of the written bundle on the test groups, by the road of the product, and with every lesion painted out."""
    rows = [row for row in read_index(data, bundle.classes) if row.name in test_slices]
    answered, _ = answer(rows, bundle, "cpu")
    painted, _ = answer(rows, bundle, "cpu", change=PaintedOut())
    audit = with_intervals(painted, painted_figures)
    return {
        **summary(answered),
        "painted_out_no_lesion_rate": audit["no_lesion_found_rate"],
        "painted_out_forced_balanced_accuracy": audit["balanced_accuracy"],
    }


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    try:
        return make(options)
    except (BundlingError, InputError) as error:
        print(f"Error: {str(error).removesuffix('.')}.", file=sys.stderr)
        return 2


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "brain_tumor_mri")
    parser.add_argument("--architecture", choices=sorted(ARCHITECTURES), default="efficientnet_lite0")
    parser.add_argument("--fold", type=int, choices=range(FOLDS), default=0)
    parser.add_argument("--name", default=OWN_NAME)
    parser.add_argument(
        "--data-source", help="of data that are not known here: who published them, where, what licence"
    )
    use = parser.add_mutually_exclusive_group()
    use.add_argument("--non-commercial", dest="non_commercial", action="store_true", default=None)
    use.add_argument("--commercial", dest="non_commercial", action="store_false")
    parser.add_argument("--run", help="name of the folder in training/; default <architecture>-fold<k>")
    parser.add_argument("--version", required=True, help="newer than that of a bundle of this name")
    parser.add_argument("--change", default="trained anew", help="what is new in this version, for the changelog")
    options = parser.parse_args(argv)
    for name in ("name", "run"):
        try:
            safe_case_id(getattr(options, name) or OWN_NAME)
        except InputError:
            why = "is no plain name; give letters, digits, dot, underscore and hyphen"
            parser.error(f"argument --{name}: {getattr(options, name)} {why}")
    return options


def make(options: argparse.Namespace) -> int:
    """Raises BundlingError or InputError before any work where the run or the data do not fit."""
    table = read_table(options.data)
    source = data_source(options.data, options.data_source, options.non_commercial)
    if source != BRAIN_TUMOR_MRI and options.name == OWN_NAME:
        raise BundlingError(
            f"the name {OWN_NAME} is that of the bundle trained on those data alone; give another --name"
        )
    folder = ROOT / "Resources" / "Models" / options.name
    earlier = json.loads((folder / METADATA).read_text(encoding="utf-8"))["changelog"] if folder.exists() else {}
    latest = max(map(Version, earlier), default=None)
    if latest is not None and Version(options.version) <= latest:
        raise BundlingError(
            f"Resources/Models/{options.name} is of version {latest} already; give a newer --version, or another --name"
        )
    run = ROOT / "training" / (options.run or f"{options.architecture}-fold{options.fold}")
    curve = finished(run)
    split = nested_split(table, options.fold)
    if told := mismatches(curve, split, options.architecture, options.fold):
        raise BundlingError(f"training/{run.name} cannot become this bundle: {'; '.join(told)}")
    slices = load_slices(options.data, ROOT / "training" / "slices.npz")
    network = trained(run, options.architecture)
    print("training groups: kind of series", flush=True)
    fit_series(network, slices.subset(split.train))
    print("tune groups: temperature, thresholds, class sets", flush=True)
    changelog = {**earlier, options.version: options.change}
    metadata = described(
        network,
        curve["start"],
        slices,
        split,
        source,
        options.architecture,
        options.fold,
        options.name,
        options.version,
        changelog,
    )
    training = {"date": date.today().isoformat(), "python": platform.python_version(), "curve": curve}
    print("test groups: metrics", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        save_bundle(Path(scratch) / options.name, network, metadata, "")
        test = set(slices.table.iloc[split.test]["idx"].astype(str))
        metrics = test_metrics(load_bundle(Path(scratch) / options.name), options.data, test)
    metrics |= {"without_lesion_pixels": without_lesion_pixels(slices)}
    metadata["xaireport"]["metrics"] = {**metrics, "fold": options.fold, "groups_sha256": split.groups_sha256}
    save_bundle(folder, network, metadata, model_card(metadata, training, options.architecture))
    print(json.dumps({k: v for k, v in metrics.items() if isinstance(v, dict) and "value" in v}, indent=1))
    print(json.dumps({k: metadata["xaireport"][k] for k in ("calibration", "thresholds")}, indent=1))
    print(f"wrote {folder.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
