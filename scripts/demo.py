"""Analyses one case and prints where its report is: ``python3 scripts/demo.py [--input FILE] [--sample NAME] [--output DIR]``.

With no argument the case is a synthetic head, made on this machine without a network, with one planted lesion; the run ends by
comparing what was found with what was planted. Research use only. Not for diagnosis.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import bootstrap  # noqa: E402

SYNTHETIC_ID = "synthetic-head"
SYNTHETIC_NOTE = (
    "This image is synthetic: a program made it from a brain template and planted one lesion. It is no patient."
)
SAMPLES = {  # 3D Slicer's own sample data, by SHA-256
    "MRBrainTumor1": "998cb522173839c78657f4bc0ea907cea09fd04e44601f17c82ea27927937b95",
    "MRBrainTumor2": "1a64f3f422eb3d1c9b093d1a18da354b13bcf307907c66317e2463ee530b7a97",
}
SAMPLE_URL = "https://github.com/Slicer/SlicerTestingData/releases/download/SHA256/"
HIT_DICE = 0.3


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    code = bootstrap.reenter(Path(__file__).resolve(), arguments)
    if code is not None:
        return code
    sys.stdout.reconfigure(errors="backslashreplace")  # on Windows a pipe lacks most letters that a folder may have
    output = (options.output or ROOT / "demo-output").absolute()
    with tempfile.TemporaryDirectory() as scratch:
        if options.input:
            return _analyse([str(options.input), "--output", str(output)])
        if options.sample:
            try:
                fetched = fetch_sample(options.sample, Path(scratch))
            except OSError as error:
                print(f"Error: {error}", file=sys.stderr)
                return 1
            return _analyse([str(fetched), "--output", str(output), "--case-id", options.sample])
        return _synthetic(output, Path(scratch))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    case = parser.add_mutually_exclusive_group()
    case.add_argument("--input", type=Path, help="NIfTI or NRRD, DICOM series folder or file, PNG or JPEG slice")
    case.add_argument("--sample", choices=sorted(SAMPLES), help="a sample volume of 3D Slicer, fetched from its site")
    parser.add_argument("--output", type=Path, help="default: demo-output in the repository")
    return parser.parse_args(arguments)


def fetch_sample(name: str, folder: Path, url: str = SAMPLE_URL) -> Path:
    """Downloads one of SAMPLES into ``folder``. Raises OSError, in a sentence, without a network or when the hash differs."""
    digest, path = SAMPLES[name], folder / f"{name}.nrrd"
    print(f"Fetching {name} ...", flush=True)
    try:
        with urllib.request.urlopen(url + digest, timeout=60) as answer:
            data = answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        raise OSError(f"{name} could not be fetched ({reason}); run without --sample for the offline case.") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise OSError(f"{name} was fetched but its SHA-256 is not the expected one; try again or run without --sample.")
    path.write_bytes(data)
    return path


def _analyse(arguments: list[str]) -> int:
    from XAIReportLib.__main__ import main as command_line

    return command_line(["analyze", *arguments])


def _synthetic(output: Path, scratch: Path) -> int:
    import nibabel as nib
    from synthetic_head import make_synthetic_head
    from XAIReportLib.pipeline import analyze
    from XAIReportLib.scene import SceneUnavailable, write_mrb

    began = time.monotonic()
    print("Making the synthetic head (no patient, no network) ...", flush=True)
    head = make_synthetic_head()
    path = scratch / "synthetic.nii.gz"
    image = nib.Nifti1Image(head.image, head.affine)
    image.set_sform(head.affine, 1)
    image.set_qform(head.affine, 1)
    nib.save(image, path)
    stage = ""

    def say(step: object) -> None:
        nonlocal stage
        if step.stage != stage:
            stage = step.stage
            print(f"{time.monotonic() - began:6.1f} s  {stage}: {step.message}", flush=True)

    analysis = analyze(path, output, case_id=SYNTHETIC_ID, notes=(SYNTHETIC_NOTE,), contrast_agent=True, progress=say)
    print(f"{time.monotonic() - began:6.1f} s  scene: making the Slicer scene", flush=True)
    try:
        scene = str(write_mrb(analysis.folder))
    except SceneUnavailable as error:
        scene = f"left out: {error}"
    print(f"{time.monotonic() - began:6.1f} s  done\n")
    print(verdict(json.loads((analysis.folder / "findings.json").read_text(encoding="utf-8")), analysis, head))
    print(f"Report: {analysis.folder / 'report.html'}\nScene:  {scene}\nResearch use only. Not for diagnosis.")
    return 0


def verdict(findings: dict, analysis: object, head: object) -> str:
    """Hit or miss, in words: a segmented abnormality that overlaps the planted lesion (Dice 0.3 or more) on its side is a hit."""
    planted = f"Planted: {head.volume_ml:.1f} ml on the {head.side}, centre {_point(head.centroid_ras_mm)} mm RAS."
    labels = analysis.prediction.lesion_labels
    found = [
        (2 * float(((labels == n) & head.lesion).sum()) / float((labels == n).sum() + head.lesion.sum()), lesion)
        for n, lesion in enumerate(findings["lesions"], 1)
    ]
    best = max(found, key=lambda pair: pair[0], default=None)
    others = max(len(found) - 1, 0)
    if best is None or best[0] < HIT_DICE or best[1]["side"] != head.side:
        seen = f"{len(found)} segmented abnormalities" if found else "no segmented abnormality"
        overlap = f", best Dice {best[0]:.2f}, side {best[1]['side']}" if best else ""
        return f"MISS. {planted} Found: {seen}{overlap}."
    dice, lesion = best
    return (
        f"HIT. {planted} Found: {lesion['volume_ml']:.1f} ml on the {lesion['side']}, "
        f"centre {_point(lesion['centroid_ras_mm'])} mm RAS, Dice {dice:.2f}; "
        f"{others} other segmented {'abnormality' if others == 1 else 'abnormalities'}."
    )


def _point(values: list[float] | tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{v:.1f}" for v in values) + ")"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
