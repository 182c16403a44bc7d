"""Names of the installed model bundles, told from their folders: Slicer's Python has no torch to open them."""

from __future__ import annotations

from pathlib import Path


def bundleNames() -> list[str]:
    """Bundles beside the module (an installed extension) or in the repository's root, each name once."""
    package = Path(__file__).resolve().parents[1]
    places = (package.parent / "Resources" / "Models", package.parents[1] / "Resources" / "Models")
    found = {path.parent.parent.name for place in places for path in place.glob("*/configs/metadata.json")}
    return sorted(found)
