"""``scene.mrb`` comes back with what was put in, or is not there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from result_folders import oblique, sheared, write_result
from XAIReportLib.folder import add_warning, read_result
from XAIReportLib.scene import SceneIncomplete, SceneUnavailable, load_result, session, snapshot, write_mrb

CASES = {
    "whole": {},
    "not analysed": {"lesions": False},
    "no lesion found": {"outcome": "no_lesion_found"},
    "no lesion found and no heat map": {"outcome": "no_lesion_found", "heatmaps": False},
    "no atlas": {"atlas": False},
    "no heat maps": {"heatmaps": False},
    "nothing but the image": {"lesions": False, "atlas": False, "heatmaps": False},
}


@pytest.mark.parametrize("parts", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("grid", [oblique(), sheared()], ids=["oblique", "sheared"])
def test_a_reopened_scene_equals_the_loaded_folder(a_session, tmp_path, parts, grid):
    folder = write_result(tmp_path / "case", grid, **parts)
    path = write_mrb(folder)
    load_result(folder, a_session.scene)
    expected = snapshot.snapshot(a_session.scene)
    with session.private_session() as other:
        assert other.scene.ReadFromMRB(str(path), True, None)
        found = snapshot.snapshot(other.scene)
    # The saved scene also has the layers of the three slice views.
    found = {key: facts for key, facts in found.items() if not key.startswith("vtkMRMLSliceCompositeNode")}
    assert snapshot.differences(expected, found) == []
    assert len(found) >= 3


def test_a_picture_comes_back(tmp_path, reopened):
    scene = reopened(write_mrb(write_result(tmp_path / "case", None, shape=(40, 30, 1))))
    assert scene.GetFirstNodeByName("case-7 image").GetImageData().GetDimensions() == (40, 30, 1)


@pytest.mark.usefixtures("a_session")
def test_a_result_that_gets_its_scene_does_not_say_that_it_has_none(tmp_path):
    folder = write_result(tmp_path / "case", oblique())
    add_warning(folder, "Something else.")
    add_warning(folder, "scene.mrb was left out: slicer-core is not installed.")
    write_mrb(folder)
    assert read_result(folder).run["warnings"][-1] == "Something else."
    assert "scene.mrb" not in str(read_result(folder).run["warnings"])


def test_the_saved_views_show_the_heat_map_over_the_image(a_result, reopened):
    scene = reopened(write_mrb(a_result))
    for view in ("Red", "Yellow", "Green"):
        layers = scene.GetNodeByID(f"vtkMRMLSliceCompositeNode{view}")
        assert scene.GetNodeByID(layers.GetBackgroundVolumeID()).GetName() == "case-7 image"
        assert scene.GetNodeByID(layers.GetForegroundVolumeID()).GetName() == "case-7 heat map gradcam++"
        assert layers.GetForegroundOpacity() == 0.5


def test_nothing_of_this_machine_is_in_the_bundle(a_result):
    with zipfile.ZipFile(write_mrb(a_result)) as bundle:
        for name in bundle.namelist():
            content = bundle.read(name)
            assert str(a_result.parent).encode() not in content, name
            assert b"secret-name" not in content, name
            assert str(Path.home()).encode() not in content or str(Path.home()) == "/", name
        assert all(name.startswith("scene/") for name in bundle.namelist())


def test_only_the_scene_is_added_to_the_folder(a_result):
    before = {path.relative_to(a_result) for path in a_result.rglob("*")}
    write_mrb(a_result)
    after = {path.relative_to(a_result) for path in a_result.rglob("*")}
    assert after - before == {Path("scene.mrb")}


def test_what_a_killed_run_left_of_its_scene_is_removed(a_result):
    (a_result / ".scene-1-0k_x9abc").mkdir()
    (a_result / ".scene-1-0k_x9abc" / "scene.mrb").write_bytes(b"half")
    write_mrb(a_result)
    assert not list(a_result.glob(".scene-*"))
    assert [path.name for path in a_result.parent.glob(".*")] == []


def test_a_missing_logic_is_found_out_and_the_older_scene_stays(a_result, monkeypatch):
    write_mrb(a_result)
    older = (a_result / "scene.mrb").read_bytes()
    fewer = tuple(name for name in session.LOGIC_CLASSES if name != "vtkSlicerMarkupsLogic")
    monkeypatch.setattr(session, "LOGIC_CLASSES", fewer)
    with pytest.raises(SceneIncomplete, match="abnormalities"):
        write_mrb(a_result)
    assert (a_result / "scene.mrb").read_bytes() == older
    assert not list(a_result.glob(".scene-*"))


def test_every_kind_of_loss_is_named(a_session, a_result):
    loaded = load_result(a_result, a_session.scene)
    whole = snapshot.snapshot(a_session.scene)
    loaded.segmentation.GetSegmentation().GetSegment("lesion-1").SetName("other")
    loaded.regions.GetTable().GetColumnByName("voxels").SetValue(0, 7)
    loaded.points.RemoveNthControlPoint(1)
    loaded.texts["report.txt"].SetText("other")
    loaded.volume.GetImageData().GetPointData().GetScalars().SetTuple1(3, 1e6)
    loaded.volume.SetAttribute("XAIReport.seed", "8")
    a_session.scene.RemoveNode(loaded.atlas)
    lost = " ".join(snapshot.differences(whole, snapshot.snapshot(a_session.scene)))
    for what in ("segments changed", "columns changed", "points changed", "text changed", "voxels changed"):
        assert what in lost
    assert "attributes changed" in lost
    assert "'case-7 atlas' is missing" in lost


def test_without_slicer_core_the_reason_is_said(a_result, monkeypatch):
    monkeypatch.setitem(sys.modules, "slicer", None)
    with pytest.raises(SceneUnavailable, match="pip install slicer-core"):
        write_mrb(a_result)
    assert not (a_result / "scene.mrb").exists()


def test_another_package_named_slicer_is_not_taken_for_it(a_result, monkeypatch):
    import types

    monkeypatch.setitem(sys.modules, "slicer", types.ModuleType("slicer"))
    with pytest.raises(SceneUnavailable, match="install slicer-core last"):
        write_mrb(a_result)


def test_in_pythonslicer_nothing_is_to_be_installed_over_slicers_own_package(a_result, monkeypatch):
    import types

    monkeypatch.setitem(sys.modules, "slicer", types.ModuleType("slicer"))
    monkeypatch.setenv("SLICER_HOME", "/opt/Slicer")
    with pytest.raises(SceneUnavailable, match="the application makes the scene"):
        write_mrb(a_result)


def test_there_is_no_live_scene_outside_slicer(a_result):
    with pytest.raises(SceneUnavailable, match="no open Slicer scene"):
        load_result(a_result)


def test_the_package_needs_neither_slicer_nor_torch_to_be_imported():
    script = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('slicer', 'vtk', 'vtkmodules', 'torch', 'nibabel', 'SimpleITK'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Block())\n"
        "import XAIReportLib.scene\n"
    )
    library = str(Path(__file__).parents[2] / "XAIReport")
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": library}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_real_head_keeps_its_voxels(tmp_path, reopened):
    source = Path(__file__).parents[2].parent / "shared" / "data" / "brain_volumes" / "brats_2013_pat0003_1"
    if not source.is_dir():
        pytest.skip("the shared brain volumes are not on this machine")
    folder = write_result(tmp_path / "case", oblique(), heatmaps=False, atlas=False, lesions=False)
    image = nib.load(source / "t1c.nii.gz")
    nib.save(nib.Nifti1Image(image.get_fdata(dtype=np.float32), image.affine), folder / "image.nii.gz")
    node = reopened(write_mrb(folder)).GetFirstNodeByName("case-7 image")
    assert node.GetImageData().GetDimensions() == image.shape
    total = float(node.GetImageData().GetPointData().GetScalars().GetRange()[1])
    assert total == pytest.approx(float(image.get_fdata().max()), rel=1e-6)
