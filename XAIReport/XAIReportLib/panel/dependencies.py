"""What the worker needs in Slicer's Python: said when missing, installed and removed only when the person has pressed a button."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

TORCH_FLOOR, TORCHVISION_FLOOR = ">=2.6", ">=0.21"
# Slicer and other extensions live on these; an installation must not change them.
KEPT = (
    *("numpy", "scipy", "SimpleITK", "pydicom", "pillow", "requests", "torch", "torchvision"),
    *("highdicom", "dcmqi", "pyjpegls"),
)
# Upper bounds of what lies on the disk in the end, gigabytes; a test compares them with an installation.
PACKAGES_GB, TORCH_GB = 1.0, 6.0
INSTALLED = "XAIReport/InstalledPackages"  # in the settings of this Slicer: what was not there before


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


def need(requirementsPath: str) -> str:
    """What would be installed, and the room that it takes, in a sentence; empty when nothing is missing.

    :raises MissingDependencies: this Slicer is too old to tell.
    """
    names = missing(requirementsPath)
    if not names:
        return ""
    return _(
        "Analyze first asks to install {what}: up to {need:.0f} GB on the disk, of which {free:.0f} GB are free."
    ).format(what=_what(names), need=_gigabytes(names), free=_freeGigabytes())


def _what(names: Sequence[str]) -> str:
    packages = [name for name in names if name != "torch"]
    parts = ["PyTorch"] if "torch" in names else []
    return _(" and ").join(parts + ([_("Python packages ({count})").format(count=len(packages))] if packages else []))


def _gigabytes(names: Sequence[str]) -> float:
    return (TORCH_GB if "torch" in names else 0.0) + (PACKAGES_GB if set(names) - {"torch"} else 0.0)


def _freeGigabytes() -> float:
    return shutil.disk_usage(sys.prefix).free / 1e9


def ensure(requirementsPath: str, ask: bool = True) -> None:
    """Install what is missing, after Slicer has asked; torch through the PyTorch extension.

    ``ask`` is False in a batch, where the command line has asked for it and a dialogue would wait for ever.

    :raises MissingDependencies: it was declined, there is no room, or it cannot be installed.
    """
    names = missing(requirementsPath)
    if not names:
        return
    if _freeGigabytes() < _gigabytes(names):
        raise MissingDependencies(
            _(
                "XAIReport needs {need:.0f} GB on the disk for {what}, {free:.1f} GB are free; make room and press Analyze."
            ).format(need=_gigabytes(names), what=_what(names), free=_freeGigabytes())
        )
    if "torch" in names:
        _installTorch(ask)
    packaging = _slicerPackaging()
    with tempfile.TemporaryDirectory(prefix="xaireport-") as workspace:
        constraints = Path(workspace) / "constraints.txt"
        constraints.write_text("".join(f"{line}\n" for line in _installedVersions(KEPT)), encoding="utf-8")
        before = _distributions()
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
                _(
                    "XAIReport's Python packages were not installed ({error}); press Analyze to try again, behind a proxy "
                    "set it for pip first."
                ).format(error=error)
            ) from error
        finally:
            importlib.invalidate_caches()
            _remember(_distributions() - before)


def removable() -> list[str]:
    """Names of the packages that XAIReport has brought into this Slicer and that are still there."""
    return [name for name in _remembered() if _isInstalled(name)]


def _isInstalled(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def megabytes(names: Iterable[str]) -> float:
    """Room that installed packages take on the disk."""
    total = 0
    for name in names:
        for file in importlib.metadata.files(name) or ():
            path = Path(str(file.locate()))
            total += path.stat().st_size if path.is_file() else 0
    return total / 1e6


def remove(names: Sequence[str]) -> None:
    """Take packages out of Slicer's Python again.

    :raises MissingDependencies: pip could not remove them.
    """
    try:
        _slicerPackaging().pip_uninstall(list(names))
    except Exception as error:  # CalledProcessError, or a pip that another program holds
        raise MissingDependencies(
            _("The packages were not removed ({error}); restart Slicer and try again.").format(error=error)
        ) from error
    importlib.invalidate_caches()
    _store(removable())


def _distributions() -> set[str]:
    return {name.lower() for d in importlib.metadata.distributions() if (name := d.metadata["Name"])}


def _remembered() -> list[str]:
    import slicer

    # QSettings gives a list of one back as its only entry.
    stored = slicer.app.revisionUserSettings().value(INSTALLED) or []
    return [stored] if isinstance(stored, str) else list(stored)


def _remember(names: Iterable[str]) -> None:
    kept = {name.lower() for name in KEPT}
    _store(sorted((set(_remembered()) | set(names)) - kept))


def _store(names: list[str]) -> None:
    import slicer

    slicer.app.revisionUserSettings().setValue(INSTALLED, names)


def workerCommand() -> dict[str, Any]:
    """Arguments for the worker's client: Slicer's own Python, in the environment that Slicer was started in.

    :raises MissingDependencies: PythonSlicer is not to be found.
    """
    import slicer

    python = shutil.which("PythonSlicer")
    if python is None:
        raise MissingDependencies(_("Slicer's Python (PythonSlicer) was not found; start Slicer by its own launcher."))
    # The start-up environment, for PythonSlicer sets its own paths and Slicer's would be doubled.
    return {"python": python, "environment": slicer.util.startupEnvironment()}


def _slicerPackaging() -> Any:
    try:
        return importlib.import_module("slicer.packaging")
    except ImportError as error:
        raise MissingDependencies(_("XAIReport needs 3D Slicer 5.12 or newer; install a newer Slicer.")) from error


def _torchInstalled() -> bool:
    return importlib.util.find_spec("torch") is not None


def _installTorch(ask: bool) -> None:
    try:
        utils = importlib.import_module("PyTorchUtils")
    except ImportError as error:
        raise MissingDependencies(
            _(
                "PyTorch is missing; install the PyTorch extension in Slicer's Extensions Manager, restart Slicer and "
                "press Analyze again."
            )
        ) from error
    torch = utils.PyTorchUtilsLogic().installTorch(
        askConfirmation=ask, torchVersionRequirement=TORCH_FLOOR, torchvisionVersionRequirement=TORCHVISION_FLOOR
    )
    if torch is None:
        raise MissingDependencies(_("PyTorch was not installed; press Analyze to try again."))


def _installedVersions(names: Sequence[str]) -> list[str]:
    lines = []
    for name in names:
        try:
            lines.append(f"{name}=={importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return lines
