"""What the answers of a language model took, in a sentence. Standard library only: Slicer's Python says it, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def took(usage: Mapping[str, Any]) -> str:
    """Answers, seconds, tokens and cost, as far as they are known: of ``usage`` in a narrative or a reply (narrative.Usage)."""
    tokens, price = "tokens not counted by the server", ""
    if usage.get("input_tokens") is not None and usage.get("output_tokens") is not None:
        tokens = f"{usage['input_tokens']} tokens read and {usage['output_tokens']} written"
    if usage.get("cost") is not None:
        price = f", {usage['cost']:.6f} {usage.get('currency', '')} by your price table"
    number = "1 answer" if usage.get("answers") == 1 else f"{usage.get('answers', 0)} answers"
    return f"{number} in {usage.get('seconds', 0):.1f} s, {tokens}{price}."
