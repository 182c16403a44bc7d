"""What the worker needs in Slicer's Python: said when missing, installed only when the person has pressed a button."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TORCH_FLOOR, TORCHVISION_FLOOR = ">=2.6", ">=0.21"
# Slicer and other extensions live on these; an installation must not change them.
KEPT = ("numpy", "scipy", "SimpleITK", "pydicom", "pillow", "requests", "torch", "torchvision")


class MissingDependencies(RuntimeError):
    """What is missing, and what to do, in one sentence."""


def missing(requirementsPath: str) -> list[str]:
    """Names of the requirements that are not satisfied; asks nothing and installs nothing.

    :raises MissingDependencies: this Slicer is too old to tell.
    """
    packaging = _slicerPackaging()
    requirements = packaging.load_requirements(requirementsPath)
    names = [str(requirement) for requirement in requirements if not packaging.pip_check(requirement)]
    return ([] if _torchInstalled() else ["torch"]) + names


def ensure(requirementsPath: str, ask: bool = True) -> None:
    """Install what is missing, after Slicer has asked; torch through the PyTorch extension.

    ``ask`` is False in a batch, where the command line has asked for it and a dialogue would wait for ever.

    :raises MissingDependencies: it was declined or cannot be installed.
    """
    if not missing(requirementsPath):
        return
    if not _torchInstalled():
        _installTorch(ask)
    packaging = _slicerPackaging()
    with tempfile.TemporaryDirectory(prefix="xaireport-") as workspace:
        constraints = Path(workspace) / "constraints.txt"
        constraints.write_text("".join(f"{line}\n" for line in _installedVersions(KEPT)), encoding="utf-8")
        try:
            packaging.pip_ensure(
                packaging.load_requirements(requirementsPath),
                constraints=str(constraints),
                prompt_install=ask,
                prompt_restart=ask,
                requester="XAIReport",
                show_progress=ask,
            )
        except Exception as error:  # pip_ensure raises RuntimeError when declined, CalledProcessError when pip failed
            raise MissingDependencies(
                f"XAIReport's Python packages were not installed ({error}); press Analyze to try again, behind a proxy "
                "set it for pip first."
            ) from error
    importlib.invalidate_caches()


def workerCommand() -> dict[str, Any]:
    """Arguments for the worker's client: Slicer's own Python, in the environment that Slicer was started in.

    :raises MissingDependencies: PythonSlicer is not to be found.
    """
    import slicer

    python = shutil.which("PythonSlicer")
    if python is None:
        raise MissingDependencies("Slicer's Python (PythonSlicer) was not found; start Slicer by its own launcher.")
    # The start-up environment, for PythonSlicer sets its own paths and Slicer's would be doubled.
    return {"python": python, "environment": slicer.util.startupEnvironment()}


def _slicerPackaging() -> Any:
    try:
        return importlib.import_module("slicer.packaging")
    except ImportError as error:
        raise MissingDependencies("XAIReport needs 3D Slicer 5.12 or newer; install a newer Slicer.") from error


def _torchInstalled() -> bool:
    return importlib.util.find_spec("torch") is not None


def _installTorch(ask: bool) -> None:
    try:
        utils = importlib.import_module("PyTorchUtils")
    except ImportError as error:
        raise MissingDependencies(
            "PyTorch is missing; install the PyTorch extension in Slicer's Extensions Manager, restart Slicer and "
            "press Analyze again."
        ) from error
    torch = utils.PyTorchUtilsLogic().installTorch(
        askConfirmation=ask, torchVersionRequirement=TORCH_FLOOR, torchvisionVersionRequirement=TORCHVISION_FLOOR
    )
    if torch is None:
        raise MissingDependencies("PyTorch was not installed; press Analyze to try again.")


def _installedVersions(names: Sequence[str]) -> list[str]:
    lines = []
    for name in names:
        try:
            lines.append(f"{name}=={importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return lines
