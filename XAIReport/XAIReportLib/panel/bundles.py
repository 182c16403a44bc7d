"""The installed model bundles, told from their folders: Slicer's Python has no torch to open them."""

from __future__ import annotations

from XAIReportLib.files import read_json
from XAIReportLib.models.places import METADATA, find_bundles


def bundleNames() -> list[str]:
    """Every bundle that an analysis finds by its name, each name once."""
    return sorted(folder.name for folder in find_bundles())


def bundleClasses(name: str) -> list[str]:
    """The classes that a bundle knows; none where its metadata cannot be read, which an analysis tells."""
    folder = next((folder for folder in find_bundles() if folder.name == name), None)
    if folder is None:
        return []
    try:
        return list(read_json((folder / METADATA).read_bytes())["xaireport"]["classes"])
    except (OSError, ValueError, KeyError, TypeError):
        return []
