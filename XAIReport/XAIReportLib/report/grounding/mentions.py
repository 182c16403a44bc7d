"""One piece of a sentence: a word or phrase with its kind, or a number with its unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class Mention:
    """One piece of a sentence. ``read``: a claim accounts for it. ``depth``: in how many brackets it stands."""

    kind: str
    value: str
    text: str
    depth: int = 0
    read: bool = False
    number: Number | None = None
    side: str | None = None  # of a region
    lesions: tuple[int, ...] | None = None  # which, None where it does not say
    counted: bool = False


@dataclass(frozen=True)
class Number:
    """A number as written, in millilitres, millimetres, percent, voxels, pixels or bare.

    ``half_step``: half a unit of its last digit; ``approx``: about, almost or over; ``bound``: >, <, >= or <=.
    """

    value: float
    half_step: float
    unit: str
    text: str
    approx: str = ""
    bound: str = ""
    parts: tuple[float, ...] = ()  # of a product such as 60 x 70 x 30, or the two ends of a span
    span: bool = False  # 8.9 to 13.6
    steps: tuple[float, ...] = ()  # half a unit of the last digit of each part
