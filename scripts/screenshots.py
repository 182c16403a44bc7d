"""Makes the pictures of the module in Resources/Screenshots: ``python scripts/screenshots.py [--output DIR]``.

A synthetic head is analysed in the module, which runs in the tests' stand-in for Slicer: real Qt, real MRML, real worker, the
slice views drawn by Slicer's own slice logic. No picture of a patient is ever made.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / path) for path in ("XAIReport", "Testing", "Testing/panel", "scripts")]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "Resources" / "Screenshots")
    options = parser.parse_args(arguments)
    from host import install

    with tempfile.TemporaryDirectory() as folder, install(Path(folder)) as host:
        _walk(host, Path(folder), options.output)
    return 0


def _walk(host: Any, folder: Path, output: Path) -> None:
    import numpy as np
    import qt
    import slicer
    from pictures import picture
    from radiologists_path import Walk
    from synthetic_head import make_synthetic_head
    from XAIReportLib.worker.client import WorkerClient

    import XAIReport

    head = make_synthetic_head()
    voxels = np.ascontiguousarray(np.transpose(head.image))
    volume = slicer.util.addVolumeFromArray(voxels, ijkToRAS=head.affine, name="Synthetic head")
    widget = XAIReport.XAIReportWidget(logic=XAIReport.XAIReportLogic(WorkerClient))

    def take(name: str, look_at: Any) -> None:
        picture(widget, host, output / f"panel-{name}.png", look_at)
        print(output / f"panel-{name}.png", flush=True)

    def choose(place: Path) -> None:
        qt.QFileDialog = SimpleNamespace(getExistingDirectory=lambda *_: str(place))

    (folder / "export").mkdir()
    walk = Walk(widget, volume, _wait, take, choose, folder / "export")
    walk.to_the_result()
    walk.percentile()
    walk.region()
    walk.sentence("Segmented abnormality 1:")
    walk.correct()
    walk.sign_and_export()
    widget.cleanup()


def _wait(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    from PySide6 import QtCore

    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("The module did not come this far in time.")
        QtCore.QCoreApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
