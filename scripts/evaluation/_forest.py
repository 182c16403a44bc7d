"""What stands beside every accuracy: how far one comes without a pixel of a lesion."""

from __future__ import annotations

import json

from evaluation import MEASUREMENTS


def forest_kept() -> dict[str, float] | None:
    """Accuracy and balanced accuracy of the random forest of the shortcut audit, as last measured; None if it never was."""
    stored = MEASUREMENTS / "audit.json"
    return json.loads(stored.read_text(encoding="utf-8"))["without_lesion_pixels"] if stored.exists() else None


def forest_line() -> list[str]:
    """Lines of Markdown for beside accuracies."""
    forest = forest_kept()
    if forest is None:
        return ["A random forest without a pixel of a lesion was not measured (`python scripts/evaluate.py audit`)."]
    return [
        f"A random forest that sees no pixel of a lesion reaches accuracy {forest['accuracy']:.3f}, balanced "
        f"{forest['balanced_accuracy']:.3f} (shortcut audit; grouped 5-fold over the whole set)."
    ]
