"""The installed model bundles, told from their folders: Slicer's Python has no torch to open them."""

from __future__ import annotations

import json
from pathlib import Path

METADATA = "configs/metadata.json"


def bundleNames() -> list[str]:
    """Bundles beside the module (an installed extension) or in the repository's root, each name once."""
    return sorted(_bundles())


def bundleClasses(name: str) -> list[str]:
    """The classes that a bundle knows; none where its metadata cannot be read, which an analysis tells."""
    folder = _bundles().get(name)
    try:
        return (
            list(json.loads((folder / METADATA).read_text(encoding="utf-8"))["xaireport"]["classes"]) if folder else []
        )
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _bundles() -> dict[str, Path]:
    """Folders by name; one beside the module comes first."""
    package = Path(__file__).resolve().parents[1]
    places = (package.parents[1] / "Resources" / "Models", package.parent / "Resources" / "Models")
    return {path.parents[1].name: path.parents[1] for place in places for path in place.glob(f"*/{METADATA}")}
