"""Where model bundles lie. Only the standard library is imported: Slicer's own Python looks for them, too."""

from __future__ import annotations

import os
from pathlib import Path

METADATA = Path("configs") / "metadata.json"


def model_folders() -> list[Path]:
    """Where bundles are looked for: XAIREPORT_MODELS, the installed extension, the repository, the installed package."""
    package = Path(__file__).resolve().parents[1]
    named = [Path(p) for p in os.environ.get("XAIREPORT_MODELS", "").split(os.pathsep) if p]
    places = [package.parent / "Resources", package.parents[1] / "Resources", package / "Resources"]
    return named + [p / "Models" for p in places]


def find_bundles() -> list[Path]:
    """Folders of all bundles found, a name's first place only."""
    found: dict[str, Path] = {}
    for folder in model_folders():
        for metadata in sorted(folder.glob(f"*/{METADATA.as_posix()}")):
            found.setdefault(metadata.parents[1].name, metadata.parents[1])
    return list(found.values())
