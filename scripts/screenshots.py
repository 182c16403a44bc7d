"""Makes the pictures of the module in Resources/Screenshots: ``python scripts/screenshots.py [--result DIR] [--output DIR]``.

A synthetic head is analysed in the module, which runs in the tests' stand-in for Slicer: real Qt, real MRML, real worker, the
slice views drawn by Slicer's own slice logic. No picture of a patient is ever made.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from module_stage import ROOT, Stage, module_stage

# isort: split
# Found by way of module_stage. A module that is first imported inside a function may lose its own names of Qt's properties.
from host.waiting import wait_until
from pictures import picture
from radiologists_path import Walk
from synthetic_head import make_synthetic_head


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "Resources" / "Screenshots")
    parser.add_argument(
        "--result", type=Path, help="a finished result of scripts/demo.py, opened instead of waiting for an analysis"
    )
    options = parser.parse_args(arguments)
    if options.result is not None:
        _report(options.result, options.output / "report.png")
    with module_stage() as stage:
        _walk(stage, options.output, options.result)
    return 0


def _report(result: Path, picture: Path) -> None:
    """The first screen of a result's report, as Chromium shows it."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1100,1340",
        ]
        command += [
            f"--user-data-dir={profile}",
            f"--screenshot={picture}",
            (result / "report.html").resolve().as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True)
    print(picture, flush=True)


def _walk(stage: Stage, output: Path, result: Path | None) -> None:
    import qt

    head = make_synthetic_head()
    volume = stage.volume(head.image, head.affine, "Synthetic head")

    def take(name: str, look_at: Any) -> None:
        picture(stage.widget, stage.host, output / f"panel-{name}.png", look_at)
        print(output / f"panel-{name}.png", flush=True)

    def choose(place: Path) -> None:
        qt.QFileDialog = SimpleNamespace(getExistingDirectory=lambda *_: str(place))

    (stage.folder / "export").mkdir()
    walk = Walk(stage.widget, volume, wait_until, take, choose, stage.folder / "export")
    if result is None:
        walk.to_the_result()
    else:
        walk.begin()
        walk.cancel()
        choose(_copied(result, stage.folder))
        walk.open_result()
    walk.percentile()
    walk.region()
    walk.sentence("Segmented abnormality 1:")
    walk.reword(f"The volume of segmented abnormality 1 is {walk.correct():.2f} ml.")
    walk.question("How sure are you?")
    walk.sign_and_export()


def _copied(result: Path, folder: Path) -> Path:
    """The walk signs the result: a copy of it, so that the original stays."""
    return Path(shutil.copytree(result, folder / result.name))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
