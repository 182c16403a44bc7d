"""The part of run.json that a report shows: an allow-list, so that no path, file name or tag of a person gets in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_SHOWN = (
    "xaireport",
    "version",
    "versions",
    "bundle",
    "model",
    "narrator",
    "input_sha256",
    "options",
    "seed",
    "device",
    "python",
    "platform",
    "started",
    "finished",
    "timings",
    "timings_s",
    "seconds",
)
# Names of entries that may hold a place or a person, wherever they stand.
_HIDDEN = (
    "path",
    "file",
    "folder",
    "source",
    "output",
    "input",
    "host",
    "user",
    "patient",
    "tag",
    "description",
    "case",
)


def provenance_rows(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Item and value of every entry that may be shown, nested names joined by a comma."""
    return [row for name in _SHOWN if name in run for row in _rows(name, run[name])]


def _rows(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not any(word in str(key).lower() for word in _HIDDEN):
                yield from _rows(f"{name}, {key}", item)
        return
    if isinstance(value, float):
        text = f"{value:.4g}"
    elif isinstance(value, list | tuple):
        text = ", ".join(str(item) for item in value)
    else:
        text = str(value)
    if "/" not in text and "\\" not in text:
        yield name.replace("_", " "), text
