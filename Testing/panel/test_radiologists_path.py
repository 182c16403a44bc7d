"""A radiologist's whole way with the real worker: every click is a click, every answer is the engine's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import picture
from radiologists_path import Walk
from small_case import COARSE_WORKER, planted_brain

pytestmark = pytest.mark.usefixtures("a_host")


def test_load_analyze_percentile_region_sentence_correction_export(
    open_panel, a_host, wait_until, choose_folder, tmp_path
):
    import slicer
    from XAIReportLib.worker.client import WorkerClient

    try:
        image, affine = planted_brain()
    except FileNotFoundError as reason:
        pytest.skip(str(reason))
    voxels = np.ascontiguousarray(np.transpose(image))
    volume = slicer.util.addVolumeFromArray(voxels, ijkToRAS=affine, name="Head")
    widget = open_panel(lambda: WorkerClient(command=COARSE_WORKER))
    for box in (widget.ui.gradcamCheckBox, widget.ui.scorecamCheckBox):
        box.click()
    pictures: list[Path] = []

    def take(name: str, look_at: Any) -> None:
        pictures.append(tmp_path / "pictures" / f"{name}.png")
        picture(widget, a_host, pictures[-1], look_at)

    (tmp_path / "out").mkdir()
    walk = Walk(widget, volume, wait_until, take, choose_folder, tmp_path / "out")
    walk.to_the_result()
    assert widget.ui.outcomeLabel.text()
    walk.percentile()
    region = walk.region()
    assert region
    walk.sentence("Segmented abnormality 1:")
    volume_ml = walk.correct()
    assert f"(edited by the reader): {volume_ml:.2f} ml" in widget.ui.narrativeText.toPlainText()
    words = f"The volume of segmented abnormality 1 is {volume_ml:.2f} ml."
    walk.reword(words)
    assert "✓" in walk.question("How sure are you?")
    exported = walk.sign_and_export()
    text = " ".join((exported / "report.txt").read_text("utf-8").replace("\u00a0", " ").split())
    assert f"{words} (edited by the reader)" in text
    assert [int(path.stem.split("-")[0]) for path in pictures] == list(range(1, 11))
    assert all(path.stat().st_size > 20_000 for path in pictures)
