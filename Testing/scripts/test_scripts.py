"""The set-up, the demo's verdict and the synthetic head; training never sees that head."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import bootstrap  # noqa: E402
import demo  # noqa: E402
from synthetic_head import make_synthetic_head  # noqa: E402


def test_training_never_sees_the_synthetic_head() -> None:
    files = [*(ROOT / "scripts" / "training").rglob("*.py"), *(ROOT / "XAIReport").rglob("*.py")]
    files += [ROOT / "scripts" / name for name in ("train.py", "make_bundle.py", "evaluation/volumes.py")]
    assert not [f.name for f in files if "synthetic_head" in f.read_text(encoding="utf-8")]


@pytest.fixture(scope="module")
def head() -> object:
    return make_synthetic_head()


def test_the_synthetic_head_is_what_it_says(head: object) -> None:
    spacing = np.sqrt((head.affine[:3, :3] ** 2).sum(axis=0))
    np.testing.assert_allclose(spacing, (1, 1, 3))
    assert 15 <= head.volume_ml <= 25
    index = np.argwhere(head.lesion)
    centroid = index.mean(axis=0) @ head.affine[:3, :3].T + head.affine[:3, 3]
    np.testing.assert_allclose(centroid, head.centroid_ras_mm, atol=0.01)
    assert head.centroid_ras_mm[0] < 0 and head.side == "left"
    assert head.image[head.lesion].mean() > np.median(head.image[head.image > 300])
    corner = head.image[:20, :20, :5]
    assert 0 < corner.std() < 30  # air is noise, not zero


def test_the_synthetic_head_is_the_same_every_time(head: object) -> None:
    np.testing.assert_array_equal(make_synthetic_head().image, head.image)


def planted() -> SimpleNamespace:
    lesion = np.zeros((20, 20, 20), bool)
    lesion[5:10, 5:10, 5:10] = True
    return SimpleNamespace(lesion=lesion, volume_ml=0.1, side="left", centroid_ras_mm=(1.0, 2.0, 3.0))


def found(shift: int, side: str) -> tuple[dict, SimpleNamespace]:
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[5 + shift : 10 + shift, 5:10, 5:10] = 1
    lesion = {"volume_ml": 0.12, "side": side, "centroid_ras_mm": [1.0, 2.0, 3.0]}
    return {"lesions": [lesion]}, SimpleNamespace(prediction=SimpleNamespace(lesion_labels=labels))


def test_the_demo_tells_a_hit_from_a_miss() -> None:
    assert demo.verdict(*found(1, "left"), planted()).startswith("HIT.")
    assert demo.verdict(*found(1, "right"), planted()).startswith("MISS.")
    assert demo.verdict(*found(5, "left"), planted()).startswith("MISS.")
    nothing = SimpleNamespace(prediction=SimpleNamespace(lesion_labels=np.zeros((20, 20, 20), np.uint8)))
    assert "no segmented abnormality" in demo.verdict({"lesions": []}, nothing, planted())


FOLDER = """
import sys
sys.path.insert(0, sys.argv[1])
import demo
demo.bootstrap.reenter = lambda *_: None
demo._synthetic = lambda output, _: print(f"Report: {output / 'report.html'}") or 0
sys.exit(demo.main(["--output", "\\u8178"]))
"""


def test_the_demo_names_a_folder_whose_letters_the_output_lacks(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FOLDER, str(ROOT / "scripts")],
        cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "cp1252"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u8178" in done.stdout


def test_a_sample_is_checked_by_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"a volume"
    digest = hashlib.sha256(data).hexdigest()
    (tmp_path / digest).write_bytes(data)
    monkeypatch.setitem(demo.SAMPLES, "MRBrainTumor1", digest)
    assert demo.fetch_sample("MRBrainTumor1", tmp_path, tmp_path.as_uri() + "/").read_bytes() == data
    (tmp_path / digest).write_bytes(b"something else")
    with pytest.raises(OSError, match="SHA-256"):
        demo.fetch_sample("MRBrainTumor1", tmp_path, tmp_path.as_uri() + "/")
    with pytest.raises(OSError, match="run without --sample"):
        demo.fetch_sample("MRBrainTumor2", tmp_path, tmp_path.as_uri() + "/")


@pytest.mark.parametrize("asked", ["-h", "--help"])
def test_help_on_the_tests_installs_nothing(
    asked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "reenter", lambda *_: pytest.fail("the installation began"))
    spec = importlib.util.spec_from_file_location("run_tests", ROOT / "scripts" / "test.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.main([asked]) == 0
    assert "scripts/test.py [pytest arguments]" in capsys.readouterr().out


def test_an_old_python_and_a_full_disk_are_told_before_anything_is_installed(tmp_path: Path) -> None:
    with pytest.raises(bootstrap.SetupError, match=r"3\.11 to 3\.13"):
        bootstrap.check_machine(tmp_path / ".venv", version=(3, 10))
    with pytest.raises(bootstrap.SetupError, match=r"About 10 GB.*3\.0 GB are free"):
        bootstrap.check_machine(tmp_path / ".venv", free_bytes=3_000_000_000, version=(3, 12))


def test_an_environment_counts_only_when_it_was_finished_for_these_dependencies(tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    python = bootstrap.python_of(venv)
    python.parent.mkdir(parents=True)
    python.touch()
    assert not bootstrap.is_complete(venv, "now")
    (venv / bootstrap.MARKER).write_text(json.dumps({"wanted": "before"}))
    assert not bootstrap.is_complete(venv, "now")
    (venv / bootstrap.MARKER).write_text(json.dumps({"wanted": "now"}))
    assert bootstrap.is_complete(venv, "now")


def test_no_tracked_text_names_a_machines_path() -> None:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("this is no git checkout")
    signs = tuple("/" + name + "/" for name in ("root", "farm", "tmp"))
    for name in done.stdout.split():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".json", ".txt", ".cfg") and path.name != "test_scripts.py":
            text = path.read_text(encoding="utf-8")
            assert not any(f'"{sign}' in text or f" {sign}" in text for sign in signs), name
