"""What an answer costs, by a price table of the user's own. No price is known here."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from XAIReportLib.case import InputError

from .chat import Answer

_EXAMPLE = '{"MODEL": {"input_per_million": 1.0, "output_per_million": 2.0, "currency": "USD"}}'
_HIGHEST = 1e9  # also says no to infinity and NaN


@dataclass(frozen=True)
class Price:
    """Per million tokens."""

    input_per_million: float
    output_per_million: float
    currency: str


def read(path: Path) -> dict[str, Price]:
    """The table in a JSON file.

    Raises:
        InputError: it cannot be read, or a price is no number.
    """
    try:
        table = {name: Price(**row) for name, row in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path.name} is no price table ({type(error).__name__}); give a file like {_EXAMPLE}."
        ) from error
    for name, price in table.items():
        figures = (price.input_per_million, price.output_per_million)
        named = isinstance(price.currency, str) and price.currency.isprintable()
        if not named or not all(isinstance(f, int | float) and 0 <= f <= _HIGHEST for f in figures):
            raise InputError(f"{path.name} has no usable price of {name}; give a file like {_EXAMPLE}.")
    return table


def cost(answer: Answer, table: dict[str, Price]) -> tuple[float, str] | None:
    """Amount and currency, by the model that has answered; None where its price or its tokens are not known."""
    price = table.get(answer.returned)
    if price is None or answer.input_tokens is None or answer.output_tokens is None:
        return None
    try:
        amount = answer.input_tokens * price.input_per_million + answer.output_tokens * price.output_per_million
        amount = round(amount / 1e6, 6)
    except OverflowError:
        return None
    return (amount, price.currency) if math.isfinite(amount) else None
